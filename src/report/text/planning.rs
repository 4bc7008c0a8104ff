//! A plan: what to choose first, then how it was found.

use std::fmt::Write as _;

use super::{Style, columns, wrap};
use crate::report::planning::{PlanView, command, effort, shortcuts, step, verdict};
use crate::report::tables::Table;
use crate::report::words::span;

/// The last steps of the search that are shown; the whole is in plan.json.
const STEPS: usize = 12;

/// A plan.
pub fn planning(view: PlanView<'_>, style: Style) -> String {
    let mut text = String::new();
    let plan = view.found;
    let about = format!(
        "seed {} · {} choices · replications of {}",
        view.seed,
        plan.tried.len(),
        span(view.horizon_s)
    );
    let gap = style
        .width
        .saturating_sub(columns(view.title) + columns(&about));
    if gap >= 2 {
        let _ = writeln!(text, "{}{}{about}", view.title, " ".repeat(gap));
    } else {
        let _ = write!(text, "{}\n{about}\n", wrap(view.title, style.width, 0));
    }
    let _ = writeln!(text, "\n{}", style.labelled("CHOOSE", &verdict(view)));
    if let Some(command) = command(view) {
        let _ = writeln!(text, "\n{command}");
    }
    if let Some(chosen) = view.chosen {
        super::run::objectives(&mut text, chosen, style);
    }
    let skipped = plan.trace.len().saturating_sub(STEPS);
    let table = Table {
        head: vec!["cost", "replications", ""],
        rows: plan
            .trace
            .iter()
            .skip(skipped)
            .map(|own| step(view, own))
            .collect(),
        expendable: &[],
    };
    if !table.rows.is_empty() {
        let _ = writeln!(text, "\n{}", style.table("SEARCH", table));
    }
    if skipped > 0 {
        let _ = writeln!(text, "  and {skipped} earlier steps, in plan.json");
    }
    let _ = writeln!(text);
    for sentence in shortcuts(view).into_iter().chain([effort(view)]) {
        let _ = writeln!(text, "{}", wrap(&sentence, style.width, 0));
    }
    for note in view.notes {
        let _ = write!(text, "\n{}", wrap(&format!("note: {note}"), style.width, 0));
    }
    style.plain(text.trim_end().to_owned() + "\n")
}
