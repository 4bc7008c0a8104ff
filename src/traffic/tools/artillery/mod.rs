//! Artillery: phases of arriving users, shared out between worker threads.
//!
//! Work is divided before it starts. A constant rate is split into whole numbers, the remainder going to
//! the first workers; a ramp is split evenly, in fractions; `arrivalCount` is the first worker's alone;
//! `maxVusers` is split as a rate is. Each worker goes through its phases by its own clock from the same
//! start, so that evenly spaced users of several workers come in bunches. Workers without any work in
//! any phase are not started.

mod check;
mod clock;
mod divide;

pub use clock::Schedule;

use super::{Due, Limits, Load, Plan, Timeout};
use crate::spec;
use crate::spec::{At, Count, Seconds};
use crate::traffic::tools::locust::Wait;
use crate::units::{SimDuration, SimTime};
use crate::words;

spec! {
    /// The load of an Artillery script: its phases, by Artillery's names. Durations are written as in
    /// Artillery: a number of seconds, or `"5m"`.
    pub struct Artillery {
        /// What comes after what.
        pub phases: At<Vec<ArtilleryPhase>>,
        /// How many worker threads share the work. Artillery takes one per CPU but one.
        pub workers: At<Count> = At::built_in(Count::new(1)),
    }
    check(Self::check)
}

spec! {
    /// A phase: `arrivalRate`, `arrivalRate` with `rampTo`, or `arrivalCount`, for a `duration`; or a
    /// `pause`. Users of an earlier phase go on.
    pub struct ArtilleryPhase {
        /// How long it takes.
        pub duration: Option<At<Seconds>>,
        /// How many users come per second; at its start, if there is `rampTo`.
        pub arrival_rate as "arrivalRate": Option<At<f64>>,
        /// How many users come in its last second.
        pub ramp_to as "rampTo": Option<At<f64>>,
        /// How many users come during it.
        pub arrival_count as "arrivalCount": Option<At<u64>>,
        /// How many users may be there, of whatever phase, for one more to come; others are skipped.
        pub max_vusers as "maxVusers": Option<At<Count>>,
        /// How long nobody comes.
        pub pause: Option<At<Seconds>>,
        /// How users of a constant rate are spaced; `uniform` unless given.
        pub mode: Option<At<Mode>>,
        /// What it is called.
        pub name: Option<String>,
    }
}

words! {
    /// How users are spaced.
    pub enum Mode {
        /// Evenly.
        Uniform = "uniform",
        /// With exponential gaps.
        Poisson = "poisson",
    }
}

/// Artillery's timeout of a request.
const TIMEOUT: SimDuration = SimDuration::from_secs(10);

impl Artillery {
    /// What Artillery does with it.
    pub fn plan(&self) -> Plan {
        let workers = divide::divide(&self.phases, self.workers.get());
        let limits = workers.iter().map(|worker| worker.limits.clone()).collect();
        let clocks = workers.into_iter().map(|worker| worker.clocks).collect();
        let lasts = self
            .phases
            .iter()
            .filter_map(|phase| phase.pause.or(phase.duration))
            .fold(SimDuration::ZERO, |sum, span| sum + span.span());
        Plan {
            load: Load::Visits {
                due: Due::Phases(Schedule::new(clocks)),
                most: Limits::new(limits),
            },
            start: SimTime::ZERO,
            end: SimTime::ZERO + lasts,
            grace: SimDuration::MAX,
            ramp_down_grace: SimDuration::MAX,
            timeout: Timeout::Aborts(TIMEOUT),
            wait: Wait::NONE,
            times_failures: false,
            asked: None,
        }
    }
}

#[cfg(test)]
mod tests;
