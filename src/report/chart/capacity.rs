//! Latency and errors against the traffic of each window: at which load a run passes its bounds.

use super::Chart;
use super::over_time::with_data;
use super::palette::{BOUND, Colour, DEEP, MAIN};
use super::panel::{EndLabel, Frame, Panel, room_beside, room_for};
use super::scale::Scale;
use super::sheet::{Heading, MARGIN, Sheet, WIDTH};
use super::wording::{bound, bound_value, latency_bounds, short};
use crate::experiment::{Findings, ObjectiveFindings};
use crate::metrics::Unit;
use crate::objective::{Verdict, show};
use crate::report::words;

/// The load must differ by this factor for anything to be seen.
const SPREAD: f64 = 1.5;
/// More dots than this are put together.
const MOST_DOTS: usize = 180;
/// A window belongs to the busiest time if its load is at least this share of the highest.
const BUSY: f64 = 0.97;
/// A bound is passed when it is for this many windows in a row; one may be chance.
const IN_A_ROW: usize = 2;

/// Some windows: their load and a figure.
#[derive(Debug, Clone, Copy)]
struct Dot {
    load: f64,
    value: f64,
    /// After the busiest time.
    is_after: bool,
}

/// A figure against the load.
struct Cloud {
    name: &'static str,
    dots: Vec<Dot>,
    colour: Colour,
}

/// The chart; nothing without latencies, or if the load hardly changes.
pub(super) fn chart(title: &str, findings: &Findings) -> Option<Chart> {
    let loads: Vec<f64> = measured(findings, "offered_per_s")
        .into_iter()
        .flatten()
        .collect();
    let most = loads.iter().copied().fold(0.0, f64::max);
    let least = loads.iter().copied().fold(f64::INFINITY, f64::min);
    if most <= 0.0 || least * SPREAD > most {
        return None;
    }
    let cloud = |name, figure, colour| {
        let dots = dots(findings, most, &measured(findings, figure));
        Cloud { name, dots, colour }
    };
    let latencies = [
        cloud("p99", "latency_p99_s", DEEP),
        cloud("p95", "latency_p95_s", MAIN),
    ];
    if latencies.iter().all(|cloud| cloud.dots.is_empty()) {
        return None;
    }
    let errors = errors(findings, most);
    let bounds = latency_bounds(findings);
    let windows = match windows_per_dot(findings) {
        1 => "one window".to_owned(),
        n => format!("{n} windows"),
    };
    let source = format!(
        "{title} · every dot is the mean of {} in {windows}",
        super::wording::count(findings.replications as usize, "replication")
    );
    let heading = Heading {
        title: finding(findings, &bounds, most),
        subtitle:
            "Latency and errors of each window against the requests offered in it, joined in the \
                   order of time; hollow after the busiest time"
                .to_owned(),
        source: &source,
    };
    let mut sheet = Sheet::new(&heading, if errors.is_some() { 1240.0 } else { 1000.0 });
    draw(&mut sheet, &latencies, errors.as_ref(), &bounds);
    Some(Chart::of(findings, "capacity", sheet))
}

/// A column without the warm-up, by window.
fn measured(findings: &Findings, figure: &str) -> Vec<Option<f64>> {
    let Some(column) = with_data(findings, "", figure) else {
        return vec![None; findings.series.bounds_s.len()];
    };
    let starts = findings.series.bounds_s.iter();
    let values = column.values.iter().zip(starts);
    let is_measured = |start: f64| start >= findings.series.warm_up_s;
    let value = values.map(|(value, start)| value.filter(|_| is_measured(*start)));
    value.map(|estimate| estimate.map(|it| it.value)).collect()
}

/// How many windows make a dot.
fn windows_per_dot(findings: &Findings) -> usize {
    let n_windows = findings.series.bounds_s.len().saturating_sub(1);
    n_windows.div_ceil(MOST_DOTS).max(1)
}

/// The windows as dots; many are put together with their neighbours.
fn dots(findings: &Findings, most: f64, values: &[Option<f64>]) -> Vec<Dot> {
    let loads = measured(findings, "offered_per_s");
    let busiest = loads
        .iter()
        .rposition(|load| load.is_some_and(|load| load >= BUSY * most));
    let pairs: Vec<(usize, f64, f64)> = loads
        .iter()
        .zip(values)
        .enumerate()
        .filter_map(|(at, (load, value))| Some((at, (*load)?, (*value)?)))
        .collect();
    let mean = |group: &[(usize, f64, f64)], of: fn(&(usize, f64, f64)) -> f64| {
        group.iter().map(of).sum::<f64>() / group.len() as f64
    };
    let dot = |group: &[(usize, f64, f64)]| Dot {
        load: mean(group, |own| own.1),
        value: mean(group, |own| own.2),
        is_after: busiest.is_some_and(|busiest| group[0].0 > busiest),
    };
    pairs.chunks(windows_per_dot(findings)).map(dot).collect()
}

/// Shares of requests that were not served, if there are any.
fn errors(findings: &Findings, most: f64) -> Option<Cloud> {
    let (unserved, offered) = (
        measured(findings, "unserved_per_s"),
        measured(findings, "offered_per_s"),
    );
    let share = |(unserved, offered): (&Option<f64>, &Option<f64>)| {
        let offered: f64 = offered.filter(|offered| *offered > 0.0)?;
        Some(((*unserved)? / offered).min(1.0))
    };
    let shares: Vec<_> = unserved.iter().zip(&offered).map(share).collect();
    let dots = dots(findings, most, &shares);
    let any = dots.iter().any(|dot| dot.value > 0.0);
    any.then_some(Cloud {
        name: "not served",
        dots,
        colour: BOUND,
    })
}

/// Latencies above, errors below, on the same load.
fn draw(
    sheet: &mut Sheet,
    latencies: &[Cloud],
    errors: Option<&Cloud>,
    bounds: &[&ObjectiveFindings],
) {
    let all = || latencies.iter().chain(errors).flat_map(|cloud| &cloud.dots);
    let most = all().map(|dot| dot.load).fold(0.0, f64::max);
    let values = latencies
        .iter()
        .flat_map(|cloud| &cloud.dots)
        .map(|dot| dot.value);
    let y = Scale::fitting(
        Unit::Seconds,
        values.chain(bounds.iter().map(|own| own.bound)),
    );
    let worst = errors
        .iter()
        .flat_map(|cloud| &cloud.dots)
        .map(|dot| dot.value);
    let y_errors = Scale::from_zero(Unit::Fraction, worst.fold(0.0, f64::max));
    let labels: Vec<String> = bounds
        .iter()
        .map(|own| format!("{} {}", short(&own.metric), bound(own)))
        .collect();
    let names = labels.iter().map(String::as_str).chain(["p99"]);
    let (top, bottom) = (sheet.top + 44.0, sheet.bottom() - 70.0);
    let split = errors.map_or(bottom, |_| top + (bottom - top) * 0.66);
    let frame = Frame {
        left: MARGIN + room_beside(&y).max(room_beside(&y_errors)),
        top,
        right: WIDTH - MARGIN - room_for(names),
        bottom: split,
    };
    let x = || Scale::up_to(Unit::PerSecond, most);
    let panel = Panel::new(frame, x(), y);
    panel.heading(sheet, "Latency");
    panel.grid(sheet, errors.is_none());
    let mut ends = Vec::new();
    for (own, text) in bounds.iter().zip(labels) {
        panel.bound(sheet, own.bound);
        ends.push(EndLabel::bound(text, panel.y.at(own.bound)));
    }
    for cloud in latencies {
        let text = cloud.name.to_owned();
        if let Some(y) = scatter(sheet, &panel, cloud) {
            ends.push(EndLabel {
                text,
                y,
                colour: cloud.colour,
            });
        }
    }
    panel.end_labels(sheet, &ends);
    let mut last = panel;
    if let Some(errors) = errors {
        last = Panel::new(
            Frame {
                top: split + 70.0,
                bottom,
                ..frame
            },
            x(),
            y_errors,
        );
        last.heading(sheet, "Share of requests that were not served");
        last.grid(sheet, true);
        scatter(sheet, &last, errors);
    }
    last.foot(sheet, "Requests offered per second");
}

/// Dots in the order of time, joined; gives the height at the busiest time.
fn scatter(sheet: &mut Sheet, panel: &Panel, cloud: &Cloud) -> Option<f64> {
    let at = |dot: &Dot| panel.spot(dot.load, dot.value);
    sheet.path(
        cloud.dots.iter().map(at).collect(),
        cloud.colour.faint(0.3),
        2,
    );
    for dot in &cloud.dots {
        if dot.is_after {
            sheet.ring(at(dot), 6.0, cloud.colour);
        } else {
            sheet.dot(at(dot), 6.0, cloud.colour);
        }
    }
    let most = cloud.dots.iter().map(|dot| dot.load).fold(0.0, f64::max);
    let busy = cloud.dots.iter().filter(|dot| dot.load >= BUSY * most);
    let mut heights: Vec<f64> = busy.map(|dot| at(dot).1).collect();
    heights.sort_by(f64::total_cmp);
    heights.get(heights.len() / 2).copied()
}

/// What the chart shows, as a sentence.
fn finding(findings: &Findings, bounds: &[&ObjectiveFindings], most: f64) -> String {
    let top = show(Unit::PerSecond, most);
    // The bound that is passed at the lowest load.
    let passed = bounds
        .iter()
        .filter_map(|own| Some((*own, passes_at(findings, own)?)));
    if let Some((own, load)) = passed.min_by(|a, b| a.1.total_cmp(&b.1)) {
        let (name, value) = (short(&own.metric), bound_value(own));
        let load = show(Unit::PerSecond, load);
        let back = back_at(findings, own).map(|back| show(Unit::PerSecond, back));
        return match back {
            Some(back) if back == load => {
                format!("{name} is above {value} from {load} up; the peak is {top}")
            }
            Some(back) => format!(
                "{name} passes {value} at {load} and is back below it at {back}; the peak is {top}"
            ),
            None => format!("{name} passes {value} at {load}; the peak is {top}"),
        };
    }
    if let Some(at) = findings.overflow_s {
        return format!("Overloaded at {top}: stopped at {}", words::clock(at));
    }
    let open = bounds
        .iter()
        .find(|own| own.verdict == Verdict::Undecided && is_drawn(own));
    if let Some(own) = open.filter(|_| findings.replications > 1) {
        return format!(
            "{} comes too close to {} to tell, with {top} at the peak",
            short(&own.metric),
            bound_value(own)
        );
    }
    if let Some(passed) = now_and_then(findings, bounds) {
        return format!("{passed}; the peak is {top}");
    }
    let kept: Vec<String> = bounds
        .iter()
        .filter(|own| is_drawn(own))
        .map(|own| format!("{} stays below {}", short(&own.metric), bound_value(own)))
        .collect();
    let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
    if !kept.is_empty() {
        let once = if findings.replications == 1 {
            ", in the only replication"
        } else {
            ""
        };
        return format!(
            "{} up to {top}{once}",
            words::list(&kept).replace("and p99 stays", "and p99")
        );
    }
    let p95 = dots(findings, most, &measured(findings, "latency_p95_s"));
    let at_load = |pick: fn(f64, f64) -> bool, of: f64| {
        let near: Vec<f64> = p95
            .iter()
            .filter(|dot| pick(dot.load, of))
            .map(|dot| dot.value)
            .collect();
        let mean = near.iter().sum::<f64>() / near.len().max(1) as f64;
        show(Unit::Seconds, mean)
    };
    let least = p95.iter().map(|dot| dot.load).fold(f64::INFINITY, f64::min);
    format!(
        "p95 is {} at the lightest load and {} at the heaviest, {top}",
        at_load(|load, of| load <= of, least + (most - least) * 0.1),
        at_load(|load, of| load >= of, most * 0.9)
    )
}

/// True for bounds whose figure is drawn.
fn is_drawn(objective: &ObjectiveFindings) -> bool {
    matches!(objective.metric.as_str(), "latency_p95" | "latency_p99")
}

/// What is to say of a bound that single windows pass, though never several in a row.
fn now_and_then(findings: &Findings, bounds: &[&ObjectiveFindings]) -> Option<String> {
    bounds.iter().filter(|own| is_drawn(own)).find_map(|own| {
        let values = measured(findings, &format!("{}_s", own.metric));
        let there = values.iter().flatten().count();
        let above = values
            .iter()
            .flatten()
            .filter(|value| **value > own.bound)
            .count();
        (above > 0).then(|| {
            let (name, value) = (short(&own.metric), bound_value(own));
            format!("{name} is above {value} in {above} of {there} windows, never two in a row")
        })
    })
}

/// The load at which a bound is passed for the first time, and not for a single window.
fn passes_at(findings: &Findings, own: &ObjectiveFindings) -> Option<f64> {
    if !is_drawn(own) {
        return None;
    }
    let values = measured(findings, &format!("{}_s", own.metric));
    let is_above = |value: &Option<f64>| value.is_some_and(|value| value > own.bound);
    let first = values
        .windows(IN_A_ROW)
        .position(|row| row.iter().all(is_above))?;
    measured(findings, "offered_per_s")[first]
}

/// The load from which on a bound is kept until the end, if it is and had been passed before.
fn back_at(findings: &Findings, own: &ObjectiveFindings) -> Option<f64> {
    let values = measured(findings, &format!("{}_s", own.metric));
    let is_above = |value: &Option<f64>| value.is_some_and(|value| value > own.bound);
    let last = values
        .windows(IN_A_ROW)
        .rposition(|row| row.iter().all(is_above))?
        + IN_A_ROW;
    // Where nobody comes any more nothing is kept.
    (*values.get(last)?)?;
    let loads = measured(findings, "offered_per_s");
    let most = loads.iter().flatten().copied().fold(0.0, f64::max);
    // At the busiest time a figure may come and go by chance, or because instances were added.
    loads
        .get(last)
        .copied()
        .flatten()
        .filter(|load| *load < BUSY * most)
}
