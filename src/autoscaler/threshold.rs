//! A script that looks at CPU and memory every minute and adds or removes a few replicas, with a rule for
//! emergencies.
//!
//! Such loops stand around Docker Swarm, Compose and bare machines; there is no standard for them. This one
//! is ours: no cooldown, no tolerance, and no idea of whether a replica is ready yet, so one that is
//! starting counts as idle.

use super::count::{Bound, Bounds};
use super::outcome::{Outcome, reasons};
use crate::units::{SimDuration, SimTime};

/// When replicas are added: if either is above its threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Up {
    /// Percent.
    pub cpu_above: f64,
    /// Percent.
    pub memory_above: f64,
    /// How many are added.
    pub step: u32,
}

/// When replicas are removed: if both are below their thresholds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Down {
    /// Percent.
    pub cpu_below: f64,
    /// Percent.
    pub memory_below: f64,
    /// How many are removed.
    pub step: u32,
}

/// What replaces the other rules when too many requests fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Emergency {
    /// Share of requests, 0 to 1.
    pub error_rate_above: f64,
    /// How many replicas are added.
    pub step: u32,
}

/// Bounds that hold from a time of the day on, until the next such time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    /// Since midnight, shorter than a day.
    pub from: SimDuration,
    /// From then on.
    pub bounds: Bounds,
}

/// A script.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How often it looks.
    pub interval: SimDuration,
    /// Replicas, where nothing is scheduled.
    pub bounds: Bounds,
    /// Bounds by the time of the day, in ascending order. The last of them holds until the first of the
    /// next day.
    pub schedule: Vec<Scheduled>,
    /// When replicas are added.
    pub up: Up,
    /// When they are removed.
    pub down: Down,
    /// When all of that does not matter.
    pub emergency: Option<Emergency>,
}

impl Config {
    /// The usual script: every 60 s, two more above 70 % CPU or 80 % memory, one fewer below 30 % and
    /// 40 %; no emergencies.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            interval: SimDuration::from_secs(60),
            bounds,
            schedule: Vec::new(),
            up: Up {
                cpu_above: 70.0,
                memory_above: 80.0,
                step: 2,
            },
            down: Down {
                cpu_below: 30.0,
                memory_below: 40.0,
                step: 1,
            },
            emergency: None,
        }
    }

    /// The bounds at an instant; the start of time is midnight.
    fn bounds_at(&self, now: SimTime) -> Bounds {
        const DAY: u64 = SimDuration::from_secs(24 * 3600).as_nanos();
        let time = SimDuration::from_nanos(now.as_nanos() % DAY);
        let begun = self.schedule.iter().rfind(|own| own.from <= time);
        let holds = begun.or(self.schedule.last());
        holds.map_or(self.bounds, |own| own.bounds)
    }
}

/// What the script sees: averages over the replicas, of this moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The present instant.
    pub now: SimTime,
    /// Replicas that there are meant to be.
    pub replicas: u32,
    /// Percent.
    pub cpu: f64,
    /// Percent.
    pub memory: f64,
    /// Share of requests that fail; nothing without requests, or if nobody looks.
    pub error_rate: Option<f64>,
}

reasons! {
    /// What decided.
    Reason {
        Emergency = "too many errors",
        High = "CPU or memory is high",
        Low = "CPU and memory are low",
        Right = "between the thresholds",
        AtMin = "at the fewest replicas",
        AtMax = "at the most replicas",
    }
}

/// How many replicas; nothing is remembered.
pub fn decide(config: &Config, seen: &Observation) -> Outcome<Reason> {
    let bounds = config.bounds_at(seen.now);
    let (present, _) = bounds.clamp(i64::from(seen.replicas));
    let emergency = config.emergency.filter(|own| {
        let rate = seen.error_rate;
        rate.is_some_and(|rate| rate > own.error_rate_above)
    });
    let (by, reason) = if let Some(emergency) = emergency {
        (i64::from(emergency.step), Reason::Emergency)
    } else if seen.cpu > config.up.cpu_above || seen.memory > config.up.memory_above {
        (i64::from(config.up.step), Reason::High)
    } else if seen.cpu < config.down.cpu_below && seen.memory < config.down.memory_below {
        (-i64::from(config.down.step), Reason::Low)
    } else {
        (0, Reason::Right)
    };
    let wish = i64::from(present) + by;
    let (instances, bound) = bounds.clamp(wish);
    let wish = wish.clamp(0, i64::from(u32::MAX)) as u32;
    Outcome {
        wish,
        damped: wish,
        instances,
        reason: match bound {
            Some(Bound::Min) => Reason::AtMin,
            Some(Bound::Max) => Reason::AtMax,
            None => reason,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_time_of_the_day() {
        let from = |hour: u64, min| Scheduled {
            from: SimDuration::from_secs(hour * 3600),
            bounds: Bounds { min, max: 20 },
        };
        let config = Config {
            schedule: vec![from(8, 10), from(20, 3)],
            ..Config::new(Bounds { min: 1, max: 5 })
        };
        let at = |hour: u64, replicas| {
            let seen = Observation {
                now: SimTime::ZERO + SimDuration::from_secs(hour * 3600),
                replicas,
                cpu: 50.0,
                memory: 50.0,
                error_rate: None,
            };
            decide(&config, &seen).instances
        };
        assert_eq!(at(7, 2), 3, "the night's, of the day before");
        assert_eq!(at(8, 2), 10);
        assert_eq!(at(24 + 19, 2), 10);
        assert_eq!(at(24 + 20, 12), 12);
    }
}
