//! The instances that there were over time: of one service in all their states, of several those in
//! service.

use super::over_time::{Fold, most, steps};
use super::palette::{Colour, INK, MAIN, MUTED, UNSURE_TEXT, series};
use super::panel::{EndLabel, Look, Panel, Step};
use super::sheet::Sheet;
use crate::experiment::{Column, Findings};
use crate::stats::Estimate;

/// A number of instances over time.
pub(super) struct Count {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
    look: Look,
}

/// The instances that there were: of one service in all their states, of several those in service.
pub(super) fn instances(findings: &Findings) -> (String, Vec<Count>) {
    let columns = &findings.series.columns;
    let services: Vec<&str> = columns
        .iter()
        .filter(|column| column.figure == "instances_in_service")
        .map(|column| column.component.as_str())
        .collect();
    if services
        .iter()
        .all(|service| is_constant(findings, service))
    {
        return (String::new(), Vec::new());
    }
    match services.as_slice() {
        [] => (String::new(), Vec::new()),
        [service] => (format!("Instances of {service}"), states(findings, service)),
        _ => {
            let column = |service: &&str| findings.column(service, "instances_in_service");
            let found = services.iter().filter_map(column).enumerate();
            let count = |(at, column): (usize, &Column)| Count {
                name: column.component.clone(),
                steps: steps(findings, column, Fold::Mean),
                look: Look::new(series(at), 4),
            };
            (
                "Instances in service".to_owned(),
                found.map(count).take(8).collect(),
            )
        }
    }
}

/// True if a service has the same number of instances throughout, and nothing is to be seen of it.
fn is_constant(findings: &Findings, service: &str) -> bool {
    let values = |figure: &str| {
        let column = findings.column(service, figure);
        let values = column.into_iter().flat_map(|column| &column.values);
        let values: Vec<f64> = values.flatten().map(|value| value.value).collect();
        values
    };
    let there = values("instances_in_service");
    let (low, high) = there
        .iter()
        .fold((f64::INFINITY, 0.0f64), |(low, high), n| {
            (low.min(*n), high.max(*n))
        });
    high - low <= SELDOM
        && values("instances_starting").iter().all(|n| *n <= SELDOM)
        && values("instances_draining").iter().all(|n| *n <= SELDOM)
        && wanted(findings, service).is_empty()
}

/// States in which there are never more instances than this, on average over a window, are left out.
const SELDOM: f64 = 0.1;

/// The instances of one service by their state; states that do not occur are left out.
fn states(findings: &Findings, service: &str) -> Vec<Count> {
    const STATES: [(&str, &str, Colour, u32); 3] = [
        ("instances_draining", "draining", INK, 3),
        ("instances_starting", "starting", UNSURE_TEXT, 4),
        ("instances_in_service", "in service", MAIN, 5),
    ];
    let mut counts = Vec::new();
    let wanted = wanted(findings, service);
    if !wanted.is_empty() {
        counts.push(Count {
            name: "wanted".to_owned(),
            steps: wanted,
            look: Look::new(MUTED, 3),
        });
    }
    for (figure, name, colour, thick) in STATES {
        let Some(column) = findings.column(service, figure) else {
            continue;
        };
        if most([column]) > SELDOM || figure == "instances_in_service" {
            counts.push(Count {
                name: name.to_owned(),
                steps: steps(findings, column, Fold::Mean),
                look: Look::new(colour, thick),
            });
        }
    }
    counts
}

/// What the autoscaler wanted in the first replication, look by look.
fn wanted(findings: &Findings, service: &str) -> Vec<Step> {
    let looks: Vec<_> = findings
        .looks
        .iter()
        .filter(|look| look.service == service)
        .collect();
    let Some(first) = looks.first() else {
        return Vec::new();
    };
    let end = findings.overflow_s.unwrap_or(findings.horizon_s);
    let mut levels = vec![(0.0, first.from)];
    for look in looks.iter().filter(|look| look.at_s <= end) {
        if levels.last().is_none_or(|level| level.1 != look.to) {
            levels.push((look.at_s, look.to));
        }
    }
    let ends = levels.iter().skip(1).map(|level| level.0).chain([end]);
    let step = |((from, level), to): (&(f64, u32), f64)| {
        let value = Estimate {
            value: f64::from(*level),
            interval: None,
        };
        Step {
            from: *from,
            to,
            value,
        }
    };
    levels.iter().zip(ends).map(step).collect()
}

pub(super) fn draw_counts(sheet: &mut Sheet, panel: &Panel, counts: &[Count]) {
    let mut labels = Vec::new();
    for count in counts {
        panel.steps(sheet, &count.steps, count.look);
        if let Some(last) = count.steps.last() {
            labels.push(EndLabel {
                text: count.name.clone(),
                y: panel.y.at(last.value.value),
                colour: count.look.colour,
            });
        }
    }
    panel.end_labels(sheet, &labels);
}
