//! Backtests: tables for people, everything for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::backtest::{Comparison, ErrorSummary, FAMILIES, Pair, Second, Shape, Summary, Verdict};
use crate::units::three_digits;

/// The version of [`json()`]'s layout.
const SCHEMA: &str = "capsim/backtest/1.0";

/// Tables: each recording, then all together.
pub fn text(comparisons: &[Comparison], summary: &Summary) -> String {
    let mut text = String::new();
    for own in comparisons {
        text.push_str(&recording(own));
        text.push('\n');
    }
    text.push_str(&summary_text(summary));
    let off: Vec<String> = comparisons
        .iter()
        .flat_map(|own| own.pairs.iter().map(move |pair| (own, pair)))
        .filter(|(_, pair)| pair.counts && !pair.verdict.is_in())
        .map(|(own, pair)| {
            let error = pair
                .error
                .map_or_else(|| "no error to speak of".to_owned(), percent);
            format!("  {} {} ({error})\n", own.id, pair.figure)
        })
        .collect();
    if !off.is_empty() {
        let _ = write!(text, "\nNot right:\n{}", off.concat());
    }
    text
}

/// The answer in a line.
pub fn answer(summary: &Summary) -> String {
    let all = &summary.all;
    if all.pairs == 0 {
        return "nothing was compared".to_owned();
    }
    let share = all.right as f64 / all.pairs as f64;
    format!(
        "{} of {} figures predicted within 10 % or within the spread of the recording ({})",
        all.right,
        all.pairs,
        share_text(share)
    )
}

fn share_text(share: f64) -> String {
    format!("{} %", three_digits(share * 100.0))
}

fn percent(error: f64) -> String {
    format!("{:+.1} %", error * 100.0)
}

fn value(figure: &str, value: f64) -> String {
    match figure {
        "error_share" | "hit_ratio" => share_text(value),
        _ => three_digits(value),
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Close => "within 10 %",
        Verdict::InSpread => "in the spread",
        Verdict::Off => "off",
        Verdict::NoData => "no data",
    }
}

/// Lays rows out in columns: the first to the left, the others to the right, the last to the left.
fn table(rows: &[Vec<String>]) -> String {
    let n = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (at, cell) in row.iter().enumerate() {
            let wide = widths[at];
            let _ = match at {
                0 => write!(line, "{cell:<wide$}"),
                _ if at + 1 == n => write!(line, "  {cell}"),
                _ => write!(line, "  {cell:>wide$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn recording(own: &Comparison) -> String {
    let mut text = format!(
        "{} ({}), {} repetitions\n",
        own.id, own.family, own.repetitions
    );
    let head = ["", "predicted", "measured", "error", "repetitions", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let row = |pair: &Pair| {
        let show = |own: f64| value(pair.figure, own);
        vec![
            pair.figure.to_owned(),
            pair.predicted.map_or_else(|| "no data".to_owned(), show),
            show(pair.measured),
            pair.error.map_or_else(String::new, percent),
            pair.spread.map_or_else(String::new, |(low, high)| {
                format!("{} to {}", show(low), show(high))
            }),
            mark(pair.verdict).to_owned(),
        ]
    };
    rows.extend(own.pairs.iter().map(row));
    text.push_str(&table(&rows));
    for shape in &own.shapes {
        text.push_str(&shape_text(shape));
    }
    text
}

/// A line on what happened over time; nothing where nothing is to be said.
fn shape_text(shape: &Shape) -> String {
    let mut said = Vec::new();
    if let (Some(answers), Some(p50)) = (shape.answers_off, shape.p50_off) {
        said.push(format!(
            "per second, answers off by {} and p50 by {}",
            share_text(answers),
            share_text(p50)
        ));
    }
    if let Some(recovery) = &shape.recovery {
        let time =
            |s: Option<f64>| s.map_or_else(|| "never".to_owned(), |s| format!("after {s} s"));
        said.push(format!(
            "well again {} (measured: {})",
            time(recovery.predicted_s),
            time(recovery.measured_s)
        ));
    }
    if let Some(instances) = &shape.instances {
        said.push(format!(
            "{} of {} decisions alike",
            instances.alike(),
            instances.measured.len()
        ));
    }
    if said.is_empty() {
        return String::new();
    }
    format!("  repetition {}: {}\n", shape.repetition, said.join("; "))
}

fn summary_text(summary: &Summary) -> String {
    let mut text = format!("{}\n\n", answer(summary));
    let head = ["", "right", "median error", "90th percentile", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let row = |own: &ErrorSummary| {
        let name = match (&own.family, own.figure) {
            (Some(family), Some(figure)) => format!("{family} {figure}"),
            (None, Some(figure)) => figure.to_owned(),
            _ => "all".to_owned(),
        };
        let size = |own: Option<f64>| own.map_or_else(|| "no data".to_owned(), share_text);
        vec![
            name,
            format!("{} of {}", own.right, own.pairs),
            size(own.median),
            size(own.p90),
            String::new(),
        ]
    };
    rows.push(row(&summary.all));
    rows.extend(summary.figures.iter().map(row));
    rows.extend(summary.families.iter().map(row));
    text.push_str(&table(&rows));
    text
}

/// The page about how accurate predictions are, in Markdown; `charts` are the pictures beside it and what they show.
pub fn page(comparisons: &[Comparison], summary: &Summary, charts: &[(String, &str)]) -> String {
    let mut text = format!(
        "# How accurate it is\n\n{} recordings of real software under known load were predicted from their settings and schedules: {}.\n\n",
        comparisons.len(),
        answer(summary)
    );
    text.push_str(PAGE);
    for (name, about) in charts {
        let _ = writeln!(text, "![{about}]({name})\n");
    }
    text.push_str(
        "## By figure\n\n| figure | right | median error | 90th percentile |\n|---|--:|--:|--:|\n",
    );
    let size = |own: Option<f64>| own.map_or_else(|| "no data".to_owned(), share_text);
    for own in std::iter::once(&summary.all).chain(&summary.figures) {
        let _ = writeln!(
            text,
            "| {} | {} of {} | {} | {} |",
            own.figure.unwrap_or("all"),
            own.right,
            own.pairs,
            size(own.median),
            size(own.p90)
        );
    }
    text.push_str("\n## By recording\n\n| recording | figure | predicted | measured | repetitions | error | |\n|---|---|--:|--:|--:|--:|---|\n");
    for own in comparisons {
        for pair in own.pairs.iter().filter(|pair| pair.counts) {
            let show = |own: f64| value(pair.figure, own);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                own.id,
                pair.figure,
                pair.predicted.map_or_else(|| "no data".to_owned(), show),
                show(pair.measured),
                pair.spread.map_or_else(String::new, |(low, high)| format!(
                    "{} to {}",
                    show(low),
                    show(high)
                )),
                pair.error.map_or_else(String::new, percent),
                mark(pair.verdict)
            );
        }
    }
    text.push_str("\n## Over time\n\n");
    for own in comparisons {
        let lines: String = own.shapes.iter().map(shape_text).collect();
        let told = own
            .shapes
            .iter()
            .any(|own| own.recovery.is_some() || own.instances.is_some());
        if told {
            let lines = lines.replace("  repetition", "  - repetition");
            let _ = write!(text, "- {}\n{lines}", own.id);
        }
    }
    text.push_str("\n## What is missing\n\n");
    for family in FAMILIES.iter().filter(|own| !own.lacks.is_empty()) {
        if comparisons.iter().any(|own| own.family == family.name) {
            let _ = writeln!(
                text,
                "- {} ({}). {}",
                family.name, family.about, family.lacks
            );
        }
    }
    text
}

const PAGE: &str = "\
A recording says which software ran with which settings, which work each request asked for and when it came, and what \
was measured, three times over. `capsim backtest` makes a scenario of the first three, simulates each repetition with \
its own schedule, and compares. What an empty request takes in the same arrangement is part of the scenario as a \
network delay or as CPU time. Nothing is fitted recording by recording; what was not measured (how long Node starts, a \
round trip to Redis, how long PostgreSQL takes for a new connection) is the same for all of them, and stands in the \
scenario. The families were built with these recordings at hand: others say more. A prediction is right if it is within 10 % of what was \
measured, or within what the three repetitions were.

This page is made by `capsim backtest FOLDER --page docs`; do not edit it.

";

/// Everything.
pub fn json(comparisons: &[Comparison], summary: &Summary) -> Value {
    json!({
        "schema": SCHEMA,
        "recordings": comparisons.iter().map(recording_json).collect::<Vec<_>>(),
        "summary": {
            "all": error_json(&summary.all),
            "figures": summary.figures.iter().map(error_json).collect::<Vec<_>>(),
            "families": summary.families.iter().map(error_json).collect::<Vec<_>>(),
        },
    })
}

fn error_json(own: &ErrorSummary) -> Value {
    json!({
        "family": own.family,
        "figure": own.figure,
        "pairs": own.pairs,
        "right": own.right,
        "median_error": own.median,
        "p90_error": own.p90,
    })
}

fn recording_json(own: &Comparison) -> Value {
    let pair = |pair: &Pair| {
        json!({
            "figure": pair.figure,
            "counts": pair.counts,
            "predicted": pair.predicted,
            "measured": pair.measured,
            "repetitions_min": pair.spread.map(|own| own.0),
            "repetitions_max": pair.spread.map(|own| own.1),
            "error": pair.error,
            "verdict": pair.verdict.name(),
        })
    };
    json!({
        "id": own.id,
        "family": own.family,
        "repetitions": own.repetitions,
        "figures": own.pairs.iter().map(pair).collect::<Vec<_>>(),
        "over_time": own.shapes.iter().map(shape_json).collect::<Vec<_>>(),
    })
}

fn shape_json(shape: &Shape) -> Value {
    let second = |(own, real): &(Second, Second)| {
        json!([
            own.sent,
            own.failed,
            own.completed,
            own.p50_ms,
            own.p95_ms,
            real.sent,
            real.failed,
            real.completed,
            real.p50_ms,
            real.p95_ms,
        ])
    };
    json!({
        "repetition": shape.repetition,
        "answers_off": shape.answers_off,
        "p50_off": shape.p50_off,
        "recovery": shape.recovery.map(|own| json!({
            "after_s": own.after_s,
            "predicted_s": own.predicted_s,
            "measured_s": own.measured_s,
            "right": own.is_right(),
        })),
        "instances": shape.instances.as_ref().map(|own| json!({
            "predicted": own.predicted,
            "measured": own.measured,
            "alike": own.alike(),
        })),
        "second_columns": [
            "sent", "failed", "completed", "p50_ms", "p95_ms",
            "measured_sent", "measured_failed", "measured_completed", "measured_p50_ms", "measured_p95_ms",
        ],
        "seconds": shape.seconds.iter().map(second).collect::<Vec<_>>(),
    })
}
