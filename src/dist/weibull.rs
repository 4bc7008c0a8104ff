//! The Weibull law.

use std::ops::RangeInclusive;

use rand::Rng;
use rand_distr::{Distribution as _, Exp1};

use super::{Sample, Shape, require_some_time, require_within};
use crate::diag::{Diagnostics, Origin};
use crate::math;
use crate::spec;
use crate::spec::{At, Data};
use crate::units::SimDuration;

spec! {
    /// Weibull, by mean and shape.
    pub struct Weibull {
        /// The mean; the scale parameter is mean / Γ(1 + 1/shape).
        pub mean: At<SimDuration>,
        /// The shape, 0.1 to 1000; 1 is exponential, below 1 has a heavier tail.
        pub shape: At<f64>,
    }
    check(Self::check)
}

/// At 0.1 the mean is 3.6 million times the scale; below, no run is long enough to see it.
const SHAPE_RANGE: RangeInclusive<f64> = 0.1..=1000.0;

impl Weibull {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        require_some_time(&self.mean, "the mean of a Weibull law", out);
        require_within(&self.shape, &SHAPE_RANGE, "the shape of a Weibull law", out);
    }
}

impl Shape for Weibull {
    type Sampler = Sampler;
    fn sampler(&self, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Sampler> {
        let (mean, power) = (self.mean.as_nanos() as f64, 1.0 / self.shape.value);
        Some(Sampler {
            scale: mean / math::gamma(1.0 + power),
            power,
            mean,
        })
    }
}

/// Scale times the power 1/shape of an exponential draw.
#[derive(Debug, Clone)]
pub struct Sampler {
    scale: f64,
    power: f64,
    mean: f64,
}

impl Sample for Sampler {
    #[inline]
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
        let one: f64 = Exp1.sample(rng);
        self.scale * math::powf(one, self.power)
    }
    fn mean_nanos(&self) -> f64 {
        self.mean
    }
}
