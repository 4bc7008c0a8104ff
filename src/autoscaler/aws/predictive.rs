//! Predictive scaling: capacity for the hour that was forecast, beside what is scaled by measurement.
//!
//! Source: `ec2-auto-scaling-predictive-scaling.md`. The forecast itself is not part of it.

use super::{Reason, bounded};
use crate::autoscaler::count::{Bounds, needed};
use crate::autoscaler::outcome::Outcome;
use crate::units::{SimDuration, SimTime};

/// What holds when more is forecast than the group may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxBehavior {
    /// `HonorMaxCapacity`: the group's maximum.
    #[default]
    Honor,
    /// `IncreaseMaxCapacity`: the forecast and so many percent of it, if that is more.
    Increase {
        /// 0 or more.
        buffer_percent: u32,
    },
}

impl MaxBehavior {
    /// The most instances while so many are forecast. Part of an instance counts as one; that is ours.
    pub fn effective_max(self, forecast: u32, max: u32) -> u32 {
        match self {
            Self::Honor => max,
            Self::Increase { buffer_percent } => {
                let percent = 100.0 + f64::from(buffer_percent);
                max.max(needed(f64::from(forecast) * percent, 100.0))
            }
        }
    }
}

/// A policy of predictive scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// What holds when more is forecast than the group may have.
    pub max_behavior: MaxBehavior,
    /// How long before its hour a forecast is acted on.
    pub scheduling_buffer: SimDuration,
    /// Of the group.
    pub bounds: Bounds,
}

impl Config {
    /// The number of the hour whose forecast is acted on, counted from the start of time.
    pub fn hour(&self, now: SimTime) -> u64 {
        const HOUR: u64 = SimDuration::from_secs(3600).as_nanos();
        (now + self.scheduling_buffer).as_nanos() / HOUR
    }
}

/// The capacity: the larger of what measurement asks for and what is forecast for the hour. A forecast
/// never removes anything; without one, measurement decides.
pub fn decide(config: &Config, dynamic: u32, forecast: Option<u32>) -> Outcome<Reason> {
    let forecast = forecast.unwrap_or(0);
    let bounds = Bounds {
        max: config
            .max_behavior
            .effective_max(forecast, config.bounds.max),
        ..config.bounds
    };
    let reason = if forecast > dynamic {
        Reason::AsWished
    } else {
        Reason::Right
    };
    let wish = i64::from(forecast.max(dynamic));
    bounded(wish, wish, bounds, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guide's example, and what it says of a buffer of 0.
    #[test]
    fn a_maximum_that_may_grow_is_the_forecast_and_its_buffer() {
        let max = |forecast, buffer_percent| {
            MaxBehavior::Increase { buffer_percent }.effective_max(forecast, 40)
        };
        assert_eq!([max(50, 10), max(50, 0), max(20, 10)], [55, 50, 40]);
        let config = Config {
            max_behavior: MaxBehavior::Increase { buffer_percent: 0 },
            scheduling_buffer: SimDuration::from_secs(600),
            bounds: Bounds { min: 2, max: 40 },
        };
        assert_eq!(decide(&config, 45, Some(50)).instances, 50);
        assert_eq!(decide(&config, 45, None).instances, 40);
        let at = |seconds| config.hour(SimTime::ZERO + SimDuration::from_secs(seconds));
        assert_eq!([at(2999), at(3000)], [0, 1]);
    }
}
