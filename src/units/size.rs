//! Sizes of answers, and how fast they travel.

use std::fmt;
use std::str::FromStr;

use super::{SimDuration, UnitError, three_digits, with_suffix};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bytes(u64);

impl Bytes {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Text that parses back to exactly this size.
    pub fn to_text(self) -> String {
        let whole = |unit: &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(unit.1);
        let (unit, factor) = WHOLE.iter().find(whole).unwrap_or(&("B", 1));
        format!("{}{unit}", self.0 / factor)
    }
}

/// Units of which a size may be a whole number, the roundest first.
const WHOLE: [(&str, u64); 6] = [
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("kB", 1_000),
    ("KiB", 1 << 10),
];

/// A size for people: `14.6 kB`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = with_suffix(self.0 as f64);
        if text.contains(' ') {
            f.pad(&format!("{text}B"))
        } else {
            f.pad(&format!("{text} B"))
        }
    }
}

const SIZE_HELP: &str = "write 200B, 14kB or 1.5MB (powers of 1000), 16KiB (powers of 1024)";
/// A petabyte: more than anybody sends at once.
const LARGEST: f64 = 1e15;

impl FromStr for Bytes {
    type Err = UnitError;

    /// Reads a size with its unit: `200B`, `14 kB`, `1.5MB`, `16KiB`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = || UnitError::new(format!("not a size: \"{text}\""), SIZE_HELP);
        let (number, unit) = split(text).ok_or_else(refuse)?;
        let factor = match unit {
            "B" => 1.0,
            "kB" | "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1_048_576.0,
            "GiB" => 1_073_741_824.0,
            _ => return Err(refuse()),
        };
        let bytes = (number * factor).round();
        if (0.0..=LARGEST).contains(&bytes) {
            Ok(Self(bytes as u64))
        } else {
            Err(refuse())
        }
    }
}

/// How fast bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Bandwidth {
    bits_per_second: f64,
}

impl Bandwidth {
    /// How long `bytes` take.
    pub fn time_for(self, bytes: Bytes) -> SimDuration {
        SimDuration::from_nanos_f64(bytes.0 as f64 * 8.0 * 1e9 / self.bits_per_second)
    }

    /// Text that parses back to exactly this bandwidth.
    pub fn to_text(self) -> String {
        format!("{}bit/s", self.bits_per_second)
    }
}

/// A bandwidth for people: `20 Mbit/s`.
impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scaled, prefix) = match self.bits_per_second {
            rate if rate >= 1e9 => (rate / 1e9, "G"),
            rate if rate >= 1e6 => (rate / 1e6, "M"),
            rate if rate >= 1e3 => (rate / 1e3, "k"),
            rate => (rate, ""),
        };
        f.pad(&format!("{} {prefix}bit/s", three_digits(scaled)))
    }
}

const BANDWIDTH_HELP: &str = "write 20Mbit/s, 1.5Gbit/s or 5MB/s";

impl FromStr for Bandwidth {
    type Err = UnitError;

    /// Reads a bandwidth with its unit: `20Mbit/s`, `100 kbit/s`, `5MB/s`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = || UnitError::new(format!("not a bandwidth: \"{text}\""), BANDWIDTH_HELP);
        let (number, unit) = split(text).ok_or_else(refuse)?;
        let factor = match unit {
            "bit/s" => 1.0,
            "kbit/s" => 1e3,
            "Mbit/s" => 1e6,
            "Gbit/s" => 1e9,
            "B/s" => 8.0,
            "kB/s" => 8e3,
            "MB/s" => 8e6,
            "GB/s" => 8e9,
            _ => return Err(refuse()),
        };
        let bits_per_second = number * factor;
        if (1.0..=1e15).contains(&bits_per_second) {
            Ok(Self { bits_per_second })
        } else {
            Err(refuse())
        }
    }
}

/// The number at the start of a text, and the unit after it.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    number.is_finite().then(|| (number, text[end..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_bandwidths_parse_and_write_back_exactly() {
        for (text, bytes) in [
            ("200B", 200),
            ("14 kB", 14_000),
            ("1.5MB", 1_500_000),
            ("16KiB", 16_384),
        ] {
            let size: Bytes = text.parse().expect(text);
            assert_eq!(size, Bytes::new(bytes), "{text}");
            assert_eq!(size.to_text().parse(), Ok(size), "{text}");
        }
        for text in ["20Mbit/s", "1.5 Gbit/s", "5MB/s", "3bit/s"] {
            let bandwidth: Bandwidth = text.parse().expect(text);
            assert_eq!(bandwidth.to_text().parse(), Ok(bandwidth), "{text}");
        }
        let texts = [
            (0, "0B"),
            (700, "700B"),
            (14_000, "14kB"),
            (10 << 20, "10MiB"),
            (2_500_000_000, "2500MB"),
        ];
        for (bytes, text) in texts {
            assert_eq!(Bytes::new(bytes).to_text(), text);
        }
        // 1 MB is 8 million bits.
        let fast: Bandwidth = "8Mbit/s".parse().expect("a bandwidth");
        assert_eq!(
            fast.time_for(Bytes::new(1_000_000)),
            SimDuration::from_secs(1)
        );
        for bad in ["-1B", "12", "kB", "1e9999B", "NaNB", "5 parsecs"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
        for bad in ["0Mbit/s", "20M", "-1bit/s", ""] {
            assert!(bad.parse::<Bandwidth>().is_err(), "{bad}");
        }
    }
}
