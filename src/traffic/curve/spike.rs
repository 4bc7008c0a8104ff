//! Up, a while at the top, and back.

use super::{Draft, Piece, require_level};
use crate::diag::{Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data};
use crate::units::SimDuration;

spec! {
    /// Goes up, stays, and comes back to where it was: `{ spike_to = 100, rise = "30s", stay = "2m",
    /// fall = "1m" }`.
    pub struct Spike {
        /// The level at the top, as a multiple of `rate`.
        pub spike_to: At<f64>,
        /// How long the way up takes, in a straight line.
        pub rise: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How long it stays at the top.
        pub stay: At<SimDuration>,
        /// How long the way back takes, in a straight line.
        pub fall: At<SimDuration> = At::built_in(SimDuration::ZERO),
    }
    check(Self::check)
}

impl Spike {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        require_level(&self.spike_to, out);
    }
}

impl Piece for Spike {
    fn add(&self, draft: &mut Draft, _: &mut dyn Data, _: &mut Diagnostics) -> Option<()> {
        let before = draft.level;
        draft.ramp(self.spike_to.value, self.rise.value);
        draft.hold(self.stay.value);
        draft.ramp(before, self.fall.value);
        Some(())
    }
}
