//! The table of a sweep, and what to choose.

use std::fmt::Write as _;

use super::{Style, align, wrap};
use crate::experiment::{Choice, Findings, choose, offered_by};
use crate::metrics::{Metric, Unit};
use crate::objective::{Verdict, show};
use crate::report::{SweepView, words};
use crate::units::with_suffix;

/// The table of a sweep, and what to choose.
pub fn sweep(title: &str, sweep: SweepView<'_>, style: Style) -> String {
    let mut text = format!(
        "{title}\n{} point{}\n\n",
        sweep.points.len(),
        if sweep.points.len() == 1 { "" } else { "s" }
    );
    text.push_str(&table(sweep, style));
    text.push_str("\n\n");
    text.push_str(&choices(sweep, style));
    style.plain(text.trim_end().to_owned() + "\n")
}

/// The table: too wide for the page, it loses figures in a fixed order before lines are cut.
fn table(sweep: SweepView<'_>, style: Style) -> String {
    // How many were lost is also told by the share of errors.
    const EXPENDABLE: [Metric; 4] = [
        Metric::OfferedPeak,
        Metric::LatencyP99,
        Metric::RequestsLost,
        Metric::Cost,
    ];
    let mut figures = columns(sweep);
    let mut lines = align(&rows(sweep, &figures, style), 0);
    for metric in EXPENDABLE {
        if lines
            .lines()
            .all(|line| super::columns(line) <= style.width)
        {
            break;
        }
        figures.retain(|(_, own)| *own != metric);
        lines = align(&rows(sweep, &figures, style), 0);
    }
    lines
}

fn rows(
    sweep: SweepView<'_>,
    figures: &[(&'static str, Metric)],
    style: Style,
) -> Vec<Vec<String>> {
    let settings = sweep
        .paths
        .iter()
        .map(|path| sweep.short_path(path).to_owned());
    let header = settings.chain(figures.iter().map(|figure| figure.0.to_owned()));
    let mut rows = vec![header.chain(["verdict".to_owned()]).collect::<Vec<_>>()];
    for (point, findings) in sweep.points.iter().zip(sweep.findings) {
        let settings = point.settings.iter().map(|setting| setting.label.clone());
        let values = figures
            .iter()
            .map(|(_, metric)| match findings.figure(*metric) {
                Some(value) if metric.latency_quantile().is_some() => {
                    words::estimate(metric.unit(), value)
                }
                Some(value) if *metric == Metric::RecoveryTime => words::back_in(findings, value),
                Some(value) if *metric == Metric::RequestsLost => with_suffix(value.value),
                Some(value) => show(metric.unit(), value.value),
                None => "no data".to_owned(),
            });
        rows.push(
            settings
                .chain(values)
                .chain([style.sign(findings.verdict)])
                .collect(),
        );
    }
    rows
}

/// The figures of the table: those that differ, or matter, or are bounded.
fn columns(sweep: SweepView<'_>) -> Vec<(&'static str, Metric)> {
    let any = |metric: Metric| {
        let mut figures = sweep.findings.iter().map(|own| own.figure(metric));
        figures.any(|figure| figure.is_some_and(|figure| figure.value > 0.0))
    };
    let mut columns = vec![
        ("offered, peak", Metric::OfferedPeak),
        ("p95", Metric::LatencyP95),
        ("p99", Metric::LatencyP99),
        ("errors", Metric::ErrorRate),
    ];
    if any(Metric::RecoveryTime) {
        columns.push(("back in", Metric::RecoveryTime));
        columns.push(("lost", Metric::RequestsLost));
    }
    if any(Metric::Cost) {
        columns.push(("cost", Metric::Cost));
    }
    columns
}

/// What to choose, for each traffic of the sweep.
pub fn choices(sweep: SweepView<'_>, style: Style) -> String {
    let loads = offered_by(sweep.points, sweep.findings);
    if sweep
        .findings
        .iter()
        .all(|findings| findings.objectives.is_empty())
    {
        return "no objectives are given, so no point can be preferred\n".to_owned();
    }
    let mut text = String::new();
    for load in &loads {
        let Some(choice) = choose(&load.points, sweep.findings) else {
            continue;
        };
        let at = if loads.len() == 1 {
            String::new()
        } else {
            format!(
                "at {} ({} at the most): ",
                load.name,
                show(Unit::PerSecond, load.offered_peak)
            )
        };
        let line = format!(
            "{} {at}{}",
            style.heading("CHOOSE"),
            sentence(sweep, choice)
        );
        let _ = writeln!(text, "{}", hang(&line, style.width));
    }
    text
}

/// Wraps with the further lines indented.
fn hang(line: &str, width: usize) -> String {
    let wrapped = wrap(line, width.saturating_sub(7), 0);
    wrapped.replace('\n', "\n       ")
}

fn sentence(sweep: SweepView<'_>, choice: Choice) -> String {
    let cost = |at: usize| match sweep.findings[at].figure(Metric::Cost) {
        Some(cost) if cost.value > 0.0 => {
            format!(" ({} for the run)", show(Unit::Dollars, cost.value))
        }
        _ => String::new(),
    };
    match choice {
        Choice::Cheapest(at) => {
            format!(
                "{}{}, the cheapest that meets every objective",
                sweep.configuration(at),
                cost(at)
            )
        }
        Choice::Perhaps(at) => format!(
            "nothing is known to meet every objective; {}{} may: {}",
            sweep.configuration(at),
            cost(at),
            open(&sweep.findings[at], Verdict::Undecided)
        ),
        Choice::None { closest } => format!(
            "none meets every objective; {}{} comes closest: {}",
            sweep.configuration(closest),
            cost(closest),
            open(&sweep.findings[closest], Verdict::NotMet)
        ),
    }
}

/// The objectives with this verdict, with their figures.
fn open(findings: &Findings, verdict: Verdict) -> String {
    if findings.overflow_s.is_some() {
        return "hopelessly overloaded".to_owned();
    }
    let of = findings
        .objectives
        .iter()
        .filter(|objective| objective.verdict == verdict);
    let text: Vec<_> = of
        .map(|objective| {
            let unit = words::unit_of(&objective.metric);
            let figure = words::maybe(unit, objective.estimate.as_ref());
            let is = if verdict == Verdict::NotMet {
                "is"
            } else {
                "may be"
            };
            format!("{} {is} {figure} ({})", objective.name, objective.text)
        })
        .collect();
    text.join(", ")
}
