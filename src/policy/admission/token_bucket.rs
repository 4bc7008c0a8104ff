//! A token bucket: a rate on average, and bursts of at most what the bucket holds.

use super::fixed_window::check_window;
use super::keyed::Keyed;
use super::{LimitKey, Rules, Sender, Verdict};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::metrics::Outcome;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Rate, SimDuration, SimTime};

spec! {
    /// A token bucket: `{ token_bucket = { rate = "100/s", burst = 200 } }`. It fills at the rate; each request
    /// takes a token. It is full at first.
    pub struct TokenBucketLimit {
        /// How fast it fills.
        pub rate: At<Rate>,
        /// How many tokens it holds.
        pub burst: At<Count>,
        /// How long a request may wait for a token; without one in time it is turned away.
        pub max_wait: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How often tokens fall in, as many as the rate makes of that time; one by one unless given. Such a
        /// bucket fills at whole multiples of this time.
        pub refill_every: Option<At<SimDuration>>,
        /// Who shares a bucket.
        pub key: At<LimitKey> = At::built_in(LimitKey::All),
    }
    check(Self::check)
}

impl TokenBucketLimit {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.rate.value.as_per_second() < 1e-6 {
            let problem = "a bucket that fills less than once in eleven days gives nothing";
            out.push(Diagnostic::error(self.rate.origin, problem));
        }
        if let Some(every) = &self.refill_every {
            check_window(every, out);
        }
    }
}

/// What is missing in a bucket, in tokens, and since when that is so.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    missing: f64,
    since: SimTime,
}

/// Buckets.
#[derive(Debug, Clone)]
pub struct State {
    /// Tokens per nanosecond.
    rate: f64,
    burst: f64,
    max_wait: f64,
    /// How often tokens fall in, where they do not one by one.
    every: Option<u64>,
    key: LimitKey,
    buckets: Keyed<Bucket>,
}

/// What is within this of a whole token is one: otherwise rounding would make a request that comes exactly
/// when its token does wait for ever.
const ROUNDING: f64 = 1e-9;

impl State {
    /// For how long tokens have fallen in since an instant, in nanoseconds.
    #[inline]
    fn span_since(&self, since: SimTime, now: SimTime) -> u64 {
        match self.every {
            None => now.since(since).as_nanos(),
            Some(every) => (now.as_nanos() / every - since.as_nanos() / every) * every,
        }
    }
}

impl Rules for State {
    type Spec = TokenBucketLimit;

    const TURNED_AWAY: Outcome = Outcome::RateLimited;
    const STATUS: Option<u16> = Some(429);

    fn key(spec: &TokenBucketLimit) -> LimitKey {
        spec.key.value
    }

    fn new(spec: &TokenBucketLimit) -> Self {
        Self {
            rate: spec.rate.as_per_second() / 1e9,
            burst: f64::from(spec.burst.get()),
            max_wait: spec.max_wait.as_nanos() as f64,
            every: spec.refill_every.map(|every| every.as_nanos()),
            key: spec.key.value,
            buckets: Keyed::new(),
        }
    }

    fn adopts(&mut self, fresh: Self, now: SimTime) {
        // What has fallen in until now has done so at the old rate.
        for at in 0..self.buckets.len() {
            let since = self.buckets.get(at).since;
            let span = self.span_since(since, now);
            let bucket = self.buckets.get(at);
            bucket.missing = (bucket.missing - span as f64 * self.rate).max(0.0);
            bucket.since = now;
        }
        *self = Self {
            buckets: std::mem::replace(&mut self.buckets, Keyed::new()),
            ..fresh
        };
    }

    #[inline]
    fn expects(&self, sender: Sender) {
        self.buckets.fetch(sender.number(self.key));
    }

    fn ask(&mut self, sender: Sender, now: SimTime) -> Verdict {
        let number = sender.number(self.key);
        let since = self.buckets.get(number).since;
        let span = self.span_since(since, now);
        let bucket = self.buckets.get(number);
        let missing = (bucket.missing - span as f64 * self.rate).max(0.0);
        // How long until there is a whole token.
        let mut wait = (missing + 1.0 - self.burst - ROUNDING) / self.rate;
        if let (Some(every), true) = (self.every, wait > 0.0) {
            let into = (now.as_nanos() % every) as f64;
            wait = (wait / every as f64).ceil() * every as f64 - into;
        }
        if wait > self.max_wait {
            let wait = SimDuration::from_nanos(wait as u64);
            return Verdict::Reject(Some(wait));
        }
        *bucket = Bucket {
            missing: missing + 1.0,
            since: now,
        };
        if wait <= 0.0 {
            return Verdict::Pass;
        }
        Verdict::Delay(SimDuration::from_nanos(wait.ceil() as u64))
    }
}
