//! Step scaling of EC2 Auto Scaling over the instances of a service: its rule is in [`aws::step`],
//! its alarms are in [`cloud_watch`](super::cloud_watch), and here they come together.
//!
//! Instances that are not warm are left out of what is reported of the group, and what they will bear is not asked
//! for again. Where several policies act at the same time, the one that leaves the most instances counts.

use super::aws::adjustment::Kind;
use super::aws::alarm::AlarmState;
use super::aws::step::{self, Config, Side, Step, Steps, StepsError};
use super::aws::{self, warm_up};
use super::cloud_watch::{AwsAlarm, AwsMetric, Counted, DELAY, Seen, Watch, clock, fleet};
use super::count::Bounds;
use super::outcome::Outcome;
use super::{Clock, Decision, Describe, Group, Reason, Rule};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::units::SimDuration;
use crate::{spec, words};

words! {
    /// What the amount of an adjustment means.
    pub enum AwsAdjustment {
        /// So many more, or fewer if below 0 (`ChangeInCapacity`).
        Change = "change",
        /// So many (`ExactCapacity`).
        Exact = "exact",
        /// So many percent more, or fewer if below 0 (`PercentChangeInCapacity`).
        Percent = "percent",
    }
}

impl AwsAdjustment {
    /// What the rules call it.
    pub(super) fn kind(self, min_magnitude: Option<At<Count>>) -> Kind {
        match self {
            Self::Change => Kind::Change,
            Self::Exact => Kind::Exact,
            Self::Percent => Kind::Percent {
                min_magnitude: min_magnitude.map(|own| own.get()),
            },
        }
    }

    /// Reports a least change where only a share has one, and a count that is none.
    pub(super) fn check(
        self,
        min_magnitude: Option<At<Count>>,
        amounts: impl Iterator<Item = At<i32>>,
        out: &mut Diagnostics,
    ) {
        if let Some(least) = min_magnitude
            && self != Self::Percent
        {
            let problem = "only an adjustment in percent has a least magnitude";
            out.push(Diagnostic::error(least.origin, problem));
        }
        for amount in amounts.filter(|own| self == Self::Exact && own.value < 0) {
            let problem = "there are never fewer than 0 instances";
            out.push(Diagnostic::error(amount.origin, problem));
        }
    }
}

spec! {
    /// Step scaling of EC2 Auto Scaling: the further the metric is beyond the threshold of an alarm, the more is
    /// added or removed, and that every minute while the alarm is on.
    pub struct AwsStep {
        /// The fewest instances.
        pub min: At<Count>,
        /// The most instances.
        pub max: At<Count>,
        /// What is done when.
        pub policies: Vec<AwsStepPolicy>,
        /// How long an instance that has come into service is not counted. AWS takes the group's default cooldown of
        /// 300 s where nothing is set.
        pub warm_up: SimDuration = warm_up::COOLDOWN,
        /// How long a report takes until alarms can see it. AWS does not say.
        pub delay: SimDuration = DELAY,
    }
    check(Self::check)
}

spec! {
    /// An alarm, and what is done while it is on.
    pub struct AwsStepPolicy {
        /// When.
        pub alarm: AwsAlarm,
        /// What the amounts of its steps mean.
        pub adjustment: AwsAdjustment = AwsAdjustment::Change,
        /// The least change in instances, for one in percent.
        pub min_magnitude: Option<At<Count>>,
        /// How much, by how far the metric is beyond the threshold. They follow each other without a gap, and one
        /// goes on without an end.
        pub steps: Vec<AwsStepAdjustment>,
    }
    check(Self::check)
}

spec! {
    /// What is done while the metric is so far beyond the threshold: `{ from = 0, to = 15, by = 1 }`. What is below
    /// the threshold is below 0.
    pub struct AwsStepAdjustment {
        /// From where on, in the unit of the metric and relative to the threshold; without end unless given.
        pub from: Option<At<f64>>,
        /// Up to where; without end unless given.
        pub to: Option<At<f64>>,
        /// The amount.
        pub by: At<i32>,
    }
}

impl AwsStepPolicy {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        let amounts = self.steps.iter().map(|own| own.by);
        self.adjustment.check(self.min_magnitude, amounts, out);
        let (problem, label) = match self.resolved() {
            Ok(_) => return,
            Err(StepsError::None) => ("what is to be done?", "needs `steps`"),
            Err(StepsError::Empty) => (
                "a step goes from somewhere to somewhere further",
                "one of these does not",
            ),
            Err(StepsError::NotAdjacent) => (
                "steps follow each other, without a gap and without overlapping",
                "these do not",
            ),
            Err(StepsError::NotToTheEnd) => (
                "no step goes as far as the metric can",
                "the outermost must have no end",
            ),
        };
        let ends = self.steps.iter().flat_map(|own| [own.from, own.to]);
        let origin = ends.flatten().next().map_or(table, |own| own.origin);
        out.push(Diagnostic::error(origin, problem).label(label));
    }

    fn resolved(&self) -> Result<Steps, StepsError> {
        let side = if self.alarm.is_above() {
            Side::Above
        } else {
            Side::Below
        };
        let steps = self.steps.iter().map(|own| Step {
            lower: own.from.map(|own| own.value),
            upper: own.to.map(|own| own.value),
            amount: own.by.value.into(),
        });
        Steps::new(side, steps.collect())
    }
}

impl AwsStep {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        check_policies(self.policies.iter().map(|own| &own.alarm), table, out);
    }
}

/// Reports policies that do not go together, and that there are none.
pub(super) fn check_policies<'a>(
    alarms: impl Iterator<Item = &'a AwsAlarm>,
    table: Origin,
    out: &mut Diagnostics,
) {
    let alarms: Vec<_> = alarms.collect();
    if alarms.is_empty() {
        let problem = "without a policy nothing is ever done";
        out.push(Diagnostic::error(table, problem).label("needs `policies`"));
    }
    for (at, own) in alarms.iter().enumerate() {
        for other in &alarms[at + 1..] {
            own.check_pair(other, out);
        }
    }
}

/// The alarms of policies at work, in their order.
pub(super) fn watches<'a>(
    alarms: impl Iterator<Item = &'a AwsAlarm>,
    delay: SimDuration,
) -> Vec<Watch> {
    let mut n_queues = 0;
    let watch = |own: &AwsAlarm| {
        let watch = own.start(n_queues, delay);
        n_queues += usize::from(own.queue.is_some());
        watch
    };
    alarms.map(watch).collect()
}

/// Alarms with other settings, which remember what they have seen where they still are on the same.
pub(super) fn adopted(old: Vec<Watch>, fresh: &[Watch]) -> Vec<Watch> {
    let mut old = old.into_iter();
    let adopted = fresh.iter().map(|fresh| match old.next() {
        Some(mut own) => {
            own.adopts(fresh.clone());
            own
        }
        None => fresh.clone(),
    });
    adopted.collect()
}

impl Describe for AwsStep {
    type State = State;

    fn start(&self) -> State {
        let bounds = Bounds {
            min: self.min.get(),
            max: self.max.get(),
        };
        let configs = self.policies.iter().map(|own| Config {
            threshold: own.alarm.threshold().1.value,
            kind: own.adjustment.kind(own.min_magnitude),
            steps: own.resolved().expect("checked steps"),
            bounds,
        });
        State {
            bounds,
            warm_up: self.warm_up,
            configs: configs.collect(),
            watches: watches(self.policies.iter().map(|own| &own.alarm), self.delay),
        }
    }

    fn needs_memory(&self) -> Option<Origin> {
        let mut metrics = self.policies.iter().map(|own| own.alarm.metric);
        let found = metrics.find(|own| own.value == AwsMetric::Memory);
        found.map(|own| own.origin)
    }

    fn queues(&self) -> Vec<&At<String>> {
        let alarms = self.policies.iter().map(|own| &own.alarm);
        alarms.filter_map(|own| own.queue.as_ref()).collect()
    }
}

/// Step scaling at work.
#[derive(Debug, Clone)]
pub struct State {
    bounds: Bounds,
    warm_up: SimDuration,
    /// By policy.
    configs: Vec<Config>,
    watches: Vec<Watch>,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        clock(self.watches.iter())
    }

    fn range(&self) -> (u32, u32) {
        (self.bounds.min, self.bounds.max)
    }

    fn adopts(&mut self, fresh: Self) {
        let watches = adopted(std::mem::take(&mut self.watches), &fresh.watches);
        *self = Self { watches, ..fresh };
    }

    fn senses_responses(&self) -> bool {
        self.watches.iter().any(Watch::senses_responses)
    }

    fn scrape(&mut self, group: &Group<'_>) {
        for own in &mut self.watches {
            own.report(group, Counted::Warm(self.warm_up));
        }
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let fleet = fleet(group, self.warm_up);
        let mut said = Vec::new();
        let mut best: Option<(usize, Outcome<aws::Reason>)> = None;
        for (at, (own, config)) in self.watches.iter_mut().zip(&self.configs).enumerate() {
            let seen = own.evaluate(group.now);
            said.push(seen);
            let Some(metric) = seen.metric.filter(|_| seen.acts) else {
                continue;
            };
            let outcome = step::decide(config, fleet, metric);
            if best.is_none_or(|(_, best)| outcome.instances > best.instances) {
                best = Some((at, outcome));
            }
        }
        match best {
            Some((at, outcome)) => decision(outcome, self.watches[at].sight(said[at].metric)),
            None => idle(group.desired, &said, self.watches[0].sight(said[0].metric)),
        }
    }
}

/// What the group is told where no policy acts.
pub(super) fn idle(desired: u32, said: &[Seen], sight: super::Sight) -> Decision {
    let lacks_data = |own: &Seen| own.says == AlarmState::InsufficientData;
    Decision {
        wanted: desired,
        instances: desired,
        reason: if said.iter().all(lacks_data) {
            Reason::NoData
        } else {
            Reason::Own("no alarm is on")
        },
        sight: Some(sight),
    }
}

/// What the group is told.
pub(super) const fn decision(outcome: Outcome<aws::Reason>, sight: super::Sight) -> Decision {
    Decision {
        wanted: outcome.wish,
        instances: outcome.instances,
        reason: Reason::Own(outcome.reason.words()),
        sight: Some(sight),
    }
}
