//! The workers of an instance, and how many requests may wait for them.

use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count, Definitions, Node, Spec, Value};
use crate::{spec, words};

words! {
    /// How a worker works.
    pub enum Runtime {
        /// A worker is held by one request until its operation is over, whatever it waits for.
        Threads = "threads",
        /// A worker executes one burst of CPU at a time; waits overlap.
        EventLoop = "event_loop",
    }
}

spec! {
    /// The workers of an instance: `{ runtime = "event_loop", per_vcpu = 1 }`.
    pub struct WorkersSpec {
        /// How they work.
        pub runtime: At<Runtime> = At::built_in(Runtime::Threads),
        /// How many there are per instance.
        pub count: Option<At<Count>>,
        /// How many there are per vCPU of the instance.
        pub per_vcpu: Option<At<Count>>,
    }
    check(Self::check)
}

impl WorkersSpec {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (&self.count, &self.per_vcpu) {
            (Some(count), Some(per_vcpu)) => out.push(
                Diagnostic::error(per_vcpu.origin, "workers are counted in two ways")
                    .related(count.origin, "the other way")
                    .help("give `count` or `per_vcpu`"),
            ),
            (None, None) => out.push(
                Diagnostic::error(table, "how many workers?").label("needs `count` or `per_vcpu`"),
            ),
            _ => {}
        }
    }
}

/// How many requests may wait: a number, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// As many as this.
    Bounded(u32),
    /// Any number.
    Unbounded,
}

impl Backlog {
    /// What Node listens with, and near what other servers do.
    pub const DEFAULT: Self = Self::Bounded(511);

    const WORD: &'static str = "unbounded";

    /// The number; the largest there is for no limit.
    pub const fn limit(self) -> u32 {
        match self {
            Self::Bounded(limit) => limit,
            Self::Unbounded => u32::MAX,
        }
    }
}

impl Spec for Backlog {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == Self::WORD => Some(Self::Unbounded),
            Value::Whole(_) => u32::read(node, out).map(Self::Bounded),
            _ => {
                let problem = format!("expected a whole number, found {}", node.describe());
                out.push(
                    Diagnostic::error(node.origin, problem).label("a number or \"unbounded\""),
                );
                None
            }
        }
    }

    fn write(&self) -> Option<toml::Value> {
        Some(match self {
            Self::Bounded(limit) => toml::Value::Integer(i64::from(*limit)),
            Self::Unbounded => toml::Value::String(Self::WORD.to_owned()),
        })
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [u32::schema(definitions), { "const": Self::WORD }] })
    }
}
