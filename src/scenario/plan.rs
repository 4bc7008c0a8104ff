//! What `capsim plan` may choose, and how sure it is to be.

use serde_json::json;

use super::sweep::SweepSpec;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count, Definitions, Node, Spec};
use crate::units::Fraction;

spec! {
    /// What `capsim plan` may choose, and how sure it is to be.
    pub struct PlanSpec {
        /// Parameters by their paths, such as `"components.web.count"`, and the values to choose from: a list, or
        /// `{ from = 2, to = 20, step = 2 }`. The axes of the sweep that do not set the traffic, unless given.
        pub choose: Option<Choices>,
        /// The probability that the answer is right: that it meets every objective up to the tolerance, and
        /// that nothing cheaper does so with the tolerance to spare.
        pub confidence: At<Fraction> = At::built_in(Fraction::percent(95)),
        /// How close to a bound it makes no difference on which side: this part of the requests that may fail or
        /// be late, a tenth of this part of a bound on a value. Costs that vary and are closer to each other than a
        /// quarter of this part are ties.
        pub tolerance: At<Fraction> = At::built_in(Fraction::percent(10)),
        /// Replications of each choice that is looked at, at least; more are run where the answer is close.
        pub at_least: At<Count> = At::built_in(Count::new(10)),
        /// Replications of each choice, at most. What they do not decide is said to be undecided.
        pub at_most: At<Count> = At::built_in(Count::new(200)),
    }
    check(Self::check)
}

/// The most replications of a choice.
const MOST: u32 = 10_000;

impl PlanSpec {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let confidence = self.confidence.get();
        if confidence <= 0.0 || confidence >= 1.0 {
            let problem = "the probability of a right answer lies between 0% and 100%";
            out.push(Diagnostic::error(self.confidence.origin, problem).help("write 95%"));
        }
        if self.tolerance.get() <= 0.0 {
            let problem = "the tolerance must be more than 0%";
            let help = "what is exactly at its bound can never be decided; write 10%";
            out.push(Diagnostic::error(self.tolerance.origin, problem).help(help));
        }
        if self.at_least.get() < 2 {
            let problem = "the spread of a single replication is not known";
            out.push(Diagnostic::error(self.at_least.origin, problem).help("write at_least = 10"));
        }
        if self.at_least.value > self.at_most.value {
            let problem = "there are fewer replications at most than at least";
            let at_least = format!("at least {}", self.at_least.value);
            out.push(
                Diagnostic::error(self.at_most.origin, problem)
                    .label(format!("at most {}", self.at_most.value))
                    .related(self.at_least.origin, at_least),
            );
        }
        if self.at_most.get() > MOST {
            let problem = format!("at most {MOST} replications are run");
            out.push(Diagnostic::error(self.at_most.origin, problem));
        }
    }

    /// What is chosen from where the scenario says nothing about it.
    pub(super) fn built_in() -> Self {
        Self {
            choose: None,
            confidence: At::built_in(Fraction::percent(95)),
            tolerance: At::built_in(Fraction::percent(10)),
            at_least: At::built_in(Count::new(10)),
            at_most: At::built_in(Count::new(200)),
        }
    }
}

/// Parameters and the values to choose from.
#[derive(Debug, Clone)]
pub struct Choices {
    pub(super) axes: SweepSpec,
    written: Node,
}

impl Spec for Choices {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let axes = SweepSpec::read_choices(node, out)?;
        Some(Self {
            axes,
            written: node.clone(),
        })
    }

    fn write(&self) -> Option<toml::Value> {
        Some(self.written.to_toml())
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        definitions.refer::<Self>("Choices", |_| {
            json!({
                "type": "object",
                "description": "Parameters by their paths, such as \"components.web.count\", and the values \
                                to choose from.",
            })
        })
    }
}
