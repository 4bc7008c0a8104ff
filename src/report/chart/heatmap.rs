//! A sweep as a table of cells: verdict and figure of every point, by two parameters.

use std::fmt::Write as _;

use super::Chart;
use super::font::{fit, width};
use super::heat_cells::{Cell, Layout, Place};
use super::load_curves::number;
use super::palette::{GRID, INK};
use super::sheet::{Anchor, Heading, MARGIN, SMALL, Sheet, TEXT, Text, WIDTH};
use super::sweep_words::{Names, at_load, is_single, setting, source};
use super::wording::{count, short, worst};
use crate::experiment::sets_traffic;
use crate::experiment::{Choice, choose, offered_by};
use crate::metrics::{Metric, Unit};
use crate::objective::{Verdict, show};
use crate::report::{SweepView, words};

/// More rows or columns than this cannot be read.
const MOST_LINES: usize = 48;
/// More cells than this make a picture that is too large to be passed on.
const MOST_CELLS: usize = 400;
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

/// The chart; nothing for a single point, for more than can be read, or if the points are no
/// table.
pub(super) fn chart(title: &str, sweep: SweepView<'_>) -> Option<Chart> {
    let table = table(sweep)?;
    let metric = metric(sweep)?;
    let source = source(title, sweep, "");
    let fixed: Vec<String> = table
        .fixed
        .iter()
        .map(|(path, value)| format!("{path} = {value}"))
        .collect();
    let fixed = if fixed.is_empty() {
        String::new()
    } else {
        format!("; here {}", fixed.join(", "))
    };
    let framed = match (
        is_judged(sweep),
        offered_by(sweep.points, sweep.findings).len(),
    ) {
        (false, _) => "",
        (true, 1) => "; framed: what to choose",
        (true, _) => "; framed: what to choose for each traffic",
    };
    let subtitle = format!(
        "{} of each point{}{fixed}{framed}",
        short(metric.name()),
        key(sweep)
    );
    let heading = Heading {
        title: finding(sweep, metric),
        subtitle,
        source: &source,
    };
    let n_rows = table.rows.len() as f64;
    let mut sheet = Sheet::new(&heading, 430.0 + (n_rows * 92.0).clamp(120.0, 1000.0));
    draw(&mut sheet, sweep, &table, metric);
    Some(Chart::new("heatmap", sheet))
}

/// The signs that occur, with their words.
fn key(sweep: SweepView<'_>) -> String {
    if !is_judged(sweep) {
        return ", the darker the slower".to_owned();
    }
    let all = [
        (Verdict::Met, "every objective is met"),
        (Verdict::NotMet, "one is not met"),
        (Verdict::Undecided, "undecided"),
    ];
    let occurs = |verdict: Verdict| sweep.findings.iter().any(|own| own.verdict == verdict);
    let words = all.into_iter().filter(|(verdict, _)| occurs(*verdict));
    let words: Vec<_> = words
        .map(|(it, words)| format!("{} {words}", words::sign(it, true)))
        .collect();
    format!(" and its verdict: {}", words.join(", "))
}

/// The metric whose value is in the cells: of the bound that is missed most often, or p95.
fn metric(sweep: SweepView<'_>) -> Option<Metric> {
    let has = |metric: Metric| {
        sweep
            .findings
            .iter()
            .any(|findings| findings.figure(metric).is_some())
    };
    let objectives = sweep
        .findings
        .iter()
        .flat_map(|findings| &findings.objectives);
    let latency =
        objectives.filter(|own| own.name == own.metric && own.metric.starts_with("latency"));
    let all: Vec<_> = latency.collect();
    let named = worst(&all).and_then(|own| Metric::by_name(&own.metric));
    named
        .into_iter()
        .chain([Metric::LatencyP95, Metric::ErrorRate])
        .find(|metric| has(*metric))
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
    let mut axes: Vec<(&str, Vec<String>)> = sweep
        .paths
        .iter()
        .map(|path| (path.as_str(), distinct(sweep, path)))
        .collect();
    axes.retain(|axis| axis.1.len() > 1);
    // Traffic goes across, the configuration down; of more than two, those with the most values.
    axes.sort_by_key(|(path, values)| (!sets_traffic(path), std::cmp::Reverse(values.len())));
    let mut axes = axes.into_iter();
    let (across, columns) = axes.next()?;
    let (down, rows) = axes
        .next()
        .map_or((None, vec![String::new()]), |(path, values)| {
            (Some(path), values)
        });
    let n_cells = rows.len() * columns.len();
    if columns.len() > MOST_LINES || rows.len() > MOST_LINES || n_cells > MOST_CELLS {
        return None;
    }
    // Further parameters stay at their values in the point to look at first.
    let loads = offered_by(sweep.points, sweep.findings);
    let chosen = number(choose(&loads.last()?.points, sweep.findings)?);
    let rest: Vec<(&str, String)> = axes
        .map(|(path, _)| (path, setting(sweep, chosen, path)))
        .collect();
    let fits = |at: usize| {
        rest.iter()
            .all(|(path, value)| setting(sweep, at, path) == *value)
    };
    let mut cells = vec![vec![None; columns.len()]; rows.len()];
    for at in (0..sweep.points.len()).filter(|at| fits(*at)) {
        let column = columns
            .iter()
            .position(|value| *value == setting(sweep, at, across))?;
        let row = down.map_or(Some(0), |down| {
            rows.iter()
                .position(|value| *value == setting(sweep, at, down))
        })?;
        cells[row][column].get_or_insert(at);
    }
    let n_filled = cells.iter().flatten().flatten().count();
    if (n_filled as f64) < FILLED * (rows.len() * columns.len()) as f64 {
        return None;
    }
    let fixed = rest
        .into_iter()
        .map(|(path, value)| (sweep.short_path(path).to_owned(), value));
    Some(Table {
        across,
        down,
        columns,
        rows,
        cells,
        fixed: fixed.collect(),
    })
}

fn draw(sheet: &mut Sheet, sweep: SweepView<'_>, table: &Table<'_>, metric: Metric) {
    let names = table.rows.iter().map(String::as_str);
    let row_names = super::font::widest(names, TEXT).min(WIDTH * 0.25);
    let left = MARGIN + row_names + if row_names > 0.0 { 20.0 } else { 0.0 };
    let (top, bottom) = (sheet.top + 116.0, sheet.bottom() - 10.0);
    let size = (
        ((WIDTH - MARGIN - left) / table.columns.len() as f64).min(420.0),
        ((bottom - top) / table.rows.len() as f64).min(120.0),
    );
    let grid = Grid { left, top, size };
    let across = sweep.short_path(table.across);
    let axes = table.down.map_or_else(
        || format!("{across}, across"),
        |down| format!("{} down, {across} across", sweep.short_path(down)),
    );
    let axes = fit(&axes, TEXT, WIDTH - 2.0 * MARGIN);
    sheet.text(Text::new(axes, (MARGIN, sheet.top + 24.0)).colour(INK));
    grid.name_columns(sheet, sweep, table);
    grid.name_rows(sheet, table, row_names);
    let range = range(sweep, metric);
    let cell = |at: &usize| Cell::new(&sweep.findings[*at], metric, range);
    let all: Vec<Cell> = table.cells.iter().flatten().flatten().map(cell).collect();
    let layout = Layout::of(&all, size);
    for (row, cells) in table.cells.iter().enumerate() {
        for (column, point) in cells.iter().enumerate() {
            let place = grid.place(row, column);
            match point {
                Some(at) => layout.draw(sheet, place, &cell(at)),
                None => sheet.block(place.inside().0, place.inside().1, GRID.faint(0.4)),
            }
        }
    }
    if is_judged(sweep) {
        grid.frame_choices(sheet, sweep, table);
    }
}

/// The lowest and the highest value that a metric has at a point.
fn range(sweep: SweepView<'_>, metric: Metric) -> (f64, f64) {
    let figures = sweep.findings.iter().filter_map(|own| own.figure(metric));
    figures.fold((f64::INFINITY, 0.0), |(low, high), figure| {
        (low.min(figure.value), high.max(figure.value))
    })
}

fn is_judged(sweep: SweepView<'_>) -> bool {
    sweep
        .findings
        .iter()
        .any(|findings| !findings.objectives.is_empty())
}

/// Where cells are.
#[derive(Debug, Clone, Copy)]
struct Grid {
    left: f64,
    top: f64,
    size: (f64, f64),
}

impl Grid {
    fn place(self, row: usize, column: usize) -> Place {
        let corner = (
            self.left + column as f64 * self.size.0,
            self.top + row as f64 * self.size.1,
        );
        Place {
            corner,
            size: self.size,
        }
    }

    /// The values across, as far as there is room; those of traffic with the highest load.
    fn name_columns(self, sheet: &mut Sheet, sweep: SweepView<'_>, table: &Table<'_>) {
        let mut free = 0.0;
        for (at, name) in table.columns.iter().enumerate() {
            let middle = self.left + (at as f64 + 0.5) * self.size.0;
            let half = width(name, TEXT) / 2.0;
            if middle - half < free {
                continue;
            }
            let text = Text::new(name, (middle, self.top - 40.0)).anchor(Anchor::Middle);
            sheet.text(text.colour(INK));
            free = middle + half + 16.0;
            let points = table.cells.iter().filter_map(|row| row[at]);
            let peaks = points.filter_map(|at| sweep.findings[at].figure(Metric::OfferedPeak));
            let peak = peaks.map(|peak| peak.value).fold(0.0, f64::max);
            let peak = format!("peak {}", show(Unit::PerSecond, peak));
            if sets_traffic(table.across) && width(&peak, SMALL) < self.size.0 - 10.0 {
                let text = Text::new(peak, (middle, self.top - 12.0)).size(SMALL);
                sheet.text(text.anchor(Anchor::Middle));
            }
        }
    }

    fn name_rows(self, sheet: &mut Sheet, table: &Table<'_>, room: f64) {
        let mut free = 0.0;
        for (row, name) in table.rows.iter().enumerate() {
            let middle = self.top + (row as f64 + 0.5) * self.size.1;
            if middle >= free {
                let at = (self.left - 18.0, middle + TEXT * 0.35);
                let text = Text::new(fit(name, TEXT, room), at).anchor(Anchor::End);
                sheet.text(text.colour(INK));
                free = middle + TEXT * 1.2;
            }
        }
    }

    /// Frames what to choose for each traffic.
    fn frame_choices(self, sheet: &mut Sheet, sweep: SweepView<'_>, table: &Table<'_>) {
        for load in offered_by(sweep.points, sweep.findings) {
            let Some(chosen) = choose(&load.points, sweep.findings).map(number) else {
                continue;
            };
            let find = |(row, cells): (usize, &Vec<Option<usize>>)| {
                Some((row, cells.iter().position(|cell| *cell == Some(chosen))?))
            };
            if let Some((row, column)) = table.cells.iter().enumerate().find_map(find) {
                let (from, to) = self.place(row, column).inside();
                sheet.frame(from, to, INK, 5);
            }
        }
    }
}

/// What the chart shows, as a sentence.
fn finding(sweep: SweepView<'_>, metric: Metric) -> String {
    let n = sweep.points.len();
    if !is_judged(sweep) {
        let (low, high) = range(sweep, metric);
        let (low, high) = (show(metric.unit(), low), show(metric.unit(), high));
        let name = short(metric.name());
        return if low == high {
            format!("{name} is {low} everywhere")
        } else {
            format!("{name} is between {low} and {high}")
        };
    }
    let n_of = |verdict: Verdict| {
        sweep
            .findings
            .iter()
            .filter(|own| own.verdict == verdict)
            .count()
    };
    let (met, open) = (n_of(Verdict::Met), n_of(Verdict::Undecided));
    let mut text = match met {
        0 if open > 0 => {
            format!(
                "None of {} is known to meet every objective",
                count(n, "point")
            )
        }
        0 => format!("None of {} meets every objective", count(n, "point")),
        all if all == n => "Every point meets every objective".to_owned(),
        1 => format!("1 of {n} points meets every objective"),
        _ => format!("{met} of {n} points meet every objective"),
    };
    match open {
        0 => {}
        _ if is_single(sweep) => text.push_str(": one replication decides nothing"),
        1 => text.push_str(", 1 is undecided"),
        _ => {
            let _ = write!(text, ", {open} are undecided");
        }
    }
    let loads = offered_by(sweep.points, sweep.findings);
    let names = Names::new(sweep);
    if let Some(load) = loads.last().filter(|_| names.parameters().is_some())
        && let Some(Choice::Cheapest(at)) = choose(&load.points, sweep.findings)
    {
        let _ = write!(text, "; at {} take {}", at_load(load), names.subject(at));
    }
    text
}
