//! Figures of requests: latencies, shares, rates.

use std::collections::BTreeMap;

use super::{Estimating, merged};
use crate::component::{Plan, balancer};
use crate::experiment::findings::{ClassFindings, OutcomeShare};
use crate::experiment::record::{ClassRecord, Record, WindowRecord};
use crate::metrics::{Metric, Outcome};
use crate::stats::Estimate;

/// Requests that were served, of those that should have been: what was still in flight when an overloaded system
/// was stopped was not served; what was cut off with the test says nothing about the system.
pub(super) fn served_of(class: &ClassRecord, record: &Record) -> (u64, u64) {
    let left = if record.overflow.is_some() {
        class.arrived - class.ended()
    } else {
        0
    };
    let interrupted = class.outcomes[Outcome::Interrupted.index()];
    (class.n_served(), class.ended() + left - interrupted)
}

impl Estimating<'_> {
    /// Figures of requests: of all classes, or of one.
    pub(super) fn request_figures(&self, own: &[ClassRecord]) -> BTreeMap<String, Estimate> {
        let pooled = merged(own);
        let (whole, parts): (_, Vec<_>) = (
            pooled.latencies(),
            own.iter().map(ClassRecord::latencies).collect(),
        );
        let mut figures = BTreeMap::new();
        let mut put = |metric: Metric, estimate: Option<Estimate>| {
            figures.extend(estimate.map(|estimate| (metric.name().to_owned(), estimate)));
        };
        for metric in Metric::ALL {
            if let Some(p) = metric.latency_quantile() {
                put(*metric, self.quantile(p, &whole, &parts));
            }
        }
        put(Metric::LatencyMean, self.histogram_mean(&whole, &parts));
        let shares: Vec<_> = own
            .iter()
            .zip(self.records)
            .map(|(class, record)| served_of(class, record))
            .collect();
        let success = Estimate::share(&shares, self.confidence);
        put(Metric::SuccessRate, success);
        put(
            Metric::ErrorRate,
            success.map(|rate| rate.map(|rate| 1.0 - rate)),
        );
        figures
    }

    /// Figures of the whole run.
    pub(super) fn figures(&self) -> BTreeMap<String, Estimate> {
        let mut figures = self.request_figures(&self.totals);
        let mut put = |metric: Metric, estimate: Option<Estimate>| {
            figures.extend(estimate.map(|estimate| (metric.name().to_owned(), estimate)));
        };
        let warm_up = self.windows().warm_up;
        let measured = |record: &'_ Record| {
            record
                .windows
                .iter()
                .skip(warm_up)
                .cloned()
                .collect::<Vec<_>>()
        };
        let best = |record: &Record, of: fn(&WindowRecord) -> u64| {
            let rates = measured(record)
                .into_iter()
                .map(|w| of(&w) as f64 / w.seconds);
            rates.fold(0.0, f64::max)
        };
        let sum = |record: &Record, of: fn(&WindowRecord) -> u64| {
            measured(record).iter().map(|w| of(w) as f64).sum::<f64>()
        };
        put(
            Metric::Offered,
            self.rate(|record| sum(record, |w| w.arrived)),
        );
        put(
            Metric::OfferedPeak,
            self.mean(|record| best(record, |w| w.arrived)),
        );
        put(
            Metric::Throughput,
            self.rate(|record| sum(record, |w| w.given)),
        );
        put(
            Metric::ThroughputPeak,
            self.mean(|record| best(record, |w| w.given)),
        );
        put(
            Metric::Goodput,
            self.rate(|record| sum(record, |w| w.answered)),
        );
        put(
            Metric::GoodputPeak,
            self.mean(|record| best(record, |w| w.answered)),
        );
        put(
            Metric::Attempts,
            self.rate(|record| sum(record, |w| w.attempts)),
        );
        let amplification = |record: &Record| {
            let arrived = sum(record, |w| w.arrived);
            (arrived > 0.0).then(|| sum(record, |w| w.attempts) / arrived)
        };
        let ratios: Vec<f64> = self.records.iter().filter_map(amplification).collect();
        put(
            Metric::AttemptsPerRequest,
            Estimate::mean(&ratios, self.confidence),
        );
        put(Metric::Cost, self.mean(|record| record.costs.iter().sum()));
        put(
            Metric::InstancesPeak,
            self.mean(|record| record.instances_peak),
        );
        for (metric, estimate) in self.trouble() {
            put(metric, estimate);
        }
        figures
    }

    /// Figures by class.
    pub(super) fn class_findings(&self) -> Vec<ClassFindings> {
        let classes = self.blueprint().classes.iter().enumerate();
        classes
            .map(|(at, name)| {
                let own: Vec<_> = self.records.iter().map(|r| r.classes[at].clone()).collect();
                ClassFindings {
                    name: name.clone(),
                    requests: own.iter().map(|class| class.arrived).sum(),
                    figures: self.request_figures(&own),
                }
            })
            .collect()
    }

    /// How requests ended.
    pub(super) fn outcomes(&self) -> Vec<OutcomeShare> {
        let share = |outcome: &Outcome| {
            if self.pooled.outcomes[outcome.index()] == 0 {
                return None;
            }
            let own = |class: &ClassRecord| (class.outcomes[outcome.index()], class.ended());
            let parts: Vec<_> = self.totals.iter().map(own).collect();
            Some(OutcomeShare {
                name: outcome.name().to_owned(),
                words: self.words_of(*outcome),
                share: Estimate::share(&parts, self.confidence)?,
            })
        };
        Outcome::ALL.iter().filter_map(share).collect()
    }

    /// What an outcome is called, with the code that clients are told where all come to the same product.
    fn words_of(&self, outcome: Outcome) -> String {
        let blueprint = self.blueprint();
        let model = |source: &crate::component::source::Plan| match &blueprint.nodes
            [source.enters.index()]
        {
            Plan::Balancer(own) => own.model.as_deref(),
            _ => None,
        };
        let mut models = blueprint.sources.iter().map(model);
        let first = models.next().flatten();
        let code = first
            .filter(|first| models.all(|other| other == Some(*first)))
            .and_then(|model| balancer::code(model, outcome));
        match code {
            Some(code) => format!("{} ({code})", outcome.words()),
            None => outcome.words().to_owned(),
        }
    }

    /// Pooled latencies, bucket by bucket: seconds, and the share that took no longer.
    pub(super) fn latency_cdf(&self) -> Vec<(f64, f64)> {
        let points = self.pooled.latencies().cumulative();
        points
            .into_iter()
            .map(|(at, share)| (at.as_secs_f64(), share))
            .collect()
    }
}
