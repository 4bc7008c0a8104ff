//! The tables of HTTP caches.

use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::policy::http_cache::{self, Codes, Lock, Rules, UseStale};
use crate::policy::zone::keys_in;
use crate::spec::{At, Count, Definitions, Node, Spec, Value};
use crate::units::{Bytes, CostPerHour, CostPerSize, Fraction, SimDuration};
use crate::{spec, words};

words! {
    /// In which case an answer that has expired is given out.
    pub enum StaleCase {
        /// No server could be asked, or the connection to it was refused or broke.
        Error = "error",
        /// No answer came in time.
        Timeout = "timeout",
        /// Somebody else has gone for a new one.
        Updating = "updating",
        /// The answer was 500.
        Http500 = "http_500",
        /// The answer was 502. What a balancer behind has to say for itself counts as `error` and `timeout`.
        Http502 = "http_502",
        /// The answer was 503.
        Http503 = "http_503",
        /// The answer was 504; see `http_502`.
        Http504 = "http_504",
        /// The answer was 429.
        Http429 = "http_429",
        /// There is no such thing any more.
        Http404 = "http_404",
    }
}

words! {
    /// Whose requests are neither looked up nor stored.
    pub enum Bypass {
        /// Nobody's.
        Nobody = "nobody",
        /// Those of clients who are logged in.
        Authenticated = "authenticated",
    }
}

spec! {
    /// How long answers with certain codes are kept: `{ codes = [404], time = "1m" }`.
    pub struct ValidLine {
        /// Which; 200, 301 and 302 unless given. Answers of services are 200; 404 where there is nothing under a
        /// key (`missing`), 500 or 503 where they fail. Limits of rates answer 429, those of nginx 503. 502 and 504
        /// are what the cache itself answers with where no server could be asked, or not in time.
        pub codes: Vec<At<u32>> = [200, 301, 302].map(At::built_in).to_vec(),
        /// Whether it holds for all codes.
        pub any: bool = false,
        /// For how long, in whole seconds; 0 forbids to keep them.
        pub time: At<SimDuration>,
    }
    check(Self::check)
}

impl ValidLine {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        whole_seconds(self.time, out);
        for code in &self.codes {
            if !(100..=599).contains(&code.value) {
                let problem = format!("{} is no status code", code.value);
                out.push(Diagnostic::error(code.origin, problem).help("200, 404, 503"));
            }
        }
    }

    fn rule(&self) -> http_cache::Valid {
        let codes = self.codes.iter().map(|code| code.value as u16);
        http_cache::Valid {
            codes: if self.any {
                Codes::Any
            } else {
                Codes::These(codes.collect())
            },
            seconds: seconds(self.time.value),
        }
    }
}

/// How long answers are kept: one time, or lines for codes.
#[derive(Debug, Clone, Default)]
pub struct Validity(pub Vec<ValidLine>);

impl Spec for Validity {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        if let Value::Text(_) = node.value {
            let line = ValidLine {
                codes: [200, 301, 302].map(At::built_in).to_vec(),
                any: false,
                time: At::read(node, out)?,
            };
            whole_seconds(line.time, out);
            return Some(Self(vec![line]));
        }
        Vec::read(node, out).map(Self)
    }

    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let (time, lines) = (
            SimDuration::schema(definitions),
            Vec::<ValidLine>::schema(definitions),
        );
        json!({ "anyOf": [time, lines] })
    }

    fn when_absent() -> Option<Self> {
        Some(Self::default())
    }
}

spec! {
    /// Only one goes for what is not there; the others look again every 500 ms.
    pub struct LockSpec {
        /// How long the others wait; then they go themselves, and what they get is not stored.
        pub timeout: At<SimDuration> = At::built_in(SimDuration::from_secs(5)),
        /// After how long another one goes.
        pub age: At<SimDuration> = At::built_in(SimDuration::from_secs(5)),
    }
}

/// Whether only one goes for what is not there: `true`, or its times.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaybeLock(pub Option<Lock>);

impl Spec for MaybeLock {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        if let Value::Truth(is_on) = node.value {
            let lock = Lock {
                timeout: 5000,
                age: 5000,
            };
            return Some(Self(is_on.then_some(lock)));
        }
        let own = LockSpec::read(node, out)?;
        let millis = |span: At<SimDuration>| span.value.as_nanos() / 1_000_000;
        Some(Self(Some(Lock {
            timeout: millis(own.timeout),
            age: millis(own.age),
        })))
    }

    fn write(&self) -> Option<toml::Value> {
        let Some(lock) = self.0 else {
            return Some(toml::Value::Boolean(false));
        };
        let millis = |n: u64| At::built_in(SimDuration::from_nanos(n.saturating_mul(1_000_000)));
        LockSpec {
            timeout: millis(lock.timeout),
            age: millis(lock.age),
        }
        .write()
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [bool::schema(definitions), LockSpec::schema(definitions)] })
    }
}

/// The products whose settings an HTTP cache can have.
const PRESETS: &[spec::Preset] = crate::presets! {
    "nginx": "presets/nginx.toml",
};

spec! {
    /// A cache in front of a balancer or a service, by the rules of nginx's `proxy_cache`.
    pub struct HttpCache {
        /// The product whose settings it has, where none are given here.
        pub model: Option<At<String>>,
        /// What is behind it: a balancer, a service, or another gateway.
        pub to: At<String>,
        /// What requests ask for: the catalogue of keys.
        pub keys: At<String>,
        /// The operations whose answers may be kept. Unless given, those with `cache_control` and those that only
        /// read: that neither publish anything nor write to a database.
        pub cacheable: Vec<At<String>>,
        /// Whose requests are neither looked up nor stored (`proxy_cache_bypass`, `proxy_no_cache`).
        pub bypass: At<Bypass> = At::built_in(Bypass::Nobody),
        /// How long answers are kept that do not say so themselves by `cache_control`; not at all unless
        /// given: `"10m"`, or lines of which the first that names the code decides: `[{ time = "10m" }, { codes = [404], time
        /// = "1m" }]`. Whatever is kept is good through the last second of its time (`proxy_cache_valid`).
        pub valid: Validity,
        /// After how long without a request something goes, good or not.
        pub inactive: At<SimDuration> = At::built_in(SimDuration::from_secs(600)),
        /// When an answer that has expired is given out all the same.
        pub use_stale: Vec<At<StaleCase>>,
        /// Whether a request of the cache's own goes for a new answer then, in the cases `updating` and
        /// stale-while-revalidate; else the first one that finds it expired waits for the new one.
        pub background_update: bool = false,
        /// Whether only one goes for what is not there: `true`, or `{ timeout = "5s", age = "5s" }`. It does nothing
        /// for what has expired.
        pub lock: MaybeLock = MaybeLock(None),
        /// How often something must be asked for until it is stored.
        pub min_uses: At<Count> = At::built_in(Count::new(1)),
        /// Whether those behind are asked only if what has expired is still good: a 304 takes the steps of
        /// `not_modified`.
        pub revalidate: bool = false,
        /// The share of answers that are still good when they are asked for again.
        pub unchanged: At<Fraction> = At::built_in(Fraction::ONE),
        /// How large all answers may be together; any size unless given. What is too much is taken out
        /// afterwards, the one asked for least recently first; the catalogue of keys needs sizes.
        pub max_size: Option<At<Bytes>>,
        /// The memory for what is known of keys, of which there is room for 8,000 per MiB.
        pub keys_zone: At<Bytes> = At::built_in(Bytes::new(10 << 20)),
        /// How long the cache takes for a request, found or not: 20 to 100 µs of CPU.
        pub time: Option<Law>,
        /// When somebody empties it.
        pub flush_at: Vec<At<SimDuration>>,
        /// What it runs on, from `[instances]`: its price.
        pub instance: Option<At<String>>,
        /// What it costs; overrides the instance type.
        pub cost: Option<At<CostPerHour>>,
        /// What the answers to clients cost on their way out; only operations that say how large their
        /// answers are count.
        pub transfer: Option<At<CostPerSize>>,
    }
    presets(PRESETS)
    check(Self::check)
}

impl HttpCache {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        whole_seconds(self.inactive, out);
        for (at, case) in self.use_stale.iter().enumerate() {
            if self.use_stale[..at].contains(case) {
                let problem = format!("`{}` stands here twice", case.value.word());
                out.push(Diagnostic::error(case.origin, problem));
            }
        }
        if keys_in(self.keys_zone.value) == 0 {
            let problem = "there is no room for a single key";
            out.push(Diagnostic::error(self.keys_zone.origin, problem).label("8,000 per MiB"));
        }
    }

    /// What it is told to do.
    pub fn rules(&self) -> Rules {
        let mut use_stale = UseStale::default();
        for case in &self.use_stale {
            use_stale.add(case.word());
        }
        Rules {
            valid: self.valid.0.iter().map(ValidLine::rule).collect(),
            min_uses: self.min_uses.get(),
            inactive: seconds(self.inactive.value),
            use_stale,
            background_update: self.background_update,
            lock: self.lock.0,
            revalidate: self.revalidate,
            max_size: self.max_size.map(|size| size.get()),
            most_keys: keys_in(self.keys_zone.value),
        }
    }
}

fn seconds(span: SimDuration) -> u64 {
    span.as_nanos() / 1_000_000_000
}

/// Reports a time that nginx cannot be told.
fn whole_seconds(span: At<SimDuration>, out: &mut Diagnostics) {
    if !span.value.as_nanos().is_multiple_of(1_000_000_000) {
        let problem = "this is counted in whole seconds";
        out.push(Diagnostic::error(span.origin, problem));
    }
}
