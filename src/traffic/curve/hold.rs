//! Staying at a level.

use super::{Draft, Piece};
use crate::diag::Diagnostics;
use crate::spec;
use crate::spec::{At, Data};
use crate::units::SimDuration;

spec! {
    /// Stays at the level it is at: `{ hold = "5m" }`.
    pub struct Hold {
        /// For how long.
        pub hold: At<SimDuration>,
    }
}

impl Piece for Hold {
    fn add(&self, draft: &mut Draft, _: &mut dyn Data, _: &mut Diagnostics) -> Option<()> {
        draft.hold(self.hold.value);
        Some(())
    }
}
