//! Text for people.

mod comparison;
mod planning;
mod run;
mod sweep;
pub(crate) mod traffic;

pub use comparison::comparison;
pub use planning::planning;
pub use run::run;
pub use sweep::{choices, sweep};

use super::tables::Table;
use crate::objective::Verdict;

/// How far text beside a heading is from the margin.
const BESIDE: usize = 11;

/// Stands for a space at which no line is broken, until the text is in lines.
const KEPT: char = '\u{2060}';

/// How text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Whether signs beyond ASCII can be shown.
    pub unicode: bool,
    /// Whether colours can be shown. They only repeat what a word or sign says.
    pub colour: bool,
}

impl Style {
    /// What is written into files.
    pub const FILE: Self = Self {
        width: 100,
        unicode: true,
        colour: false,
    };

    /// The sign of a verdict.
    fn sign(self, verdict: Verdict) -> String {
        let sign = super::words::sign(verdict, self.unicode);
        let colour = match verdict {
            Verdict::Met => anstyle::AnsiColor::Green,
            Verdict::NotMet => anstyle::AnsiColor::Red,
            Verdict::Undecided => anstyle::AnsiColor::Yellow,
        };
        self.paint(
            sign,
            anstyle::Style::new().fg_color(Some(colour.into())).bold(),
        )
    }

    /// A heading.
    fn heading(self, text: &str) -> String {
        self.paint(text, anstyle::Style::new().bold())
    }

    /// A table under a heading, which stands above the names of its rows. Too wide for the page, it loses
    /// columns in a fixed order.
    fn table(self, heading: &str, mut table: Table) -> String {
        let expendable = table.expendable;
        let mut lines = self.lines(heading, &table);
        for name in expendable {
            if lines.lines().all(|line| columns(line) <= self.width) {
                break;
            }
            table = table.without(name);
            lines = self.lines(heading, &table);
        }
        lines
    }

    fn lines(self, heading: &str, table: &Table) -> String {
        let head = table.head.iter().map(|name| (*name).to_owned());
        let mut rows: Vec<Vec<String>> =
            vec![std::iter::once(self.heading(heading)).chain(head).collect()];
        for row in &table.rows {
            let mut row = row.clone();
            row[0].insert_str(0, "  ");
            rows.push(row);
        }
        align(&rows, 0)
    }

    /// Text beside a heading, broken into lines that stay beside it.
    fn labelled(self, heading: &str, text: &str) -> String {
        // Two spaces in a row set parts of a line apart, and stay.
        let text = with_units(&text.replace("  ", &format!(" {KEPT}")));
        let lines = wrap(&text, self.width.saturating_sub(BESIDE), 0);
        self.beside(heading, &lines.replace(KEPT, " "))
    }

    /// Things beside a heading, as many in a line as have room.
    fn listed(self, heading: &str, things: &[String]) -> String {
        let room = self.width.saturating_sub(BESIDE);
        let mut lines: Vec<String> = Vec::new();
        for thing in things {
            match lines.last_mut() {
                Some(line) if columns(line) + 2 + columns(thing) <= room => {
                    line.push_str("  ");
                    line.push_str(thing);
                }
                _ => lines.push(thing.clone()),
            }
        }
        self.beside(heading, &lines.join("\n"))
    }

    fn beside(self, heading: &str, lines: &str) -> String {
        let indent = format!("\n{}", " ".repeat(BESIDE));
        pad(&self.heading(heading), BESIDE) + &lines.replace('\n', &indent)
    }

    fn paint(self, text: &str, style: anstyle::Style) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Text for a terminal that knows ASCII only.
    fn plain(self, text: String) -> String {
        if self.unicode {
            return text;
        }
        [
            ("±", "+-"),
            ("→", "->"),
            ("µs", "us"),
            ("·", "|"),
            ("…", "..."),
            ("×", "x"),
            ("−", "-"),
        ]
        .iter()
        .fold(text, |text, (sign, ascii)| text.replace(sign, ascii))
    }
}

/// Breaks text into lines of at most `width` columns, each after `indent` spaces; words longer than that
/// stay whole.
fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{}{word}", " ".repeat(indent))),
        }
    }
    lines.join("\n")
}

/// Ties units to their figures, so that no line ends between `1.02` and `k/s`.
fn with_units(text: &str) -> String {
    let mut tied = String::with_capacity(text.len());
    let mut follows_figure = false;
    for word in text.split(' ') {
        if !tied.is_empty() {
            let is_unit =
                word.chars().count() <= 4 && !word.starts_with(|c: char| c.is_ascii_digit());
            let is_tied = follows_figure && is_unit;
            tied.push(if is_tied { KEPT } else { ' ' });
        }
        tied.push_str(word);
        let ends_in_digit = word.ends_with(|c: char| c.is_ascii_digit());
        follows_figure = ends_in_digit && word.starts_with(|c: char| c.is_ascii_digit());
    }
    tied
}

/// Columns that text takes: characters, without the codes of colours.
fn columns(text: &str) -> usize {
    let mut count = 0;
    let mut in_code = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => in_code = true,
            'm' if in_code => in_code = false,
            _ if !in_code => count += 1,
            _ => {}
        }
    }
    count
}

/// Pads text on the right to `width` columns.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Lines of cells, each column as wide as its widest cell, two spaces between.
fn align(rows: &[Vec<String>], indent: usize) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter()
            .filter_map(|row| row.get(at))
            .map(|c| columns(c))
            .max()
    };
    let widths: Vec<usize> = (0..n_columns).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<_> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| pad(cell, *width))
            .collect();
        format!("{}{}", " ".repeat(indent), cells.join("  "))
            .trim_end()
            .to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
