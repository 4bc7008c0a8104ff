//! A jump.

use super::{Draft, Piece, require_level};
use crate::diag::{Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data};

spec! {
    /// Jumps to another level: `{ step_to = 10 }`.
    pub struct Step {
        /// The level from here on, as a multiple of `rate`.
        pub step_to: At<f64>,
    }
    check(Self::check)
}

impl Step {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        require_level(&self.step_to, out);
    }
}

impl Piece for Step {
    fn add(&self, draft: &mut Draft, _: &mut dyn Data, _: &mut Diagnostics) -> Option<()> {
        draft.level = self.step_to.value;
        Some(())
    }
}
