//! A rate that ramps: iterations are due where its integral reaches 1, 2, 3, …

use super::K6Stage;
use super::schedule::tick;
use crate::traffic::tools::Tick;
use crate::units::{SimDuration, SimTime};

/// A stage of a ramping rate.
#[derive(Debug, Clone, Copy)]
struct Stage {
    /// Iterations per unit at its start and at its end.
    from: u64,
    to: u64,
    /// Nanoseconds.
    lasts: u64,
}

/// Iterations at a rate that ramps linearly from target to target: number i = 1, 2, … is due where the
/// integral of the rate reaches i, so none is due at the very start. What a stage leaves of an iteration
/// is carried into the next.
///
/// k6 has `x = (f*D - sqrt(D*(f*f*D + 2*(i - n0)*(g - f))))/(f - g)` for a stage from rate f to g over D
/// that n0 iterations are due before, cut to whole nanoseconds. This is the same instant, in whole
/// numbers where they fit into 128 bits: which stage an iteration falls into is decided exactly, and so
/// is the nanosecond, except in stages of weeks at high rates.
#[derive(Debug, Clone)]
pub struct RampingRate {
    /// Nanoseconds that rates are per.
    unit: u64,
    stages: Vec<Stage>,
    /// The stage that is on, and when it started.
    stage: usize,
    began: SimTime,
    /// The integral up to its start, in iterations times twice the unit.
    done: u128,
    /// How many iterations have been due.
    n: u64,
}

impl RampingRate {
    /// `rate` iterations per `unit` at `start`, then as `stages` say. None for a unit of 0.
    pub fn new(start: SimTime, rate: u64, unit: SimDuration, stages: &[K6Stage]) -> Self {
        let mut from = rate;
        let stage = |stage: &K6Stage| {
            let (to, lasts) = (stage.target.value, stage.duration.span().as_nanos());
            Stage {
                from: std::mem::replace(&mut from, to),
                to,
                lasts,
            }
        };
        let stages = stages.iter().map(stage).collect();
        Self {
            unit: unit.as_nanos(),
            stages: if unit == SimDuration::ZERO {
                Vec::new()
            } else {
                stages
            },
            stage: 0,
            began: start,
            done: 0,
            n: 0,
        }
    }

    /// About how many iterations are due in all.
    pub(in crate::traffic::tools) fn expected(&self) -> f64 {
        let area: f64 = self.stages.iter().map(|stage| stage.area() as f64).sum();
        if self.unit == 0 {
            return 0.0;
        }
        area / (2.0 * self.unit as f64)
    }

    pub(in crate::traffic::tools) fn next(&mut self) -> Option<Tick> {
        let due = (2 * u128::from(self.unit)).checked_mul(u128::from(self.n) + 1)?;
        loop {
            let stage = self.stages.get(self.stage)?;
            let left = due - self.done;
            if left <= stage.area() {
                self.n += 1;
                let phase = self.stage as u32;
                return tick(self.began, stage.reaches(left), phase);
            }
            self.done = self.done.saturating_add(stage.area());
            self.began += SimDuration::from_nanos(stage.lasts);
            self.stage += 1;
        }
    }
}

impl Stage {
    /// Its integral, in iterations times twice the unit.
    fn area(self) -> u128 {
        (u128::from(self.from) + u128::from(self.to)).saturating_mul(u128::from(self.lasts))
    }

    /// The last nanosecond at which the integral is not above `area`, which is above 0 and not above
    /// that of the whole stage.
    fn reaches(self, area: u128) -> u64 {
        let guess = (self.estimate(area) as u64).min(self.lasts);
        let at_most = |x: u64| self.is_at_most(x, area);
        // The estimate is right, or one off; if not, halve.
        match (at_most(guess), at_most(guess.saturating_add(1))) {
            (None, _) | (_, None) => return guess,
            (Some(true), Some(false)) => return guess,
            _ if guess == self.lasts && at_most(guess) == Some(true) => return guess,
            _ => {}
        }
        let (mut low, mut high) = (0, self.lasts);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match at_most(middle) {
                Some(true) => low = middle,
                Some(false) => high = middle - 1,
                None => return guess,
            }
        }
        low
    }

    /// The root `M / (f + sqrt(f*f + (g - f)*M/D))`: k6's, without a difference of nearly equal numbers
    /// and without division by a slope that may be 0.
    fn estimate(self, area: u128) -> f64 {
        let (from, to, lasts) = (self.from as f64, self.to as f64, self.lasts as f64);
        let exact = || {
            let slope = i128::from(self.to) - i128::from(self.from);
            let bend = slope.checked_mul(i128::try_from(area).ok()?)?;
            let square = i128::from(self.from).checked_mul(i128::from(self.from))?;
            let under = square
                .checked_mul(i128::from(self.lasts))?
                .checked_add(bend)?;
            Some(under as f64 / lasts)
        };
        let area = area as f64;
        let rough = || {
            let square = from * from;
            square + (to - from) * (area / lasts)
        };
        let under = exact().unwrap_or_else(rough);
        let root = under.max(0.0).sqrt();
        (area / (from + root)).max(0.0)
    }

    /// Whether the integral of the first `x` nanoseconds is at most `area`; nothing if the numbers are
    /// too large to tell.
    fn is_at_most(self, x: u64, area: u128) -> Option<bool> {
        let (x, lasts) = (i128::from(x), i128::from(self.lasts));
        let slope = i128::from(self.to) - i128::from(self.from);
        let flat = (2 * i128::from(self.from)).checked_mul(x)?;
        let over = flat.checked_sub(i128::try_from(area).ok()?)?;
        let bend = slope.checked_mul(x.checked_mul(x)?)?;
        Some(lasts.checked_mul(over)?.checked_add(bend)? <= 0)
    }
}
