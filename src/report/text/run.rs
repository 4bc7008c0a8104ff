//! The summary of a run: the answer first, then what breaks first, then figures.

use std::fmt::Write as _;

use super::{Style, align, columns, wrap};
use crate::experiment::{Column, Findings};
use crate::metrics::{Metric, Unit};
use crate::objective::show;
use crate::report::words;
use crate::units::{SimDuration, three_digits};

/// The summary of a run.
pub fn run(title: &str, seed: u64, findings: &Findings, style: Style) -> String {
    let mut text = String::new();
    let about = format!(
        "seed {seed} · {} replication{} · {} each",
        findings.replications,
        if findings.replications == 1 { "" } else { "s" },
        SimDuration::from_secs_f64(findings.horizon_s),
    );
    let gap = style.width.saturating_sub(columns(title) + columns(&about));
    if gap >= 2 {
        let _ = writeln!(text, "{title}{}{about}", " ".repeat(gap));
    } else {
        let _ = write!(text, "{}\n{about}\n", wrap(title, style.width, 0));
    }
    let answer = format!(
        "{}   {}",
        style.heading("WILL IT HOLD"),
        words::answer(findings)
    );
    let _ = writeln!(
        text,
        "\n{}",
        wrap(&answer, style.width, 0).replacen("HOLD ", "HOLD   ", 1)
    );
    if let Some(bottleneck) = &findings.bottleneck {
        let sentence = wrap(&words::bottleneck(bottleneck), style.width, 2);
        let _ = writeln!(text, "\n{}\n{sentence}", style.heading("WHAT BREAKS FIRST"));
    }
    objectives(&mut text, findings, style);
    latency(&mut text, findings, style);
    traffic(&mut text, findings, style);
    resources(&mut text, findings, style);
    for advisory in &findings.advisories {
        let _ = write!(
            text,
            "\n{}",
            wrap(
                &format!("note: {}", words::advisory(advisory)),
                style.width,
                0
            )
        );
    }
    style.plain(text.trim_end().to_owned() + "\n")
}

fn objectives(text: &mut String, findings: &Findings, style: Style) {
    if findings.objectives.is_empty() {
        return;
    }
    let level = three_digits(findings.level * 100.0);
    let heading = style.heading("OBJECTIVES");
    let about = if findings.replications > 1 {
        format!("{level} % intervals across replications")
    } else {
        String::new()
    };
    let _ = writeln!(text, "\n{heading}   {about}");
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

fn latency(text: &mut String, findings: &Findings, style: Style) {
    const SHOWN: [(Metric, &str); 5] = [
        (Metric::LatencyP50, "p50"),
        (Metric::LatencyP90, "p90"),
        (Metric::LatencyP95, "p95"),
        (Metric::LatencyP99, "p99"),
        (Metric::LatencyP999, "p99.9"),
    ];
    let cells = |figures: &std::collections::BTreeMap<String, crate::stats::Estimate>| {
        SHOWN.map(|(metric, _)| {
            let value = figures.get(metric.name());
            value.map_or("no data".to_owned(), |value| {
                show(Unit::Seconds, value.value)
            })
        })
    };
    let mut rows = vec![
        std::iter::once(style.heading("LATENCY"))
            .chain(SHOWN.map(|s| s.1.to_owned()))
            .collect::<Vec<_>>(),
    ];
    let row = |name: &str, cells: [String; 5]| {
        std::iter::once(format!("  {name}"))
            .chain(cells)
            .collect::<Vec<_>>()
    };
    rows.push(row("all", cells(&findings.figures)));
    if findings.classes.len() > 1 {
        rows.extend(
            findings
                .classes
                .iter()
                .map(|class| row(&class.name, cells(&class.figures))),
        );
    }
    let _ = writeln!(text, "\n{}", align(&rows, 0));
}

fn traffic(text: &mut String, findings: &Findings, style: Style) {
    let figure = |metric: Metric| {
        findings
            .figure(metric)
            .map_or("no data".to_owned(), |value| {
                show(metric.unit(), value.value)
            })
    };
    let _ = writeln!(
        text,
        "\n{}    offered {}, at the most {}; answered {}, at the most {}",
        style.heading("TRAFFIC"),
        figure(Metric::Offered),
        figure(Metric::OfferedPeak),
        figure(Metric::Throughput),
        figure(Metric::ThroughputPeak),
    );
    let outcomes: Vec<_> = findings
        .outcomes
        .iter()
        .map(|outcome| {
            format!(
                "{} {}",
                outcome.words,
                show(Unit::Fraction, outcome.share.value)
            )
        })
        .collect();
    let outcomes = if outcomes.is_empty() {
        "no data".to_owned()
    } else {
        outcomes.join("  ")
    };
    let _ = writeln!(text, "{}   {outcomes}", style.heading("OUTCOMES"));
    for column in findings
        .series
        .columns
        .iter()
        .filter(|c| c.figure == "instances_in_service")
    {
        let _ = writeln!(
            text,
            "{}  {}",
            style.heading("INSTANCES"),
            instances(findings, column)
        );
    }
    if let Some(cost) = findings
        .figure(Metric::Cost)
        .filter(|cost| cost.value > 0.0)
    {
        let parts: Vec<_> = findings
            .costs
            .iter()
            .map(|part| format!("{} {}", part.component, show(Unit::Dollars, part.usd.value)))
            .collect();
        let cost = words::estimate(Unit::Dollars, cost);
        let _ = writeln!(
            text,
            "{}       {cost} for the run ({})",
            style.heading("COST"),
            parts.join(", ")
        );
    }
}

/// How the number of instances of a service went: `web  10 → 7 (fewest, at 15m) → 10`.
fn instances(findings: &Findings, column: &Column) -> String {
    let values: Vec<(usize, f64)> = column
        .values
        .iter()
        .enumerate()
        .filter_map(|(at, value)| Some((at, value.as_ref()?.value)))
        .collect();
    let Some((first, last)) = values.first().zip(values.last()) else {
        return format!("{}  no data", column.component);
    };
    let fewest = values
        .iter()
        .copied()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or(*first);
    let most = values
        .iter()
        .copied()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or(*first);
    if fewest.1 >= most.1 {
        return format!("{}  {} throughout", column.component, three_digits(first.1));
    }
    let at = |window: usize| words::clock(findings.series.bounds_s[window]);
    let mut turns = vec![*first, fewest, most, *last];
    turns.sort_by_key(|turn| turn.0);
    let mut path: Vec<(String, String)> = Vec::new();
    for (window, value) in turns {
        let number = three_digits((value * 10.0).round() / 10.0);
        if path.last().is_none_or(|(before, _)| *before != number) {
            let since = if window == 0 {
                String::new()
            } else {
                format!(" at {}", at(window))
            };
            path.push((number, since));
        }
    }
    let path: Vec<_> = path
        .into_iter()
        .map(|(number, since)| number + &since)
        .collect();
    format!("{}  {}", column.component, path.join(" → "))
}

fn resources(text: &mut String, findings: &Findings, style: Style) {
    let mut rows = vec![
        [
            &style.heading("BUSY") as &str,
            "average",
            "busiest window",
            "p99 wait",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for resource in findings
        .resources
        .iter()
        .filter(|resource| resource.utilization.is_some())
    {
        let share = |value: f64| show(Unit::Fraction, value);
        let wait = resource
            .wait_p99_s
            .map_or(String::new(), |wait| show(Unit::Seconds, wait.value));
        rows.push(vec![
            format!("  {} {}", resource.component, resource.what),
            resource
                .utilization
                .map_or(String::new(), |busy| share(busy.value)),
            resource.utilization_peak.map_or(String::new(), share),
            wait,
        ]);
    }
    for (cache, ratio) in &findings.hit_ratios {
        rows.push(vec![
            format!("  {cache} hit ratio"),
            words::estimate(Unit::Fraction, ratio),
        ]);
    }
    if rows.len() > 1 {
        let _ = writeln!(text, "\n{}", align(&rows, 0));
    }
}
