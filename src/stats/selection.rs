//! Constants of procedures that select among systems.

use super::laws::normal_share;
use crate::math;

/// Rinott's constant `h` for `k` systems, `first` replications of each in the first stage and a probability
/// `right` of a correct selection: with `h² s² / delta²` replications of each the one with the best mean is selected,
/// if it is better than the others by `delta` at least.
///
/// `h` solves `E[E[Phi(h / sqrt((first - 1)(1/X + 1/Y))) | Y]^(k - 1)] = right`, with independent chi-square
/// variables X and Y of `first - 1` degrees of freedom. Found by bisection to 1e-9.
///
/// Rinott, Communications in Statistics A7 (1978).
///
/// # Panics
/// Unless `k` is at least 2, `first` at least 2, and `right` between `1/k` and 1.
pub fn rinott(k: u32, first: u32, right: f64) -> f64 {
    assert!(k >= 2 && first >= 2, "two systems, two replications");
    assert!(right > 1.0 / f64::from(k) && right < 1.0, "a probability");
    let law = ChiSquareGrid::new(f64::from(first - 1));
    let (mut low, mut high) = (0.0, 1.0);
    while law.probability(high, k) < right {
        high *= 2.0;
    }
    while high - low > 1e-9 {
        let middle = f64::midpoint(low, high);
        if law.probability(middle, k) < right {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// A chi-square law as points with weights: the trapezoidal rule over the logarithm, which converges faster than
/// any power of the number of points because the density vanishes at both ends.
struct ChiSquareGrid {
    freedom: f64,
    points: Vec<(f64, f64)>,
}

impl ChiSquareGrid {
    const POINTS: u32 = 240;

    fn new(freedom: f64) -> Self {
        // In logarithms the law is about `sqrt(2 / freedom)` wide, and falls off like `exp(freedom x / 2)` below.
        let (low, high) = (-60.0 / freedom - 4.0, 4.0_f64.min(60.0 / freedom) + 1.5);
        let step = (high - low) / f64::from(Self::POINTS);
        let weight = |at: u32| {
            let x = low + step * f64::from(at);
            let log = 0.5 * freedom * (x - math::exp(x));
            (freedom * math::exp(x), math::exp(log + 0.5 * freedom))
        };
        let points: Vec<_> = (0..=Self::POINTS).map(weight).collect();
        let all: f64 = points.iter().map(|own| own.1).sum();
        let points = points.into_iter().map(|(x, w)| (x, w / all)).collect();
        Self { freedom, points }
    }

    fn probability(&self, h: f64, k: u32) -> f64 {
        let outer = self.points.iter().map(|(y, weight)| {
            let inner = self.points.iter().map(|(x, weight)| {
                weight * normal_share(h / (self.freedom * (1.0 / x + 1.0 / y)).sqrt())
            });
            weight * inner.sum::<f64>().powi(k.cast_signed() - 1)
        });
        outer.sum()
    }
}
