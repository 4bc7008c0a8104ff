//! The log-normal law: the logarithm is normal with mean μ and standard deviation σ.

use rand::Rng;
use rand_distr::{Distribution as _, StandardNormal};

use super::{CV_RANGE, Sample, Shape, require_some_time, require_within};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::math;
use crate::spec;
use crate::spec::{At, Data};
use crate::units::SimDuration;

/// The 95 % quantile of the standard normal law.
const Z95: f64 = 1.644_853_626_951_472_6;

spec! {
    /// Log-normal, by mean and coefficient of variation or by median and 95th percentile.
    pub struct LogNormal {
        /// The mean; goes with `cv`.
        pub mean: Option<At<SimDuration>>,
        /// The coefficient of variation: standard deviation over mean, 0.001 to 1000.
        pub cv: Option<At<f64>>,
        /// The median; goes with `p95`.
        pub median: Option<At<SimDuration>>,
        /// The 95th percentile, above the median.
        pub p95: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl LogNormal {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (&self.mean, &self.cv, &self.median, &self.p95) {
            (Some(mean), Some(cv), None, None) => {
                require_some_time(mean, "the mean of a log-normal law", out);
                require_within(cv, &CV_RANGE, "the coefficient of variation", out);
            }
            (None, None, Some(median), Some(p95)) => {
                require_some_time(median, "the median of a log-normal law", out);
                if p95.value <= median.value {
                    out.push(
                        Diagnostic::error(
                            p95.origin,
                            "the 95th percentile must be above the median",
                        )
                        .related(median.origin, "the median"),
                    );
                }
            }
            _ => out.push(
                Diagnostic::error(table, "a log-normal law needs two parameters")
                    .label("`mean` and `cv`, or `median` and `p95`"),
            ),
        }
    }
}

impl Shape for LogNormal {
    type Sampler = Sampler;
    fn sampler(&self, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Sampler> {
        let nanos = |span: &At<SimDuration>| span.as_nanos() as f64;
        if let (Some(mean), Some(cv)) = (&self.mean, &self.cv) {
            return Some(Sampler::new(nanos(mean), cv.value));
        }
        let (median, p95) = (self.median.as_ref()?, self.p95.as_ref()?);
        let mu = math::ln(nanos(median));
        Some(Sampler {
            mu,
            sigma: (math::ln(nanos(p95)) - mu) / Z95,
        })
    }
}

/// The exponential of a normal draw; the normal one by ziggurat, by `rand_distr`.
#[derive(Debug, Clone)]
pub struct Sampler {
    mu: f64,
    sigma: f64,
}

impl Sampler {
    /// With this mean, in nanoseconds and above 0, and this coefficient of variation.
    pub(super) fn new(mean: f64, cv: f64) -> Self {
        let variance = math::ln(1.0 + cv * cv);
        Self {
            mu: math::ln(mean) - variance / 2.0,
            sigma: variance.sqrt(),
        }
    }
}

impl Sample for Sampler {
    #[inline(never)]
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
        let normal: f64 = StandardNormal.sample(rng);
        math::exp(self.mu + self.sigma * normal)
    }
    fn mean_nanos(&self) -> f64 {
        math::exp(self.mu + self.sigma * self.sigma / 2.0)
    }
}
