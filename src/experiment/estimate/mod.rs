//! From the records of the replications to findings.

mod advisories;
mod elasticity;
pub(super) mod measured;
mod objectives;
mod queues;
mod requests;
mod resources;
mod series;
mod sources;
mod stated;
mod trouble;

use super::findings::{Findings, Stop};
use super::record::{self, ClassRecord, Record};
use super::{bottleneck, recovery};
use crate::component::{Bill, Blueprint, Gauge, Plan, Resource, System};
use crate::metrics::{Unit, Windows};
use crate::objective::Verdict;
use crate::rng::Streams;
use crate::scenario::Scenario;
use crate::stats::{Confidence, Estimate, Histogram, Sample};
use crate::units::{SimDuration, SimTime};

/// Puts the replications of a scenario together.
pub(super) fn estimate(scenario: &Scenario, records: &[Record], stop: Stop) -> Findings {
    let own = Estimating::new(scenario, records);
    let figures = own.figures();
    let objectives: Vec<_> = scenario
        .objectives()
        .iter()
        .map(|objective| own.objective(objective, &figures))
        .collect();
    let overflow = records.iter().filter_map(|record| record.overflow).min();
    let mut verdict = Verdict::all(objectives.iter().map(|objective| objective.verdict));
    if overflow.is_some() {
        verdict = Verdict::NotMet;
    }
    let series = own.series();
    let resources = own.resource_findings();
    let bottleneck = bottleneck::find(&series, &resources, &own.blueprint().nodes);
    Findings {
        replications: records.len() as u32,
        stop,
        level: own.confidence.get(),
        horizon_s: own.windows().horizon.as_secs_f64(),
        classes: own.class_findings(),
        outcomes: own.outcomes(),
        advisories: own.advisories(&objectives),
        objectives,
        verdict,
        sources: own.source_findings(),
        callers: own.caller_findings(),
        queues: own.queue_findings(&series),
        recovery: recovery::find(&series),
        stated: own.stated_findings(),
        resources,
        hit_ratios: own.hit_ratios(),
        turned_away: own.turned_away(),
        cache_shares: own.cache_shares(),
        served_ages: own.served_ages(),
        scale_ups: own.scale_ups(),
        bottleneck,
        costs: own.costs(),
        elasticities: own.elasticities(),
        series,
        latency_cdf: own.latency_cdf(),
        looks: own.looks(),
        log: own.log(),
        overflow_s: overflow.map(SimTime::as_secs_f64),
        is_yardstick: own.is_yardstick(),
        requests: own.pooled.arrived,
        events: records.iter().map(|record| record.n_events).sum(),
        figures,
    }
}

struct Estimating<'a> {
    scenario: &'a Scenario,
    records: &'a [Record],
    confidence: Confidence,
    /// What the system has, in the order of the records.
    resources: Vec<Resource>,
    gauges: Vec<Gauge>,
    bills: Vec<Bill>,
    /// All classes together, by replication, and all replications together.
    totals: Vec<ClassRecord>,
    pooled: ClassRecord,
}

/// Several classes, or replications of one, together.
fn merged<'a>(parts: impl IntoIterator<Item = &'a ClassRecord>) -> ClassRecord {
    let mut parts = parts.into_iter();
    let mut all = parts.next().cloned().unwrap_or_else(ClassRecord::empty);
    parts.for_each(|part| all.merge(part));
    all
}

impl<'a> Estimating<'a> {
    fn new(scenario: &'a Scenario, records: &'a [Record]) -> Self {
        // The list of resources is the same in every replication; an empty system has it, too.
        let system = System::new(scenario.blueprint(), Streams::new(0, 0));
        let totals: Vec<_> = records
            .iter()
            .map(|record| merged(&record.classes))
            .collect();
        Self {
            scenario,
            records,
            confidence: scenario.confidence(),
            resources: record::resources(system.nodes()),
            gauges: system.gauges(),
            bills: system.bills(),
            pooled: merged(&totals),
            totals,
        }
    }

    /// Whether something in it cannot be had.
    fn is_yardstick(&self) -> bool {
        let mut nodes = self.blueprint().nodes.iter();
        nodes.any(|node| matches!(node, Plan::Service(plan) if plan.is_yardstick()))
    }

    fn blueprint(&self) -> &Blueprint {
        self.scenario.blueprint()
    }

    fn windows(&self) -> &Windows {
        &self.blueprint().windows
    }

    /// What the replications say of a figure that each of them has; nothing where it has no data.
    fn sample(&self, of: impl Fn(&Record) -> Option<f64>) -> Option<Sample> {
        Sample::mean(self.records.iter().map(of).collect())
    }

    fn mean(&self, of: impl Fn(&Record) -> f64) -> Option<Estimate> {
        let values: Vec<f64> = self.records.iter().map(of).collect();
        Estimate::mean(&values, self.confidence)
    }

    /// Rates of something per second measured; replications in which nothing was measured are left out.
    fn rate(&self, of: impl Fn(&Record) -> f64) -> Option<Estimate> {
        let measured = self.records.iter().filter(|record| record.measured_s > 0.0);
        let values: Vec<f64> = measured
            .map(|record| of(record) / record.measured_s)
            .collect();
        Estimate::mean(&values, self.confidence)
    }

    fn quantile(&self, p: f64, pooled: &Histogram, own: &[Histogram]) -> Option<Estimate> {
        Some(quantile_sample(p, pooled, own)?.estimate(self.confidence))
    }

    fn histogram_mean(&self, pooled: &Histogram, own: &[Histogram]) -> Option<Estimate> {
        Some(mean_sample(pooled, own)?.estimate(self.confidence))
    }
}

/// A quantile in seconds, of all replications and of each.
fn quantile_sample(p: f64, pooled: &Histogram, own: &[Histogram]) -> Option<Sample> {
    let seconds = |histogram: &Histogram| histogram.quantile(p).map(SimDuration::as_secs_f64);
    Sample::sections(seconds(pooled), own.iter().map(seconds).collect())
}

/// A mean in seconds, of all replications and of each.
fn mean_sample(pooled: &Histogram, own: &[Histogram]) -> Option<Sample> {
    let seconds = |histogram: &Histogram| histogram.mean().map(SimDuration::as_secs_f64);
    Sample::sections(seconds(pooled), own.iter().map(seconds).collect())
}

/// Half of the width of an interval relative to its figure; for a share, relative to the smaller of the
/// share and its complement (of 99 % success it is the 1 % of failures that must be known well). Nothing
/// where there is no interval, or the figure is zero.
pub(super) fn relative_half_width(estimate: &Estimate, unit: Unit) -> Option<f64> {
    let half = estimate.half_width()?;
    let whole = match unit {
        Unit::Fraction => estimate.value.min(1.0 - estimate.value),
        _ => estimate.value.abs(),
    };
    (whole > 0.0).then(|| half / whole)
}
