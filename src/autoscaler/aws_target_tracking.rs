//! Target tracking of EC2 Auto Scaling over the instances of a service: its rule is in
//! [`super::aws::target_tracking`], what feeds it is here.
//!
//! `CloudWatch` has a point of the metric for every whole minute (detailed monitoring; load balancers report by the
//! minute anyway), and an alarm is evaluated once a minute, at an instant of its own: what it sees last is up to a
//! minute old. Instances that are not warm are left out of the metric, and count as capacity.

use super::aws::alarm::Rule as AlarmRule;
use super::aws::target_tracking::{self, Config};
use super::aws::warm_up;
use super::cloud_watch::{fleet, is_warm};
use super::count::Bounds;
use super::sensor::{Snapshot, Use};
use super::{Clock, Decision, Describe, Group, Reason, Rule, Sight, Unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count, number_text};
use crate::units::{Fraction, SimDuration};
use crate::{leads, spec};

/// Points, evaluations: everything goes by the minute.
const MINUTE: SimDuration = SimDuration::from_secs(60);

leads! {
    /// What is kept at its target.
    pub enum AwsTarget {
        /// The average CPU utilization of the instances.
        Cpu(AwsCpuTarget) = "cpu",
        /// Requests that each instance gets in a minute (`ALBRequestCountPerTarget`).
        Requests(AwsRequestsTarget) = "requests_per_target",
    }
}

spec! {
    /// The average CPU utilization of the instances: `{ cpu = "50%" }`.
    pub struct AwsCpuTarget {
        /// What it should be.
        pub cpu: At<Fraction>,
    }
}

spec! {
    /// Requests that each instance gets in a minute: `{ requests_per_target = 1000 }`.
    pub struct AwsRequestsTarget {
        /// How many it should be.
        pub requests_per_target: At<f64>,
    }
}

spec! {
    /// Target tracking of EC2 Auto Scaling: instances are added in proportion when the metric has been above its
    /// target for three minutes, and removed a few at a time when it has been well below for fifteen.
    pub struct AwsTargetTracking {
        /// The fewest instances.
        pub min: At<Count>,
        /// The most instances.
        pub max: At<Count>,
        /// What is kept where.
        pub target: AwsTarget,
        /// How long an instance that has come into service is not counted. AWS takes the group's default cooldown of
        /// 300 s where nothing is set.
        pub warm_up: SimDuration = warm_up::COOLDOWN,
        /// Whether instances are removed at all.
        pub scale_in: At<bool> = At::built_in(true),
        /// For how many minutes the metric must be above its target before instances are added.
        pub high_periods: At<Count> = At::built_in(Count::new(3)),
        /// For how many minutes it must be low before instances are removed.
        pub low_periods: At<Count> = At::built_in(Count::new(15)),
        /// What is low, as a share of the target. AWS does not say; 90 % has been seen.
        pub low: At<Fraction> = At::built_in(Fraction::percent(90)),
        /// The most that are removed in a minute, as a share of those there are, one at least. AWS says only that
        /// it is careful.
        pub removes_at_most: At<Fraction> = At::built_in(Fraction::percent(10)),
    }
    check(Self::check)
}

impl AwsTargetTracking {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        let (target, origin) = match &self.target {
            AwsTarget::Cpu(own) => (own.cpu.get(), own.cpu.origin),
            AwsTarget::Requests(own) => (
                own.requests_per_target.value,
                own.requests_per_target.origin,
            ),
        };
        if !(target > 0.0 && target.is_finite()) {
            let problem = format!("a target is above 0, found {}", number_text(target));
            out.push(Diagnostic::error(origin, problem));
        }
    }
}

impl Describe for AwsTargetTracking {
    type State = State;

    fn start(&self) -> State {
        let (target, is_cpu) = match &self.target {
            AwsTarget::Cpu(own) => (own.cpu.get(), true),
            AwsTarget::Requests(own) => (own.requests_per_target.value, false),
        };
        let bounds = Bounds {
            min: self.min.get(),
            max: self.max.get(),
        };
        State {
            config: Config {
                high: AlarmRule::all_of(self.high_periods.get()),
                low: AlarmRule::all_of(self.low_periods.get()),
                low_factor: self.low.get(),
                removes: self.scale_in.value,
                removed_share: self.removes_at_most.get(),
                ..Config::new(target, bounds)
            },
            is_cpu,
            warm_up: self.warm_up,
            memory: target_tracking::State::default(),
            before: None,
            metric: None,
        }
    }
}

/// Target tracking at work.
#[derive(Debug, Clone)]
pub struct State {
    config: Config,
    is_cpu: bool,
    warm_up: SimDuration,
    memory: target_tracking::State,
    /// The instances at the end of the last whole minute, and the metric in it.
    before: Option<Snapshot>,
    metric: Option<f64>,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: MINUTE,
            first: None,
            scrape: Some(MINUTE),
        }
    }

    fn adopts(&mut self, fresh: Self) {
        *self = Self {
            memory: std::mem::take(&mut self.memory),
            before: std::mem::take(&mut self.before),
            metric: std::mem::take(&mut self.metric),
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        (self.config.bounds.min, self.config.bounds.max)
    }

    fn scrape(&mut self, group: &Group<'_>) {
        if let Some(before) = &self.before {
            let warm = group.instances.iter();
            let warm = warm.filter(|own| is_warm(own, group.now, self.warm_up));
            let used = warm.filter_map(|own| {
                let then = before.find(own).map(|then| (before.at, then));
                Use::since(then, own, group.now)
            });
            let figures: Vec<f64> = used
                .map(|used| {
                    if self.is_cpu {
                        used.cpus / group.cpus
                    } else {
                        used.requests_per_second * MINUTE.as_secs_f64()
                    }
                })
                .collect();
            let n = figures.len() as f64;
            self.metric = (n > 0.0).then(|| figures.iter().sum::<f64>() / n);
        }
        self.before = Some(Snapshot::of(group));
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let seen = fleet(group, self.warm_up);
        let said = self.memory.decide(&self.config, seen, self.metric).capacity;
        Decision {
            wanted: said.wish,
            instances: said.instances,
            reason: Reason::Own(said.reason.words()),
            sight: Some(Sight {
                what: if self.is_cpu {
                    "CPU utilization"
                } else {
                    "requests per target and minute"
                },
                unit: if self.is_cpu {
                    Unit::Share
                } else {
                    Unit::Count
                },
                value: self.metric,
                target: self.config.target,
            }),
        }
    }
}
