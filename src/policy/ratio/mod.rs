//! A cache that keeps no keys: whether a look-up hits is a matter of chance, by Che's approximation.
//!
//! Keys are taken together in classes of about the same popularity. The cache counts which classes it is asked for
//! and how often in its time to live, and works out again from time to time how likely each class is there: what
//! it is asked for may differ from what clients want where other caches stand before it, and the rate changes.
//! While it fills, a key is there if it was asked for since the beginning.

mod che;
mod classes;

use crate::math;
use crate::units::{SimDuration, SimTime};

pub use che::{Forgets, hit_of_mortal};
pub use classes::Classes;

/// How much what was known beforehand of the popularity of the classes counts, in requests.
const PRIOR: f64 = 4096.0;
/// From so many requests on older ones count less.
const MOST: f64 = 1_048_576.0;
/// Ratios are worked out anew when so many requests have come since, relative to all, but not more often, nor
/// less often, than after these.
const AGAIN: u64 = 8;
const SELDOM: u64 = 4096;
const OFTEN: u64 = 16;
/// The time to live is cut into so many parts, in which requests are counted.
const PARTS: usize = 16;

/// What a cache of this kind is told.
#[derive(Debug, Clone)]
pub struct RatioRules {
    /// How many entries it holds.
    pub capacity: u32,
    /// Who leaves when it is full.
    pub forgets: Forgets,
    /// How long entries live, if they do not live for ever.
    pub ttl: Option<SimDuration>,
    /// Whether being asked for renews that.
    pub renewed_by_hits: bool,
}

/// Requests in the last time to live.
#[derive(Debug, Clone)]
struct Recent {
    parts: [u64; PARTS],
    /// How many parts of time had gone by when the present one began.
    at: u64,
    length: SimDuration,
}

impl Recent {
    fn new(ttl: SimDuration) -> Self {
        Self {
            parts: [0; PARTS],
            at: 0,
            length: SimDuration::from_nanos((ttl.as_nanos() / PARTS as u64).max(1)),
        }
    }

    /// A request comes; true if a new part of time begins with it.
    fn counts(&mut self, now: SimTime) -> bool {
        let at = now.as_nanos() / self.length.as_nanos();
        let gone = at - self.at;
        for k in 0..gone.min(PARTS as u64) {
            self.parts[((self.at + 1 + k) % PARTS as u64) as usize] = 0;
        }
        self.at = at;
        self.parts[(at % PARTS as u64) as usize] += 1;
        gone > 0
    }

    /// How many come in a time to live, by those of the last one, or of as much as there has been of it.
    fn per_ttl(&self, now: SimTime, since: SimTime) -> f64 {
        let seen: u64 = self.parts.iter().sum();
        let begun = now.as_nanos() % self.length.as_nanos();
        let whole = (PARTS as u64 - 1) * self.length.as_nanos() + begun;
        let span = now.since(since).as_nanos().min(whole).max(1);
        seen as f64 * (PARTS as u64 * self.length.as_nanos()) as f64 / span as f64
    }
}

/// A cache that keeps no keys.
#[derive(Debug, Clone)]
pub struct Ratio {
    rules: RatioRules,
    /// By class: how many keys, and how many requests, those that count less and the prior included.
    classes: Vec<(f64, f64)>,
    total: f64,
    /// By class: how likely a hit is, as a threshold for a uniform 64-bit number.
    below: Vec<u64>,
    /// Requests since it was empty, and when that was; when ratios are worked out next.
    asked: u64,
    since: SimTime,
    next: u64,
    recent: Option<Recent>,
    /// What is kept for working ratios out.
    shares: Vec<(f64, f64)>,
}

impl Ratio {
    /// An empty one that is asked for keys of these catalogues.
    pub fn new(rules: &RatioRules, catalogues: &[&Classes]) -> Self {
        let weight = PRIOR / catalogues.len().max(1) as f64;
        let of = |own: &&Classes| -> Vec<(f64, f64)> {
            let n_keys = (0..own.len()).map(|class| own.n_keys(class) as f64);
            let shares = own.shares().iter().map(|share| share * weight);
            n_keys.zip(shares).collect()
        };
        let classes: Vec<_> = catalogues.iter().flat_map(of).collect();
        Self {
            rules: rules.clone(),
            below: vec![0; classes.len()],
            shares: Vec::with_capacity(classes.len()),
            total: PRIOR,
            asked: 0,
            since: SimTime::ZERO,
            next: 0,
            recent: rules.ttl.map(Recent::new),
            classes,
        }
    }

    /// Everything in it is gone. What it knows of its requests it still knows.
    pub fn clear(&mut self, now: SimTime) {
        (self.asked, self.next, self.since) = (0, 0, now);
        self.below.fill(0);
    }

    /// A look-up of a key of this class: gives how likely it hits, as a threshold for a uniform 64-bit number.
    #[inline]
    pub fn asked(&mut self, class: usize, now: SimTime) -> u64 {
        let is_due = self.recent.as_mut().is_some_and(|own| own.counts(now));
        if is_due || self.asked >= self.next {
            self.works_out(now);
        }
        self.asked += 1;
        self.classes[class].1 += 1.0;
        self.total += 1.0;
        self.below[class]
    }

    #[cold]
    fn works_out(&mut self, now: SimTime) {
        self.next = self.asked + (self.asked / AGAIN).clamp(OFTEN, SELDOM);
        if self.total > MOST {
            for own in &mut self.classes {
                own.1 /= 2.0;
            }
            self.total /= 2.0;
        }
        let total = self.total;
        self.shares.clear();
        let each = |(n, requests): &(f64, f64)| (*n, requests / total / n);
        self.shares.extend(self.classes.iter().map(each));
        let forgets = self.rules.forgets;
        let number = forgets.characteristic(&self.shares, f64::from(self.rules.capacity));
        let lives = self.recent.as_ref().map(|own| own.per_ttl(now, self.since));
        for (below, (_, share)) in self.below.iter_mut().zip(&self.shares) {
            let (expected, seen) = (share * number, share * self.asked as f64);
            let steady = match lives.map(|lives| share * lives) {
                None => forgets.presence(expected),
                Some(lives) if self.rules.renewed_by_hits => {
                    Forgets::LeastRecent.presence(expected.min(lives))
                }
                Some(lives) => hit_of_mortal(expected, lives),
            };
            // While it fills, whatever was asked for is there.
            let filling = -math::exp_m1(-seen);
            // `as` saturates, so that 1 is all but one of 2^64 numbers.
            *below = (steady.min(filling) * 2f64.powi(64)) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Filled by a constant stream of requests for equal keys: nothing at first, then what the closed form says.
    #[test]
    fn it_fills_and_settles() {
        let classes = Classes::zipf(1000, 0.0);
        let rules = RatioRules {
            capacity: 300,
            forgets: Forgets::LeastRecent,
            ttl: None,
            renewed_by_hits: false,
        };
        let mut cache = Ratio::new(&rules, &[&classes]);
        let mut ratios = Vec::new();
        for request in 0..4000u64 {
            let key = request * 7919 % 1000 + 1;
            let now = SimTime::from_nanos(request * 1_000_000);
            let below = cache.asked(classes.of(key), now);
            ratios.push(below as f64 / 2f64.powi(64));
        }
        assert!(ratios[0] <= 0.0);
        assert!((ratios[100] - 0.095).abs() < 0.012, "{}", ratios[100]);
        // Equal keys: the share that fits.
        assert!((ratios[3999] - 0.3).abs() < 0.01, "{}", ratios[3999]);
        cache.clear(SimTime::from_nanos(4_000_000_000));
        assert_eq!(cache.asked(3, SimTime::from_nanos(4_000_000_000)), 0);
    }

    /// One key that is asked for ten times in its time to live, as a mean: ten of eleven hit.
    #[test]
    fn it_knows_its_rate() {
        let classes = Classes::zipf(1, 0.0);
        let rules = RatioRules {
            capacity: 10,
            forgets: Forgets::LeastRecent,
            ttl: Some(SimDuration::from_secs(1)),
            renewed_by_hits: false,
        };
        let mut cache = Ratio::new(&rules, &[&classes]);
        let mut last = 0.0;
        for request in 0..2000u64 {
            // A tenth of the rate for the first half.
            let at = if request < 1000 {
                request * 10
            } else {
                9000 + request
            };
            let now = SimTime::from_nanos(at * 100_000_000);
            last = cache.asked(0, now) as f64 / 2f64.powi(64);
            if request == 999 {
                assert!((last - 0.5).abs() < 0.1, "{last}");
            }
        }
        assert!((last - 10.0 / 11.0).abs() < 0.01, "{last}");
    }
}
