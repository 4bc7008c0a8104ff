//! Quantiles of independent values, without any assumption about their law.

use super::Confidence;
use super::laws::{binomial_quantile, binomial_share, first_that};
use crate::math;

/// Between which two of the sorted values a quantile lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranks {
    /// The rank of the lower end, from 1; 0 if there are too few values for one.
    pub lower: u64,
    /// The rank of the upper end, from 1; above the number of values if there are too few for one.
    pub upper: u64,
    /// The probability that the quantile is between the two.
    pub coverage: f64,
}

impl Ranks {
    /// The ends of the interval for the `p`-quantile of `n` independent values: the largest lower rank and the
    /// smallest upper one that each miss it with half of the probability that is left. For values that are one
    /// per replication; requests of one run are not independent.
    ///
    /// David & Nagaraja, *Order Statistics*, 3rd ed., 7.1.
    pub fn of(n: u64, p: f64, confidence: Confidence) -> Self {
        let tail = (1.0 - confidence.get()) / 2.0;
        // At most `k - 1` values are below the quantile with a probability of `binomial_share(k - 1)`.
        let lower = first_that(n, |k| binomial_share(k, n, p) > tail);
        let upper = binomial_quantile(1.0 - tail, n, p) + 1;
        let below = |rank: u64| match rank {
            0 => 0.0,
            rank => binomial_share(rank - 1, n, p),
        };
        Self {
            lower,
            upper,
            coverage: below(upper) - below(lower),
        }
    }

    /// How many independent values it takes until the largest of them can be the upper end of an interval for
    /// the `p`-quantile: 72 for the 95th percentile at 95 %, 3,688 for the 99.9th.
    pub fn least_values(p: f64, confidence: Confidence) -> u64 {
        let tail = (1.0 - confidence.get()) / 2.0;
        (math::ln(tail) / math::ln(p)).ceil() as u64
    }
}
