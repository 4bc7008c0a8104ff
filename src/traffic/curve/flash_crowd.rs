//! A crowd that comes all at once and loses interest.

use std::f64::consts::PI;

use super::segment::Form;
use super::{Draft, Piece};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data, number_text};
use crate::units::SimDuration;

/// Without `over`, the way back lasts this many half-lives: what is left then is below 0.1 %.
const HALF_LIVES: u64 = 10;

spec! {
    /// Rises to a multiple of the level it is at, stays, and fades back to it: `{ flash_crowd = 20,
    /// time_to_peak = "30s", plateau = "2m", half_life = "15m", over = "1h" }`. After a notification the
    /// peak is reached within 10 to 30 seconds, after a mention elsewhere within some minutes; half-lives
    /// of 10 to 60 minutes are usual.
    pub struct FlashCrowd {
        /// How high it rises: the peak is so many times the level before, at least 1.
        pub flash_crowd: At<f64>,
        /// How long the rise takes; slow at first, then fast, then slow again (half a cosine).
        pub time_to_peak: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// How long it stays at the peak.
        pub plateau: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How long it takes to halve what is above the level before.
        pub half_life: At<SimDuration>,
        /// How long the whole piece lasts; until ten half-lives after the plateau unless given. The level
        /// before is taken as reached then.
        pub over: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl FlashCrowd {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.flash_crowd.value < 1.0 {
            let problem = format!(
                "a crowd multiplies by at least 1, found {}",
                number_text(self.flash_crowd.value)
            );
            let help = "see `ramp_to` and `decay_to` for less traffic than before";
            out.push(Diagnostic::error(self.flash_crowd.origin, problem).help(help));
        }
        if self.half_life.value == SimDuration::ZERO {
            let problem = "a half-life must be longer than 0";
            out.push(Diagnostic::error(self.half_life.origin, problem));
        }
        let until_decay = self.time_to_peak.value + self.plateau.value;
        if let Some(over) = self.over.filter(|over| over.value < until_decay) {
            let problem = "the piece ends before the plateau does";
            let label = format!("rise and plateau alone take {until_decay}");
            out.push(Diagnostic::error(over.origin, problem).label(label));
        }
    }
}

impl Piece for FlashCrowd {
    fn add(&self, draft: &mut Draft, _: &mut dyn Data, _: &mut Diagnostics) -> Option<()> {
        let base = draft.level * draft.rate;
        let extra = base * (self.flash_crowd.value - 1.0);
        let (rise, half_life) = (self.time_to_peak.value, self.half_life.as_nanos());
        let rising = Form::Wave {
            mean: base + extra / 2.0,
            swing: extra / 2.0,
            turn: PI / (rise.as_nanos() as f64),
            phase: PI,
        };
        draft.push(rise.as_nanos() as f64, rising);
        draft.push(self.plateau.as_nanos() as f64, Form::constant(base + extra));
        let fade = self.over.as_ref().map_or(
            SimDuration::from_nanos(half_life.saturating_mul(HALF_LIVES)),
            |over| over.value - rise - self.plateau.value,
        );
        let fading = Form::Decay {
            base,
            extra,
            decay: std::f64::consts::LN_2 / half_life as f64,
        };
        draft.push(fade.as_nanos() as f64, fading);
        Some(())
    }
}
