//! A sweep over traffic: latency and errors against the load, one line per configuration.

use std::collections::BTreeMap;

use super::Chart;
use super::palette::{AXIS, BOUND, BOUND_TEXT, Colour, MAIN, ramp};
use super::panel::{BAND, EndLabel, Frame, Look, Panel, room_beside, room_for};
use super::scale::Scale;
use super::sheet::{Heading, MARGIN, Sheet, WIDTH};
use super::sweep_words::{Names, is_single, source};
use super::wording::{bound_value, short};
use crate::experiment::{Choice, Load, choose, offered_by};
use crate::metrics::{Metric, Unit};
use crate::objective::{Verdict, show};
use crate::report::SweepView;
use crate::stats::Estimate;

/// Lines that are told apart; further ones are grey.
const MOST_LINES: usize = 7;

/// Of more grey lines, or points on a line, some are left out: the picture is to stay small.
const MOST_BACKGROUND: usize = 40;
/// See [`MOST_BACKGROUND`].
const MOST_POINTS: usize = 40;
/// Points of a line with more of them are not marked one by one.
const MOST_DOTS: usize = 24;

/// Bands of more lines than this are fainter, since they cover each other.
const FEW_LINES: usize = 4;

/// The points of one configuration, by load.
struct Line {
    points: Vec<usize>,
    label: String,
    colour: Colour,
    /// Grey, without a name.
    is_background: bool,
}

/// The chart; nothing if all points see the same traffic.
pub(super) fn chart(title: &str, sweep: SweepView<'_>) -> Option<Chart> {
    let loads = offered_by(sweep.points, sweep.findings);
    if loads.len() < 2 {
        return None;
    }
    let names = Names::new(sweep);
    let lines = lines(sweep, &loads, &names);
    let metrics: Vec<Metric> = [Metric::LatencyP95, Metric::LatencyP99, Metric::ErrorRate]
        .into_iter()
        .filter(|metric| values(sweep, *metric).any(|value| value.value > 0.0))
        .collect();
    if metrics.is_empty() {
        return None;
    }
    let source = source(title, sweep, "bands");
    let grey = if lines.iter().any(|line| line.is_background) {
        "; grey: the other configurations"
    } else {
        ""
    };
    let heading = Heading {
        title: finding(sweep, &loads, &names),
        subtitle: format!(
            "Over the run, against the requests offered per second in the busiest window{}{grey}",
            names.one_line_per()
        ),
        source: &source,
    };
    let mut sheet = Sheet::new(&heading, 420.0 + 330.0 * metrics.len() as f64);
    draw(&mut sheet, sweep, &lines, &metrics);
    Some(Chart::new("capacity", sheet))
}

fn values(sweep: SweepView<'_>, metric: Metric) -> impl Iterator<Item = &Estimate> {
    sweep
        .findings
        .iter()
        .filter_map(move |findings| findings.figure(metric))
}

/// The configurations in the order of the sweep, each with its points from light to heavy traffic.
fn lines(sweep: SweepView<'_>, loads: &[Load], names: &Names<'_>) -> Vec<Line> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for at in 0..sweep.points.len() {
        let group = *known.entry(sweep.configuration(at)).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(at);
    }
    let named = named(sweep, loads, &groups);
    let n = groups.len();
    let line = |(at, mut points): (usize, Vec<usize>)| {
        let offered = |at: &usize| {
            sweep.findings[*at]
                .figure(Metric::OfferedPeak)
                .map_or(0.0, |peak| peak.value)
        };
        points.sort_by(|a, b| offered(a).total_cmp(&offered(b)));
        let is_background = !named.contains(&at);
        let colour = if is_background {
            AXIS.faint(0.5)
        } else {
            ramp(at, n)
        };
        Line {
            label: names.short(points[0]),
            points: evenly(points, MOST_POINTS),
            colour,
            is_background,
        }
    };
    let all = groups.into_iter().enumerate().map(line);
    let (background, own): (Vec<Line>, Vec<Line>) = all.partition(|line| line.is_background);
    // What is in the background is drawn first.
    let mut lines = evenly(background, MOST_BACKGROUND);
    lines.extend(own);
    if lines.len() == 1 {
        lines[0].colour = MAIN;
    }
    lines
}

/// The configurations that get a name: of many the ends, and what is chosen for the heaviest loads.
fn named(sweep: SweepView<'_>, loads: &[Load], groups: &[Vec<usize>]) -> Vec<usize> {
    let n = groups.len();
    if n <= MOST_LINES {
        return (0..n).collect();
    }
    let mut named = vec![0, n - 1];
    for load in loads.iter().rev() {
        let chosen = choose(&load.points, sweep.findings).map(number);
        let own = chosen.and_then(|own| groups.iter().position(|group| group.contains(&own)));
        if let Some(own) = own.filter(|own| named.len() < MOST_LINES && !named.contains(own)) {
            named.push(own);
        }
    }
    named
}

/// At most `most` of some things, evenly picked, with the first and the last.
pub(super) fn evenly<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let n = all.len();
    if n <= most {
        return all;
    }
    let last = (n - 1).max(1);
    let is_picked = |at: usize| at == 0 || at * (most - 1) / last != (at - 1) * (most - 1) / last;
    let picked = all.into_iter().enumerate().filter(|(at, _)| is_picked(*at));
    picked.map(|(_, own)| own).collect()
}

/// The point of a choice.
pub(super) fn number(choice: Choice) -> usize {
    match choice {
        Choice::Cheapest(at) | Choice::Perhaps(at) | Choice::None { closest: at } => at,
    }
}

/// One panel per metric, below each other on the same load.
fn draw(sheet: &mut Sheet, sweep: SweepView<'_>, lines: &[Line], metrics: &[Metric]) {
    let most = values(sweep, Metric::OfferedPeak)
        .map(|peak| peak.value)
        .fold(0.0, f64::max);
    let scales: Vec<Scale> = metrics.iter().map(|metric| scale(sweep, *metric)).collect();
    let bounds: Vec<Vec<(f64, String)>> = metrics
        .iter()
        .map(|metric| bounds(sweep, *metric))
        .collect();
    let texts = bounds.iter().flatten().map(|bound| bound.1.as_str());
    let texts = texts.chain(lines.iter().map(|line| line.label.as_str()));
    let left = scales.iter().map(room_beside).fold(0.0, f64::max);
    let room = room_for(texts).min(WIDTH * 0.4);
    let (top, bottom) = (sheet.top + 44.0, sheet.bottom() - 70.0);
    let each = (bottom - top + 70.0) / metrics.len() as f64;
    let mut scales = scales.into_iter();
    for (at, (metric, bounds)) in metrics.iter().zip(&bounds).enumerate() {
        let Some(y) = scales.next() else { return };
        let start = top + each * at as f64;
        let frame = Frame {
            left: MARGIN + left,
            top: start,
            right: WIDTH - MARGIN - room,
            bottom: start + each - 70.0,
        };
        let panel = Panel::new(frame, Scale::up_to(Unit::PerSecond, most), y);
        let what = match metric {
            Metric::ErrorRate => "Share of requests that were not served".to_owned(),
            _ => format!("{} of the latency", short(metric.name())),
        };
        panel.heading(sheet, &what);
        let is_last = at + 1 == metrics.len();
        panel.grid(sheet, is_last);
        draw_panel(sheet, &panel, (sweep, *metric), lines, bounds);
        if is_last {
            panel.foot(sheet, "Requests offered per second, in the busiest window");
        }
    }
}

fn scale(sweep: SweepView<'_>, metric: Metric) -> Scale {
    let own = values(sweep, metric).map(|value| value.value);
    if metric == Metric::ErrorRate {
        return Scale::from_zero(metric.unit(), own.fold(0.0, f64::max));
    }
    Scale::fitting(
        metric.unit(),
        own.chain(bounds(sweep, metric).into_iter().map(|bound| bound.0)),
    )
}

/// The bounds on a metric, as objectives of the first point; one on the share of success bounds the errors.
fn bounds(sweep: SweepView<'_>, metric: Metric) -> Vec<(f64, String)> {
    let objectives = sweep
        .findings
        .first()
        .map_or(&[][..], |findings| &findings.objectives);
    let own = objectives.iter().filter(|own| own.name == own.metric);
    let bound = |own: &crate::experiment::ObjectiveFindings| {
        let text = format!("{} {} {}", short(&own.metric), own.op, bound_value(own));
        match (own.metric.as_str(), own.op.as_str()) {
            ("success_rate", ">") if metric == Metric::ErrorRate => Some((1.0 - own.bound, text)),
            (name, "<") if name == metric.name() => Some((own.bound, text)),
            _ => None,
        }
    };
    own.filter_map(bound).collect()
}

fn draw_panel(
    sheet: &mut Sheet,
    panel: &Panel,
    (sweep, metric): (SweepView<'_>, Metric),
    lines: &[Line],
    bounds: &[(f64, String)],
) {
    let mut ends = Vec::new();
    for (value, text) in bounds.iter().filter(|bound| panel.y.holds(bound.0)) {
        let y = panel.y.at(*value);
        sheet.line((panel.frame.left, y), (panel.frame.right, y), BOUND, 3);
        ends.push(EndLabel {
            text: text.clone(),
            y,
            colour: BOUND_TEXT,
        });
    }
    for line in lines {
        let point = |at: &usize| {
            let findings = &sweep.findings[*at];
            Some((
                findings.figure(Metric::OfferedPeak)?.value,
                findings.figure(metric).copied(),
            ))
        };
        let points: Vec<_> = line.points.iter().filter_map(point).collect();
        let thick = if line.is_background { 3 } else { 4 };
        let band = if lines.len() > FEW_LINES { 0.06 } else { BAND };
        let look = Look {
            colour: line.colour,
            thick,
            band,
        };
        if line.is_background {
            let bare = |(x, value): &(f64, Option<Estimate>)| {
                (
                    *x,
                    value.map(|value| Estimate {
                        interval: None,
                        ..value
                    }),
                )
            };
            panel.curve(sheet, &points.iter().map(bare).collect::<Vec<_>>(), look);
            continue;
        }
        panel.curve(sheet, &points, look);
        for (x, value) in points.iter().filter(|_| points.len() <= MOST_DOTS) {
            if let Some(value) = value {
                sheet.dot(panel.spot(*x, value.value), 6.0, line.colour);
            }
        }
        let last = points
            .iter()
            .rev()
            .find_map(|(x, value)| Some((*x, value.as_ref()?.value)));
        if let Some((_, value)) = last.filter(|_| !line.label.is_empty()) {
            let y = panel.y.at(value);
            ends.push(EndLabel {
                text: line.label.clone(),
                y,
                colour: line.colour,
            });
        }
    }
    panel.end_labels(sheet, &ends);
}

/// What the chart shows, as a sentence.
fn finding(sweep: SweepView<'_>, loads: &[Load], names: &Names<'_>) -> String {
    let at = |load: &Load| show(Unit::PerSecond, load.offered_peak);
    let (Some(lightest), Some(heaviest)) = (loads.first(), loads.last()) else {
        return String::new();
    };
    let is_open = |findings: &crate::experiment::Findings| {
        findings.objectives.is_empty()
            || findings.replications == 1 && findings.overflow_s.is_none()
    };
    if sweep.findings.iter().all(is_open) {
        let p95 = |load: &Load| {
            let all = load
                .points
                .iter()
                .filter_map(|at| sweep.findings[*at].figure(Metric::LatencyP95));
            let best = all.map(|figure| figure.value).fold(f64::INFINITY, f64::min);
            show(Unit::Seconds, best)
        };
        let once = if is_single(sweep) {
            "; one replication decides nothing"
        } else {
            ""
        };
        let (low, high) = (p95(lightest), p95(heaviest));
        let (from, to) = (at(lightest), at(heaviest));
        return if low == high {
            format!("The best p95 is {low} at {from} and at {to}{once}")
        } else {
            format!("The best p95 goes from {low} at {from} to {high} at {to}{once}")
        };
    }
    let held = |load: &&Load| match choose(&load.points, sweep.findings) {
        Some(Choice::Cheapest(point)) => Some((at(load), point)),
        _ => None,
    };
    let Some((load, point)) = loads.iter().rev().find_map(|load| held(&load)) else {
        let open = sweep
            .findings
            .iter()
            .any(|findings| findings.verdict == Verdict::Undecided);
        let is = if open { "is known to hold" } else { "holds" };
        return format!("Nothing {is} at any of the loads, from {} up", at(lightest));
    };
    let name = names.subject(point);
    if load == at(heaviest) {
        return format!("{name} holds up to {load}, the heaviest load that was tried");
    }
    let open = heaviest
        .points
        .iter()
        .any(|at| sweep.findings[*at].verdict == Verdict::Undecided);
    let is = if open { "is known to hold" } else { "holds" };
    format!(
        "{name} holds up to {load}; nothing {is} at {}",
        at(heaviest)
    )
}
