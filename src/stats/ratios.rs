//! Ratios of two sums that vary together: failures over requests, busy time over time.

use super::Confidence;
use super::Estimate;
use super::laws::normal_quantile;

/// The sum of numerators over the sum of denominators, from independent pairs (replications, regenerative cycles),
/// with the interval of the delta method. Nothing with fewer than two pairs, or a sum of denominators of zero.
///
/// Crane & Iglehart, Operations Research 23 (1975).
pub fn ratio(pairs: &[(f64, f64)], confidence: Confidence) -> Option<Estimate> {
    let k = pairs.len() as f64;
    let (up, down) = sums(pairs);
    if pairs.len() < 2 || down == 0.0 {
        return None;
    }
    let (value, mean) = (up / down, down / k);
    // The deviations of `y - R n` have a mean of zero.
    let squares: f64 = pairs.iter().map(|(y, n)| (y - value * n).powi(2)).sum();
    let z = normal_quantile(f64::midpoint(1.0, confidence.get()));
    let half = z * (squares / (k - 1.0)).sqrt() / (mean * k.sqrt());
    Some(Estimate {
        value,
        interval: Some((value - half, value + half)),
    })
}

/// The same by the jackknife, which takes away most of the bias of few pairs: the mean of the pseudo-values, with
/// their t interval. Nothing with fewer than two pairs, or if all but one of them have a sum of zero.
///
/// Miller, Biometrika 61 (1974).
pub fn jackknife_ratio(pairs: &[(f64, f64)], confidence: Confidence) -> Option<Estimate> {
    let k = pairs.len() as f64;
    let (up, down) = sums(pairs);
    if pairs.len() < 2 || pairs.iter().any(|(_, n)| down - n == 0.0) {
        return None;
    }
    let pseudo = |(y, n): &(f64, f64)| k * up / down - (k - 1.0) * (up - y) / (down - n);
    let values: Vec<f64> = pairs.iter().map(pseudo).collect();
    Estimate::mean(&values, confidence)
}

fn sums(pairs: &[(f64, f64)]) -> (f64, f64) {
    let add = |sum: (f64, f64), own: &(f64, f64)| (sum.0 + own.0, sum.1 + own.1);
    pairs.iter().fold((0.0, 0.0), add)
}
