//! Puts the calls of a while together into one sample (Netflix's `WindowedLimit`).

use super::Sample;
use crate::units::{SimDuration, SimTime};

/// Calls shorter than this are left out.
const SHORTEST: SimDuration = SimDuration::from_nanos(100_000);
/// It takes as many calls to make a sample.
const FEWEST: u64 = 10;

/// The calls since the last window ended.
#[derive(Debug, Clone)]
pub(super) struct Window {
    length: SimDuration,
    /// The first call after this ends the window.
    due: SimTime,
    n: u64,
    /// Nanoseconds.
    sum: u128,
    inflight: u32,
    dropped: bool,
}

impl Window {
    pub(super) fn new(length: SimDuration) -> Self {
        Self {
            length,
            due: SimTime::ZERO,
            n: 0,
            sum: 0,
            inflight: 0,
            dropped: false,
        }
    }

    /// Takes a call in; gives the sample if there is one now.
    pub(super) fn add(&mut self, call: &Sample) -> Option<Sample> {
        if call.rtt < SHORTEST {
            return None;
        }
        self.n += 1;
        self.sum += u128::from(call.rtt.as_nanos());
        self.inflight = self.inflight.max(call.inflight);
        self.dropped |= call.dropped;
        if call.now <= self.due {
            return None;
        }
        let next = Self {
            due: call.now + self.length,
            ..Self::new(self.length)
        };
        let over = std::mem::replace(self, next);
        (over.n >= FEWEST).then(|| Sample {
            now: call.now,
            rtt: SimDuration::from_nanos((over.sum / u128::from(over.n)) as u64),
            inflight: over.inflight,
            dropped: over.dropped,
        })
    }
}
