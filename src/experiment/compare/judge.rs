//! What a difference means: better, worse, the same, or nothing that can be told yet.

use serde::Serialize;

use super::Compared;
use crate::metrics::{Good, Metric, Unit};
use crate::scenario::Scenario;

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// B differs, to the better.
    Better,
    /// B differs, to the worse.
    Worse,
    /// B is higher, which is neither good nor bad by itself.
    Higher,
    /// B is lower, which is neither good nor bad by itself.
    Lower,
    /// The whole interval is within the tolerance, or every pair of replications is equal.
    Same,
    /// The interval contains zero, and more than the tolerance.
    Undecided,
    /// B has no such figure.
    OnlyA,
    /// A has no such figure.
    OnlyB,
}

/// What a difference of a figure is held against: the larger of the two; of shares what is smaller of the
/// share and its complement, for of 99 % success it is the 1 % of failures that matters.
fn scale(unit: Unit, a: f64, b: f64) -> f64 {
    let own = |value: f64| match unit {
        Unit::Fraction => value.min(1.0 - value),
        _ => value.abs(),
    };
    own(a).max(own(b))
}

/// Differences that nobody would notice, whatever they are a difference of: a request in a hundred thousand, a
/// microsecond, a hundredth of an instance or of somebody who waits.
const fn least(unit: Unit) -> f64 {
    match unit {
        Unit::Fraction => 1e-5,
        Unit::Seconds => 1e-6,
        Unit::Number => 0.01,
        Unit::PerSecond | Unit::Dollars => 0.0,
    }
}

/// The difference of a figure that is `share` of it.
fn part(own: &Compared, share: f64) -> Option<f64> {
    let (a, b) = (own.a?.value, own.b?.value);
    Some((share * scale(own.unit, a, b)).max(least(own.unit)))
}

/// What the difference of a figure means.
pub(super) fn word(own: &Compared, good: Good, is_identical: bool, tolerance: f64) -> Word {
    let difference = match (own.a, own.b) {
        (Some(_), None) => return Word::OnlyA,
        (None, _) => return Word::OnlyB,
        (Some(_), Some(_)) if is_identical => return Word::Same,
        _ => own.difference,
    };
    let Some(((low, high), slack)) = difference
        .and_then(|d| d.interval)
        .zip(part(own, tolerance))
    else {
        return Word::Undecided;
    };
    if -slack <= low && high <= slack {
        return Word::Same;
    }
    match (low > 0.0, high < 0.0, good) {
        (true, _, Good::High) | (_, true, Good::Low) => Word::Better,
        (true, _, Good::Low) | (_, true, Good::High) => Word::Worse,
        (true, _, Good::Either) => Word::Higher,
        (_, true, Good::Either) => Word::Lower,
        _ => Word::Undecided,
    }
}

/// Whether a difference is known to `precision` of the figure, to either side. One that cannot be known any
/// better, because a side has no data, is precise enough.
pub(super) fn is_precise(own: &Compared, precision: f64) -> bool {
    let Some((difference, wanted)) = own.difference.zip(part(own, precision)) else {
        return true;
    };
    // What every pair of replications agrees on will not become more precise.
    let half = difference.half_width();
    own.word == Word::Same && own.correlation.is_none() || half.is_some_and(|half| half <= wanted)
}

/// Which of the figures with these names the verdict rests on: those that an objective bounds; where none
/// bounds errors, the error rate, where none bounds a latency, p95 and p99; and the cost.
pub(super) fn main_figures(scenarios: [&Scenario; 2], names: &[&str]) -> Vec<bool> {
    let objectives: Vec<_> = scenarios.iter().flat_map(|own| own.objectives()).collect();
    let mut main: Vec<String> = objectives.iter().map(|own| own.name()).collect();
    let bounds = |of: &dyn Fn(Metric) -> bool| objectives.iter().any(|own| of(own.metric));
    let is_error = |own: Metric| matches!(own, Metric::SuccessRate | Metric::ErrorRate);
    let mut add = |metric: Metric| main.push(metric.name().to_owned());
    if !bounds(&is_error) {
        add(Metric::ErrorRate);
    }
    if !bounds(&|own| own.latency_quantile().is_some() || own == Metric::LatencyMean) {
        add(Metric::LatencyP95);
        add(Metric::LatencyP99);
    }
    add(Metric::Cost);
    names
        .iter()
        .map(|name| main.iter().any(|own| own == name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::estimate::measured::About;
    use crate::stats::Estimate;

    fn figure(unit: Unit, a: f64, low: f64, high: f64) -> Compared {
        let estimate = |value: f64, low: f64, high: f64| Estimate {
            value,
            interval: Some((low, high)),
        };
        let difference = f64::midpoint(low, high);
        Compared {
            name: String::new(),
            words: String::new(),
            about: About::All,
            unit,
            is_main: true,
            a: Some(estimate(a, a, a)),
            b: Some(estimate(a + difference, a, a)),
            difference: Some(estimate(difference, low, high)),
            relative: None,
            correlation: Some(0.5),
            saved: None,
            word: Word::Undecided,
        }
    }

    #[test]
    fn a_word_needs_the_whole_interval() {
        let of = |low, high, good| word(&figure(Unit::Seconds, 0.5, low, high), good, false, 0.02);
        assert_eq!(of(0.02, 0.04, Good::Low), Word::Worse);
        assert_eq!(of(0.02, 0.04, Good::High), Word::Better);
        assert_eq!(of(-0.04, -0.02, Good::Low), Word::Better);
        assert_eq!(of(-0.04, -0.02, Good::Either), Word::Lower);
        assert_eq!(of(-0.02, 0.005, Good::Low), Word::Undecided);
        // Real, and irrelevant.
        assert_eq!(of(0.001, 0.009, Good::Low), Word::Same);
    }

    /// 0.1 points are nothing to half of all requests, and a lot to an error rate of 0.2 %.
    #[test]
    fn shares_are_held_against_what_is_rare() {
        let of = |a, low, high| {
            word(
                &figure(Unit::Fraction, a, low, high),
                Good::Low,
                false,
                0.01,
            )
        };
        assert_eq!(of(0.5, 0.0005, 0.0015), Word::Same);
        assert_eq!(of(0.002, 0.0005, 0.0015), Word::Worse);
        assert_eq!(of(0.998, 0.0005, 0.0015), Word::Worse);
        assert_eq!(of(0.0, 1e-7, 9e-6), Word::Same);
    }

    #[test]
    fn precision_is_asked_of_the_difference() {
        let own = figure(Unit::Seconds, 0.5, -0.02, 0.02);
        assert!(is_precise(&own, 0.041) && !is_precise(&own, 0.039));
    }
}
