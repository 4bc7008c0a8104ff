//! Fractions: shares of a whole.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, three_digits};

/// A share of a whole, always within 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Fraction(f64);

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// All of it.
    pub const ONE: Self = Self(1.0);
    /// A quarter of it.
    pub const QUARTER: Self = Self(0.25);

    /// The share `value`, or nothing if it is outside 0 and 1.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// `whole` percent, at most 100; meant for constants.
    pub const fn percent(whole: u32) -> Self {
        assert!(whole <= 100, "a share is at most 100 %");
        Self(whole as f64 / 100.0)
    }

    /// The share as a number between 0 and 1.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Text that parses back to exactly this share.
    pub fn to_text(self) -> String {
        let exact = |text: &String| text.parse() == Ok(self);
        (0..20)
            .map(|decimals| format!("{:.decimals$}%", self.0 * 100.0))
            .find(exact)
            // A share whose hundredfold cannot be divided back exactly: one step up or down can.
            .unwrap_or_else(|| format!("{:.20}%", self.0 * 100.0))
    }
}

/// A share for people: `99.3 %`, `0.012 %`.
impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} %", three_digits(self.0 * 100.0)))
    }
}

const HELP: &str = "write a percentage between 0% and 100%, such as 70%";

impl FromStr for Fraction {
    type Err = UnitError;

    /// Reads a percentage with its sign: `70%`, `99.9 %`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = |why: &str| UnitError::new(format!("{why}: \"{text}\""), HELP);
        let digits = text
            .trim()
            .strip_suffix('%')
            .ok_or_else(|| refuse("not a percentage"))?;
        let percent: f64 = digits
            .trim()
            .parse()
            .map_err(|_| refuse("not a percentage"))?;
        Self::new(percent / 100.0).ok_or_else(|| refuse("a share lies between 0% and 100%"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_parse_and_write_back_exactly() {
        for text in [
            "70%",
            "99.9 %",
            "0%",
            "100%",
            "0.07%",
            "7%",
            "33.3333333%",
            "12.34567%",
        ] {
            let share: Fraction = text.parse().expect(text);
            assert_eq!(share.to_text().parse::<Fraction>(), Ok(share), "{text}");
        }
        for bad in ["0.7", "101%", "-1%", "NaN%", "%", "lots"] {
            assert!(bad.parse::<Fraction>().is_err(), "{bad}");
        }
        assert_eq!(Fraction(0.9931).to_string(), "99.3 %");
    }
}
