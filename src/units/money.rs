//! Prices of things that are paid by time.

use std::fmt;
use std::str::FromStr;

use super::{SimDuration, UnitError, three_digits};

/// Hours in a month, as cloud providers count when they turn a monthly price into an hourly one.
const HOURS_PER_MONTH: f64 = 720.0;

/// A price in US dollars per hour: finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct CostPerHour(f64);

impl CostPerHour {
    /// Free of charge.
    pub const ZERO: Self = Self(0.0);

    /// What `time` of one such thing costs, in dollars.
    pub fn for_time(self, time: SimDuration) -> f64 {
        self.0 * time.as_hours()
    }

    /// What `n` such things cost.
    #[must_use]
    pub fn times(self, n: u32) -> Self {
        Self(self.0 * f64::from(n))
    }

    /// Dollars per hour.
    pub const fn as_usd(self) -> f64 {
        self.0
    }

    /// Text that parses back to exactly this price.
    pub fn to_text(self) -> String {
        format!("${}/h", self.0)
    }
}

/// A price for people: `$0.694/h`.
impl fmt::Display for CostPerHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("${}/h", three_digits(self.0)))
    }
}

const HELP: &str = "write $0.69/h or $500/month";

impl FromStr for CostPerHour {
    type Err = UnitError;

    /// Reads a dollar sign, a number, a slash and `h` or `month` (720 hours).
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = |why: &str| UnitError::new(format!("{why}: \"{text}\""), HELP);
        let amount = text
            .trim()
            .strip_prefix('$')
            .ok_or_else(|| refuse("not a price"))?;
        let (number, unit) = amount
            .split_once('/')
            .ok_or_else(|| refuse("not a price"))?;
        let hours = match unit.trim() {
            "h" | "hour" => 1.0,
            "month" => HOURS_PER_MONTH,
            _ => return Err(refuse("a price is per h or month")),
        };
        let number: f64 = number.trim().parse().map_err(|_| refuse("not a price"))?;
        if !number.is_finite() || number < 0.0 {
            return Err(refuse("a price is finite and not negative"));
        }
        Ok(Self(number / hours))
    }
}

/// A price in US dollars for moving or keeping data, by size: finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct CostPerSize {
    usd_per_gb: f64,
}

impl CostPerSize {
    /// What so many bytes cost, in dollars.
    pub fn of(self, bytes: u64) -> f64 {
        self.usd_per_gb * (bytes as f64 / 1e9)
    }

    /// Text that parses back to exactly this price.
    pub fn to_text(self) -> String {
        format!("${}/GB", self.usd_per_gb)
    }
}

const SIZE_HELP: &str = "write $0.09/GB";

impl FromStr for CostPerSize {
    type Err = UnitError;

    /// Reads a dollar sign, a number, a slash and `GB` (a power of 1000), `GiB` (a power of 1024) or `TB`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = |why: &str| UnitError::new(format!("{why}: \"{text}\""), SIZE_HELP);
        let amount = text.trim().strip_prefix('$');
        let parts = amount.and_then(|amount| amount.split_once('/'));
        let (number, unit) = parts.ok_or_else(|| refuse("not a price"))?;
        let gigabytes = match unit.trim() {
            "GB" => 1.0,
            "GiB" => 1.073_741_824,
            "TB" => 1000.0,
            _ => return Err(refuse("a price of data is per GB, GiB or TB")),
        };
        let number: f64 = number.trim().parse().map_err(|_| refuse("not a price"))?;
        if !number.is_finite() || number < 0.0 {
            return Err(refuse("a price is finite and not negative"));
        }
        Ok(Self {
            usd_per_gb: number / gigabytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_parse_and_write_back_exactly() {
        for (text, hourly) in [
            ("$0.69/h", 0.69),
            ("$500/month", 500.0 / 720.0),
            ("$ 0 / h", 0.0),
        ] {
            let price: CostPerHour = text.parse().expect(text);
            assert!((price.as_usd() - hourly).abs() < 1e-12);
            assert_eq!(price.to_text().parse::<CostPerHour>(), Ok(price));
        }
        for bad in ["0.69/h", "$0.69", "$-1/h", "$inf/h", "$1/week"] {
            assert!(bad.parse::<CostPerHour>().is_err(), "{bad}");
        }
    }

    #[test]
    fn prices_of_data_parse_and_write_back_exactly() {
        for (text, bytes, usd) in [
            ("$0.09/GB", 1_000_000_000, 0.09),
            ("$0.09/GiB", 1_073_741_824, 0.09),
            ("$90 / TB", 2_000_000_000, 0.18),
        ] {
            let price: CostPerSize = text.parse().expect(text);
            assert!((price.of(bytes) - usd).abs() < 1e-12, "{text}");
            assert_eq!(price.to_text().parse::<CostPerSize>(), Ok(price));
        }
        for bad in [
            "0.09/GB",
            "$0.09",
            "$-1/GB",
            "$nan/GB",
            "$1/h",
            "$1/request",
        ] {
            assert!(bad.parse::<CostPerSize>().is_err(), "{bad}");
        }
    }
}
