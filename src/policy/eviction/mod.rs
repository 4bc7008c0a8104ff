//! Who leaves a cache that is full.
//!
//! One file per policy. To add one: write its file (its table, its state, its rules) and add its line to the
//! list below.

mod chain;
mod clock;
mod fifo;
mod index;
mod lfu;
mod lru;
mod members;
mod none;
mod ordered;
mod random;
mod redis_lfu;
mod redis_lru;
mod sampled;
mod shelf;
mod sketch;
mod w_tinylfu;

use crate::units::{SimDuration, SimTime};

pub(in crate::policy) use chain::{Chain, Links};
pub use clock::Clock;
pub use fifo::FirstInFirstOut;
pub use index::{Index, Key, NOWHERE};
pub use lfu::LeastFrequentlyUsed;
pub use lru::{LeastRecentlyUsed, Lru};
pub use none::NoEviction;
pub use random::RandomEviction;
pub use redis_lfu::RedisLfu;
pub use redis_lru::RedisLru;
pub use shelf::{Filled, Shelf};
pub use w_tinylfu::WindowTinyLfu;

/// What is kept of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entry {
    /// Until when it is good.
    pub good_until: SimTime,
    /// How long it took to get.
    pub took: SimDuration,
    /// When it was made: then it was the truth.
    pub made: SimTime,
}

/// What a policy knows of its cache.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How much there can be in all.
    pub capacity: u64,
    /// Whether that is a number of entries, each of size 1.
    pub in_entries: bool,
    /// Where its draws start.
    pub seed: u64,
}

/// What every policy can do: a map that knows who goes next.
trait Rules {
    /// The table that describes the policy.
    type Spec;

    /// Whether whoever finds an expired entry takes it out.
    const DELETES_EXPIRED: bool = false;

    /// Nothing there yet.
    fn new(spec: &Self::Spec, bounds: Bounds) -> Self;

    /// How many entries there are.
    fn n_entries(&self) -> u32;

    /// What is kept of `key`; nobody uses it.
    fn peek(&self, key: u64) -> Option<Entry>;

    /// What is kept of `key`; it is used now.
    fn using(&mut self, key: u64, now: SimTime) -> Option<&mut Entry>;

    /// Puts in a key that is not there.
    fn add(&mut self, key: u64, entry: Entry, size: u64, now: SimTime);

    /// Takes somebody out because there is too much since `newest` came, which it may be itself; gives its
    /// key.
    fn evict(&mut self, newest: u64, now: SimTime) -> u64;

    /// Takes `key` out, if it is there.
    fn remove(&mut self, key: u64);

    /// How many places there are, taken or not.
    fn n_places(&self) -> u32;

    /// What is at a place.
    fn at(&self, place: u32) -> Option<(u64, Entry)>;

    /// Takes everything out.
    fn clear(&mut self);
}

macro_rules! policies {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $word:literal ),* $(,)?) => {
        crate::choice! {
            /// Who leaves a cache that is full.
            pub enum Eviction {
                $( $(#[doc = $doc])* $variant($module::$variant) = $word ),*
            }
        }

        /// A policy at work, with what it keeps.
        #[derive(Debug, Clone)]
        enum Store {
            $( $variant($module::State), )*
        }

        impl Eviction {
            fn start(&self, bounds: Bounds) -> Store {
                match self { $( Self::$variant(spec) => Store::$variant(Rules::new(spec, bounds)), )* }
            }
        }

        impl Store {
            fn deletes_expired(&self) -> bool {
                match self { $( Self::$variant(_) => <$module::State as Rules>::DELETES_EXPIRED, )* }
            }

            fn n_entries(&self) -> u32 {
                match self { $( Self::$variant(own) => Rules::n_entries(own), )* }
            }

            fn peek(&self, key: u64) -> Option<Entry> {
                match self { $( Self::$variant(own) => Rules::peek(own, key), )* }
            }

            fn using(&mut self, key: u64, now: SimTime) -> Option<&mut Entry> {
                match self { $( Self::$variant(own) => Rules::using(own, key, now), )* }
            }

            fn add(&mut self, key: u64, entry: Entry, size: u64, now: SimTime) {
                match self { $( Self::$variant(own) => Rules::add(own, key, entry, size, now), )* }
            }

            fn evict(&mut self, newest: u64, now: SimTime) -> u64 {
                match self { $( Self::$variant(own) => Rules::evict(own, newest, now), )* }
            }

            fn remove(&mut self, key: u64) {
                match self { $( Self::$variant(own) => Rules::remove(own, key), )* }
            }

            fn n_places(&self) -> u32 {
                match self { $( Self::$variant(own) => Rules::n_places(own), )* }
            }

            fn at(&self, place: u32) -> Option<(u64, Entry)> {
                match self { $( Self::$variant(own) => Rules::at(own, place), )* }
            }

            fn clear(&mut self) {
                match self { $( Self::$variant(own) => Rules::clear(own), )* }
            }
        }
    };
}

policies! {
    /// The one used least recently.
    LeastRecentlyUsed: lru = "lru",
    /// The one that came first.
    FirstInFirstOut: fifo = "fifo",
    /// The one that came first, unless it was used: then it has another chance.
    Clock: clock = "clock",
    /// Anyone.
    RandomEviction: random = "random",
    /// The one asked for least often since it came.
    LeastFrequentlyUsed: lfu = "lfu",
    /// Whoever was asked for less often lately: the newcomer, or whom it would replace.
    WindowTinyLfu: w_tinylfu = "w_tinylfu",
    /// The one idle the longest of a few that are looked at: `allkeys-lru`.
    RedisLru: redis_lru = "redis_lru",
    /// The one used least often of a few that are looked at: `allkeys-lfu`.
    RedisLfu: redis_lfu = "redis_lfu",
    /// Nobody: what does not fit is not kept.
    NoEviction: none = "none",
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diag::{Diagnostics, Origin};
    use crate::rng::Salt;
    use crate::spec::{Node, Spec as _, Value};

    fn policy(word: &str) -> Eviction {
        let node = Node {
            value: Value::Text(word.to_owned()),
            origin: Origin::BUILT_IN,
        };
        Eviction::read(&node, &mut Diagnostics::default())
            .expect("every policy works by its bare name")
    }

    const SECOND: u64 = 1_000_000_000;

    fn bounds(capacity: u64) -> Bounds {
        Bounds {
            capacity,
            in_entries: true,
            seed: 7,
        }
    }

    #[derive(Debug, Clone)]
    enum Action {
        Use(u64),
        Fill(u64),
        Remove(u64),
        Sweep,
        Clear,
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            8 => (1..40u64).prop_map(Action::Use),
            12 => (1..40u64).prop_map(Action::Fill),
            2 => (1..40u64).prop_map(Action::Remove),
            1 => Just(Action::Sweep),
            1 => Just(Action::Clear),
        ]
    }

    proptest! {
        /// Whatever the policy: never more than the capacity, what it says it keeps is there until somebody
        /// has to go, and nobody goes without need.
        #[test]
        fn shelves_keep_what_they_say(
            actions in prop::collection::vec(action(), 1..300),
            capacity in 1u64..30,
            in_entries in any::<bool>(),
        ) {
            let size_of = |key: u64| if in_entries { 1 } else { 1 + key % 7 };
            for word in Eviction::WORDS {
                let mut shelf = Shelf::new(&policy(word), Bounds { in_entries, ..bounds(capacity) });
                let mut kept = std::collections::BTreeMap::new();
                for (at, action) in actions.iter().enumerate() {
                    let now = SimTime::from_nanos(at as u64 * SECOND);
                    let entry = Entry { good_until: now, ..Entry::default() };
                    let before = shelf.used();
                    match *action {
                        Action::Use(key) => {
                            let found = shelf.using(key, now).map(|own| own.good_until);
                            prop_assert_eq!(found, kept.get(&key).copied(), "{}", word);
                        }
                        Action::Fill(key) => {
                            let filled = shelf.fill(key, entry, now, size_of);
                            let fits = size_of(key) <= capacity;
                            prop_assert!(fits || filled == Filled::Refused);
                            if filled == Filled::Kept {
                                kept.insert(key, now);
                            }
                            // Who had to go is whoever is not there any more.
                            let n = kept.len();
                            kept.retain(|key, _| shelf.peek(*key).is_some());
                            let has_room = before + size_of(key) <= capacity;
                            prop_assert!(n == kept.len() || !has_room, "{}: without need", word);
                            prop_assert!(!has_room || filled == Filled::Kept, "{}", word);
                        }
                        Action::Remove(key) => {
                            shelf.remove(key, size_of);
                            kept.remove(&key);
                        }
                        Action::Sweep => {
                            let early = SimTime::from_nanos(at as u64 / 2 * SECOND);
                            shelf.sweep(|own| own.good_until < early, size_of);
                            kept.retain(|_, own| *own >= early);
                        }
                        Action::Clear => {
                            shelf.clear();
                            kept.clear();
                        }
                    }
                    let used: u64 = kept.keys().map(|key| size_of(*key)).sum();
                    prop_assert_eq!(shelf.used(), used, "{}", word);
                    prop_assert!(used <= capacity);
                    prop_assert_eq!(shelf.n_entries() as usize, kept.len());
                }
            }
        }
    }

    /// The share of hits among independent requests for `n` keys with Zipf's law, after as many to fill it.
    fn hit_ratio(word: &str, capacity: u64, n: u32, exponent: f64, scan: u64) -> f64 {
        let mut shelf = Shelf::new(&policy(word), bounds(capacity));
        let weights = (1..=n).map(|i| crate::math::powf(f64::from(i), -exponent));
        let sums: Vec<f64> = weights
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        let (salt, most) = (Salt::new("test", word), 200_000);
        let (mut hits, mut asked) = (0.0, 0.0);
        for number in 0..most {
            let now = SimTime::from_nanos(number * SECOND / 50);
            let drawn = salt.uniform(number) as f64 / 2f64.powi(64) * sums[sums.len() - 1];
            let mut key = sums.partition_point(|sum| *sum < drawn) as u64 + 1;
            let is_scan = scan > 0 && number % scan == 0;
            if is_scan {
                // Nobody ever asks for it again.
                key = u64::from(n) + number;
            }
            let is_hit = shelf.using(key, now).is_some();
            if !is_hit {
                shelf.fill(key, Entry::default(), now, |_| 1);
            }
            if number > most / 2 && !is_scan {
                hits += f64::from(u8::from(is_hit));
                asked += 1.0;
            }
        }
        hits / asked
    }

    /// 5000 keys, room for 500, Zipf 0.8: LRU 0.423 and FIFO 0.379 are known from theory, and a perfect LFU keeps
    /// the 500 most popular, which get 0.5597 of the requests.
    #[test]
    fn hit_ratios_are_as_known() {
        let ratio = |word| hit_ratio(word, 500, 5000, 0.8, 0);
        let is_near = |word, expected: f64, off: f64| {
            let found = ratio(word);
            assert!(
                (found - expected).abs() < off,
                "{word}: {found}, not {expected}"
            );
        };
        is_near("lru", 0.4227, 0.006);
        is_near("fifo", 0.3794, 0.006);
        is_near("random", 0.3794, 0.006);
        // With five samples and a pool, close to the real thing, as the documentation of Redis has it.
        is_near("redis_lru", 0.4227, 0.015);
        let [lru, lfu, redis, tiny] = ["lru", "lfu", "redis_lfu", "w_tinylfu"].map(ratio);
        for (word, own) in [("lfu", lfu), ("redis_lfu", redis), ("w_tinylfu", tiny)] {
            assert!(
                own > lru + 0.03 && own < 0.5597,
                "{word}: {own}, lru: {lru}"
            );
        }
        // Whoever came first stays.
        assert!(ratio("none") < 0.45);
    }

    /// Half of the requests are for what nobody asks for again: that ruins LRU, but not those that ask for proof.
    #[test]
    fn scans_do_not_flush_what_is_popular() {
        let lost = |word| hit_ratio(word, 200, 5000, 0.8, 0) - hit_ratio(word, 200, 5000, 0.8, 2);
        assert!(lost("lru") > 0.06, "{}", lost("lru"));
        assert!(lost("w_tinylfu") < 0.03, "{}", lost("w_tinylfu"));
    }
}
