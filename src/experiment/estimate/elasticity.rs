//! How well autoscaled services followed the demand for them.
//!
//! Demand is what somebody with foresight would have had in service: for each window, as many instances as
//! bear what arrived in it with their CPU and their workers [`TARGET`] used. What a request costs is measured: what
//! the service used, by what was answered. Workers that are full hold requests for as long as these wait for one
//! another, so only windows in which they were not tell what they cost.

use super::Estimating;
use crate::component::{Charge, Plan};
use crate::experiment::findings::ElasticityFindings;
use crate::experiment::record::Record;
use crate::stats::Estimate;
use crate::stats::elasticity::{Elasticity, Interval};
use crate::units::SimDuration;

/// The share of its capacity that an instance is to use: with random arrivals, what is left keeps queues short.
const TARGET: f64 = 0.7;
/// From this share on, a resource counts as full.
const FULL: f64 = 0.9;

impl Estimating<'_> {
    /// Of every service that has an autoscaler.
    pub(super) fn elasticities(&self) -> Vec<ElasticityFindings> {
        let scaled = self.blueprint().nodes.iter().filter_map(|plan| match plan {
            Plan::Service(plan) if !plan.autoscalers.is_empty() => Some(plan.name.as_str()),
            _ => None,
        });
        scaled
            .filter_map(|service| self.elasticity(service))
            .collect()
    }

    fn elasticity(&self, service: &str) -> Option<ElasticityFindings> {
        let instances = self.gauge_position(service, "instances_in_service")?;
        let resources: Vec<usize> = (0..self.resources.len())
            .filter(|at| {
                let own = &self.resources[*at];
                own.component == service && ["CPU", "workers"].contains(&own.what.as_str())
            })
            .collect();
        let per_run: Vec<(Elasticity, f64)> = self
            .records
            .iter()
            .filter_map(|record| self.followed(record, instances, &resources))
            .collect();
        let over = |of: &dyn Fn(&(Elasticity, f64)) -> f64| {
            let values: Vec<f64> = per_run.iter().map(of).collect();
            Estimate::mean(&values, self.confidence)
        };
        let share = |of: &dyn Fn(&Elasticity) -> f64| over(&|own| of(&own.0) / 100.0);
        let price = self.price_of(service);
        Some(ElasticityFindings {
            service: service.to_owned(),
            too_few_time: share(&|own| own.under_timeshare)?,
            too_few_by: share(&|own| own.under_accuracy)?,
            too_many_time: share(&|own| own.over_timeshare)?,
            too_many_by: share(&|own| own.over_accuracy)?,
            instability: share(&|own| own.instability.unwrap_or(0.0))?,
            deviation: over(&|own| own.0.deviation(5.0))?,
            cost_with_foresight_usd: price.and_then(|price| over(&|own| own.1 * price)),
        })
    }

    /// What an instance of a service costs per hour, if it costs anything.
    fn price_of(&self, service: &str) -> Option<f64> {
        let mut bills = self.bills.iter().filter(|bill| bill.component == service);
        bills.find_map(|bill| match bill.charge {
            Charge::Each(_, price) => Some(price.as_usd()).filter(|price| *price > 0.0),
            _ => None,
        })
    }

    /// Where in the records a level over time is.
    fn gauge_position(&self, component: &str, what: &str) -> Option<usize> {
        let mut followed = self.gauges.iter().filter(|gauge| gauge.is_followed());
        followed.position(|gauge| gauge.component == component && gauge.what == what)
    }

    /// How a replication followed its demand, and how many instance-hours the demand was.
    fn followed(
        &self,
        record: &Record,
        instances: usize,
        resources: &[usize],
    ) -> Option<(Elasticity, f64)> {
        let measured = self.windows().warm_up..record.windows.len();
        // By resource: what an answer used of it, as a share of an instance.
        let costs: Vec<f64> = resources
            .iter()
            .filter_map(|at| cost_of_answer(record, *at, instances, measured.clone()))
            .collect();
        let demand = |window: usize| {
            let own = &record.windows[window];
            let arrived = own.arrived as f64 / own.seconds;
            let needed = costs
                .iter()
                .map(|cost| (arrived * cost / TARGET - 1e-9).ceil());
            needed.fold(1.0, f64::max)
        };
        if costs.is_empty() {
            return None;
        }
        let interval = |window: usize| Interval {
            demand: demand(window),
            supply: record.gauges[instances][window].round(),
        };
        let length = SimDuration::from_secs_f64(record.windows.get(measured.start)?.seconds);
        let hours = measured
            .clone()
            .map(|window| demand(window) * record.windows[window].seconds / 3600.0);
        let hours = hours.sum();
        let intervals: Vec<_> = measured.map(interval).collect();
        Some((Elasticity::of(&intervals, length)?, hours))
    }
}

/// How much of an instance's resource an answer a second uses; nothing if that cannot be told.
fn cost_of_answer(
    record: &Record,
    at: usize,
    instances: usize,
    measured: std::ops::Range<usize>,
) -> Option<f64> {
    let (mut used, mut answered, mut there, mut n) = (0.0, 0.0, 0.0, 0.0);
    for window in measured {
        let [own, capacity, _] = record.resources[at][window];
        let (seconds, in_service) = (
            record.windows[window].seconds,
            record.gauges[instances][window],
        );
        if capacity <= 0.0 || !capacity.is_finite() || own >= FULL * capacity || in_service < 0.5 {
            continue;
        }
        used += own * seconds;
        answered += record.windows[window].given as f64;
        there += capacity * seconds;
        n += in_service * seconds;
    }
    (answered > 0.0 && there > 0.0).then(|| used / answered * n / there)
}
