//! AWS EC2 Auto Scaling: alarms, and policies that answer to them.
//!
//! An alarm says when ([`alarm`]), a policy how much: one [`adjustment`] with a cooldown ([`simple`]), by
//! how far the metric is off ([`step`]), or in proportion ([`target_tracking`]). [`predictive`] scaling and
//! [`scheduled`] actions need no alarm. [`warm_up`] says from when on an instance counts, [`warm_pool`] how
//! many stand by.
//!
//! The group service is closed: these rules are those of the user guides of EC2 Auto Scaling (6c46a78) and
//! `CloudWatch` (before 3e2afd41). What they do not say is marked "ours" where it is decided.

pub mod adjustment;
pub mod alarm;
pub mod predictive;
pub mod scheduled;
pub mod simple;
pub mod step;
pub mod target_tracking;
pub mod warm_pool;
pub mod warm_up;

use super::count::{Bound, Bounds};
use super::outcome::{Outcome, reasons};

reasons! {
    /// What decided, in all policies.
    Reason {
        AsWished = "as the policy asks",
        Right = "as it should be",
        NoData = "not enough data",
        NoStep = "no step for a metric that far off",
        Requested = "what is asked for is on its way",
        WarmingUp = "no removal while instances warm up",
        Leaving = "what is to be removed is leaving",
        Activity = "the last change is still being carried out",
        Cooldown = "too soon after the last change",
        RemovedSlowly = "no more are removed at once",
        ScaleInDisabled = "the policy does not remove",
        AtMin = "at the fewest instances",
        AtMax = "at the most instances",
    }
}

/// What a group is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Group {
    /// The desired capacity: what was last asked for.
    pub desired: u32,
    /// Instances of it that are being launched, or that are not warm yet (see [`warm_up`]).
    pub warming: u32,
    /// Instances beyond it that are being terminated.
    pub terminating: u32,
}

impl Group {
    /// A group that has what it asked for.
    pub fn settled(desired: u32) -> Self {
        Self {
            desired,
            ..Self::default()
        }
    }

    /// It stays as it is, whatever the wish.
    fn held(self, wish: i64, reason: Reason) -> Outcome<Reason> {
        Outcome {
            wish: saturated(wish),
            damped: self.desired,
            instances: self.desired,
            reason,
        }
    }
}

fn saturated(count: i64) -> u32 {
    count.clamp(0, i64::from(u32::MAX)) as u32
}

/// Brings what is left of a wish within the bounds.
fn bounded(wish: i64, damped: i64, bounds: Bounds, reason: Reason) -> Outcome<Reason> {
    let (instances, bound) = bounds.clamp(damped);
    Outcome {
        wish: saturated(wish),
        damped: saturated(damped),
        instances,
        reason: match bound {
            None => reason,
            Some(Bound::Min) => Reason::AtMin,
            Some(Bound::Max) => Reason::AtMax,
        },
    }
}
