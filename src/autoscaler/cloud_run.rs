//! Google Cloud Run and App Engine: instances by CPU and by concurrency, whichever asks for more.
//!
//! This is the part that goes by measurement, over a window of one minute. Requests that find no free place
//! start instances beside it, without waiting for the window; that is the business of whoever hands out
//! places. Source: the documentation, `run/docs/about-instance-autoscaling` and
//! `appengine/docs/standard/reference/app-yaml`; the implementation is closed.

use super::count::{Bound, Bounds, needed};
use super::outcome::{Outcome, reasons};
use crate::units::SimDuration;

/// How often is decided.
pub const PERIOD: SimDuration = SimDuration::from_secs(5);

/// The window of the averages.
pub const WINDOW: SimDuration = SimDuration::from_secs(60);

/// How long an idle instance lives at most.
pub const IDLE_TIME: SimDuration = SimDuration::from_secs(15 * 60);

/// What one driver aims at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Driver {
    /// What one instance has: cores, or places for requests. Above 0.
    pub capacity: f64,
    /// The share of it that is aimed at, above 0 up to 1.
    pub target: f64,
}

/// What a service is scaled by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// Cores.
    pub cpu: Driver,
    /// Requests at a time.
    pub concurrency: Driver,
    /// Of the service. The upper one may be exceeded for a moment by instances that requests start.
    pub bounds: Bounds,
}

impl Config {
    /// Cloud Run's defaults for instances with so many cores.
    pub fn cloud_run(cores: f64) -> Self {
        Self {
            cpu: Driver {
                capacity: cores,
                target: 0.6,
            },
            concurrency: Driver {
                capacity: 80.0,
                target: 0.6,
            },
            bounds: Bounds { min: 0, max: 100 },
        }
    }

    /// App Engine standard's defaults, automatic scaling.
    pub fn app_engine(cores: f64) -> Self {
        Self {
            concurrency: Driver {
                capacity: 10.0,
                target: 0.6,
            },
            bounds: Bounds {
                min: 0,
                max: Bounds::UNLIMITED,
            },
            ..Self::cloud_run(cores)
        }
    }
}

/// Averages over [`WINDOW`], over all instances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Cores in use.
    pub cores_used: f64,
    /// Requests that are being served.
    pub requests: f64,
}

reasons! {
    /// What decided.
    Reason {
        Cpu = "as the CPU asks",
        Concurrency = "as the requests at a time ask",
        AtMin = "at the fewest instances",
        AtMax = "at the most instances",
    }
}

/// How many instances; nothing is remembered.
pub fn decide(config: &Config, seen: &Observation) -> Outcome<Reason> {
    let asks = |load, driver: Driver| needed(load, driver.capacity * driver.target);
    let by_cpu = asks(seen.cores_used, config.cpu);
    let by_requests = asks(seen.requests, config.concurrency);
    let wish = by_cpu.max(by_requests);
    let (instances, bound) = config.bounds.clamp(i64::from(wish));
    Outcome {
        wish,
        damped: wish,
        instances,
        reason: match bound {
            Some(Bound::Min) => Reason::AtMin,
            Some(Bound::Max) => Reason::AtMax,
            None if by_cpu > by_requests => Reason::Cpu,
            None => Reason::Concurrency,
        },
    }
}
