//! The cheapest of several choices that meets the objectives, with a stated probability.
//!
//! Costs need next to no statistics, bounds do: every choice that is cheaper than the answer has to be known to
//! miss a bound, and the answer to keep them all. So it is a feasibility problem: each bound of each choice that
//! matters is tested sequentially ([`Feasibility`]), which takes the fewest replications where the answer is
//! clear. The probabilities of error of all tests together are at most one minus the confidence (Bonferroni):
//! then, with that confidence, the chosen one keeps every bound up to the tolerance, and no cheaper one keeps
//! them all with the tolerance to spare.
//!
//! Three shortcuts, each named in the result, each turned off by `exhaustive`: a choice is left out if one that is
//! at least as good along axes on which the first replications of all neighbours went one way is known to miss;
//! if its first replication was dearer than the answer's by far more than costs vary; and if it costs the same as
//! the answer, and had less room in its first replication.

mod monotone;
mod observe;
mod search;

use serde::Serialize;

pub use observe::{Observation, Part};
pub use search::{Bench, plan};

use crate::component::{Bill, Charge, System};
use crate::rng::Streams;
use crate::scenario::{Scenario, Sweep};
use crate::stats::Feasibility;
use crate::units::{CostPerHour, Fraction};

/// How a plan is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The probability that the answer is right, above 0 and below 1.
    pub confidence: Fraction,
    /// By how much of what a bound allows it may be kept or missed without that making a difference.
    pub tolerance: Fraction,
    /// Replications of a choice before the first answer.
    pub at_least: u32,
    /// There are no more replications of a choice than this.
    pub at_most: u32,
    /// Take no shortcuts.
    pub is_exhaustive: bool,
}

/// What became of a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Fate {
    /// It keeps every bound.
    Met,
    /// It misses this objective, by its name.
    Missed {
        /// The objective.
        objective: String,
    },
    /// It is hopelessly overloaded.
    Overloaded,
    /// It cannot be decided with as many replications as there may be.
    Undecided {
        /// The objectives that are open.
        objectives: Vec<String>,
    },
    /// It costs more than the answer.
    Dearer,
    /// Left out: it can be no better than this choice, which misses.
    LeftOut {
        /// The choice, by its number.
        below: usize,
    },
    /// Nobody looked: interrupted, or not needed.
    Open,
}

/// What was found of a choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// What it costs, on average over its replications.
    pub cost: f64,
    /// How many replications it had.
    pub replications: u32,
    /// What became of it.
    pub fate: Fate,
    /// By objective: the excess over what is allowed, per request or value; below 0 if there is room.
    pub excess: Vec<f64>,
}

/// A step of the search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The choice, by its number.
    pub choice: usize,
    /// How many replications it has had by then.
    pub replications: u32,
    /// What became of it.
    pub fate: Fate,
}

/// A plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How it was made.
    pub rule: Rule,
    /// By choice.
    pub tried: Vec<Tried>,
    /// The answer: the cheapest that keeps every bound.
    pub chosen: Option<usize>,
    /// Choices that keep every bound, and whose costs cannot be told from the answer's.
    pub ties: Vec<usize>,
    /// Cheaper ones that are undecided: if one of them keeps every bound, it is the answer.
    pub open: Vec<usize>,
    /// The search, in its order.
    pub trace: Vec<Step>,
    /// Axes along which it goes one way, by their numbers.
    pub one_way: Vec<usize>,
    /// Choices that were left out because their first replication was no cheaper than the answer's, or by far dearer
    /// where costs vary.
    pub n_dearer: usize,
    /// Whether costs vary from one replication to the next.
    pub costs_vary: bool,
    /// Replications in all.
    pub replications: u64,
    /// By objective: requests that it is about, per replication of the first choice.
    pub requests: Vec<f64>,
}

/// The tests of one scenario's objectives.
#[derive(Debug, Clone)]
struct Bounds {
    names: Vec<String>,
    allowed: Vec<observe::Allowed>,
    tolerances: Vec<f64>,
    first: usize,
    error: f64,
}

/// Of a value less may go either way than of a share of requests: of 1 % that may be late, a tenth is little.
const OF_VALUES: f64 = 0.1;
/// Of costs that vary, a few percent are not worth the replications that it takes to tell them apart.
const OF_COSTS: f64 = 0.25;
/// The least that may go either way.
const LEAST: f64 = 1e-6;

impl Bounds {
    /// The tests; `error` is that of each of them.
    fn new(scenario: &Scenario, rule: &Rule, error: f64) -> Self {
        let objectives = scenario.objectives();
        let allowed: Vec<_> = objectives.iter().map(observe::allowed).collect();
        let tolerance = |own: &observe::Allowed| match own {
            observe::Allowed::Share(share) => rule.tolerance.get() * share,
            observe::Allowed::Value(value) => rule.tolerance.get() * OF_VALUES * value.abs(),
        };
        Self {
            names: objectives.iter().map(|own| own.name()).collect(),
            tolerances: allowed
                .iter()
                .map(|own| tolerance(own).max(LEAST))
                .collect(),
            allowed,
            first: rule.at_least as usize,
            error,
        }
    }

    fn test(&self, at: usize) -> Feasibility {
        Feasibility {
            first: self.first,
            tolerance: self.tolerances[at],
            error: self.error,
        }
    }
}

/// Whether anything has a price, in some choice.
pub fn has_price(choices: &Sweep) -> bool {
    let is_priced = |bill: &Bill| match bill.charge {
        Charge::Always(cost) | Charge::Each(_, cost) => cost != CostPerHour::ZERO,
        Charge::Sum(_) => true,
    };
    let bills = |at: usize| {
        let scenario = choices.scenario(at);
        let bills = System::new(scenario.blueprint(), Streams::new(0, 0)).bills();
        bills.iter().any(is_priced)
    };
    (0..choices.points().len()).any(bills)
}

/// Bad events per replication below which their number is far from normal.
const FEW: f64 = 20.0;

/// What is to be known about what a plan rests on.
pub fn notes(scenario: &Scenario, plan: &Plan) -> Vec<String> {
    let allowed = scenario
        .objectives()
        .iter()
        .map(|own| (own.name(), observe::allowed(own)));
    let few = allowed.zip(&plan.requests).filter_map(|((name, allowed), requests)| {
        let observe::Allowed::Share(share) = allowed else {
            return None;
        };
        let n = share * requests;
        (n < FEW && n > 0.0).then(|| {
            format!(
                "{name} allows {} bad requests per replication, too few for their number to be normal: a longer run.horizon makes the stated probability hold better",
                crate::units::three_digits(n)
            )
        })
    });
    few.collect()
}
