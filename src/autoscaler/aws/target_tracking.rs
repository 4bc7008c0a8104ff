//! Target tracking: the capacity in proportion to how far a metric per instance is from its target.
//!
//! Source: `as-scaling-target-tracking.md`. How fast it removes is not documented beyond "gradually"; that
//! part is ours, and so is the low alarm's factor (of the alarms that AWS makes for other services).

use super::alarm::{self, AlarmState, Rule};
use super::{Group, Reason, bounded};
use crate::autoscaler::comparison::Comparison;
use crate::autoscaler::count::{Bounds, needed};
use crate::autoscaler::outcome::Outcome;

/// A policy of target tracking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// The target of the metric, in its unit; above 0.
    pub target: f64,
    /// Periods (of 60 s) above the target before instances are added.
    pub high: Rule,
    /// Periods below the low threshold before instances are removed.
    pub low: Rule,
    /// The low threshold, as a share of the target. Ours.
    pub low_factor: f64,
    /// Whether instances are removed at all.
    pub removes: bool,
    /// The most that are removed at a time, as a share of the capacity, one at least. Ours.
    pub removed_share: f64,
    /// Of the group.
    pub bounds: Bounds,
}

impl Config {
    /// The defaults, for a target.
    pub fn new(target: f64, bounds: Bounds) -> Self {
        Self {
            target,
            high: Rule::all_of(3),
            low: Rule::all_of(15),
            low_factor: 0.9,
            removes: true,
            removed_share: 0.1,
            bounds,
        }
    }

    fn alarms(&self) -> [alarm::Config; 2] {
        [
            alarm::Config {
                comparison: Comparison::Above,
                threshold: self.target,
                rule: self.high,
            },
            alarm::Config {
                comparison: Comparison::Below,
                threshold: self.target * self.low_factor,
                rule: self.low,
            },
        ]
    }
}

/// The capacity at which the metric would be at its target, if the load per instance is all that it tells:
/// rounded up, so that additions are rounded up and removals down.
pub fn proportional(capacity: u32, metric: f64, target: f64) -> u32 {
    needed(f64::from(capacity) * metric, target)
}

/// In which direction a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Instances are added.
    Add,
    /// Instances are removed.
    Remove,
}

/// A change in whole instances: additions are rounded up, removals down. `exact` is its size, 0 or more.
pub fn whole_change(change: Change, exact: f64) -> u32 {
    match change {
        Change::Add => exact.ceil() as u32,
        Change::Remove => exact.floor() as u32,
    }
}

/// What one policy of a group wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    /// More instances.
    Out,
    /// Fewer.
    In,
    /// As many as there are; also without enough data.
    Hold,
    /// It could only want more, and does not: it has no say in fewer.
    Abstain,
}

/// What the policies of a group come to: out if any wants out, in only if all that may remove want in.
pub fn vote(votes: &[Vote]) -> Vote {
    let mut having_a_say = votes.iter().filter(|own| **own != Vote::Abstain).peekable();
    if votes.contains(&Vote::Out) {
        Vote::Out
    } else if having_a_say.peek().is_some() && having_a_say.all(|own| *own == Vote::In) {
        Vote::In
    } else {
        Vote::Hold
    }
}

/// What one policy says: its vote, and the capacity that it would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// For [`vote`], where there are several.
    pub vote: Vote,
    /// What it does if it is on its own, or wins.
    pub capacity: Outcome<Reason>,
}

/// A policy at work.
#[derive(Debug, Clone, Default)]
pub struct State {
    high: alarm::State,
    low: alarm::State,
}

impl State {
    /// Decides after a period of 60 s, whose metric per warm instance is given; nothing if none was
    /// reported. Instances that warm up count towards what is wished, and while any does none is removed.
    pub fn decide(&mut self, config: &Config, group: Group, metric: Option<f64>) -> Decision {
        let [high, low] = config.alarms();
        let high = self.high.take(&high, metric);
        let low = self.low.take(&low, metric);
        let desired = i64::from(group.desired);
        let idle = if config.removes {
            Vote::Hold
        } else {
            Vote::Abstain
        };
        let held = |vote, wish, reason| Decision {
            vote,
            capacity: group.held(wish, reason),
        };
        let Some(metric) = metric else {
            return held(idle, desired, Reason::NoData);
        };
        // What the warm ones bear is all that the metric tells; those on their way count towards it. Were they
        // multiplied, too, the same alarm would double them every minute until the first was warm.
        let warm = group.desired.saturating_sub(group.warming);
        let wish = i64::from(proportional(warm, metric, config.target));
        if high == AlarmState::Alarm && wish > desired {
            return Decision {
                vote: Vote::Out,
                capacity: bounded(wish, wish, config.bounds, Reason::AsWished),
            };
        }
        if low != AlarmState::Alarm || wish >= desired {
            return held(idle, wish, Reason::Right);
        }
        if !config.removes {
            return held(idle, wish, Reason::ScaleInDisabled);
        }
        if group.warming > 0 {
            return held(Vote::Hold, wish, Reason::WarmingUp);
        }
        let most = (f64::from(group.desired) * config.removed_share).max(1.0) as i64;
        let damped = wish.max(desired - most);
        let reason = if damped > wish {
            Reason::RemovedSlowly
        } else {
            Reason::AsWished
        };
        Decision {
            vote: Vote::In,
            capacity: bounded(wish, damped, config.bounds, reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_in_proportion_after_three_minutes_and_removes_slowly_after_fifteen() {
        let config = Config::new(50.0, Bounds { min: 2, max: 30 });
        let mut state = State::default();
        let mut desired = 10;
        let mut minute = |metric, warming| {
            let group = Group {
                desired,
                warming,
                terminating: 0,
            };
            let said = state.decide(&config, group, Some(metric));
            desired = said.capacity.instances;
            (desired, said.capacity.reason)
        };
        assert_eq!(minute(80.0, 0).0, 10);
        assert_eq!(minute(80.0, 0).0, 10);
        assert_eq!(minute(80.0, 0), (16, Reason::AsWished));
        assert_eq!(minute(46.0, 6), (16, Reason::Right), "within the band");
        for _ in 0..14 {
            assert_eq!(minute(20.0, 0), (16, Reason::Right));
        }
        assert_eq!(minute(20.0, 1), (16, Reason::WarmingUp));
        assert_eq!(minute(20.0, 0), (15, Reason::RemovedSlowly));
    }

    #[test]
    fn a_policy_that_removes_nothing_has_no_say_in_removal() {
        let config = Config {
            removes: false,
            ..Config::new(50.0, Bounds { min: 2, max: 30 })
        };
        let mut state = State::default();
        let group = Group::settled(10);
        let votes = (0..20).map(|_| state.decide(&config, group, Some(1.0)).vote);
        assert!(votes.into_iter().all(|own| own == Vote::Abstain));
        assert_eq!(vote(&[Vote::Abstain]), Vote::Hold);
    }
}
