//! The tables of caches.

use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::policy::eviction::{Eviction, LeastRecentlyUsed};
use crate::spec::{At, Count, Definitions, Node, Spec, Value};
use crate::units::{Bytes, CostPerHour, Fraction, SimDuration};
use crate::{spec, words};

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
    /// A cache of real keys, in each instance or shared.
    pub struct Cache {
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

impl Cache {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        for ttl in [self.ttl, self.negative_ttl].into_iter().flatten() {
            if ttl.value == SimDuration::ZERO {
                let problem = "a time to live must be longer than 0";
                out.push(Diagnostic::error(ttl.origin, problem));
            }
        }
        if self.ttl.is_none() {
            let needs = [
                (
                    self.renewed_by_hits.value,
                    self.renewed_by_hits.origin,
                    "be renewed",
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
