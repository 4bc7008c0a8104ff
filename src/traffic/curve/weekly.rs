//! The rhythm of the week, by the clock on the wall.

use std::f64::consts::TAU;

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use serde_json::json;

use super::segment::Form;
use super::zones::Zone;
use super::{Draft, Piece, require_level};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data, Definitions, Node, Spec, Value};
use crate::units::{Fraction, SimDuration};

const DAY_NANOS: f64 = 86_400e9;

spec! {
    /// Follows the days of the week, and within each the hours, round the level it is at: `{ weekly = { sat =
    /// 0.7, sun = 0.6 }, swing = "60%", zone = "Europe/Berlin", starts = "2026-11-23T00:00", over =
    /// "14 days" }`. Hours are those of the local clock, also where it is changed: a peak at 20:00 stays
    /// there. Days change at local midnight, from one moment to the next.
    pub struct Weekly {
        /// A factor for each day.
        pub weekly: Weekdays,
        /// How far it goes up and down within a day, like a cosine, as a share of the day's level.
        pub swing: At<Fraction> = At::built_in(Fraction::ZERO),
        /// The time of day at which the swing is highest.
        pub peak_at: At<SimDuration> = At::built_in(SimDuration::from_secs(20 * 3600)),
        /// A second swing with two peaks a day: makes the busy hours shorter, or adds a peak at noon.
        pub second: At<Fraction> = At::built_in(Fraction::ZERO),
        /// The time of day of one of its peaks; the other is twelve hours away. That of `peak_at` unless
        /// given.
        pub second_peak_at: Option<At<SimDuration>>,
        /// The time zone: a name such as `Europe/Berlin`, an offset such as `+02:00`, or a rule as in the
        /// TZ variable. Daylight saving follows the rules of today, whatever the year.
        pub zone: At<Zone> = At::built_in(Zone::utc()),
        /// The local date and time at which the piece starts; a Monday unless given.
        pub starts: At<Starts> = At::built_in(Starts::MONDAY),
        /// How long the piece lasts.
        pub over: At<SimDuration>,
    }
    check(Self::check)
}

spec! {
    /// A factor for each day of the week.
    pub struct Weekdays {
        /// Monday.
        pub mon: At<f64> = At::built_in(1.0),
        /// Tuesday.
        pub tue: At<f64> = At::built_in(1.0),
        /// Wednesday.
        pub wed: At<f64> = At::built_in(1.0),
        /// Thursday.
        pub thu: At<f64> = At::built_in(1.0),
        /// Friday.
        pub fri: At<f64> = At::built_in(1.0),
        /// Saturday.
        pub sat: At<f64> = At::built_in(1.0),
        /// Sunday.
        pub sun: At<f64> = At::built_in(1.0),
    }
    check(Self::check)
}

impl Weekdays {
    fn all(&self) -> [&At<f64>; 7] {
        [
            &self.mon, &self.tue, &self.wed, &self.thu, &self.fri, &self.sat, &self.sun,
        ]
    }

    fn check(&self, _: Origin, out: &mut Diagnostics) {
        for factor in self.all() {
            require_level(factor, out);
        }
    }

    fn on(&self, day: Weekday) -> f64 {
        self.all()[day.to_monday_zero_offset() as usize].value
    }
}

/// A local date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Starts(DateTime);

impl Starts {
    /// Some Monday.
    const MONDAY: Self = Self(DateTime::constant(2026, 1, 5, 0, 0, 0, 0));
}

impl Spec for Starts {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let (Value::Text(text) | Value::Date(text)) = &node.value else {
            let problem = format!("expected a date and time, found {}", node.describe());
            out.push(Diagnostic::error(node.origin, problem).help(HELP));
            return None;
        };
        let read = text.trim().parse().ok().map(Self);
        if read.is_none() {
            let problem = format!("not a local date and time: \"{text}\"");
            out.push(Diagnostic::error(node.origin, problem).help(HELP));
        }
        read
    }
    fn write(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.0.to_string()))
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({ "type": "string" })
    }
}

const HELP: &str = "write \"2026-11-23T00:00\"; the time zone is given by `zone`";

impl Weekly {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.swing.get() + self.second.get() > 1.0 {
            let problem = "both swings together go below zero";
            out.push(
                Diagnostic::error(self.second.origin, problem)
                    .label("at most 100% together with `swing`"),
            );
        }
        if self.end().is_none() {
            let problem = "this is beyond the calendar";
            out.push(Diagnostic::error(self.starts.origin, problem));
        }
    }

    /// When the piece starts and ends; nothing if the calendar does not go that far.
    fn end(&self) -> Option<(Timestamp, Timestamp)> {
        let start = self.zone.rules().to_timestamp(self.starts.0).ok()?;
        let end = i128::from(self.over.as_nanos()) + start.as_nanosecond();
        // A day to spare, so that every midnight that is looked for is on the calendar.
        Timestamp::from_nanosecond(end + 2 * DAY_NANOS as i128).ok()?;
        Some((start, Timestamp::from_nanosecond(end).ok()?))
    }

    /// The rate from a point in time on at which the local clock shows `clock`, as long as neither the
    /// day nor the clock is changed.
    fn form(&self, mean: f64, clock: DateTime) -> Form {
        let time = clock.time();
        let seconds = f64::from(time.hour()) * 3600.0
            + f64::from(time.minute()) * 60.0
            + f64::from(time.second());
        let now = seconds * 1e9 + f64::from(time.subsec_nanosecond());
        let since = |peak: &At<SimDuration>| TAU * (now - peak.as_nanos() as f64) / DAY_NANOS;
        let (turn, phase) = (TAU / DAY_NANOS, since(&self.peak_at));
        let swing = mean * self.swing.get();
        match (self.swing.get() == 0.0, self.second.get() == 0.0) {
            (true, true) => Form::constant(mean),
            (false, true) => Form::Wave {
                mean,
                swing,
                turn,
                phase,
            },
            (_, false) => Form::Waves {
                mean,
                swing,
                turn,
                phase,
                second: mean * self.second.get(),
                second_phase: 2.0 * since(self.second_peak_at.as_ref().unwrap_or(&self.peak_at)),
            },
        }
    }
}

impl Piece for Weekly {
    fn add(&self, draft: &mut Draft, _: &mut dyn Data, _: &mut Diagnostics) -> Option<()> {
        let zone = self.zone.rules();
        let (mut now, end) = self.end()?;
        while now < end {
            let clock = zone.to_datetime(now);
            let tomorrow = clock.date().tomorrow().ok()?;
            let midnight = zone.to_timestamp(tomorrow.at(0, 0, 0, 0)).ok()?;
            let change = zone.following(now).next().map(|change| change.timestamp());
            let until = midnight.min(change.unwrap_or(end)).min(end);
            let mean = draft.level * draft.rate * self.weekly.on(clock.weekday());
            let span = until.as_nanosecond() - now.as_nanosecond();
            draft.push(span as f64, self.form(mean, clock));
            now = until;
        }
        Some(())
    }
}
