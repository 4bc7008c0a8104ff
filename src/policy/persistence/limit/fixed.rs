//! A limit that is always the same.

use super::{Rules, Sample};
use crate::diag::Diagnostics;
use crate::rng::Draw;
use crate::spec::{At, Count, Definitions, Node, Spec};
use crate::units::SimDuration;

/// The limit.
#[derive(Debug, Clone)]
pub struct FixedLimit(pub At<Count>);

impl Spec for FixedLimit {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        At::read(node, out).map(Self)
    }
    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        Count::schema(definitions)
    }
}

/// The limit.
#[derive(Debug, Clone)]
pub(super) struct State(u32);

impl Rules for State {
    type Spec = FixedLimit;

    fn new(spec: &FixedLimit) -> Self {
        Self(spec.0.get())
    }

    fn limit(&self) -> u32 {
        self.0
    }

    fn update(&mut self, _: &Sample, _: &mut Draw) {}

    fn window(_: &FixedLimit) -> Option<SimDuration> {
        None
    }
}
