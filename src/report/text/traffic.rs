//! Traffic in the summary of a run: what was offered and what became of it, who persisted, and what load
//! tools would have reported.

use std::fmt::Write as _;

use super::{Style, wrap};
use crate::experiment::{Column, Findings};
use crate::metrics::{Metric, Unit};
use crate::objective::show;
use crate::report::{tables, words};
use crate::units::three_digits;

/// What was offered, what became of it, who did it and what that cost.
pub(super) fn traffic(text: &mut String, findings: &Findings, style: Style) {
    let offered = style.labelled("TRAFFIC", &words::traffic(findings));
    let _ = writeln!(text, "\n{offered}");
    let outcomes = tables::outcomes(findings);
    let outcomes: Vec<String> = if outcomes.is_empty() {
        vec!["no data".to_owned()]
    } else {
        outcomes
            .into_iter()
            .map(|(words, share)| format!("{words} {share}"))
            .collect()
    };
    let _ = writeln!(text, "{}", style.listed("OUTCOMES", &outcomes));
    if let Some(trouble) = words::trouble(findings) {
        let _ = writeln!(text, "{}", style.labelled("TROUBLE", &trouble));
    }
    for path in instances(findings) {
        let _ = writeln!(text, "{}", style.labelled("INSTANCES", &path));
    }
    for sentence in words::scale_ups(findings) {
        let _ = writeln!(text, "{}", style.labelled("CAPACITY", &sentence));
    }
    if let Some(cost) = cost(findings) {
        let _ = writeln!(text, "{}", style.labelled("COST", &cost));
    }
}

/// What the run cost, and what of it is whose; nothing where nothing has a price.
pub(crate) fn cost(findings: &Findings) -> Option<String> {
    let cost = findings.figure(Metric::Cost)?;
    if cost.value <= 0.0 {
        return None;
    }
    let parts = findings.costs.iter();
    let parts: Vec<_> = parts
        .map(|part| {
            let name = part.name().replace('.', " ");
            format!("{name} {}", show(Unit::Dollars, part.usd.value))
        })
        .collect();
    let cost = words::estimate(Unit::Dollars, cost);
    Some(format!("{cost} for the run ({})", parts.join(", ")))
}

/// Those who persisted.
pub(super) fn callers(text: &mut String, findings: &Findings, style: Style) {
    if let Some(callers) = tables::callers(findings) {
        let _ = writeln!(text, "\n{}", style.table("PERSISTENCE", callers));
    }
}

/// Queues of background jobs, and what piled up in them.
pub(super) fn queues(text: &mut String, findings: &Findings, style: Style) {
    let Some(queues) = tables::queues(findings) else {
        return;
    };
    let _ = writeln!(text, "\n{}", style.table("QUEUES", queues));
    for sentence in words::backlogs(findings) {
        let _ = writeln!(text, "{}", wrap(&sentence, style.width, 2));
    }
}

/// Sources with users: what became of their rounds, and what their tools would have reported.
pub(super) fn users(text: &mut String, findings: &Findings, style: Style) {
    let Some(users) = tables::users(findings) else {
        return;
    };
    let _ = writeln!(text, "\n{}", style.table("USERS", users));
    for source in &findings.sources {
        let Some(answers) = tables::answers(source) else {
            continue;
        };
        let heading = format!("ANSWERS TO {}", source.name);
        let _ = writeln!(text, "\n{}", style.table(&heading, answers));
        if let Some(why) = tables::why_felt(source) {
            let _ = writeln!(text, "{}", wrap(&why, style.width, 2));
        }
    }
}

/// How the number of instances of each service went: `web  10 → 7 (fewest, at 15m) → 10`.
pub(crate) fn instances(findings: &Findings) -> impl Iterator<Item = String> {
    let columns = findings.series.columns.iter();
    columns
        .filter(|column| column.figure == "instances_in_service")
        .map(|column| path(findings, column))
}

fn path(findings: &Findings, column: &Column) -> String {
    let values: Vec<(usize, f64)> = column
        .values
        .iter()
        .enumerate()
        .filter_map(|(at, value)| Some((at, value.as_ref()?.value)))
        .collect();
    let Some((first, end)) = values.first().zip(values.last()) else {
        return format!("{}  no data", column.component);
    };
    // Tenths: the mean of several replications need not be whole.
    let shown = |value: f64| (value * 10.0).round() as i64;
    // Where it came to what it was at the end, not where the end is.
    let settled = values.iter().rev();
    let settled = settled.take_while(|(_, value)| shown(*value) == shown(end.1));
    let last = settled.last().unwrap_or(end);
    let (mut fewest, mut most) = (*first, *first);
    for value in &values {
        if value.1 < fewest.1 {
            fewest = *value;
        }
        if value.1 > most.1 {
            most = *value;
        }
    }
    if fewest.1 >= most.1 {
        return format!("{}  {} throughout", column.component, three_digits(first.1));
    }
    let at = |window: usize| words::clock(findings.series.bounds_s[window]);
    let mut turns = vec![*first, fewest, most, *last];
    turns.sort_by_key(|turn| turn.0);
    let mut path: Vec<(String, String)> = Vec::new();
    for (window, value) in turns {
        let number = three_digits(shown(value) as f64 / 10.0);
        if path.last().is_none_or(|(before, _)| *before != number) {
            let since = if window == 0 {
                String::new()
            } else {
                format!(" at {}", at(window))
            };
            path.push((number, since));
        }
    }
    let path: Vec<_> = path
        .into_iter()
        .map(|(number, since)| number + &since)
        .collect();
    format!("{}  {}", column.component, path.join(" → "))
}
