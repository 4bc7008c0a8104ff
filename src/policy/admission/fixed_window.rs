//! A count per window of time.

use super::keyed::Keyed;
use super::{LimitKey, Rules, Sender, Verdict};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::metrics::Outcome;
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};
use crate::{spec, words};

words! {
    /// When a window begins.
    pub enum WindowStart {
        /// For each key with its first request, and with the first one after the end of the window before.
        FirstRequest = "first_request",
        /// For all keys at the same instants, one directly after the other.
        Clock = "clock",
    }
}

spec! {
    /// So many requests in a window of time, as express-rate-limit counts them:
    /// `{ fixed_window = { max = 1000, window = "15m" } }`. Across the end of a window twice as many can come at
    /// once.
    pub struct FixedWindowLimit {
        /// How many; more are turned away until the window ends.
        pub max: At<Count>,
        /// How long a window is.
        pub window: At<SimDuration>,
        /// When it begins.
        pub starts: At<WindowStart> = At::built_in(WindowStart::FirstRequest),
        /// Who is counted together.
        pub key: At<LimitKey> = At::built_in(LimitKey::Address),
    }
    check(Self::check)
}

impl FixedWindowLimit {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_window(&self.window, out);
    }
}

/// Reports a window in which nothing fits.
pub(super) fn check_window(window: &At<SimDuration>, out: &mut Diagnostics) {
    if window.value == SimDuration::ZERO {
        let problem = "a window must be longer than nothing";
        out.push(Diagnostic::error(window.origin, problem));
    }
}

/// What has come of a key in its window.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    ends: SimTime,
    hits: u32,
}

/// Windows.
#[derive(Debug, Clone)]
pub struct State {
    max: u32,
    length: SimDuration,
    starts: WindowStart,
    key: LimitKey,
    windows: Keyed<Window>,
}

impl Rules for State {
    type Spec = FixedWindowLimit;

    const TURNED_AWAY: Outcome = Outcome::RateLimited;
    const STATUS: Option<u16> = Some(429);

    fn key(spec: &FixedWindowLimit) -> LimitKey {
        spec.key.value
    }

    fn new(spec: &FixedWindowLimit) -> Self {
        Self {
            max: spec.max.get(),
            length: spec.window.value,
            starts: spec.starts.value,
            key: spec.key.value,
            windows: Keyed::new(),
        }
    }

    /// Windows that have begun end when they were to.
    fn adopts(&mut self, fresh: Self, _: SimTime) {
        (self.max, self.length) = (fresh.max, fresh.length);
    }

    #[inline]
    fn expects(&self, sender: Sender) {
        self.windows.fetch(sender.number(self.key));
    }

    fn ask(&mut self, sender: Sender, now: SimTime) -> Verdict {
        let window = self.windows.get(sender.number(self.key));
        if now >= window.ends {
            window.hits = 0;
            window.ends = match self.starts {
                WindowStart::FirstRequest => now + self.length,
                WindowStart::Clock => {
                    let into = now.as_nanos() % self.length.as_nanos();
                    now + SimDuration::from_nanos(self.length.as_nanos() - into)
                }
            };
        }
        // Those who are turned away count, which changes nothing: the window ends when it ends.
        window.hits = window.hits.saturating_add(1);
        if window.hits > self.max {
            return Verdict::Reject(Some(window.ends.since(now)));
        }
        Verdict::Pass
    }
}
