//! Two configurations on the same random numbers: what text, Markdown and charts say of them alike.

mod json;
mod phrases;
pub(super) mod tables;

pub use json::{SCHEMA, comparison as json, schema};
pub use phrases::verdict;
pub(super) use phrases::{drawn_alike, precision};
#[cfg(feature = "charts")]
pub(super) use phrases::{interval, word};

use crate::experiment::{About, Compared, Comparison, Findings, Word};
use crate::metrics::Metric;
use crate::scenario::Change;

/// A comparison as reports see it.
#[derive(Debug, Clone, Copy)]
pub struct CompareView<'a> {
    /// What A is called: the file and what was set in it.
    pub name_a: &'a str,
    /// What B is called.
    pub name_b: &'a str,
    /// The title of A's scenario.
    pub title: &'a str,
    /// The seed of both.
    pub seed: u64,
    /// What differs between the scenarios.
    pub changes: &'a [Change],
    /// What was found.
    pub found: &'a Comparison,
    /// What is to be known about how they were run.
    pub notes: &'a [String],
}

/// Figures of all requests that are shown in any case.
const ALWAYS: [Metric; 6] = [
    Metric::Goodput,
    Metric::ErrorRate,
    Metric::LatencyP50,
    Metric::LatencyP95,
    Metric::LatencyP99,
    Metric::InstancesPeak,
];
/// Of classes, besides what is bounded.
const OF_CLASSES: [&str; 2] = ["error_rate", "latency_p95"];
/// Of what can run out; the rest is in the files.
const OF_RESOURCES: [&str; 4] = ["utilization", "wait_p99", "waiting", "instances_paid"];

/// The figures that are shown to people: what the verdict rests on, what was always asked for, and of the
/// components what differs.
pub(super) fn shown(view: CompareView<'_>) -> Vec<&Compared> {
    let ends_in = |own: &Compared, endings: &[&str]| {
        let ending = own.name.rsplit('.').next().unwrap_or("");
        endings.contains(&ending)
    };
    // The one is what the other leaves of all requests.
    let has_success = view
        .found
        .main()
        .any(|own| own.name == Metric::SuccessRate.name());
    let is_told = |own: &Compared| has_success && own.name == Metric::ErrorRate.name();
    let differs = |own: &Compared| !matches!(own.word, Word::Same | Word::Undecided);
    let is_shown = |own: &&Compared| match own.about {
        _ if own.is_main => true,
        _ if is_told(own) => false,
        About::All => ALWAYS.iter().any(|metric| metric.name() == own.name),
        About::Class => ends_in(own, &OF_CLASSES),
        // The rest of them.
        About::Outcome => own.name != "served" && own.difference.is_some_and(|d| d.value != 0.0),
        About::Resource => ends_in(own, &OF_RESOURCES) && differs(own),
        About::Share | About::Cost => differs(own),
    };
    let figures = view.found.figures.iter().filter(is_shown);
    let is_rest = |own: &&Compared| {
        // One component with a price costs what all of them cost.
        let costs = view
            .found
            .figures
            .iter()
            .filter(|it| it.about == About::Cost);
        own.about != About::Cost || costs.count() > 1
    };
    figures.filter(is_rest).collect()
}

/// The objectives of either side: name, and bound as it was written.
pub(super) fn bounds<'a>(
    a: &'a Findings,
    b: &'a Findings,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let of = |own: &'a Findings| {
        own.objectives
            .iter()
            .map(|o| (o.name.as_str(), o.text.as_str()))
    };
    let only_b = of(b).filter(move |own| !of(a).any(|other| other == *own));
    of(a).chain(only_b)
}

/// What a comparison consisted of.
pub(super) fn about(view: CompareView<'_>) -> String {
    let found = view.found;
    let pairs = if found.pairs == 1 { "pair" } else { "pairs" };
    let [a, b] = [&found.a, &found.b].map(|own| super::words::span(own.horizon_s).to_string());
    let each = if a == b { a } else { format!("{a} and {b}") };
    format!(
        "seed {} · {} {pairs} of replications · {each} each",
        view.seed, found.pairs
    )
}
