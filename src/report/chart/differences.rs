//! Two configurations: how far each figure of B is from that of A, with its interval.

use super::Chart;
use super::font::fit;
use super::palette::{AXIS, BOUND, BOUND_TEXT, Colour, INK, MAIN, MUTED, QUIET};
use super::panel::{Frame, Panel};
use super::scale::Scale;
use super::sheet::{Heading, MARGIN, SMALL, Sheet, TEXT, Text, WIDTH};
use crate::experiment::{Compared, Word};
use crate::report::CompareView;
use crate::report::comparison::{about, interval, shown, verdict, word};
use crate::stats::Estimate;

/// More figures than this cannot be read.
const MOST_LINES: usize = 24;
/// How high a figure is.
const LINE: f64 = 46.0;
/// What is further away than this is drawn at the edge.
const MOST: f64 = 2.0;

/// A figure and how far it is away.
struct Line<'a> {
    own: &'a Compared,
    relative: Estimate,
}

/// The chart; nothing if no figure can be held against that of A.
pub(super) fn chart(view: CompareView<'_>) -> Option<Chart> {
    let mut lines: Vec<Line<'_>> = shown(view).into_iter().filter_map(line).collect();
    lines.truncate(MOST_LINES);
    if lines.is_empty() {
        return None;
    }
    let source = format!("{} · {}", view.title, about(view));
    let level = crate::units::three_digits(view.found.level * 100.0);
    let heading = Heading {
        title: verdict(view),
        subtitle: format!(
            "Every figure of B relative to that of A, with the {level} % interval of the paired differences; \
             shaded: less than it takes to matter. A: {}. B: {}",
            view.name_a, view.name_b
        ),
        source: &source,
    };
    let mut sheet = Sheet::new(&heading, 400.0 + lines.len() as f64 * LINE);
    let ends = lines.iter().flat_map(|own| ends(&own.relative));
    let (low, high) = ends.fold((0.0_f64, 0.0_f64), |(low, high), end| {
        (low.min(end), high.max(end))
    });
    let tolerance = view.found.tolerance;
    let x = Scale::signed(
        low.max(-MOST).min(-tolerance),
        high.min(MOST).max(tolerance),
    );
    let frame = Frame {
        left: MARGIN + 380.0,
        top: sheet.top + 12.0,
        right: WIDTH - MARGIN - 480.0,
        bottom: sheet.bottom() - 52.0,
    };
    let y = Scale::from_zero(crate::metrics::Unit::Number, 1.0);
    let panel = Panel::new(frame, x, y);
    panel.shade(&mut sheet, -tolerance, tolerance, MUTED.faint(0.18));
    panel.upright(&mut sheet);
    let zero = panel.x.at(0.0);
    sheet.line((zero, frame.top), (zero, frame.bottom), AXIS, 3);
    let step = (frame.bottom - frame.top) / lines.len() as f64;
    for (at, line) in lines.iter().enumerate() {
        draw(
            &mut sheet,
            &panel,
            line,
            frame.top + step * (at as f64 + 0.5),
        );
    }
    Some(Chart::new("differences", sheet))
}

/// The relative difference of a figure, if it has an interval.
fn line(own: &Compared) -> Option<Line<'_>> {
    let relative = own.relative.filter(|own| own.interval.is_some())?;
    Some(Line { own, relative })
}

fn ends(relative: &Estimate) -> [f64; 2] {
    let (low, high) = relative
        .interval
        .unwrap_or((relative.value, relative.value));
    [low, high]
}

/// One figure: its name, its interval with the value in it, and the difference in its own unit.
fn draw(sheet: &mut Sheet, panel: &Panel, line: &Line<'_>, y: f64) {
    const END: f64 = 9.0;
    let Frame { left, right, .. } = panel.frame;
    let (mark, text) = colours(line.own.word);
    let room = left - MARGIN - 24.0;
    let name = Text::new(fit(&line.own.words, TEXT, room), (MARGIN, y + TEXT * 0.35));
    sheet.text(name.colour(if line.own.is_main { INK } else { QUIET }));
    let [low, high] = ends(&line.relative).map(|end| panel.x.at(end));
    sheet.line(
        (low, y),
        (high, y),
        mark,
        if line.own.is_main { 7 } else { 4 },
    );
    let inside = ends(&line.relative).map(|end| panel.x.holds(end));
    for ((end, is_inside), inward) in [low, high].into_iter().zip(inside).zip([END, -END]) {
        if is_inside {
            sheet.line((end, y - END), (end, y + END), mark, 4);
        } else {
            // It goes on beyond the edge.
            let arms = [(end + inward, y - END), (end, y), (end + inward, y + END)];
            sheet.path(arms.to_vec(), mark, 5);
        }
    }
    if panel.x.holds(line.relative.value) {
        sheet.dot((panel.x.at(line.relative.value), y), 9.0, mark);
    }
    let by = interval(line.own).unwrap_or_default();
    let by = format!("{by}  {}", word(line.own.word));
    let room = WIDTH - MARGIN - right - 24.0;
    let by = Text::new(fit(&by, SMALL, room), (right + 24.0, y + SMALL * 0.35));
    sheet.text(by.size(SMALL).colour(text));
}

/// The colour of marks, and of text about them.
const fn colours(word: Word) -> (Colour, Colour) {
    match word {
        Word::Worse => (BOUND, BOUND_TEXT),
        Word::Better => (MAIN, MAIN),
        _ => (MUTED, QUIET),
    }
}
