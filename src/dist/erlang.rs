//! The Erlang law: a sum of exponential stages.

use super::{Shape, gamma, require_some_time};
use crate::diag::{Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count, Data};
use crate::units::SimDuration;

spec! {
    /// Erlang: the sum of `stages` exponential stages with the given mean in total.
    pub struct Erlang {
        /// The mean of the sum.
        pub mean: At<SimDuration>,
        /// How many stages; the coefficient of variation is 1 / √stages.
        pub stages: At<Count>,
    }
    check(Self::check)
}

impl Erlang {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        require_some_time(&self.mean, "the mean of an Erlang law", out);
    }
}

/// A sum of `k` exponentials of one mean is gamma with shape `k`.
impl Shape for Erlang {
    type Sampler = gamma::Sampler;
    fn sampler(&self, _: &mut dyn Data, _: &mut Diagnostics) -> Option<gamma::Sampler> {
        Some(gamma::Sampler::new(
            self.mean.as_nanos() as f64,
            f64::from(self.stages.get()),
        ))
    }
}
