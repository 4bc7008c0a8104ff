//! Figures of requests: latencies, shares, rates.

use std::collections::BTreeMap;

use super::{Estimating, mean_sample, merged, quantile_sample};
use crate::component::{Plan, balancer};
use crate::experiment::findings::{ClassFindings, OutcomeShare};
use crate::experiment::record::{ClassRecord, Record, WindowRecord};
use crate::metrics::{Metric, Outcome};
use crate::stats::{Estimate, Sample};

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
        self.named(self.request_samples(own))
    }

    /// Figures of the whole run.
    pub(super) fn figures(&self) -> BTreeMap<String, Estimate> {
        self.named(self.samples())
    }

    fn named(&self, samples: Vec<(Metric, Sample)>) -> BTreeMap<String, Estimate> {
        let figure = |(metric, sample): (Metric, Sample)| {
            (metric.name().to_owned(), sample.estimate(self.confidence))
        };
        samples.into_iter().map(figure).collect()
    }

    /// What the replications say of requests: of all classes, or of one.
    pub(super) fn request_samples(&self, own: &[ClassRecord]) -> Vec<(Metric, Sample)> {
        let pooled = merged(own);
        let (whole, parts): (_, Vec<_>) = (
            pooled.latencies(),
            own.iter().map(ClassRecord::latencies).collect(),
        );
        let mut samples = Vec::new();
        let mut put = |metric: Metric, sample: Option<Sample>| {
            samples.extend(sample.map(|sample| (metric, sample)));
        };
        for metric in Metric::ALL {
            if let Some(p) = metric.latency_quantile() {
                put(*metric, quantile_sample(p, &whole, &parts));
            }
        }
        put(Metric::LatencyMean, mean_sample(&whole, &parts));
        let shares: Vec<_> = own
            .iter()
            .zip(self.records)
            .map(|(class, record)| served_of(class, record))
            .collect();
        let success = Sample::share(&shares);
        put(Metric::ErrorRate, success.as_ref().map(Sample::complement));
        put(Metric::SuccessRate, success);
        samples
    }

    /// What the replications say of the whole run.
    pub(super) fn samples(&self) -> Vec<(Metric, Sample)> {
        let mut samples = self.request_samples(&self.totals);
        let mut put = |metric: Metric, sample: Option<Sample>| {
            samples.extend(sample.map(|sample| (metric, sample)));
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
            Some(rates.fold(0.0, f64::max))
        };
        let sum = |record: &Record, of: fn(&WindowRecord) -> u64| {
            measured(record).iter().map(|w| of(w) as f64).sum::<f64>()
        };
        // Replications in which nothing was measured have no rate.
        let rate = |record: &Record, of: fn(&WindowRecord) -> u64| {
            (record.measured_s > 0.0).then(|| sum(record, of) / record.measured_s)
        };
        put(Metric::Offered, self.sample(|r| rate(r, |w| w.arrived)));
        put(Metric::OfferedPeak, self.sample(|r| best(r, |w| w.arrived)));
        put(Metric::Throughput, self.sample(|r| rate(r, |w| w.given)));
        put(
            Metric::ThroughputPeak,
            self.sample(|r| best(r, |w| w.given)),
        );
        put(Metric::Goodput, self.sample(|r| rate(r, |w| w.answered)));
        put(
            Metric::GoodputPeak,
            self.sample(|r| best(r, |w| w.answered)),
        );
        put(Metric::Attempts, self.sample(|r| rate(r, |w| w.attempts)));
        let amplification = |record: &Record| {
            let arrived = sum(record, |w| w.arrived);
            (arrived > 0.0).then(|| sum(record, |w| w.attempts) / arrived)
        };
        put(Metric::AttemptsPerRequest, self.sample(amplification));
        let cost = |record: &Record| Some(record.costs.iter().sum());
        put(Metric::Cost, self.sample(cost));
        put(
            Metric::InstancesPeak,
            self.sample(|record| Some(record.instances_peak)),
        );
        samples.extend(self.trouble());
        samples
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
            Some(OutcomeShare {
                name: outcome.name().to_owned(),
                words: self.words_of(*outcome),
                share: self.outcome_sample(*outcome)?.estimate(self.confidence),
            })
        };
        Outcome::ALL.iter().filter_map(share).collect()
    }

    /// What the replications say of how many requests ended like this.
    pub(super) fn outcome_sample(&self, outcome: Outcome) -> Option<Sample> {
        let own = |class: &ClassRecord| (class.outcomes[outcome.index()], class.ended());
        let parts: Vec<_> = self.totals.iter().map(own).collect();
        Sample::share(&parts)
    }

    /// What an outcome is called, with the code that clients are told where all come to the same product.
    pub(super) fn words_of(&self, outcome: Outcome) -> String {
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
