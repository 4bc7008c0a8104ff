//! Backtests: what was predicted beside what was measured.

use super::Chart;
use super::palette::{AXIS, BOUND, MAIN, MUTED};
use super::panel::{EndLabel, Frame, Look, Panel, room_beside, room_for};
use super::scale::Scale;
use super::sheet::{Heading, MARGIN, Sheet, WIDTH};
use crate::backtest::{Comparison, Second, Shape, Summary};
use crate::metrics::Unit;
use crate::report::backtest::answer;
use crate::stats::Estimate;

/// Percentiles of latency, predicted and measured: nothing without any.
pub(super) fn scatter(comparisons: &[Comparison], summary: &Summary) -> Option<Chart> {
    let mut points = Vec::new();
    for pair in comparisons.iter().flat_map(|own| &own.pairs) {
        if pair.counts
            && pair.figure.ends_with("_ms")
            && let Some(predicted) = pair.predicted
            && predicted > 0.0
            && pair.measured > 0.0
        {
            points.push((pair, predicted));
        }
    }
    let values = || {
        let of = points.iter().flat_map(|(pair, own)| [pair.measured, *own]);
        of.map(|ms| ms / 1e3)
    };
    let (low, high) = values().fold((f64::INFINITY, 0.0_f64), |(low, high), own| {
        (low.min(own), high.max(own))
    });
    if points.is_empty() {
        return None;
    }
    let source = format!("{} recordings of real stacks", comparisons.len());
    let heading = Heading {
        title: answer(summary),
        subtitle: "Median, 95th and 99th percentile of latency; bars: from the smallest to the largest of the \
                   repetitions; lines: as measured, and 10 % to either side"
            .to_owned(),
        source: &source,
    };
    let mut sheet = Sheet::new(&heading, 1240.0);
    let scale = || Scale::log(Unit::Seconds, low, high);
    let frame = Frame {
        left: MARGIN + room_beside(&scale()),
        top: sheet.top + 44.0,
        right: WIDTH - MARGIN - room_for(["as measured"]),
        bottom: sheet.bottom() - 96.0,
    };
    let panel = Panel::new(frame, scale(), scale());
    panel.heading(&mut sheet, "Predicted");
    panel.grid(&mut sheet, true);
    panel.foot(&mut sheet, "Measured");
    let clamp = |own: f64| own.clamp(low, high);
    for (factor, colour) in [(0.9, AXIS), (1.0, MUTED), (1.1, AXIS)] {
        let (from, to) = (clamp(low / factor), clamp(high / factor));
        let ends = [from, to].map(|x| panel.spot(x, x * factor));
        sheet.line(ends[0], ends[1], colour, 2);
    }
    for (pair, predicted) in &points {
        let colour = if pair.verdict.is_in() { MAIN } else { BOUND };
        if let Some((from, to)) = pair.spread {
            let ends = [from, to].map(|ms| panel.spot(clamp(ms / 1e3), predicted / 1e3));
            sheet.line(ends[0], ends[1], colour.faint(0.5), 3);
        }
        sheet.dot(
            panel.spot(pair.measured / 1e3, predicted / 1e3),
            7.0,
            colour,
        );
    }
    let y = panel.spot(high, high).1;
    panel.end_labels(
        &mut sheet,
        &[EndLabel {
            text: "as measured".to_owned(),
            y,
            colour: MUTED,
        }],
    );
    Some(Chart::new("accuracy", sheet))
}

/// So many recordings are shown over time.
const MOST_PANELS: usize = 4;

/// The median latency second by second, of recordings in which something happens; nothing without any.
pub(super) fn over_time(comparisons: &[Comparison]) -> Option<Chart> {
    let tells = |own: &&Comparison| {
        let first = own.shapes.first();
        first.is_some_and(|own| own.recovery.is_some() || own.instances.is_some())
    };
    // One of each family: the others look alike.
    let mut shown: Vec<&Comparison> = Vec::new();
    for own in comparisons.iter().filter(tells) {
        if shown.len() < MOST_PANELS && shown.iter().all(|other| other.family != own.family) {
            shown.push(own);
        }
    }
    if shown.is_empty() {
        return None;
    }
    let heading = Heading {
        title: "Second by second, where something happens to the system".to_owned(),
        subtitle: "Median latency of the requests that were due in a second, first repetition: \
                   predicted (thick) and measured (thin)"
            .to_owned(),
        source: "bursts, servers that die or restart, instances that are added",
    };
    let mut sheet = Sheet::new(&heading, 270.0 + 340.0 * shown.len() as f64);
    let top = sheet.top;
    for (at, own) in shown.iter().enumerate() {
        let Some(shape) = own.shapes.first() else {
            continue;
        };
        let from = top + 60.0 + 340.0 * at as f64;
        panel_over_time(&mut sheet, own, shape, (from, from + 230.0));
    }
    Some(Chart::new("accuracy-over-time", sheet))
}

const fn alone(value: f64) -> Estimate {
    let interval = None;
    Estimate { value, interval }
}

fn panel_over_time(sheet: &mut Sheet, own: &Comparison, shape: &Shape, (top, bottom): (f64, f64)) {
    let p50 = |second: &Second| second.p50_ms.map(|ms| ms / 1e3);
    let all = shape
        .seconds
        .iter()
        .flat_map(|(own, real)| [p50(own), p50(real)]);
    let y = Scale::fitting(Unit::Seconds, all.flatten());
    let x = Scale::up_to(Unit::Seconds, shape.seconds.len() as f64);
    let frame = Frame {
        left: MARGIN + room_beside(&y),
        top,
        right: WIDTH - MARGIN - room_for(["predicted"]),
        bottom,
    };
    let panel = Panel::new(frame, x, y);
    panel.heading(sheet, &own.id);
    panel.grid(sheet, true);
    let curve = |of: &dyn Fn(&(Second, Second)) -> Option<f64>| -> Vec<(f64, Option<Estimate>)> {
        let points = shape.seconds.iter().enumerate();
        let point = |(at, second)| (at as f64 + 0.5, of(second).map(alone));
        points.map(point).collect()
    };
    let predicted = curve(&|own| p50(&own.0));
    let measured = curve(&|own| p50(&own.1));
    panel.curve(sheet, &predicted, Look::new(MAIN.faint(0.55), 8));
    panel.curve(sheet, &measured, Look::new(BOUND, 3));
    let end = |points: &[(f64, Option<Estimate>)], text: &str, colour| {
        let last = points.iter().rev().find_map(|own| own.1)?;
        Some(EndLabel {
            text: text.to_owned(),
            y: panel.y.at(last.value),
            colour,
        })
    };
    let labels = [
        end(&predicted, "predicted", MAIN),
        end(&measured, "measured", BOUND),
    ];
    let labels: Vec<EndLabel> = labels.into_iter().flatten().collect();
    panel.end_labels(sheet, &labels);
}
