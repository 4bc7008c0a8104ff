//! Cloud Run's autoscaling over the instances of a service: its rule is in [`cloud_run`], what
//! feeds it is here.
//!
//! This is the part that goes by measurement. Cloud Run also starts instances at once for requests that find no free
//! place, and holds the requests until then; nothing holds them here, and so there is always an instance.

use std::collections::VecDeque;

use super::cloud_run::{self, Config, Driver, IDLE_TIME, Observation, PERIOD, WINDOW};
use super::count::Bounds;
use super::kpa::max_window::MaxOverTime;
use super::sensor::{Snapshot, Use};
use super::{Clock, Decision, Describe, Group, Reason, Rule, Sight, Unit, compare};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration, SimTime};

spec! {
    /// Google Cloud Run's autoscaling by CPU and by requests at a time, on average over a minute; whichever asks for
    /// more counts.
    pub struct GoogleCloudRun {
        /// The fewest instances: at least one. Cloud Run itself can go down to none, and then holds requests until
        /// there is an instance; here nothing would hold them.
        pub min: At<Count> = At::built_in(Count::new(1)),
        /// The most instances.
        pub max: At<Count> = At::built_in(Count::new(100)),
        /// The share of its CPU that an instance should use.
        pub cpu_target: At<Fraction> = At::built_in(Fraction::percent(60)),
        /// The share of its `concurrency` that an instance should have.
        pub concurrency_target: At<Fraction> = At::built_in(Fraction::percent(60)),
        /// How many requests an instance is given at a time at most: the service's `max_connections` should be the
        /// same.
        pub concurrency: Count = Count::new(80),
        /// How long an instance that is not needed stays. Cloud Run says 15 minutes at most.
        pub idle: At<SimDuration> = At::built_in(IDLE_TIME),
    }
    check(Self::check)
}

impl GoogleCloudRun {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        for target in [self.cpu_target, self.concurrency_target] {
            if target.value == Fraction::ZERO {
                out.push(Diagnostic::error(target.origin, "a target is more than 0"));
            }
        }
        if self.idle.value > SimDuration::ZERO && self.idle.value < PERIOD {
            let problem = "this is shorter than the 5 s between two decisions";
            let warning = Diagnostic::warning(self.idle.origin, problem);
            out.push(warning.label("instances go at the next decision"));
        }
    }
}

impl Describe for GoogleCloudRun {
    type State = State;

    fn start(&self) -> State {
        let idle = self.idle.value;
        State {
            bounds: Bounds {
                min: self.min.get(),
                max: self.max.get(),
            },
            cpu_target: self.cpu_target.get(),
            concurrency: Driver {
                capacity: f64::from(self.concurrency.get()),
                target: self.concurrency_target.get(),
            },
            idle,
            most: (idle > SimDuration::ZERO).then(|| MaxOverTime::new(idle, PERIOD)),
            last: None,
            minute: VecDeque::new(),
        }
    }
}

/// Cloud Run's autoscaling at work.
#[derive(Debug, Clone)]
pub struct State {
    bounds: Bounds,
    cpu_target: f64,
    concurrency: Driver,
    idle: SimDuration,
    /// The most instances that were needed within the idle time; nothing if there is none.
    most: Option<MaxOverTime>,
    last: Option<Snapshot>,
    /// When it ended, and what all instances used on average: the stretches of the last minute, the oldest first.
    minute: VecDeque<(SimTime, Observation)>,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: PERIOD,
            first: None,
            scrape: Some(PERIOD),
        }
    }

    fn adopts(&mut self, mut fresh: Self) {
        if self.idle == fresh.idle {
            fresh.most = self.most.take();
        }
        *self = Self {
            last: self.last.take(),
            minute: std::mem::take(&mut self.minute),
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        (self.bounds.min, self.bounds.max)
    }

    fn scrape(&mut self, group: &Group<'_>) {
        if let Some(last) = self.last.replace(Snapshot::of(group)) {
            let mut all = Observation {
                cores_used: 0.0,
                requests: 0.0,
            };
            for own in group.instances {
                let earlier = last.find(own).map(|then| (last.at, then));
                if let Some(used) = Use::since(earlier, own, group.now) {
                    // One that has only just begun was not there for all of the time.
                    let part = used.window.as_secs_f64() / group.now.since(last.at).as_secs_f64();
                    all.cores_used += used.cpus * part;
                    all.requests += used.in_flight * part;
                }
            }
            self.minute.push_back((group.now, all));
        }
        while let Some((at, _)) = self.minute.front()
            && *at + WINDOW <= group.now
        {
            self.minute.pop_front();
        }
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let Some(seen) = self.averages() else {
            return Decision {
                wanted: group.desired,
                instances: group.desired,
                reason: Reason::NoData,
                sight: None,
            };
        };
        let config = Config {
            cpu: Driver {
                capacity: group.cpus,
                target: self.cpu_target,
            },
            concurrency: self.concurrency,
            bounds: self.bounds,
        };
        let outcome = cloud_run::decide(&config, &seen);
        let kept = match &mut self.most {
            Some(most) => most.record(group.now, outcome.instances),
            None => outcome.instances,
        };
        // What was there before anything was measured is as idle as the rest, and no longer.
        let reason = if kept > outcome.instances && kept == group.desired {
            Reason::NotYetSure
        } else {
            compare(group.desired, outcome.wish, kept, self.range())
        };
        Decision {
            wanted: outcome.wish,
            instances: kept,
            reason,
            sight: Some(sight(&config, &seen, group)),
        }
    }
}

impl State {
    /// Over the last minute, or what there is of it.
    fn averages(&self) -> Option<Observation> {
        let n = self.minute.len() as f64;
        let sum = |of: fn(&Observation) -> f64| -> f64 {
            self.minute.iter().map(|(_, own)| of(own)).sum()
        };
        (!self.minute.is_empty()).then(|| Observation {
            cores_used: sum(|own| own.cores_used) / n,
            requests: sum(|own| own.requests) / n,
        })
    }
}

/// The driver that asks for more, as a share of what the instances in service have.
fn sight(config: &Config, seen: &Observation, group: &Group<'_>) -> Sight {
    let n = f64::from(group.in_service().max(1));
    let share = |load: f64, driver: Driver| load / (n * driver.capacity);
    let (cpu, requests) = (
        share(seen.cores_used, config.cpu),
        share(seen.requests, config.concurrency),
    );
    let is_cpu = cpu / config.cpu.target >= requests / config.concurrency.target;
    Sight {
        what: if is_cpu {
            "CPU in use"
        } else {
            "concurrency in use"
        },
        unit: Unit::Share,
        value: Some(if is_cpu { cpu } else { requests }),
        target: if is_cpu {
            config.cpu.target
        } else {
            config.concurrency.target
        },
    }
}
