//! What was predicted beside what was measured.

use super::predict::Prediction;
use super::shape::{Shape, shape};
use super::truth::{HIT_RATIO, Truth};

/// The figures that count, in this order.
const COUNTED: &[&str] = &[
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "throughput_ok_per_s",
    "error_share",
    HIT_RATIO,
];
/// Figures that are shown with them.
const SHOWN: &[&str] = &["mean_ms", "p90_ms", super::truth::ATTEMPTS];

/// A prediction is right if it is as close as this, relative to what was measured.
const CLOSE: f64 = 0.1;

/// How good a prediction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Within 10 % of what was measured.
    Close,
    /// Not that close, but not outside of what the repetitions were.
    InSpread,
    /// Neither.
    Off,
    /// There is no prediction.
    NoData,
}

impl Verdict {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Close => "within_10_percent",
            Self::InSpread => "in_spread",
            Self::Off => "off",
            Self::NoData => "no_data",
        }
    }

    /// True if the prediction counts as right.
    pub const fn is_in(self) -> bool {
        matches!(self, Self::Close | Self::InSpread)
    }
}

/// A figure, predicted and measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Which.
    pub figure: &'static str,
    /// Whether it counts in the summary.
    pub counts: bool,
    /// What was predicted; nothing without data.
    pub predicted: Option<f64>,
    /// What was measured.
    pub measured: f64,
    /// The smallest and the largest value of the repetitions.
    pub spread: Option<(f64, f64)>,
    /// The error relative to what was measured; nothing where that is 0.
    pub error: Option<f64>,
    /// How good it is.
    pub verdict: Verdict,
}

/// A recording, predicted and measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The recording.
    pub id: String,
    /// Its family.
    pub family: String,
    /// How many repetitions.
    pub repetitions: usize,
    /// The figures.
    pub pairs: Vec<Pair>,
    /// What happened over time, by repetition.
    pub shapes: Vec<Shape>,
}

/// Compares what was predicted with what was measured.
pub fn compare(truth: &Truth, prediction: &Prediction) -> Comparison {
    let figures = COUNTED.iter().map(|name| (*name, true));
    let figures = figures.chain(SHOWN.iter().map(|name| (*name, false)));
    let pairs = figures.filter_map(|(figure, counts)| {
        let measured = truth.measured.get(figure)?;
        let predicted = prediction.figures.get(figure);
        Some(pair(
            (figure, counts),
            predicted,
            measured,
            truth.spread(figure),
        ))
    });
    let both = truth.repetitions.iter().zip(&prediction.repetitions);
    Comparison {
        id: truth.id.clone(),
        family: truth.family.clone(),
        repetitions: truth.repetitions.len(),
        pairs: pairs.collect(),
        shapes: both.map(|(real, own)| shape(truth, real, own)).collect(),
    }
}

fn pair(
    (figure, counts): (&'static str, bool),
    predicted: Option<f64>,
    measured: f64,
    spread: Option<(f64, f64)>,
) -> Pair {
    let error = predicted
        .filter(|_| measured != 0.0)
        .map(|own| (own - measured) / measured);
    let verdict = match predicted {
        None => Verdict::NoData,
        Some(own) => {
            // Where nothing was measured, only nothing is right.
            let is_close = error.map_or(own.abs() <= f64::MIN_POSITIVE, |own| own.abs() <= CLOSE);
            let is_inside = spread.is_some_and(|(low, high)| (low..=high).contains(&own));
            match (is_close, is_inside) {
                (true, _) => Verdict::Close,
                (false, true) => Verdict::InSpread,
                (false, false) => Verdict::Off,
            }
        }
    };
    Pair {
        figure,
        counts,
        predicted,
        measured,
        spread,
        error,
        verdict,
    }
}

/// Errors of a figure in a family, or in all.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorSummary {
    /// The family; all of them if there is none.
    pub family: Option<String>,
    /// The figure; all that count if there is none.
    pub figure: Option<&'static str>,
    /// How many pairs there are, and how many of them are right.
    pub pairs: usize,
    /// See `pairs`.
    pub right: usize,
    /// Median and 90th percentile of the size of the error, where there is one.
    pub median: Option<f64>,
    /// See `median`.
    pub p90: Option<f64>,
}

/// All recordings together.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// All pairs that count.
    pub all: ErrorSummary,
    /// By figure.
    pub figures: Vec<ErrorSummary>,
    /// By family and figure.
    pub families: Vec<ErrorSummary>,
}

/// What all comparisons say together.
pub fn summarize(comparisons: &[Comparison]) -> Summary {
    let of = |family: Option<&str>, figure: Option<&'static str>| {
        let own = comparisons
            .iter()
            .filter(|own| family.is_none_or(|family| own.family == family));
        let pairs = own.flat_map(|own| &own.pairs);
        let pairs: Vec<&Pair> = pairs
            .filter(|own| own.counts && figure.is_none_or(|figure| own.figure == figure))
            .collect();
        let mut errors: Vec<f64> = pairs
            .iter()
            .filter_map(|own| Some(own.error?.abs()))
            .collect();
        errors.sort_by(f64::total_cmp);
        ErrorSummary {
            family: family.map(str::to_owned),
            figure,
            pairs: pairs.len(),
            right: pairs.iter().filter(|own| own.verdict.is_in()).count(),
            median: quantile(&errors, 0.5),
            p90: quantile(&errors, 0.9),
        }
    };
    let mut names: Vec<&str> = comparisons.iter().map(|own| own.family.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let some = |own: &ErrorSummary| own.pairs > 0;
    let families = names.iter().flat_map(|name| {
        let own = (*name).to_owned();
        COUNTED.iter().map(move |figure| (own.clone(), *figure))
    });
    Summary {
        all: of(None, None),
        figures: COUNTED
            .iter()
            .map(|own| of(None, Some(own)))
            .filter(some)
            .collect(),
        families: families
            .map(|(family, figure)| of(Some(&family), Some(figure)))
            .filter(some)
            .collect(),
    }
}

/// A quantile of sorted values, between two of them in proportion.
fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = p * last as f64;
    let (below, part) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(last);
    Some(sorted[below] + part * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prediction_is_right_if_it_is_close_or_as_the_repetitions_were() {
        let verdict = |own, measured, spread| pair(("p50_ms", true), own, measured, spread).verdict;
        let spread = Some((50.0, 150.0));
        assert_eq!(verdict(Some(109.9), 100.0, None), Verdict::Close);
        assert_eq!(verdict(Some(110.1), 100.0, spread), Verdict::InSpread);
        assert_eq!(verdict(Some(49.9), 100.0, spread), Verdict::Off);
        assert_eq!(verdict(Some(110.1), 100.0, None), Verdict::Off);
        assert_eq!(verdict(None, 100.0, spread), Verdict::NoData);
        // Where nothing was measured only nothing is right.
        assert_eq!(verdict(Some(0.0), 0.0, Some((0.0, 0.0))), Verdict::Close);
        assert_eq!(verdict(Some(0.001), 0.0, Some((0.0, 0.0))), Verdict::Off);
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&[0.0, 1.0, 2.0], 0.5), Some(1.0));
        assert!((quantile(&[0.0, 1.0, 2.0], 0.9).unwrap_or(0.0) - 1.8).abs() < 1e-12);
    }
}
