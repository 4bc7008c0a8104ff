//! So many requests under way at the same time.

use super::keyed::Keyed;
use super::{LimitKey, Rules, Sender, Verdict};
use crate::metrics::Outcome;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimTime;

spec! {
    /// So many requests under way at the same time: `{ concurrency = { max = 100 } }`. A request above that
    /// is turned away at once.
    pub struct ConcurrencyLimit {
        /// How many.
        pub max: At<Count>,
        /// Who is counted together.
        pub key: At<LimitKey> = At::built_in(LimitKey::All),
    }
}

/// Requests under way.
#[derive(Debug, Clone)]
pub struct State {
    max: u32,
    key: LimitKey,
    counts: Keyed<u32>,
    total: u64,
}

impl Rules for State {
    type Spec = ConcurrencyLimit;

    const TURNED_AWAY: Outcome = Outcome::ConcurrencyLimit;
    const STATUS: Option<u16> = Some(503);

    fn key(spec: &ConcurrencyLimit) -> LimitKey {
        spec.key.value
    }

    fn new(spec: &ConcurrencyLimit) -> Self {
        Self {
            max: spec.max.get(),
            key: spec.key.value,
            counts: Keyed::new(),
            total: 0,
        }
    }

    fn adopts(&mut self, fresh: Self, _: SimTime) {
        self.max = fresh.max;
    }

    #[inline]
    fn expects(&self, sender: Sender) {
        self.counts.fetch(sender.number(self.key));
    }

    fn ask(&mut self, sender: Sender, _: SimTime) -> Verdict {
        let count = self.counts.get(sender.number(self.key));
        if *count >= self.max {
            return Verdict::Reject(None);
        }
        *count += 1;
        self.total += 1;
        Verdict::Pass
    }

    fn done(&mut self, sender: Sender) {
        *self.counts.get(sender.number(self.key)) -= 1;
        self.total -= 1;
    }

    fn under_way(&self) -> Option<u64> {
        Some(self.total)
    }

    fn capacity(&self) -> Option<u32> {
        (self.key == LimitKey::All).then_some(self.max)
    }
}
