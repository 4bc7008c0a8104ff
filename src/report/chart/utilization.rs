//! How busy everything is that can run out, over time.

use super::Chart;
use super::over_time::{Fold, clock, points, shade_unmeasured, with_data};
use super::palette::{BOUND, Colour, series};
use super::panel::{EndLabel, Frame, Look, Panel, room_beside, room_for};
use super::scale::Scale;
use super::sheet::{Heading, MARGIN, Sheet, WIDTH};
use super::wording::source;
use crate::experiment::{Findings, ResourceFindings};
use crate::metrics::Unit;
use crate::objective::show;
use crate::report::words;
use crate::stats::Estimate;

/// Lines that can be told apart.
const MOST_LINES: usize = 6;
/// What is never busier than this is left out, unless nothing is.
const IDLE: f64 = 0.02;

/// A moment and what there was.
type Point = (f64, Option<Estimate>);

/// A resource over time.
struct Line {
    name: String,
    points: Vec<Point>,
    peak: f64,
    /// It is what the title is about.
    is_named: bool,
}

/// The chart; nothing if nothing has a limit.
pub(super) fn chart(title: &str, findings: &Findings) -> Option<Chart> {
    let mut lines: Vec<Line> = findings
        .resources
        .iter()
        .filter_map(|own| line(findings, own))
        .collect();
    let rank = |line: &Line| (line.is_named, line.peak);
    lines.sort_by(|a, b| {
        let ((named_a, a), (named_b, b)) = (rank(a), rank(b));
        named_b.cmp(&named_a).then(b.total_cmp(&a))
    });
    let n_busy = lines.iter().filter(|line| line.peak > IDLE).count();
    lines.truncate(n_busy.clamp(1, MOST_LINES));
    let first = lines.first()?;
    let source = source(title, findings, "bands");
    let heading = Heading {
        title: finding(findings, first),
        subtitle:
            "Share in use of what can run out, the busiest first, averaged over each window; \
                   shaded while the first is full"
                .to_owned(),
        source: &source,
    };
    let mut sheet = Sheet::new(&heading, 900.0);
    let y = Scale::from_zero(Unit::Fraction, 1.0);
    let names: Vec<String> = lines
        .iter()
        .map(|line| {
            format!(
                "{} (at most {})",
                line.name,
                show(Unit::Fraction, line.peak)
            )
        })
        .collect();
    let frame = Frame {
        left: MARGIN + room_beside(&y),
        top: sheet.top + 44.0,
        right: WIDTH - MARGIN - room_for(names.iter().map(String::as_str)),
        bottom: sheet.bottom() - 36.0,
    };
    let panel = Panel::new(frame, clock(findings), y);
    panel.heading(&mut sheet, "Share in use");
    shade_unmeasured(&mut sheet, &panel, findings);
    if let Some(full) = findings.bottleneck.as_ref().and_then(|found| found.full) {
        panel.shade(&mut sheet, full.from_s, full.to_s, BOUND.faint(0.1));
    }
    panel.grid(&mut sheet, true);
    draw(&mut sheet, &panel, &lines, names);
    Some(Chart::of(findings, "utilization", sheet))
}

/// The share of a resource that is in use, window by window.
fn line(findings: &Findings, resource: &ResourceFindings) -> Option<Line> {
    resource.utilization?;
    let name = resource.what.replace(' ', "_").to_lowercase();
    let column = |part: &str| with_data(findings, &resource.component, &format!("{name}_{part}"));
    let (used, capacity) = (column("used")?, column("capacity")?);
    let used = points(findings, used, Fold::Mean);
    let capacity = points(findings, capacity, Fold::Mean);
    let share = |(used, capacity): (&Point, &Point)| {
        let there = capacity.1.map(|own| own.value).filter(|there| *there > 0.0);
        let both = used.1.zip(there);
        (
            used.0,
            both.map(|(used, there)| used.map(|own| (own / there).clamp(0.0, 1.0))),
        )
    };
    let points: Vec<_> = used.iter().zip(&capacity).map(share).collect();
    let most = points
        .iter()
        .filter_map(|point| Some(point.1?.value))
        .fold(0.0, f64::max);
    let what = &resource.what;
    Some(Line {
        name: format!("{} {what}", resource.component),
        points,
        peak: resource.utilization_peak.unwrap_or(most),
        is_named: findings.bottleneck.as_ref().is_some_and(|found| {
            found.component == resource.component && found.what == resource.what
        }),
    })
}

fn draw(sheet: &mut Sheet, panel: &Panel, lines: &[Line], names: Vec<String>) {
    let colour = |at: usize| -> Colour { series(at) };
    let mut ends = Vec::new();
    for (at, (line, text)) in lines.iter().zip(names).enumerate().rev() {
        let thick = if at == 0 { 6 } else { 4 };
        panel.curve(sheet, &line.points, Look::new(colour(at), thick));
        let last = line.points.iter().rev().find_map(|point| point.1);
        if let Some(last) = last {
            let y = panel.y.at(last.value);
            ends.push(EndLabel {
                text,
                y,
                colour: colour(at),
            });
        }
    }
    panel.end_labels(sheet, &ends);
}

/// What the chart shows, as a sentence.
fn finding(findings: &Findings, first: &Line) -> String {
    let Some(found) = &findings.bottleneck else {
        return format!(
            "Busiest is {}, {} at most",
            first.name,
            show(Unit::Fraction, first.peak)
        );
    };
    let sentence = words::bottleneck(found);
    // What waits is in the table; the title says what is full, when, and how much of it there is.
    let end = if found.full.is_some() {
        sentence.find([',', ';'])
    } else {
        None
    };
    let sentence = &sentence[..end.unwrap_or(sentence.len())];
    let mut letters = sentence.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
