//! Least recently used, with an expiry per entry.
//!
//! Order of use is kept as a log of uses rather than as a linked list: using an entry appends its place to
//! the log and counts the record at the entry, and a record is out of date while its entry has more of
//! them. The entry whose last record comes first is the one used least recently. Thousands of caches do
//! not fit into the processor's, and a list would touch two more cold entries at every use; the log is
//! read and written in order.

use std::collections::VecDeque;

use crate::units::SimTime;

/// "No entry" in links.
const NONE: u32 = u32::MAX;
/// Records of uses per entry at which those out of date are thrown out.
const RECORDS_PER_ENTRY: usize = 4;

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: u64,
    good_until: SimTime,
    /// The next entry in the same bucket.
    next: u32,
    /// Records of its uses in the log.
    records: u32,
}

/// A bounded map from keys to expiries. Grows with what it holds, up to its capacity, and then replaces.
#[derive(Debug, Clone)]
pub(super) struct Lru {
    capacity: u32,
    /// The first entry of each bucket; a power of two of them.
    buckets: Vec<u32>,
    entries: Vec<Entry>,
    /// Places of entries in the order of their uses.
    log: VecDeque<u32>,
}

impl Lru {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            capacity,
            buckets: vec![NONE],
            entries: Vec::new(),
            log: VecDeque::new(),
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.buckets.fill(NONE);
        self.entries.clear();
        self.log.clear();
    }

    /// True if `key` is there and good; either way it has been used now.
    #[inline]
    pub(super) fn look(&mut self, key: u64, now: SimTime) -> bool {
        let Some(at) = self.find(key) else {
            return false;
        };
        self.touch(at);
        now < self.entries[at as usize].good_until
    }

    /// Puts `key` in, or makes it good again; pushes out the one used least recently if there is no room.
    pub(super) fn fill(&mut self, key: u64, good_until: SimTime) {
        if let Some(at) = self.find(key) {
            self.entries[at as usize].good_until = good_until;
            self.touch(at);
            return;
        }
        let entry = Entry {
            key,
            good_until,
            next: NONE,
            records: 0,
        };
        let at = if (self.entries.len() as u32) < self.capacity {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        } else {
            let at = self.least_recent();
            self.unlink(at);
            self.entries[at as usize] = entry;
            at
        };
        if self.entries.len() > self.buckets.len() {
            self.spread();
        } else {
            self.link(at);
        }
        self.touch(at);
    }

    /// The bucket of a key. Keys are small numbers: the high bits of a product with an odd constant
    /// spread them.
    #[inline]
    fn bucket(&self, key: u64) -> usize {
        let mixed = (key ^ (key >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize & (self.buckets.len() - 1)
    }

    #[inline]
    fn find(&self, key: u64) -> Option<u32> {
        let mut at = self.buckets[self.bucket(key)];
        while at != NONE {
            let entry = &self.entries[at as usize];
            if entry.key == key {
                return Some(at);
            }
            at = entry.next;
        }
        None
    }

    fn link(&mut self, at: u32) {
        let bucket = self.bucket(self.entries[at as usize].key);
        self.entries[at as usize].next = self.buckets[bucket];
        self.buckets[bucket] = at;
    }

    fn unlink(&mut self, at: u32) {
        let Entry { key, next, .. } = self.entries[at as usize];
        let bucket = self.bucket(key);
        if self.buckets[bucket] == at {
            self.buckets[bucket] = next;
            return;
        }
        let mut before = self.buckets[bucket];
        while self.entries[before as usize].next != at {
            before = self.entries[before as usize].next;
        }
        self.entries[before as usize].next = next;
    }

    /// Twice the buckets, and every entry in its own.
    fn spread(&mut self) {
        let n_buckets = self.entries.len().next_power_of_two();
        self.buckets.clear();
        self.buckets.resize(n_buckets, NONE);
        for at in 0..self.entries.len() {
            self.link(at as u32);
        }
    }

    #[inline]
    fn touch(&mut self, at: u32) {
        if self.log.back() == Some(&at) {
            return;
        }
        if self.log.len() >= self.entries.len() * RECORDS_PER_ENTRY {
            self.compact();
        }
        self.log.push_back(at);
        self.entries[at as usize].records += 1;
    }

    /// Takes the entry that was used least recently out of the log.
    fn least_recent(&mut self) -> u32 {
        loop {
            let at = self.log.pop_front().expect("every entry has a record");
            let records = &mut self.entries[at as usize].records;
            *records -= 1;
            if *records == 0 {
                return at;
            }
        }
    }

    /// Keeps the last record of every entry.
    fn compact(&mut self) {
        for _ in 0..self.log.len() {
            let at = self.log.pop_front().expect("it is that long");
            let records = &mut self.entries[at as usize].records;
            *records -= 1;
            if *records == 0 {
                *records = 1;
                self.log.push_back(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list in order of use.
        #[test]
        fn keeps_what_was_used_last(
            steps in prop::collection::vec((any::<bool>(), 0u64..12, 1u64..30), 1..400),
        ) {
            let mut lru = Lru::new(5);
            let mut list: Vec<(u64, u64)> = Vec::new();
            for (now, (fill, key, ttl)) in steps.into_iter().enumerate() {
                let now = now as u64;
                let at = list.iter().position(|(k, _)| *k == key);
                if fill {
                    at.map(|at| list.remove(at));
                    list.insert(0, (key, now + ttl));
                    list.truncate(5);
                    lru.fill(key, SimTime::from_nanos(now + ttl));
                } else {
                    let found = at.map(|at| list.remove(at));
                    if let Some(found) = found {
                        list.insert(0, found);
                    }
                    let good = found.is_some_and(|(_, until)| now < until);
                    prop_assert_eq!(lru.look(key, SimTime::from_nanos(now)), good);
                }
            }
        }
    }
}
