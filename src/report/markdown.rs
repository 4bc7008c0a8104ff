//! The summary of a run for a pull request or a runbook: what the text says, as tables.

use std::fmt::Write as _;

use super::tables::{self, Table};
use super::{CompareView, comparison, text, words};
use crate::experiment::Findings;

/// The summary of a run.
pub fn run(title: &str, seed: u64, findings: &Findings) -> String {
    let mut out = format!(
        "# {}\n\n{}\n\n**Will it hold?** {}\n",
        escaped(title),
        words::about(seed, findings),
        escaped(&words::answer(findings))
    );
    if let Some(bottleneck) = &findings.bottleneck {
        let sentence = escaped(&words::bottleneck(bottleneck));
        let _ = write!(out, "\n**What breaks first:** {sentence}\n");
    }
    objectives(&mut out, findings);
    section(&mut out, "Latency", &tables::latency(findings));
    traffic(&mut out, findings);
    if let Some(callers) = tables::callers(findings) {
        section(&mut out, "Persistence", &callers);
    }
    if let Some(users) = tables::users(findings) {
        section(&mut out, "Users", &users);
    }
    for source in &findings.sources {
        if let Some(answers) = tables::answers(source) {
            let heading = format!("Answers to {}", source.name);
            section(&mut out, &heading, &answers);
            if let Some(why) = tables::why_felt(source) {
                let _ = write!(out, "\n{}\n", escaped(&why));
            }
        }
    }
    if let Some(queues) = tables::queues(findings) {
        section(&mut out, "Queues", &queues);
        for sentence in words::backlogs(findings) {
            let _ = write!(out, "\n{}\n", escaped(&sentence));
        }
    }
    let busy = tables::busy(findings);
    if !busy.rows.is_empty() {
        section(&mut out, "Busy", &busy);
    }
    if let Some(elasticity) = tables::elasticity(findings) {
        section(&mut out, "Elasticity", &elasticity);
    }
    if !findings.advisories.is_empty() {
        out.push('\n');
    }
    for advisory in &findings.advisories {
        let _ = writeln!(out, "- note: {}", escaped(&words::advisory(advisory)));
    }
    out
}

/// Two configurations.
pub fn comparison(view: CompareView<'_>) -> String {
    let mut out = format!(
        "# {}\n\n{}\n\n- A: {}\n- B: {}\n\n**{}**\n",
        escaped(view.title),
        comparison::about(view),
        escaped(view.name_a),
        escaped(view.name_b),
        escaped(&comparison::verdict(view))
    );
    let parts = [
        ("Changed", comparison::tables::changes(view)),
        ("Objectives", comparison::tables::objectives(view, true)),
        ("Figures", comparison::tables::figures(view)),
    ];
    for (heading, table) in parts.iter().filter(|(_, table)| !table.rows.is_empty()) {
        section(&mut out, heading, table);
    }
    for sentence in [
        comparison::precision(view.found),
        comparison::drawn_alike(view.found),
    ] {
        let _ = write!(out, "\n{}\n", escaped(&sentence));
    }
    let notes = comparison::tables::notes(view);
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        let _ = writeln!(out, "- note: {}", escaped(&note));
    }
    out
}

fn objectives(out: &mut String, findings: &Findings) {
    if findings.objectives.is_empty() {
        return;
    }
    let mut table = Table {
        head: vec!["bound", "figure", "verdict", ""],
        rows: Vec::new(),
        expendable: &[],
    };
    for own in &findings.objectives {
        let verdict = match own.verdict {
            crate::objective::Verdict::Met => "met",
            crate::objective::Verdict::NotMet => "not met",
            crate::objective::Verdict::Undecided => "undecided",
        };
        table.rows.push(vec![
            own.name.clone(),
            own.text.clone(),
            words::maybe(words::unit_of(&own.metric), own.estimate.as_ref()),
            format!("{} {verdict}", words::sign(own.verdict, true)),
            words::remark(own, findings.replications),
        ]);
    }
    section(out, "Objectives", &table);
    if findings.replications > 1 {
        let _ = write!(out, "\n{}\n", words::intervals(findings));
    }
}

fn traffic(out: &mut String, findings: &Findings) {
    let _ = write!(out, "\n## Traffic\n\n- {}\n", words::traffic(findings));
    let outcomes: Vec<String> = tables::outcomes(findings)
        .into_iter()
        .map(|(words, share)| format!("{words} {share}"))
        .collect();
    if !outcomes.is_empty() {
        let _ = writeln!(out, "- outcomes: {}", outcomes.join(", "));
    }
    if let Some(trouble) = words::trouble(findings) {
        let _ = writeln!(out, "- trouble: {trouble}");
    }
    for path in text::traffic::instances(findings) {
        let _ = writeln!(
            out,
            "- instances: {}",
            escaped(&path.replacen("  ", ": ", 1))
        );
    }
    if let Some(cost) = text::traffic::cost(findings) {
        let _ = writeln!(out, "- cost: {}", escaped(&cost));
    }
}

fn section(out: &mut String, heading: &str, table: &Table) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let wide = table.head.len() + 1;
    let head = table.head.iter().map(|name| (*name).to_owned());
    let _ = write!(out, "\n## {}\n\n", escaped(heading));
    out.push_str(&line(std::iter::once(String::new()).chain(head).collect()));
    // Figures stand below one another at the right.
    let rule = std::iter::once("---").chain(std::iter::repeat_n("--:", wide - 1));
    out.push_str(&line(rule.map(str::to_owned).collect()));
    for row in &table.rows {
        let mut cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        cells.resize(wide, String::new());
        out.push_str(&line(cells));
    }
}

/// Text that stays text, in a cell of a table, too.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '|' | '<' | '>' | '*' | '_' | '`' | '\\' | '[' | ']' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}
