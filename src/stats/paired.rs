//! Two systems on the same random numbers: differences between their figures, replication by replication.

use super::{Confidence, Estimate, Sample};

/// How far a figure of B is from that of A.
///
/// Replication r of both systems saw the same random numbers, so what they have in common falls out of their
/// difference: with the deviations `a_r` and `b_r` of what the replications say from the figures A and B, the
/// variance of B - A is that of `b_r - a_r`. If the two are not alike after all the interval is wider, not
/// wrong (Law, *Simulation Modeling and Analysis*, 5th ed., 10.2.1 and 11.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// B - A.
    pub difference: Estimate,
    /// B / A - 1; nothing if A is zero. Without an interval where that of A reaches zero.
    pub relative: Option<Estimate>,
    /// How alike the replications of both are, -1..=1; nothing where one of them does not vary.
    pub correlation: Option<f64>,
    /// How many times as many replications would be needed for this interval without common random numbers;
    /// nothing where nothing varies.
    pub saved: Option<f64>,
    /// Pairs of replications in which both have data.
    pub pairs: usize,
    /// True if every pair of replications says exactly the same.
    pub is_identical: bool,
}

/// Variances and covariance of two figures, from the deviations of their replications.
#[derive(Debug, Clone, Copy)]
struct Spread {
    aa: f64,
    bb: f64,
    ab: f64,
}

impl Spread {
    fn of(a: &Sample, b: &Sample, pairs: &[(f64, f64)]) -> Self {
        let n = pairs.len() as f64;
        let mut own = Self {
            aa: 0.0,
            bb: 0.0,
            ab: 0.0,
        };
        for (one, other) in pairs {
            let (da, db) = (one - a.value(), other - b.value());
            own.aa += da * da;
            own.bb += db * db;
            own.ab += da * db;
        }
        let scale = 1.0 / (n * (n - 1.0));
        Self {
            aa: own.aa * scale,
            bb: own.bb * scale,
            ab: own.ab * scale,
        }
    }

    /// The variance of B - A.
    fn difference(self) -> f64 {
        let whole = self.aa + self.bb;
        let rest = whole - 2.0 * self.ab;
        // What is left of the rounding of three sums is no spread.
        if rest <= whole * 1e-13 { 0.0 } else { rest }
    }
}

impl Paired {
    /// Compares two figures whose replications are numbered alike.
    pub fn new(a: &Sample, b: &Sample, confidence: Confidence) -> Self {
        let both = a.own().iter().zip(b.own());
        let pairs: Vec<(f64, f64)> = both.filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect();
        let value = b.value() - a.value();
        let base = a.value();
        let mut own = Self {
            difference: Estimate {
                value,
                interval: None,
            },
            relative: (base != 0.0).then(|| Estimate {
                value: value / base,
                interval: None,
            }),
            correlation: None,
            saved: None,
            pairs: pairs.len(),
            is_identical: pairs.iter().all(|(a, b)| a.to_bits() == b.to_bits()),
        };
        if pairs.len() < 2 {
            return own;
        }
        let spread = Spread::of(a, b, &pairs);
        let t = confidence.student(pairs.len() - 1);
        let half = t * spread.difference().sqrt();
        own.difference.interval = Some(margins(a, b, half, confidence).around(value));
        if let Some(relative) = &mut own.relative {
            relative.interval =
                ratio(a.value(), b.value(), spread, t).map(|(l, h)| (l - 1.0, h - 1.0));
        }
        if spread.aa > 0.0 && spread.bb > 0.0 {
            own.correlation = Some((spread.ab / (spread.aa * spread.bb).sqrt()).clamp(-1.0, 1.0));
        }
        if spread.difference() > 0.0 {
            own.saved = Some((spread.aa + spread.bb) / spread.difference());
        }
        own
    }
}

/// What lies below and above a difference inside of its interval.
#[derive(Debug, Clone, Copy)]
struct Margins {
    below: f64,
    above: f64,
}

impl Margins {
    fn around(self, value: f64) -> (f64, f64) {
        (value - self.below, value + self.above)
    }
}

/// The interval of a difference; a share whose replications leave no spread adds the margins of its Wilson
/// interval, as in Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method 10).
fn margins(a: &Sample, b: &Sample, half: f64, confidence: Confidence) -> Margins {
    let mut squares = [half * half; 2];
    for (sample, below) in [(a, 1), (b, 0)] {
        if let Some((part, whole)) = sample.unspread() {
            let (low, high) = confidence.wilson(part, whole);
            squares[below] += (sample.value() - low).powi(2);
            squares[1 - below] += (high - sample.value()).powi(2);
        }
    }
    Margins {
        below: squares[0].sqrt(),
        above: squares[1].sqrt(),
    }
}

/// Fieller's interval for B / A: every ratio r for which B - r A cannot be told from zero. So it contains 1
/// exactly if the interval of B - A contains 0. Nothing if it has no end, because A cannot be told from zero.
///
/// Fieller, J. R. Stat. Soc. B 16 (1954).
fn ratio(a: f64, b: f64, spread: Spread, t: f64) -> Option<(f64, f64)> {
    let squared = t * t;
    // (B - r A)² <= t² Var(B - r A), as a quadratic in r.
    let two = a * a - squared * spread.aa;
    let one = a * b - squared * spread.ab;
    let zero = b * b - squared * spread.bb;
    if two <= 0.0 {
        return None;
    }
    let inside = one.powi(2) - two * zero;
    let root = inside.max(0.0).sqrt();
    Some(((one - root) / two, (one + root) / two))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_95() -> Confidence {
        Confidence::new(0.95).expect("a level")
    }

    fn sample(values: &[f64]) -> Sample {
        Sample::mean(values.iter().copied().map(Some).collect()).expect("data")
    }

    /// Student's sleep data (1908), as every statistics text has it: mean difference 1.58, 95 % interval
    /// 0.7001142 to 2.4598858, correlation 0.7951702.
    #[test]
    fn students_own_example() {
        let a = sample(&[0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]);
        let b = sample(&[1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]);
        let paired = Paired::new(&a, &b, at_95());
        let (low, high) = paired.difference.interval.expect("ten pairs");
        assert!((paired.difference.value - 1.58).abs() < 1e-9);
        assert!((low - 0.700_114_2).abs() < 1e-6 && (high - 2.459_885_8).abs() < 1e-6);
        assert!((paired.correlation.expect("both vary") - 0.795_170).abs() < 1e-6);
        // 0.75 is in the 95 % interval of A, 1.79 / sqrt(10) beside it: a ratio to it has no end.
        assert_eq!(paired.relative.expect("A is not 0").interval, None);
    }

    /// The interval of the ratio contains 1 exactly if that of the difference contains 0; for an A without
    /// spread it is that of B, divided.
    #[test]
    fn ratios_agree_with_differences() {
        let a = sample(&[10.0, 11.0, 9.5, 10.4, 10.2]);
        for shift in [-0.6, -0.3, -0.05, 0.05, 0.3, 0.6] {
            let values = [10.3, 10.7, 9.9, 10.1, 10.1].map(|x| x + shift);
            let paired = Paired::new(&a, &sample(&values), at_95());
            let has = |e: Estimate| {
                let (low, high) = e.interval.expect("an interval");
                low <= 0.0 && 0.0 <= high
            };
            assert_eq!(has(paired.difference), has(paired.relative.expect("not 0")));
        }
        let (fixed, b) = (sample(&[4.0; 5]), sample(&[5.0, 6.0, 4.0, 5.5, 4.5]));
        let paired = Paired::new(&fixed, &b, at_95());
        let (low, high) = b.estimate(at_95()).interval.expect("five values");
        let (l, h) = paired.relative.and_then(|own| own.interval).expect("not 0");
        assert!((l - (low / 4.0 - 1.0)).abs() < 1e-12 && (h - (high / 4.0 - 1.0)).abs() < 1e-12);
    }

    /// Newcombe (1998), table II, case (g): 0 of 10 against 0 of 20 without a continuity correction.
    #[test]
    fn shares_that_never_vary_keep_their_doubt() {
        let none = |n: u64| Sample::share(&[(0, n / 2), (0, n / 2)]).expect("data");
        let paired = Paired::new(&none(20), &none(10), at_95());
        let (low, high) = paired.difference.interval.expect("two pairs");
        assert!(
            (low + 0.1611).abs() < 1e-4 && (high - 0.2775).abs() < 1e-4,
            "{low} {high}"
        );
        assert!(paired.is_identical);
    }
}
