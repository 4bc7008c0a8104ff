//! Time averages of a level: a queue length, the number of busy servers.

use crate::units::SimTime;

/// A whole-number level that steps up and down, and its integral over time.
///
/// A step costs one addition: the integral up to `t` is `level × t` minus the instants of the steps up
/// plus those of the steps down. The sums wrap around, which does no harm as long as the integral over
/// the span asked for stays below 2^64 (a million for five hours); the recorder asks at every window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Level {
    now: u64,
    /// Minus the instants of the steps up, plus those of the steps down, modulo 2^64.
    steps: u64,
    highest: u64,
}

impl Level {
    /// Steps up by `n` at `at`.
    #[inline]
    pub fn up(&mut self, at: SimTime, n: u64) {
        self.now += n;
        self.steps = self.steps.wrapping_sub(at.as_nanos().wrapping_mul(n));
        self.highest = self.highest.max(self.now);
    }

    /// Steps down by `n` at `at`.
    #[inline]
    pub fn down(&mut self, at: SimTime, n: u64) {
        self.now -= n;
        self.steps = self.steps.wrapping_add(at.as_nanos().wrapping_mul(n));
    }

    /// Steps to `level` at `at`.
    #[inline]
    pub fn set(&mut self, at: SimTime, level: u64) {
        if level > self.now {
            self.up(at, level - self.now);
        } else {
            self.down(at, self.now - level);
        }
    }

    /// The level now.
    #[inline]
    pub fn get(&self) -> u64 {
        self.now
    }

    /// The highest level since it was last asked for; starts again from the present one.
    pub fn take_highest(&mut self) -> u64 {
        std::mem::replace(&mut self.highest, self.now)
    }

    /// The integral of the level over time up to `at`, in nanoseconds, modulo 2^64: the difference of
    /// two is the integral between them.
    pub fn integral(&self, at: SimTime) -> u64 {
        self.now
            .wrapping_mul(at.as_nanos())
            .wrapping_add(self.steps)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the sum of rectangles.
        #[test]
        fn integral_is_the_area_under_the_steps(
            steps in prop::collection::vec((1u64..1 << 40, 0u64..1000), 1..100),
        ) {
            let mut level = Level::default();
            let (mut now, mut height, mut area) = (0u64, 0u64, 0u128);
            for (after, to) in steps {
                area += u128::from(height) * u128::from(after);
                now += after;
                level.set(SimTime::from_nanos(now), to);
                height = to;
                prop_assert_eq!(level.get(), height);
                prop_assert_eq!(level.integral(SimTime::from_nanos(now)), area as u64);
            }
        }
    }
}
