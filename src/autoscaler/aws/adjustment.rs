//! By how much a policy changes the capacity.
//!
//! Source: `as-scaling-simple-step.md`, "Scaling adjustment types"; for several policies
//! `as-scale-based-on-demand.md`.

use super::{Reason, bounded};
use crate::autoscaler::count::Bounds;
use crate::autoscaler::outcome::Outcome;

/// What an amount means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ChangeInCapacity`: so many more; fewer if below 0.
    Change,
    /// `ExactCapacity`: so many.
    Exact,
    /// `PercentChangeInCapacity`: so many percent more; fewer if below 0.
    Percent {
        /// The least change, in instances, if it is not none.
        min_magnitude: Option<u32>,
    },
}

impl Kind {
    /// The capacity after an adjustment by an amount, before bounds; may be below 0.
    pub fn adjusted(self, capacity: u32, amount: i64) -> i64 {
        let present = i64::from(capacity);
        match self {
            Self::Change => present.saturating_add(amount),
            Self::Exact => amount,
            Self::Percent { min_magnitude } => {
                let exact = f64::from(capacity) * amount as f64 / 100.0;
                let least = i64::from(min_magnitude.unwrap_or(0));
                let change = whole_change(exact);
                present.saturating_add(change.signum() * change.abs().max(least))
            }
        }
    }
}

/// A percentage's change in whole instances: toward 0, but one at least if it is not 0.
pub fn whole_change(exact: f64) -> i64 {
    if exact == 0.0 {
        0
    } else if exact.abs() < 1.0 {
        exact.signum() as i64
    } else {
        exact.trunc() as i64
    }
}

/// One adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adjustment {
    /// What the amount means.
    pub kind: Kind,
    /// How much.
    pub amount: i64,
}

/// What becomes of a capacity when policies ask for adjustments at the same time: the one that leaves the
/// most instances wins, whichever directions they have. Nothing if none asks.
pub fn adjust(
    capacity: u32,
    adjustments: &[Adjustment],
    bounds: Bounds,
) -> Option<Outcome<Reason>> {
    let results = adjustments
        .iter()
        .map(|own| own.kind.adjusted(capacity, own.amount));
    let wish = results.max()?;
    let reason = if wish == i64::from(capacity) {
        Reason::Right
    } else {
        Reason::AsWished
    };
    Some(bounded(wish, wish, bounds, reason))
}
