//! Scheduled actions of EC2 Auto Scaling over the instances of a service: what an action does is in
//! [`super::aws::scheduled`], when it does it is here.
//!
//! An action changes the bounds of the group and, if it says so, how many instances there are. The bounds hold for
//! everybody who scales the group from then on, beside what each of them is bound to itself; that is how a schedule goes
//! together with an autoscaler. Nothing holds an action back.

use super::aws::scheduled::{Action, carry_out};
use super::count::Bounds;
use super::{Clock, Decision, Describe, Group, Reason, Rule, compare};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};

spec! {
    /// Other bounds, or another number of instances, from given times on; beside an autoscaler or without one.
    pub struct Scheduled {
        /// The fewest instances before the first action.
        pub min: Option<At<u32>>,
        /// The most instances before the first action.
        pub max: Option<At<Count>>,
        /// What is done when. Of several at the same time the last one counts.
        pub actions: Vec<ScheduledAction>,
        /// How late actions are. AWS allows itself up to two minutes.
        pub late: SimDuration = SimDuration::ZERO,
    }
    check(Self::check)
}

spec! {
    /// Other bounds, or another number of instances, from a time on: `{ at = "10m", min = 20, desired = 30 }`. What is
    /// not given stays as it is.
    pub struct ScheduledAction {
        /// When, since the start of the run.
        pub at: At<SimDuration>,
        /// After which time it is repeated, again and again: a day, a week. Never unless given.
        pub every: Option<At<SimDuration>>,
        /// The fewest instances from then on.
        pub min: Option<At<u32>>,
        /// The most instances from then on.
        pub max: Option<At<Count>>,
        /// How many instances there shall be.
        pub desired: Option<At<u32>>,
    }
    check(Self::check)
}

impl ScheduledAction {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        if self.min.is_none() && self.max.is_none() && self.desired.is_none() {
            let problem = "this action does nothing";
            let error = Diagnostic::error(table, problem);
            out.push(error.label("needs `min`, `max` or `desired`"));
        }
        if let Some(every) = self.every
            && every.value < SimDuration::from_secs(60)
        {
            let problem = "an action is repeated every minute at most";
            out.push(Diagnostic::error(every.origin, problem).label("at least 1m"));
        }
    }

    fn action(&self) -> Action {
        Action {
            min: self.min.map(|own| own.value),
            max: self.max.map(|own| own.get()),
            desired: self.desired.map(|own| own.value),
        }
    }
}

impl Scheduled {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        if self.actions.is_empty() {
            let problem = "a schedule without actions does nothing";
            out.push(Diagnostic::error(table, problem).label("needs `actions`"));
        }
        // As they come for the first time.
        let mut actions: Vec<_> = self.actions.iter().collect();
        actions.sort_by_key(|own| own.at.value);
        let (mut min, mut max) = (self.min, self.max);
        check_bounds(min, max, None, out);
        for own in actions {
            let before = (min.map(|own| own.value), max.map(|own| own.value));
            (min, max) = (own.min.or(min), own.max.or(max));
            let has_changed = before != (min.map(|own| own.value), max.map(|own| own.value));
            if has_changed || own.desired.is_some() {
                check_bounds(min, max, own.desired, out);
            }
        }
    }
}

/// Reports bounds that contradict each other, and a number outside of them.
fn check_bounds(
    min: Option<At<u32>>,
    max: Option<At<Count>>,
    desired: Option<At<u32>>,
    out: &mut Diagnostics,
) {
    if let (Some(min), Some(max)) = (min, max)
        && min.value > max.get()
    {
        super::check_range_from_zero(min, max, out);
        return;
    }
    let Some(desired) = desired else { return };
    let problem = "this number is outside the bounds that hold then";
    if let Some(min) = min.filter(|min| desired.value < min.value) {
        let label = format!("at least {}", min.value);
        out.push(Diagnostic::error(desired.origin, problem).related(min.origin, label));
    } else if let Some(max) = max.filter(|max| desired.value > max.get()) {
        let label = format!("at most {}", max.value);
        out.push(Diagnostic::error(desired.origin, problem).related(max.origin, label));
    }
}

impl Describe for Scheduled {
    type State = State;

    fn start(&self) -> State {
        let actions = self.actions.iter().map(|own| Planned {
            first: SimTime::ZERO + own.at.value + self.late,
            every: own.every.map(|own| own.value),
            action: own.action(),
        });
        State {
            actions: actions.collect(),
            bounds: Bounds {
                min: self.min.map_or(0, |own| own.value),
                max: self.max.map_or(Bounds::UNLIMITED, |own| own.get()),
            },
        }
    }
}

/// An action, and when it happens.
#[derive(Debug, Clone, Copy)]
struct Planned {
    first: SimTime,
    every: Option<SimDuration>,
    action: Action,
}

impl Planned {
    /// True if it happens now.
    fn is_due(&self, now: SimTime) -> bool {
        let since = now.since(self.first).as_nanos();
        match self.every {
            _ if now < self.first => false,
            None => since == 0,
            Some(every) => since.is_multiple_of(every.as_nanos()),
        }
    }

    /// When it happens next after now.
    fn next(&self, now: SimTime) -> SimTime {
        match self.every {
            _ if now < self.first => self.first,
            None => SimTime::NEVER,
            Some(every) => {
                let times = now.since(self.first).as_nanos() / every.as_nanos() + 1;
                let nanos = every.as_nanos().saturating_mul(times);
                SimTime::from_nanos(self.first.as_nanos().saturating_add(nanos))
            }
        }
    }
}

/// A schedule at work.
#[derive(Debug, Clone)]
pub struct State {
    actions: Vec<Planned>,
    bounds: Bounds,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        let every = self.actions.iter().filter_map(|own| own.every).min();
        let first = self.actions.iter().map(|own| own.first).min();
        Clock {
            period: every.unwrap_or(SimDuration::from_secs(60)),
            first: Some(first.unwrap_or(SimTime::NEVER).since(SimTime::ZERO)),
            scrape: None,
        }
    }

    /// The bounds that hold go on to do so.
    fn adopts(&mut self, fresh: Self) {
        *self = Self {
            bounds: self.bounds,
            ..fresh
        };
    }

    fn next(&self, now: SimTime) -> SimTime {
        let next = self.actions.iter().map(|own| own.next(now)).min();
        next.unwrap_or(SimTime::NEVER)
    }

    fn holds_to(&self) -> Bounds {
        self.bounds
    }

    /// It has had no say yet, but for the bounds that it holds everybody to.
    fn range_at_start(&self) -> Option<(u32, u32)> {
        None
    }

    /// Room for what it asks for; from how many on depends on when.
    fn range(&self) -> (u32, u32) {
        let asked = self.actions.iter().flat_map(|own| {
            let Action { min, max, desired } = own.action;
            [min, max, desired].into_iter().flatten()
        });
        let own = Some(self.bounds.max).filter(|max| *max != Bounds::UNLIMITED);
        let most = asked.chain(own).chain([self.bounds.min]).max();
        (0, most.unwrap_or(0))
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let (mut desired, mut wanted) = (group.desired, group.desired);
        for own in self.actions.iter().filter(|own| own.is_due(group.now)) {
            let (bounds, outcome) = carry_out(own.action, self.bounds, desired);
            self.bounds = bounds;
            (desired, wanted) = (outcome.instances, outcome.wish);
        }
        let reason = if desired == group.desired {
            Reason::Right
        } else if wanted == desired {
            Reason::Own("as scheduled")
        } else {
            compare(
                group.desired,
                wanted,
                desired,
                (self.bounds.min, self.bounds.max),
            )
        };
        Decision {
            wanted,
            instances: desired,
            reason,
            sight: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Histogram;

    fn action(at: u64, every: Option<u64>, set: [Option<u32>; 3]) -> ScheduledAction {
        let [min, max, desired] = set;
        ScheduledAction {
            at: At::built_in(SimDuration::from_secs(at)),
            every: every.map(|own| At::built_in(SimDuration::from_secs(own))),
            min: min.map(At::built_in),
            max: max.map(|own| At::built_in(Count::new(own))),
            desired: desired.map(At::built_in),
        }
    }

    /// When it acts within an hour, what it asks for then, and what it holds everybody to.
    fn hour(schedule: &Scheduled) -> Vec<(u64, u32, Bounds)> {
        let mut state = schedule.start();
        let mut at = SimTime::ZERO + state.clock().first.expect("it knows when it acts");
        let (mut desired, mut all) = (4, Vec::new());
        while at.as_secs_f64() <= 3600.0 {
            let said = state.decide(&Group {
                now: at,
                desired,
                ..Group::empty(&Histogram::default())
            });
            desired = said.instances;
            all.push((at.as_secs_f64() as u64, desired, state.holds_to()));
            at = state.next(at);
        }
        all
    }

    #[test]
    fn actions_come_at_their_times_again_and_again() {
        let schedule = Scheduled {
            min: None,
            max: None,
            actions: vec![
                action(600, None, [Some(10), Some(40), None]),
                action(900, Some(1200), [None, None, Some(20)]),
                action(2400, None, [Some(2), Some(8), None]),
            ],
            late: SimDuration::from_secs(30),
        };
        let bounds = |min, max| Bounds { min, max };
        assert_eq!(
            hour(&schedule),
            [
                (630, 10, bounds(10, 40)),
                (930, 20, bounds(10, 40)),
                (2130, 20, bounds(10, 40)),
                (2430, 8, bounds(2, 8)),
                (3330, 8, bounds(2, 8)),
            ]
        );
    }
}
