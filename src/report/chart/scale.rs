//! Scales: from values to positions, with ticks at round values in real units.

use crate::math::{log10, powf};
use crate::metrics::Unit;
use crate::objective::show;
use crate::report::words::clock;
use crate::units::three_digits;

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Law {
    Linear,
    /// Every factor of ten takes the same space.
    Log,
    /// Shares near one: 90 %, 99 % and 99.9 % are the same space apart.
    Nines,
}

/// An axis: the range of values, and where its ends are on the sheet.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    law: Law,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    /// Where a line of the grid goes, with what is written beside it; nothing for lines in between.
    pub(super) ticks: Vec<(f64, Option<String>)>,
}

/// Values that span more than this factor are shown on a log scale.
const WIDE: f64 = 12.0;

impl Scale {
    fn new(law: Law, low: f64, high: f64, ticks: Vec<(f64, Option<String>)>) -> Self {
        Self {
            law,
            low,
            high,
            from: 0.0,
            to: 1.0,
            ticks,
        }
    }

    /// From zero to a round value at or above `most`.
    pub(super) fn from_zero(unit: Unit, most: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let least_step = if unit == Unit::Number { 1.0 } else { 0.0 };
        let step = match LONG_STEPS.iter().find(|step| **step >= most / 5.0) {
            Some(step) if unit == Unit::Seconds && most >= MINUTES => *step,
            _ => round_step(most / 5.0).max(least_step),
        };
        let n = (most / step - 1e-9).ceil().max(1.0) as u32;
        let tick = |at: u32| {
            let value = f64::from(at) * step;
            (value, Some(plain_zero(unit, value)))
        };
        Self::new(
            Law::Linear,
            0.0,
            f64::from(n) * step,
            (0..=n).map(tick).collect(),
        )
    }

    /// Relative differences from `low` (0 or less) to `high` (0 or more), ending at round ones.
    pub(super) fn signed(low: f64, high: f64) -> Self {
        let step = round_step((high - low) / 6.0);
        let (first, last) = ((low / step).floor(), (high / step - 1e-9).ceil());
        let tick = |at: i64| {
            let value = at as f64 * step;
            let sign = if at > 0 { "+" } else { "" };
            let label = format!("{sign}{} %", three_digits(value * 100.0));
            (value, Some(if at == 0 { "A".to_owned() } else { label }))
        };
        let ticks = (first as i64..=last as i64).map(tick).collect();
        Self::new(Law::Linear, first * step, last * step, ticks)
    }

    /// From zero to just beyond `most`, for axes whose far end is looked at: no space is left there.
    pub(super) fn up_to(unit: Unit, most: f64) -> Self {
        let mut scale = Self::from_zero(unit, most);
        if most > 0.0 {
            scale.high = most * 1.015;
            scale.ticks.retain(|tick| tick.0 <= scale.high);
        }
        scale
    }

    /// Around values that need not start at zero: where their differences matter.
    pub(super) fn around(unit: Unit, low: f64, high: f64) -> Self {
        let span = high - low;
        if span > low * 2.0 || span <= high * 1e-3 || !low.is_finite() {
            return Self::from_zero(unit, high);
        }
        // Steps below a hundredth could not be told apart in three digits.
        let step = round_step((span / 5.0).max(high * 0.01));
        let (first, last) = (
            (low / step - 0.3).floor().max(0.0),
            (high / step + 0.3).ceil(),
        );
        let tick = |at: u64| {
            let value = at as f64 * step;
            (value, Some(plain_zero(unit, value)))
        };
        let ticks = (first as u64..=last as u64).map(tick).collect();
        Self::new(Law::Linear, first * step, last * step, ticks)
    }

    /// From zero, or on a log scale if the values span decades. Zero and less have no place on a log scale
    /// and stay at its lower end.
    pub(super) fn fitting(unit: Unit, values: impl IntoIterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values.into_iter().filter(|value| *value > 0.0) {
            (low, high) = (low.min(value), high.max(value));
        }
        if high / low > WIDE && low.is_finite() {
            Self::log(unit, low, high)
        } else {
            Self::from_zero(unit, high)
        }
    }

    /// A log scale around `low` to `high`, both above zero.
    pub(super) fn log(unit: Unit, low: f64, high: f64) -> Self {
        let round = rounds(unit, low, high);
        let floor = round.iter().rev().find(|own| own.value <= low * 1.000_001);
        let floor = floor.map_or(low, |own| own.value);
        let ceiling = round
            .iter()
            .find(|own| own.value >= (high * 0.999_999).max(floor * 2.0));
        let ceiling = ceiling.map_or(high, |own| own.value);
        let decades = log10(ceiling / floor);
        let inside = round
            .iter()
            .filter(|own| (floor..=ceiling).contains(&own.value));
        let tick = |own: &Round| {
            let is_shown = if own.is_main {
                decades <= 8.0 || log10(own.value).round() as i32 % 2 == 0
            } else {
                decades <= 3.2
            };
            let is_drawn = own.is_main || decades <= 4.0;
            (is_shown || is_drawn).then(|| (own.value, is_shown.then(|| show(unit, own.value))))
        };
        let ticks = inside.filter_map(tick).collect();
        Self::new(Law::Log, floor, ceiling, ticks)
    }

    /// The clock of a run, from `from` to `to` seconds.
    pub(super) fn clock(from: f64, to: f64) -> Self {
        const STEPS: [f64; 21] = [
            1.0,
            2.0,
            5.0,
            10.0,
            15.0,
            30.0,
            60.0,
            120.0,
            300.0,
            600.0,
            900.0,
            1800.0,
            3600.0,
            7200.0,
            10_800.0,
            21_600.0,
            43_200.0,
            86_400.0,
            172_800.0,
            604_800.0,
            2_592_000.0,
        ];
        let span = (to - from).max(1e-9);
        let wanted = span / 9.5;
        let found = STEPS.iter().copied().find(|step| *step >= wanted);
        let step = match found {
            Some(step) if span >= 4.0 => step,
            _ => round_step(wanted),
        };
        let first = (from / step).ceil() as u64;
        let last = (to / step + 1e-9).floor() as u64;
        let tick = |at: u64| {
            let value = at as f64 * step;
            (value, Some(clock(value).to_string()))
        };
        Self::new(
            Law::Linear,
            from,
            from + span,
            (first..=last).map(tick).collect(),
        )
    }

    /// Shares from 0 to `most`, but not beyond four nines, with the tail spread out.
    pub(super) fn nines(most: f64) -> Self {
        const SHARES: [f64; 7] = [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];
        let top = SHARES.iter().copied().find(|share| *share >= most);
        let top = top.unwrap_or(0.9999).max(0.999);
        let shown = SHARES.iter().filter(|share| **share <= top);
        let tick = |share: &f64| (*share, Some(show(Unit::Fraction, *share)));
        Self::new(Law::Nines, 0.0, top, shown.map(tick).collect())
    }

    /// The same axis, laid from `from` to `to` on the sheet.
    pub(super) fn laid(self, from: f64, to: f64) -> Self {
        Self { from, to, ..self }
    }

    /// Where a value is; what lies outside stays at the edge.
    pub(super) fn at(&self, value: f64) -> f64 {
        let place = |value: f64| match self.law {
            Law::Linear => value,
            Law::Log => log10(value.max(f64::MIN_POSITIVE)),
            Law::Nines => -log10((1.0 - value).max(1e-9)),
        };
        let value = value.clamp(self.low, self.high);
        let (low, high) = (place(self.low), place(self.high));
        let share = (place(value) - low) / (high - low);
        self.from + share * (self.to - self.from)
    }

    /// True if a value has a place inside.
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The largest value that has a place.
    pub(super) const fn high(&self) -> f64 {
        self.high
    }

    /// The smallest value that has a place.
    pub(super) const fn low(&self) -> f64 {
        self.low
    }

    /// What is written beside the lines.
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.ticks.iter().filter_map(|tick| tick.1.as_deref())
    }
}

/// Zero needs no unit but the dollar, to be read as what it is.
fn plain_zero(unit: Unit, value: f64) -> String {
    if value == 0.0 && unit != Unit::Dollars {
        "0".to_owned()
    } else {
        show(unit, value)
    }
}

/// The next of 1, 2, 5, 10, … at or above `value`.
fn round_step(value: f64) -> f64 {
    ceil_125(value.max(1e-12))
}

/// See [`round_step`].
fn ceil_125(value: f64) -> f64 {
    let base = powf(10.0, log10(value).floor());
    let digit = [1.0, 2.0, 5.0, 10.0].into_iter();
    let found = digit
        .map(|digit| digit * base)
        .find(|it| *it >= value * 0.999_999);
    found.unwrap_or(10.0 * base)
}

/// Times of this length and more are round in minutes and hours, not in seconds.
const MINUTES: f64 = 600.0;
/// Round steps between such times.
const LONG_STEPS: [f64; 14] = [
    120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 18e3, 36e3, 72e3, 180e3, 360e3, 720e3,
    1800e3,
];

/// A round value.
#[derive(Debug, Clone, Copy)]
struct Round {
    value: f64,
    /// It is kept where there is little room.
    is_main: bool,
}

/// Round values from below `low` to above `high`: 1, 2, 5, 10, …; for long times those of the clock.
fn rounds(unit: Unit, low: f64, high: f64) -> Vec<Round> {
    let (first, last) = (
        log10(low).floor() as i32 - 1,
        log10(high.max(low * 2.0)).ceil() as i32 + 1,
    );
    let decade = |exponent: i32| {
        let digits = [(1.0, true), (2.0, false), (5.0, false)];
        digits.map(|(digit, is_main)| Round {
            value: digit * powf(10.0, f64::from(exponent)),
            is_main,
        })
    };
    let all = (first..=last).flat_map(decade);
    if unit != Unit::Seconds || high < MINUTES {
        return all.collect();
    }
    // One minute, ten minutes, one hour, ten hours, …
    let clock = [60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0, 7200.0, 18e3];
    let clock = clock.map(|value| Round {
        value,
        is_main: matches!(value as u32, 60 | 600 | 3600),
    });
    let hours = all.clone().map(|own| Round {
        value: own.value * 3600.0,
        ..own
    });
    let seconds = all.filter(|own| own.value < 45.0);
    let mut found: Vec<Round> = seconds.chain(clock).collect();
    found.extend(hours.filter(|own| own.value > 20e3));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> String {
        scale.labels().collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn ticks_are_round_in_real_units() {
        insta::assert_snapshot!(
            [
                labels(&Scale::from_zero(Unit::PerSecond, 19_300.0)),
                labels(&Scale::from_zero(Unit::Number, 3.0)),
                labels(&Scale::from_zero(Unit::Fraction, 0.0041)),
                labels(&Scale::from_zero(Unit::Seconds, 0.0)),
                labels(&Scale::fitting(Unit::Seconds, [0.031, 6.1])),
                labels(&Scale::fitting(Unit::Seconds, [0.080, 0.140])),
                labels(&Scale::log(Unit::Dollars, 4.0, 31.0)),
                labels(&Scale::log(Unit::Seconds, 3.0, 9.0 * 3600.0)),
                labels(&Scale::from_zero(Unit::Seconds, 4.0 * 3600.0)),
                labels(&Scale::clock(0.0, 2700.0)),
                labels(&Scale::clock(0.0, 0.8)),
                labels(&Scale::clock(0.0, 7.0 * 86_400.0)),
                labels(&Scale::nines(0.9997)),
            ]
            .join("\n")
        );
    }

    #[test]
    fn a_value_has_one_place_and_stays_inside() {
        let scale = Scale::log(Unit::Seconds, 0.01, 1.0).laid(100.0, 300.0);
        assert!((scale.at(0.1) - 200.0).abs() < 1e-9);
        assert!(
            (scale.at(0.0) - 100.0).abs() < 1e-9,
            "zero is at the lower end"
        );
        assert!((scale.at(9.0) - 300.0).abs() < 1e-9);
        assert!(scale.holds(0.5) && !scale.holds(2.0));
    }
}
