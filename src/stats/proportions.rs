//! Shares of independent trials.

use super::Confidence;
use super::laws::{beta_quantile, binomial_quantile, normal_quantile};

/// Wilson's score interval for `part` successes in `whole` independent trials: close to its nominal coverage
/// on average, also where there is no success at all.
///
/// Wilson, J. Amer. Stat. Assoc. 22 (1927).
pub fn wilson(part: u64, whole: u64, confidence: Confidence) -> (f64, f64) {
    let (n, p) = (whole as f64, part as f64 / whole as f64);
    let z = normal_quantile(f64::midpoint(1.0, confidence.get()));
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// The interval of Clopper and Pearson, which never covers less than it says, and mostly more: for where a guarantee
/// is wanted.
///
/// Clopper & Pearson, Biometrika 26 (1934).
pub fn clopper_pearson(part: u64, whole: u64, confidence: Confidence) -> (f64, f64) {
    let tail = (1.0 - confidence.get()) / 2.0;
    let (k, n) = (part as f64, whole as f64);
    let low = if part == 0 {
        0.0
    } else {
        beta_quantile(tail, k, n - k + 1.0)
    };
    let high = if part == whole {
        1.0
    } else {
        beta_quantile(1.0 - tail, k + 1.0, n - k)
    };
    (low, high)
}

/// How many of `n` independent intervals may contain the truth if each does so with probability `nominal`: fewer
/// or more are seen with probability `error` at most.
pub fn acceptable_hits(n: u64, nominal: Confidence, error: f64) -> (u64, u64) {
    let quantile = |q| binomial_quantile(q, n, nominal.get());
    (quantile(error / 2.0), quantile(1.0 - error / 2.0))
}
