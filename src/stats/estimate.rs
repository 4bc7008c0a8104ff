//! Figures with intervals, from independent replications.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};

use super::Sample;

/// How sure an interval is to be: the share of intervals that contain the truth, above 0 and below 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confidence(f64);

impl Confidence {
    /// The level `level`, or nothing if it is not strictly between 0 and 1.
    pub fn new(level: f64) -> Option<Self> {
        (level > 0.0 && level < 1.0).then_some(Self(level))
    }

    /// The level as a number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The level at which each of `n` intervals has to hold for all of them to hold at this one together,
    /// however they depend on each other (Bonferroni).
    #[must_use]
    pub fn for_all(self, n: usize) -> Self {
        Self(1.0 - (1.0 - self.0) / n.max(1) as f64)
    }

    /// The two-sided quantile of Student's t with `freedom` degrees of freedom.
    pub(super) fn student(self, freedom: usize) -> f64 {
        let law = StudentsT::new(0.0, 1.0, freedom as f64).expect("at least one degree of freedom");
        law.inverse_cdf(f64::midpoint(1.0, self.0))
    }

    /// The two-sided quantile of the standard normal law.
    fn normal(self) -> f64 {
        Normal::standard().inverse_cdf(f64::midpoint(1.0, self.0))
    }

    /// `centre ± t · sqrt(Σ (x - centre)² / (n (n - 1)))`; nothing with fewer than two values.
    pub(super) fn around(self, centre: f64, values: &[f64]) -> Option<(f64, f64)> {
        let n = values.len();
        if n < 2 {
            return None;
        }
        let squares: f64 = values.iter().map(|x| (x - centre) * (x - centre)).sum();
        let half = self.student(n - 1) * (squares / (n * (n - 1)) as f64).sqrt();
        Some((centre - half, centre + half))
    }

    /// Wilson's score interval for `part` successes in `whole` independent trials.
    pub(super) fn wilson(self, part: u64, whole: u64) -> (f64, f64) {
        let (n, z) = (whole as f64, self.normal());
        let p = part as f64 / n;
        let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        ((centre - half).max(0.0), (centre + half).min(1.0))
    }
}

/// A figure and the interval around it. Without data there is no `Estimate` at all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// Both ends of the interval; nothing with a single replication, whose spread cannot be known.
    pub interval: Option<(f64, f64)>,
}

impl Estimate {
    /// The mean of one value per replication, with the t interval. Nothing without values.
    ///
    /// Law, *Simulation Modeling and Analysis*, 5th ed., 4.5 (replication/deletion approach).
    pub fn mean(values: &[f64], confidence: Confidence) -> Option<Self> {
        let own = values.iter().copied().map(Some).collect();
        Some(Sample::mean(own)?.estimate(confidence))
    }

    /// A figure computed from all replications together, with the spread of the replications' own
    /// figures around it ([`Sample::sections`]). Nothing without a pooled figure; replications without a
    /// figure of their own are left out.
    pub fn sections(
        pooled: Option<f64>,
        sections: impl IntoIterator<Item = Option<f64>>,
        confidence: Confidence,
    ) -> Option<Self> {
        let own = sections.into_iter().collect();
        Some(Sample::sections(pooled, own)?.estimate(confidence))
    }

    /// A share of requests: (part, whole) per replication, pooled, with the jackknife interval, inside
    /// 0..=1 ([`Sample::share`]). Nothing if all wholes are zero.
    pub fn share(parts: &[(u64, u64)], confidence: Confidence) -> Option<Self> {
        Some(Sample::share(parts)?.estimate(confidence))
    }

    /// Half the width of the interval.
    pub fn half_width(&self) -> Option<f64> {
        self.interval.map(|(low, high)| (high - low) / 2.0)
    }

    /// The same figure in another unit.
    #[must_use]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        let interval = self.interval.map(|(low, high)| {
            let (a, b) = (f(low), f(high));
            (a.min(b), a.max(b))
        });
        Self {
            value: f(self.value),
            interval,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9 * b.abs().max(1e-9)
    }

    fn at_95() -> Confidence {
        Confidence::new(0.95).expect("a level")
    }

    /// Textbook example: Law, 5th ed., example 4.27 (90 %, ten values).
    #[test]
    fn t_interval() {
        let values = [1.20, 1.50, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.50, 1.09];
        let estimate =
            Estimate::mean(&values, Confidence::new(0.9).expect("a level")).expect("data");
        assert!((estimate.value - 1.343).abs() < 5e-4);
        let (low, high) = estimate.interval.expect("ten values");
        assert!(
            (low - 1.1057).abs() < 1e-4 && (high - 1.5803).abs() < 1e-4,
            "{low} {high}"
        );
    }

    #[test]
    fn no_interval_from_one_and_no_figure_from_none() {
        assert_eq!(Estimate::mean(&[], at_95()), None);
        assert_eq!(
            Estimate::mean(&[3.0], at_95()).map(|e| e.interval),
            Some(None)
        );
        assert_eq!(Estimate::share(&[(0, 0)], at_95()), None);
    }

    /// For equal wholes the jackknife is the ordinary t interval of the shares.
    #[test]
    fn shares() {
        let estimate = Estimate::share(&[(10, 100), (14, 100), (9, 100)], at_95()).expect("data");
        let plain = Estimate::mean(&[0.10, 0.14, 0.09], at_95()).expect("data");
        assert!(close(estimate.value, plain.value));
        let ((a, b), (c, d)) = (
            estimate.interval.expect("three"),
            plain.interval.expect("three"),
        );
        assert!(close(a, c) && close(b, d));
        let never = Estimate::share(&[(0, 1000), (0, 2000)], at_95()).expect("data");
        let (low, high) = never.interval.expect("two");
        assert!(
            low == 0.0 && (1e-3..2e-3).contains(&high),
            "the rule of three, two-sided: {high}"
        );
    }
}
