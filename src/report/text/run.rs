//! The summary of a run: the answer first, then what breaks first, then figures.

use std::fmt::Write as _;

use super::{KEPT, Style, align, columns, traffic, wrap};
use crate::experiment::Findings;
use crate::objective::Verdict;
use crate::report::{tables, words};

/// The summary of a run.
pub fn run(title: &str, seed: u64, findings: &Findings, style: Style) -> String {
    let mut text = String::new();
    let about = words::about(seed, findings);
    let gap = style.width.saturating_sub(columns(title) + columns(&about));
    if gap >= 2 {
        let _ = writeln!(text, "{title}{}{about}", " ".repeat(gap));
    } else {
        let _ = write!(text, "{}\n{about}\n", wrap(title, style.width, 0));
    }
    // The heading is set apart by more than the one space that lines are broken at.
    let answer = format!(
        "{}{KEPT}{KEPT} {}",
        style.heading("WILL IT HOLD"),
        words::answer(findings)
    );
    let answer = wrap(&answer, style.width, 0).replace(KEPT, " ");
    let _ = writeln!(text, "\n{answer}");
    if let Some(bottleneck) = &findings.bottleneck {
        let sentence = wrap(&words::bottleneck(bottleneck), style.width, 2);
        let _ = writeln!(text, "\n{}\n{sentence}", style.heading("WHAT BREAKS FIRST"));
    }
    if let Some(recovery) = &findings.recovery {
        let sentence = wrap(&words::recovery(recovery), style.width, 2);
        let _ = writeln!(text, "\n{}\n{sentence}", style.heading("RECOVERY"));
    }
    if !findings.stated.is_empty() {
        let _ = writeln!(text, "\n{}", style.heading("STATED"));
        for stated in &findings.stated {
            let sign = if stated.consistent {
                style.sign(Verdict::Met)
            } else {
                "!".to_owned()
            };
            let sentence = wrap(&words::stated(stated), style.width, 4);
            let _ = writeln!(text, "  {sign} {}", sentence.trim_start());
        }
    }
    objectives(&mut text, findings, style);
    let latency = tables::latency(findings);
    let _ = writeln!(text, "\n{}", style.table("LATENCY", latency));
    traffic::traffic(&mut text, findings, style);
    traffic::callers(&mut text, findings, style);
    traffic::users(&mut text, findings, style);
    traffic::queues(&mut text, findings, style);
    let busy = tables::busy(findings);
    if !busy.rows.is_empty() {
        let _ = writeln!(text, "\n{}", style.table("BUSY", busy));
    }
    if let Some(elasticity) = tables::elasticity(findings) {
        let _ = writeln!(text, "\n{}", style.table("ELASTICITY", elasticity));
    }
    for advisory in &findings.advisories {
        let note = format!("note: {}", words::advisory(advisory));
        let _ = write!(text, "\n{}", wrap(&note, style.width, 0));
    }
    style.plain(text.trim_end().to_owned() + "\n")
}

pub(super) fn objectives(text: &mut String, findings: &Findings, style: Style) {
    if findings.objectives.is_empty() {
        return;
    }
    let heading = style.heading("OBJECTIVES");
    let _ = writeln!(text, "\n{heading}   {}", words::intervals(findings));
    let rows: Vec<Vec<String>> = findings
        .objectives
        .iter()
        .map(|objective| {
            let unit = words::unit_of(&objective.metric);
            vec![
                style.sign(objective.verdict),
                objective.name.clone(),
                objective.text.clone(),
                words::maybe(unit, objective.estimate.as_ref()),
                words::remark(objective, findings.replications),
            ]
        })
        .collect();
    // A remark that does not fit beside its figure goes below it.
    let fits = align(&rows, 2)
        .lines()
        .all(|line| columns(line) <= style.width);
    if fits {
        let _ = writeln!(text, "{}", align(&rows, 2));
        return;
    }
    let short: Vec<Vec<String>> = rows.iter().map(|row| row[..4].to_vec()).collect();
    for (line, row) in align(&short, 2).lines().zip(&rows) {
        let _ = writeln!(text, "{line}");
        if !row[4].is_empty() {
            let _ = writeln!(text, "{}", wrap(&row[4], style.width, 6));
        }
    }
}
