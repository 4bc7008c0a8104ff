//! The rhythm of the day.

use std::f64::consts::TAU;

use super::segment::Form;
use super::{Draft, Piece};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data};
use crate::units::{Fraction, SimDuration};

const DAY: SimDuration = SimDuration::from_secs(86_400);

spec! {
    /// Rises and falls around the level it is at, like a cosine over the day: `{ diurnal = "60%",
    /// peak_at = "20h", over = "24h" }`.
    pub struct Diurnal {
        /// How far it goes up and down, as a share of the level: 60% swings between 0.4 and 1.6 times.
        pub diurnal: At<Fraction>,
        /// The time of day at which it is highest.
        pub peak_at: At<SimDuration> = At::built_in(SimDuration::from_secs(20 * 3600)),
        /// The time of day at which the piece starts.
        pub starts_at: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How long a day is; shorter ones put a day's rhythm into a short run.
        pub day: At<SimDuration> = At::built_in(DAY),
        /// How long the piece lasts.
        pub over: At<SimDuration>,
    }
    check(Self::check)
}

impl Diurnal {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.day.value == SimDuration::ZERO {
            out.push(Diagnostic::error(
                self.day.origin,
                "a day must be longer than 0",
            ));
        }
    }
}

impl Piece for Diurnal {
    fn add(&self, draft: &mut Draft, _: &mut dyn Data, _: &mut Diagnostics) -> Option<()> {
        let day = self.day.as_nanos() as f64;
        let mean = draft.level * draft.rate;
        let to_peak = self.starts_at.as_nanos() as f64 - self.peak_at.as_nanos() as f64;
        let form = Form::Wave {
            mean,
            swing: mean * self.diurnal.get(),
            turn: TAU / day,
            phase: TAU * to_peak / day,
        };
        draft.push(self.over.as_nanos() as f64, form);
        Some(())
    }
}
