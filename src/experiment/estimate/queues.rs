//! Queues of background jobs.

use super::Estimating;
use crate::component::queue::Counts;
use crate::experiment::backlog;
use crate::experiment::findings::{QueueFindings, Series};
use crate::experiment::record::Record;
use crate::stats::{Estimate, Histogram};

impl Estimating<'_> {
    /// Every queue.
    pub(super) fn queue_findings(&self, series: &Series) -> Vec<QueueFindings> {
        let n = self.records.first().map_or(0, |record| record.queues.len());
        (0..n).map(|at| self.queue(at, series)).collect()
    }

    fn queue(&self, at: usize, series: &Series) -> QueueFindings {
        let name = self.records[0].queues[at].name.clone();
        let rate = |of: fn(&Counts) -> u64| self.rate(|record| of(&record.queues[at]) as f64);
        let per = |of: fn(&Counts) -> (u64, u64)| {
            let own = |record: &Record| {
                let (part, whole) = of(&record.queues[at]);
                (whole > 0).then(|| part as f64 / whole as f64)
            };
            let values: Vec<f64> = self.records.iter().filter_map(own).collect();
            Estimate::mean(&values, self.confidence)
        };
        let waits = Times::new(self, |record| &record.queues[at].waits);
        let whole = Times::new(self, |record| &record.queues[at].whole);
        let waited: Vec<_> = waits
            .own
            .iter()
            .map(|own| (own.n() - own.n_zero(), own.n()))
            .collect();
        let is_age = |figure: &str| figure == "oldest_age_s";
        let ages = series
            .columns
            .iter()
            .find(|column| column.component == name && is_age(&column.figure));
        let ages = ages
            .iter()
            .flat_map(|column| column.values.iter().flatten());
        QueueFindings {
            published: rate(|own| own.published),
            done: rate(|own| own.done),
            wait_mean_s: waits.mean(),
            wait_p50_s: waits.quantile(0.5),
            wait_p95_s: waits.quantile(0.95),
            wait_p99_s: waits.quantile(0.99),
            waited: Estimate::share(&waited, self.confidence),
            whole_mean_s: whole.mean(),
            whole_p50_s: whole.quantile(0.5),
            whole_p95_s: whole.quantile(0.95),
            whole_p99_s: whole.quantile(0.99),
            oldest_most_s: ages.map(|age| age.value).reduce(f64::max),
            redelivered: per(|own| (own.redelivered, own.published)),
            duplicates: per(|own| (own.duplicates, own.published)),
            failed: per(|own| (own.failed, own.published)),
            dead: per(|own| (own.dead, own.published)),
            lost: per(|own| (own.lost, own.published)),
            dropped: per(|own| (own.dropped, own.published)),
            rejected: per(|own| (own.rejected, own.published + own.rejected)),
            left: self.mean(|record| record.queues[at].left as f64),
            backlog: backlog::find(series, &name),
            name,
        }
    }
}

/// Times of one kind: by replication, and together.
struct Times<'a, 'b> {
    of: &'a Estimating<'b>,
    own: Vec<Histogram>,
    pooled: Histogram,
}

impl<'a, 'b> Times<'a, 'b> {
    fn new(of: &'a Estimating<'b>, times: impl Fn(&Record) -> &Histogram) -> Self {
        let own: Vec<_> = of
            .records
            .iter()
            .map(|record| times(record).clone())
            .collect();
        let mut pooled = Histogram::default();
        for times in &own {
            pooled.merge(times);
        }
        Self { of, own, pooled }
    }

    fn mean(&self) -> Option<Estimate> {
        self.of.histogram_mean(&self.pooled, &self.own)
    }

    fn quantile(&self, p: f64) -> Option<Estimate> {
        self.of.quantile(p, &self.pooled, &self.own)
    }
}
