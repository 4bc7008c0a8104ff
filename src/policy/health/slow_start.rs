//! Slow start: a server that has just come gets its full share of the requests only by and by.
//!
//! Sources: Envoy's slow start mode (`weight * max(min_weight_percent, (t / window)^(1 / aggression))`);
//! HAProxy's `slowstart` (`server.c`: linear, looked at every `max(1 s, T / 20)`); AWS's target groups
//! (linear; no target ramps while no healthy one beside it is at its full share).

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::math;
use crate::spec;
use crate::spec::At;
use crate::units::{Fraction, SimDuration, SimTime};

spec! {
    /// How the share of a server grows in its slow start: to `max(min_weight, (t / window)^(1 / aggression))` of
    /// its weight, `t` after it has come.
    pub struct SlowStartRules {
        /// 1: the share grows evenly; more: faster at first.
        pub aggression: At<f64> = At::built_in(1.0),
        /// The share with which it begins.
        pub min_weight: At<Fraction> = At::built_in(Fraction::percent(1)),
        /// Whether the share is looked at only every twentieth of the time, or every second if that is longer
        /// (HAProxy).
        pub in_steps: bool = false,
        /// Whether the number of requests that may be under way at it grows with its share (HAProxy).
        pub limits_too: bool = false,
        /// Whether a server is spared only where a healthy one beside it has its full share (AWS).
        pub beside_others: bool = false,
    }
    check(Self::check)
}

impl SlowStartRules {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if !(self.aggression.value > 0.0 && self.aggression.value <= 1000.0) {
            let problem = "a share grows with an aggression above 0, and at most 1000";
            out.push(Diagnostic::error(self.aggression.origin, problem));
        }
        if self.min_weight.value == Fraction::ZERO {
            let problem = "a server that begins with nothing cannot be shared out requests";
            let help = "write min_weight = \"1%\"";
            out.push(Diagnostic::error(self.min_weight.origin, problem).help(help));
        }
    }

    /// These rules over a window.
    pub fn over(&self, window: SimDuration) -> SlowStart {
        SlowStart {
            window,
            aggression: self.aggression.value,
            least: self.min_weight.value.get(),
            in_steps: self.in_steps,
            limits_too: self.limits_too,
            beside_others: self.beside_others,
        }
    }
}

impl Default for SlowStartRules {
    fn default() -> Self {
        spec::read_empty()
    }
}

/// The rules of a slow start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowStart {
    window: SimDuration,
    aggression: f64,
    least: f64,
    in_steps: bool,
    limits_too: bool,
    beside_others: bool,
}

impl SlowStart {
    /// The shortest time between two looks of those that look now and then.
    const SHORTEST_STEP: SimDuration = SimDuration::from_nanos(1_000_000_000);

    /// The time between two looks, in nanoseconds.
    fn step(&self) -> u64 {
        let step = self.window.as_nanos() / 20;
        step.max(Self::SHORTEST_STEP.as_nanos())
    }

    /// How long after `now` it is looked at how many more requests a server may have that came at `since`: at each
    /// step, and when it has its full share; nothing once that is so.
    pub fn next_look(&self, since: SimTime, now: SimTime) -> Option<SimDuration> {
        let (age, window) = (now.since(since).as_nanos(), self.window.as_nanos());
        let next = (age / self.step() + 1) * self.step();
        // Whoever looks in steps sees that it is over at a step.
        let end = if self.in_steps {
            window.div_ceil(self.step()).saturating_mul(self.step())
        } else {
            window
        };
        (age < end).then(|| SimDuration::from_nanos(next.min(end) - age))
    }

    /// True if the limit of a server grows with its share.
    pub fn limits_too(&self) -> bool {
        self.limits_too
    }

    /// True if a server that comes now starts slowly; `is_another_full` says that a healthy server beside it
    /// has its full share. Those that are there when a run begins have come long ago.
    pub fn applies(&self, now: SimTime, is_another_full: bool) -> bool {
        now > SimTime::ZERO && (is_another_full || !self.beside_others)
    }

    /// The share of its weight that a server has at `now` that came at `since`; nothing once it has all of it.
    pub fn share(&self, since: SimTime, now: SimTime) -> Option<f64> {
        let mut age = now.since(since).as_nanos();
        if self.in_steps {
            age -= age % self.step();
        }
        if age >= self.window.as_nanos() {
            return None;
        }
        let part = age as f64 / self.window.as_nanos() as f64;
        Some(math::powf(part, 1.0 / self.aggression).max(self.least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: f64) -> SimTime {
        SimTime::ZERO + SimDuration::from_nanos_f64(secs * 1e9)
    }

    fn shares(rules: &SlowStartRules, ages: [f64; 4]) -> [Option<f64>; 4] {
        let rules = rules.over(SimDuration::from_secs(60));
        ages.map(|age| {
            let share = rules.share(at(100.0), at(100.0 + age));
            share.map(|share| (share * 1e4).round() / 1e4)
        })
    }

    /// Envoy's documentation: a factor of `(t / window)^(1 / aggression)`, not below 10 %.
    #[test]
    fn envoys_share_grows_as_documented() {
        let mut rules = SlowStartRules {
            min_weight: At::built_in(Fraction::percent(10)),
            ..SlowStartRules::default()
        };
        let ages = [1.0, 15.0, 59.9, 60.0];
        assert_eq!(
            shares(&rules, ages),
            [Some(0.1), Some(0.25), Some(0.9983), None]
        );
        rules.aggression = At::built_in(2.0);
        assert_eq!(
            shares(&rules, ages),
            [Some(0.1291), Some(0.5), Some(0.9992), None]
        );
    }

    /// HAProxy's `slowstart 60s` is looked at every 3 s; one of 10 s would be every second.
    #[test]
    fn haproxys_share_grows_in_steps() {
        let rules = SlowStartRules {
            in_steps: true,
            ..SlowStartRules::default()
        };
        let found = shares(&rules, [2.9, 3.0, 5.9, 59.9]);
        assert_eq!(found, [Some(0.01), Some(0.05), Some(0.05), Some(0.95)]);
        let short = rules.over(SimDuration::from_secs(10));
        assert_eq!(short.share(at(1.0), at(2.9)), Some(0.1));
        // One of 2.5 s has its full share with the third look.
        let odd = rules.over(SimDuration::from_nanos(2_500_000_000));
        let looks = |own: &SlowStart| {
            let mut now = at(1.0);
            std::iter::from_fn(|| {
                now += own.next_look(at(1.0), now)?;
                Some((now.since(at(1.0)).as_secs_f64(), own.share(at(1.0), now)))
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(
            looks(&odd),
            [(1.0, Some(0.4)), (2.0, Some(0.8)), (3.0, None)]
        );
        let even = SlowStartRules::default().over(SimDuration::from_nanos(1_500_000_000));
        assert_eq!(looks(&even).last(), Some(&(1.5, None)));
    }

    /// AWS: the first targets of an empty group start at once, and nobody is spared at the beginning of a run.
    #[test]
    fn some_start_at_once() {
        let alb = SlowStartRules {
            beside_others: true,
            ..SlowStartRules::default()
        };
        let (alb, envoy) = (
            alb.over(SimDuration::from_secs(30)),
            SlowStartRules::default().over(SimDuration::from_secs(30)),
        );
        assert!(!alb.applies(at(5.0), false) && alb.applies(at(5.0), true));
        assert!(envoy.applies(at(5.0), false));
        assert!(!envoy.applies(at(0.0), true) && !alb.applies(at(0.0), true));
    }
}
