//! Least recently used, with an expiry per entry.
//!
//! Hundreds of caches with thousands of entries each do not fit into the processor's own, so what counts is
//! how many cold places a use touches. Two choices keep that low:
//!
//! - The table has its entries inline; only those that collide are chained behind, and no entry ever moves
//!   while the table keeps its size.
//! - The order of use is a log of uses rather than a linked list, which would touch two neighbours at every
//!   use. Using an entry appends its place to the log and counts the record at the entry; a record is out
//!   of date while its entry has more of them. So the entry whose last record comes first is the one used
//!   least recently. The log is read and written in order.

use std::collections::VecDeque;

use crate::units::SimTime;

/// "No slot" in chains.
const NONE: u32 = u32::MAX;
/// The key of a vacant slot.
const VACANT: u64 = 0;
/// Records of uses per entry at which those out of date are thrown out.
const RECORDS_PER_ENTRY: usize = 3;

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: u64,
    good_until: SimTime,
    /// The next slot of the same bucket, also where this one is vacant.
    next: u32,
    /// Records of its uses in the log.
    records: u32,
}

impl Slot {
    const EMPTY: Self = Self {
        key: VACANT,
        good_until: SimTime::NEVER,
        next: NONE,
        records: 0,
    };
}

/// A bounded map from keys, which are not 0, to expiries. Grows with what it holds, up to its capacity, and
/// then replaces.
#[derive(Debug, Clone)]
pub(in crate::component) struct Lru {
    capacity: u32,
    /// How many entries there are.
    n_entries: u32,
    /// The first slot of each bucket, a power of two of them; then those of entries that collided.
    slots: Vec<Slot>,
    n_buckets: u32,
    /// Vacant slots that are no first ones.
    vacant: Vec<u32>,
    /// Slots in the order of their uses.
    log: VecDeque<u32>,
}

impl Lru {
    pub(in crate::component) fn new(capacity: u32) -> Self {
        Self {
            capacity,
            n_entries: 0,
            slots: vec![Slot::EMPTY],
            n_buckets: 1,
            vacant: Vec::new(),
            log: VecDeque::new(),
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.n_entries = 0;
        self.slots.truncate(self.n_buckets as usize);
        self.slots.fill(Slot::EMPTY);
        self.vacant.clear();
        self.log.clear();
    }

    /// True if `key` is there and good; either way it has been used now.
    #[inline]
    pub(super) fn look(&mut self, key: u64, now: SimTime) -> bool {
        let Some(at) = self.find(key) else {
            return false;
        };
        self.touch(at);
        now < self.slots[at as usize].good_until
    }

    /// Until when `key` is good, or was, if it is there; it has been used now.
    pub(in crate::component) fn until(&mut self, key: u64) -> Option<SimTime> {
        let at = self.find(key)?;
        self.touch(at);
        Some(self.slots[at as usize].good_until)
    }

    /// Puts `key` in, or makes it good again; pushes out the one used least recently if there is no room.
    pub(in crate::component) fn fill(&mut self, key: u64, good_until: SimTime) {
        assert!(key != VACANT, "keys count from 1");
        if let Some(at) = self.find(key) {
            self.slots[at as usize].good_until = good_until;
            self.touch(at);
            return;
        }
        if self.n_entries == self.capacity {
            let at = self.least_recent();
            self.remove(at);
        } else if self.n_entries == self.n_buckets {
            self.grow();
        }
        let at = self.insert(key, good_until);
        self.touch(at);
    }

    /// The bucket of a key. Keys are small numbers: the high bits of a product with an odd constant
    /// spread them.
    #[inline]
    fn bucket(&self, key: u64) -> u32 {
        let mixed = (key ^ (key >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as u32 & (self.n_buckets - 1)
    }

    #[inline]
    fn find(&self, key: u64) -> Option<u32> {
        let mut at = self.bucket(key);
        while at != NONE {
            let slot = &self.slots[at as usize];
            if slot.key == key {
                return Some(at);
            }
            at = slot.next;
        }
        None
    }

    /// Puts in a key that is not there.
    fn insert(&mut self, key: u64, good_until: SimTime) -> u32 {
        self.n_entries += 1;
        let first = self.bucket(key);
        let at = if self.slots[first as usize].key == VACANT {
            first
        } else {
            let at = self.vacant.pop().unwrap_or_else(|| {
                self.slots.push(Slot::EMPTY);
                (self.slots.len() - 1) as u32
            });
            self.slots[at as usize].next = self.slots[first as usize].next;
            self.slots[first as usize].next = at;
            at
        };
        let slot = &mut self.slots[at as usize];
        (slot.key, slot.good_until) = (key, good_until);
        at
    }

    /// Vacates a slot that has no records.
    fn remove(&mut self, at: u32) {
        self.n_entries -= 1;
        let Slot { key, next, .. } = self.slots[at as usize];
        self.slots[at as usize].key = VACANT;
        if at < self.n_buckets {
            return;
        }
        let mut before = self.bucket(key);
        while self.slots[before as usize].next != at {
            before = self.slots[before as usize].next;
        }
        self.slots[before as usize].next = next;
        self.vacant.push(at);
    }

    /// Twice the buckets, and every entry in its own.
    fn grow(&mut self) {
        self.n_buckets *= 2;
        self.n_entries = 0;
        self.vacant.clear();
        let empty = vec![Slot::EMPTY; self.n_buckets as usize];
        let old = std::mem::replace(&mut self.slots, empty);
        let mut moved = Vec::with_capacity(old.len());
        for slot in &old {
            if slot.key == VACANT {
                moved.push(NONE);
                continue;
            }
            let at = self.insert(slot.key, slot.good_until);
            self.slots[at as usize].records = slot.records;
            moved.push(at);
        }
        for at in &mut self.log {
            *at = moved[*at as usize];
        }
    }

    #[inline]
    fn touch(&mut self, at: u32) {
        if self.log.back() == Some(&at) {
            return;
        }
        if self.log.len() >= self.n_entries as usize * RECORDS_PER_ENTRY {
            self.compact();
        }
        self.log.push_back(at);
        self.slots[at as usize].records += 1;
    }

    /// Takes the entry that was used least recently out of the log.
    fn least_recent(&mut self) -> u32 {
        loop {
            let at = self.log.pop_front().expect("every entry has a record");
            let records = &mut self.slots[at as usize].records;
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
            let records = &mut self.slots[at as usize].records;
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
            steps in prop::collection::vec((any::<bool>(), 1u64..14, 1u64..30), 1..400),
            capacity in 1u32..12,
        ) {
            let mut lru = Lru::new(capacity);
            let mut list: Vec<(u64, u64)> = Vec::new();
            for (now, (fill, key, ttl)) in steps.into_iter().enumerate() {
                let now = now as u64;
                let at = list.iter().position(|(k, _)| *k == key);
                if fill {
                    at.map(|at| list.remove(at));
                    list.insert(0, (key, now + ttl));
                    list.truncate(capacity as usize);
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
