//! Latency over time, with its bounds.

use super::Chart;
use super::over_time::{
    Fold, clock, points, shade_unmeasured, values, windows_per_point, with_data,
};
use super::palette::{BOUND, Colour, DEEP, MAIN, MUTED};
use super::panel::{EndLabel, Frame, Look, Panel, room_beside, room_for};
use super::scale::Scale;
use super::sheet::{Heading, MARGIN, Sheet, WIDTH};
use super::wording::{bound, bound_value, figure, latency_bounds, short, source, worst};
use crate::experiment::{Column, Findings, ObjectiveFindings};
use crate::metrics::{Metric, Unit};
use crate::objective::{Verdict, show};
use crate::report::words;

/// The quantiles, the widest first so that the narrower ones stay visible.
const QUANTILES: [(&str, &str, Colour, u32); 3] = [
    ("latency_p99_s", "p99", DEEP, 4),
    ("latency_p95_s", "p95", MAIN, 5),
    ("latency_p50_s", "p50", MUTED, 4),
];

/// The chart; nothing without latencies.
pub(super) fn chart(title: &str, findings: &Findings) -> Option<Chart> {
    let columns: Vec<_> = QUANTILES
        .iter()
        .filter_map(|quantile| Some((quantile, with_data(findings, "", quantile.0)?)))
        .collect();
    if columns.is_empty() {
        return None;
    }
    let bounds = latency_bounds(findings);
    let source = source(title, findings, "bands");
    let names: Vec<&str> = columns
        .iter()
        .rev()
        .map(|(quantile, _)| quantile.1)
        .collect();
    let heading = Heading {
        title: finding(findings, &bounds),
        subtitle: subtitle(findings, &names, &bounds),
        source: &source,
    };
    let mut sheet = Sheet::new(&heading, 1000.0);
    let shown = columns.iter().flat_map(|(_, column)| values(column));
    let shown = shown.map(|estimate| estimate.value);
    let y = Scale::fitting(
        Unit::Seconds,
        shown.chain(bounds.iter().map(|own| own.bound)),
    );
    let labels: Vec<String> = bounds.iter().map(|own| bound_label(own)).collect();
    let frame = Frame {
        left: MARGIN + room_beside(&y),
        top: sheet.top + 44.0,
        right: WIDTH - MARGIN - room_for(labels.iter().map(String::as_str).chain(["p99"])),
        bottom: sheet.bottom() - 36.0,
    };
    let panel = Panel::new(frame, clock(findings), y);
    panel.heading(&mut sheet, "Latency of all requests, by when they arrived");
    draw(&mut sheet, &panel, findings, &bounds);
    let mut ends: Vec<EndLabel> = bounds
        .iter()
        .zip(labels)
        .map(|(own, text)| EndLabel::bound(text, panel.y.at(own.bound)))
        .collect();
    for (quantile, column) in columns {
        let (_, name, colour, thick) = *quantile;
        panel.curve(
            &mut sheet,
            &points(findings, column, Fold::Largest),
            Look::new(colour, thick),
        );
        if let Some(last) = values(column).last() {
            let y = panel.y.at(last.value);
            ends.push(EndLabel {
                text: name.to_owned(),
                y,
                colour,
            });
        }
    }
    panel.end_labels(&mut sheet, &ends);
    Some(Chart::of(findings, "latency", sheet))
}

/// Shades, grid and bounds: what lies below the curves.
fn draw(sheet: &mut Sheet, panel: &Panel, findings: &Findings, bounds: &[&ObjectiveFindings]) {
    shade_unmeasured(sheet, panel, findings);
    for (from, to) in passed(bounds) {
        panel.shade(sheet, from, to, BOUND.faint(0.1));
    }
    panel.grid(sheet, true);
    for own in bounds {
        panel.bound(sheet, own.bound);
    }
}

/// The stretches in which any bound is passed, those that touch put together.
fn passed(bounds: &[&ObjectiveFindings]) -> Vec<(f64, f64)> {
    let all = bounds.iter().flat_map(|own| &own.violated);
    let mut open: Vec<_> = all.map(|own| (own.from_s, own.to_s)).collect();
    open.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut united: Vec<(f64, f64)> = Vec::new();
    for (from, to) in open {
        match united.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => united.push((from, to)),
        }
    }
    united
}

fn bound_label(objective: &ObjectiveFindings) -> String {
    let sign = words::sign(objective.verdict, true);
    format!("{sign} {} {}", short(&objective.metric), bound(objective))
}

fn subtitle(findings: &Findings, names: &[&str], bounds: &[&ObjectiveFindings]) -> String {
    let shaded = bounds.iter().any(|own| !own.violated.is_empty());
    let bounds = match (bounds.is_empty(), shaded) {
        (true, _) => "",
        (false, false) => "; lines across are bounds",
        (false, true) => "; lines across are bounds, shaded where one is passed",
    };
    let windows = match windows_per_point(findings) {
        1 => "each window".to_owned(),
        n => format!("the worst of every {n} windows"),
    };
    format!("Latency in {windows}: {}{bounds}", words::list(names))
}

/// What the chart shows, as a sentence.
fn finding(findings: &Findings, bounds: &[&ObjectiveFindings]) -> String {
    if let Some(at) = findings.overflow_s {
        let p95 = with_data(findings, "", "latency_p95_s");
        let p95 = p95.and_then(|column| values(column).last().copied());
        let at = words::clock(at);
        return match p95 {
            Some(last) => format!(
                "p95 is at {} when the run is stopped at {at}, overloaded",
                show(Unit::Seconds, last.value)
            ),
            None => format!("The run is stopped at {at}, overloaded"),
        };
    }
    let Some(own) = worst(bounds) else {
        return without_bounds(findings);
    };
    let (name, value) = (short(&own.metric), bound_value(own));
    match own.verdict {
        Verdict::NotMet => missed(own),
        Verdict::Undecided if findings.replications == 1 => format!(
            "{} is {}; its bound is {value}, and one replication decides nothing",
            name,
            figure(own)
        ),
        Verdict::Undecided => {
            format!("{} is {}, too close to {value} to tell", name, figure(own))
        }
        Verdict::Met => met(bounds),
    }
}

fn without_bounds(findings: &Findings) -> String {
    let p95 = findings.figure(Metric::LatencyP95);
    let column = with_data(findings, "", "latency_p95_s");
    let worst = column.and_then(highest);
    match (p95, worst) {
        (Some(p95), Some((value, at))) => format!(
            "p95 is {} over the run, {} in its worst window, at {}",
            words::estimate(Unit::Seconds, p95),
            show(Unit::Seconds, value),
            words::clock(findings.series.bounds_s[at])
        ),
        (Some(p95), None) => format!("p95 is {}", words::estimate(Unit::Seconds, p95)),
        _ => "Latency over time".to_owned(),
    }
}

/// The largest value of a column, and its window.
fn highest(column: &Column) -> Option<(f64, usize)> {
    let values = column.values.iter().enumerate();
    let found = values.filter_map(|(at, value)| Some((value.as_ref()?.value, at)));
    found.max_by(|a, b| a.0.total_cmp(&b.0))
}

fn missed(own: &ObjectiveFindings) -> String {
    let (name, value) = (short(&own.metric), bound_value(own));
    match own.violated.as_slice() {
        [] => format!("{name} is {}, above its bound of {value}", figure(own)),
        [only] => format!(
            "{name} is above {value} from {} to {}: {} over the run",
            words::clock(only.from_s),
            words::clock(only.to_s),
            figure(own)
        ),
        [first, ..] => {
            let long: f64 = own.violated.iter().map(|own| own.to_s - own.from_s).sum();
            format!(
                "{name} is above {value} for {} in all, first at {}: {} over the run",
                words::span(long),
                words::clock(first.from_s),
                figure(own)
            )
        }
    }
}

fn met(bounds: &[&ObjectiveFindings]) -> String {
    let names: Vec<String> = bounds.iter().map(|own| short(&own.metric)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let holds = if names.len() == 1 { "holds" } else { "hold" };
    let names = words::list(&names);
    let passed = bounds.iter().find(|own| !own.violated.is_empty());
    if let Some(own) = passed {
        let long: f64 = own.violated.iter().map(|own| own.to_s - own.from_s).sum();
        return format!(
            "{names} {holds} over the run, though {} is above {} for {} of it",
            short(&own.metric),
            bound_value(own),
            words::span(long)
        );
    }
    let figures: Vec<String> = bounds
        .iter()
        .map(|own| {
            format!(
                "{} ({})",
                show(Unit::Seconds, own.estimate.map_or(0.0, |it| it.value)),
                bound(own)
            )
        })
        .collect();
    let figures: Vec<&str> = figures.iter().map(String::as_str).collect();
    format!("{names} {holds} all along: {}", words::list(&figures))
}
