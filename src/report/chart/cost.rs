//! Cost against latency of the configurations of a sweep, under the heaviest traffic.

use super::Chart;
use super::load_curves::{evenly, number};
use super::palette::{BOUND, Colour, INK, MAIN, MUTED, UNSURE_TEXT};
use super::panel::{EndLabel, Frame, Panel, room_beside, room_for};
use super::scale::Scale;
use super::sheet::{Anchor, Heading, MARGIN, Sheet, Spot, TEXT, Text, WIDTH};
use super::sweep_words::{Names, at_load, is_single, source};
use super::wording::{bound_value, count, short};
use crate::experiment::{Choice, Findings, Load, choose, offered_by};
use crate::metrics::{Metric, Unit};
use crate::objective::{Verdict, show};
use crate::report::{SweepView, words};
use crate::stats::Estimate;

/// Of more dots that are not efficient some are left out.
const MOST_DOTS: usize = 300;
/// Bars around more dots than this hide more than they show; only the efficient ones keep theirs.
const MOST_BARS: usize = 100;

/// A configuration.
struct Dot<'a> {
    point: usize,
    findings: &'a Findings,
    cost: Estimate,
    latency: Estimate,
    /// Nothing is both cheaper and faster.
    is_efficient: bool,
}

/// The chart; nothing if nothing has a price, or there is nothing to compare.
pub(super) fn chart(title: &str, sweep: SweepView<'_>) -> Option<Chart> {
    let loads = offered_by(sweep.points, sweep.findings);
    let load = loads.last()?;
    let metric = Metric::LatencyP95;
    let dots = dots(sweep, load, metric);
    if dots.len() < 2 || dots.iter().all(|dot| dot.cost.value <= 0.0) {
        return None;
    }
    let names = Names::new(sweep);
    let choice = choose(&load.points, sweep.findings)?;
    let source = source(title, sweep, "bars");
    let heading = Heading {
        title: finding(sweep, load, choice, &names),
        subtitle: subtitle(&dots, load, &names),
        source: &source,
    };
    let mut sheet = Sheet::new(&heading, 1060.0);
    let has_objectives = sweep
        .findings
        .iter()
        .any(|findings| !findings.objectives.is_empty());
    let chosen = has_objectives.then_some(choice);
    draw(&mut sheet, &dots, &names, chosen);
    Some(Chart::new("cost-latency", sheet))
}

fn dots<'a>(sweep: SweepView<'a>, load: &Load, metric: Metric) -> Vec<Dot<'a>> {
    let dot = |at: &usize| {
        let findings = &sweep.findings[*at];
        let (cost, latency) = (*findings.figure(Metric::Cost)?, *findings.figure(metric)?);
        Some(Dot {
            point: *at,
            findings,
            cost,
            latency,
            is_efficient: false,
        })
    };
    let mut dots: Vec<Dot<'_>> = load.points.iter().filter_map(dot).collect();
    dots.sort_by(|a, b| {
        let by_cost = a.cost.value.total_cmp(&b.cost.value);
        by_cost.then(a.latency.value.total_cmp(&b.latency.value))
    });
    let mut best = f64::INFINITY;
    for dot in &mut dots {
        dot.is_efficient = dot.latency.value < best;
        best = best.min(dot.latency.value);
    }
    let (efficient, rest): (Vec<_>, Vec<_>) = dots.into_iter().partition(|dot| dot.is_efficient);
    let (mut dots, rest) = (evenly(rest, MOST_DOTS), efficient);
    dots.extend(rest);
    dots
}

fn subtitle(dots: &[Dot<'_>], load: &Load, names: &Names<'_>) -> String {
    let labels = names
        .parameters()
        .map_or(String::new(), |all| format!(", labelled by {all}"));
    let has = |verdict: Verdict| dots.iter().any(|dot| dot.findings.verdict == verdict);
    let is_judged = dots.iter().any(|dot| !dot.findings.objectives.is_empty());
    let mut key = String::new();
    for (verdict, words) in [
        (Verdict::Met, "● every objective met"),
        (Verdict::Undecided, "○ undecided"),
        (Verdict::NotMet, "✗ not met"),
    ] {
        if is_judged && has(verdict) {
            key.push_str(if key.is_empty() { ". " } else { ", " });
            key.push_str(words);
        }
    }
    format!(
        "Cost of the run and its p95 at {} ({}){labels}; the line joins those that nothing beats in both{key}",
        at_load(load),
        if load.name.is_empty() {
            count(dots.len(), "configuration")
        } else {
            load.name.clone()
        },
    )
}

fn draw(sheet: &mut Sheet, dots: &[Dot<'_>], names: &Names<'_>, choice: Option<Choice>) {
    let objectives = dots.first().map_or(&[][..], |dot| &dot.findings.objectives);
    let bounds: Vec<_> = objectives
        .iter()
        .filter(|own| own.name == "latency_p95" && own.op == "<")
        .collect();
    // Bars belong into the picture, unless they are so long that they say nothing.
    let values = dots.iter().flat_map(|dot| {
        let [_, high] = ends(&dot.latency);
        [dot.latency.value, high.min(1.5 * dot.latency.value)]
    });
    let y = Scale::fitting(
        Unit::Seconds,
        values.chain(bounds.iter().map(|own| own.bound)),
    );
    let costs = || dots.iter().flat_map(|dot| ends(&dot.cost));
    let low = costs().fold(f64::INFINITY, f64::min);
    let x = Scale::around(Unit::Dollars, low, costs().fold(0.0, f64::max));
    let labels: Vec<String> = bounds
        .iter()
        .map(|own| format!("{} < {}", short(&own.metric), bound_value(own)))
        .collect();
    let frame = Frame {
        left: MARGIN + room_beside(&y),
        top: sheet.top + 44.0,
        right: WIDTH - MARGIN - room_for(labels.iter().map(String::as_str)).max(60.0),
        bottom: sheet.bottom() - 70.0,
    };
    let panel = Panel::new(frame, x, y);
    panel.heading(sheet, "p95 of the latency");
    panel.grid(sheet, true);
    panel.foot(sheet, "Cost of the run");
    let mut ends = Vec::new();
    for (own, text) in bounds.iter().zip(labels) {
        panel.bound(sheet, own.bound);
        ends.push(EndLabel::bound(text, panel.y.at(own.bound)));
    }
    panel.end_labels(sheet, &ends);
    front(sheet, &panel, dots);
    for dot in dots {
        let colour = colour(dot.findings);
        if dot.is_efficient || dots.len() <= MOST_BARS {
            bars(sheet, &panel, dot, colour.faint(0.6));
        }
        mark(sheet, &panel, dot, colour);
    }
    label(sheet, &panel, dots, names, choice);
}

/// Names the choice first, then what is efficient, then the rest, as long as there is room.
fn label(
    sheet: &mut Sheet,
    panel: &Panel,
    dots: &[Dot<'_>],
    names: &Names<'_>,
    choice: Option<Choice>,
) {
    let mut labels = Labels {
        taken: taken(panel, dots),
        frame: panel.frame,
    };
    let spot = |dot: &Dot<'_>| panel.spot(dot.cost.value, dot.latency.value);
    let chosen = choice.map(number);
    let is_chosen = |dot: &&Dot<'_>| Some(dot.point) == chosen;
    if let Some((dot, choice)) = dots.iter().find(is_chosen).zip(choice) {
        sheet.outline(spot(dot), 19.0, INK);
        let what = match choice {
            Choice::Cheapest(_) => "chosen",
            Choice::Perhaps(_) => "perhaps",
            Choice::None { .. } => "closest",
        };
        let cost = show(Unit::Dollars, dot.cost.value);
        let text = format!("{what}: {}, {cost}", names.short(dot.point));
        labels.place(sheet, spot(dot), &text, INK);
    }
    for is_efficient in [true, false] {
        let own = dots
            .iter()
            .filter(|dot| dot.is_efficient == is_efficient && !is_chosen(dot));
        for dot in own {
            let colour = if is_efficient { INK } else { MUTED };
            labels.place(sheet, spot(dot), &names.short(dot.point), colour);
        }
    }
}

/// The ends of an interval, or the value twice.
fn ends(estimate: &Estimate) -> [f64; 2] {
    let (low, high) = estimate
        .interval
        .unwrap_or((estimate.value, estimate.value));
    [low.max(0.0), high]
}

/// The line through the efficient points.
fn front(sheet: &mut Sheet, panel: &Panel, dots: &[Dot<'_>]) {
    let mut line: Vec<Spot> = Vec::new();
    for dot in dots.iter().filter(|dot| dot.is_efficient) {
        let at = panel.spot(dot.cost.value, dot.latency.value);
        if let Some(last) = line.last().copied() {
            line.push((at.0, last.1));
        }
        line.push(at);
    }
    sheet.path(line, MUTED.faint(0.5), 3);
}

fn colour(findings: &Findings) -> Colour {
    match findings.verdict {
        _ if findings.objectives.is_empty() => MAIN,
        Verdict::Met => MAIN,
        Verdict::Undecided => UNSURE_TEXT,
        Verdict::NotMet => BOUND,
    }
}

fn bars(sheet: &mut Sheet, panel: &Panel, dot: &Dot<'_>, colour: Colour) {
    let (x, y) = panel.spot(dot.cost.value, dot.latency.value);
    let [left, right] = ends(&dot.cost).map(|cost| panel.x.at(cost));
    sheet.line((left, y), (right, y), colour, 3);
    let [low, high] = ends(&dot.latency).map(|latency| panel.y.at(latency));
    sheet.line((x, low), (x, high), colour, 3);
}

fn mark(sheet: &mut Sheet, panel: &Panel, dot: &Dot<'_>, colour: Colour) {
    let at = panel.spot(dot.cost.value, dot.latency.value);
    let is_judged = !dot.findings.objectives.is_empty();
    match dot.findings.verdict {
        Verdict::NotMet if is_judged => sheet.cross(at, 8.0, colour),
        Verdict::Undecided if is_judged => sheet.ring(at, 10.0, colour),
        _ => sheet.dot(at, 10.0, colour),
    }
}

/// What is taken by dots.
fn taken(panel: &Panel, dots: &[Dot<'_>]) -> Vec<[f64; 4]> {
    let around = |dot: &Dot<'_>| {
        let (x, y) = panel.spot(dot.cost.value, dot.latency.value);
        [x - 12.0, y - 12.0, x + 12.0, y + 12.0]
    };
    dots.iter().map(around).collect()
}

/// Labels beside dots: each where there is room, or not at all.
struct Labels {
    taken: Vec<[f64; 4]>,
    frame: Frame,
}

impl Labels {
    fn place(&mut self, sheet: &mut Sheet, at: Spot, text: &str, colour: Colour) {
        let sides = [
            (22.0, TEXT * 0.35 - 14.0, Anchor::Start),
            (22.0, TEXT * 0.35 + 14.0, Anchor::Start),
            (-22.0, TEXT * 0.35 - 14.0, Anchor::End),
            (-22.0, TEXT * 0.35 + 14.0, Anchor::End),
            (0.0, -26.0, Anchor::Middle),
            (0.0, 44.0, Anchor::Middle),
        ];
        for (dx, dy, anchor) in sides {
            let text = Text::new(text, (at.0 + dx, at.1 + dy))
                .anchor(anchor)
                .colour(colour);
            let own = text.extent();
            let inside = own[0] > self.frame.left
                && own[2] < WIDTH - MARGIN
                && own[1] > self.frame.top
                && own[3] < self.frame.bottom;
            // Beyond the panel stand the names of the bounds.
            let is_beside = own[2] > self.frame.right;
            let meets = |other: &[f64; 4]| {
                own[0] < other[2] && other[0] < own[2] && own[1] < other[3] && other[1] < own[3]
            };
            if inside && !is_beside && !self.taken.iter().any(meets) {
                self.taken.push(own);
                sheet.text(text);
                return;
            }
        }
    }
}

/// What the chart shows, as a sentence.
fn finding(sweep: SweepView<'_>, load: &Load, choice: Choice, names: &Names<'_>) -> String {
    let at = number(choice);
    let findings = &sweep.findings[at];
    let figure = |metric: Metric| words::maybe(metric.unit(), findings.figure(metric));
    let cost = findings
        .figure(Metric::Cost)
        .map_or(String::new(), |it| show(Unit::Dollars, it.value));
    let (name, p95, traffic) = (names.subject(at), figure(Metric::LatencyP95), at_load(load));
    if findings.objectives.is_empty() && findings.overflow_s.is_none() {
        let all = load.points.iter().map(|at| &sweep.findings[*at]);
        let fastest = all
            .filter_map(|own| {
                Some((
                    own.figure(Metric::LatencyP95)?.value,
                    own.figure(Metric::Cost)?.value,
                ))
            })
            .min_by(|a, b| a.0.total_cmp(&b.0));
        return fastest.map_or_else(String::new, |(p95, cost)| {
            format!(
                "The best p95 at {traffic} is {}, for {}",
                show(Unit::Seconds, p95),
                show(Unit::Dollars, cost)
            )
        });
    }
    match choice {
        Choice::Cheapest(_) => {
            format!("{name} is the cheapest that holds at {traffic}: p95 {p95} for {cost}")
        }
        Choice::Perhaps(_) if is_single(sweep) => format!(
            "One replication decides nothing; at {traffic} {name} is the cheapest, for {cost}"
        ),
        Choice::Perhaps(_) => {
            format!("Nothing is known to hold at {traffic}; {name} may, for {cost}: p95 {p95}")
        }
        Choice::None { .. } => {
            format!("Nothing holds at {traffic}; {name} comes closest: p95 {p95} for {cost}")
        }
    }
}
