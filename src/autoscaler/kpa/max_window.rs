//! The largest count of the recent past.
//!
//! Source: `pkg/autoscaler/aggregation/max/{window,timewindow}.go`.

use std::collections::VecDeque;

use crate::units::{SimDuration, SimTime};

/// The largest of the values whose index is less than `size` behind the newest one.
#[derive(Debug, Clone)]
pub struct MaxWindow {
    size: u64,
    /// Index and value of what may become the largest yet: indexes ascend, values descend.
    candidates: VecDeque<(u64, u32)>,
}

impl MaxWindow {
    /// An empty window over `size` indexes, 1 at least.
    pub fn new(size: u64) -> Self {
        assert!(size > 0, "a window holds something");
        Self {
            size,
            candidates: VecDeque::new(),
        }
    }

    /// Takes up a value and says which is the largest now. Indexes never descend; of several values with
    /// the same index the largest counts.
    pub fn record(&mut self, index: u64, value: u32) -> u32 {
        while self.candidates.back().is_some_and(|own| own.1 <= value) {
            self.candidates.pop_back();
        }
        while self
            .candidates
            .front()
            .is_some_and(|own| index.saturating_sub(own.0) >= self.size)
        {
            self.candidates.pop_front();
        }
        // One of the same index that is still there is larger.
        if self.candidates.back().is_none_or(|own| own.0 != index) {
            self.candidates.push_back((index, value));
        }
        self.candidates.front().map_or(value, |own| own.1)
    }
}

/// The same over time: what falls into the same bucket of time has the same index.
#[derive(Debug, Clone)]
pub struct MaxOverTime {
    bucket: SimDuration,
    window: MaxWindow,
}

impl MaxOverTime {
    /// An empty window of a length, in buckets; both are longer than 0.
    pub fn new(length: SimDuration, bucket: SimDuration) -> Self {
        assert!(bucket > SimDuration::ZERO, "a bucket has a length");
        Self {
            bucket,
            window: MaxWindow::new(length.as_nanos().div_ceil(bucket.as_nanos())),
        }
    }

    /// Takes up a value and says which is the largest now.
    pub fn record(&mut self, now: SimTime, value: u32) -> u32 {
        let index = now.as_nanos() / self.bucket.as_nanos();
        self.window.record(index, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_the_largest_of_the_recent_ones(
            size in 1_u64..6,
            steps in prop::collection::vec((0_u64..4, 0_u32..9), 1..40),
        ) {
            let mut window = MaxWindow::new(size);
            let (mut index, mut all) = (0, Vec::new());
            for (ahead, value) in steps {
                index += ahead;
                all.push((index, value));
                let recent = all.iter().filter(|own| index - own.0 < size);
                let largest = recent.map(|own| own.1).max();
                prop_assert_eq!(Some(window.record(index, value)), largest);
            }
        }
    }
}
