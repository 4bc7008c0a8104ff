//! Recorded instants, one by one.

use std::sync::Arc;

use super::{Process, Setting, Shape};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::rng::Stream;
use crate::spec::{At, Column, Data, finite, number_text};
use crate::traffic::curve::{Cursor, Curve};
use crate::traffic::recording::{RecordedColumns, Recording, check_rows};
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
        /// Microseconds since some start.
        Microseconds = "us",
    }
}

words! {
    /// From what the instants of a recording are counted.
    pub enum Since {
        /// From some start; the first request that is used comes at the start of the run.
        Start = "start",
        /// Each from the one in the row before; the first from the start of the recording, which is that of the
        /// run, unless something is left out.
        Previous = "previous",
    }
}

spec! {
    /// Recorded arrivals, each at its own instant. Takes no `rate` and no `curve`.
    pub struct Replay {
        /// The CSV file (plain or .gz), with a header and one row per request, in any order.
        pub file: At<String>,
        /// The column that holds the instants.
        pub column: At<String>,
        /// How they are written.
        pub times: At<Times> = At::built_in(Times::Seconds),
        /// From what they are counted.
        pub since: At<Since> = At::built_in(Since::Start),
        /// How much of the recording to leave out at its start.
        pub skip: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How much faster than recorded; 2 plays twice as many requests in half the time.
        pub speed: At<f64> = At::built_in(1.0),
        /// What is known of each request beside its instant; nothing unless given.
        pub columns: Option<RecordedColumns>,
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
        if (self.times.value, self.since.value) == (Times::DateTime, Since::Previous) {
            let problem = "a date and time is not counted from the row before";
            out.push(Diagnostic::error(self.since.origin, problem));
        }
    }

    /// The instants that are used, in nanoseconds from the start of the run, and their rows in the file.
    fn used(&self, data: &mut dyn Data, out: &mut Diagnostics) -> Option<(Vec<f64>, Vec<u32>)> {
        let (file, name) = (&self.file, &self.column);
        let (expected, read, nanos): (_, fn(&str) -> Option<f64>, _) =
            match (self.times.value, self.since.value) {
                (Times::DateTime, _) => ("a date and time", seconds_since_1970, 1e9),
                (_, Since::Previous) => ("a number that is not negative", gap, self.unit_nanos()),
                (Times::Seconds, _) => ("a number of seconds", finite, 1e9),
                (Times::Milliseconds, _) => ("a number of milliseconds", finite, 1e6),
                (Times::Microseconds, _) => ("a number of microseconds", finite, 1e3),
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
        if !check_rows(file, times.len(), out) {
            return None;
        }
        if self.since.value == Since::Previous {
            let mut at = 0.0;
            for time in &mut times {
                at += *time;
                *time = at;
            }
        }
        let mut rows: Vec<u32> = (0..times.len() as u32).collect();
        rows.sort_by(|a, b| times[*a as usize].total_cmp(&times[*b as usize]));
        let start = match self.since.value {
            Since::Previous => 0.0,
            Since::Start => times[rows[0] as usize],
        };
        let from = start + self.skip.as_nanos() as f64 / nanos;
        let rows = rows.split_off(rows.partition_point(|row| times[*row as usize] < from));
        let Some(first) = rows.first() else {
            let problem = "nothing is left of the recording";
            out.push(Diagnostic::error(self.skip.origin, problem).label("it is shorter than this"));
            return None;
        };
        let start = match self.since.value {
            Since::Previous => from,
            Since::Start => times[*first as usize],
        };
        let instant = |row: &u32| (times[*row as usize] - start) * nanos / self.speed.value;
        Some((rows.iter().map(instant).collect(), rows))
    }

    fn unit_nanos(&self) -> f64 {
        match self.times.value {
            Times::DateTime | Times::Seconds => 1e9,
            Times::Milliseconds => 1e6,
            Times::Microseconds => 1e3,
        }
    }

    /// What is known of the requests beside their instants, if anything is; nothing in the inner place if
    /// there is a problem, which is reported.
    pub fn recording(
        &self,
        data: &mut dyn Data,
        out: &mut Diagnostics,
    ) -> Option<Option<Recording>> {
        let columns = self.columns.as_ref()?;
        // A problem with the instants is reported where these are read; what else is wrong is told all the same.
        let used = self.used(data, &mut Diagnostics::default());
        let (rows, is_used) = used.map_or((Vec::new(), false), |(_, rows)| (rows, true));
        let read = columns.read(&self.file, &rows, data, out);
        Some(read.filter(|_| is_used))
    }
}

/// Reads a time that cannot be negative.
fn gap(cell: &str) -> Option<f64> {
    finite(cell).filter(|gap| *gap >= 0.0)
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
        let (times, _) = self.used(data, out)?;
        let instant = |nanos: &f64| SimTime::ZERO + SimDuration::from_nanos_f64(*nanos);
        Some(Instants {
            times: times.iter().map(instant).collect(),
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
