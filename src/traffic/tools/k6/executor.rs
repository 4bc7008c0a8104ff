//! The executors, and what each of them can be told.

use crate::diag::{Diagnostic, Diagnostics};
use crate::spec::{Definitions, Node, Spec};
use crate::words;

words! {
    /// An executor of k6.
    pub enum Executor {
        /// Users take iterations from one counter until it is empty.
        SharedIterations = "shared-iterations",
        /// Every user does a number of iterations.
        PerVuIterations = "per-vu-iterations",
        /// A fixed number of users go round.
        ConstantVus = "constant-vus",
        /// A number of users that follows stages go round.
        RampingVus = "ramping-vus",
        /// Iterations are due at a fixed rate.
        ConstantArrivalRate = "constant-arrival-rate",
        /// Iterations are due at a rate that follows stages.
        RampingArrivalRate = "ramping-arrival-rate",
    }
}

/// The fields that every executor has.
pub(super) const COMMON: &[&str] = &["startTime", "gracefulStop"];

impl Executor {
    /// The fields of its own: those that it must be told, and the others.
    pub(super) const fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::SharedIterations | Self::PerVuIterations => {
                (&[], &["vus", "iterations", "maxDuration"])
            }
            Self::ConstantVus => (&["duration"], &["vus"]),
            Self::RampingVus => (&["stages"], &["startVUs", "gracefulRampDown"]),
            Self::ConstantArrivalRate => (
                &["rate", "duration", "preAllocatedVUs"],
                &["timeUnit", "maxVUs"],
            ),
            Self::RampingArrivalRate => (
                &["stages", "preAllocatedVUs"],
                &["startRate", "timeUnit", "maxVUs"],
            ),
        }
    }
}

/// An executor that there is; knows the one that there is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen(
    /// Which.
    pub Executor,
);

impl Spec for Chosen {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        if node.as_text() == Some("externally-controlled") {
            let gone = "`externally-controlled` was removed in k6 2.0";
            out.push(
                Diagnostic::error(node.origin, gone)
                    .label(format!("expected one of: {}", Executor::WORDS.join(", ")))
                    .help("write what you would have told k6 as the stages of `ramping-vus`"),
            );
            return None;
        }
        Executor::read(node, out).map(Self)
    }

    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        Executor::schema(definitions)
    }
}
