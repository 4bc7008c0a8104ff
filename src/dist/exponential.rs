//! The exponential law.

use rand::Rng;
use rand_distr::{Distribution as _, Exp1};

use super::{Sample, Shape, require_some_time};
use crate::diag::Diagnostics;
use crate::spec::{At, Data, Definitions, Node, Spec};
use crate::units::SimDuration;

/// The mean.
#[derive(Debug, Clone)]
pub struct Exponential(pub At<SimDuration>);

impl Spec for Exponential {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let mean = At::read(node, out)?;
        require_some_time(&mean, "the mean of an exponential law", out);
        Some(Self(mean))
    }
    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        SimDuration::schema(definitions)
    }
}

impl Shape for Exponential {
    type Sampler = Sampler;
    fn sampler(&self, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Sampler> {
        Some(Sampler {
            mean: self.0.as_nanos() as f64,
        })
    }
}

/// Ziggurat (Marsaglia & Tsang 2000), by `rand_distr`.
#[derive(Debug, Clone)]
pub struct Sampler {
    mean: f64,
}

impl Sample for Sampler {
    #[inline]
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
        let one: f64 = Exp1.sample(rng);
        self.mean * one
    }
    fn mean_nanos(&self) -> f64 {
        self.mean
    }
}
