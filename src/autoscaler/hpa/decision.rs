//! What a sync decides, and why.

use super::limits::Limit;
use super::metric::{MetricError, MetricKind, Proposal};

/// What earlier wishes did to a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stabilization {
    /// Nothing.
    Unchanged,
    /// They held back growth.
    Up,
    /// They held back shrinking.
    Down,
}

/// How a sync went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// There are no pods where there should be some: somebody has switched the HPA off, and only somebody can
    /// switch it on again.
    Disabled,
    /// The count was out of bounds and is put back, whatever the metrics say.
    OutOfBounds,
    /// Too many metrics failed: nothing is done.
    NoMetric {
        /// Of which sort the first was that failed.
        first: MetricKind,
    },
    /// The metrics asked for something.
    Asked {
        /// For how many replicas.
        wish: u32,
        /// What earlier wishes left of it.
        stabilized: u32,
        /// Which way they held back.
        stabilization: Stabilization,
        /// What rates and bounds did to the rest.
        limit: Limit,
    },
}

/// A condition in the status of an HPA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Whether it holds.
    pub is_true: bool,
    /// Why, as Kubernetes says it.
    pub reason: &'static str,
}

/// The conditions that a sync sets. Where it sets none, Kubernetes goes on to show the one from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// Whether it can change the count.
    pub able_to_scale: Condition,
    /// Whether its metrics tell it anything.
    pub scaling_active: Option<Condition>,
    /// Whether a rate or a bound is in its way.
    pub scaling_limited: Option<Condition>,
}

/// What a sync decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// How many pods the workload was meant to have.
    pub current: u32,
    /// How many it is to have now.
    pub desired: u32,
    /// How it came to that.
    pub course: Course,
    /// What each metric asked for, in the order of the settings; empty if they were not looked at.
    pub proposals: Vec<Result<Proposal, MetricError>>,
}

impl Decision {
    /// What Kubernetes shows of it.
    pub fn conditions(&self) -> Conditions {
        let is = |is_true, reason| Condition { is_true, reason };
        let able = match self.course {
            Course::Disabled | Course::NoMetric { .. } => "SucceededGetScale",
            Course::OutOfBounds => "SucceededRescale",
            Course::Asked { .. } if self.desired != self.current => "SucceededRescale",
            Course::Asked { stabilization, .. } => match stabilization {
                Stabilization::Unchanged => "ReadyForNewScale",
                Stabilization::Up => "ScaleUpStabilized",
                Stabilization::Down => "ScaleDownStabilized",
            },
        };
        let active = match self.course {
            Course::Disabled => Some(is(false, "ScalingDisabled")),
            Course::OutOfBounds => None,
            Course::NoMetric { first } => Some(is(false, first.failure_word())),
            Course::Asked { .. } => Some(is(true, "ValidMetricFound")),
        };
        let limited = match self.course {
            Course::Asked {
                stabilized, limit, ..
            } => Some(is(self.desired != stabilized, limit.word())),
            _ => None,
        };
        Conditions {
            able_to_scale: is(true, able),
            scaling_active: active,
            scaling_limited: limited,
        }
    }
}
