//! Always the same duration.

use rand::Rng;

use super::{Sample, Shape};
use crate::diag::Diagnostics;
use crate::spec::{At, Data, Definitions, Node, Spec};
use crate::units::SimDuration;

/// The duration.
#[derive(Debug, Clone)]
pub struct Constant(pub At<SimDuration>);

impl Spec for Constant {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        At::read(node, out).map(Self)
    }
    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        SimDuration::schema(definitions)
    }
}

impl Shape for Constant {
    type Sampler = Sampler;
    fn sampler(&self, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Sampler> {
        Some(Sampler::new(self.0.value))
    }
}

/// Gives the duration.
#[derive(Debug, Clone)]
pub struct Sampler(f64);

impl Sampler {
    pub(super) fn new(span: SimDuration) -> Self {
        Self(span.as_nanos() as f64)
    }
}

impl Sample for Sampler {
    #[inline]
    fn nanos<R: Rng>(&self, _: &mut R) -> f64 {
        self.0
    }
    fn mean_nanos(&self) -> f64 {
        self.0
    }
}
