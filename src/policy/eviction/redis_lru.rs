//! Redis's `allkeys-lru`.

use super::ordered::Ordered;
use super::sampled::{MOST_SAMPLES, Note, SAMPLES, Sampled};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::rng::Draw;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimTime;

spec! {
    /// The one that has been idle the longest of a few that are looked at goes: Redis's `allkeys-lru`. Idle
    /// times are whole seconds.
    pub struct RedisLru {
        /// How many are looked at: `maxmemory-samples`.
        pub samples: At<Count> = SAMPLES,
    }
    check(Self::check)
}

impl RedisLru {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.samples.get() > MOST_SAMPLES {
            let problem = format!("at most {MOST_SAMPLES} are looked at");
            out.push(Diagnostic::error(self.samples.origin, problem));
        }
    }
}

/// The policy at work.
pub(super) type State = Ordered<Sampled<LastUse>>;

/// The second in which an object was used last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LastUse(u64);

/// Redis's clock for this has a resolution of a second.
const TICK: u64 = 1_000_000_000;

impl Note for LastUse {
    type Spec = RedisLru;

    fn samples(spec: &RedisLru) -> u32 {
        spec.samples.get()
    }

    fn first(_: &RedisLru, now: SimTime) -> Self {
        Self(now.as_nanos() / TICK)
    }

    fn used(self, spec: &RedisLru, now: SimTime, _: &mut Draw) -> Self {
        Self::first(spec, now)
    }

    fn score(self, _: &RedisLru, now: SimTime) -> u64 {
        now.as_nanos() / TICK - self.0
    }
}
