//! A sheet: a finding as the title, what is shown as the subtitle, marks, text, where it comes from.
//!
//! Marks are drawn by plotters, which rounds to whole pixels: a sheet is twice as large as it is shown,
//! so that curves stay smooth. Text is placed here, with the widths of the embedded font.

use std::fmt::Write as _;

use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::prelude::{DrawingArea, IntoDrawingArea as _, SVGBackend};
use plotters::style::{RGBAColor, ShapeStyle};

use super::font::{FAMILY, fit, width, wrap};
use super::palette::{Colour, INK, PAPER, QUIET};

/// How wide every sheet is, in units of which two are shown as one pixel.
pub(super) const WIDTH: f64 = 1920.0;
/// Space around everything.
pub(super) const MARGIN: f64 = 48.0;

/// Sizes of text.
pub(super) const TITLE: f64 = 42.0;
/// See [`TITLE`].
pub(super) const LARGE: f64 = 28.0;
/// See [`TITLE`].
pub(super) const TEXT: f64 = 25.0;
/// See [`TITLE`].
pub(super) const SMALL: f64 = 22.0;

/// A position on the sheet.
pub(super) type Spot = (f64, f64);

/// Which point of a text is at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A line of text; `at` is on its base line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) line: String,
    pub(super) at: Spot,
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) colour: Colour,
    /// A rim of paper keeps text apart from the lines that it crosses.
    pub(super) has_rim: bool,
}

impl Text {
    /// A line that starts at `at`.
    pub(super) fn new(line: impl Into<String>, at: Spot) -> Self {
        Self {
            line: line.into(),
            at,
            size: TEXT,
            anchor: Anchor::Start,
            colour: QUIET,
            has_rim: true,
        }
    }

    /// Without a rim: on a filled block.
    pub(super) fn bare(self) -> Self {
        Self {
            has_rim: false,
            ..self
        }
    }

    pub(super) fn size(self, size: f64) -> Self {
        Self { size, ..self }
    }

    pub(super) fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(super) fn colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// Left, top, right, bottom of what it covers.
    pub(super) fn extent(&self) -> [f64; 4] {
        let wide = width(&self.line, self.size);
        let left = match self.anchor {
            Anchor::Start => self.at.0,
            Anchor::Middle => self.at.0 - wide / 2.0,
            Anchor::End => self.at.0 - wide,
        };
        let (above, below) = (self.size * 0.76, self.size * 0.24);
        [left, self.at.1 - above, left + wide, self.at.1 + below]
    }
}

/// Something that is drawn.
#[derive(Debug, Clone)]
enum Mark {
    Path(Vec<Spot>, Colour, u32),
    Area(Vec<Spot>, Colour),
    Block(Spot, Spot, Colour),
    Frame(Spot, Spot, Colour, u32),
    Dot(Spot, f64, Colour),
    Ring(Spot, f64, Colour, u32),
}

/// What stands around the marks of a sheet.
#[derive(Debug, Clone)]
pub(super) struct Heading<'a> {
    /// The finding.
    pub(super) title: String,
    /// What is shown, with units.
    pub(super) subtitle: String,
    /// What it is of: the title of the scenario, and how often it was run.
    pub(super) source: &'a str,
}

/// A sheet.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    title: String,
    about: String,
    height: f64,
    /// Where the space for panels starts.
    pub(super) top: f64,
    marks: Vec<Mark>,
    texts: Vec<Text>,
}

impl Sheet {
    /// A sheet with nothing but its heading.
    pub(super) fn new(heading: &Heading<'_>, height: f64) -> Self {
        let mut sheet = Self {
            title: heading.title.clone(),
            about: format!("{}. {}.", heading.subtitle, heading.source),
            height,
            top: 0.0,
            marks: Vec::new(),
            texts: Vec::new(),
        };
        let room = WIDTH - 2.0 * MARGIN;
        let mut y = MARGIN + 30.0;
        for line in wrap(&heading.title, TITLE, room, 2) {
            sheet.text(Text::new(line, (MARGIN, y)).size(TITLE).colour(INK));
            y += TITLE * 1.25;
        }
        y -= 8.0;
        for line in wrap(&heading.subtitle, TEXT, room, 2) {
            sheet.text(Text::new(line, (MARGIN, y)));
            y += TEXT * 1.35;
        }
        sheet.top = y + 10.0;
        let source = fit(heading.source, SMALL, room);
        sheet.text(Text::new(source, (MARGIN, height - 24.0)).size(SMALL));
        sheet
    }

    /// Where the space for panels ends.
    pub(super) fn bottom(&self) -> f64 {
        self.height - 72.0
    }

    /// Says more in the text alternative.
    pub(super) fn tell(&mut self, sentence: &str) {
        let _ = write!(self.about, " {sentence}");
    }

    pub(super) fn text(&mut self, text: Text) {
        if !text.line.is_empty() {
            self.texts.push(text);
        }
    }

    /// A line through points; a single point becomes a dot.
    pub(super) fn path(&mut self, points: Vec<Spot>, colour: Colour, thick: u32) {
        match points.as_slice() {
            [] => {}
            [only] => self.dot(*only, f64::from(thick), colour),
            _ => self.marks.push(Mark::Path(points, colour, thick)),
        }
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: Spot, to: Spot, colour: Colour, thick: u32) {
        self.path(vec![from, to], colour, thick);
    }

    pub(super) fn area(&mut self, outline: Vec<Spot>, colour: Colour) {
        if outline.len() > 2 {
            self.marks.push(Mark::Area(outline, colour));
        }
    }

    pub(super) fn block(&mut self, from: Spot, to: Spot, colour: Colour) {
        self.marks.push(Mark::Block(from, to, colour));
    }

    pub(super) fn frame(&mut self, from: Spot, to: Spot, colour: Colour, thick: u32) {
        self.marks.push(Mark::Frame(from, to, colour, thick));
    }

    pub(super) fn dot(&mut self, at: Spot, radius: f64, colour: Colour) {
        self.marks.push(Mark::Dot(at, radius, colour));
    }

    /// A dot that is hollow.
    pub(super) fn ring(&mut self, at: Spot, radius: f64, colour: Colour) {
        self.dot(at, radius, PAPER);
        self.marks.push(Mark::Ring(at, radius, colour, 4));
    }

    /// A circle around something.
    pub(super) fn outline(&mut self, at: Spot, radius: f64, colour: Colour) {
        self.marks.push(Mark::Ring(at, radius, colour, 4));
    }

    /// A diagonal cross.
    pub(super) fn cross(&mut self, at: Spot, arm: f64, colour: Colour) {
        let corner = |dx: f64, dy: f64| (at.0 + dx * arm, at.1 + dy * arm);
        self.line(corner(-1.0, -1.0), corner(1.0, 1.0), colour, 5);
        self.line(corner(-1.0, 1.0), corner(1.0, -1.0), colour, 5);
    }

    /// The picture.
    pub(super) fn finish(self) -> String {
        let (wide, high) = (WIDTH as u32, self.height as u32);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {wide} {high}\" role=\"img\">\n<title>{}</title>\n<desc>{}</desc>\n<rect width=\"{wide}\" height=\"{high}\" fill=\"{}\"/>\n<g stroke-linejoin=\"round\" stroke-linecap=\"round\">\n",
            wide / 2,
            high / 2,
            escape(&self.title),
            escape(&self.about),
            PAPER.hex(),
        );
        svg.push_str(&drawn(&self.marks, (wide, high)));
        let _ = writeln!(
            svg,
            "</g>\n<g font-family=\"{FAMILY}\" stroke=\"{}\" stroke-width=\"6\" stroke-linejoin=\"round\" paint-order=\"stroke\">",
            PAPER.hex(),
        );
        svg.push_str(&written(&self.texts));
        svg.push_str("</g>\n</svg>\n");
        svg
    }
}

/// The marks as SVG.
fn drawn(marks: &[Mark], size: (u32, u32)) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        for mark in marks {
            draw(&area, mark);
        }
        area.present().expect("a picture in memory is written");
    }
    // What plotters draws is put into a frame of our own.
    let inside = svg.find('\n').map_or("", |at| &svg[at + 1..]);
    inside.trim_end().trim_end_matches("</svg>").to_owned()
}

type Paper<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(paper: &Paper<'_>, mark: &Mark) {
    let style = |colour: Colour, filled: bool, stroke_width: u32| {
        let (r, g, b) = colour.rgb;
        let color = RGBAColor(r, g, b, colour.alpha);
        ShapeStyle {
            color,
            filled,
            stroke_width,
        }
    };
    let pixel = |spot: &Spot| (spot.0.round() as i32, spot.1.round() as i32);
    let done = match mark {
        Mark::Path(points, colour, thick) => {
            let points: Vec<_> = points.iter().map(pixel).collect();
            paper.draw(&PathElement::new(points, style(*colour, false, *thick)))
        }
        Mark::Area(outline, colour) => {
            let outline: Vec<_> = outline.iter().map(pixel).collect();
            paper.draw(&Polygon::new(outline, style(*colour, true, 0)))
        }
        Mark::Block(from, to, colour) => {
            let corners = [pixel(from), pixel(to)];
            paper.draw(&Rectangle::new(corners, style(*colour, true, 0)))
        }
        Mark::Frame(from, to, colour, thick) => {
            let ((l, t), (r, b)) = (pixel(from), pixel(to));
            let outline = vec![(l, t), (r, t), (r, b), (l, b), (l, t)];
            paper.draw(&PathElement::new(outline, style(*colour, false, *thick)))
        }
        Mark::Dot(at, radius, colour) => {
            let radius = radius.round() as u32;
            paper.draw(&Circle::new(pixel(at), radius, style(*colour, true, 0)))
        }
        Mark::Ring(at, radius, colour, thick) => {
            let radius = radius.round() as u32;
            paper.draw(&Circle::new(
                pixel(at),
                radius,
                style(*colour, false, *thick),
            ))
        }
    };
    done.expect("a picture in memory is written");
}

/// Text as SVG, in groups of the same style.
fn written(texts: &[Text]) -> String {
    let mut groups: Vec<(String, String)> = Vec::new();
    for text in texts {
        let style = style(text);
        let line = format!(
            "<text x=\"{:.0}\" y=\"{:.0}\">{}</text>\n",
            text.at.0,
            text.at.1,
            escape(&text.line)
        );
        match groups.iter_mut().find(|group| group.0 == style) {
            Some(group) => group.1.push_str(&line),
            None => groups.push((style, line)),
        }
    }
    let group = |(style, lines): &(String, String)| format!("<g {style}>\n{lines}</g>\n");
    groups.iter().map(group).collect()
}

fn style(text: &Text) -> String {
    let anchor = match text.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let rim = if text.has_rim { "" } else { " stroke=\"none\"" };
    format!(
        "font-size=\"{}\" fill=\"{}\"{anchor}{rim}",
        text.size,
        text.colour.hex()
    )
}

/// Text inside SVG: marks of the language are escaped, characters that it does not allow are replaced.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' | '\r' => escaped.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}
