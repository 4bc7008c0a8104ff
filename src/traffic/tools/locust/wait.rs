//! How long a user waits between two tasks.

use serde_json::json;

use crate::choice;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{Definitions, Node, Seconds, Spec, list_of};
use crate::units::SimDuration;

choice! {
    /// How long a user waits after each task, by Locust's names.
    pub enum WaitTime {
        /// Always so long: `{ constant = 1 }`.
        Constant(Seconds) = "constant",
        /// Anything between these two, evenly: `{ between = [1, 5] }`.
        Between(Between) = "between",
        /// Until so long after the task was started, or not at all: `{ constant_pacing = 10 }`.
        ConstantPacing(Seconds) = "constant_pacing",
        /// So that this many tasks per second are started: `{ constant_throughput = 0.1 }`.
        ConstantThroughput(f64) = "constant_throughput",
    }
}

/// The shortest and the longest wait, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// The shortest.
    pub min: Seconds,
    /// The longest.
    pub max: Seconds,
}

impl Spec for Between {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let before = out.n_errors();
        let read = Vec::<Seconds>::read(node, out);
        if let Some([min, max]) = read.as_deref() {
            return Some(Self {
                min: *min,
                max: *max,
            });
        }
        if out.n_errors() == before {
            let problem = "expected the shortest and the longest wait";
            out.push(Diagnostic::error(node.origin, problem).help("write between = [1, 5]"));
        }
        None
    }

    fn write(&self) -> Option<toml::Value> {
        vec![self.min, self.max].write()
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let mut list = list_of(&Seconds::schema(definitions));
        list["minItems"] = json!(2);
        list["maxItems"] = json!(2);
        list
    }
}

impl WaitTime {
    /// No waiting: what Locust does unless it is told otherwise.
    pub const NONE: Self = Self::Constant(Seconds::new(SimDuration::ZERO));

    pub(super) fn check(&self, place: Origin, out: &mut Diagnostics) {
        match self {
            Self::Between(between) if between.max < between.min => {
                let turned = "the longest wait is shorter than the shortest";
                out.push(Diagnostic::error(place, turned));
            }
            Self::ConstantThroughput(rate) if *rate <= 0.0 => {
                let zero = "`constant_throughput` must be above 0";
                out.push(Diagnostic::error(place, zero));
            }
            _ => {}
        }
    }

    /// What it comes to.
    pub fn wait(&self) -> Wait {
        match self {
            Self::Constant(span) => Wait::Constant(span.span()),
            Self::Between(between) => Wait::Between(between.min.span(), between.max.span()),
            Self::ConstantPacing(span) => Wait::Pacing(span.span()),
            Self::ConstantThroughput(rate) => Wait::Pacing(SimDuration::from_secs_f64(1.0 / rate)),
        }
    }
}

/// How long a user waits between two iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Always so long.
    Constant(SimDuration),
    /// Uniformly between these.
    Between(SimDuration, SimDuration),
    /// What is left of this span after the iteration.
    Pacing(SimDuration),
}

impl Wait {
    /// Not at all.
    pub const NONE: Self = Self::Constant(SimDuration::ZERO);

    /// The wait after an iteration that took so long. `draw` is uniform over all 64-bit numbers; only
    /// [`Wait::Between`] looks at it.
    pub fn wait(self, took: SimDuration, draw: u64) -> SimDuration {
        match self {
            Self::Constant(span) => span,
            Self::Between(min, max) => {
                let room = u128::from((max - min).as_nanos());
                let more = (room * u128::from(draw)) >> 64;
                min + SimDuration::from_nanos(more as u64)
            }
            Self::Pacing(span) => span - took,
        }
    }
}
