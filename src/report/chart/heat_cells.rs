//! The cells of a heat map: sign and figure, as large as all of them allow.

use super::font::width;
use super::palette::{BOUND, Colour, GRID, INK, MAIN, QUIET, UNSURE};
use super::sheet::{Anchor, LARGE, SMALL, Sheet, Spot, TEXT, Text};
use crate::experiment::Findings;
use crate::metrics::{Metric, Unit};
use crate::objective::{Verdict, show};
use crate::report::words;

/// Where a cell is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) corner: Spot,
    pub(super) size: Spot,
}

impl Place {
    /// Its corners, a little inside.
    pub(super) fn inside(self) -> (Spot, Spot) {
        const GAP: f64 = 3.0;
        let (x, y) = self.corner;
        (
            (x + GAP, y + GAP),
            (x + self.size.0 - GAP, y + self.size.1 - GAP),
        )
    }
}

/// What a cell says.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    sign: &'static str,
    value: String,
    /// What it costs, where there is room for more.
    more: String,
    fill: Colour,
}

impl Cell {
    /// The cell of a point. `range` is that of all values, for colours where there is no verdict.
    pub(super) fn new(findings: &Findings, metric: Metric, range: (f64, f64)) -> Self {
        let has_verdict = !findings.objectives.is_empty() || findings.overflow_s.is_some();
        let figure = findings.figure(metric).map(|figure| figure.value);
        let value = match (findings.overflow_s, figure) {
            (Some(_), _) => "overload".to_owned(),
            (None, Some(value)) => show(metric.unit(), value),
            (None, None) => "no data".to_owned(),
        };
        let cost = findings
            .figure(Metric::Cost)
            .filter(|cost| cost.value > 0.0);
        let fill = match findings.verdict {
            _ if !has_verdict => shade(figure, range),
            Verdict::Met => MAIN.faint(0.22),
            Verdict::NotMet => BOUND.faint(0.3),
            Verdict::Undecided => UNSURE.faint(0.22),
        };
        Self {
            sign: if has_verdict {
                words::sign(findings.verdict, true)
            } else {
                ""
            },
            value,
            more: cost.map_or(String::new(), |cost| show(Unit::Dollars, cost.value)),
            fill,
        }
    }

    fn line(&self) -> String {
        format!("{} {}", self.sign, self.value).trim().to_owned()
    }
}

/// The darker, the larger, as the logarithm goes.
fn shade(value: Option<f64>, (low, high): (f64, f64)) -> Colour {
    let Some(value) = value.filter(|value| *value > 0.0 && low > 0.0) else {
        return GRID;
    };
    let span = crate::math::log10(high / low);
    let share = if span > 0.0 {
        crate::math::log10(value / low) / span
    } else {
        0.0
    };
    MAIN.faint(0.1 + 0.4 * (share * 20.0).round() / 20.0)
}

/// How cells are written, from the roomiest way to the tightest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Layout {
    /// Sign and value, and the cost below.
    Full,
    /// Sign and value on one line.
    Line(f64),
    /// The sign above the value.
    Stacked(f64),
    /// The sign alone.
    Sign(f64),
}

impl Layout {
    /// The first way in which every cell fits.
    pub(super) fn of(cells: &[Cell], (wide, high): (f64, f64)) -> Self {
        let ways = [
            Self::Full,
            Self::Line(LARGE),
            Self::Line(SMALL),
            Self::Stacked(SMALL),
            Self::Stacked(19.0),
            Self::Line(18.0),
            Self::Stacked(16.0),
            Self::Sign(SMALL),
        ];
        let widest = |of: &dyn Fn(&Cell) -> String, size| {
            cells
                .iter()
                .map(|cell| width(&of(cell), size))
                .fold(0.0, f64::max)
        };
        let fits = |way: &Self| {
            let (needs, tall) = match way {
                Self::Full => (widest(&Cell::line, LARGE), 84.0),
                Self::Line(size) => (widest(&Cell::line, *size), size * 1.3),
                Self::Stacked(size) => {
                    (widest(&|cell| cell.value.clone(), *size), size * 2.6 + 10.0)
                }
                Self::Sign(size) => (*size, size * 1.3),
            };
            needs + 14.0 <= wide && tall <= high
        };
        ways.into_iter().find(fits).unwrap_or(Self::Sign(13.0))
    }

    /// Draws a cell this way.
    pub(super) fn draw(self, sheet: &mut Sheet, place: Place, cell: &Cell) {
        let (from, to) = place.inside();
        sheet.block(from, to, cell.fill);
        let middle = (
            place.corner.0 + place.size.0 / 2.0,
            place.corner.1 + place.size.1 / 2.0,
        );
        let mut write = |text: &str, size: f64, y: f64, colour: Colour| {
            let text = Text::new(text, (middle.0, y))
                .size(size)
                .anchor(Anchor::Middle);
            sheet.text(text.colour(colour).bare());
        };
        let centred = |size: f64| middle.1 + size * 0.36;
        match self {
            Self::Full if !cell.more.is_empty() => {
                write(&cell.line(), LARGE, centred(LARGE) - 17.0, INK);
                write(&cell.more, SMALL, centred(SMALL) + 20.0, QUIET);
            }
            Self::Full => write(&cell.line(), LARGE, centred(LARGE), INK),
            Self::Line(size) => write(&cell.line(), size, centred(size), INK),
            Self::Stacked(size) if !cell.sign.is_empty() => {
                write(cell.sign, TEXT, centred(TEXT) - size * 0.75, INK);
                write(&cell.value, size, centred(size) + size * 0.75, INK);
            }
            Self::Stacked(size) => write(&cell.value, size, centred(size), INK),
            Self::Sign(size) => write(cell.sign, size, centred(size), INK),
        }
    }
}
