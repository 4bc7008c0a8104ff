//! A straight line.

use super::{Draft, Piece, require_level};
use crate::diag::{Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data};
use crate::units::SimDuration;

spec! {
    /// Goes in a straight line to another level: `{ ramp_to = 100, over = "2m" }`.
    pub struct Ramp {
        /// The level at the end, as a multiple of `rate`.
        pub ramp_to: At<f64>,
        /// How long it takes.
        pub over: At<SimDuration>,
    }
    check(Self::check)
}

impl Ramp {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        require_level(&self.ramp_to, out);
    }
}

impl Piece for Ramp {
    fn add(&self, draft: &mut Draft, _: &mut dyn Data, _: &mut Diagnostics) -> Option<()> {
        draft.ramp(self.ramp_to.value, self.over.value);
        Some(())
    }
}
