//! `CloudWatch` over the instances of a service: what is reported, and what alarms see of it. The rule of an alarm
//! is in [`super::aws::alarm`].
//!
//! Whoever is measured reports at whole multiples of its resolution: an instance its CPU and its memory (once a
//! minute with detailed monitoring, every five without), a load balancer and a queue once a minute. A report counts
//! from when it begins, and can be seen some time after it has ended. An alarm is evaluated every minute, or every
//! 10 s if its period is shorter than a minute, at an instant of its own; its periods slide along with that
//! (`SlidingWindow`, the default), and end at whole minutes or tens of seconds. While it is on, its action is
//! repeated every minute.

mod table;

pub use table::{AwsAlarm, AwsMetric, AwsMissingData, AwsStatistic};

use std::collections::VecDeque;

use super::aws;
use super::aws::alarm::{AlarmState, Point, Rule};
use super::comparison::Comparison;
use super::sensor::{Snapshot, Use};
use super::{Group, Phase, Reading, Sight, Unit};
use crate::stats::Histogram;
use crate::units::{SimDuration, SimTime};

/// How often alarms are evaluated, and how often actions are repeated.
const MINUTE: SimDuration = SimDuration::from_secs(60);
/// How often alarms with a shorter period are evaluated.
const TEN_SECONDS: SimDuration = SimDuration::from_secs(10);
/// The longest that a report takes until an alarm can see it, unless something else is said. AWS does not say.
pub(super) const DELAY: SimDuration = SimDuration::from_secs(30);

/// What was reported of a metric over some time.
#[derive(Debug, Clone)]
struct Report {
    /// When that began.
    from: SimTime,
    /// How many values there are, their sum and their extremes.
    n: f64,
    sum: f64,
    min: f64,
    max: f64,
    /// Response times and how many took so long; nothing for other metrics.
    spans: Vec<(SimDuration, u64)>,
}

impl Report {
    fn of(from: SimTime, values: impl Iterator<Item = f64>) -> Option<Self> {
        let start = Self {
            from,
            n: 0.0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            spans: Vec::new(),
        };
        let all = values.fold(start, |own, value| Self {
            n: own.n + 1.0,
            sum: own.sum + value,
            min: own.min.min(value),
            max: own.max.max(value),
            ..own
        });
        (all.n > 0.0).then_some(all)
    }

    fn of_responses(from: SimTime, responses: &Histogram) -> Option<Self> {
        let spans: Vec<_> = responses.spans().collect();
        let seconds = |at: usize| spans.get(at).map(|(span, _)| span.as_secs_f64());
        Some(Self {
            from,
            n: responses.n() as f64,
            sum: responses.mean()?.as_secs_f64() * responses.n() as f64,
            min: seconds(0)?,
            max: seconds(spans.len() - 1)?,
            spans,
        })
    }
}

/// Which instances count in the metrics of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// All that run, also while they start.
    Running,
    /// Those that have been in service for so long.
    Warm(SimDuration),
}

impl Counted {
    fn has(self, own: &Reading, now: SimTime) -> bool {
        match self {
            Self::Running => matches!(own.phase, Phase::Starting | Phase::InService),
            Self::Warm(warm_up) => is_warm(own, now, warm_up),
        }
    }
}

/// True if an instance has been in service for so long. Those that were there when the run began have been for long.
pub(super) fn is_warm(own: &Reading, now: SimTime, warm_up: SimDuration) -> bool {
    let is_old = |since| now.since(since) >= warm_up || own.asked == SimTime::ZERO;
    own.phase == Phase::InService && own.changed.is_some_and(is_old)
}

/// What the group is at, as its policies see it.
pub(super) fn fleet(group: &Group<'_>, warm_up: SimDuration) -> aws::Group {
    let warm = group.instances.iter();
    let n_warm = warm.filter(|own| is_warm(own, group.now, warm_up)).count() as u32;
    aws::Group {
        desired: group.desired,
        warming: group.desired.saturating_sub(n_warm),
        terminating: group.count(Phase::Draining),
    }
}

/// An alarm at work.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    metric: AwsMetric,
    /// Which of the queues that the autoscaler is shown.
    queue: usize,
    statistic: AwsStatistic,
    comparison: Comparison,
    threshold: f64,
    period: SimDuration,
    resolution: SimDuration,
    delay: SimDuration,
    rule: Rule,
    /// The instances at the last report.
    last: Option<Snapshot>,
    /// Response times since then, if it goes by these.
    responses: Histogram,
    /// The oldest first.
    reports: VecDeque<Report>,
    says: AlarmState,
    /// When its action was last carried out; nothing while it is not on.
    acted: Option<SimTime>,
}

/// What an evaluation of an alarm comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// What it is at.
    pub(super) says: AlarmState,
    /// Whether its action is carried out now.
    pub(super) acts: bool,
    /// The latest point, if there is one in what it looks at.
    pub(super) metric: Option<f64>,
}

impl Watch {
    /// How often it is to be evaluated.
    pub(super) fn evaluated_every(&self) -> SimDuration {
        if self.period < MINUTE {
            TEN_SECONDS
        } else {
            MINUTE
        }
    }

    /// True if it goes by response times.
    pub(super) fn senses_responses(&self) -> bool {
        self.metric == AwsMetric::ResponseTime
    }

    /// What was reported counts on for an alarm on the same, whose settings are others from now on.
    pub(super) fn adopts(&mut self, fresh: Self) {
        let is_same = (self.metric, self.queue, self.resolution)
            == (fresh.metric, fresh.queue, fresh.resolution);
        let old = std::mem::replace(self, fresh);
        if is_same {
            self.last = old.last;
            self.responses = old.responses;
            self.reports = old.reports;
            (self.says, self.acted) = (old.says, old.acted);
        }
    }

    /// Time for a report, if it is: sensors are read as often as the finest of them needs.
    pub(super) fn report(&mut self, group: &Group<'_>, counted: Counted) {
        if self.senses_responses() {
            self.responses.merge(group.responses);
        }
        if !group
            .now
            .as_nanos()
            .is_multiple_of(self.resolution.as_nanos())
        {
            return;
        }
        let last = self.last.replace(Snapshot::of(group));
        let report = last.and_then(|last| self.measure(group, &last, counted));
        self.reports.extend(report);
        self.responses.clear();
        let range = self.period.as_nanos() * (self.rule.range() as u64 + 1);
        let kept = range + self.delay.as_nanos() + self.resolution.as_nanos();
        while let Some(first) = self.reports.front()
            && first.from.as_nanos() + kept < group.now.as_nanos()
        {
            self.reports.pop_front();
        }
    }

    /// What there is to report since the last time.
    fn measure(&self, group: &Group<'_>, last: &Snapshot, counted: Counted) -> Option<Report> {
        let per_instance = |of: fn(&Reading, &Use, &Group<'_>) -> Option<f64>| {
            let own = group.instances.iter();
            let own = own.filter(|own| counted.has(own, group.now));
            let own = own.filter_map(|own| {
                let then = last.find(own).map(|then| (last.at, then));
                of(own, &Use::since(then, own, group.now)?, group)
            });
            Report::of(last.at, own)
        };
        let one = |value: f64| Report::of(last.at, std::iter::once(value));
        match self.metric {
            AwsMetric::Cpu => per_instance(|_, used, group| Some(used.cpus / group.cpus * 100.0)),
            AwsMetric::Memory => per_instance(|own, _, group| {
                let (held, limit) = (own.memory?, group.memory?);
                Some(held.get() as f64 / limit.get() as f64 * 100.0)
            }),
            AwsMetric::RequestsPerTarget => {
                let done = group.instances.iter().map(|own| {
                    let then = last.find(own).map_or(0, |then| then.n_done);
                    own.n_done - then
                });
                let (done, targets) = (done.sum::<u64>(), group.in_service());
                (done > 0 && targets > 0)
                    .then(|| one(done as f64 / f64::from(targets)))
                    .flatten()
            }
            AwsMetric::ResponseTime => Report::of_responses(last.at, &self.responses),
            AwsMetric::ErrorRate => {
                let rate = Snapshot::of(group).error_rate_since(last);
                rate.and_then(|rate| one(rate * 100.0))
            }
            AwsMetric::Queue => one(*group.backlogs.get(self.queue)? as f64),
            AwsMetric::QueuePerInstance => {
                let waiting = *group.backlogs.get(self.queue)? as f64;
                one(waiting / f64::from(group.in_service().max(1)))
            }
        }
    }

    /// What the statistic makes of the reports that began within a period; nothing without any.
    fn point(&self, from: SimTime, to: SimTime, now: SimTime) -> Option<f64> {
        let is_visible = |own: &&Report| own.from + self.resolution + self.delay <= now;
        let own = self.reports.iter().filter(is_visible);
        let own = own.filter(|own| (from..to).contains(&own.from));
        let mut all: Option<Report> = None;
        let mut responses = Histogram::default();
        for own in own {
            for (span, n) in &own.spans {
                responses.record_many(*span, *n);
            }
            all = Some(match all {
                None => own.clone(),
                Some(all) => Report {
                    n: all.n + own.n,
                    sum: all.sum + own.sum,
                    min: all.min.min(own.min),
                    max: all.max.max(own.max),
                    ..all
                },
            });
        }
        let all = all?;
        if let Some(quantile) = self.statistic.quantile() {
            return responses.quantile(quantile).map(SimDuration::as_secs_f64);
        }
        Some(match self.statistic {
            AwsStatistic::Minimum => all.min,
            AwsStatistic::Maximum => all.max,
            AwsStatistic::Sum => all.sum,
            _ => all.sum / all.n,
        })
    }

    /// Evaluates the alarm.
    pub(super) fn evaluate(&mut self, now: SimTime) -> Seen {
        let (grid, period) = (self.evaluated_every().as_nanos(), self.period.as_nanos());
        let visible = now.as_nanos().saturating_sub(self.delay.as_nanos());
        let end = visible / grid * grid;
        let n_periods = self.rule.range() as u64;
        // From the oldest. Before the run there are no reports.
        let points = (0..n_periods).rev().map(|back| {
            let to = end.checked_sub(back * period)?;
            let from = to.saturating_sub(period);
            self.point(SimTime::from_nanos(from), SimTime::from_nanos(to), now)
        });
        let points: Vec<Option<f64>> = points.collect();
        let held: Vec<Point> = points
            .iter()
            .map(|own| match own {
                None => Point::Missing,
                Some(own) if self.comparison.holds(*own, self.threshold) => Point::Breaching,
                Some(_) => Point::Ok,
            })
            .collect();
        self.says = self.rule.state(&held, self.says);
        let is_on = self.says == AlarmState::Alarm;
        let acts = is_on && self.acted.is_none_or(|last| now.since(last) >= MINUTE);
        if acts {
            self.acted = Some(now);
        } else if !is_on {
            self.acted = None;
        }
        Seen {
            says: self.says,
            acts,
            metric: points.into_iter().rev().flatten().next(),
        }
    }

    /// The metric beside its threshold.
    pub(super) fn sight(&self, metric: Option<f64>) -> Sight {
        let (what, unit, scale) = match self.metric {
            AwsMetric::Cpu => ("CPU utilization", Unit::Share, 100.0),
            AwsMetric::Memory => ("memory in use", Unit::Share, 100.0),
            AwsMetric::RequestsPerTarget => ("requests per target", Unit::Count, 1.0),
            AwsMetric::ResponseTime => ("response time", Unit::Seconds, 1.0),
            AwsMetric::ErrorRate => ("requests that fail", Unit::Share, 100.0),
            AwsMetric::Queue => ("messages waiting", Unit::Count, 1.0),
            AwsMetric::QueuePerInstance => ("messages waiting per instance", Unit::Count, 1.0),
        };
        Sight {
            what,
            unit,
            value: metric.map(|value| value / scale),
            target: self.threshold / scale,
        }
    }
}

/// How often the sensors of alarms are read, and how often the alarms are evaluated.
pub(super) fn clock<'a>(watches: impl Iterator<Item = &'a Watch>) -> super::Clock {
    fn common(a: u64, b: u64) -> u64 {
        if b == 0 { a } else { common(b, a % b) }
    }
    let (mut period, mut resolution) = (MINUTE, 0);
    for own in watches {
        period = period.min(own.evaluated_every());
        resolution = common(resolution, own.resolution.as_nanos());
    }
    super::Clock {
        period,
        first: None,
        scrape: Some(SimDuration::from_nanos(resolution)),
    }
}

#[cfg(test)]
mod tests;
