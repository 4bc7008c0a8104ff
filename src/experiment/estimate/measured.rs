//! All figures of a system by their names, as what the replications say of each: what two systems are
//! compared by.

use serde::Serialize;

use super::Estimating;
use crate::component::Kept;
use crate::experiment::record::{ClassRecord, Record};
use crate::metrics::{Good, Metric, Outcome, Unit};
use crate::scenario::Scenario;
use crate::stats::Sample;

/// What a figure is about; figures are shown in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// All requests.
    All,
    /// One class of requests.
    Class,
    /// How requests ended.
    Outcome,
    /// What can run out.
    Resource,
    /// Caches and limits.
    Share,
    /// What was paid for.
    Cost,
}

/// A figure of a system, as what its replications say of it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::experiment) struct Measured {
    /// Its name in files: `latency_p95`, `page.latency_p95`, `web.CPU.utilization`.
    pub name: String,
    /// What it is called in text, where that is something else.
    pub words: Option<String>,
    /// What it is about.
    pub about: About,
    /// What it is measured in.
    pub unit: Unit,
    /// Which way is better.
    pub good: Good,
    /// What the replications say.
    pub sample: Sample,
}

/// All figures that have data, in a fixed order.
pub(in crate::experiment) fn measured(scenario: &Scenario, records: &[Record]) -> Vec<Measured> {
    let own = Estimating::new(scenario, records);
    let of_metric = |prefix: &str, about, (metric, sample): (Metric, Sample)| Measured {
        name: format!("{prefix}{}", metric.name()),
        words: None,
        about,
        unit: metric.unit(),
        good: metric.good(),
        sample,
    };
    let mut all = Vec::new();
    let samples = own.samples().into_iter();
    all.extend(samples.map(|it| of_metric("", About::All, it)));
    let classes = &own.blueprint().classes;
    if classes.len() > 1 {
        for (at, class) in classes.iter().enumerate() {
            let records = records.iter();
            let parts: Vec<ClassRecord> = records.map(|r| r.classes[at].clone()).collect();
            let samples = own.request_samples(&parts).into_iter();
            let prefix = format!("{class}.");
            all.extend(samples.map(|it| of_metric(&prefix, About::Class, it)));
        }
    }
    let share = |name: String, about, good, sample| Measured {
        name,
        words: None,
        about,
        unit: Unit::Fraction,
        good,
        sample,
    };
    for outcome in Outcome::ALL {
        let good = if outcome.is_success() {
            Good::Either
        } else {
            Good::Low
        };
        let sample = own.outcome_sample(*outcome);
        let name = outcome.name().to_owned();
        all.extend(sample.map(|sample| Measured {
            words: Some(own.words_of(*outcome)),
            ..share(name, About::Outcome, good, sample)
        }));
    }
    own.add_resources_to(&mut all);
    let mut add = |ending: &str, good, parts: Vec<(String, Sample)>| {
        let one = |(name, sample)| share(format!("{name}.{ending}"), About::Share, good, sample);
        all.extend(parts.into_iter().map(one));
    };
    add("hit_ratio", Good::High, own.hit_samples());
    add("turned_away", Good::Either, own.turned_away_samples());
    own.add_costs_to(&mut all);
    all
}

impl Estimating<'_> {
    fn add_resources_to(&self, all: &mut Vec<Measured>) {
        for (at, resource) in self.resources.iter().enumerate() {
            let mut put = |what: &str, unit, good, sample: Option<Sample>| {
                let own = resource.what.replace(' ', "_");
                all.extend(sample.map(|sample| Measured {
                    name: format!("{}.{own}.{what}", resource.component),
                    words: None,
                    about: About::Resource,
                    unit,
                    good,
                    sample,
                }));
            };
            let busy = self.utilization_sample(at, resource);
            put("utilization", Unit::Fraction, Good::Either, busy);
            let used = self.sample(|record| self.average(record, at, 0));
            put("used", Unit::Number, Good::Either, used);
            if resource.waiting.is_some() {
                let waiting = self.sample(|record| self.average(record, at, 2));
                put("waiting", Unit::Number, Good::Low, waiting);
            }
            let wait = self.wait_sample(0.99, at);
            put("wait_p99", Unit::Seconds, Good::Low, wait);
        }
        let levels = self.gauges.iter().filter(|own| is_followed(own.kept));
        for (at, gauge) in levels
            .enumerate()
            .filter(|(_, own)| own.what == "instances_paid")
        {
            let sample =
                self.sample(|record| self.over_windows(record, record.gauges[at].iter().copied()));
            all.extend(sample.map(|sample| Measured {
                name: format!("{}.{}", gauge.component, gauge.what),
                words: None,
                about: About::Resource,
                unit: Unit::Number,
                good: Good::Either,
                sample,
            }));
        }
    }

    fn add_costs_to(&self, all: &mut Vec<Measured>) {
        for (at, bill) in self.bills.iter().enumerate() {
            let name = match bill.what {
                "" => bill.component.clone(),
                what => format!("{}.{what}", bill.component),
            };
            let sample = self.sample(|record| Some(record.costs[at]));
            all.extend(sample.map(|sample| Measured {
                name: format!("{name}.cost"),
                words: None,
                about: About::Cost,
                unit: Unit::Dollars,
                good: Good::Low,
                sample,
            }));
        }
    }
}

fn is_followed(kept: Kept) -> bool {
    matches!(kept, Kept::Level(_) | Kept::Sample(_))
}
