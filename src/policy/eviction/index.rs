//! Where keys are: a table of places by key.

/// "Nowhere", as a place.
pub const NOWHERE: u32 = u32::MAX;

/// What can be looked up.
pub trait Key: Copy + Eq {
    /// A number that differs between keys, evenly spread in its high bits.
    fn spread(self) -> u64;
}

/// An odd constant whose product with small numbers spreads them.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Key for u64 {
    #[inline]
    fn spread(self) -> u64 {
        (self ^ (self >> 32)).wrapping_mul(ODD)
    }
}

impl Key for (u64, u64) {
    #[inline]
    fn spread(self) -> u64 {
        (self.0.spread().rotate_left(29) ^ self.1).spread()
    }
}

/// Places by key: open addressing, each key as near behind its own bucket as it was free. Nothing is left
/// behind where a key was taken out, so that keys may come and go for ever.
#[derive(Debug, Clone)]
pub struct Index<K> {
    /// A power of two of them, at most half of them taken.
    buckets: Vec<(Option<K>, u32)>,
    n_keys: usize,
}

impl<K: Key> Default for Index<K> {
    fn default() -> Self {
        Self {
            buckets: vec![(None, NOWHERE); 8],
            n_keys: 0,
        }
    }
}

impl<K: Key> Index<K> {
    /// How many keys there are.
    pub fn n_keys(&self) -> usize {
        self.n_keys
    }

    #[inline]
    fn home(&self, key: K) -> usize {
        // At most 2^32 buckets.
        (key.spread() >> 32) as usize & (self.buckets.len() - 1)
    }

    /// The bucket of `key`, or the free one where it would be.
    #[inline]
    fn bucket(&self, key: K) -> usize {
        let mut at = self.home(key);
        while let (Some(own), _) = self.buckets[at]
            && own != key
        {
            at = (at + 1) & (self.buckets.len() - 1);
        }
        at
    }

    /// Where `key` is.
    #[inline]
    pub fn find(&self, key: K) -> Option<u32> {
        let (found, place) = self.buckets[self.bucket(key)];
        found.map(|_| place)
    }

    /// Notes where `key` is.
    pub fn set(&mut self, key: K, place: u32) {
        let at = self.bucket(key);
        if self.buckets[at].0.is_some() {
            self.buckets[at].1 = place;
            return;
        }
        self.buckets[at] = (Some(key), place);
        self.n_keys += 1;
        if self.n_keys * 2 > self.buckets.len() {
            let doubled = vec![(None, NOWHERE); self.buckets.len() * 2];
            for (key, place) in std::mem::replace(&mut self.buckets, doubled) {
                if let Some(key) = key {
                    let at = self.bucket(key);
                    self.buckets[at] = (Some(key), place);
                }
            }
        }
    }

    /// Forgets `key`; gives where it was.
    pub fn remove(&mut self, key: K) -> Option<u32> {
        let mut hole = self.bucket(key);
        let (Some(_), place) = self.buckets[hole] else {
            return None;
        };
        let mask = self.buckets.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let Some(own) = self.buckets[at].0 else { break };
            // It may move up unless its own bucket lies behind the hole.
            if (at.wrapping_sub(self.home(own)) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.buckets[hole] = self.buckets[at];
                hole = at;
            }
        }
        self.buckets[hole] = (None, NOWHERE);
        self.n_keys -= 1;
        Some(place)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.buckets.fill((None, NOWHERE));
        self.n_keys = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a map of the standard library.
        #[test]
        fn keys_are_where_they_were_put(
            steps in prop::collection::vec((0u8..3, 1u64..60, 0u32..9), 1..500),
        ) {
            let (mut index, mut map) = (Index::default(), BTreeMap::new());
            for (what, key, place) in steps {
                match what {
                    0 => {
                        index.set(key, place);
                        map.insert(key, place);
                    }
                    1 => prop_assert_eq!(index.remove(key), map.remove(&key)),
                    _ => prop_assert_eq!(index.find(key), map.get(&key).copied()),
                }
                prop_assert_eq!(index.n_keys(), map.len());
            }
        }
    }
}
