//! What keeps an instance from using all the cores there are: a quota, and stalls.

use crate::policy::bandwidth::Bandwidth;
use crate::units::{SimDuration, SimTime};

/// Use that is not shown yet is gone when it is below this, in nanoseconds.
const CLOSE: f64 = 1.0;

/// A quota, and stalls.
///
/// What is used in a burst may be far more than the quota, though never on average over a period. Figures of
/// use are to be comparable with the quota, so what goes beyond it is shown right after the burst, at the rate
/// of the quota.
#[derive(Debug, Clone)]
pub struct Limits {
    bandwidth: Option<Bandwidth>,
    /// Cores that may be used on average.
    quota: f64,
    /// CPU time that has been used beyond the quota and is not shown yet, in nanoseconds.
    not_shown: f64,
    /// Stalls that are going on.
    stalls: u32,
}

impl Limits {
    /// No stalls yet, and this quota, if any: so many cores, as this account has it.
    pub fn new(quota: Option<(f64, Bandwidth)>) -> Self {
        let (quota, bandwidth) = quota.map_or((f64::INFINITY, None), |(q, b)| (q, Some(b)));
        Self {
            bandwidth,
            quota,
            not_shown: 0.0,
            stalls: 0,
        }
    }

    /// True if nothing runs because the budget is used up.
    pub fn is_throttled(&self) -> bool {
        self.bandwidth.as_ref().is_some_and(Bandwidth::is_throttled)
    }

    /// True if nothing runs.
    pub fn stops(&self) -> bool {
        self.stalls > 0 || self.is_throttled()
    }

    /// How many cores are in use if `wanted` could be: none while throttled; the one that stalls everything
    /// (a collector) while stalled.
    pub fn rate(&self, wanted: f64, cores: f64) -> f64 {
        if self.is_throttled() {
            0.0
        } else if self.stalls > 0 {
            cores.min(1.0)
        } else {
            wanted
        }
    }

    /// Brings everything up to date: for `span` up to now `rate` cores have been in use.
    pub fn advance(&mut self, now: SimTime, span: SimDuration, rate: f64) {
        if self.quota.is_finite() {
            let more = (rate - self.quota) * span.as_nanos() as f64;
            self.not_shown = (self.not_shown + more).max(0.0);
            if self.not_shown < CLOSE {
                self.not_shown = 0.0;
            }
        }
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.advance(now, rate);
            bandwidth.throttle_if_out();
        }
    }

    /// When something changes by itself, if `rate` cores are in use from now on.
    pub fn next(&self, now: SimTime, rate: f64) -> Option<SimTime> {
        let account = self.bandwidth.as_ref().and_then(|b| b.next(rate));
        let shown = (self.not_shown > 0.0 && rate < self.quota).then(|| {
            let span = (self.not_shown / (self.quota - rate)).ceil();
            now + SimDuration::from_nanos(span as u64)
        });
        match (account, shown) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// How much use is shown where `rate` cores are in use, in thousandths of a core.
    pub fn shown_milli(&self, rate: f64) -> u64 {
        let shown = if self.not_shown > 0.0 {
            self.quota
        } else {
            rate.min(self.quota)
        };
        (shown * 1000.0) as u64
    }

    /// A stall begins.
    pub fn stall(&mut self) {
        self.stalls += 1;
    }

    /// A stall ends.
    pub fn resume(&mut self) {
        self.stalls -= 1;
    }

    /// Starts over, as a new container does.
    pub fn clear(&mut self) {
        self.stalls = 0;
        self.not_shown = 0.0;
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.clear();
        }
    }
}
