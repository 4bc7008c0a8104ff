//! How the instances of each configuration followed the traffic, one panel each, under the heaviest traffic.

use super::Chart;
use super::font::fit;
use super::over_time::{Fold, clock, most, steps, values};
use super::palette::{BOUND, Colour, GRID, INK, MAIN, QUIET};
use super::panel::{Frame, Look, Panel, Step, room_beside};
use super::scale::Scale;
use super::sheet::{Anchor, Heading, MARGIN, SMALL, Sheet, TEXT, Text, WIDTH};
use super::sweep_words::{Names, at_load, source};
use crate::experiment::{Column, Findings, Load, offered_by};
use crate::metrics::{Metric, Unit};
use crate::objective::show;
use crate::report::{SweepView, words};
use crate::units::with_suffix;

/// More panels than this are too small to be read.
const MOST: usize = 16;
/// Panels side by side, and how high each is.
const ACROSS: usize = 2;
const HIGH: f64 = 190.0;
/// Space above a panel for its heading, and between panels.
const ABOVE: f64 = 58.0;
const BETWEEN: f64 = 60.0;
/// Numbers of instances that differ by less are the same.
const SAME: f64 = 0.5;

/// The chart; nothing if no number of instances changes, or there are too many configurations.
pub(super) fn chart(title: &str, sweep: SweepView<'_>) -> Option<Chart> {
    let loads = offered_by(sweep.points, sweep.findings);
    let load = loads.last()?;
    let own: Vec<_> = load
        .points
        .iter()
        .map(|at| (*at, &sweep.findings[*at]))
        .collect();
    let service = scaled(&own)?;
    if !(2..=MOST).contains(&own.len()) {
        return None;
    }
    let names = Names::new(sweep);
    let rows = own.len().div_ceil(ACROSS) as f64;
    let heading = Heading {
        title: finding(&own, &names, load),
        subtitle: format!(
            "Instances of {service} in service over time; shaded: an objective is broken; grey: the traffic, the panel's height is {}",
            at_load(load)
        ),
        source: &source(title, sweep, "bands"),
    };
    let mut sheet = Sheet::new(&heading, 300.0 + rows * (HIGH + ABOVE));
    let column = |findings: &'_ Findings| findings.column(&service, IN_SERVICE).cloned();
    let columns: Vec<Column> = own.iter().filter_map(|(_, own)| column(own)).collect();
    let y = Scale::up_to(Unit::Number, most(columns.iter()));
    let left = MARGIN + room_beside(&y);
    let wide = (WIDTH - MARGIN - left - BETWEEN) / ACROSS as f64;
    for (number, (at, findings)) in own.iter().enumerate() {
        let (across, down) = (number % ACROSS, number / ACROSS);
        let top = sheet.top + ABOVE + down as f64 * (HIGH + ABOVE);
        let left = left + across as f64 * (wide + BETWEEN);
        let frame = Frame {
            left,
            top,
            right: left + wide,
            bottom: top + HIGH,
        };
        let panel = Panel::new(frame, clock(findings), y.clone());
        let is_last = number + ACROSS >= own.len();
        draw(&mut sheet, &panel, findings, &service, is_last);
        head(&mut sheet, &panel, &names.short(*at), findings);
    }
    Some(Chart::new("followers", sheet))
}

const IN_SERVICE: &str = "instances_in_service";

/// The first service whose number of instances changes in a configuration.
fn scaled(own: &[(usize, &Findings)]) -> Option<String> {
    let changes = |column: &&Column| {
        let all = || values(column).map(|own| own.value);
        all().fold(0.0, f64::max) - all().fold(f64::INFINITY, f64::min) > SAME
    };
    own.iter().find_map(|(_, findings)| {
        let mut columns = findings.series.columns.iter();
        let found = columns.find(|own| own.figure == IN_SERVICE && changes(own));
        found.map(|own| own.component.clone())
    })
}

fn draw(sheet: &mut Sheet, panel: &Panel, findings: &Findings, service: &str, has_x: bool) {
    traffic(sheet, panel, findings);
    for (from, to) in broken(findings) {
        panel.shade(sheet, from, to, BOUND.faint(0.14));
    }
    panel.grid(sheet, has_x);
    if let Some(column) = findings.column(service, IN_SERVICE) {
        let line = steps(findings, column, Fold::Mean);
        panel.steps(sheet, &line, Look::new(MAIN, 5));
    }
}

/// When any objective was broken.
fn broken(findings: &Findings) -> Vec<(f64, f64)> {
    let own = findings.objectives.iter().flat_map(|own| &own.violated);
    let mut own: Vec<_> = own.map(|own| (own.from_s, own.to_s)).collect();
    own.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut all: Vec<(f64, f64)> = Vec::new();
    for (from, to) in own {
        match all.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => all.push((from, to)),
        }
    }
    all
}

/// The traffic behind everything, as high as the panel where it is most.
fn traffic(sheet: &mut Sheet, panel: &Panel, findings: &Findings) {
    const SHADE: Colour = GRID.faint(0.8);
    let Some(offered) = findings.column("", "offered_per_s") else {
        return;
    };
    let peak = values(offered).map(|own| own.value).fold(0.0, f64::max);
    let Frame { top, bottom, .. } = panel.frame;
    let high = |step: &Step| bottom - (bottom - top) * step.value.value / peak;
    let line = steps(findings, offered, Fold::Mean);
    let (Some(first), Some(last)) = (line.first(), line.last()) else {
        return;
    };
    let ends = [
        (panel.x.at(last.to), bottom),
        (panel.x.at(first.from), bottom),
    ];
    let outline = line
        .iter()
        .flat_map(|step| [step.from, step.to].map(|x| (panel.x.at(x), high(step))));
    sheet.area(outline.chain(ends).collect(), SHADE);
}

/// Which configuration it is, and what came of it.
fn head(sheet: &mut Sheet, panel: &Panel, name: &str, findings: &Findings) {
    let Frame {
        left, top, right, ..
    } = panel.frame;
    let result = result(findings);
    let room = right - left - super::font::width(&result, SMALL) - 30.0;
    sheet.text(Text::new(fit(name, TEXT, room), (left, top - 16.0)).colour(INK));
    let text = Text::new(result, (right, top - 16.0)).size(SMALL);
    sheet.text(text.anchor(Anchor::End).colour(QUIET));
}

fn result(findings: &Findings) -> String {
    let figure = |metric| findings.figure(metric).filter(|own| own.value > 0.0);
    let back = figure(Metric::RecoveryTime).map(|own| {
        let back = words::back_in(findings, own);
        format!("back in {back}")
    });
    let lost = findings
        .figure(Metric::RequestsLost)
        .map(|own| format!("{} lost", with_suffix(own.value)));
    let cost = figure(Metric::Cost).map(|own| show(Unit::Dollars, own.value));
    let parts: Vec<_> = [back, lost, cost].into_iter().flatten().collect();
    parts.join(" · ")
}

/// What the chart shows, as a sentence.
fn finding(own: &[(usize, &Findings)], names: &Names<'_>, load: &Load) -> String {
    let figure = |metric, findings: &Findings| findings.figure(metric).map_or(0.0, |own| own.value);
    let mut order: Vec<_> = own.to_vec();
    order.sort_by(|(_, a), (_, b)| {
        let by = |metric| figure(metric, a).total_cmp(&figure(metric, b));
        by(Metric::RequestsLost).then(by(Metric::Cost))
    });
    let (Some((best, one)), Some((worst, other))) = (order.first(), order.last()) else {
        return String::new();
    };
    let lost = |findings| match figure(Metric::RequestsLost, findings) {
        0.0 => "no request".to_owned(),
        lost => format!("{} requests", with_suffix(lost)),
    };
    let (one, other) = (lost(one), lost(other));
    if one == other {
        return format!("All lose {one} at {}", at_load(load));
    }
    format!(
        "{} loses {one} at {}, {} loses {other}",
        names.short(*best),
        at_load(load),
        names.short(*worst),
    )
}
