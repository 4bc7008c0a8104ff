//! Simulated time: instants and spans, both whole nanoseconds.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use super::{UnitError, three_digits};

const NANOS_PER_SECOND: f64 = 1e9;

/// An instant of simulated time: nanoseconds since the start of the run.
///
/// 64 bits reach 584 years. [`SimTime::NEVER`] stands for "does not happen".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SimTime(u64);

impl SimTime {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Later than every instant that occurs.
    pub const NEVER: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after the start.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start, for output and statistics.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND
    }

    /// The span from `earlier` to here; zero if `earlier` is later.
    #[inline]
    pub const fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

/// A position on the clock of the run, for people: `3m20s`, `45s`, `1h05m`, and `1.25s` where a second is
/// a long time.
impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.0 as f64 / NANOS_PER_SECOND).round() as u64;
        let text = match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, s) if s < 20 && !self.0.is_multiple_of(1_000_000_000) => {
                format!("{}s", three_digits(self.0 as f64 / NANOS_PER_SECOND))
            }
            (0, 0, s) => format!("{s}s"),
            (0, m, 0) => format!("{m}m"),
            (0, m, s) => format!("{m}m{s:02}s"),
            (h, 0, 0) => format!("{h}h"),
            (h, m, 0) => format!("{h}h{m:02}m"),
            (h, m, s) => format!("{h}h{m:02}m{s:02}s"),
        };
        f.pad(&text)
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    #[inline]
    fn add(self, span: SimDuration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

/// A span of simulated time: whole nanoseconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SimDuration(u64);

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span; adding it to an instant gives [`SimTime::NEVER`].
    pub const MAX: Self = Self(u64::MAX);

    /// A span of whole nanoseconds.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A span of whole seconds; what is longer than [`SimDuration::MAX`] becomes that.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// A span of `nanos` nanoseconds, rounded to the nearest; negative becomes zero, what is longer than
    /// 292 years becomes that.
    #[inline]
    pub fn from_nanos_f64(nanos: f64) -> Self {
        // By way of a signed number, which processors convert in one instruction.
        Self((nanos + 0.5).max(0.0) as i64 as u64)
    }

    /// A span of `seconds` seconds, rounded to the nearest nanosecond; saturates as
    /// [`SimDuration::from_nanos_f64`].
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self::from_nanos_f64(seconds * NANOS_PER_SECOND)
    }

    /// Whole nanoseconds.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds, for output and statistics.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND
    }

    /// This span `n` times.
    #[must_use]
    pub const fn times(self, n: u32) -> Self {
        Self(self.0.saturating_mul(n as u64))
    }

    /// Hours, for costs.
    pub fn as_hours(self) -> f64 {
        self.as_secs_f64() / 3600.0
    }

    /// Text that parses back to exactly this span: the largest unit that divides it.
    pub fn to_text(self) -> String {
        const UNITS: [(u64, &str); 6] = [
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        if self.0 == 0 {
            return "0s".to_owned();
        }
        UNITS
            .iter()
            .find(|(size, _)| self.0.is_multiple_of(*size))
            .map_or_else(
                || format!("{}ns", self.0),
                |(size, unit)| format!("{}{unit}", self.0 / size),
            )
    }
}

/// A span for people, three significant digits: `412 ms`, `1.84 s`, `38 µs`, `2.5 h`.
impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0 as f64;
        let text = match nanos {
            0.0 => "0".to_owned(),
            n if n < 999.5 => format!("{} ns", three_digits(n)),
            n if n < 999.5e3 => format!("{} µs", three_digits(n / 1e3)),
            n if n < 999.5e6 => format!("{} ms", three_digits(n / 1e6)),
            n if n < 119.5e9 => format!("{} s", three_digits(n / 1e9)),
            n if n < 7200e9 => format!("{} min", three_digits(n / 60e9)),
            n => format!("{} h", three_digits(n / 3600e9)),
        };
        f.pad(&text)
    }
}

impl Add for SimDuration {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for SimDuration {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

const HELP: &str = "write 90s, 250ms, 2m30s, 1h or 1d 12h";

impl FromStr for SimDuration {
    type Err = UnitError;

    /// Reads `90s`, `250ms`, `2m30s`, `1.5h`, `1d 12h`, `P1DT12H`; a day has 24 hours. Negative spans,
    /// months and years are refused.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = |why: &str| UnitError::new(format!("{why}: \"{text}\""), HELP);
        let span: jiff::Span = text.trim().parse().map_err(|_| refuse("not a duration"))?;
        if span.is_negative() {
            return Err(refuse("a duration cannot be negative"));
        }
        let relative = jiff::SpanRelativeTo::days_are_24_hours();
        let exact = span
            .to_duration(relative)
            .map_err(|_| refuse("not a duration of fixed length"))?;
        u64::try_from(exact.as_nanos())
            .map(Self)
            .map_err(|_| refuse("too long a duration"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_and_write_back_exactly() {
        let cases = [
            ("250ms", 250_000_000, "250ms"),
            ("2m30s", 150_000_000_000, "150s"),
            ("1d 12h", 129_600_000_000_000, "36h"),
            ("1.5h", 5_400_000_000_000, "90m"),
            ("0s", 0, "0s"),
            ("3.1ms", 3_100_000, "3100us"),
            ("7ns", 7, "7ns"),
        ];
        for (text, nanos, written) in cases {
            let span: SimDuration = text.parse().expect(text);
            assert_eq!(span.as_nanos(), nanos, "{text}");
            assert_eq!(span.to_text(), written);
            assert_eq!(written.parse::<SimDuration>(), Ok(span));
        }
        for bad in [
            "",
            "90",
            "90 parsecs",
            "-3s",
            "5m ago",
            "1y",
            "99999999999h",
            "nan s",
        ] {
            assert!(bad.parse::<SimDuration>().is_err(), "{bad}");
        }
    }

    #[test]
    fn instants_and_spans_for_people() {
        assert_eq!(SimTime::from_nanos(200_000_000_000).to_string(), "3m20s");
        assert_eq!(SimTime::from_nanos(3_900_000_000_000).to_string(), "1h05m");
        assert_eq!(SimTime::from_nanos(1_200_000_000).to_string(), "1.2s");
        assert_eq!(SimDuration::from_nanos(1_841_000_000).to_string(), "1.84 s");
        assert_eq!(SimDuration::from_nanos(999_600_000).to_string(), "1 s");
        assert_eq!(SimDuration::from_nanos(38_000).to_string(), "38 µs");
    }
}
