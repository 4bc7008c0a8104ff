//! What charts over time share: the clock, the windows, the end of the warm-up.

use super::palette::{Colour, GRID, MUTED};
use super::panel::{Panel, Step};
use super::scale::Scale;
use super::sheet::{SMALL, Sheet, Text};
use crate::experiment::{Column, Findings};
use crate::stats::Estimate;

/// A column by the middle of its windows.
pub(super) fn points(findings: &Findings, column: &Column) -> Vec<(f64, Option<Estimate>)> {
    let middle = |pair: &[f64]| f64::midpoint(pair[0], pair[1]);
    let times = findings.series.bounds_s.windows(2).map(middle);
    times.zip(column.values.iter().copied()).collect()
}

/// A column as steps: every window that has data.
pub(super) fn steps(findings: &Findings, column: &Column) -> Vec<Step> {
    let windows = findings.series.bounds_s.windows(2).zip(&column.values);
    let step = |(pair, value): (&[f64], &Option<Estimate>)| {
        let (from, to) = (pair[0], pair[1]);
        value.map(|value| Step { from, to, value })
    };
    windows.filter_map(step).collect()
}

/// The values of a column.
pub(super) fn values(column: &Column) -> impl Iterator<Item = &Estimate> {
    column.values.iter().flatten()
}

/// The largest value of columns, bands included.
pub(super) fn most<'a>(columns: impl IntoIterator<Item = &'a Column>) -> f64 {
    let high = |estimate: &Estimate| match estimate.interval {
        // A band that is far wider than its value says that the value is not known, not that it is large.
        Some((_, high)) => high.min(estimate.value * 1.5),
        None => estimate.value,
    };
    let all = columns.into_iter().flat_map(values).map(high);
    all.fold(0.0, f64::max)
}

/// A column with data.
pub(super) fn with_data<'a>(
    findings: &'a Findings,
    component: &str,
    figure: &str,
) -> Option<&'a Column> {
    let column = findings.column(component, figure)?;
    column.values.iter().any(Option::is_some).then_some(column)
}

/// The clock of a run.
pub(super) fn clock(findings: &Findings) -> Scale {
    let bounds = &findings.series.bounds_s;
    let ends = bounds.first().copied().zip(bounds.last().copied());
    let (from, to) = ends.unwrap_or((0.0, findings.horizon_s));
    Scale::clock(from, to)
}

/// Shades what is not measured: the warm-up, and what comes after a run was stopped.
pub(super) fn shade_unmeasured(sheet: &mut Sheet, panel: &Panel, findings: &Findings) {
    const SHADE: Colour = GRID.faint(0.5);
    let warm_up = findings.series.warm_up_s;
    if warm_up > panel.x.low() {
        panel.shade(sheet, panel.x.low(), warm_up, SHADE);
        note(sheet, panel, warm_up, "warm-up", true);
    }
    if let Some(at) = findings.overflow_s.filter(|at| panel.x.holds(*at)) {
        panel.shade(sheet, at, panel.x.high(), SHADE);
        note(
            sheet,
            panel,
            at,
            "stopped: too many requests in flight",
            false,
        );
    }
}

/// Words at the top of a panel beside a moment, on whichever side there is room.
fn note(sheet: &mut Sheet, panel: &Panel, at: f64, words: &str, is_before: bool) {
    let x = panel.x.at(at);
    let frame = panel.frame;
    sheet.line((x, frame.top), (x, frame.bottom), MUTED, 2);
    let wide = super::font::width(words, SMALL) + 20.0;
    let left = if is_before || x + wide > frame.right {
        x - wide
    } else {
        x
    };
    let left = left.max(frame.left);
    if left + wide <= frame.right {
        sheet.text(Text::new(words, (left + 10.0, frame.top + 26.0)).size(SMALL));
    }
}
