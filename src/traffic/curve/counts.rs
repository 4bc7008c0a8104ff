//! Recorded counts per interval.

use super::segment::Form;
use super::{Draft, Piece};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Column, Data, finite, number_text};
use crate::units::SimDuration;

spec! {
    /// Follows recorded counts, one per interval: `{ counts = "traffic.csv.gz", column = "requests",
    /// every = "1m", peak = 1 }`. Within an interval the rate is constant.
    pub struct Counts {
        /// The CSV file (plain or .gz), with a header and one row per interval, in order.
        pub counts: At<String>,
        /// The column that holds the counts.
        pub column: At<String>,
        /// How long an interval is.
        pub every: At<SimDuration>,
        /// The level of the busiest interval, as a multiple of `rate`: scales the recording. Without it
        /// the counts are taken as they are, whatever the `rate`.
        pub peak: Option<At<f64>>,
        /// How much of the recording to leave out at its start.
        pub skip: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How much of the recording to use from there on; all of it unless given.
        pub over: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl Counts {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.every.value == SimDuration::ZERO {
            out.push(Diagnostic::error(
                self.every.origin,
                "an interval must be longer than 0",
            ));
        }
        if let Some(peak) = self.peak.filter(|peak| peak.value <= 0.0) {
            let problem = format!(
                "the peak must be above 0, found {}",
                number_text(peak.value)
            );
            out.push(Diagnostic::error(peak.origin, problem));
        }
    }
}

impl Piece for Counts {
    fn add(&self, draft: &mut Draft, data: &mut dyn Data, out: &mut Diagnostics) -> Option<()> {
        let read = |cell: &str| finite(cell).filter(|count| *count >= 0.0);
        let expected = "a count that is not negative";
        let column = Column {
            file: &self.counts,
            name: &self.column,
            expected,
            read,
        };
        let counts = data.column(&column, out)?;
        let every = self.every.as_nanos();
        let skip = (self.skip.as_nanos() / every) as usize;
        let used = self
            .over
            .as_ref()
            .map_or(counts.len(), |over| (over.as_nanos() / every) as usize);
        let counts = counts.get(skip..).unwrap_or(&[]);
        let counts = &counts[..used.min(counts.len())];
        let highest = counts.iter().copied().fold(0.0, f64::max);
        if highest <= 0.0 {
            let problem = "this part of the recording has no requests";
            out.push(Diagnostic::error(self.counts.origin, problem).help("see `skip` and `over`"));
            return None;
        }
        let every = every as f64;
        // Arrivals per nanosecond for one counted request.
        let scale = self
            .peak
            .map_or(1.0 / every, |peak| peak.value * draft.rate / highest);
        for count in counts {
            draft.push(every, Form::constant(count * scale));
        }
        if draft.rate > 0.0 {
            draft.level = counts[counts.len() - 1] * scale / draft.rate;
        }
        Some(())
    }
}
