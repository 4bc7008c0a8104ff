//! The gamma law.

use rand::Rng;
use rand_distr::Distribution as _;

use super::{CV_RANGE, Sample, Shape, require_some_time, require_within};
use crate::diag::{Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data};
use crate::units::SimDuration;

spec! {
    /// Gamma, by mean and coefficient of variation.
    pub struct Gamma {
        /// The mean.
        pub mean: At<SimDuration>,
        /// The coefficient of variation, 0.001 to 1000; the shape parameter is 1 / cv².
        pub cv: At<f64>,
    }
    check(Self::check)
}

impl Gamma {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        require_some_time(&self.mean, "the mean of a gamma law", out);
        require_within(&self.cv, &CV_RANGE, "the coefficient of variation", out);
    }
}

impl Shape for Gamma {
    type Sampler = Sampler;
    fn sampler(&self, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Sampler> {
        Some(Sampler::new(
            self.mean.as_nanos() as f64,
            1.0 / (self.cv.value * self.cv.value),
        ))
    }
}

/// Marsaglia & Tsang (2000), by `rand_distr`.
#[derive(Debug, Clone)]
pub struct Sampler {
    law: rand_distr::Gamma<f64>,
    mean: f64,
}

impl Sampler {
    /// A gamma law with the given mean and a shape parameter above 0.
    pub(super) fn new(mean: f64, shape: f64) -> Self {
        let law = rand_distr::Gamma::new(shape, mean / shape);
        Self {
            law: law.expect("shape and scale are positive and finite"),
            mean,
        }
    }
}

impl Sample for Sampler {
    #[inline]
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
        self.law.sample(rng)
    }
    fn mean_nanos(&self) -> f64 {
        self.mean
    }
}
