//! Physical quantities: what they are, how they are written in a scenario, how they are shown.
//!
//! Inside the program a quantity is a type; at its edges it is text with a unit (`"250ms"`,
//! `"1.2k/s"`, `"70%"`, `"$0.69/h"`). Every type here parses its own text, says in its error what it
//! would have accepted, and can write text that parses back to exactly the same value.

mod fraction;
mod money;
mod rate;
mod size;
mod time;

pub use fraction::Fraction;
pub use money::{CostPerHour, CostPerSize};
pub use rate::Rate;
pub use size::{Bandwidth, Bytes};
pub use time::{SimDuration, SimTime};

/// A text that is not the quantity it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct UnitError {
    /// What is wrong with the text: a fragment such as `not a duration: "90 parsecs"`.
    pub problem: String,
    /// What would have been right: a fragment such as `write 90s, 2m30s, 1h or 1d 12h`.
    pub help: &'static str,
}

impl UnitError {
    fn new(problem: String, help: &'static str) -> Self {
        Self { problem, help }
    }
}

/// Three significant digits, without an exponent and without trailing zeros after the point.
///
/// `0.001234` becomes `0.00123`, `1840.2` becomes `1840`. Used wherever people read numbers; files get
/// full precision.
pub fn three_digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    let magnitude = crate::math::log10(value.abs()).floor() as i32;
    let decimals = (2 - magnitude).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A number with a large-scale suffix for people: `18.4 k`, `2.1 M`; plain below a thousand.
pub fn with_suffix(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        v if v >= 999.5e6 => (value / 1e9, " G"),
        v if v >= 999.5e3 => (value / 1e6, " M"),
        v if v >= 999.5 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    format!("{}{suffix}", three_digits(scaled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_for_people() {
        let cases = [
            (0.0, "0"),
            (0.001_234, "0.00123"),
            (412.4, "412"),
            (1840.2, "1840"),
            (9.999, "10"),
            (-0.5, "-0.5"),
        ];
        for (value, text) in cases {
            assert_eq!(three_digits(value), text);
        }
        assert_eq!(with_suffix(18_430.0), "18.4 k");
        assert_eq!(with_suffix(999.9), "1 k");
    }
}
