//! A sweep as a table of cells: verdict and figure of every point, by two parameters.

use super::Chart;
use super::font::{fit, width};
use super::load_curves::number;
use super::palette::{BOUND, Colour, GRID, INK, MAIN, PAPER, QUIET, UNSURE};
use super::sheet::{Anchor, Heading, LARGE, MARGIN, SMALL, Sheet, TEXT, Text, WIDTH};
use super::sweep_words::{Names, at_load, setting, source};
use super::wording::{count, short, worst};
use crate::experiment::{Choice, Findings, choose, offered_by};
use crate::metrics::Metric;
use crate::objective::{Verdict, show};
use crate::report::{SweepView, is_traffic, words};

/// More rows or columns than this cannot be read.
const MOST_CELLS: usize = 48;
/// Less of the table than this tried, and it is no table.
const FILLED: f64 = 0.5;

/// The table: what goes across and down, and the point of each cell.
struct Table<'a> {
    across: &'a str,
    down: Option<&'a str>,
    columns: Vec<String>,
    rows: Vec<String>,
    cells: Vec<Vec<Option<usize>>>,
    /// Further parameters, with the values that they have in the table.
    fixed: Vec<(String, String)>,
}

/// The chart; nothing for a single point, or if the points are no table.
pub(super) fn chart(title: &str, sweep: SweepView<'_>) -> Option<Chart> {
    let table = table(sweep)?;
    let metric = metric(sweep)?;
    let source = source(title, sweep);
    let fixed: Vec<String> = table.fixed.iter().map(|(path, value)| format!("{path} = {value}")).collect();
    let fixed = if fixed.is_empty() { String::new() } else { format!("; here {}", fixed.join(", ")) };
    let subtitle = format!(
        "Verdict and {} of each point: {}{fixed}. Framed: what to choose for each traffic",
        short(metric.name()),
        key(sweep)
    );
    let heading = Heading { title: finding(sweep), subtitle, source: &source };
    let n_rows = table.rows.len() as f64;
    let mut sheet = Sheet::new(&heading, 400.0 + (n_rows * 92.0).clamp(120.0, 1000.0));
    draw(&mut sheet, sweep, &table, metric);
    Some(Chart::new("heatmap", sheet))
}

/// The signs that occur, with their words.
fn key(sweep: SweepView<'_>) -> String {
    if sweep.findings.iter().all(|findings| findings.objectives.is_empty()) {
        return "there are no objectives".to_owned();
    }
    let all = [
        (Verdict::Met, "every objective is met"),
        (Verdict::NotMet, "one is not met"),
        (Verdict::Undecided, "undecided"),
    ];
    let occurs = |verdict: Verdict| sweep.findings.iter().any(|own| own.verdict == verdict);
    let words = all.into_iter().filter(|(verdict, _)| occurs(*verdict));
    let words: Vec<_> = words.map(|(it, words)| format!("{} {words}", words::sign(it, true))).collect();
    words.join(", ")
}

/// The metric whose value is in the cells: of the bound that is missed most often, or p95.
fn metric(sweep: SweepView<'_>) -> Option<Metric> {
    let has = |metric: Metric| sweep.findings.iter().any(|findings| findings.figure(metric).is_some());
    let objectives = sweep.findings.iter().flat_map(|findings| &findings.objectives);
    let latency = objectives.filter(|own| own.name == own.metric && own.metric.starts_with("latency"));
    let all: Vec<_> = latency.collect();
    let named = worst(&all).and_then(|own| Metric::by_name(&own.metric));
    named.into_iter().chain([Metric::LatencyP95, Metric::ErrorRate]).find(|metric| has(*metric))
}

/// The values that a parameter takes, in the order of the sweep.
fn distinct(sweep: SweepView<'_>, path: &str) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for at in 0..sweep.points.len() {
        let value = setting(sweep, at, path);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn table(sweep: SweepView<'_>) -> Option<Table<'_>> {
    let mut axes: Vec<(&str, Vec<String>)> =
        sweep.paths.iter().map(|path| (path.as_str(), distinct(sweep, path))).collect();
    axes.retain(|axis| axis.1.len() > 1);
    // Traffic goes across, the configuration down; of more than two, those with the most values.
    axes.sort_by_key(|(path, values)| (!is_traffic(path), std::cmp::Reverse(values.len())));
    let mut axes = axes.into_iter();
    let (across, columns) = axes.next()?;
    let (down, rows) = axes.next().map_or((None, vec![String::new()]), |(path, values)| (Some(path), values));
    if columns.len() > MOST_CELLS || rows.len() > MOST_CELLS {
        return None;
    }
    // Further parameters stay at their values in the point to look at first.
    let loads = offered_by(sweep.points, sweep.findings);
    let chosen = number(choose(&loads.last()?.points, sweep.findings)?);
    let rest: Vec<(&str, String)> = axes.map(|(path, _)| (path, setting(sweep, chosen, path))).collect();
    let fits = |at: usize| rest.iter().all(|(path, value)| setting(sweep, at, path) == *value);
    let mut cells = vec![vec![None; columns.len()]; rows.len()];
    for at in (0..sweep.points.len()).filter(|at| fits(*at)) {
        let column = columns.iter().position(|value| *value == setting(sweep, at, across))?;
        let row = down.map_or(Some(0), |down| rows.iter().position(|value| *value == setting(sweep, at, down)))?;
        cells[row][column].get_or_insert(at);
    }
    let n_filled = cells.iter().flatten().flatten().count();
    if (n_filled as f64) < FILLED * (rows.len() * columns.len()) as f64 {
        return None;
    }
    let fixed = rest.into_iter().map(|(path, value)| (sweep.short_path(path).to_owned(), value));
    Some(Table { across, down, columns, rows, cells, fixed: fixed.collect() })
}

fn draw(sheet: &mut Sheet, sweep: SweepView<'_>, table: &Table<'_>, metric: Metric) {
    let row_names = super::font::widest(table.rows.iter().map(String::as_str), TEXT).min(WIDTH * 0.25);
    let left = MARGIN + row_names + if row_names > 0.0 { 20.0 } else { 0.0 };
    let (top, bottom) = (sheet.top + 88.0, sheet.bottom() - 10.0);
    let wide = ((WIDTH - MARGIN - left) / table.columns.len() as f64).min(420.0);
    let high = ((bottom - top) / table.rows.len() as f64).min(120.0);
    let down = table.down.map_or(String::new(), |path| format!("{} ↓   ", sweep.short_path(path)));
    let across = format!("{down}{} →", sweep.short_path(table.across));
    sheet.text(Text::new(fit(&across, TEXT, WIDTH - 2.0 * MARGIN), (MARGIN, top - 54.0)).colour(INK));
    let mut free = 0.0;
    for (at, name) in table.columns.iter().enumerate() {
        let middle = left + (at as f64 + 0.5) * wide;
        let half = width(name, SMALL) / 2.0;
        if middle - half >= free {
            sheet.text(Text::new(name, (middle, top - 14.0)).size(SMALL).anchor(Anchor::Middle).colour(INK));
            free = middle + half + 16.0;
        }
    }
    let mut free = 0.0;
    for (row, name) in table.rows.iter().enumerate() {
        let middle = top + (row as f64 + 0.5) * high;
        if middle >= free {
            let at = (left - 18.0, middle + TEXT * 0.35);
            sheet.text(Text::new(fit(name, TEXT, row_names), at).anchor(Anchor::End).colour(INK));
            free = middle + TEXT * 1.2;
        }
        for column in 0..table.columns.len() {
            let corner = (left + column as f64 * wide, middle - high / 2.0);
            let place = Place { corner, size: (wide, high) };
            match table.cells[row][column] {
                Some(at) => place.draw(sheet, &sweep.findings[at], metric),
                None => sheet.block(place.inside(3.0).0, place.inside(3.0).1, GRID.faint(0.4)),
            }
        }
    }
    for load in offered_by(sweep.points, sweep.findings) {
        let Some(chosen) = choose(&load.points, sweep.findings).map(number) else { continue };
        let found = table.cells.iter().enumerate().find_map(|(row, cells)| {
            Some((row, cells.iter().position(|cell| *cell == Some(chosen))?))
        });
        if let Some((row, column)) = found.filter(|_| !sweep.findings[chosen].objectives.is_empty()) {
            let corner = (left + column as f64 * wide, top + row as f64 * high);
            let (from, to) = Place { corner, size: (wide, high) }.inside(3.0);
            sheet.frame(from, to, INK, 5);
        }
    }
}

/// Where a cell is.
#[derive(Debug, Clone, Copy)]
struct Place {
    corner: (f64, f64),
    size: (f64, f64),
}

impl Place {
    fn inside(self, gap: f64) -> ((f64, f64), (f64, f64)) {
        let (x, y) = self.corner;
        ((x + gap, y + gap), (x + self.size.0 - gap, y + self.size.1 - gap))
    }

    /// Sign and figure, as far as there is room; the sign goes last.
    fn draw(self, sheet: &mut Sheet, findings: &Findings, metric: Metric) {
        let (from, to) = self.inside(3.0);
        sheet.block(from, to, fill(findings));
        let has_verdict = !findings.objectives.is_empty() || findings.overflow_s.is_some();
        let sign = if has_verdict { words::sign(findings.verdict, true) } else { "" };
        let value = findings.figure(metric).map(|figure| show(metric.unit(), figure.value));
        let value = match findings.overflow_s {
            Some(_) => "overloaded".to_owned(),
            None => value.unwrap_or_else(|| "no data".to_owned()),
        };
        let bare = value.replace(' ', "");
        let room = (self.size.0 - 16.0, self.size.1 - 10.0);
        let full = format!("{sign} {value}").trim().to_owned();
        let tight = format!("{sign}{bare}");
        let choices = [(full.clone(), LARGE), (full, SMALL), (tight.clone(), 18.0), (tight, 15.0)];
        let signs = [(sign.to_owned(), SMALL), (sign.to_owned(), 14.0)];
        let fits = |(text, size): &(String, f64)| {
            !text.is_empty() && width(text, *size) <= room.0 && *size <= room.1
        };
        let Some((text, size)) = choices.into_iter().chain(signs).find(fits) else { return };
        let middle = (self.corner.0 + self.size.0 / 2.0, self.corner.1 + self.size.1 / 2.0);
        let at = (middle.0, middle.1 + size * 0.36);
        let text = Text::new(text, at).size(size).anchor(Anchor::Middle);
        sheet.text(text.colour(INK).bare());
    }
}

/// The colour of a cell: it only repeats the sign.
fn fill(findings: &Findings) -> Colour {
    if findings.objectives.is_empty() && findings.overflow_s.is_none() {
        return GRID;
    }
    match findings.verdict {
        Verdict::Met => MAIN.faint(0.22),
        Verdict::NotMet => BOUND.faint(0.3),
        Verdict::Undecided => UNSURE.faint(0.22),
    }
}

/// What the chart shows, as a sentence.
fn finding(sweep: SweepView<'_>) -> String {
    let n = sweep.points.len();
    if sweep.findings.iter().all(|findings| findings.objectives.is_empty()) {
        let p95 = sweep.findings.iter().filter_map(|findings| findings.figure(Metric::LatencyP95));
        let (low, high) = p95.fold((f64::INFINITY, 0.0_f64), |(low, high), figure| {
            (low.min(figure.value), high.max(figure.value))
        });
        let unit = Metric::LatencyP95.unit();
        return format!("p95 is between {} and {}", show(unit, low), show(unit, high));
    }
    let n_of = |verdict: Verdict| sweep.findings.iter().filter(|own| own.verdict == verdict).count();
    let (met, open) = (n_of(Verdict::Met), n_of(Verdict::Undecided));
    let mut text = match met {
        0 => format!("None of {} meets every objective", count(n, "point")),
        all if all == n => "Every point meets every objective".to_owned(),
        1 => format!("1 of {n} points meets every objective"),
        _ => format!("{met} of {n} points meet every objective"),
    };
    match open {
        0 => {}
        1 => text.push_str(", 1 is undecided"),
        _ => text.push_str(&format!(", {open} are undecided")),
    }
    let loads = offered_by(sweep.points, sweep.findings);
    let names = Names::new(sweep);
    if let Some(load) = loads.last().filter(|_| names.parameters().is_some())
        && let Some(Choice::Cheapest(at)) = choose(&load.points, sweep.findings)
    {
        text.push_str(&format!("; at {} take {}", at_load(load), names.subject(at)));
    }
    text
}
