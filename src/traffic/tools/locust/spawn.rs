//! How Locust gets from one number of users to another.

use super::LocustStage;
use crate::traffic::tools::Step;
use crate::units::{SimDuration, SimTime};

/// A target, and how fast it is approached.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Dispatch {
    /// When Locust is told.
    from: SimTime,
    users: u32,
    rate: f64,
}

/// Users in batches of `max(1, floor(rate))`, the first at once and the others every `batch / rate`
/// seconds, the last one smaller if it must be; down just as up. A new target starts afresh from the
/// number that has been reached.
#[derive(Debug, Clone)]
pub struct Spawning {
    dispatches: Vec<Dispatch>,
    /// Which one is on, and how many batches of it have gone out.
    dispatch: usize,
    n: u32,
    now: u32,
}

/// When a shape that is asked once a second notices that so much time has gone by.
pub(super) fn polled(span: SimDuration) -> SimTime {
    const SECOND: u64 = 1_000_000_000;
    let seconds = span.as_nanos().div_ceil(SECOND);
    SimTime::ZERO + SimDuration::from_nanos(seconds.saturating_mul(SECOND))
}

impl Spawning {
    /// `users` at `rate` per second, from the start.
    pub(super) fn run(users: u32, rate: f64) -> Self {
        let from = SimTime::ZERO;
        Self::new(vec![Dispatch { from, users, rate }])
    }

    /// The stages of a shape. A stage that wants the same as the one before is not dispatched anew.
    pub(super) fn shape(stages: &[LocustStage]) -> Self {
        let mut from = SimTime::ZERO;
        let mut dispatches: Vec<Dispatch> = Vec::new();
        for stage in stages {
            let until = polled(stage.duration.span());
            let (users, rate) = (stage.users.value, stage.spawn_rate.value);
            let same = |last: &Dispatch| (last.users, last.rate) == (users, rate);
            // A stage that is over before the next second is never seen.
            if until > from && !dispatches.last().is_some_and(same) {
                dispatches.push(Dispatch { from, users, rate });
            }
            from = from.max(until);
        }
        Self::new(dispatches)
    }

    fn new(dispatches: Vec<Dispatch>) -> Self {
        Self {
            dispatches,
            dispatch: 0,
            n: 0,
            now: 0,
        }
    }

    pub(in crate::traffic::tools) fn next(&mut self) -> Option<Step> {
        loop {
            let dispatch = self.dispatches.get(self.dispatch)?;
            let at = dispatch.from + dispatch.gaps(self.n);
            let following = self.dispatches.get(self.dispatch + 1);
            let over = following.is_some_and(|next| at >= next.from);
            if self.now == dispatch.users || over {
                self.dispatch += 1;
                self.n = 0;
                continue;
            }
            if at == SimTime::NEVER {
                return None;
            }
            let batch = dispatch.batch();
            self.n = self.n.saturating_add(1);
            self.now = if self.now < dispatch.users {
                self.now.saturating_add(batch).min(dispatch.users)
            } else {
                self.now.saturating_sub(batch).max(dispatch.users)
            };
            return Some(Step {
                at,
                users: self.now,
            });
        }
    }
}

impl Dispatch {
    /// Users at a time.
    fn batch(self) -> u32 {
        (self.rate as u32).max(1)
    }

    /// How long `n` gaps between batches are.
    fn gaps(self, n: u32) -> SimDuration {
        if n == 0 {
            return SimDuration::ZERO;
        }
        let gap = f64::from(self.batch()) / self.rate;
        SimDuration::from_secs_f64(f64::from(n) * gap)
    }
}
