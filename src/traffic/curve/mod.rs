//! A rate over time, put together from pieces.
//!
//! One file per kind of piece. To add one: write its file (the table that describes it, its check, what
//! it adds to the curve) and add its line to the list below.

pub mod counts;
pub mod decay;
pub mod diurnal;
pub mod flash_crowd;
pub mod growth;
pub mod hold;
pub mod ramp;
mod segment;
pub mod spike;
pub mod step;
pub mod weekly;
pub mod zones;

use segment::Form;
pub use segment::{Cursor, Curve, Met, Segment};

use crate::diag::{Diagnostic, Diagnostics};
use crate::spec::{At, Data, number_text};
use crate::units::{Rate, SimDuration, SimTime};

/// What every kind of piece can do.
trait Piece {
    /// Adds the piece to the curve; nothing if a data file it needs is not there or not right, which is
    /// reported.
    fn add(&self, draft: &mut Draft, data: &mut dyn Data, out: &mut Diagnostics) -> Option<()>;
}

macro_rules! pieces {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $lead:literal ),* $(,)?) => {
        crate::leads! {
            /// One piece of a rate over time. Pieces follow one another; after the last one its level
            /// is kept. Levels are multiples of the source's `rate`, and start at 1.
            pub enum CurvePiece {
                $( $(#[doc = $doc])* $variant($module::$variant) = $lead ),*
            }
        }

        impl Piece for CurvePiece {
            fn add(&self, draft: &mut Draft, data: &mut dyn Data, out: &mut Diagnostics) -> Option<()> {
                match self { $( Self::$variant(piece) => piece.add(draft, data, out), )* }
            }
        }
    };
}

pieces! {
    /// Stays at the level it is at.
    Hold: hold = "hold",
    /// Goes in a straight line to another level.
    Ramp: ramp = "ramp_to",
    /// Jumps to another level.
    Step: step = "step_to",
    /// Goes up, stays, and comes back.
    Spike: spike = "spike_to",
    /// Approaches another level, ever more slowly.
    Decay: decay = "decay_to",
    /// Rises and falls with the time of day.
    Diurnal: diurnal = "diurnal",
    /// Rises to a multiple, stays, and fades back.
    FlashCrowd: flash_crowd = "flash_crowd",
    /// Follows the days of the week and the hours of the local clock.
    Weekly: weekly = "weekly",
    /// Grows at compound interest.
    Growth: growth = "growth",
    /// Follows recorded counts per interval.
    Counts: counts = "counts",
}

/// A curve in the making.
#[derive(Debug)]
struct Draft {
    segments: Vec<Segment>,
    /// Where the next piece starts, in nanoseconds.
    at: f64,
    /// The level at that point, as a multiple of `rate`.
    level: f64,
    /// Arrivals per nanosecond at level 1.
    rate: f64,
}

impl Draft {
    /// Goes on for `span` nanoseconds along `form`, which gives the rate in arrivals per nanosecond.
    fn push(&mut self, span: f64, form: Form) {
        if span > 0.0 {
            self.segments.push(Segment {
                start: self.at,
                span,
                form,
            });
            self.at += span;
        }
    }

    /// Goes on for `span` at the present level.
    fn hold(&mut self, span: SimDuration) {
        let form = Form::constant(self.level * self.rate);
        self.push(span.as_nanos() as f64, form);
    }

    /// Goes in a straight line to `level`.
    fn ramp(&mut self, level: f64, over: SimDuration) {
        let span = over.as_nanos() as f64;
        let slope = (level - self.level) * self.rate / span.max(1.0);
        self.push(
            span,
            Form::Linear {
                from: self.level * self.rate,
                slope,
            },
        );
        self.level = level;
    }
}

/// Builds the curve up to `horizon` from its pieces; nothing if a data file is not there or not right,
/// which is reported.
pub fn build(
    rate: Rate,
    pieces: &[CurvePiece],
    horizon: SimDuration,
    data: &mut dyn Data,
    out: &mut Diagnostics,
) -> Option<Curve> {
    let mut draft = Draft {
        segments: Vec::new(),
        at: 0.0,
        level: 1.0,
        rate: rate.as_per_second() / 1e9,
    };
    for piece in pieces {
        piece.add(&mut draft, data, out)?;
    }
    let rest = horizon.as_nanos() as f64 - draft.at;
    draft.hold(SimDuration::from_nanos_f64(rest));
    Some(Curve::new(draft.segments, SimTime::ZERO + horizon))
}

/// Reports a level that is negative.
fn require_level(level: &At<f64>, out: &mut Diagnostics) {
    if level.value < 0.0 {
        let problem = format!(
            "a level cannot be negative, found {}",
            number_text(level.value)
        );
        out.push(Diagnostic::error(level.origin, problem).help("levels are multiples of `rate`"));
    }
}

#[cfg(test)]
mod tests;
