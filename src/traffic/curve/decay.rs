//! An exponential approach to another level, as interest in a launch fades.

use super::segment::Form;
use super::{Draft, Piece, require_level};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data};
use crate::units::SimDuration;

/// Without `over`, the piece lasts this many half-lives: what is left then is below 0.1 %.
const HALF_LIVES: u64 = 10;

spec! {
    /// Approaches another level, halving the distance every half-life: `{ decay_to = 1, half_life = "4m" }`.
    pub struct Decay {
        /// The level it approaches, as a multiple of `rate`.
        pub decay_to: At<f64>,
        /// How long it takes to halve the distance.
        pub half_life: At<SimDuration>,
        /// How long the piece lasts; ten half-lives unless given. The level it approaches is taken as
        /// reached then.
        pub over: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl Decay {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        require_level(&self.decay_to, out);
        if self.half_life.value == SimDuration::ZERO {
            let help = "use `step_to` for a jump";
            out.push(
                Diagnostic::error(self.half_life.origin, "a half-life must be longer than 0")
                    .help(help),
            );
        }
    }
}

impl Piece for Decay {
    fn add(&self, draft: &mut Draft, _: &mut dyn Data, _: &mut Diagnostics) -> Option<()> {
        let half_life = self.half_life.as_nanos();
        let over = self
            .over
            .as_ref()
            .map_or(half_life.saturating_mul(HALF_LIVES), |o| o.as_nanos());
        let base = self.decay_to.value * draft.rate;
        let form = Form::Decay {
            base,
            extra: draft.level * draft.rate - base,
            decay: std::f64::consts::LN_2 / half_life as f64,
        };
        draft.push(over as f64, form);
        draft.level = self.decay_to.value;
        Some(())
    }
}
