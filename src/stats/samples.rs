//! Two samples beside one another, and one beside a law.

use super::laws::{chi_square_tail, student_quantile};
use super::{Confidence, Estimate};

/// The mean of a sample and its variance, with one degree of freedom less than it has values.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|own| (own - mean).powi(2)).sum();
    (mean, squares / (n - 1.0))
}

/// The difference of the means of two independent samples, whose variances need not be alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    /// Mean of the second minus mean of the first, with its interval.
    pub difference: Estimate,
    /// The degrees of freedom of its t law; rarely a whole number.
    pub freedom: f64,
}

/// The difference between two independent samples; nothing if one has fewer than two values, or neither varies.
/// Where both saw the same random numbers the interval of paired differences is narrower.
///
/// Welch, Biometrika 34 (1947).
pub fn welch(first: &[f64], second: &[f64], confidence: Confidence) -> Option<Welch> {
    if first.len() < 2 || second.len() < 2 {
        return None;
    }
    // Of each mean: itself, its variance, and that over its degrees of freedom, squared.
    let of = |own: &[f64]| {
        let (mean, variance) = moments(own);
        let error = variance / own.len() as f64;
        (mean, error, error * error / (own.len() - 1) as f64)
    };
    let (one, two) = (of(first), of(second));
    let error = one.1 + two.1;
    if error <= 0.0 {
        return None;
    }
    let freedom = error * (error / (one.2 + two.2));
    let t = student_quantile(f64::midpoint(1.0, confidence.get()), freedom);
    let half = t * error.sqrt();
    let value = two.0 - one.0;
    let interval = Some((value - half, value + half));
    let difference = Estimate { value, interval };
    Some(Welch {
        difference,
        freedom,
    })
}

/// How alike the ups and downs of pairs are, -1..=1; nothing with fewer than two, or where one side does not vary.
pub fn correlation(first: &[f64], second: &[f64]) -> Option<f64> {
    let n = first.len().min(second.len());
    if n < 2 {
        return None;
    }
    let (one, two) = (moments(&first[..n]), moments(&second[..n]));
    let pairs = first.iter().zip(second);
    let products = pairs.map(|(x, y)| (x - one.0) * (y - two.0));
    let covariance = products.sum::<f64>() / (n - 1) as f64;
    (one.1 > 0.0 && two.1 > 0.0).then(|| covariance / (one.1 * two.1).sqrt())
}

/// How far counts are from what was expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// The sum of the squared deviations, each over what was expected.
    pub statistic: f64,
    /// The probability of being so far off by chance.
    pub p_value: f64,
}

/// Pearson's chi-square test of counts in cells against expected ones, of which none should be below 5. Nothing
/// with fewer than two cells.
pub fn chi_square(observed: &[f64], expected: &[f64]) -> Option<ChiSquare> {
    let cells = observed.len().min(expected.len());
    let terms = observed
        .iter()
        .zip(expected)
        .map(|(o, e)| (o - e).powi(2) / e);
    let statistic = terms.sum();
    (cells >= 2).then(|| ChiSquare {
        statistic,
        p_value: chi_square_tail(statistic, (cells - 1) as f64),
    })
}
