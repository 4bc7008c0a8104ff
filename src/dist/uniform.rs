//! The uniform law.

use rand::Rng;

use super::{Sample, Shape, unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data};
use crate::units::SimDuration;

spec! {
    /// Evenly spread between two bounds.
    pub struct Uniform {
        /// The lower bound.
        pub from: At<SimDuration>,
        /// The upper bound, above the lower one.
        pub to: At<SimDuration>,
    }
    check(Self::check)
}

impl Uniform {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.to.value <= self.from.value {
            out.push(
                Diagnostic::error(
                    self.to.origin,
                    "the upper bound must be above the lower one",
                )
                .related(self.from.origin, "the lower bound"),
            );
        }
    }
}

impl Shape for Uniform {
    type Sampler = Sampler;
    fn sampler(&self, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Sampler> {
        let (from, to) = (self.from.as_nanos() as f64, self.to.as_nanos() as f64);
        Some(Sampler {
            from,
            width: to - from,
        })
    }
}

/// By inversion.
#[derive(Debug, Clone)]
pub struct Sampler {
    from: f64,
    width: f64,
}

impl Sample for Sampler {
    #[inline]
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
        self.from + self.width * unit(rng)
    }
    fn mean_nanos(&self) -> f64 {
        self.from + self.width / 2.0
    }
}
