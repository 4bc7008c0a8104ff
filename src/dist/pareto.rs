//! The Pareto law: P(X > x) = (m / x)^α for x ≥ m.

use rand::Rng;

use super::{Sample, Shape, require_some_time, unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::math;
use crate::spec;
use crate::spec::{At, Data, number_text};
use crate::units::SimDuration;

spec! {
    /// Pareto, by mean and tail exponent. Below α = 2 the variance is infinite, and averages settle
    /// slowly or not at all.
    pub struct Pareto {
        /// The mean; the smallest value is mean · (α − 1) / α.
        pub mean: At<SimDuration>,
        /// The tail exponent α, above 1 (at 1 and below there is no mean).
        pub alpha: At<f64>,
    }
    check(Self::check)
}

impl Pareto {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        require_some_time(&self.mean, "the mean of a Pareto law", out);
        if self.alpha.value <= 1.0 {
            let problem = format!(
                "alpha must be above 1, found {}",
                number_text(self.alpha.value)
            );
            out.push(Diagnostic::error(self.alpha.origin, problem).label("no mean at 1 and below"));
        }
    }
}

impl Shape for Pareto {
    type Sampler = Sampler;
    fn sampler(&self, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Sampler> {
        let (mean, alpha) = (self.mean.as_nanos() as f64, self.alpha.value);
        Some(Sampler {
            least: mean * (alpha - 1.0) / alpha,
            power: -1.0 / alpha,
            mean,
        })
    }
}

/// By inversion.
#[derive(Debug, Clone)]
pub struct Sampler {
    least: f64,
    power: f64,
    mean: f64,
}

impl Sample for Sampler {
    #[inline]
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
        self.least * math::powf(unit(rng), self.power)
    }
    fn mean_nanos(&self) -> f64 {
        self.mean
    }
}
