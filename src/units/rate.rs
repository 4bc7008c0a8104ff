//! Rates: how many per second.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, with_suffix};

/// A rate in events per second: finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(f64);

impl Rate {
    /// Nothing ever happens.
    pub const ZERO: Self = Self(0.0);

    /// `per_second` events per second, or nothing if that is negative, infinite or not a number.
    pub fn per_second(per_second: f64) -> Option<Self> {
        (per_second.is_finite() && per_second >= 0.0).then_some(Self(per_second))
    }

    /// Events per second.
    #[inline]
    pub const fn as_per_second(self) -> f64 {
        self.0
    }

    /// Text that parses back to exactly this rate.
    pub fn to_text(self) -> String {
        format!("{}/s", self.0)
    }
}

/// A rate for people: `18.4 k/s`, `200/s`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", with_suffix(self.0)))
    }
}

const HELP: &str = "write 200/s, 1.2k/s, 12000/min or 5M/h";

impl FromStr for Rate {
    type Err = UnitError;

    /// Reads a number, an optional `k`, `M` or `G`, a slash and a unit of time: `s`, `min`, `h` or `d`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = |why: &str| UnitError::new(format!("{why}: \"{text}\""), HELP);
        let (count, unit) = text.split_once('/').ok_or_else(|| refuse("not a rate"))?;
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hour" => 3600.0,
            "d" | "day" => 86_400.0,
            _ => return Err(refuse("a rate is per s, min, h or d")),
        };
        let count = count.trim().replace('_', "");
        let (digits, scale) = match count.as_bytes().last() {
            Some(b'k') => (&count[..count.len() - 1], 1e3),
            Some(b'M') => (&count[..count.len() - 1], 1e6),
            Some(b'G') => (&count[..count.len() - 1], 1e9),
            _ => (&count[..], 1.0),
        };
        let number: f64 = digits.trim().parse().map_err(|_| refuse("not a rate"))?;
        if number < 0.0 {
            return Err(refuse("a rate cannot be negative"));
        }
        Self::per_second(number * scale / seconds).ok_or_else(|| refuse("not a finite rate"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_parse_and_write_back_exactly() {
        let cases = [
            ("200/s", 200.0),
            ("1.2k/s", 1200.0),
            ("12_000/min", 200.0),
            ("7/min", 7.0 / 60.0),
            ("2M / h", 2e6 / 3600.0),
        ];
        for (text, value) in cases {
            let rate: Rate = text.parse().expect(text);
            assert!((rate.as_per_second() - value).abs() < 1e-12, "{text}");
            assert_eq!(rate.to_text().parse::<Rate>(), Ok(rate));
        }
        for bad in [
            "200",
            "200rps",
            "-1/s",
            "inf/s",
            "NaN/s",
            "1e400/s",
            "k/s",
            "5/fortnight",
            "/",
        ] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
        assert_eq!(Rate(18_430.0).to_string(), "18.4 k/s");
    }
}
