//! A panel: two axes with their grid, curves with bands, and labels at the ends of curves.

use super::font::{fit, width};
use super::palette::{AXIS, BOUND, BOUND_TEXT, Colour, GRID, INK};
use super::scale::Scale;
use super::sheet::{Anchor, SMALL, Sheet, Spot, TEXT, Text};
use crate::stats::Estimate;

/// How opaque bands are.
pub(super) const BAND: f64 = 0.16;
/// Space between a panel and the labels beside it.
const GAP: f64 = 18.0;

/// A rectangle on the sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// Two axes in a frame.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) frame: Frame,
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Panel {
    /// Lays the axes into a frame: the horizontal one from left to right, the other from bottom to top.
    pub(super) fn new(frame: Frame, x: Scale, y: Scale) -> Self {
        Self {
            frame,
            x: x.laid(frame.left, frame.right),
            y: y.laid(frame.bottom, frame.top),
        }
    }

    /// Where a pair of values is.
    pub(super) fn spot(&self, x: f64, y: f64) -> Spot {
        (self.x.at(x), self.y.at(y))
    }

    /// What the panel shows, above it.
    pub(super) fn heading(&self, sheet: &mut Sheet, text: &str) {
        let at = (self.frame.left, self.frame.top - 20.0);
        let room = self.frame.right - self.frame.left;
        let text = fit(text, TEXT, room);
        sheet.text(Text::new(text, at).colour(INK));
    }

    /// The grid with the values beside it: those of the vertical axis always, of the horizontal one below
    /// the panel if asked for.
    pub(super) fn grid(&self, sheet: &mut Sheet, has_x: bool) {
        let Frame {
            left,
            right,
            bottom,
            ..
        } = self.frame;
        let mut free = bottom + SMALL;
        for (value, label) in &self.y.ticks {
            let y = self.y.at(*value);
            sheet.line((left, y), (right, y), GRID, 2);
            let Some(label) = label else { continue };
            // Labels of a log scale come closer together than they are high.
            if y + SMALL * 0.6 <= free {
                let at = (left - 14.0, y + SMALL * 0.35);
                let text = Text::new(label, at).size(SMALL).anchor(Anchor::End);
                sheet.text(text);
                free = y - SMALL * 0.6;
            }
        }
        self.lines_up(sheet, has_x);
        sheet.line((left, bottom), (right, bottom), AXIS, 3);
    }

    /// The grid of the horizontal axis alone, with its values below the panel.
    pub(super) fn upright(&self, sheet: &mut Sheet) {
        self.lines_up(sheet, true);
    }

    fn lines_up(&self, sheet: &mut Sheet, has_x: bool) {
        let Frame { top, bottom, .. } = self.frame;
        let mut free = 0.0;
        for (value, label) in &self.x.ticks {
            let x = self.x.at(*value);
            sheet.line((x, top), (x, bottom), GRID, 2);
            let Some(label) = label.as_deref().filter(|_| has_x) else {
                continue;
            };
            let half = width(label, SMALL) / 2.0;
            if x - half >= free {
                sheet.line((x, bottom), (x, bottom + 8.0), AXIS, 2);
                let text = Text::new(label, (x, bottom + 36.0)).size(SMALL);
                sheet.text(text.anchor(Anchor::Middle));
                free = x + half + 20.0;
            }
        }
    }

    /// What the horizontal axis shows, below its values.
    pub(super) fn foot(&self, sheet: &mut Sheet, text: &str) {
        let at = (
            f64::midpoint(self.frame.left, self.frame.right),
            self.frame.bottom + 72.0,
        );
        let room = self.frame.right - self.frame.left;
        let text = Text::new(fit(text, SMALL, room), at).size(SMALL);
        sheet.text(text.anchor(Anchor::Middle));
    }

    /// A curve through (x, estimate), with its interval as a band; interrupted where there is no data.
    pub(super) fn curve(&self, sheet: &mut Sheet, points: &[(f64, Option<Estimate>)], look: Look) {
        for run in runs(points) {
            let band = |end: fn((f64, f64)) -> f64| {
                let spot = move |(x, estimate): &(f64, Estimate)| {
                    Some(self.spot(*x, end(estimate.interval?)))
                };
                run.iter().filter_map(spot).collect::<Vec<_>>()
            };
            let mut outline = band(|interval| interval.1);
            let lower = band(|interval| interval.0);
            outline.extend(lower.into_iter().rev());
            sheet.area(thin(outline), look.colour.faint(look.band));
            let line = run
                .iter()
                .map(|(x, estimate)| self.spot(*x, estimate.value));
            sheet.path(thin(line.collect()), look.colour, look.thick);
        }
    }

    /// A line of steps, with the intervals as a band.
    pub(super) fn steps(&self, sheet: &mut Sheet, steps: &[Step], look: Look) {
        let line = |of: &dyn Fn(&Estimate) -> f64| {
            let ends = |step: &Step| [step.from, step.to].map(|x| self.spot(x, of(&step.value)));
            steps.iter().flat_map(ends).collect::<Vec<_>>()
        };
        let interval = |estimate: &Estimate| {
            let value = estimate.value;
            estimate.interval.unwrap_or((value, value))
        };
        let mut outline = line(&|estimate| interval(estimate).1);
        outline.extend(line(&|estimate| interval(estimate).0).into_iter().rev());
        if steps.iter().any(|step| step.value.interval.is_some()) {
            sheet.area(thin(outline), look.colour.faint(look.band));
        }
        sheet.path(
            thin(line(&|estimate| estimate.value)),
            look.colour,
            look.thick,
        );
    }

    /// A bound on the vertical axis.
    pub(super) fn bound(&self, sheet: &mut Sheet, value: f64) {
        let y = self.y.at(value);
        sheet.line((self.frame.left, y), (self.frame.right, y), BOUND, 3);
    }

    /// A stretch of the horizontal axis, shaded over the whole height.
    pub(super) fn shade(&self, sheet: &mut Sheet, from: f64, to: f64, colour: Colour) {
        let (left, right) = (self.x.at(from), self.x.at(to));
        sheet.block((left, self.frame.top), (right, self.frame.bottom), colour);
    }

    /// Labels to the right of the panel, each as close to its place as the others allow.
    pub(super) fn end_labels(&self, sheet: &mut Sheet, labels: &[EndLabel]) {
        const HIGH: f64 = TEXT * 1.2;
        let mut order: Vec<&EndLabel> = labels.iter().collect();
        order.sort_by(|a, b| a.y.total_cmp(&b.y));
        let wanted: Vec<f64> = order.iter().map(|label| label.y).collect();
        let room = (self.frame.top, self.frame.bottom);
        for (label, y) in order.iter().zip(spread(&wanted, HIGH, room)) {
            let x = self.frame.right;
            if (y - label.y).abs() > 4.0 {
                sheet.line(
                    (x + 2.0, label.y),
                    (x + GAP - 5.0, y),
                    label.colour.faint(0.6),
                    2,
                );
            }
            let at = (x + GAP, y + TEXT * 0.35);
            sheet.text(Text::new(&label.text, at).colour(label.colour));
        }
    }
}

/// A value that holds for a stretch of the horizontal axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) value: Estimate,
}

/// How a curve looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub(super) colour: Colour,
    pub(super) thick: u32,
    /// How opaque its band is.
    pub(super) band: f64,
}

impl Look {
    pub(super) const fn new(colour: Colour, thick: u32) -> Self {
        Self {
            colour,
            thick,
            band: BAND,
        }
    }
}

/// What is written at the end of a curve.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EndLabel {
    pub(super) text: String,
    /// Where the curve ends on the sheet.
    pub(super) y: f64,
    pub(super) colour: Colour,
}

impl EndLabel {
    /// The label of a bound.
    pub(super) fn bound(text: String, y: f64) -> Self {
        Self {
            text,
            y,
            colour: BOUND_TEXT,
        }
    }
}

/// The space that labels to the right of a panel need.
pub(super) fn room_for<'a>(labels: impl IntoIterator<Item = &'a str>) -> f64 {
    let widest = super::font::widest(labels, TEXT);
    if widest > 0.0 {
        widest + GAP + 6.0
    } else {
        24.0
    }
}

/// The space that the values of a vertical axis need.
pub(super) fn room_beside(scale: &Scale) -> f64 {
    super::font::widest(scale.labels(), SMALL) + 14.0
}

/// Positions at least `high` apart and inside `room` as far as that goes, each as close to where it is
/// wanted as the others allow. Clusters that touch are merged and centred (the pool-adjacent-violators
/// algorithm of isotonic regression, which minimises the sum of squared shifts).
pub(super) fn spread(wanted: &[f64], high: f64, room: (f64, f64)) -> Vec<f64> {
    let mut clusters: Vec<(f64, usize)> = Vec::new();
    for (at, wish) in wanted.iter().enumerate() {
        clusters.push((wish - at as f64 * high, 1));
        while let [.., (a, n), (b, m)] = clusters.as_mut_slice()
            && a >= b
        {
            *a = (*a * *n as f64 + *b * *m as f64) / (*n + *m) as f64;
            *n += *m;
            clusters.pop();
        }
    }
    let last = wanted.len().saturating_sub(1) as f64 * high;
    let most = (room.1 - last).max(room.0);
    let bases = clusters
        .into_iter()
        .flat_map(|(base, n)| std::iter::repeat_n(base, n));
    let place = |(at, base): (usize, f64)| base.clamp(room.0, most) + at as f64 * high;
    bases.enumerate().map(place).collect()
}

/// The stretches of points that have data.
fn runs(points: &[(f64, Option<Estimate>)]) -> Vec<Vec<(f64, Estimate)>> {
    let mut runs = vec![Vec::new()];
    for (x, estimate) in points {
        match (estimate, runs.last_mut()) {
            (Some(estimate), Some(run)) => run.push((*x, *estimate)),
            (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs
}

/// Points without those that lie on the pixel of their neighbour or on a straight line between two.
fn thin(points: Vec<Spot>) -> Vec<Spot> {
    let mut kept: Vec<Spot> = Vec::with_capacity(points.len());
    for point in points {
        let point = (point.0.round(), point.1.round());
        if kept.last() == Some(&point) {
            continue;
        }
        if let [.., a, b] = kept.as_slice() {
            let cross = (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0);
            let goes_on = (b.0 - a.0) * (point.0 - b.0) + (b.1 - a.1) * (point.1 - b.1) > 0.0;
            if cross == 0.0 && goes_on {
                kept.pop();
            }
        }
        kept.push(point);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_moved_apart_and_stay_inside() {
        let placed = spread(&[100.0, 101.0, 300.0], 30.0, (0.0, 310.0));
        assert_eq!(placed, vec![85.5, 115.5, 300.0]);
        let at_the_edge = spread(&[305.0, 306.0, 307.0], 30.0, (0.0, 310.0));
        assert_eq!(at_the_edge, vec![250.0, 280.0, 310.0]);
    }

    #[test]
    fn thinning_keeps_corners() {
        let line = vec![(0.0, 0.0), (5.0, 0.0), (9.0, 0.0), (9.0, 4.0), (9.0, 2.0)];
        assert_eq!(
            thin(line),
            vec![(0.0, 0.0), (9.0, 0.0), (9.0, 4.0), (9.0, 2.0)]
        );
    }
}
