//! An oracle: it knows what will come, and asks for exactly what that needs. Nobody can run this; it is the yardstick
//! for those that one can.
//!
//! What it knows beforehand is λ(t), how many requests (or visits) all sources together are expected to send a second,
//! as their curves say it ([`Foresight`]); not their random gaps, not what load tools and users who wait for their
//! answers will do, and not what a timeline sets while the system runs. What a request costs the group is not written down anywhere (it depends on calls, caches and
//! retries), so that is measured: w, what the group has done since the run began, by what was expected to arrive since
//! then. A share w·λ(t) / target of an instance's capacity is what it asks for at t: as many instances as bear the
//! largest of these between now and when what is asked for at the next look can be there. So nothing is removed that
//! is needed again before it could be back.
//!
//! With a mix that changes over time w is that of the past; while the group is overloaded w is too small, which an
//! oracle with room enough does not come to.

use super::count::{Bounds, needed};
use super::sensor::{Snapshot, Use};
use super::{Clock, Decision, Describe, Group, Reason, Rule, Sight, Unit, compare};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count, number_text};
use crate::units::{Fraction, SimDuration, SimTime};
use crate::{leads, spec};

leads! {
    /// What an instance should bear.
    pub enum OracleTarget {
        /// So much of its CPU.
        Cpu(OracleCpuTarget) = "cpu",
        /// So many requests a second, where it is not CPU that is short.
        Requests(OracleRequestsTarget) = "requests_per_second",
    }
}

spec! {
    /// The share of its CPU that an instance should use: `{ cpu = "70%" }`.
    pub struct OracleCpuTarget {
        /// What it should be.
        pub cpu: At<Fraction>,
    }
}

spec! {
    /// Requests that an instance should do in a second: `{ requests_per_second = 60 }`.
    pub struct OracleRequestsTarget {
        /// How many.
        pub requests_per_second: At<f64>,
    }
}

spec! {
    /// An autoscaler that knows the traffic to come, as a yardstick for others: it asks for what the sources' curves
    /// will need by the time that it can be there, and for no more.
    pub struct Oracle {
        /// The fewest instances.
        pub min: At<Count> = At::built_in(Count::new(1)),
        /// The most instances.
        pub max: At<Count>,
        /// What an instance should bear.
        pub target: OracleTarget,
        /// How long before they are needed instances are asked for; unless given, what 99 of 100 need until they serve,
        /// where the provider refuses none and launches as many at a time as one likes.
        pub lead: Option<At<SimDuration>>,
        /// How often it asks.
        pub period: At<SimDuration> = At::built_in(SimDuration::from_secs(5)),
    }
    check(Self::check)
}

impl Oracle {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        let (target, origin) = match &self.target {
            OracleTarget::Cpu(own) => (own.cpu.get(), own.cpu.origin),
            OracleTarget::Requests(own) => (
                own.requests_per_second.value,
                own.requests_per_second.origin,
            ),
        };
        if target <= 0.0 {
            let problem = format!("a target is above 0, found {}", number_text(target));
            out.push(Diagnostic::error(origin, problem));
        }
        if self.period.value == SimDuration::ZERO {
            let problem = "it needs time between two looks";
            out.push(Diagnostic::error(self.period.origin, problem));
        }
    }
}

/// What the sources of a scenario will send, as far as their curves say it, and how long instances take to serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Foresight {
    /// How long a step is; longer than 0.
    step: SimDuration,
    /// Requests that are expected in each step, from the start of the run.
    expected: Vec<f64>,
    /// How long an instance takes until it serves.
    boot: SimDuration,
}

impl Foresight {
    /// From what is expected in each step; a step is longer than 0, and there is at least one.
    pub fn new(step: SimDuration, expected: Vec<f64>, boot: SimDuration) -> Self {
        assert!(
            step > SimDuration::ZERO && !expected.is_empty(),
            "what comes is known in steps"
        );
        Self {
            step,
            expected,
            boot,
        }
    }

    fn step_at(&self, at: SimTime) -> usize {
        let step = (at.as_nanos() / self.step.as_nanos()) as usize;
        step.min(self.expected.len() - 1)
    }

    /// The highest rate between two instants, a second; the last one goes on after the end of the run.
    pub fn highest(&self, from: SimTime, to: SimTime) -> f64 {
        let steps = &self.expected[self.step_at(from)..=self.step_at(to)];
        steps.iter().copied().fold(0.0, f64::max) / self.step.as_secs_f64()
    }

    /// How many are expected between two instants.
    pub fn expected(&self, from: SimTime, to: SimTime) -> f64 {
        self.until(to) - self.until(from)
    }

    fn until(&self, at: SimTime) -> f64 {
        let step = self.step_at(at);
        let before: f64 = self.expected[..step].iter().sum();
        let begun = SimTime::from_nanos(step as u64 * self.step.as_nanos());
        let part = at.since(begun).as_secs_f64() / self.step.as_secs_f64();
        before + self.expected[step] * part
    }
}

impl Describe for Oracle {
    type State = State;

    fn start(&self) -> State {
        State {
            bounds: Bounds {
                min: self.min.get(),
                max: self.max.get(),
            },
            target: match &self.target {
                OracleTarget::Cpu(own) => own.cpu.get(),
                OracleTarget::Requests(own) => own.requests_per_second.value,
            },
            is_cpu: matches!(self.target, OracleTarget::Cpu(_)),
            lead: self.lead.map(|own| own.value),
            period: self.period.value,
            done: 0.0,
            last: None,
            since: None,
        }
    }

    fn knows_future(&self) -> bool {
        true
    }
}

/// An oracle at work.
#[derive(Debug, Clone)]
pub struct State {
    bounds: Bounds,
    /// vCPUs per vCPU, or requests a second.
    target: f64,
    is_cpu: bool,
    lead: Option<SimDuration>,
    period: SimDuration,
    /// What the group has done so far: seconds of CPU, or requests.
    done: f64,
    last: Option<Snapshot>,
    /// When it began to measure that.
    since: Option<SimTime>,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: self.period,
            first: Some(self.period),
            scrape: Some(self.period),
        }
    }

    fn adopts(&mut self, fresh: Self) {
        let is_same = self.is_cpu == fresh.is_cpu;
        *self = Self {
            done: if is_same { self.done } else { 0.0 },
            last: self.last.take().filter(|_| is_same),
            since: if is_same { self.since } else { fresh.since },
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        (self.bounds.min, self.bounds.max)
    }

    fn scrape(&mut self, group: &Group<'_>) {
        self.since.get_or_insert(group.now);
        if let Some(last) = self.last.replace(Snapshot::of(group)) {
            for own in group.instances {
                let then = last.find(own).map(|then| (last.at, then));
                if let Some(used) = Use::since(then, own, group.now) {
                    let rate = if self.is_cpu {
                        used.cpus
                    } else {
                        used.requests_per_second
                    };
                    self.done += rate * used.window.as_secs_f64();
                }
            }
        }
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let (now, seen) = (group.now, self.last.as_ref().map(|last| last.at));
        let seen = self.since.zip(seen);
        let known = group
            .foresight
            .zip(seen)
            .and_then(|(ahead, (since, seen))| {
                let arrived = ahead.expected(since, seen);
                (arrived > 0.0 && self.done > 0.0).then(|| (ahead, self.done / arrived))
            });
        let Some((ahead, work)) = known else {
            return Decision {
                wanted: group.desired,
                instances: group.desired,
                reason: Reason::NoData,
                sight: None,
            };
        };
        let each = if self.is_cpu {
            group.cpus * self.target
        } else {
            self.target
        };
        // What is asked for at the next look is there then at the earliest.
        let until = now + self.lead.unwrap_or(ahead.boot) + self.period;
        let load = ahead.highest(now, until) * work;
        let wanted = needed(load, each);
        let (instances, _) = self.bounds.clamp(wanted.into());
        let serving = f64::from(group.in_service().max(1));
        let (what, unit, capacity) = if self.is_cpu {
            ("CPU to come", Unit::Share, serving * group.cpus)
        } else {
            ("requests to come per instance", Unit::PerSecond, serving)
        };
        Decision {
            wanted,
            instances,
            reason: compare(group.desired, wanted, instances, self.range()),
            sight: Some(Sight {
                what,
                unit,
                value: Some(load / capacity),
                target: self.target,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::{Phase, Reading, RequestTime};
    use crate::stats::Histogram;

    /// 40 requests a second for a minute, then 400 for ten seconds, then 40 again; a request takes 30 ms of CPU.
    #[test]
    fn what_is_needed_is_there_in_time_and_goes_when_it_is_not() {
        let second = |second: usize| {
            if (60..70).contains(&second) {
                400.0
            } else {
                40.0
            }
        };
        let ahead = Foresight::new(
            SimDuration::from_secs(1),
            (0..200).map(second).collect(),
            SimDuration::from_secs(20),
        );
        let spec = Oracle {
            min: At::built_in(Count::new(1)),
            max: At::built_in(Count::new(40)),
            target: OracleTarget::Cpu(OracleCpuTarget {
                cpu: At::built_in(Fraction::percent(60)),
            }),
            lead: None,
            period: At::built_in(SimDuration::from_secs(5)),
        };
        let mut state = spec.start();
        let responses = Histogram::default();
        let mut asked = Vec::new();
        for now in (0..=100).step_by(5) {
            let done: f64 = (0..now as usize).map(second).sum();
            let own = Reading {
                place: 0,
                asked: SimTime::ZERO,
                phase: Phase::InService,
                started: Some(SimTime::ZERO),
                changed: Some(SimTime::ZERO),
                cpu: SimDuration::from_secs_f64(done * 0.03),
                in_flight: RequestTime::default(),
                n_done: done as u64,
                memory: None,
            };
            let group = Group {
                now: SimTime::ZERO + SimDuration::from_secs(now),
                desired: 2,
                instances: &[own],
                foresight: Some(&ahead),
                ..Group::empty(&responses)
            };
            state.scrape(&group);
            asked.push((now, state.decide(&group).instances));
        }
        // 40 · 0.03 / 0.6 = 2, and 20: 25 s before they are needed, which is when they must be asked for at the
        // latest, until ten seconds of it are over.
        let many: Vec<_> = asked
            .iter()
            .filter(|(_, n)| *n == 20)
            .map(|(at, _)| *at)
            .collect();
        assert_eq!((many.first(), many.last()), (Some(&35), Some(&65)));
        assert!(
            asked[1..].iter().all(|(_, n)| [2, 20].contains(n)),
            "{asked:?}"
        );
        assert_eq!(asked[0].1, 2, "as it is, before anything is known");
    }
}
