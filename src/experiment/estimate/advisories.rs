//! What weakens a result.

use std::collections::BTreeMap;

use super::{Estimating, relative_half_width};
use crate::component::{Kept, Plan};
use crate::experiment::findings::{Advisory, ObjectiveFindings};
use crate::experiment::flapping;
use crate::metrics::{Metric, Unit};
use crate::objective::Verdict;

/// Requests beyond a quantile, per replication, that make it trustworthy.
const ENOUGH_IN_TAIL: u64 = 100;

impl Estimating<'_> {
    /// What weakens the result because of how its sources went.
    fn advise_on_sources(&self, found: &mut Vec<Advisory>) {
        for (at, plan) in self.blueprint().sources.iter().enumerate() {
            let mean = |of: fn(&crate::component::source::Account) -> u64| {
                let sum: u64 = self.records.iter().map(|r| of(&r.sources[at])).sum();
                sum as f64 / self.records.len().max(1) as f64
            };
            let (times, source) = (mean(|own| own.spun), plan.name.clone());
            if times > 0.0 {
                let source = source.clone();
                found.push(Advisory::NoTime { source, times });
            }
            let (dropped, begun) = (mean(|own| own.dropped + own.skipped), mean(|own| own.begun));
            if dropped > 0.0 {
                let share = dropped / (dropped + begun);
                found.push(Advisory::Dropped { source, share });
            }
        }
    }

    /// What happened to components by themselves.
    fn advise_on_incidents(&self, found: &mut Vec<Advisory>) {
        let counted = |kept: &Kept| kept.counter().is_some();
        let gauges = self.gauges.iter().filter(|gauge| counted(&gauge.kept));
        for (at, gauge) in gauges.enumerate() {
            let sum: u64 = self.records.iter().map(|record| record.counters[at]).sum();
            if sum == 0 || !matches!(gauge.kept, Kept::Incidents(_)) {
                continue;
            }
            found.push(Advisory::Incidents {
                component: gauge.component.clone(),
                what: gauge.what.to_owned(),
                times: sum as f64 / self.records.len() as f64,
            });
        }
    }

    /// Services whose autoscalers undo what they have just done.
    fn advise_on_flapping(&self, found: &mut Vec<Advisory>) {
        let mut flaps: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for record in self.records {
            for (service, turns) in flapping::find(&record.looks) {
                flaps.entry(service).or_default().push(turns);
            }
        }
        for (service, turns) in flaps {
            found.push(Advisory::Flapping {
                service: service.to_owned(),
                share: turns.len() as f64 / self.records.len() as f64,
                turns: turns.iter().sum::<usize>() as f64 / turns.len() as f64,
            });
        }
    }

    /// What was not simulated in full.
    fn advise_on_shortcuts(&self, found: &mut Vec<Advisory>) {
        for plan in &self.blueprint().nodes {
            if let Plan::Cache(cache) = plan
                && cache.ratio.is_some()
            {
                let component = cache.name.clone();
                found.push(Advisory::RatioMode { component });
            }
        }
    }

    /// What weakens the result.
    pub(super) fn advisories(&self, objectives: &[ObjectiveFindings]) -> Vec<Advisory> {
        let mut found = Vec::new();
        if self.records.len() == 1 {
            found.push(Advisory::SingleReplication);
        }
        let stopped: Vec<_> = self
            .records
            .iter()
            .filter_map(|record| record.overflow)
            .collect();
        if let Some(first) = stopped.iter().min() {
            found.push(Advisory::Overflow {
                replications: stopped.len() as u32,
                first_s: first.as_secs_f64(),
                cap: self.blueprint().max_in_flight as u64,
            });
        }
        let in_flight: u64 = self.records.iter().map(|record| record.in_flight).sum();
        let share = in_flight as f64 / self.pooled.arrived.max(1) as f64;
        if share > 0.001 && stopped.is_empty() {
            found.push(Advisory::StillInFlight { share });
        }
        self.advise_on_sources(&mut found);
        self.advise_on_incidents(&mut found);
        self.advise_on_flapping(&mut found);
        self.advise_on_shortcuts(&mut found);
        let n = self
            .totals
            .iter()
            .map(|total| total.latencies().n())
            .min()
            .unwrap_or(0);
        for metric in [Metric::LatencyP99, Metric::LatencyP999] {
            let p = metric.latency_quantile().unwrap_or(0.5);
            let have = (n as f64 * (1.0 - p)) as u64;
            if n > 0 && have < ENOUGH_IN_TAIL {
                let (metric, want) = (metric.name().to_owned(), ENOUGH_IN_TAIL);
                found.push(Advisory::FewSamples { metric, have, want });
            }
        }
        let want = self.scenario.replications().precision.get();
        for objective in objectives
            .iter()
            .filter(|o| o.verdict == Verdict::Undecided)
        {
            let Some(have) = objective.estimate.and_then(|e| {
                let unit = Metric::by_name(&objective.metric).map_or(Unit::Number, Metric::unit);
                relative_half_width(&e, unit)
            }) else {
                continue;
            };
            if want > 0.0 && have > want {
                found.push(Advisory::Imprecise {
                    metric: objective.name.clone(),
                    have,
                    want,
                });
            }
        }
        found
    }
}
