//! How far from its target a metric may be without anything being done.

/// Distances of a ratio from 1 that are put up with, 0.1 being a tenth. Neither is negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Below.
    pub down: f64,
    /// Above.
    pub up: f64,
}

impl Tolerance {
    /// The same in both directions.
    pub const fn both(tolerance: f64) -> Self {
        Self {
            down: tolerance,
            up: tolerance,
        }
    }

    /// True if a ratio is close enough to 1, the ends included (`Tolerances.isWithin`). Releases before 1.33 ask
    /// for the distance from 1 instead, which is not the same at the ends: 1.1 is outside there.
    pub fn holds(self, ratio: f64) -> bool {
        1.0 - self.down <= ratio && ratio <= 1.0 + self.up
    }
}
