//! Quantiles and tails of the laws that intervals and tests are made of.

use crate::math;
use statrs::distribution::{
    Beta, Binomial, ChiSquared, ContinuousCDF as _, DiscreteCDF as _, Normal, StudentsT,
};

/// The `p`-quantile of the standard normal law.
///
/// # Panics
/// If `p` is not strictly between 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    require_inside(p);
    let law = Normal::standard();
    // One step of Newton's method on top of the library's rational approximation.
    let x = law.inverse_cdf(p);
    let density = math::exp(-0.5 * x * x) / std::f64::consts::TAU.sqrt();
    if p < 0.5 {
        x - (law.cdf(x) - p) / density
    } else {
        x + (law.sf(x) - (1.0 - p)) / density
    }
}

/// The probability that a standard normal variable is at most `x`.
pub fn normal_share(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

/// The `p`-quantile of Student's t law; `freedom` need not be whole (Welch's interval, overlapping batches).
///
/// # Panics
/// If `p` is not strictly between 0 and 1, or `freedom` is not above 0.
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    require_inside(p);
    let law = StudentsT::new(0.0, 1.0, freedom).expect("degrees of freedom above 0");
    law.inverse_cdf(p)
}

/// The probability that a chi-square variable is above `x`.
///
/// # Panics
/// If `freedom` is not above 0.
pub fn chi_square_tail(x: f64, freedom: f64) -> f64 {
    let law = ChiSquared::new(freedom).expect("degrees of freedom above 0");
    law.sf(x)
}

/// The probability of at most `k` successes in `n` independent trials.
///
/// # Panics
/// If `p` is not a probability.
pub fn binomial_share(k: u64, n: u64, p: f64) -> f64 {
    Binomial::new(p, n).expect("a probability").cdf(k)
}

/// The smallest number of successes that is exceeded in `n` independent trials with probability `1 - q` at most.
///
/// # Panics
/// If `p` is not a probability, or `q` not strictly between 0 and 1.
pub fn binomial_quantile(q: f64, n: u64, p: f64) -> u64 {
    require_inside(q);
    first_that(n, |k| binomial_share(k, n, p) >= q)
}

/// The `q`-quantile of the beta law.
///
/// # Panics
/// If `q` is not strictly between 0 and 1, or a shape is not above 0.
pub fn beta_quantile(q: f64, a: f64, b: f64) -> f64 {
    require_inside(q);
    let law = Beta::new(a, b).expect("shapes above 0");
    let (mut low, mut high) = (0.0, 1.0);
    // Bisection, until two neighbouring numbers are left.
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if law.cdf(middle) < q {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// The first of `0..=n` for which something holds that, once it does, holds for all further ones; `n` if it
/// never does.
pub(super) fn first_that(n: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn require_inside(p: f64) {
    assert!(p > 0.0 && p < 1.0, "a probability strictly inside of 0..1");
}
