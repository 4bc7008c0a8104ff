//! Redis's `allkeys-lfu`.

use rand::Rng as _;

use super::ordered::Ordered;
use super::sampled::{MOST_SAMPLES, Note, SAMPLES, Sampled};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::rng::Draw;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimTime;

spec! {
    /// The one used least often of a few that are looked at goes: Redis's `allkeys-lfu`. Uses are counted
    /// on a logarithmic scale up to 255, and forgotten one by one.
    pub struct RedisLfu {
        /// How many are looked at: `maxmemory-samples`.
        pub samples: At<Count> = SAMPLES,
        /// How slowly the counter grows: `lfu-log-factor`. With 10, a million uses bring it to 255.
        pub log_factor: At<u32> = At::built_in(10),
        /// Minutes without a use until the counter loses one: `lfu-decay-time`. It never does with 0.
        pub decay_minutes: At<u32> = At::built_in(1),
    }
    check(Self::check)
}

impl RedisLfu {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.samples.get() > MOST_SAMPLES {
            let problem = format!("at most {MOST_SAMPLES} are looked at");
            out.push(Diagnostic::error(self.samples.origin, problem));
        }
    }
}

/// The policy at work.
pub(super) type State = Ordered<Sampled<Counter>>;

/// The counter of what has just come, so that it is not the first to go.
const INITIAL: u8 = 5;
const MINUTE: u64 = 60_000_000_000;

/// A counter, and the minute in which it was looked at last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counter {
    value: u8,
    minute: u64,
}

impl Counter {
    /// What is left of the counter by now.
    fn decayed(self, spec: &RedisLfu, now: SimTime) -> u8 {
        let minutes = now.as_nanos() / MINUTE - self.minute;
        let lost = minutes.checked_div(u64::from(spec.decay_minutes.value));
        self.value
            .saturating_sub(lost.unwrap_or(0).min(u64::from(u8::MAX)) as u8)
    }
}

impl Note for Counter {
    type Spec = RedisLfu;

    fn samples(spec: &RedisLfu) -> u32 {
        spec.samples.get()
    }

    fn first(_: &RedisLfu, now: SimTime) -> Self {
        Self {
            value: INITIAL,
            minute: now.as_nanos() / MINUTE,
        }
    }

    fn used(self, spec: &RedisLfu, now: SimTime, draw: &mut Draw) -> Self {
        let value = self.decayed(spec, now);
        let above = f64::from(value.saturating_sub(INITIAL));
        let chance = 1.0 / (above * f64::from(spec.log_factor.value) + 1.0);
        let drawn = draw.next_u64() as f64 / 2f64.powi(64);
        Self {
            value: value.saturating_add(u8::from(drawn < chance)),
            minute: now.as_nanos() / MINUTE,
        }
    }

    fn score(self, spec: &RedisLfu, now: SimTime) -> u64 {
        u64::from(u8::MAX - self.decayed(spec, now))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// The table in `redis.conf`: with a factor of 10, 100 uses come to about 10, 1000 to 18, 100,000 to 142.
    #[test]
    fn the_counter_grows_as_documented() {
        let spec = RedisLfu {
            samples: SAMPLES,
            log_factor: At::built_in(10),
            decay_minutes: At::built_in(1),
        };
        let now = SimTime::from_nanos(3 * MINUTE);
        let after = |uses: u32| {
            let runs = (0..20).map(|seed| {
                let mut draw = Draw::seed_from_u64(seed);
                let first = Counter::first(&spec, now);
                let last = (0..uses).fold(first, |own, _| own.used(&spec, now, &mut draw));
                f64::from(last.value)
            });
            runs.sum::<f64>() / 20.0
        };
        for (uses, documented) in [(100, 10.0), (1000, 18.0), (100_000, 142.0)] {
            let counted = after(uses);
            assert!(
                (counted / documented - 1.0).abs() < 0.1,
                "{uses}: {counted}, not {documented}"
            );
        }
        let old = Counter {
            value: 9,
            minute: 0,
        };
        assert_eq!(old.score(&spec, now), 255 - 6, "three minutes, three less");
    }
}
