//! A plan in words: what to choose, how sure that is, and how it was found.

mod json;

pub use json::{SCHEMA, plan as json, schema};

use super::sweep_view::short_path;
use crate::experiment::Findings;
use crate::experiment::plan::{Fate, Plan, Step};
use crate::metrics::Unit;
use crate::objective::show;
use crate::report::words::list;
use crate::scenario::Point;
use crate::units::three_digits;

/// A plan as reports see it.
#[derive(Debug, Clone, Copy)]
pub struct PlanView<'a> {
    /// The scenario's title.
    pub title: &'a str,
    /// The file that it is in.
    pub path: &'a str,
    /// What else was set in it, as the user wrote it.
    pub sets: &'a [String],
    /// Its seed.
    pub seed: u64,
    /// The length of a run in seconds.
    pub horizon_s: f64,
    /// The parameters that are chosen, by their paths.
    pub paths: &'a [String],
    /// The choices.
    pub points: &'a [Point],
    /// Whether they are those of the sweep, without what sets the traffic.
    pub is_of_sweep: bool,
    /// What was found.
    pub found: &'a Plan,
    /// The answer as a run of its own.
    pub chosen: Option<&'a Findings>,
    /// What is to be known about what the answer rests on.
    pub notes: &'a [String],
}

/// What a choice sets: `web.count = 4, db.max = 20`.
pub(super) fn choice(view: PlanView<'_>, at: usize) -> String {
    let own = view.points[at].settings.iter();
    let text = own.map(|own| format!("{} = {}", short_path(view.paths, &own.path), own.label));
    text.collect::<Vec<_>>().join(", ")
}

/// What comes of it, in a sentence.
pub fn verdict(view: PlanView<'_>) -> String {
    let plan = view.found;
    let sure = three_digits(plan.rule.confidence.get() * 100.0);
    let cost = |at: usize| show(Unit::Dollars, plan.tried[at].cost);
    let open = match plan.open.as_slice() {
        [] => String::new(),
        open => {
            let cheaper = if plan.chosen.is_some() {
                " cheaper"
            } else {
                ""
            };
            let shown: Vec<String> = open.iter().take(3).map(|at| choice(view, *at)).collect();
            let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
            let more = match open.len() {
                0..=3 => String::new(),
                n => format!(" and {} more", n - 3),
            };
            format!(
                "; undecided with {} replications are{cheaper} {}{more}",
                plan.rule.at_most,
                shown.join("; ")
            )
        }
    };
    let Some(chosen) = plan.chosen else {
        return if plan.open.is_empty() {
            format!(
                "none of the {} choices meets every objective, with a probability of {sure} %",
                plan.tried.len()
            )
        } else {
            format!("no choice is known to meet every objective{open}")
        };
    };
    let ties = match plan.ties.as_slice() {
        [] => String::new(),
        ties => {
            let ties: Vec<String> = ties.iter().map(|at| choice(view, *at)).collect();
            let meet = if ties.len() == 1 { "meets" } else { "meet" };
            format!("; no dearer, and {meet} them, too: {}", ties.join("; "))
        }
    };
    format!(
        "{} ({} for the run): the cheapest of {} choices that meets every objective, with a probability of {sure} %{ties}{open}",
        choice(view, chosen),
        cost(chosen),
        plan.tried.len()
    )
}

/// The command that runs the answer.
pub fn command(view: PlanView<'_>) -> Option<String> {
    let chosen = view.found.chosen?;
    let given = view.sets.iter().map(|set| quoted(set));
    let own = view.points[chosen].settings.iter();
    let own = own.map(|own| {
        quoted(&format!(
            "{}={}",
            own.path,
            crate::scenario::show(&own.value)
        ))
    });
    let mut command = format!("capsim run {}", view.path);
    for set in given.chain(own) {
        command.push_str(" --set ");
        command.push_str(&set);
    }
    Some(command)
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-=/%:,".contains(c);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// What became of a choice, in a few words.
pub(super) fn fate(view: PlanView<'_>, fate: &Fate) -> String {
    match fate {
        Fate::Met => "meets every objective".to_owned(),
        Fate::Missed { objective } => format!("misses {objective}"),
        Fate::Overloaded => "hopelessly overloaded".to_owned(),
        Fate::Undecided { objectives } => {
            let open: Vec<&str> = objectives.iter().map(String::as_str).collect();
            format!("undecided: {}", list(&open))
        }
        Fate::Dearer => "dearer".to_owned(),
        Fate::LeftOut { below } => format!("no better than {}", choice(view, *below)),
        Fate::Open => "not looked at".to_owned(),
    }
}

/// A step: what was looked at, what it costs, how many replications it took, what came of it.
pub(super) fn step(view: PlanView<'_>, step: &Step) -> Vec<String> {
    vec![
        choice(view, step.choice),
        show(Unit::Dollars, view.found.tried[step.choice].cost),
        step.replications.to_string(),
        fate(view, &step.fate),
    ]
}

/// What was not looked at, and why; a sentence for each shortcut that was taken.
pub(super) fn shortcuts(view: PlanView<'_>) -> Vec<String> {
    let plan = view.found;
    let mut told = Vec::new();
    let left = plan
        .tried
        .iter()
        .filter(|own| matches!(own.fate, Fate::LeftOut { .. }))
        .count();
    if left > 0 {
        let axes: Vec<&str> = plan
            .one_way
            .iter()
            .map(|at| short_path(view.paths, &view.paths[*at]))
            .collect();
        told.push(format!(
            "{left} left out for being no better than one that misses: along {}, the first replications of all neighbours went one way.",
            list(&axes)
        ));
    }
    if plan.n_dearer > 0 {
        let than = if plan.costs_vary {
            "far more than the answer, by more than costs vary"
        } else {
            "as much as the answer or more"
        };
        told.push(format!(
            "{} left out for the cost of the first replication: {than}.",
            plan.n_dearer
        ));
    }
    if !told.is_empty() {
        told.push("--exhaustive takes no such shortcut.".to_owned());
    }
    if view.is_of_sweep {
        told.insert(
            0,
            "The choices are those of [sweep], for the traffic that the scenario has; give [plan] others.".to_owned(),
        );
    }
    told
}

/// What it took, in a sentence.
pub(super) fn effort(view: PlanView<'_>) -> String {
    let plan = view.found;
    let all = plan.tried.len() as u64 * u64::from(plan.rule.at_most);
    let share = three_digits(plan.replications as f64 / all as f64 * 100.0);
    format!(
        "{} replications of {all} that {} of each choice would be ({share} %): one of each, at least {} of those looked at, more where it was close.",
        plan.replications, plan.rule.at_most, plan.rule.at_least
    )
}
