//! Recorded instants, one by one.

use std::sync::Arc;

use super::{Process, Setting, Shape};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::rng::Stream;
use crate::spec::{At, Column, Data, finite, number_text};
use crate::traffic::curve::{Cursor, Curve};
use crate::units::{SimDuration, SimTime};
use crate::{spec, words};

words! {
    /// How the instants of a recording are written.
    pub enum Times {
        /// Date and time, such as `2023-11-16 18:15:46.68`.
        DateTime = "datetime",
        /// Seconds since some start.
        Seconds = "s",
        /// Milliseconds since some start.
        Milliseconds = "ms",
    }
}

spec! {
    /// Recorded arrivals, each at its own instant; the first of those used comes at the start of the
    /// run. Takes no `rate` and no `curve`.
    pub struct Replay {
        /// The CSV file (plain or .gz), with a header and one row per request, in any order.
        pub file: At<String>,
        /// The column that holds the instants.
        pub column: At<String>,
        /// How they are written.
        pub times: At<Times> = At::built_in(Times::Seconds),
        /// How much of the recording to leave out at its start.
        pub skip: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How much faster than recorded; 2 plays twice as many requests in half the time.
        pub speed: At<f64> = At::built_in(1.0),
    }
    check(Self::check)
}

impl Replay {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.speed.value <= 0.0 {
            let problem = format!(
                "the speed must be above 0, found {}",
                number_text(self.speed.value)
            );
            out.push(Diagnostic::error(self.speed.origin, problem));
        }
    }
}

/// A date and time as seconds since 1970, good to a quarter of a microsecond.
fn seconds_since_1970(cell: &str) -> Option<f64> {
    let civil: jiff::civil::DateTime = cell.trim().parse().ok()?;
    let stamp = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(stamp.as_second() as f64 + f64::from(stamp.subsec_nanosecond()) / 1e9)
}

impl Shape for Replay {
    type Process = Instants;
    fn start(
        &self,
        _: Setting<'_>,
        data: &mut dyn Data,
        out: &mut Diagnostics,
    ) -> Option<Instants> {
        let (file, name) = (&self.file, &self.column);
        let (expected, read, nanos): (_, fn(&str) -> Option<f64>, _) = match self.times.value {
            Times::DateTime => ("a date and time", seconds_since_1970, 1e9),
            Times::Seconds => ("a number of seconds", finite, 1e9),
            Times::Milliseconds => ("a number of milliseconds", finite, 1e6),
        };
        let mut times = data.column(
            &Column {
                file,
                name,
                expected,
                read,
            },
            out,
        )?;
        times.sort_by(f64::total_cmp);
        let from = times[0] + self.skip.as_nanos() as f64 / nanos;
        let used = &times[times.partition_point(|time| *time < from)..];
        let Some(first) = used.first() else {
            let problem = "nothing is left of the recording";
            out.push(Diagnostic::error(self.skip.origin, problem).label("it is shorter than this"));
            return None;
        };
        let instant = |time: &f64| {
            SimTime::ZERO + SimDuration::from_nanos_f64((time - first) * nanos / self.speed.value)
        };
        Some(Instants {
            times: used.iter().map(instant).collect(),
            next: 0,
        })
    }
}

/// The instants, in order.
#[derive(Debug, Clone)]
pub struct Instants {
    times: Arc<[SimTime]>,
    next: usize,
}

impl Process for Instants {
    const BRINGS_ITS_TIMES: bool = true;

    #[inline]
    fn next(&mut self, _: &mut Cursor, _: &mut Stream) -> Option<SimTime> {
        let at = self.times.get(self.next).copied();
        self.next += 1;
        at
    }

    fn expected(&self, _: &Curve) -> f64 {
        self.times.len() as f64
    }
}
