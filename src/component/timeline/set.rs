//! A parameter has another value.
//!
//! The scenario is compiled a second time, with the new value, and whatever the parameter is of takes over its
//! settings from there. What can be set while the system runs is listed here, one line per thing; the rest is
//! refused before the run.

use crate::component::system::System;
use crate::component::{Node, NodeId, Plan};
use crate::diag::Diagnostics;
use crate::spec;
use crate::spec::{At, Definitions, Given, Spec};
use crate::units::SimDuration;

/// Something that can be set while the system runs.
#[derive(Debug, Clone, Copy)]
pub struct Settable {
    /// Of what: a source, or a component of this kind.
    pub of: &'static str,
    /// The path from there; `*` is any name, `**` anything below.
    pub path: &'static str,
    /// What takes over the new value.
    pub how: How,
    /// What happens, in words.
    pub what: &'static str,
}

/// What takes over a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The rate of a source, over time.
    Rate,
    /// A component.
    Component,
}

const fn of(of: &'static str, path: &'static str, how: How, what: &'static str) -> Settable {
    Settable {
        of,
        path,
        how,
        what,
    }
}

/// What can be set while the system runs.
pub const SETTABLE: &[Settable] = &[
    of(
        "source",
        "rate",
        How::Rate,
        "its curve goes on at the new rate",
    ),
    of(
        "service",
        "count",
        How::Component,
        "instances are started or taken out",
    ),
    of(
        "service",
        "autoscaler.**",
        How::Component,
        "it keeps what it remembers",
    ),
    of("service", "autoscalers.**", How::Component, "the same"),
];

impl Settable {
    /// True if the keys behind the name of a source or a component are this path.
    pub fn is_at(&self, keys: &[String]) -> bool {
        let mut keys = keys.iter();
        for part in self.path.split('.') {
            match (part, keys.next()) {
                ("**", Some(_)) => return true,
                ("*", Some(_)) => {}
                (part, Some(key)) if part == key => {}
                _ => return false,
            }
        }
        keys.next().is_none()
    }
}

/// The path of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter(pub String);

impl Spec for Parameter {
    fn read(node: &spec::Node, out: &mut Diagnostics) -> Option<Self> {
        String::read(node, out).map(Self)
    }
    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        let line = |own: &Settable| {
            let kind = if own.of == "source" {
                "a source"
            } else {
                own.of
            };
            format!("- `{}` of {kind}: {}", own.path, own.what)
        };
        let lines: Vec<_> = SETTABLE.iter().map(line).collect();
        serde_json::json!({ "type": "string", "description": lines.join("\n") })
    }
}

spec! {
    /// Gives a parameter another value: `{ at = "40m", set = "components.web.autoscaler.target", to = "300ms" }`. What
    /// is under way is not touched unless said otherwise. Further values at later times come on top.
    pub struct SetParameter {
        /// The parameter, by its path. While the system runs these can be set:
        pub set: At<Parameter>,
        /// Its value from then on.
        pub to: Given,
        /// When.
        pub at: At<SimDuration>,
    }
}

/// What has other settings from an instant on, and which.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there are few")]
pub enum Revision {
    /// A component.
    Component(NodeId, Plan),
}

impl System {
    /// Something has other settings from now on.
    pub(in crate::component) fn is_revised(&mut self, revision: &Revision) {
        match revision {
            Revision::Component(node, plan) => {
                let node = &mut self.nodes[node.index()];
                match (node, plan) {
                    (Node::Service(own), Plan::Service(plan)) => own.adopts(plan, &mut self.cx),
                    (node, plan) => unreachable!("{node:?} cannot become {plan:?}"),
                }
            }
        }
    }
}
