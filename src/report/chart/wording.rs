//! What charts say: short names of figures, bounds, where a chart comes from.

use crate::experiment::{Findings, ObjectiveFindings, SourceFindings};
use crate::metrics::{Metric, Unit};
use crate::objective::{Verdict, show};
use crate::report::words;
use crate::stats::Estimate;
use crate::units::three_digits;

/// A metric in a title or beside a curve: `p95`, `error rate`.
pub(super) fn short(metric: &str) -> String {
    match metric.strip_prefix("latency_") {
        Some("p999") => "p99.9".to_owned(),
        Some("mean") => "mean latency".to_owned(),
        Some(quantile) => quantile.to_owned(),
        None => metric.replace('_', " "),
    }
}

/// A bound in words: `< 500 ms`.
pub(super) fn bound(objective: &ObjectiveFindings) -> String {
    format!("{} {}", objective.op, bound_value(objective))
}

/// The value of a bound: `500 ms`.
pub(super) fn bound_value(objective: &ObjectiveFindings) -> String {
    show(words::unit_of(&objective.metric), objective.bound)
}

/// The figure of an objective with its interval.
pub(super) fn figure(objective: &ObjectiveFindings) -> String {
    words::maybe(
        words::unit_of(&objective.metric),
        objective.estimate.as_ref(),
    )
}

/// Objectives that bound the latency of all requests from above, with data.
pub(super) fn latency_bounds(findings: &Findings) -> Vec<&ObjectiveFindings> {
    let is_one = |objective: &&ObjectiveFindings| {
        let metric = Metric::by_name(&objective.metric);
        metric.is_some_and(|metric| metric.unit() == Unit::Seconds)
            && objective.name == objective.metric
            && objective.op == "<"
            && objective.estimate.is_some()
    };
    findings.objectives.iter().filter(is_one).collect()
}

/// The worst of some objectives: the first that is missed, else the first that is open, else the first.
pub(super) fn worst<'a>(objectives: &[&'a ObjectiveFindings]) -> Option<&'a ObjectiveFindings> {
    let with = |verdict: Verdict| objectives.iter().find(move |it| it.verdict == verdict);
    let found = with(Verdict::NotMet).or_else(|| with(Verdict::Undecided));
    found.or(objectives.first()).copied()
}

/// Where a chart of a run comes from; `intervals` says how they are drawn.
pub(super) fn source(title: &str, findings: &Findings, intervals: &str) -> String {
    let each = words::span(findings.horizon_s);
    match findings.replications {
        1 => format!("{title} · one replication of {each}"),
        n => {
            let level = three_digits(findings.level * 100.0);
            format!("{title} · {n} replications of {each}; {intervals} are {level} % intervals")
        }
    }
}

/// `1 configuration`, `12 configurations`.
pub(super) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The source that could not begin the most of what was due, and which share of it that was.
pub(super) fn most_missed(findings: &Findings) -> Option<(&SourceFindings, f64)> {
    let n = |value: Option<Estimate>| value.map_or(0.0, |own| own.value);
    let share = |own: &SourceFindings| {
        let missed = n(own.dropped) + n(own.skipped);
        (missed > 0.0).then(|| missed / (missed + n(own.begun)))
    };
    let own = findings.sources.iter();
    own.filter_map(|own| Some((own, share(own)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}
