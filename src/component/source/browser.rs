//! What browsers keep: answers that are still good, good enough, or worth asking about (RFC 9111, RFC 5861).

use crate::component::program::KeysId;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::math;
use crate::policy::eviction::Lru;
use crate::rng::Salt;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};

spec! {
    /// What browsers keep: `{ keys = "urls", max_age = "5m", stale_while_revalidate = "10m" }`. A request
    /// for what the client's browser still has is answered there and never sent.
    pub struct BrowserCache {
        /// The catalogue of what is asked for: the one that the service looks up in its caches, too.
        pub keys: At<String>,
        /// The classes of requests that are kept; all unless given.
        pub classes: Vec<At<String>>,
        /// How long an answer is fresh: it is not asked for again.
        pub max_age: At<SimDuration>,
        /// For how long after that it is shown all the same, while the browser asks in the background.
        pub stale_while_revalidate: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// Whether answers carry an entity tag (`ETag`): then the browser asks whether the old one is still good, and an
        /// answer without a body (304) says so. The service does its steps for `not_modified`, or as much
        /// as for a full answer.
        pub etag: At<bool> = At::built_in(true),
        /// How often what is asked for changes, on average; never unless given.
        pub changes_every: Option<At<SimDuration>>,
        /// How many answers all browsers together keep; the ones used least recently go first.
        pub entries: At<Count> = At::built_in(Count::new(1_000_000)),
    }
    check(Self::check)
}

/// The most answers that browsers keep, of 40 bytes each.
const MOST_ENTRIES: u32 = 200_000_000;

impl BrowserCache {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.entries.get() > MOST_ENTRIES {
            let problem = format!("at most {MOST_ENTRIES} answers can be kept");
            out.push(Diagnostic::error(self.entries.origin, problem));
        }
        if let Some(span) = self
            .changes_every
            .filter(|span| span.value == SimDuration::ZERO)
        {
            let problem = "what changes at every instant cannot be kept";
            out.push(Diagnostic::error(span.origin, problem));
        }
    }
}

/// Tells when something was asked for in the background from when it came.
const ASKED: u64 = 2;
/// How long a question in the background has before there may be another.
const BACKGROUND: SimDuration = SimDuration::from_secs(60);

/// A browser cache with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is asked for.
    pub keys: KeysId,
    max_age: SimDuration,
    stale: SimDuration,
    etag: bool,
    changes_every: Option<SimDuration>,
    entries: u32,
    salt: Salt,
}

impl Plan {
    /// The browsers of source `name`.
    pub fn new(name: &str, spec: &BrowserCache, keys: KeysId) -> Self {
        Self {
            keys,
            max_age: spec.max_age.value,
            stale: spec.stale_while_revalidate.value,
            etag: spec.etag.value,
            changes_every: spec.changes_every.map(|span| span.value),
            entries: spec.entries.get(),
            salt: Salt::new(name, "browser"),
        }
    }
}

/// What a browser does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::component) enum Answer {
    /// Answers it.
    Fresh,
    /// Answers it with what it has, and asks in the background.
    Stale,
    /// Asks whether what it has is still good.
    Asks,
    /// Sends it.
    Sends,
}

/// The browsers of a source's clients.
#[derive(Debug)]
pub(in crate::component) struct Browsers {
    plan: Plan,
    /// By client and key: when the answer came.
    kept: Lru<SimTime>,
}

impl Browsers {
    pub(in crate::component) fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            kept: Lru::default(),
        }
    }

    /// What is asked for.
    pub(in crate::component) fn keys(&self) -> KeysId {
        self.plan.keys
    }

    /// What is kept of `key` by `client`.
    fn place(&self, client: u32, key: u64) -> u64 {
        // The two lowest bits tell an answer from a question, and zero stands for nothing.
        self.plan.salt.uniform(u64::from(client) << 32 ^ key) & !ASKED | 1
    }

    /// What the browser of `client` does with a request for `key`.
    pub(in crate::component) fn asked(&mut self, client: u32, key: u64, now: SimTime) -> Answer {
        let place = self.place(client, key);
        let Some(came) = self.kept.using(place).copied() else {
            return Answer::Sends;
        };
        let age = now.since(came);
        if age < self.plan.max_age {
            Answer::Fresh
        } else if age < self.plan.max_age + self.plan.stale {
            // One question in the background is enough; it has a minute to be answered, as in Chrome.
            let asked = self.kept.using(place ^ ASKED).copied();
            if asked.is_some_and(|asked| now < asked + BACKGROUND) {
                return Answer::Fresh;
            }
            self.kept.fill(place ^ ASKED, now, self.plan.entries);
            Answer::Stale
        } else if self.plan.etag {
            Answer::Asks
        } else {
            Answer::Sends
        }
    }

    /// True if what `client` has of `key` carries a tag that is still the one of what there is to be had: drawn
    /// for the request with this `number`, since it may change at any time.
    pub(in crate::component) fn is_unchanged(
        &mut self,
        client: u32,
        key: u64,
        number: u64,
        now: SimTime,
    ) -> bool {
        if !self.plan.etag {
            return false;
        }
        let Some(every) = self.plan.changes_every else {
            return true;
        };
        let Some(came) = self.kept.using(self.place(client, key)).copied() else {
            return false;
        };
        let age = now.since(came).as_nanos() as f64;
        let unchanged = math::exp(-age / every.as_nanos() as f64);
        let drawn = self.plan.salt.uniform(number) as f64 / 2f64.powi(64);
        drawn < unchanged
    }

    /// An answer for `key` has come to `client`.
    pub(in crate::component) fn came(&mut self, client: u32, key: u64, now: SimTime) {
        let place = self.place(client, key);
        self.kept.fill(place, now, self.plan.entries);
    }
}
