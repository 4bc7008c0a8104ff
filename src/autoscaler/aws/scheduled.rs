//! Scheduled actions: bounds and capacity from a time on.
//!
//! Source: `ec2-auto-scaling-scheduled-scaling.md`. When it happens (AWS may be up to two minutes late) is
//! the caller's business; no cooldown holds it back.

use super::{Reason, bounded};
use crate::autoscaler::count::Bounds;
use crate::autoscaler::outcome::Outcome;

/// What a scheduled action sets; what it does not set stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Action {
    /// The fewest instances.
    pub min: Option<u32>,
    /// The most instances.
    pub max: Option<u32>,
    /// How many there shall be.
    pub desired: Option<u32>,
}

/// Carries an action out: the bounds from now on, and the capacity within them.
pub fn carry_out(action: Action, bounds: Bounds, desired: u32) -> (Bounds, Outcome<Reason>) {
    let bounds = Bounds {
        min: action.min.unwrap_or(bounds.min),
        max: action.max.unwrap_or(bounds.max),
    };
    let wish = i64::from(action.desired.unwrap_or(desired));
    (bounds, bounded(wish, wish, bounds, Reason::AsWished))
}
