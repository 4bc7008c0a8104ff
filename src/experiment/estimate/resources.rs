//! What can run out, caches, costs.

use std::collections::BTreeMap;

use super::{Estimating, quantile_sample};
use crate::component::{Bill, Gauge, Kept, Resource};
use crate::experiment::findings::{CostPart, ResourceFindings, Times};
use crate::experiment::record::Record;
use crate::stats::{Estimate, Histogram, Sample};

/// Every look-up is one of these.
const LOOK_UPS: [&str; 7] = [
    "hits",
    "misses",
    "stale",
    "coalesced",
    "expired",
    "updating",
    "bypass",
];
/// What else is said of look-ups; what is got in the background or not kept belongs to one, too.
const CACHE_SHARES: [&str; 10] = [
    "stale",
    "updating",
    "coalesced",
    "expired",
    "bypass",
    "revalidated",
    "refreshes",
    "rescued",
    "refused",
    "errors",
];

impl Estimating<'_> {
    /// Everything that can run out.
    pub(super) fn resource_findings(&self) -> Vec<ResourceFindings> {
        self.resources
            .iter()
            .enumerate()
            .map(|(at, resource)| self.resource(at, resource))
            .collect()
    }

    fn resource(&self, at: usize, resource: &Resource) -> ResourceFindings {
        let over = |of: &dyn Fn(&Record) -> Option<f64>| {
            let values: Vec<f64> = self.records.iter().filter_map(of).collect();
            Estimate::mean(&values, self.confidence)
        };
        let bounded = resource.capacity.is_some();
        let warm_up = self.windows().warm_up;
        let peak = |record: &Record| {
            let own = record.resources[at]
                .iter()
                .skip(warm_up)
                .filter(|levels| levels[1] > 0.0);
            own.map(|levels| levels[0] / levels[1]).reduce(f64::max)
        };
        let (pooled, waits) = self.waits(at);
        let quantile = |p| self.quantile(p, &pooled, &waits);
        let waited: Vec<_> = waits
            .iter()
            .map(|own| (own.n() - own.n_zero(), own.n()))
            .collect();
        ResourceFindings {
            component: resource.component.clone(),
            what: resource.what.clone(),
            unit: resource.unit.to_owned(),
            used: over(&|record| self.average(record, at, 0)),
            utilization: self
                .utilization_sample(at, resource)
                .map(|own| own.estimate(self.confidence)),
            utilization_peak: over(&|record| if bounded { peak(record) } else { None })
                .map(|e| e.value),
            waiting: resource
                .waiting
                .and_then(|_| over(&|record| self.average(record, at, 2))),
            wait_mean_s: self.histogram_mean(&pooled, &waits),
            wait_p50_s: quantile(0.5),
            wait_p95_s: quantile(0.95),
            wait_p99_s: quantile(0.99),
            waited: Estimate::share(&waited, self.confidence),
        }
    }

    /// Time average of what is used (0), there (1) or waiting (2) of a resource, over the measured windows.
    pub(super) fn average(&self, record: &Record, at: usize, which: usize) -> Option<f64> {
        let own = record.resources[at].iter().map(|levels| levels[which]);
        self.over_windows(record, own)
    }

    /// What windows say, averaged over the measured ones by their lengths; nothing if none was measured.
    pub(super) fn over_windows(
        &self,
        record: &Record,
        values: impl Iterator<Item = f64>,
    ) -> Option<f64> {
        let own = values.zip(&record.windows).skip(self.windows().warm_up);
        let (sum, time) = own.fold((0.0, 0.0), |(sum, time), (value, window)| {
            (sum + value * window.seconds, time + window.seconds)
        });
        (time > 0.0).then_some(sum / time)
    }

    /// The busy share of what has a limit.
    pub(super) fn utilization_sample(&self, at: usize, resource: &Resource) -> Option<Sample> {
        resource.capacity?;
        self.sample(|record| {
            let (used, there) = (self.average(record, at, 0)?, self.average(record, at, 1)?);
            (there > 0.0).then_some(used / there)
        })
    }

    /// A quantile of the waits for a resource.
    pub(super) fn wait_sample(&self, p: f64, at: usize) -> Option<Sample> {
        let (pooled, waits) = self.waits(at);
        quantile_sample(p, &pooled, &waits)
    }

    /// Waits for a resource: of all replications, and of each.
    fn waits(&self, at: usize) -> (Histogram, Vec<Histogram>) {
        let own = self.records.iter();
        let waits: Vec<Histogram> = own.filter_map(|record| record.waits[at].clone()).collect();
        let mut pooled = Histogram::default();
        for own in &waits {
            pooled.merge(own);
        }
        (pooled, waits)
    }

    /// Shares of look-ups that were answered at once, by cache.
    pub(super) fn hit_ratios(&self) -> BTreeMap<String, Estimate> {
        self.estimated(self.hit_samples())
    }

    /// What the replications say of [`Estimating::hit_ratios`].
    pub(super) fn hit_samples(&self) -> Vec<(String, Sample)> {
        let ratio = |cache: &str| {
            let sample = self.share_of(cache, &["hits", "stale", "updating"])?;
            Some((cache.to_owned(), sample))
        };
        self.caches().filter_map(ratio).collect()
    }

    fn estimated(&self, samples: Vec<(String, Sample)>) -> BTreeMap<String, Estimate> {
        let samples = samples.into_iter();
        samples
            .map(|(name, sample)| (name, sample.estimate(self.confidence)))
            .collect()
    }

    /// Shares of look-ups of which something else became, by cache; of caches to which that can happen.
    pub(super) fn cache_shares(&self) -> BTreeMap<String, BTreeMap<String, Estimate>> {
        let shares = |cache: &str| {
            let share = |what: &&str| {
                self.counter(cache, what)?;
                let share = self.share_of(cache, &[*what])?.estimate(self.confidence);
                (share.value > 0.0).then(|| ((*what).to_owned(), share))
            };
            let shares: BTreeMap<_, _> = CACHE_SHARES.iter().filter_map(share).collect();
            (!shares.is_empty()).then(|| (cache.to_owned(), shares))
        };
        self.caches().filter_map(shares).collect()
    }

    /// How old what caches gave out was, of those that know.
    pub(super) fn served_ages(&self) -> BTreeMap<String, Times> {
        let ages = self.times(|kept| matches!(kept, Kept::Ages(_)));
        ages.map(|(gauge, ages)| (gauge.component.clone(), ages))
            .collect()
    }

    /// How long it took from asking for instances until they were in service, in all and by stage; of services that
    /// asked for any.
    pub(super) fn scale_ups(&self) -> BTreeMap<String, BTreeMap<String, Times>> {
        let mut found: BTreeMap<String, BTreeMap<String, Times>> = BTreeMap::new();
        for (gauge, times) in self.times(|kept| matches!(kept, Kept::Times(_))) {
            let own = found.entry(gauge.component.clone()).or_default();
            own.insert(gauge.what.to_owned(), times);
        }
        found
    }

    /// What is kept as times of this sort, where there are any.
    fn times(&self, is_meant: fn(Kept) -> bool) -> impl Iterator<Item = (&Gauge, Times)> {
        let gauges = self.gauges.iter();
        let all = gauges.filter(|gauge| matches!(gauge.kept, Kept::Ages(_) | Kept::Times(_)));
        let all = all
            .enumerate()
            .filter(move |(_, gauge)| is_meant(gauge.kept));
        all.filter_map(|(at, gauge)| {
            let own: Vec<Histogram> = self.records.iter().map(|r| r.times[at].clone()).collect();
            let mut pooled = Histogram::default();
            for own in &own {
                pooled.merge(own);
            }
            let times = Times {
                mean_s: self.histogram_mean(&pooled, &own)?,
                p95_s: self.quantile(0.95, &pooled, &own)?,
            };
            Some((gauge, times))
        })
    }

    /// The components that count hits.
    fn caches(&self) -> impl Iterator<Item = &str> {
        let hits = self.gauges.iter().filter(|gauge| gauge.what == "hits");
        hits.map(|gauge| gauge.component.as_str())
    }

    /// Where a component counts something.
    fn counter(&self, component: &str, what: &str) -> Option<usize> {
        let counters = self.gauges.iter();
        counters
            .filter(|gauge| gauge.kept.counter().is_some())
            .position(|gauge| gauge.component == component && gauge.what == what)
    }

    /// Look-ups of a cache of which one of these became, as a share of all.
    fn share_of(&self, cache: &str, what: &[&str]) -> Option<Sample> {
        let sum = |record: &Record, what: &[&str]| -> u64 {
            let counters = what.iter().filter_map(|what| self.counter(cache, what));
            counters.map(|at| record.counters[at]).sum()
        };
        let part = |record: &Record| (sum(record, what), sum(record, &LOOK_UPS));
        let parts: Vec<_> = self.records.iter().map(part).collect();
        Sample::share(&parts)
    }

    /// Shares of the requests that limits turned away, by limit.
    pub(super) fn turned_away(&self) -> BTreeMap<String, Estimate> {
        self.estimated(self.turned_away_samples())
    }

    /// What the replications say of [`Estimating::turned_away`].
    pub(super) fn turned_away_samples(&self) -> Vec<(String, Sample)> {
        self.shares("rejected", &["passed", "delayed"])
    }

    /// What share a count makes up of itself and others of the same component.
    fn shares(&self, what: &str, others: &[&str]) -> Vec<(String, Sample)> {
        let counters: Vec<&Gauge> = self
            .gauges
            .iter()
            .filter(|gauge| gauge.kept.counter().is_some())
            .collect();
        let find = |component: &str, what: &str| {
            counters
                .iter()
                .position(|gauge| gauge.component == component && gauge.what == what)
        };
        let mut shares = Vec::new();
        for (at, gauge) in counters.iter().enumerate() {
            let rest = others.iter().map(|other| find(&gauge.component, other));
            let (true, Some(rest)) = (gauge.what == what, rest.collect::<Option<Vec<_>>>()) else {
                continue;
            };
            let part = |record: &Record| {
                let rest: u64 = rest.iter().map(|at| record.counters[*at]).sum();
                (record.counters[at], record.counters[at] + rest)
            };
            let parts: Vec<_> = self.records.iter().map(part).collect();
            let share = Sample::share(&parts);
            shares.extend(share.map(|share| (gauge.component.clone(), share)));
        }
        shares
    }

    /// What was paid for that has a price.
    pub(super) fn costs(&self) -> Vec<CostPart> {
        let bills = self.bills.iter().enumerate();
        let part = |(at, bill): (usize, &Bill)| {
            let usd = self.mean(|record| record.costs[at])?;
            let (component, what) = (bill.component.clone(), bill.what.to_owned());
            (usd.value > 0.0).then_some(CostPart {
                component,
                what,
                usd,
            })
        };
        bills.filter_map(part).collect()
    }
}
