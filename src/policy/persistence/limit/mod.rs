//! How many calls a caller keeps in flight: fixed, or learned from response times, by the rules of Netflix's
//! concurrency-limits.
//!
//! One file per rule. To add one: write its file (its table, its check, its state, its rule) and add its
//! line to the list below.
//!
//! A rule learns from samples. By default every finished call is one; with `window`, the calls of that time
//! are put together, as its `WindowedLimit` does with its defaults: calls shorter than 100 µs are left out;
//! the first call after the end of a window ends it, and belongs to it; if it has at least ten, the rule is
//! given their average response time, the highest number in flight, and whether any of them was dropped,
//! and otherwise they are forgotten.
//!
//! What all of them say is a limit, rounded down: a call is refused when as many are in flight.

mod aimd;
mod fixed;
mod gradient;
mod gradient2;
mod vegas;
mod window;

use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics};
use crate::rng::Draw;
use crate::spec::{At, Count, Definitions, Node, Spec as _, Value, number_text};
use crate::units::{Fraction, SimDuration, SimTime};

pub use aimd::AimdLimit;
pub use fixed::FixedLimit;
pub use gradient::GradientLimit;
pub use gradient2::Gradient2Limit;
pub use vegas::VegasLimit;

use window::Window;

/// A call that is over, as a rule is shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The present instant, at which it ended.
    pub now: SimTime,
    /// How long it took. No time at all is taken for one nanosecond.
    pub rtt: SimDuration,
    /// How many were in flight when it began, itself included.
    pub inflight: u32,
    /// Whether it was dropped: it timed out, or the other side turned it away.
    pub dropped: bool,
}

impl Sample {
    /// The response time in nanoseconds.
    fn rtt_nanos(&self) -> f64 {
        self.rtt.as_nanos().max(1) as f64
    }
}

/// What every rule can do.
trait Rules {
    /// What its table says.
    type Spec;

    /// The rule at the start.
    fn new(spec: &Self::Spec) -> Self;

    /// The limit at present.
    fn limit(&self) -> u32;

    /// Learns from a sample. `draw` is used where there is chance.
    fn update(&mut self, sample: &Sample, draw: &mut Draw);

    /// Over how long samples are put together, if they are.
    fn window(spec: &Self::Spec) -> Option<SimDuration>;
}

macro_rules! limits {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident::$spec:ident = $word:literal ),* $(,)?) => {
        crate::choice! {
            /// How many calls may be in flight. A plain number means: always this.
            pub enum LimitSpec {
                $( $(#[doc = $doc])* $variant($spec) = $word ),*
            }
            or(read_fixed, schema_of_fixed)
        }

        #[derive(Debug, Clone)]
        enum Rule {
            $( $variant($module::State), )*
        }

        impl LimitSpec {
            /// The limit of one caller, at the start.
            pub fn start(&self) -> Limit {
                match self {
                    $( Self::$variant(spec) => Limit {
                        rule: Rule::$variant(Rules::new(spec)),
                        window: <$module::State as Rules>::window(spec).map(Window::new),
                    }, )*
                }
            }
        }

        impl Rule {
            fn limit(&self) -> u32 {
                match self { $( Self::$variant(state) => state.limit(), )* }
            }

            fn update(&mut self, sample: &Sample, draw: &mut Draw) {
                match self { $( Self::$variant(state) => state.update(sample, draw), )* }
            }
        }
    };
}

limits! {
    /// Always the same.
    Fixed: fixed::FixedLimit = "fixed",
    /// One more while all is well, a tenth less at a drop.
    Aimd: aimd::AimdLimit = "aimd",
    /// By the ratio of the long-term response time to the present one.
    Gradient2: gradient2::Gradient2Limit = "gradient2",
    /// By the ratio of the shortest response time to the present one.
    Gradient: gradient::GradientLimit = "gradient",
    /// By the queue that the shortest and the present response time tell of.
    Vegas: vegas::VegasLimit = "vegas",
}

#[expect(
    clippy::option_option,
    reason = "not a shorthand; a shorthand that is wrong; one that is right"
)]
fn read_fixed(node: &Node, out: &mut Diagnostics) -> Option<Option<LimitSpec>> {
    if !matches!(node.value, Value::Whole(_)) {
        return None;
    }
    let limit = At::<Count>::read(node, out);
    Some(limit.map(|limit| LimitSpec::Fixed(FixedLimit(limit))))
}

fn schema_of_fixed(definitions: &mut Definitions) -> serde_json::Value {
    let mut schema = Count::schema(definitions);
    schema["description"] = json!("Always this many.");
    schema
}

/// A limit at work: one for each caller that keeps its own.
#[derive(Debug, Clone)]
pub struct Limit {
    rule: Rule,
    window: Option<Window>,
}

impl Limit {
    /// May a call begin while so many are in flight?
    #[inline]
    pub fn admit(&self, inflight: u32) -> bool {
        inflight < self.limit()
    }

    /// How many calls may be in flight at present.
    pub fn limit(&self) -> u32 {
        self.rule.limit()
    }

    /// A call is over. `draw` is used where there is chance (when to look for the shortest response time
    /// again).
    pub fn sample(&mut self, sample: &Sample, draw: &mut Draw) {
        match &mut self.window {
            None => self.rule.update(sample, draw),
            Some(window) => {
                if let Some(together) = window.add(sample) {
                    self.rule.update(&together, draw);
                }
            }
        }
    }
}

/// Reports limits that are not in order.
fn check_bounds(
    initial: &At<Count>,
    min: Option<&At<Count>>,
    max: &At<Count>,
    out: &mut Diagnostics,
) {
    if let Some(min) = min
        && max.value < min.value
    {
        out.push(
            Diagnostic::error(max.origin, "the highest limit is below the lowest")
                .label(format!("the highest limit is {}", max.value))
                .related(min.origin, format!("the lowest limit is {}", min.value)),
        );
        return;
    }
    let (low, high) = (min.map_or(1, |min| min.get()), max.get());
    if !(low..=high).contains(&initial.get()) {
        let problem = format!("the limit begins outside its range of {low} to {high}");
        out.push(
            Diagnostic::error(initial.origin, problem)
                .label(format!("it begins with {}", initial.value))
                .related(max.origin, format!("the highest limit is {high}")),
        );
    }
}

/// Reports a window that is too short to be one (Netflix: at least 100 ms).
fn check_window(window: Option<&At<SimDuration>>, out: &mut Diagnostics) {
    const SHORTEST: SimDuration = SimDuration::from_nanos(100_000_000);
    if let Some(window) = window.filter(|window| window.value < SHORTEST) {
        let problem = format!("a window lasts at least {SHORTEST}, found {}", window.value);
        out.push(Diagnostic::error(window.origin, problem));
    }
}

/// Reports a factor that is meant to cut a limit, but not by more than half.
fn check_ratio(ratio: &At<Fraction>, out: &mut Diagnostics) {
    if ratio.value < Fraction::percent(50) || ratio.value == Fraction::ONE {
        let problem = "what is left after a drop must be at least 50% and below 100%";
        out.push(Diagnostic::error(ratio.origin, problem).help("write 90%, say"));
    }
}

/// Reports a tolerance that is none.
fn check_tolerance(tolerance: &At<f64>, out: &mut Diagnostics) {
    if !(1.0..=1000.0).contains(&tolerance.value) {
        let found = number_text(tolerance.value);
        let problem = format!("the tolerance must be between 1 and 1000, found {found}");
        out.push(Diagnostic::error(tolerance.origin, problem));
    }
}

#[cfg(test)]
mod tests;
