//! When something of the timeline happens: at an instant, or again and again.

use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::{Law, Sampler};
use crate::spec;
use crate::spec::{At, Data, Definitions, Node, Spec, Value};
use crate::units::SimDuration;

spec! {
    /// Again and again: `{ every = { exponential = "2h" } }` as faults come that nothing brings about, at 2 hours from one
    /// to the next on average; `{ every = "1h" }` by the clock. What is random is drawn from a stream of its own, so
    /// that nothing else shifts.
    pub struct AgainAndAgain {
        /// How long it is until it happens, and then until it happens again; at least 1 ms.
        pub every: Law,
    }
}

/// No two of the same happen closer to one another.
pub const SHORTEST: SimDuration = SimDuration::from_nanos(1_000_000);

/// When something happens.
#[derive(Debug, Clone)]
pub enum When {
    /// At this time after the start.
    Once(At<SimDuration>),
    /// Again and again.
    Repeated(AgainAndAgain, Origin),
}

impl When {
    /// The instant, if there is just one.
    pub fn once(&self) -> Option<At<SimDuration>> {
        match self {
            Self::Once(at) => Some(*at),
            Self::Repeated(..) => None,
        }
    }

    /// The instant, where there has to be just one; reports anything else.
    pub fn require_once(&self, out: &mut Diagnostics) -> Option<SimDuration> {
        if let Self::Repeated(_, origin) = self {
            let problem = "this happens once, at a given time";
            out.push(Diagnostic::error(*origin, problem).help("write at = \"10m\""));
        }
        self.once().map(|at| at.value)
    }

    /// Where it is said.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Once(at) => at.origin,
            Self::Repeated(_, origin) => *origin,
        }
    }

    /// With the law at hand; nothing if that is wrong, which is reported.
    pub fn plan(&self, data: &mut dyn Data, out: &mut Diagnostics) -> Option<Due> {
        Some(match self {
            Self::Once(at) => Due::Once(at.value),
            Self::Repeated(own, _) => Due::Repeated(own.every.sampler(data, out)?),
        })
    }
}

impl Spec for When {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        match node.value {
            Value::Table(_) => {
                AgainAndAgain::read(node, out).map(|own| Self::Repeated(own, node.origin))
            }
            _ => At::read(node, out).map(Self::Once),
        }
    }
    fn write(&self) -> Option<toml::Value> {
        match self {
            Self::Once(at) => at.write(),
            Self::Repeated(own, _) => own.write(),
        }
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let (once, random) = (
            SimDuration::schema(definitions),
            AgainAndAgain::schema(definitions),
        );
        json!({ "anyOf": [once, random] })
    }
}

/// When something happens, with every law at hand.
#[derive(Debug, Clone)]
pub enum Due {
    /// At this time after the start.
    Once(SimDuration),
    /// Again and again, at such gaps.
    Repeated(Sampler),
}
