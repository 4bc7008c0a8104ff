//! Two configurations: the verdict first, then what was changed, then every figure that matters.

use std::fmt::Write as _;

use super::{Style, columns, wrap};
use crate::report::comparison::{CompareView, about, drawn_alike, precision, tables, verdict};

/// A comparison.
pub fn comparison(view: CompareView<'_>, style: Style) -> String {
    let mut text = String::new();
    let about = about(view);
    let gap = style
        .width
        .saturating_sub(columns(view.title) + columns(&about));
    if gap >= 2 {
        let _ = writeln!(text, "{}{}{about}", view.title, " ".repeat(gap));
    } else {
        let _ = write!(text, "{}\n{about}\n", wrap(view.title, style.width, 0));
    }
    let _ = writeln!(text, "A  {}\nB  {}", view.name_a, view.name_b);
    let _ = writeln!(text, "\n{}", wrap(&verdict(view), style.width, 0));
    let changed = tables::changes(view);
    if !changed.rows.is_empty() {
        let _ = writeln!(text, "\n{}", style.table("CHANGED", changed));
    }
    let objectives = tables::objectives(view, style.unicode);
    if !objectives.rows.is_empty() {
        let _ = writeln!(text, "\n{}", style.table("OBJECTIVES", objectives));
    }
    let figures = tables::figures(view);
    let _ = writeln!(text, "\n{}", style.table("FIGURES", figures));
    let _ = writeln!(text, "\n{}", wrap(&precision(view.found), style.width, 0));
    let _ = writeln!(text, "{}", wrap(&drawn_alike(view.found), style.width, 0));
    for note in tables::notes(view) {
        let _ = write!(text, "\n{}", wrap(&format!("note: {note}"), style.width, 0));
    }
    style.plain(text.trim_end().to_owned() + "\n")
}
