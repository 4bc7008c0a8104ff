//! What a plan keeps of one replication: its cost, and by how much it keeps each bound.

use serde::{Deserialize, Serialize};

use crate::experiment::record::{ClassRecord, Record};
use crate::metrics::{Metric, Outcome};
use crate::objective::{Objective, Side};
use crate::scenario::Scenario;
use crate::stats::Histogram;
use crate::units::SimDuration;

/// What is kept of one replication.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// What it cost, in dollars.
    pub cost: f64,
    /// Whether it stopped with too many requests in flight.
    pub is_overloaded: bool,
    /// By objective, in the order of the scenario.
    pub parts: Vec<Part>,
}

/// How one replication keeps a bound: bad events against those allowed, or a value against its bound.
///
/// A percentile is below its bound exactly if the share of requests above it is small enough; so the mean of
/// `excess` is at most 0 exactly if the figure of all replications together keeps the bound, and `excess` is a
/// plain sum, which percentiles are not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// By how much it is too much; below 0 if there is room.
    pub excess: f64,
    /// What `excess` is relative to: requests, or 1.
    pub weight: f64,
    /// Bad events, where they are counted.
    pub bad: u64,
}

/// What a bound allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Allowed {
    /// A share of requests, each either good or bad.
    Share(f64),
    /// A value of this size.
    Value(f64),
}

/// A percentile's or a share's objective as the share of requests that may be bad.
pub(super) fn allowed(objective: &Objective) -> Allowed {
    let share = match objective.metric {
        Metric::SuccessRate => 1.0 - objective.bound,
        Metric::ErrorRate => objective.bound,
        metric => match metric.latency_quantile() {
            Some(p) => 1.0 - p,
            None => return Allowed::Value(objective.bound),
        },
    };
    // Asked to be at least so bad, it is the good ones that are bounded.
    match (objective.metric, objective.side) {
        (Metric::SuccessRate, Side::AtLeast) | (Metric::ErrorRate, Side::AtMost) => {
            Allowed::Share(share)
        }
        (Metric::SuccessRate | Metric::ErrorRate, _) | (_, Side::AtLeast) => {
            Allowed::Share(1.0 - share)
        }
        (_, Side::AtMost) => Allowed::Share(share),
    }
}

/// What is kept of a replication.
pub(super) fn observe(scenario: &Scenario, record: &Record) -> Observation {
    let parts = scenario.objectives().iter();
    Observation {
        cost: record.costs.iter().sum(),
        is_overloaded: record.overflow.is_some(),
        parts: parts.map(|own| part(scenario, own, record)).collect(),
    }
}

fn part(scenario: &Scenario, objective: &Objective, record: &Record) -> Part {
    let names = &scenario.blueprint().classes;
    let mut own = ClassRecord::empty();
    for (class, name) in record.classes.iter().zip(names) {
        if objective.class.as_ref().is_none_or(|only| only == name) {
            own.merge(class);
        }
    }
    let sign = match objective.side {
        Side::AtMost => 1.0,
        Side::AtLeast => -1.0,
    };
    match (allowed(objective), objective.metric) {
        (Allowed::Share(share), Metric::SuccessRate | Metric::ErrorRate) => {
            let whole = own.ended() - own.outcomes[Outcome::Interrupted.index()];
            let failed = whole - own.n_served();
            let is_failed = matches!(
                (objective.metric, objective.side),
                (Metric::SuccessRate, Side::AtLeast) | (Metric::ErrorRate, Side::AtMost)
            );
            of_share(
                if is_failed { failed } else { whole - failed },
                whole,
                share,
            )
        }
        (Allowed::Share(share), _) => {
            let latencies = own.latencies();
            let above = above(&latencies, objective.bound);
            let bad = match objective.side {
                Side::AtMost => above,
                Side::AtLeast => latencies.n() - above,
            };
            of_share(bad, latencies.n(), share)
        }
        (Allowed::Value(bound), Metric::LatencyMean) => {
            let latencies = own.latencies();
            let n = latencies.n() as f64;
            let mean = latencies.mean().map_or(0.0, SimDuration::as_secs_f64);
            Part {
                excess: sign * (mean - bound) * n,
                weight: n,
                bad: 0,
            }
        }
        (Allowed::Value(bound), metric) => Part {
            excess: sign * (value(scenario, metric, record) - bound),
            weight: 1.0,
            bad: 0,
        },
    }
}

fn of_share(bad: u64, whole: u64, share: f64) -> Part {
    Part {
        excess: bad as f64 - share * whole as f64,
        weight: whole as f64,
        bad,
    }
}

/// Requests that took longer than `seconds`.
fn above(latencies: &Histogram, seconds: f64) -> u64 {
    let limit = SimDuration::from_secs_f64(seconds);
    let longer = latencies.spans().filter(|(span, _)| *span > limit);
    longer.map(|(_, n)| n).sum()
}

/// A figure of one replication that is no share of its requests.
fn value(scenario: &Scenario, metric: Metric, record: &Record) -> f64 {
    let one = std::slice::from_ref(record);
    let figures = crate::experiment::estimate::estimate(
        scenario,
        one,
        crate::experiment::findings::Stop::AsAsked,
    )
    .figures;
    figures.get(metric.name()).map_or(0.0, |own| own.value)
}
