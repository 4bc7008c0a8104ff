//! Users of sources over time, and on the same clock the rounds that nobody was there to begin.

use super::Chart;
use super::over_time::{Fold, clock, most, shade_unmeasured, steps, values, with_data};
use super::palette::{BOUND, BOUND_TEXT, MAIN, series};
use super::panel::{EndLabel, Frame, Look, Panel, room_beside, room_for};
use super::scale::Scale;
use super::sheet::{Heading, MARGIN, Sheet, WIDTH};
use super::wording::{most_missed, source};
use crate::experiment::{Column, Findings, SourceFindings};
use crate::metrics::Unit;
use crate::objective::show;
use crate::report::words;
use crate::stats::Estimate;
use crate::units::with_suffix;

/// Lines that can be told apart.
const MOST_LINES: usize = 6;

/// A source and its column.
struct Line<'a> {
    name: &'a str,
    column: &'a Column,
    look: Look,
}

/// The chart; nothing without users, or if there are always the same.
pub(super) fn chart(title: &str, findings: &Findings) -> Option<Chart> {
    let users = lines(findings, "users");
    let mut dropped = lines(findings, "dropped_per_s");
    let are_constant = users.iter().all(|line| is_constant(line.column));
    if users.is_empty() || (dropped.is_empty() && are_constant) {
        return None;
    }
    if let [only] = dropped.as_mut_slice() {
        only.look = Look::new(BOUND, 4);
    }
    let has_dropped = !dropped.is_empty();
    let source = source(title, findings, "bands");
    let heading = Heading {
        title: finding(findings),
        subtitle: subtitle(has_dropped).to_owned(),
        source: &source,
    };
    let mut sheet = Sheet::new(&heading, if has_dropped { 1060.0 } else { 760.0 });
    let highest = |lines: &[Line<'_>]| most(lines.iter().map(|line| line.column));
    let y = Scale::from_zero(Unit::Number, highest(&users));
    let y_dropped = Scale::from_zero(Unit::PerSecond, highest(&dropped));
    let (top, bottom) = (sheet.top + 44.0, sheet.bottom() - 36.0);
    let split = if has_dropped {
        top + (bottom - top) * 0.55
    } else {
        bottom
    };
    let frame = Frame {
        left: MARGIN + room_beside(&y).max(room_beside(&y_dropped)),
        top,
        right: WIDTH - MARGIN - room_for(users.iter().chain(&dropped).map(|line| line.name)),
        bottom: split,
    };
    let upper = Panel::new(frame, clock(findings), y);
    upper.heading(&mut sheet, "Users");
    shade_unmeasured(&mut sheet, &upper, findings);
    upper.grid(&mut sheet, !has_dropped);
    draw(&mut sheet, &upper, findings, &users);
    if has_dropped {
        let frame = Frame {
            top: split + 70.0,
            bottom,
            ..frame
        };
        let lower = Panel::new(frame, clock(findings), y_dropped);
        lower.heading(&mut sheet, "Dropped per second");
        lower.grid(&mut sheet, true);
        draw(&mut sheet, &lower, findings, &dropped);
    }
    Some(Chart::of(findings, "users", sheet))
}

/// True if a column has one value all along.
fn is_constant(column: &Column) -> bool {
    let mut own = values(column).map(|own| own.value.to_bits());
    let first = own.next();
    own.all(|value| first == Some(value))
}

/// The sources that have a figure, in the order of the scenario.
fn lines<'a>(findings: &'a Findings, figure: &str) -> Vec<Line<'a>> {
    let named = findings.sources.iter().enumerate();
    let line = |(at, source): (usize, &'a SourceFindings)| {
        let column = with_data(findings, &source.name, figure)?;
        let colour = if at == 0 { MAIN } else { series(at) };
        (most([column]) > 0.0).then_some(Line {
            name: &source.name,
            column,
            look: Look::new(colour, 4),
        })
    };
    named.filter_map(line).take(MOST_LINES).collect()
}

fn draw(sheet: &mut Sheet, panel: &Panel, findings: &Findings, lines: &[Line<'_>]) {
    let mut ends = Vec::new();
    for line in lines {
        panel.steps(sheet, &steps(findings, line.column, Fold::Mean), line.look);
        if let Some(last) = line.column.values.iter().rev().flatten().next() {
            let colour = line.look.colour;
            ends.push(EndLabel {
                text: line.name.to_owned(),
                y: panel.y.at(last.value),
                colour: if colour == BOUND { BOUND_TEXT } else { colour },
            });
        }
    }
    panel.end_labels(sheet, &ends);
}

const fn subtitle(has_dropped: bool) -> &'static str {
    if has_dropped {
        "Users at the same time, averaged over each window, and rounds that were due with nobody to begin them"
    } else {
        "Users at the same time, averaged over each window"
    }
}

/// What the chart shows, as a sentence.
fn finding(findings: &Findings) -> String {
    let n = |value: Option<Estimate>| value.map_or(0.0, |own| own.value);
    if let Some((own, share)) = most_missed(findings) {
        return format!(
            "{} cannot begin {} of what is due: its {} users are not enough",
            own.name,
            show(Unit::Fraction, share),
            with_suffix(n(own.users_most)),
        );
    }
    match findings.sources.as_slice() {
        [only] => format!(
            "{} has up to {} users at a time",
            only.name,
            with_suffix(n(only.users_most))
        ),
        several => {
            let each: Vec<String> = several
                .iter()
                .take(MOST_LINES)
                .map(|own| format!("{} of {}", with_suffix(n(own.users_most)), own.name))
                .collect();
            let each: Vec<&str> = each.iter().map(String::as_str).collect();
            format!("At the most there are {}", words::list(&each))
        }
    }
}
