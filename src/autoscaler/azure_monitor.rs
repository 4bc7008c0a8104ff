//! Azure Monitor autoscale over the instances of a service: its engine is in [`azure`], what feeds it
//! is here.
//!
//! Every time grain there is a point of each metric, the average over the instances that run. A rule goes by the
//! points of its window.

use std::collections::VecDeque;

use super::azure::{self, Change, Config, Direction, Metric, Observation};
use super::comparison::Comparison;
use super::count::Bounds;
use super::sensor::{Snapshot, Use};
use super::{Clock, Decision, Describe, Group, Reason, Rule, Sight, Unit, compare};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};
use crate::{spec, words};

words! {
    /// What a rule of Azure's autoscale goes by.
    pub enum AzureMetric {
        /// The CPU that instances use, in percent.
        Cpu = "cpu",
        /// The memory that instances use, in percent; not known where the service says nothing of memory.
        Memory = "memory",
        /// Requests that an instance does in a second.
        RequestsPerSecond = "requests_per_second",
        /// Requests inside an instance.
        InFlight = "in_flight",
        /// Messages that wait in a queue, by the number of instances.
        Queue = "queue",
    }
}

words! {
    /// What is made of the points of a metric within a window.
    pub enum AzureAggregation {
        /// Their average.
        Average = "average",
        /// The smallest.
        Minimum = "minimum",
        /// The largest.
        Maximum = "maximum",
        /// The last.
        Last = "last",
    }
}

spec! {
    /// A rule of Azure's autoscale: a metric `above` or `below` a threshold, and how many instances to `add` or to
    /// `remove` then.
    pub struct AzureRule {
        /// Which metric.
        pub metric: At<AzureMetric>,
        /// Which queue, for the metric `queue`.
        pub queue: Option<At<String>>,
        /// It fires when the metric is more than this, in its unit and per instance.
        pub above: Option<At<f64>>,
        /// It fires when the metric is less than this, in its unit and per instance.
        pub below: Option<At<f64>>,
        /// So many instances are added.
        pub add: Option<At<Count>>,
        /// So many instances are removed.
        pub remove: Option<At<Count>>,
        /// `add` or `remove` is in percent of the instances that there are, and not in instances.
        pub percent: bool = false,
        /// How far back it looks.
        pub window: At<SimDuration> = At::built_in(SimDuration::from_secs(600)),
        /// What is made of the points of this window.
        pub aggregation: AzureAggregation = AzureAggregation::Average,
        /// For how long it does not fire after the last change, of whichever rule.
        pub cooldown: SimDuration = SimDuration::from_secs(300),
    }
    check(Self::check)
}

spec! {
    /// Azure Monitor autoscale, as virtual machine scale sets and App Service have it. It adds instances when any of
    /// the rules that add fires; it removes some when all rules that remove do, unless with so many fewer a rule that
    /// adds would fire at once.
    pub struct AzureMonitor {
        /// The fewest instances.
        pub min: At<Count> = At::built_in(Count::new(1)),
        /// The most instances.
        pub max: At<Count>,
        /// How many there are at least while a metric is not known; the fewest unless given.
        pub default: Option<At<Count>>,
        /// What it does when. Without any: one more when CPU is above 75 percent over 10 minutes, one fewer when it
        /// is below 25.
        pub rules: Vec<AzureRule>,
        /// How often the engine runs: every 30 to 60 s.
        pub period: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// How often there is a point of each metric, the average over the time since the last.
        pub time_grain: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
    }
    check(Self::check)
}

impl AzureRule {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        if self.above.is_some() == self.below.is_some() {
            let problem = "a rule has one threshold";
            out.push(Diagnostic::error(table, problem).label("needs `above` or `below`"));
        }
        if self.add.is_some() == self.remove.is_some() {
            let problem = "a rule either adds or removes";
            out.push(Diagnostic::error(table, problem).label("needs `add` or `remove`"));
        }
        match (self.metric.value, &self.queue) {
            (AzureMetric::Queue, None) => {
                out.push(Diagnostic::error(table, "which queue?").label("needs `queue`"));
            }
            (AzureMetric::Queue, Some(_)) | (_, None) => {}
            (_, Some(queue)) => {
                let problem = "only the metric `queue` goes by a queue";
                out.push(Diagnostic::error(queue.origin, problem));
            }
        }
        if self.window.value == SimDuration::ZERO {
            let problem = "the window must be longer than 0";
            out.push(Diagnostic::error(self.window.origin, problem));
        }
        for threshold in self.above.iter().chain(&self.below) {
            if threshold.value < 0.0 || (threshold.value <= 0.0 && self.below.is_some()) {
                let problem = "no metric is ever there: none is negative";
                out.push(Diagnostic::error(threshold.origin, problem));
            }
        }
    }

    /// One that goes by CPU, as it is without any.
    const fn usual(above: Option<f64>, below: Option<f64>) -> Self {
        const fn at(own: Option<f64>) -> Option<At<f64>> {
            match own {
                Some(own) => Some(At::built_in(own)),
                None => None,
            }
        }
        const ONE: At<Count> = At::built_in(Count::new(1));
        Self {
            metric: At::built_in(AzureMetric::Cpu),
            queue: None,
            add: if above.is_some() { Some(ONE) } else { None },
            remove: if below.is_some() { Some(ONE) } else { None },
            above: at(above),
            below: at(below),
            percent: false,
            window: At::built_in(SimDuration::from_secs(600)),
            aggregation: AzureAggregation::Average,
            cooldown: SimDuration::from_secs(300),
        }
    }

    /// What the engine makes of it, being the rule at this place.
    fn rule(&self, place: usize) -> azure::Rule {
        let (direction, by) = match (self.add, self.remove) {
            (Some(by), _) => (Direction::Out, by.get()),
            (None, by) => (Direction::In, by.map_or(0, |own| own.get())),
        };
        let (comparison, threshold) = match (self.above, self.below) {
            (Some(above), _) => (Comparison::Above, above.value),
            (None, below) => (Comparison::Below, below.map_or(0.0, |own| own.value)),
        };
        azure::Rule {
            metric: place,
            comparison,
            threshold,
            direction,
            change: if self.percent {
                Change::Percent(f64::from(by))
            } else {
                Change::Count(by)
            },
            cooldown: self.cooldown,
        }
    }
}

impl AzureMonitor {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        if let Some(default) = self.default
            && !(self.min.value..=self.max.value).contains(&default.value)
        {
            let problem = "the default is outside the range";
            let error = Diagnostic::error(default.origin, problem);
            out.push(error.label(format!("{} to {}", self.min.value, self.max.value)));
        }
        for (span, what) in [
            (self.period, "the engine needs time between two runs"),
            (self.time_grain, "a time grain is longer than 0"),
        ] {
            if span.value == SimDuration::ZERO {
                out.push(Diagnostic::error(span.origin, what));
            }
        }
        self.check_pairs(out);
        for rule in &self.rules {
            if rule.window.value < self.time_grain.value {
                let problem = "this window is shorter than the time between two points";
                let warning = Diagnostic::warning(rule.window.origin, problem);
                let grain = format!("the time grain is {}", self.time_grain.value);
                out.push(warning.related(self.time_grain.origin, grain));
            }
        }
    }

    /// Reports a rule that removes where another adds.
    fn check_pairs(&self, out: &mut Diagnostics) {
        let queue = |own: &AzureRule| own.queue.as_ref().map(|queue| queue.value.clone());
        for out_rule in self.rules.iter().filter(|own| own.add.is_some()) {
            for in_rule in self.rules.iter().filter(|own| own.remove.is_some()) {
                let is_same = in_rule.metric.value == out_rule.metric.value
                    && queue(in_rule) == queue(out_rule)
                    && in_rule.aggregation == out_rule.aggregation;
                if let (true, Some(much), Some(little)) = (is_same, out_rule.above, in_rule.below)
                    && little.value > much.value
                {
                    let problem = "what is too little here is too much there";
                    out.push(
                        Diagnostic::warning(little.origin, problem)
                            .label("this removes only what is added again at once")
                            .related(much.origin, "too much"),
                    );
                }
            }
        }
    }

    /// Its rules, or those that it has without any.
    fn all_rules(&self) -> Vec<AzureRule> {
        if self.rules.is_empty() {
            let usual = AzureRule::usual;
            vec![usual(Some(75.0), None), usual(None, Some(25.0))]
        } else {
            self.rules.clone()
        }
    }
}

impl Describe for AzureMonitor {
    type State = State;

    fn start(&self) -> State {
        let rules = self.all_rules();
        let mut n_queues = 0;
        let sources = rules.iter().map(|own| {
            let queue = n_queues;
            n_queues += usize::from(matches!(own.metric.value, AzureMetric::Queue));
            Source {
                metric: own.metric.value,
                queue,
                window: own.window.value.max(self.time_grain.value),
                aggregation: own.aggregation,
                points: VecDeque::new(),
            }
        });
        State {
            sources: sources.collect(),
            config: Config {
                bounds: Bounds {
                    min: self.min.get(),
                    max: self.max.get(),
                },
                default: self.default.unwrap_or(self.min).get(),
                rules: rules
                    .iter()
                    .enumerate()
                    .map(|(at, own)| own.rule(at))
                    .collect(),
            },
            memory: azure::State::default(),
            period: self.period.value,
            grain: self.time_grain.value,
            last: None,
        }
    }

    fn needs_memory(&self) -> Option<Origin> {
        let mut metrics = self.rules.iter().map(|own| own.metric);
        let found = metrics.find(|own| own.value == AzureMetric::Memory);
        found.map(|own| own.origin)
    }

    fn queues(&self) -> Vec<&At<String>> {
        let rules = self.rules.iter();
        rules.filter_map(|own| own.queue.as_ref()).collect()
    }
}

/// What a rule goes by.
#[derive(Debug, Clone)]
struct Source {
    metric: AzureMetric,
    /// Which of the queues, for that metric.
    queue: usize,
    window: SimDuration,
    aggregation: AzureAggregation,
    /// The points within the window, the oldest first.
    points: VecDeque<(SimTime, f64)>,
}

/// Azure's autoscale at work.
#[derive(Debug, Clone)]
pub struct State {
    config: Config,
    /// By rule.
    sources: Vec<Source>,
    memory: azure::State,
    period: SimDuration,
    grain: SimDuration,
    last: Option<Snapshot>,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: self.period,
            first: None,
            scrape: Some(self.grain),
        }
    }

    fn adopts(&mut self, mut fresh: Self) {
        for (new, old) in fresh.sources.iter_mut().zip(&mut self.sources) {
            if (new.metric, new.queue) == (old.metric, old.queue) {
                new.points = std::mem::take(&mut old.points);
            }
        }
        *self = Self {
            memory: std::mem::take(&mut self.memory),
            last: self.last.take(),
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        (self.config.bounds.min, self.config.bounds.max)
    }

    fn scrape(&mut self, group: &Group<'_>) {
        let last = self.last.replace(Snapshot::of(group));
        for source in &mut self.sources {
            if let Some(value) = last.as_ref().and_then(|last| source.point(group, last)) {
                source.points.push_back((group.now, value));
            }
            while let Some((at, _)) = source.points.front()
                && *at + source.window <= group.now
            {
                source.points.pop_front();
            }
        }
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let metrics: Vec<_> = self.sources.iter().map(Source::metric).collect();
        let outcome = self.memory.decide(
            &self.config,
            &Observation {
                now: group.now,
                instances: group.desired,
                metrics: &metrics,
            },
        );
        Decision {
            wanted: outcome.wish,
            instances: outcome.instances,
            reason: match outcome.reason {
                azure::Reason::NoData | azure::Reason::ToDefault => Reason::NoData,
                azure::Reason::Cooldown => Reason::TooSoon,
                azure::Reason::Flapping => Reason::WouldFlap,
                azure::Reason::AtMin | azure::Reason::AtMax
                    if outcome.instances == group.desired =>
                {
                    Reason::AtLimit
                }
                _ => compare(group.desired, outcome.wish, outcome.instances, self.range()),
            },
            sight: self.sight(&metrics, group.desired, outcome.reason),
        }
    }
}

impl Source {
    /// What happened since the last point, on average over the instances; what stands in a queue now.
    fn point(&self, group: &Group<'_>, last: &Snapshot) -> Option<f64> {
        if matches!(self.metric, AzureMetric::Queue) {
            return group.backlogs.get(self.queue).map(|own| *own as f64);
        }
        let (mut n, mut sum) = (0_u32, 0.0);
        for own in group.instances {
            let earlier = last.find(own).map(|then| (last.at, then));
            let Some(used) = Use::since(earlier, own, group.now) else {
                continue;
            };
            n += 1;
            sum += match self.metric {
                AzureMetric::Cpu => used.cpus / group.cpus * 100.0,
                AzureMetric::Memory => {
                    let (held, limit) = (own.memory?, group.memory?);
                    held.get() as f64 / limit.get() as f64 * 100.0
                }
                AzureMetric::RequestsPerSecond => used.requests_per_second,
                AzureMetric::InFlight => used.in_flight,
                AzureMetric::Queue => return None,
            };
        }
        (n > 0).then(|| sum / f64::from(n))
    }

    /// What the window says; nothing without a point.
    fn metric(&self) -> Option<Metric> {
        let (_, last) = *self.points.back()?;
        let all = self.points.iter().map(|(_, value)| *value);
        let value = match self.aggregation {
            AzureAggregation::Average => all.sum::<f64>() / self.points.len() as f64,
            AzureAggregation::Minimum => all.fold(last, f64::min),
            AzureAggregation::Maximum => all.fold(last, f64::max),
            AzureAggregation::Last => last,
        };
        Some(match self.metric {
            AzureMetric::Queue => Metric::Total(value),
            _ => Metric::Average(value),
        })
    }
}

impl State {
    /// The metric of the first rule in the direction of what was decided: adding, unless something was removed or
    /// would have been.
    fn sight(&self, metrics: &[Option<Metric>], n: u32, reason: azure::Reason) -> Option<Sight> {
        let direction = match reason {
            azure::Reason::ScaledIn
            | azure::Reason::SmallerStep
            | azure::Reason::Flapping
            | azure::Reason::AtMin => Direction::In,
            _ => Direction::Out,
        };
        let value_of = |rule: &azure::Rule| match metrics[rule.metric]? {
            Metric::Average(value) => Some(value),
            Metric::Total(total) => Some(total / f64::from(n.max(1))),
        };
        let fires = |rule: &&azure::Rule| {
            value_of(rule).is_some_and(|value| rule.comparison.holds(value, rule.threshold))
        };
        let towards = || {
            let rules = self.config.rules.iter();
            rules.filter(|rule| rule.direction == direction)
        };
        let rule = towards().find(fires).or_else(|| towards().next())?;
        let (what, unit, scale) = match self.sources[rule.metric].metric {
            AzureMetric::Cpu => ("CPU in use", Unit::Share, 100.0),
            AzureMetric::Memory => ("memory in use", Unit::Share, 100.0),
            AzureMetric::RequestsPerSecond => ("requests per instance", Unit::PerSecond, 1.0),
            AzureMetric::InFlight => ("requests in flight per instance", Unit::Count, 1.0),
            AzureMetric::Queue => ("messages waiting per instance", Unit::Count, 1.0),
        };
        Some(Sight {
            what,
            unit,
            value: value_of(rule).map(|value| value / scale),
            target: rule.threshold / scale,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::{Phase, Reading, RequestTime};
    use crate::stats::Histogram;
    use crate::units::Bytes;

    fn rule(metric: AzureMetric, above: f64, aggregation: AzureAggregation) -> AzureRule {
        AzureRule {
            metric: At::built_in(metric),
            window: At::built_in(SimDuration::from_secs(180)),
            aggregation,
            ..AzureRule::usual(Some(above), None)
        }
    }

    fn autoscale(rules: Vec<AzureRule>) -> State {
        AzureMonitor {
            min: At::built_in(Count::new(1)),
            max: At::built_in(Count::new(9)),
            default: None,
            rules,
            period: At::built_in(SimDuration::from_secs(60)),
            time_grain: At::built_in(SimDuration::from_secs(60)),
        }
        .start()
    }

    /// Two instances, of which in three minutes the first does what is said, once a minute, and the other nothing; 30
    /// messages wait at the end, after 10 and 20. Then it decides.
    fn look(state: &mut State) -> Decision {
        let responses = Histogram::default();
        for minute in 0..=3_u64 {
            // 12 s of CPU, 120 requests, and 3 at a time in each minute; 600 of 1000 bytes.
            let busy = Reading {
                cpu: SimDuration::from_secs(12 * minute),
                in_flight: RequestTime::from_request_nanos(180_000_000_000 * minute),
                n_done: 120 * minute,
                memory: Some(Bytes::new(600)),
                ..Reading::serving(0)
            };
            let idle = Reading {
                memory: Some(Bytes::new(200)),
                ..Reading::serving(1)
            };
            let group = Group {
                now: SimTime::ZERO + SimDuration::from_secs(60 * minute),
                desired: 2,
                instances: &[busy, idle],
                memory: Some(Bytes::new(1000)),
                backlogs: &[10 * minute],
                ..Group::empty(&responses)
            };
            state.scrape(&group);
            if minute == 3 {
                return state.decide(&group);
            }
        }
        unreachable!("there are three minutes")
    }

    /// What each metric comes to, and that a rule just above it does not fire while one just below does.
    #[test]
    fn each_metric_is_the_mean_over_the_instances() {
        let cases = [
            (AzureMetric::Cpu, 10.0),
            (AzureMetric::Memory, 40.0),
            (AzureMetric::RequestsPerSecond, 1.0),
            (AzureMetric::InFlight, 1.5),
            // Of a queue the total, by the number of instances: 20 on average.
            (AzureMetric::Queue, 10.0),
        ];
        for (metric, mean) in cases {
            let decide = |threshold| {
                let rule = rule(metric, threshold, AzureAggregation::Average);
                look(&mut autoscale(vec![rule]))
            };
            let (fires, not) = (decide(mean * 0.99), decide(mean * 1.01));
            assert_eq!(
                (fires.instances, fires.reason),
                (3, Reason::TooFew),
                "{metric:?}"
            );
            assert_eq!(
                (not.instances, not.reason),
                (2, Reason::Right),
                "{metric:?}"
            );
        }
    }

    #[test]
    fn a_window_has_an_average_extremes_and_a_last_point() {
        let seen = |aggregation| {
            let rule = rule(AzureMetric::Queue, 100.0, aggregation);
            let sight = look(&mut autoscale(vec![rule])).sight;
            sight.and_then(|own| own.value)
        };
        let all = [
            AzureAggregation::Average,
            AzureAggregation::Minimum,
            AzureAggregation::Maximum,
            AzureAggregation::Last,
        ];
        assert_eq!(all.map(seen), [10.0, 5.0, 15.0, 15.0].map(Some));
    }

    #[test]
    fn those_that_are_gone_or_never_began_are_not_measured() {
        let mut state = autoscale(vec![rule(AzureMetric::Cpu, 5.0, AzureAggregation::Last)]);
        let responses = Histogram::default();
        let starting = Reading {
            phase: Phase::Starting,
            started: None,
            changed: None,
            ..Reading::serving(0)
        };
        let mut decision = None;
        for minute in 0..=1_u64 {
            let group = Group {
                now: SimTime::ZERO + SimDuration::from_secs(60 * minute),
                desired: 1,
                instances: &[starting],
                ..Group::empty(&responses)
            };
            state.scrape(&group);
            decision = Some(state.decide(&group));
        }
        assert_eq!(decision.expect("it looked").reason, Reason::NoData);
    }
}
