//! The tables of content delivery networks.

use crate::component::cache::Capacity;
use crate::component::http_cache::Bypass;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::dist::popularity::Popularity;
use crate::policy::edge_cache::Lifetimes;
use crate::policy::eviction::{Eviction, LeastRecentlyUsed};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{CostPerHour, CostPerSize, Fraction, SimDuration};

/// The products whose settings a CDN can have.
const PRESETS: &[spec::Preset] = crate::presets! {
    "cloudfront": "presets/cloudfront.toml",
    "cloudflare_workers": "presets/cloudflare_workers.toml",
};

/// More edges than this are refused: each has a cache.
const MOST_EDGES: u32 = 100_000;

spec! {
    /// A content delivery network: points of presence, each with a cache of its own. A shield is a second one with
    /// a single edge, between the first and the origin.
    pub struct Cdn {
        /// The product whose settings it has, where none are given here.
        pub model: Option<At<String>>,
        /// What is behind it: a balancer, a service, or another gateway, such as its shield.
        pub to: At<String>,
        /// What requests ask for: the catalogue of keys.
        pub keys: At<String>,
        /// The operations whose answers may be kept. Unless given, those with `cache_control` and those that only
        /// read: that neither publish anything nor write to a database.
        pub cacheable: Vec<At<String>>,
        /// Whose requests are neither looked up nor stored.
        pub bypass: At<Bypass> = At::built_in(Bypass::Nobody),
        /// How many points of presence there are. All requests of an address come to the same one.
        pub edges: At<Count> = At::built_in(Count::new(1)),
        /// How unevenly addresses are spread over them.
        pub spread: Popularity = Popularity::Zipf(At::built_in(1.0)),
        /// How much each edge holds: a number of entries, or bytes, for which the catalogue of keys needs sizes.
        pub capacity: At<Capacity>,
        /// Who leaves when that is full.
        pub policy: Eviction = Eviction::LeastRecentlyUsed(LeastRecentlyUsed {}),
        /// How long answers are good that do not say so themselves by `cache_control`; `min_ttl` if that is longer.
        pub default_ttl: At<SimDuration> = At::built_in(SimDuration::from_secs(86_400)),
        /// How long answers are good at least, whatever they say; if it is not 0, even those that say that they are not
        /// to be kept.
        pub min_ttl: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How long answers are good at most, whatever they say.
        pub max_ttl: At<SimDuration> = At::built_in(SimDuration::from_secs(365 * 86_400)),
        /// For how long it is remembered that there is no such thing (see `missing` of a catalogue of keys), or for
        /// longer if the answer says so. Other errors are not kept.
        pub negative_ttl: At<SimDuration> = At::built_in(SimDuration::from_secs(10)),
        /// Whether one request goes for all that ask an edge for the same at a time; the others wait for what comes
        /// of it, be it an error.
        pub collapse: bool = true,
        /// For how long after its time an answer is given out while a new one is got in the background, where it does
        /// not say so itself.
        pub stale_while_revalidate: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// For how long after its time an answer is given out if no new one can be got, where it does not say so
        /// itself.
        pub stale_if_error: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// The share of answers that are still good when they are asked for again: then those behind take the steps
        /// of `not_modified`.
        pub unchanged: At<Fraction> = At::built_in(Fraction::ZERO),
        /// The round trip between clients and their edge, drawn once for each edge: 5 to 30 ms. None unless
        /// given.
        pub client_rtt: Option<Law>,
        /// The round trip between an edge and what is behind, drawn once for each edge: 20 to 150 ms. None
        /// unless given.
        pub origin_rtt: Option<Law>,
        /// When somebody purges everything.
        pub flush_at: Vec<At<SimDuration>>,
        /// What it costs as a whole, beside what it sends.
        pub cost: Option<At<CostPerHour>>,
        /// What the answers to clients cost on their way out; only operations that say how large their
        /// answers are count.
        pub transfer: Option<At<CostPerSize>>,
    }
    presets(PRESETS)
    check(Self::check)
}

impl Cdn {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        self.spread.check(out);
        if self.edges.get() > MOST_EDGES {
            let problem = format!("{} edges are too many to simulate", self.edges.value);
            let label = format!("at most {MOST_EDGES}");
            out.push(Diagnostic::error(self.edges.origin, problem).label(label));
        }
        if self.min_ttl.value > self.max_ttl.value {
            let problem = "answers are good at least for longer than at most";
            out.push(
                Diagnostic::error(self.min_ttl.origin, problem)
                    .related(self.max_ttl.origin, "at most so long"),
            );
        }
    }

    /// How long answers are good.
    pub fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            min: self.min_ttl.value,
            default: self.default_ttl.value,
            max: self.max_ttl.value,
            negative: self.negative_ttl.value,
            stale_while_revalidate: self.stale_while_revalidate.value,
            stale_if_error: self.stale_if_error.value,
        }
    }
}
