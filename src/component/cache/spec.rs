//! The tables of caches.

use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::policy::eviction::{Eviction, LeastRecentlyUsed};
use crate::policy::ratio::{Forgets, RatioRules};
use crate::spec::{At, Count, Definitions, Node, Spec, Value, number_text};
use crate::units::{Bytes, CostPerHour, Fraction, SimDuration, SimTime};
use crate::{choice, spec, words};

words! {
    /// Who has a cache or a pool of their own.
    pub enum Scope {
        /// All share one.
        Shared = "shared",
        /// Each instance has its own.
        Instance = "instance",
        /// Each worker of an event loop has its own, as processes do.
        Worker = "worker",
    }
}

/// How much a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// A number of entries, whatever their sizes.
    Entries(Count),
    /// Bytes: one large entry takes the room of many.
    Bytes(Bytes),
}

impl Spec for Capacity {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        if let Value::Text(_) = node.value {
            let bytes = Bytes::read(node, out)?;
            if bytes == Bytes::ZERO {
                let problem = "a cache that holds nothing is none";
                out.push(Diagnostic::error(node.origin, problem));
                return None;
            }
            return Some(Self::Bytes(bytes));
        }
        Count::read(node, out).map(Self::Entries)
    }

    fn write(&self) -> Option<toml::Value> {
        match self {
            Self::Entries(entries) => entries.write(),
            Self::Bytes(bytes) => bytes.write(),
        }
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [Count::schema(definitions), Bytes::schema(definitions)] })
    }
}

/// How expired entries are removed before somebody asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// All of them, this often.
    Every(SimDuration),
    /// As Redis does: ten times a second 20 entries are looked at, and again as long as more than a tenth
    /// of them has expired.
    Sampled,
}

impl Sweep {
    const SAMPLED: &'static str = "sampled";
}

impl Spec for Sweep {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        if node.as_text() == Some(Self::SAMPLED) {
            return Some(Self::Sampled);
        }
        let every = SimDuration::read(node, out)?;
        if every == SimDuration::ZERO {
            let problem = "the time between two sweeps must be longer than 0";
            out.push(Diagnostic::error(node.origin, problem));
            return None;
        }
        Some(Self::Every(every))
    }

    fn write(&self) -> Option<toml::Value> {
        match self {
            Self::Every(every) => every.write(),
            Self::Sampled => Some(Self::SAMPLED.into()),
        }
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let sampled = json!({
            "const": Self::SAMPLED,
            "description": "As Redis does: ten times a second 20 entries are looked at, and again as long \
                as more than a tenth of them has expired."
        });
        json!({ "anyOf": [SimDuration::schema(definitions), sampled] })
    }
}

spec! {
    /// Each goes and gets it.
    pub struct Each {}
}

spec! {
    /// One in each process goes; the others wait for what comes of it, be it an error.
    pub struct SingleFlight {}
}

spec! {
    /// One goes; the others look again from time to time, as with a lock in Redis (`SET NX PX`).
    pub struct LockInCache {
        /// How long the others wait until they look again.
        pub interval: At<SimDuration> = At::built_in(SimDuration::from_nanos(50_000_000)),
        /// How long they wait in all; then they go themselves.
        pub timeout: At<SimDuration> = At::built_in(SimDuration::from_secs(5)),
        /// How long whoever goes has; then somebody else may. It ends sooner when what was got is put in, or
        /// could not be got, but not when whoever went is killed.
        pub lease: At<SimDuration> = At::built_in(SimDuration::from_secs(10)),
    }
    check(Self::check)
}

impl LockInCache {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.interval.value == SimDuration::ZERO {
            let problem = "the time between two looks must be longer than 0";
            out.push(Diagnostic::error(self.interval.origin, problem));
        }
    }
}

choice! {
    /// Who goes when several miss the same key at a time.
    pub enum OnConcurrentMiss {
        /// Each of them.
        None(Each) = "none",
        /// One in each process; the others wait for what comes of it.
        SingleFlight(SingleFlight) = "single_flight",
        /// One of all; the others look again from time to time.
        Lock(LockInCache) = "lock",
    }
}

words! {
    /// How look-ups are simulated.
    pub enum Mode {
        /// With real keys, of which each is there or not.
        Exact = "exact",
        /// Without keys: a look-up hits by chance, by Che's approximation from how popular keys are, at which rate
        /// the cache is asked in the simulation, its capacity and its `ttl`. Takes little memory, however many
        /// keys there are. What is missed is there at once; how long it takes to get does not matter. Behind a
        /// single other cache it hits too often by some percent: what that one has just missed does not come again soon.
        Ratio = "ratio",
    }
}

words! {
    /// What a request does when the cache itself does not answer.
    pub enum OnError {
        /// It goes on as after a miss.
        Miss = "miss",
        /// It fails.
        Fail = "fail",
    }
}

spec! {
    /// A server of its own behind the network, as Redis is: one core that executes commands in the order in
    /// which they come. Looking up is a command, and so is putting in.
    pub struct CacheServer {
        /// How long a command takes; 5 to 15 µs are usual for Redis.
        pub command: Law,
        /// Commands that may be under way at a time, each over a connection of its own; one more is
        /// refused.
        pub max_clients: At<Count> = At::built_in(Count::new(10_000)),
    }
}

spec! {
    /// A time in which a cache does not answer.
    pub struct Outage {
        /// When it begins.
        pub from: At<SimDuration>,
        /// How long it lasts.
        pub lasts: At<SimDuration>,
        /// Whether everything in it is lost.
        pub loses: At<bool> = At::built_in(true),
    }
}

spec! {
    /// A cache, in each instance or shared: of real keys, or, with `mode = "ratio"`, of their hit ratio alone.
    pub struct Cache {
        /// How look-ups are simulated.
        pub mode: At<Mode> = At::built_in(Mode::Exact),
        /// Who has one.
        pub scope: At<Scope> = At::built_in(Scope::Shared),
        /// How much each holds: a number of entries, or bytes (`"512MB"`), for which the catalogues of keys
        /// need sizes.
        pub capacity: At<Capacity>,
        /// Who leaves when it is full.
        pub policy: Eviction = Eviction::LeastRecentlyUsed(LeastRecentlyUsed {}),
        /// How long an entry is good; for ever unless given.
        pub ttl: Option<At<SimDuration>>,
        /// Whether being asked for makes an entry good for another `ttl`; else it counts from when the
        /// entry was filled.
        pub renewed_by_hits: At<bool> = At::built_in(false),
        /// Whether an entry that is good is left alone by whoever missed it too and comes later to fill it, as by
        /// `ADD` or `SET NX`; else the last one to fill it replaces it, and its `ttl` begins anew.
        pub keeps_first: At<bool> = At::built_in(false),
        /// By which share of it at most the `ttl` is cut, at random for each entry, so that what was filled
        /// together does not expire together.
        pub jitter: At<Fraction> = At::built_in(Fraction::ZERO),
        /// How expired entries are removed: all of them this often (`"1m"`), or `"sampled"`, as Redis does.
        /// Unless given, they stay in their places until they are asked for or pushed out.
        pub sweep: Option<At<Sweep>>,
        /// How long it is remembered that something does not exist (see `missing` of a catalogue of keys); it
        /// is not unless given, and every request for it goes on to `on_miss`.
        pub negative_ttl: Option<At<SimDuration>>,
        /// How long looking up takes.
        pub time: Option<Law>,
        /// Who goes when several miss the same key at a time.
        pub on_concurrent_miss: OnConcurrentMiss = OnConcurrentMiss::None(Each {}),
        /// For how long after it has expired an entry is given out all the same, while a new one is got in the
        /// background: work that nobody waits for, but that costs what it costs.
        pub stale_while_revalidate: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// For how long after it has expired an entry is given out all the same if getting a new one fails.
        pub stale_if_error: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// Whether requests get a new entry before the old one has expired, more likely so the closer that is
        /// and the longer it takes (Vattani, Chierichetti and Lowenstein 2015): beta, usually 1. With
        /// `stale_while_revalidate` they do so in the background.
        pub early_expiration: Option<At<f64>>,
        /// The server that it runs on; without it, as many as ask can be served at a time.
        pub server: Option<CacheServer>,
        /// When it does not answer.
        pub down: Vec<Outage>,
        /// What a request does then, or when it is refused.
        pub on_error: At<OnError> = At::built_in(OnError::Miss),
        /// How long a request takes to find out that the cache does not answer.
        pub error_after: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// When somebody empties it.
        pub flush_at: Vec<At<SimDuration>>,
        /// What a shared one runs on, from `[instances]`: its price.
        pub instance: Option<At<String>>,
        /// What a node of it costs; overrides the instance type.
        pub cost: Option<At<CostPerHour>>,
        /// How many nodes are paid for, replicas included.
        pub nodes: At<Count> = At::built_in(Count::new(1)),
    }
    check(Self::check)
}

impl Outage {
    /// From when to when, and whether everything is lost.
    pub fn span(&self) -> (SimTime, SimTime, bool) {
        let from = SimTime::ZERO + self.from.value;
        (from, from + self.lasts.value, self.loses.value)
    }
}

impl Cache {
    /// True if it wants to hear how what follows its misses ends.
    pub fn minds_misses(&self) -> bool {
        self.early_expiration.is_some()
            || self.stale_while_revalidate.value > SimDuration::ZERO
            || self.stale_if_error.value > SimDuration::ZERO
            || !matches!(self.on_concurrent_miss, OnConcurrentMiss::None(_))
    }

    /// What a cache in ratio mode does; nothing if it keeps keys, or cannot be one.
    pub fn ratio_rules(&self) -> Option<RatioRules> {
        let forgets = match &self.policy {
            Eviction::LeastRecentlyUsed(_) => Forgets::LeastRecent,
            Eviction::FirstInFirstOut(_) | Eviction::RandomEviction(_) => Forgets::AnyWhoCame,
            _ => return None,
        };
        let Capacity::Entries(capacity) = self.capacity.value else {
            return None;
        };
        (self.mode.value == Mode::Ratio).then_some(RatioRules {
            capacity: capacity.get(),
            forgets,
            ttl: self.ttl.map(|ttl| ttl.value),
            renewed_by_hits: self.renewed_by_hits.value,
        })
    }

    /// Reports what needs keys.
    fn check_ratio(&self, out: &mut Diagnostics) {
        let is_lru = matches!(self.policy, Eviction::LeastRecentlyUsed(_));
        let known = is_lru
            || matches!(
                self.policy,
                Eviction::FirstInFirstOut(_) | Eviction::RandomEviction(_)
            );
        let mode = self.mode.origin;
        let early = self.early_expiration.map_or(mode, |own| own.origin);
        let of = |own: Option<At<SimDuration>>| own.map_or(mode, |own| own.origin);
        let (grace, error) = (self.stale_while_revalidate, self.stale_if_error);
        let refused = [
            (
                matches!(self.capacity.value, Capacity::Bytes(_)),
                self.capacity.origin,
                "a `capacity` in bytes",
            ),
            (!known, mode, "this `policy`"),
            (
                known && !is_lru && self.ttl.is_some(),
                of(self.ttl),
                "a `ttl` with this `policy`",
            ),
            (
                self.jitter.value > Fraction::ZERO,
                self.jitter.origin,
                "`jitter`",
            ),
            (
                self.sweep.is_some(),
                self.sweep.map_or(mode, |own| own.origin),
                "`sweep`",
            ),
            (
                self.negative_ttl.is_some(),
                of(self.negative_ttl),
                "`negative_ttl`",
            ),
            (
                !matches!(self.on_concurrent_miss, OnConcurrentMiss::None(_)),
                mode,
                "`on_concurrent_miss`",
            ),
            (
                grace.value > SimDuration::ZERO,
                grace.origin,
                "`stale_while_revalidate`",
            ),
            (
                error.value > SimDuration::ZERO,
                error.origin,
                "`stale_if_error`",
            ),
            (self.early_expiration.is_some(), early, "`early_expiration`"),
        ];
        for (is_set, origin, what) in refused {
            if is_set {
                let problem = format!("ratio mode, without keys, knows nothing of {what}");
                let help = if what.ends_with("`policy`") {
                    "it knows lru, also with a ttl, and fifo and random; or write mode = \"exact\""
                } else {
                    "leave it out, or write mode = \"exact\""
                };
                out.push(Diagnostic::error(origin, problem).help(help));
            }
        }
    }

    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.mode.value == Mode::Ratio {
            self.check_ratio(out);
        }
        for ttl in [self.ttl, self.negative_ttl].into_iter().flatten() {
            if ttl.value == SimDuration::ZERO {
                let problem = "a time to live must be longer than 0";
                out.push(Diagnostic::error(ttl.origin, problem));
            }
        }
        if let Some(beta) = self.early_expiration
            && !(beta.value > 0.0 && beta.value <= 1000.0)
        {
            let problem = format!(
                "expected a number above 0, up to 1000, found {}",
                number_text(beta.value)
            );
            out.push(Diagnostic::error(beta.origin, problem).help("1 is usual"));
        }
        if self.ttl.is_none() {
            let grace = [self.stale_while_revalidate, self.stale_if_error];
            for grace in grace.iter().filter(|own| own.value > SimDuration::ZERO) {
                let problem = "nothing expires that could be given out all the same";
                out.push(Diagnostic::error(grace.origin, problem).help("set `ttl`"));
            }
            let needs = [
                (
                    self.early_expiration.is_some(),
                    self.early_expiration
                        .map_or(Origin::BUILT_IN, |own| own.origin),
                    "be early for",
                ),
                (
                    self.renewed_by_hits.value,
                    self.renewed_by_hits.origin,
                    "be renewed",
                ),
                (
                    self.keeps_first.value,
                    self.keeps_first.origin,
                    "be left alone",
                ),
                (
                    self.jitter.value > Fraction::ZERO,
                    self.jitter.origin,
                    "be cut",
                ),
            ];
            for (is_set, origin, what) in needs {
                if is_set {
                    let problem = format!("there is no time to live to {what}");
                    out.push(Diagnostic::error(origin, problem).help("set `ttl`"));
                }
            }
            if let (Some(sweep), None) = (self.sweep, self.negative_ttl) {
                let problem = "nothing ever expires";
                out.push(Diagnostic::error(sweep.origin, problem).help("set `ttl`"));
            }
        }
    }
}

spec! {
    /// Looks a key up: `{ cache = "pages", keys = "urls", on_miss = [...] }`. On a miss the steps of
    /// `on_miss` are done, and then the key is put in.
    pub struct LookUp {
        /// The cache.
        pub cache: At<String>,
        /// The catalogue of keys to ask for.
        pub keys: At<String>,
        /// What to do on a miss.
        pub on_miss: Vec<crate::component::service::OperationStep>,
        /// How often the step is done at all.
        pub probability: At<Fraction> = At::built_in(Fraction::ONE),
    }
}
