//! What charts over time share: the clock, the windows, the end of the warm-up.

use super::palette::{Colour, GRID, MUTED};
use super::panel::{Panel, Step};
use super::scale::Scale;
use super::sheet::{SMALL, Sheet, Text};
use crate::experiment::{Column, Findings};
use crate::stats::Estimate;

/// More windows than this are put together: a curve with more points is not seen better.
const MOST_POINTS: usize = 400;

/// How many windows make a point.
pub(super) fn windows_per_point(findings: &Findings) -> usize {
    let n_windows = findings.series.bounds_s.len().saturating_sub(1);
    n_windows.div_ceil(MOST_POINTS).max(1)
}

/// What stands for windows that are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// Their mean.
    Mean,
    /// The largest, so that no peak is lost.
    Largest,
}

impl Fold {
    fn of(self, group: &[Option<Estimate>]) -> Option<Estimate> {
        let own = || group.iter().flatten();
        match self {
            Self::Largest => own().max_by(|a, b| a.value.total_cmp(&b.value)).copied(),
            Self::Mean => {
                let n = own().count() as f64;
                let mean = |of: &dyn Fn(&Estimate) -> Option<f64>| {
                    own().map(of).sum::<Option<f64>>().map(|sum| sum / n)
                };
                let interval =
                    mean(&|own| Some(own.interval?.0)).zip(mean(&|own| Some(own.interval?.1)));
                let value = mean(&|own| Some(own.value)).filter(|_| n > 0.0)?;
                Some(Estimate { value, interval })
            }
        }
    }
}

/// A column as steps: every window that has data.
pub(super) fn steps(findings: &Findings, column: &Column, fold: Fold) -> Vec<Step> {
    let n = windows_per_point(findings);
    let bounds = &findings.series.bounds_s;
    let step = |(at, group): (usize, &[Option<Estimate>])| {
        let from = *bounds.get(at * n)?;
        let to = *bounds.get(at * n + group.len())?;
        fold.of(group).map(|value| Step { from, to, value })
    };
    column
        .values
        .chunks(n)
        .enumerate()
        .filter_map(step)
        .collect()
}

/// A column by the middle of its windows; where there is no data, the curve is interrupted.
pub(super) fn points(
    findings: &Findings,
    column: &Column,
    fold: Fold,
) -> Vec<(f64, Option<Estimate>)> {
    let mut points: Vec<(f64, Option<Estimate>)> = Vec::new();
    let mut end = None;
    for step in steps(findings, column, fold) {
        if end.is_some_and(|end| end < step.from) {
            points.push((step.from, None));
        }
        points.push((f64::midpoint(step.from, step.to), Some(step.value)));
        end = Some(step.to);
    }
    points
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
