//! A comparison as tables, which text and Markdown lay out each in its own way.

use super::phrases::{interval, percent, word};
use super::{CompareView, bounds, shown};
use crate::experiment::{Compared, Findings};
use crate::objective::{Verdict, show};
use crate::report::tables::Table;
use crate::report::words;

/// The longest value of a key that is shown; the whole is in the files.
const LONG: usize = 28;

/// Every figure that is shown: A, B, their difference, and what it means.
pub(in crate::report) fn figures(view: CompareView<'_>) -> Table {
    let cell = |own: Option<crate::stats::Estimate>, figure: &Compared| {
        own.map_or("none".to_owned(), |own| show(figure.unit, own.value))
    };
    let row = |own: &Compared| {
        let is_equal = own.difference.is_some_and(|d| d.value == 0.0) && own.correlation.is_none();
        let difference = match interval(own) {
            Some(_) if is_equal => "none".to_owned(),
            found => found.unwrap_or_default(),
        };
        // Of shares the points are what is spoken of.
        let is_relative = own.unit != crate::metrics::Unit::Fraction && !is_equal;
        let relative = own.relative.filter(|r| is_relative && r.interval.is_some());
        let relative = relative.map_or(String::new(), |own| {
            let sign = if own.value < 0.0 { "-" } else { "+" };
            format!("{sign}{}", percent(&own))
        });
        vec![
            own.words.clone(),
            cell(own.a, own),
            cell(own.b, own),
            difference,
            relative,
            word(own.word).to_owned(),
        ]
    };
    Table {
        head: vec!["A", "B", "B - A", "relative", ""],
        rows: shown(view).into_iter().map(row).collect(),
        expendable: &["relative"],
    }
}

/// What was changed in the scenario.
pub(in crate::report) fn changes(view: CompareView<'_>) -> Table {
    let cell = |own: &Option<String>| {
        let text = own.as_deref().unwrap_or("none");
        if text.chars().count() <= LONG {
            return text.to_owned();
        }
        let start: String = text.chars().take(LONG - 1).collect();
        format!("{start}…")
    };
    let changes = view.changes.iter();
    Table {
        head: vec!["A", "B"],
        rows: changes
            .map(|own| vec![own.path.clone(), cell(&own.a), cell(&own.b)])
            .collect(),
        expendable: &[],
    }
}

/// The objectives of either side, and which side meets them.
pub(in crate::report) fn objectives(view: CompareView<'_>, unicode: bool) -> Table {
    let (a, b) = (&view.found.a, &view.found.b);
    let cell = |own: &Findings, name: &str, text: &str| {
        let found = own
            .objectives
            .iter()
            .find(|o| o.name == name && o.text == text);
        found.map_or("not asked".to_owned(), |own| {
            let verdict = match own.verdict {
                Verdict::Met => "met",
                Verdict::NotMet => "not met",
                Verdict::Undecided => "undecided",
            };
            format!("{} {verdict}", words::sign(own.verdict, unicode))
        })
    };
    let row = |(name, text): (&str, &str)| {
        vec![
            format!("{name} {text}"),
            cell(a, name, text),
            cell(b, name, text),
        ]
    };
    Table {
        head: vec!["A", "B"],
        rows: bounds(a, b).map(row).collect(),
        expendable: &[],
    }
}

/// What is to be known beside the figures: how they were run, and what weakens either side.
pub(in crate::report) fn notes(view: CompareView<'_>) -> Vec<String> {
    let mut notes = view.notes.to_vec();
    let of = |own: &Findings| {
        own.advisories
            .iter()
            .map(words::advisory)
            .collect::<Vec<_>>()
    };
    let (a, b) = (of(&view.found.a), of(&view.found.b));
    let (both, only_a): (Vec<&String>, Vec<&String>) = a.iter().partition(|own| b.contains(own));
    notes.extend(both.into_iter().cloned());
    notes.extend(only_a.into_iter().map(|own| format!("A: {own}")));
    let only_b = b.iter().filter(|own| !a.contains(own));
    notes.extend(only_b.map(|own| format!("B: {own}")));
    notes
}
