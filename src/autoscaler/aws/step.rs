//! Step scaling: the further the metric is beyond the alarm's threshold, the more.
//!
//! Source: `as-scaling-simple-step.md`, "Step adjustments" and "Instance warm-up".

use super::adjustment::Kind;
use super::{Group, Reason, bounded};
use crate::autoscaler::count::Bounds;
use crate::autoscaler::outcome::Outcome;

/// On which side of the threshold the alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Above it: the lower bound of a step belongs to it, the upper one does not.
    Above,
    /// Below it: the upper bound belongs to it, the lower one does not.
    Below,
}

/// What is done while the metric is within an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The lower end, relative to the threshold, in the metric's unit; nothing if it has none.
    pub lower: Option<f64>,
    /// The upper end; nothing if it has none.
    pub upper: Option<f64>,
    /// How much the capacity is adjusted by.
    pub amount: i64,
}

impl Step {
    fn holds(&self, side: Side, beyond: f64) -> bool {
        match side {
            Side::Above => {
                self.lower.is_none_or(|lower| lower <= beyond)
                    && self.upper.is_none_or(|upper| beyond < upper)
            }
            Side::Below => {
                self.lower.is_none_or(|lower| lower < beyond)
                    && self.upper.is_none_or(|upper| beyond <= upper)
            }
        }
    }
}

/// What is wrong with steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepsError {
    /// There is none.
    None,
    /// One ends where it begins, or before, or has neither end.
    Empty,
    /// Two leave a gap between them, or overlap.
    NotAdjacent,
    /// None reaches as far as the metric can go on the alarm's side.
    NotToTheEnd,
}

/// Adjacent steps from the threshold, or from beyond it, to as far as the metric can go.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    side: Side,
    /// In ascending order.
    steps: Vec<Step>,
}

impl Steps {
    /// Steps in any order; fails if AWS would refuse them.
    pub fn new(side: Side, mut steps: Vec<Step>) -> Result<Self, StepsError> {
        if steps.is_empty() {
            return Err(StepsError::None);
        }
        let is_empty = |step: &Step| match (step.lower, step.upper) {
            (None, None) => true,
            (Some(lower), Some(upper)) => lower >= upper,
            _ => false,
        };
        if steps.iter().any(is_empty) {
            return Err(StepsError::Empty);
        }
        let low = |step: &Step| step.lower.unwrap_or(f64::NEG_INFINITY);
        steps.sort_by(|a, b| low(a).total_cmp(&low(b)));
        let is_adjacent = |pair: &[Step]| pair[0].upper.is_some() && pair[0].upper == pair[1].lower;
        if !steps.windows(2).all(is_adjacent) {
            return Err(StepsError::NotAdjacent);
        }
        let outermost = match side {
            Side::Above => steps.last().and_then(|step| step.upper),
            Side::Below => steps.first().and_then(|step| step.lower),
        };
        match outermost {
            None => Ok(Self { side, steps }),
            Some(_) => Err(StepsError::NotToTheEnd),
        }
    }

    /// The amount for a metric that is so far beyond the threshold (below 0: under it); nothing if no step
    /// reaches there.
    pub fn amount(&self, beyond: f64) -> Option<i64> {
        let mut steps = self.steps.iter();
        let found = steps.find(|step| step.holds(self.side, beyond));
        found.map(|step| step.amount)
    }
}

/// A policy of step scaling.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The alarm's threshold, in the metric's unit.
    pub threshold: f64,
    /// What an amount means.
    pub kind: Kind,
    /// How much, for which metric.
    pub steps: Steps,
    /// Of the group.
    pub bounds: Bounds,
}

/// Decides while the alarm is on; nothing is remembered. `metric` is the latest aggregated point, without
/// instances that warm up.
///
/// There is no cooldown. Growth is computed from the warm instances, and what was asked for already counts:
/// the same step again adds nothing, a higher one the difference. Nothing is removed while instances warm
/// up; those that leave still count, so that the same step again removes nothing.
pub fn decide(config: &Config, group: Group, metric: f64) -> Outcome<Reason> {
    let desired = i64::from(group.desired);
    let Some(amount) = config.steps.amount(metric - config.threshold) else {
        return group.held(desired, Reason::NoStep);
    };
    let warm = group.desired.saturating_sub(group.warming);
    let (wish, damped, held_back) = match config.steps.side {
        Side::Above => {
            let wish = config.kind.adjusted(warm, amount);
            let floor = if group.warming > 0 { desired } else { wish };
            (wish, wish.max(floor), Reason::Requested)
        }
        Side::Below => {
            let present = group.desired.saturating_add(group.terminating);
            let wish = config.kind.adjusted(present, amount);
            if group.warming > 0 && wish < desired {
                return group.held(wish, Reason::WarmingUp);
            }
            let ceiling = if group.terminating > 0 { desired } else { wish };
            (wish, wish.min(ceiling), Reason::Leaving)
        }
    };
    let reason = if damped != wish {
        held_back
    } else if damped == desired {
        Reason::Right
    } else {
        Reason::AsWished
    };
    bounded(wish, damped, config.bounds, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(lower: Option<f64>, upper: Option<f64>, amount: i64) -> Step {
        Step {
            lower,
            upper,
            amount,
        }
    }

    #[test]
    fn steps_that_aws_refuses_are_refused() {
        let of = |steps: &[Step]| Steps::new(Side::Above, steps.to_vec()).map(|_| ());
        let (low, high) = (step(Some(0.0), Some(10.0), 1), step(Some(10.0), None, 2));
        assert_eq!(of(&[high, low]), Ok(()));
        assert_eq!(of(&[]), Err(StepsError::None));
        assert_eq!(of(&[step(None, None, 1)]), Err(StepsError::Empty));
        assert_eq!(of(&[low]), Err(StepsError::NotToTheEnd));
        let gap = step(Some(12.0), None, 2);
        assert_eq!(of(&[low, gap]), Err(StepsError::NotAdjacent));
        let overlap = step(Some(8.0), None, 2);
        assert_eq!(of(&[low, overlap]), Err(StepsError::NotAdjacent));
    }

    #[test]
    fn nothing_is_removed_while_instances_warm_up_nor_twice_while_they_leave() {
        let config = Config {
            threshold: 50.0,
            kind: Kind::Percent {
                min_magnitude: None,
            },
            steps: Steps::new(Side::Below, vec![step(None, Some(0.0), -30)]).expect("steps"),
            bounds: Bounds { min: 1, max: 20 },
        };
        let mut group = Group::settled(10);
        assert_eq!(decide(&config, group, 20.0).instances, 7);
        group.warming = 1;
        let held = decide(&config, group, 20.0);
        assert_eq!((held.instances, held.reason), (10, Reason::WarmingUp));
        let leaving = Group {
            desired: 7,
            warming: 0,
            terminating: 3,
        };
        assert_eq!(decide(&config, leaving, 20.0).instances, 7);
    }
}
