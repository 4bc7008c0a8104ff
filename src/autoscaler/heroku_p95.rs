//! Heroku's autoscaling of web dynos.
//!
//! Documented (devcenter.heroku.com/articles/scaling#autoscaling, 2024-12): the wished 95th percentile of
//! the response time, a minimum and a maximum are set; from the throughput and response times of the past
//! hour Heroku computes the fewest dynos that should hold the wish at the present throughput; each change
//! adds or removes exactly one dyno; changes are at least a minute apart; it shrinks less eagerly than it
//! grows; a count outside the range is put into it at once.
//!
//! Not published is how it computes that fewest number, and how much less eagerly it shrinks. Ours: the
//! response time is taken to grow with the throughput per dyno `x` as `1 / (a - b x)`, as it does in a
//! queue, and `a` and `b` are fitted to the minutes of the past hour by least squares on the reciprocals.
//! As long as these minutes tell nothing about the slope, the response time is taken to be in proportion
//! to `x`. It removes a dyno after `patience` looks in a row that ask for fewer, and then counts again.

use std::collections::VecDeque;

use super::{Clock, Decision, Describe, Group, Reason, Rule, Sight, Unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};

/// How often it looks, and the least time between two changes.
const MINUTE: SimDuration = SimDuration::from_secs(60);
/// How many looks it remembers.
const HOUR: usize = 60;

spec! {
    /// Heroku's own autoscaling of web dynos: one dyno more or less, at most once a minute.
    pub struct HerokuP95 {
        /// The fewest dynos.
        pub min: At<Count>,
        /// The most dynos.
        pub max: At<Count>,
        /// The wished 95th percentile of the response time.
        pub target: At<SimDuration>,
        /// How many looks in a row must ask for fewer before one is removed. Heroku does not publish
        /// its own number.
        pub patience: At<Count> = At::built_in(Count::new(5)),
    }
    check(Self::check)
}

impl HerokuP95 {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        if self.target.value == SimDuration::ZERO {
            out.push(Diagnostic::error(
                self.target.origin,
                "the target must be longer than 0",
            ));
        }
    }
}

impl Describe for HerokuP95 {
    type State = State;

    fn start(&self) -> State {
        State {
            min: self.min.get(),
            max: self.max.get(),
            target: self.target.as_secs_f64(),
            patience: self.patience.get(),
            looks: VecDeque::with_capacity(HOUR),
            fewer_in_a_row: 0,
            last_change: None,
        }
    }
}

/// What it remembers.
#[derive(Debug, Clone)]
pub struct State {
    min: u32,
    max: u32,
    /// Seconds.
    target: f64,
    patience: u32,
    /// Throughput per dyno and p95 in seconds, of the past hour.
    looks: VecDeque<(f64, f64)>,
    fewer_in_a_row: u32,
    last_change: Option<SimTime>,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: MINUTE,
            first: Some(MINUTE),
            scrape: None,
        }
    }

    fn adopts(&mut self, fresh: Self) {
        *self = Self {
            looks: std::mem::take(&mut self.looks),
            fewer_in_a_row: std::mem::take(&mut self.fewer_in_a_row),
            last_change: std::mem::take(&mut self.last_change),
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        (self.min, self.max)
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let (dynos, p95) = (group.desired, group.responses.quantile(0.95));
        let wanted = self.required(group);
        let sight = Some(Sight {
            what: "response time p95",
            unit: Unit::Seconds,
            value: p95.map(SimDuration::as_secs_f64),
            target: self.target,
        });
        self.fewer_in_a_row = if wanted < dynos {
            self.fewer_in_a_row + 1
        } else {
            0
        };
        let since = self.last_change.map(|last| group.now.since(last));
        let instances = step(dynos, wanted, since, (self.min, self.max));
        if instances < dynos && dynos <= self.max && self.fewer_in_a_row < self.patience {
            return Decision {
                wanted,
                instances: dynos,
                reason: Reason::NotYetSure,
                sight,
            };
        }
        let reason = self.reason(dynos, wanted, instances);
        if instances != dynos {
            self.last_change = Some(group.now);
            self.fewer_in_a_row = 0;
        }
        Decision {
            wanted,
            instances,
            reason,
            sight,
        }
    }
}

impl State {
    fn reason(&self, before: u32, wanted: u32, after: u32) -> Reason {
        if !(self.min..=self.max).contains(&before) {
            Reason::OutOfRange
        } else if after > before {
            Reason::TooFew
        } else if after < before {
            Reason::TooMany
        } else if wanted == before {
            Reason::Right
        } else if wanted > before && before == self.max || wanted < before && before == self.min {
            Reason::AtLimit
        } else {
            Reason::TooSoon
        }
    }

    /// The fewest dynos that should hold the target at the present throughput.
    fn required(&mut self, group: &Group<'_>) -> u32 {
        let Some(p95) = group.responses.quantile(0.95) else {
            return self.min;
        };
        let now = group.responses.n() as f64 / MINUTE.as_secs_f64();
        // What the last ones answered on their way out was answered by one at least.
        let (dynos, p95) = (f64::from(group.desired.max(1)), p95.as_secs_f64());
        if self.looks.len() == HOUR {
            self.looks.pop_front();
        }
        self.looks.push_back((now / dynos, p95));
        let needed = match self.bearable_load() {
            Some(per_dyno) => now / per_dyno,
            None => dynos * p95 / self.target,
        };
        let needed = needed.ceil().clamp(1.0, f64::from(u32::MAX)) as u32;
        // Whatever the fit says: over the target now is over the target.
        if p95 > self.target {
            needed.max(group.desired + 1)
        } else {
            needed
        }
    }

    /// The highest throughput per dyno whose fitted response time holds the target; nothing if the past
    /// hour does not tell.
    fn bearable_load(&self) -> Option<f64> {
        let n = self.looks.len() as f64;
        let mean_x = self.looks.iter().map(|(x, _)| x).sum::<f64>() / n;
        let mean_y = self.looks.iter().map(|(_, p95)| 1.0 / p95).sum::<f64>() / n;
        let spread: f64 = self
            .looks
            .iter()
            .map(|(x, _)| (x - mean_x) * (x - mean_x))
            .sum();
        let joint: f64 = self
            .looks
            .iter()
            .map(|(x, p95)| (x - mean_x) * (1.0 / p95 - mean_y))
            .sum();
        // Loads within a few percent of one another say more about noise than about load.
        if (spread / n).sqrt() < 0.05 * mean_x || joint >= 0.0 {
            return None;
        }
        let slope = -joint / spread;
        let at_rest = mean_y + slope * mean_x;
        let bearable = (at_rest - 1.0 / self.target) / slope;
        (bearable > 0.0).then_some(bearable)
    }
}

/// What Heroku makes of a wish: one dyno at a time, a minute apart, within the range; a count outside the
/// range is put into it at once. `since` is the time since the last change, nothing if there was none.
pub fn step(dynos: u32, required: u32, since: Option<SimDuration>, range: (u32, u32)) -> u32 {
    let (min, max) = range;
    if !(min..=max).contains(&dynos) {
        return dynos.clamp(min, max);
    }
    if since.is_some_and(|since| since < MINUTE) {
        return dynos;
    }
    let towards = match required.cmp(&dynos) {
        std::cmp::Ordering::Greater => dynos + 1,
        std::cmp::Ordering::Less => dynos - 1,
        std::cmp::Ordering::Equal => dynos,
    };
    towards.clamp(min, max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Histogram;

    /// The documented behaviour, case by case.
    #[test]
    fn one_dyno_a_minute_within_the_range() {
        let after = |seconds| Some(SimDuration::from_secs(seconds));
        assert_eq!(step(3, 6, after(120), (1, 10)), 4);
        assert_eq!(step(6, 3, after(120), (1, 10)), 5);
        assert_eq!(step(3, 6, after(60), (1, 10)), 4, "a full minute is enough");
        assert_eq!(step(3, 6, after(59), (1, 10)), 3);
        assert_eq!(
            step(12, 12, after(10), (1, 8)),
            8,
            "a range is enforced at once"
        );
        assert_eq!(step(2, 1, after(600), (2, 10)), 2);
        assert_eq!(step(10, 20, None, (1, 10)), 10);
    }

    fn look(state: &mut State, minute: u64, instances: u32, rps: f64, p95_ms: u64) -> Decision {
        let mut responses = Histogram::default();
        for _ in 0..(rps * 60.0) as u32 {
            responses.record(SimDuration::from_nanos(p95_ms * 1_000_000));
        }
        state.decide(&Group {
            now: SimTime::ZERO + SimDuration::from_secs(60 * minute),
            desired: instances,
            instances: &[],
            cpus: 1.0,
            memory: None,
            responses: &responses,
            ended: 0,
            failed: 0,
            backlogs: &[],
            held: 0,
            foresight: None,
        })
    }

    fn start() -> State {
        HerokuP95 {
            min: At::built_in(Count::new(2)),
            max: At::built_in(Count::new(6)),
            target: At::built_in(SimDuration::from_nanos(500_000_000)),
            patience: At::built_in(Count::new(3)),
        }
        .start()
    }

    #[test]
    fn grows_every_minute_under_overload_and_stops_at_the_maximum() {
        let mut state = start();
        let counts: Vec<_> = (1..=6)
            .scan(4, |instances, minute| {
                let decision = look(&mut state, minute, *instances, 400.0, 900);
                *instances = decision.instances;
                Some((decision.instances, decision.reason))
            })
            .collect();
        assert_eq!(counts[..2], [(5, Reason::TooFew), (6, Reason::TooFew)]);
        assert_eq!(counts[5], (6, Reason::AtLimit));
    }

    #[test]
    fn shrinks_only_when_sure() {
        let mut state = start();
        let first = look(&mut state, 1, 5, 50.0, 20);
        assert_eq!((first.instances, first.reason), (5, Reason::NotYetSure));
        assert_eq!(look(&mut state, 2, 5, 50.0, 20).instances, 5);
        assert_eq!(look(&mut state, 3, 5, 50.0, 20).instances, 4);
    }

    /// Response times drawn from `1 / (20 - x / 10)`: 500 ms is reached at 180 per dyno and second.
    #[test]
    fn learns_the_load_that_a_dyno_bears() {
        let mut state = start();
        for (minute, per_dyno) in [(1, 40.0), (2, 100.0), (3, 160.0)] {
            let p95_ms = (1000.0 / (20.0 - per_dyno / 10.0)) as u64;
            look(&mut state, minute, 3, 3.0 * per_dyno, p95_ms);
        }
        let bearable = state.bearable_load().expect("three loads tell");
        assert!((178.0..=182.0).contains(&bearable), "{bearable}");
        assert_eq!(look(&mut state, 4, 3, 480.0, 249).wanted, 3);
        assert_eq!(look(&mut state, 5, 5, 300.0, 71).wanted, 2);
    }
}
