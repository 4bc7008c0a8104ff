//! Colours: from the palette of Okabe and Ito, which people with any colour vision can tell apart, and
//! greys. Data is dark or blue; vermilion is kept for bounds and for what is on their wrong side.

/// A colour with its opacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour {
    pub(super) rgb: (u8, u8, u8),
    pub(super) alpha: f64,
}

impl Colour {
    const fn new(r: u8, g: u8, b: u8) -> Self {
        let rgb = (r, g, b);
        Self { rgb, alpha: 1.0 }
    }

    /// The same colour, see-through.
    pub(super) const fn faint(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// As it is written in SVG.
    pub(super) fn hex(self) -> String {
        let (r, g, b) = self.rgb;
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

/// Titles, and figures inside cells.
pub(super) const INK: Colour = Colour::new(0x1b, 0x24, 0x30);
/// Subtitles, ticks, remarks.
pub(super) const QUIET: Colour = Colour::new(0x55, 0x60, 0x6b);
/// Lines of the grid.
pub(super) const GRID: Colour = Colour::new(0xe3, 0xe7, 0xeb);
/// The base line of an axis.
pub(super) const AXIS: Colour = Colour::new(0x8d, 0x97, 0xa1);
/// The paper.
pub(super) const PAPER: Colour = Colour::new(0xff, 0xff, 0xff);
/// The main figure.
pub(super) const MAIN: Colour = Colour::new(0x00, 0x72, 0xb2);
/// What is below the main figure: a median, what was asked for.
pub(super) const MUTED: Colour = Colour::new(0x6b, 0x78, 0x85);
/// What is beyond the main figure: a tail.
pub(super) const DEEP: Colour = Colour::new(0x1d, 0x2b, 0x53);
/// Bounds, and what is on their wrong side.
pub(super) const BOUND: Colour = Colour::new(0xd5, 0x5e, 0x00);
/// Text in that colour: darker, to be read on white.
pub(super) const BOUND_TEXT: Colour = Colour::new(0xb3, 0x4a, 0x00);
/// Work that is of no use to anybody.
pub(super) const IN_VAIN: Colour = Colour::new(0x9c, 0x4f, 0x85);
/// What is not certain.
pub(super) const UNSURE: Colour = Colour::new(0xe6, 0x9f, 0x00);
/// Text in that colour: darker, to be read on white.
pub(super) const UNSURE_TEXT: Colour = Colour::new(0x8f, 0x60, 0x00);

/// Colours of things that have no order, dark enough for text on white.
const SERIES: [Colour; 7] = [
    MAIN,
    Colour::new(0x9c, 0x4f, 0x85),
    Colour::new(0x00, 0x7a, 0x5a),
    Colour::new(0x9a, 0x6a, 0x00),
    DEEP,
    Colour::new(0x2f, 0x7f, 0xb5),
    MUTED,
];

/// The colour of the thing number `at`.
pub(super) fn series(at: usize) -> Colour {
    SERIES[at % SERIES.len()]
}

/// The colour of the step number `at` of `n` steps from little to much: light to dark blue.
pub(super) fn ramp(at: usize, n: usize) -> Colour {
    const LIGHT: (f64, f64, f64) = (58.0, 136.0, 190.0);
    const DARK: (f64, f64, f64) = (16.0, 38.0, 84.0);
    let share = at as f64 / n.saturating_sub(1).max(1) as f64;
    let mix = |a: f64, b: f64| (a + (b - a) * share).round() as u8;
    Colour::new(
        mix(LIGHT.0, DARK.0),
        mix(LIGHT.1, DARK.1),
        mix(LIGHT.2, DARK.2),
    )
}
