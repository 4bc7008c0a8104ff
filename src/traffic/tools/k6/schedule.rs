//! A constant rate, and a ramping number of users.

use super::K6Stage;
use crate::traffic::tools::{Step, Tick};
use crate::units::{SimDuration, SimTime};

/// Iterations at a constant rate: number k = 0, 1, … is due `k * unit / rate` after the start, as long as
/// that is before the end. Each instant is computed from k, so that nothing adds up.
///
/// k6 itself cuts `unit / rate` to whole nanoseconds before it multiplies, which makes it faster than what
/// it was told by at most rate per second / 1e9: one part in 100,000 at 10,000/s, nothing at 1,000/s.
#[derive(Debug, Clone)]
pub struct Even {
    start: SimTime,
    /// Iterations per unit.
    rate: u64,
    /// Nanoseconds.
    unit: u64,
    /// How many nanoseconds iterations are due.
    lasts: u64,
    /// How many iterations have been due.
    pub(super) n: u64,
}

impl Even {
    /// `rate` iterations per `unit` from `start` on, for as long as it `lasts`. None at a rate of 0 or
    /// for a unit of 0.
    pub fn new(start: SimTime, rate: u64, unit: SimDuration, lasts: SimDuration) -> Self {
        let (unit, lasts) = (unit.as_nanos(), lasts.as_nanos());
        let rate = if unit == 0 { 0 } else { rate };
        Self {
            start,
            rate,
            unit,
            lasts,
            n: 0,
        }
    }

    /// How many iterations are due in all.
    pub(in crate::traffic::tools) fn expected(&self) -> f64 {
        if self.unit == 0 {
            return 0.0;
        }
        self.lasts as f64 / self.unit as f64 * self.rate as f64
    }

    pub(in crate::traffic::tools) fn next(&mut self) -> Option<Tick> {
        let due = u128::from(self.n) * u128::from(self.unit);
        // Compared exactly, before it is rounded: a rate of 3/s has 3 iterations in a second, not 4.
        if due >= u128::from(self.lasts) * u128::from(self.rate) {
            return None;
        }
        self.n = self.n.checked_add(1)?;
        tick(self.start, (due / u128::from(self.rate)) as u64, 0)
    }
}

/// The tick `after` nanoseconds from `start`; nothing beyond the end of time.
pub(super) fn tick(start: SimTime, after: u64, phase: u32) -> Option<Tick> {
    let at = start + SimDuration::from_nanos(after);
    (at < SimTime::NEVER).then_some(Tick {
        at,
        phase,
        worker: 0,
    })
}

/// A number of users that follows stages, one user at a time.
///
/// In a stage from a to b users that takes D and ends at E, the number becomes v at
/// `E - D * (b - v) / (b - a)` on the way up, and `v - 1` at `E - D * (v - 1 - b) / (a - b)` on the way
/// down: the first of a ramp up comes after one gap, the last of a ramp down goes at its end. The share
/// is cut to whole nanoseconds, as in k6. `D = 0` jumps.
#[derive(Debug, Clone)]
pub struct RampingVus {
    /// Durations and targets of the stages, in order.
    stages: Vec<(SimDuration, u32)>,
    /// The stage that is on, and when it started.
    stage: usize,
    began: SimTime,
    /// How many users there were when it started, and how many there are.
    from: u32,
    now: u32,
    begun: bool,
}

impl RampingVus {
    /// `vus` users at `start`, then as `stages` say. Targets beyond `u32::MAX` count as that.
    pub fn new(start: SimTime, vus: u32, stages: &[K6Stage]) -> Self {
        let stage = |stage: &K6Stage| {
            let target = u32::try_from(stage.target.value).unwrap_or(u32::MAX);
            (stage.duration.span(), target)
        };
        Self {
            stages: stages.iter().map(stage).collect(),
            stage: 0,
            began: start,
            from: vus,
            now: vus,
            begun: false,
        }
    }

    pub(in crate::traffic::tools) fn next(&mut self) -> Option<Step> {
        if !self.begun {
            self.begun = true;
            if self.now > 0 {
                let (at, users) = (self.began, self.now);
                return Some(Step { at, users });
            }
        }
        loop {
            let &(lasts, to) = self.stages.get(self.stage)?;
            let end = self.began + lasts;
            if self.now == to {
                (self.began, self.from) = (end, to);
                self.stage += 1;
                continue;
            }
            if lasts == SimDuration::ZERO {
                self.now = to;
            } else if self.now < to {
                self.now += 1;
            } else {
                self.now -= 1;
            }
            let left = u128::from(lasts.as_nanos()) * u128::from(to.abs_diff(self.now))
                / u128::from(to.abs_diff(self.from));
            let at = self.began + (lasts - SimDuration::from_nanos(left as u64));
            let users = self.now;
            return (at < SimTime::NEVER).then_some(Step { at, users });
        }
    }
}
