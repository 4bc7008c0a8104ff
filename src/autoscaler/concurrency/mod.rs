//! Autoscaling by requests at a time and nothing else, as platforms that run containers for requests do it.
//!
//! Documented is little. Replit's autoscale deployments (docs.replit.com) add an instance above 80 requests at a time
//! per instance, up to the most that one allows, and go down to none after 15 minutes without requests. App Engine's
//! standard environment (`app.yaml`: `max_concurrent_requests` 10, `target_throughput_utilization` 0.6) starts another
//! instance when instances have more than that share of what each may have.
//!
//! The rule: as many instances as bear the requests that are inside, on average over a window, with so much of the limit
//! each; more at once, fewer when fewer have been enough for all of the idle time. Ours are the window, how often it
//! looks, and that the idle time holds for the group and not for each instance.

use std::collections::VecDeque;

use super::count::{Bounds, needed};
use super::kpa::max_window::MaxOverTime;
use super::sensor::Snapshot;
use super::{Clock, Decision, Describe, Group, Reason, Rule, Sight, Unit, compare};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration, SimTime};

/// The platforms whose settings it can have.
const PRESETS: &[spec::Preset] = crate::presets! {
    "app_engine": "presets/app_engine.toml",
    "replit": "presets/replit.toml",
};

spec! {
    /// By requests at a time: as many instances as it takes for each to have no more than its share.
    pub struct Concurrency {
        /// The platform whose settings it has, where none are given here.
        pub model: Option<At<String>>,
        /// The fewest instances. While there are none, requests are held, and the first of them starts one.
        pub min: At<u32> = At::built_in(1),
        /// The most instances.
        pub max: At<Count>,
        /// How many requests an instance is given at a time at most: the service's `max_connections` should be the
        /// same.
        pub max_concurrency: At<Count> = At::built_in(Count::new(80)),
        /// The share of that which an instance should have.
        pub target: At<Fraction> = At::built_in(Fraction::percent(100)),
        /// Over how long requests are averaged.
        pub window: At<SimDuration> = At::built_in(SimDuration::from_secs(10)),
        /// How often it looks, and measures.
        pub period: At<SimDuration> = At::built_in(SimDuration::from_secs(5)),
        /// For how long fewer instances must have been enough before there are fewer.
        pub idle: At<SimDuration> = At::built_in(SimDuration::from_secs(900)),
        /// How long requests are held while there is no instance.
        pub hold: At<SimDuration> = At::built_in(SimDuration::from_secs(30)),
    }
    presets(PRESETS)
    check(Self::check)
}

impl Concurrency {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range_from_zero(self.min, self.max, out);
        if self.target.value == Fraction::ZERO {
            let problem = "a target is more than 0";
            out.push(Diagnostic::error(self.target.origin, problem));
        }
        if self.period.value == SimDuration::ZERO {
            let problem = "it needs time between two looks";
            out.push(Diagnostic::error(self.period.origin, problem));
        }
        super::check_window(self.window, self.period, out);
    }
}

impl Describe for Concurrency {
    type State = State;

    fn start(&self) -> State {
        let (idle, period) = (self.idle.value, self.period.value);
        State {
            bounds: Bounds {
                min: self.min.value,
                max: self.max.get(),
            },
            each: f64::from(self.max_concurrency.get()) * self.target.get(),
            window: self.window.value.max(period),
            period,
            idle,
            most: (idle > SimDuration::ZERO).then(|| MaxOverTime::new(idle, period)),
            last: None,
            inside: VecDeque::new(),
        }
    }

    fn holds_requests(&self) -> Option<SimDuration> {
        (self.min.value == 0).then_some(self.hold.value)
    }
}

/// Scaling by concurrency at work.
#[derive(Debug, Clone)]
pub struct State {
    bounds: Bounds,
    /// Requests at a time that an instance should have.
    each: f64,
    window: SimDuration,
    period: SimDuration,
    idle: SimDuration,
    /// The most instances that were needed within the idle time; nothing if there is none.
    most: Option<MaxOverTime>,
    last: Option<Snapshot>,
    /// When it ended, and how many requests were inside on average: the stretches within the window, the oldest first.
    inside: VecDeque<(SimTime, f64)>,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: self.period,
            first: None,
            scrape: Some(self.period),
        }
    }

    fn adopts(&mut self, mut fresh: Self) {
        if self.idle == fresh.idle {
            fresh.most = self.most.take();
        }
        *self = Self {
            last: self.last.take(),
            inside: std::mem::take(&mut self.inside),
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        (self.bounds.min, self.bounds.max)
    }

    fn scrape(&mut self, group: &Group<'_>) {
        if let Some(last) = self.last.replace(Snapshot::of(group)) {
            let inside = super::sensor::in_flight_since(&last, group);
            self.inside.push_back((group.now, inside));
        }
        while let Some((at, _)) = self.inside.front()
            && *at + self.window <= group.now
        {
            self.inside.pop_front();
        }
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        if self.inside.is_empty() {
            return Decision {
                wanted: group.desired,
                instances: group.desired,
                reason: Reason::NoData,
                sight: None,
            };
        }
        let sum: f64 = self.inside.iter().map(|(_, own)| own).sum();
        let inside = sum / self.inside.len() as f64;
        let wanted = needed(inside, self.each);
        let (instances, _) = self.bounds.clamp(wanted.into());
        let kept = match &mut self.most {
            Some(most) => most.record(group.now, instances),
            None => instances,
        };
        let serving = f64::from(group.in_service().max(1));
        Decision {
            wanted,
            instances: kept,
            reason: if kept > instances && kept == group.desired {
                Reason::NotYetSure
            } else {
                compare(group.desired, wanted, kept, self.range())
            },
            sight: Some(Sight {
                what: "requests in flight per instance",
                unit: Unit::Count,
                value: Some(inside / serving),
                target: self.each,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::{Phase, Reading, RequestTime};
    use crate::stats::Histogram;

    /// Every five seconds a look, with so many requests inside of one instance since the last.
    fn looks(idle: u64, min: u32, inside: &[u64]) -> Vec<u32> {
        let spec = Concurrency {
            model: None,
            min: At::built_in(min),
            max: At::built_in(Count::new(6)),
            max_concurrency: At::built_in(Count::new(10)),
            target: At::built_in(Fraction::percent(60)),
            window: At::built_in(SimDuration::from_secs(10)),
            period: At::built_in(SimDuration::from_secs(5)),
            idle: At::built_in(SimDuration::from_secs(idle)),
            hold: At::built_in(SimDuration::from_secs(30)),
        };
        let (mut state, mut sum) = (spec.start(), 0);
        let responses = Histogram::default();
        let mut look = |at: usize, inside: u64| {
            sum += inside * 5_000_000_000;
            let own = Reading {
                place: 0,
                asked: SimTime::ZERO,
                phase: Phase::InService,
                started: Some(SimTime::ZERO),
                changed: Some(SimTime::ZERO),
                cpu: SimDuration::ZERO,
                in_flight: RequestTime::from_request_nanos(sum),
                n_done: 0,
                memory: None,
            };
            let group = Group {
                now: SimTime::ZERO + SimDuration::from_secs(5 * at as u64),
                desired: 1,
                instances: &[own],
                ..Group::empty(&responses)
            };
            state.scrape(&group);
            state.decide(&group).instances
        };
        look(0, 0);
        let inside = inside.iter().enumerate();
        inside.map(|(at, inside)| look(at + 1, *inside)).collect()
    }

    #[test]
    fn more_at_once_and_fewer_after_the_idle_time() {
        // Six each: 24 are four instances, 24 and 0 on average two, 90 more than there may be.
        assert_eq!(looks(0, 1, &[24, 0, 0, 90, 90]), [4, 2, 1, 6, 6]);
        assert_eq!(looks(15, 1, &[24, 0, 0, 0, 0]), [4, 4, 4, 2, 1]);
        assert_eq!(looks(0, 0, &[0, 7]), [0, 1]);
    }
}
