//! A count over the time just past.

use std::collections::VecDeque;

use super::fixed_window::check_window;
use super::keyed::Keyed;
use super::{LimitKey, Rules, Sender, Verdict};
use crate::diag::Diagnostics;
use crate::diag::Origin;
use crate::metrics::Outcome;
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};
use crate::{spec, words};

words! {
    /// How what came in the time just past is counted.
    pub enum SlidingCount {
        /// Each request that was let pass, with its time.
        Log = "log",
        /// What came in this window of the clock, and of what came in the one before the share that is not
        /// past yet, as if it had come evenly.
        Counter = "counter",
    }
}

spec! {
    /// So many requests in the time just past, whenever one looks:
    /// `{ sliding_window = { max = 100, window = "1m" } }`. Those who are turned away do not count.
    pub struct SlidingWindowLimit {
        /// How many.
        pub max: At<Count>,
        /// How far back it looks.
        pub window: At<SimDuration>,
        /// How it counts.
        pub count: At<SlidingCount> = At::built_in(SlidingCount::Log),
        /// Who is counted together.
        pub key: At<LimitKey> = At::built_in(LimitKey::Address),
    }
    check(Self::check)
}

impl SlidingWindowLimit {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_window(&self.window, out);
    }
}

/// What has come of a key: in the window of the clock with this number, and in the one before. A log needs
/// one of the counts only.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    window: u64,
    current: u32,
    before: u32,
}

/// Counts, and the log of those who were let pass.
#[derive(Debug, Clone)]
pub struct State {
    max: u32,
    length: u64,
    count: SlidingCount,
    key: LimitKey,
    counts: Keyed<Counts>,
    /// Who was let pass when, the oldest first, of all keys: as long as that counts.
    log: VecDeque<(SimTime, u32)>,
}

impl State {
    fn ask_log(&mut self, number: u32, now: SimTime) -> Verdict {
        while let Some((came, by)) = self.log.front().copied()
            && now.since(came).as_nanos() >= self.length
        {
            self.counts.get(by).current -= 1;
            self.log.pop_front();
        }
        let counts = self.counts.get(number);
        if counts.current >= self.max {
            return Verdict::Reject(None);
        }
        counts.current += 1;
        self.log.push_back((now, number));
        Verdict::Pass
    }

    fn ask_counter(&mut self, number: u32, now: SimTime) -> Verdict {
        let counts = self.counts.get(number);
        let (window, into) = (now.as_nanos() / self.length, now.as_nanos() % self.length);
        if window != counts.window {
            counts.before = if window == counts.window + 1 {
                counts.current
            } else {
                0
            };
            (counts.window, counts.current) = (window, 0);
        }
        // In nanoseconds of a window: exact.
        let wide = |n: u32, span: u64| u128::from(n) * u128::from(span);
        let past = wide(counts.before, self.length - into);
        if past + wide(counts.current + 1, self.length) > wide(self.max, self.length) {
            return Verdict::Reject(None);
        }
        counts.current += 1;
        Verdict::Pass
    }
}

impl Rules for State {
    type Spec = SlidingWindowLimit;

    const TURNED_AWAY: Outcome = Outcome::RateLimited;
    const STATUS: Option<u16> = Some(429);

    fn key(spec: &SlidingWindowLimit) -> LimitKey {
        spec.key.value
    }

    fn new(spec: &SlidingWindowLimit) -> Self {
        Self {
            max: spec.max.get(),
            length: spec.window.as_nanos(),
            count: spec.count.value,
            key: spec.key.value,
            counts: Keyed::new(),
            log: VecDeque::new(),
        }
    }

    fn adopts(&mut self, fresh: Self, _: SimTime) {
        self.max = fresh.max;
        if self.length != fresh.length {
            // Windows of the clock are numbered by their length.
            *self = fresh;
        }
    }

    #[inline]
    fn expects(&self, sender: Sender) {
        self.counts.fetch(sender.number(self.key));
    }

    fn ask(&mut self, sender: Sender, now: SimTime) -> Verdict {
        let number = sender.number(self.key);
        match self.count {
            SlidingCount::Log => self.ask_log(number, now),
            SlidingCount::Counter => self.ask_counter(number, now),
        }
    }
}
