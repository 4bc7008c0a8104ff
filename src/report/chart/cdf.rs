//! How latencies are distributed, with the tail spread out.

use super::Chart;
use super::palette::{BOUND, BOUND_TEXT, Colour, INK, MAIN};
use super::panel::{Frame, Panel, room_beside};
use super::scale::Scale;
use super::sheet::{Anchor, Heading, MARGIN, Sheet, Spot, TEXT, Text, WIDTH};
use super::wording::{bound, bound_value, latency_bounds, short, source, worst};
use crate::experiment::{Findings, ObjectiveFindings};
use crate::metrics::{Metric, Unit};
use crate::objective::{Verdict, show};
use crate::report::words;

/// The quantiles that are read off.
const READ: [Metric; 4] = [
    Metric::LatencyP50,
    Metric::LatencyP95,
    Metric::LatencyP99,
    Metric::LatencyP999,
];

/// The chart; nothing without latencies.
pub(super) fn chart(title: &str, findings: &Findings) -> Option<Chart> {
    let cdf = &findings.latency_cdf;
    let (least, most) = (cdf.first()?.0.max(1e-6), cdf.last()?.0.max(2e-6));
    let bounds: Vec<_> = latency_bounds(findings)
        .into_iter()
        .filter(|own| quantile(own).is_some())
        .collect();
    let source = source(title, findings, "bars");
    let heading = Heading {
        title: finding(findings, &bounds),
        subtitle:
            "Share of requests that took no longer, all replications together; towards the top \
                   each step is ten times rarer"
                .to_owned(),
        source: &source,
    };
    let mut sheet = Sheet::new(&heading, 1000.0);
    let tail = cdf.iter().map(|point| point.1).filter(|share| *share < 1.0);
    let y = Scale::nines(tail.fold(0.0, f64::max));
    // The right end: the top of the scale is reached there.
    let far = cdf
        .iter()
        .find(|point| !y.holds(point.1))
        .map_or(most, |point| point.0);
    let far = bounds.iter().map(|own| own.bound).fold(far, f64::max);
    // The left end: below it lies less than one request in a hundred.
    let near = cdf
        .iter()
        .find(|point| point.1 >= 0.01)
        .map_or(least, |point| point.0);
    let near = bounds
        .iter()
        .map(|own| own.bound)
        .fold(near, f64::min)
        .max(1e-6);
    let frame = Frame {
        left: MARGIN + room_beside(&y),
        top: sheet.top + 44.0,
        right: WIDTH - MARGIN - 40.0,
        bottom: sheet.bottom() - 70.0,
    };
    let panel = Panel::new(frame, Scale::log(Unit::Seconds, near, far), y);
    panel.heading(&mut sheet, "Share of requests");
    panel.grid(&mut sheet, true);
    panel.foot(
        &mut sheet,
        "Latency, from when a request was due until its answer",
    );
    draw_bounds(&mut sheet, &panel, &bounds);
    draw_curve(&mut sheet, &panel, cdf);
    read_off(&mut sheet, &panel, findings, &bounds);
    Some(Chart::of(findings, "latency-cdf", sheet))
}

fn quantile(objective: &ObjectiveFindings) -> Option<f64> {
    Metric::by_name(&objective.metric)?.latency_quantile()
}

/// The share of requests that took no longer than `seconds`.
fn share_within(cdf: &[(f64, f64)], seconds: f64) -> f64 {
    let after = cdf.partition_point(|point| point.0 <= seconds);
    let before = after.checked_sub(1).map_or((0.0, 0.0), |at| cdf[at]);
    match cdf.get(after) {
        Some(next) if next.0 > before.0 => {
            before.1 + (next.1 - before.1) * (seconds - before.0) / (next.0 - before.0)
        }
        _ => before.1,
    }
}

/// What the chart shows, as a sentence.
fn finding(findings: &Findings, bounds: &[&ObjectiveFindings]) -> String {
    let until = findings.overflow_s.map_or(String::new(), |at| {
        format!("Until the stop at {}: ", words::clock(at))
    });
    let Some(own) = worst(bounds) else {
        let figure = |metric: Metric| words::maybe(metric.unit(), findings.figure(metric));
        return format!(
            "{until}p50 is {}, p95 {}, p99 {}",
            figure(Metric::LatencyP50),
            figure(Metric::LatencyP95),
            figure(Metric::LatencyP99)
        );
    };
    let share = show(
        Unit::Fraction,
        share_within(&findings.latency_cdf, own.bound),
    );
    let asked = show(Unit::Fraction, quantile(own).unwrap_or(0.0));
    let value = bound_value(own);
    match own.verdict {
        _ if findings.overflow_s.is_some() => {
            format!("{until}{share} of requests end within {value}; {asked} should")
        }
        Verdict::NotMet => format!("Only {share} of requests end within {value}; {asked} should"),
        Verdict::Met => {
            let figure = words::maybe(Unit::Seconds, own.estimate.as_ref());
            format!(
                "{} is {figure}, within its bound of {value}",
                short(&own.metric)
            )
        }
        Verdict::Undecided if findings.replications == 1 => format!(
            "{share} of requests end within {value} and {asked} should, but one replication decides nothing"
        ),
        Verdict::Undecided => {
            format!("{share} of requests end within {value}: too close to {asked} to tell")
        }
    }
}

/// A bound is a corner: the curve must cross its share before its latency.
fn draw_bounds(sheet: &mut Sheet, panel: &Panel, bounds: &[&ObjectiveFindings]) {
    for own in bounds {
        let share = quantile(own).unwrap_or(0.0);
        let (x, y) = panel.spot(own.bound, share);
        // Where the curve must not be: at this share, to the right of the bound.
        sheet.line((x, y), (panel.frame.right, y), BOUND, 3);
        sheet.line((x, y), (x, panel.frame.bottom), BOUND, 3);
        sheet.dot((x, y), 7.0, BOUND);
        let sign = words::sign(own.verdict, true);
        let text = format!("{sign} {} {}", short(&own.metric), bound(own));
        let label = Label {
            at: (x, y),
            text,
            colour: BOUND_TEXT,
        };
        label.write(sheet, panel.frame, is_passed(own));
    }
}

/// True if the curve is to the right of the corner.
fn is_passed(objective: &ObjectiveFindings) -> bool {
    objective
        .estimate
        .is_some_and(|estimate| estimate.value > objective.bound)
}

/// A label beside a point.
struct Label {
    at: Spot,
    text: String,
    colour: Colour,
}

impl Label {
    /// The curve goes up to the right, so there is room above to the left of a point on it, and below to
    /// the right. If the side that is asked for has none, the other one is taken.
    fn write(self, sheet: &mut Sheet, frame: Frame, is_left: bool) {
        let wide = super::font::width(&self.text, TEXT) + 20.0;
        let (fits_left, fits_right) = (
            self.at.0 - wide > frame.left,
            self.at.0 + wide < frame.right,
        );
        let above = (self.at.0 - 18.0, self.at.1 - 10.0);
        let below = (self.at.0 + 18.0, self.at.1 + TEXT);
        let text = if (is_left && fits_left) || !fits_right {
            Text::new(self.text, above).anchor(Anchor::End)
        } else {
            Text::new(self.text, below)
        };
        sheet.text(text.colour(self.colour));
    }
}

fn draw_curve(sheet: &mut Sheet, panel: &Panel, cdf: &[(f64, f64)]) {
    // The last point is the first beyond the top: the curve ends at the edge.
    let n = cdf
        .iter()
        .position(|point| !panel.y.holds(point.1))
        .map_or(cdf.len(), |at| at + 1);
    let shown = cdf[..n].iter().filter(|point| panel.x.holds(point.0));
    let mut points: Vec<_> = shown.map(|point| panel.spot(point.0, point.1)).collect();
    points.dedup_by_key(|spot| (spot.0.round() as i64, spot.1.round() as i64));
    sheet.path(points, MAIN, 5);
}

/// The quantiles of the run on the curve.
fn read_off(sheet: &mut Sheet, panel: &Panel, findings: &Findings, bounds: &[&ObjectiveFindings]) {
    for metric in READ {
        let Some((share, figure)) = metric.latency_quantile().zip(findings.figure(metric)) else {
            continue;
        };
        if !panel.y.holds(share) || !panel.x.holds(figure.value) {
            continue;
        }
        let (x, y) = panel.spot(figure.value, share);
        if let Some((low, high)) = figure.interval {
            sheet.line((panel.x.at(low), y), (panel.x.at(high), y), MAIN, 9);
        }
        sheet.dot((x, y), 9.0, INK);
        let text = format!(
            "{} {}",
            short(metric.name()),
            show(Unit::Seconds, figure.value)
        );
        // On the side where the corner of its bound is not.
        let own = bounds.iter().find(|own| own.metric == metric.name());
        let is_left = !own.is_some_and(|own| is_passed(own));
        Label {
            at: (x, y),
            text,
            colour: INK,
        }
        .write(sheet, panel.frame, is_left);
    }
}
