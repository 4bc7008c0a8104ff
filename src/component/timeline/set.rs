//! A parameter has another value.
//!
//! The scenario is compiled a second time, with the new value, and whatever the parameter is of takes over its
//! settings from there. What can be set while the system runs is listed here, one line per thing; the rest is
//! refused before the run.

use crate::component::program::Op;
use crate::component::source::Choice;
use crate::component::system::System;
use crate::component::{Node, NodeId, Plan, caller};
use crate::diag::Diagnostics;
use crate::dist::Sampler;
use crate::policy::persistence::Retry;
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
    /// The classes of a source's requests.
    Mix,
    /// How long the clients of a source wait.
    Timeout,
    /// How the clients of a source try again.
    Retry,
    /// A component.
    Component,
    /// What steps of operations draw: how much work there is, how long something takes, how often it is done.
    Steps,
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
#[rustfmt::skip]
pub const SETTABLE: &[Settable] = &[
    of("source", "rate", How::Rate, "its curve goes on at the new rate"),
    of("source", "mix", How::Mix, "of the classes that it has from the start"),
    of("source", "timeout", How::Timeout, "of requests and attempts that are sent from then on"),
    of("source", "retry.attempts", How::Retry, "also for whoever is under way"),
    of("source", "retry.backoff.**", How::Retry, "the waits that begin from then on"),
    of("service", "count", How::Component, "instances are started or taken out"),
    of("service", "autoscaler.**", How::Component, "it keeps what it remembers; those of step and simple scaling, KEDA and `concurrency` begin anew"),
    of("service", "autoscalers.**", How::Component, "the same"),
    of("service", "max_connections", How::Component, "those who are inside stay"),
    of("service", "backlog", How::Component, "those who wait go on waiting"),
    of("service", "boot", How::Component, "of instances that begin to boot from then on"),
    of("service", "drain", How::Component, "of instances that are taken out from then on"),
    of("service", "pools.*.max", How::Component, "what is too much is closed when it is given back"),
    of("service", "pools.*.overflow", How::Component, "the same"),
    of("service", "operations.*.steps.**", How::Steps, "how much work, how long, how often"),
    of("dependency", "latency", How::Steps, "of calls that begin from then on"),
    of("dependency", "errors", How::Component, "of calls that end from then on"),
    of("dependency", "max_concurrent", How::Component, "whoever waits begins if there is room now"),
    of("rate_limiter", "limits.**", How::Component, "what has been counted is kept"),
    of("rate_limiter", "retry_after", How::Component, "what is said from then on"),
    of("cache", "ttl", How::Component, "of what is filled in from then on"),
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
    /// The classes of the requests of a source.
    Mix(u16, Vec<Choice>),
    /// How long the clients of a source wait.
    Timeout(u16, SimDuration),
    /// How a caller tries again.
    Retry(u16, Retry),
    /// Laws by their positions, and instructions by theirs.
    Steps(Vec<(usize, Sampler)>, Vec<(usize, Op)>),
}

impl System {
    /// Something has other settings from now on.
    pub(in crate::component) fn is_revised(&mut self, revision: &Revision) {
        match revision {
            Revision::Component(node, plan) => {
                let node = &mut self.nodes[node.index()];
                match (node, plan) {
                    (Node::Service(own), Plan::Service(plan)) => own.adopts(plan, &mut self.cx),
                    (Node::RateLimiter(own), Plan::RateLimiter(plan)) => {
                        own.adopts(plan, &mut self.cx);
                    }
                    (Node::Dependency(own), Plan::Dependency(plan)) => {
                        own.adopts(plan, &mut self.cx);
                    }
                    (Node::Cache(own), Plan::Cache(plan)) => own.adopts(plan),
                    (node, plan) => unreachable!("{node:?} cannot become {plan:?}"),
                }
            }
            Revision::Mix(source, choices) => {
                self.sources[*source as usize].choices.clone_from(choices);
            }
            Revision::Timeout(source, timeout) => {
                let own = &self.sources[*source as usize];
                let caller = self.callers.get(own.caller as usize);
                let by_caller = caller.filter(|_| !own.is_plain);
                let lane = own.lane;
                let lane = lane.or_else(|| by_caller.and_then(caller::State::timeout_lane));
                if let Some(lane) = lane {
                    self.cx.scheduler.set_lane_length(lane, *timeout);
                }
            }
            Revision::Retry(caller, retry) => self.callers[*caller as usize].tries_again_by(retry),
            Revision::Steps(laws, ops) => {
                for (at, law) in laws {
                    self.cx.program.laws[*at].clone_from(law);
                }
                for (at, op) in ops {
                    self.cx.program.ops[*at] = *op;
                }
            }
        }
    }
}
