//! Simple scaling of EC2 Auto Scaling over the instances of a service: its rule is in [`super::aws::simple`],
//! its alarms are in [`cloud_watch`](super::cloud_watch), and here they come together.
//!
//! A change has been carried out when the last instance is in service or gone. Until then and until the cooldown of
//! the policy is over, nobody hears the alarms. Instances count in what is reported as soon as they run. Where several
//! policies act at the same time, the one that leaves the most instances is heard.

use super::aws::adjustment::Adjustment;
use super::aws::simple::{self, Config};
use super::aws::warm_up;
use super::aws_step::{AwsAdjustment, adopted, check_policies, decision, idle, watches};
use super::cloud_watch::{AwsAlarm, AwsMetric, Counted, DELAY, Watch, clock, fleet};
use super::count::Bounds;
use super::{Clock, Decision, Describe, Group, Phase, Rule};
use crate::diag::{Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimDuration;

spec! {
    /// Simple scaling of EC2 Auto Scaling: one adjustment when an alarm is on, and none while that is being carried
    /// out and for a while afterwards.
    pub struct AwsSimple {
        /// The fewest instances.
        pub min: At<Count>,
        /// The most instances.
        pub max: At<Count>,
        /// What is done when.
        pub policies: Vec<AwsSimplePolicy>,
        /// How long a report takes until alarms can see it. AWS does not say.
        pub delay: SimDuration = DELAY,
    }
    check(Self::check)
}

spec! {
    /// An alarm, and what is done when it is on.
    pub struct AwsSimplePolicy {
        /// When.
        pub alarm: AwsAlarm,
        /// What the amount means.
        pub adjustment: AwsAdjustment = AwsAdjustment::Change,
        /// The least change in instances, for one in percent.
        pub min_magnitude: Option<At<Count>>,
        /// How much.
        pub by: At<i32>,
        /// How long nobody hears the alarms of any policy after this one's change has been carried out.
        pub cooldown: SimDuration = warm_up::COOLDOWN,
    }
    check(Self::check)
}

impl AwsSimplePolicy {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let amount = std::iter::once(self.by);
        self.adjustment.check(self.min_magnitude, amount, out);
    }
}

impl AwsSimple {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        check_policies(self.policies.iter().map(|own| &own.alarm), table, out);
    }
}

impl Describe for AwsSimple {
    type State = State;

    fn start(&self) -> State {
        let bounds = Bounds {
            min: self.min.get(),
            max: self.max.get(),
        };
        let configs = self.policies.iter().map(|own| Config {
            adjustment: Adjustment {
                kind: own.adjustment.kind(own.min_magnitude),
                amount: own.by.value.into(),
            },
            cooldown: own.cooldown,
            bounds,
        });
        State {
            bounds,
            configs: configs.collect(),
            watches: watches(self.policies.iter().map(|own| &own.alarm), self.delay),
            memory: simple::State::default(),
            acted: (0, false),
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

/// Simple scaling at work.
#[derive(Debug, Clone)]
pub struct State {
    bounds: Bounds,
    /// By policy.
    configs: Vec<Config>,
    watches: Vec<Watch>,
    memory: simple::State,
    /// Which policy made the last change, and whether that was more instances.
    acted: (usize, bool),
}

impl Rule for State {
    fn clock(&self) -> Clock {
        clock(self.watches.iter())
    }

    fn range(&self) -> (u32, u32) {
        (self.bounds.min, self.bounds.max)
    }

    /// What is under way goes on, by the cooldown of the policy that is now where that one was.
    fn adopts(&mut self, fresh: Self) {
        let (at, has_grown) = self.acted;
        let watches = adopted(std::mem::take(&mut self.watches), &fresh.watches);
        *self = Self {
            memory: self.memory,
            acted: (at.min(watches.len() - 1), has_grown),
            watches,
            ..fresh
        };
    }

    fn senses_responses(&self) -> bool {
        self.watches.iter().any(Watch::senses_responses)
    }

    fn scrape(&mut self, group: &Group<'_>) {
        for own in &mut self.watches {
            own.report(group, Counted::Running);
        }
        self.notes_end(group);
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        self.notes_end(group);
        let mut said = Vec::new();
        let mut best: Option<(usize, i64)> = None;
        for (at, (own, config)) in self.watches.iter_mut().zip(&self.configs).enumerate() {
            let seen = own.evaluate(group.now);
            said.push(seen);
            let Adjustment { kind, amount } = config.adjustment;
            let wish = kind.adjusted(group.desired, amount);
            if seen.acts && best.is_none_or(|(_, best)| wish > best) {
                best = Some((at, wish));
            }
        }
        let Some((at, _)) = best else {
            return idle(group.desired, &said, self.watches[0].sight(said[0].metric));
        };
        let seen = fleet(group, SimDuration::ZERO);
        let outcome = self.memory.alarm(&self.configs[at], seen, group.now);
        if outcome.instances != group.desired {
            self.acted = (at, outcome.instances > group.desired);
        }
        decision(outcome, self.watches[at].sight(said[at].metric))
    }
}

impl State {
    /// Takes note of the end of a change: nothing starts or leaves any more. When the last instance came into service
    /// is known; of one that left it is only seen that it is gone.
    fn notes_end(&mut self, group: &Group<'_>) {
        let is_under_way = |phase| group.count(phase) > 0;
        if self.memory != simple::State::Activity
            || is_under_way(Phase::Starting)
            || is_under_way(Phase::Draining)
        {
            return;
        }
        let (at, has_grown) = self.acted;
        let config = self.configs[at];
        let last = group.instances.iter().filter_map(|own| own.changed).max();
        let launched = last.filter(|_| has_grown);
        self.memory
            .carried_out(&config, launched.unwrap_or(group.now));
    }
}
