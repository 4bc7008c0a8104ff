//! Cloud Run's autoscaling over the instances of a service: its rule is in [`cloud_run`], what
//! feeds it is here.
//!
//! This is the part that goes by measurement. Cloud Run also starts instances at once for requests that find no free
//! place; here only the first one is started at once, for requests that find none at all and are held until it is there.

use std::collections::VecDeque;

use super::cloud_run::{self, Config, Driver, IDLE_TIME, Observation, PERIOD, WINDOW};
use super::count::Bounds;
use super::kpa::max_window::MaxOverTime;
use super::sensor::{Snapshot, Use, in_flight_since};
use super::{Clock, Decision, Describe, Group, Reason, Rule, Sight, Unit, compare};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration, SimTime};

spec! {
    /// Google Cloud Run's autoscaling by CPU and by requests at a time, on average over a minute; whichever asks for
    /// more counts.
    pub struct GoogleCloudRun {
        /// The fewest instances. While there are none, requests are held, and the first of them starts one.
        pub min: At<u32> = At::built_in(0),
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
        /// How long requests are held while there is no instance.
        pub hold: SimDuration = SimDuration::from_secs(10),
    }
    check(Self::check)
}

impl GoogleCloudRun {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range_from_zero(self.min, self.max, out);
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
                min: self.min.value,
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

    fn holds_requests(&self) -> Option<SimDuration> {
        (self.min.value == 0).then_some(self.hold)
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
                }
            }
            all.requests = in_flight_since(&last, group);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::{Reading, RequestTime};
    use crate::stats::Histogram;

    fn cloud_run(idle: u64) -> State {
        GoogleCloudRun {
            min: At::built_in(0),
            max: At::built_in(Count::new(20)),
            cpu_target: At::built_in(Fraction::percent(60)),
            concurrency_target: At::built_in(Fraction::percent(60)),
            concurrency: Count::new(10),
            idle: At::built_in(SimDuration::from_secs(idle)),
            hold: SimDuration::from_secs(10),
        }
        .start()
    }

    /// Every five seconds one instance has used so many milliseconds of its CPU, and had so many requests inside.
    fn looks(state: &mut State, held: u64, used: &[(u64, u64)]) -> Vec<(u32, u32)> {
        let responses = Histogram::default();
        let (mut cpu, mut inside) = (0, 0);
        let mut said = Vec::new();
        for (at, (busy, requests)) in std::iter::once(&(0, 0)).chain(used).enumerate() {
            cpu += busy;
            inside += 5 * requests;
            let own = Reading {
                cpu: SimDuration::from_nanos(cpu * 1_000_000),
                in_flight: RequestTime::from_request_nanos(inside * 1_000_000_000),
                ..Reading::serving(0)
            };
            let group = Group {
                now: SimTime::ZERO + SimDuration::from_secs(5 * at as u64),
                desired: 1,
                instances: &[own],
                held,
                ..Group::empty(&responses)
            };
            state.scrape(&group);
            let decision = state.decide(&group);
            said.push((decision.wanted, decision.instances));
        }
        said
    }

    #[test]
    fn the_driver_that_asks_for_more_counts_over_a_minute() {
        // All of one vCPU, at 60 %: two. 24 requests, of which an instance should have six: four.
        assert_eq!(looks(&mut cloud_run(0), 0, &[(5000, 1)])[1].0, 2);
        assert_eq!(looks(&mut cloud_run(0), 0, &[(5000, 24)])[1].0, 4);
        // The same for the last ten seconds of a minute: 4 on average, and 24/60.
        let late: Vec<_> = (0..12)
            .map(|at| if at < 10 { (0, 0) } else { (5000, 24) })
            .collect();
        assert_eq!(looks(&mut cloud_run(0), 0, &late)[12].0, 1);
        // What is held is a request at a time as well.
        assert_eq!(looks(&mut cloud_run(0), 13, &[(0, 0)])[1].0, 3);
    }

    #[test]
    fn instances_stay_for_the_idle_time_and_then_none_is_left() {
        let mut used = vec![(5000, 1)];
        used.resize(40, (0, 0));
        let said = looks(&mut cloud_run(60), 0, &used);
        let last_of = |n| said.iter().rposition(|(_, kept)| *kept == n);
        // A second one is wished for until the busy stretch is less than 36 s of the minute's average: at 5 s only. It
        // stays a minute; the first as long as anything is in the average, and a minute more.
        assert_eq!(last_of(2), Some(12));
        assert_eq!(last_of(1), Some(23));
        assert_eq!(said.last(), Some(&(0, 0)));
    }
}
