//! Least recently used.
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

use super::{Bounds, Entry, Rules};
use crate::spec;
use crate::units::SimTime;

spec! {
    /// The one used least recently goes: Memcached, most libraries, nginx.
    pub struct LeastRecentlyUsed {}
}

/// The policy at work.
pub(super) type State = Lru<Entry>;

/// "No slot" in chains.
const NONE: u32 = u32::MAX;
/// The key of a vacant slot.
const VACANT: u64 = 0;
/// Records of uses per entry at which those out of date are thrown out.
const RECORDS_PER_ENTRY: usize = 3;

#[derive(Debug, Clone, Copy)]
struct Slot<E> {
    key: u64,
    entry: E,
    /// The next slot of the same bucket, also where this one is vacant.
    next: u32,
    /// Records of its uses in the log; where it is vacant, those of what was there.
    records: u32,
}

impl<E: Default> Slot<E> {
    fn empty() -> Self {
        Self {
            key: VACANT,
            entry: E::default(),
            next: NONE,
            records: 0,
        }
    }
}

/// A map from keys, which are not 0, that knows which one was used least recently. Grows with what it
/// holds.
#[derive(Debug, Clone)]
pub struct Lru<E> {
    /// How many entries there are.
    n_entries: u32,
    /// The first slot of each bucket, a power of two of them; then those of entries that collided.
    slots: Vec<Slot<E>>,
    n_buckets: u32,
    /// Vacant slots that are no first ones.
    vacant: Vec<u32>,
    /// Slots in the order of their uses.
    log: VecDeque<u32>,
}

impl<E: Copy + Default> Default for Lru<E> {
    fn default() -> Self {
        Self {
            n_entries: 0,
            slots: vec![Slot::empty()],
            n_buckets: 1,
            vacant: Vec::new(),
            log: VecDeque::new(),
        }
    }
}

impl<E: Copy + Default> Lru<E> {
    /// How many entries there are.
    #[inline]
    pub fn n_entries(&self) -> u32 {
        self.n_entries
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.n_entries = 0;
        self.slots.truncate(self.n_buckets as usize);
        self.slots.fill(Slot::empty());
        self.vacant.clear();
        self.log.clear();
    }

    /// What is kept of `key`, if it is there; it has been used now.
    #[inline]
    pub fn using(&mut self, key: u64) -> Option<&mut E> {
        let at = self.find(key)?;
        self.touch(at);
        Some(&mut self.slots[at as usize].entry)
    }

    /// Puts `key` in, or something else in its place; of more than `capacity` entries, the one used least
    /// recently goes.
    pub fn fill(&mut self, key: u64, entry: E, capacity: u32) {
        if let Some(own) = self.using(key) {
            *own = entry;
            return;
        }
        if self.n_entries >= capacity {
            self.pops();
        }
        self.adds(key, entry);
    }

    /// Puts in a key that is not there.
    fn adds(&mut self, key: u64, entry: E) {
        assert!(key != VACANT, "keys count from 1");
        if self.n_entries == self.n_buckets {
            self.grow();
        }
        let at = self.insert(key, entry);
        self.touch(at);
    }

    /// Takes out the one used least recently.
    fn pops(&mut self) -> u64 {
        let at = self.least_recent();
        let key = self.slots[at as usize].key;
        self.remove(at);
        key
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
    fn insert(&mut self, key: u64, entry: E) -> u32 {
        self.n_entries += 1;
        let first = self.bucket(key);
        let at = if self.slots[first as usize].key == VACANT {
            first
        } else {
            let at = self.vacant.pop().unwrap_or_else(|| {
                self.slots.push(Slot::empty());
                (self.slots.len() - 1) as u32
            });
            self.slots[at as usize].next = self.slots[first as usize].next;
            self.slots[first as usize].next = at;
            at
        };
        let slot = &mut self.slots[at as usize];
        (slot.key, slot.entry) = (key, entry);
        at
    }

    /// Vacates a slot; records that it has left are passed over when their turn comes.
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
        // Slots that have been vacated have no place in the new table.
        self.compact();
        self.n_buckets *= 2;
        self.n_entries = 0;
        self.vacant.clear();
        let empty = vec![Slot::empty(); self.n_buckets as usize];
        let old = std::mem::replace(&mut self.slots, empty);
        let mut moved = Vec::with_capacity(old.len());
        for slot in &old {
            if slot.key == VACANT {
                moved.push(NONE);
                continue;
            }
            let at = self.insert(slot.key, slot.entry);
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
            let slot = &mut self.slots[at as usize];
            slot.records -= 1;
            if slot.records == 0 && slot.key != VACANT {
                return at;
            }
        }
    }

    /// Keeps the last record of every entry.
    fn compact(&mut self) {
        for _ in 0..self.log.len() {
            let at = self.log.pop_front().expect("it is that long");
            let slot = &mut self.slots[at as usize];
            slot.records -= 1;
            if slot.records == 0 && slot.key != VACANT {
                slot.records = 1;
                self.log.push_back(at);
            }
        }
    }
}
impl Rules for Lru<Entry> {
    type Spec = LeastRecentlyUsed;

    fn new(_: &LeastRecentlyUsed, _: Bounds) -> Self {
        Self::default()
    }

    fn n_entries(&self) -> u32 {
        self.n_entries
    }

    fn peek(&self, key: u64) -> Option<Entry> {
        let at = self.find(key)?;
        Some(self.slots[at as usize].entry)
    }

    fn using(&mut self, key: u64, _: SimTime) -> Option<&mut Entry> {
        Self::using(self, key)
    }

    fn add(&mut self, key: u64, entry: Entry, _: u64, _: SimTime) {
        self.adds(key, entry);
    }

    fn evict(&mut self, _: u64, _: SimTime) -> u64 {
        self.pops()
    }

    fn remove(&mut self, key: u64) {
        if let Some(at) = self.find(key) {
            Self::remove(self, at);
        }
    }

    fn n_places(&self) -> u32 {
        self.slots.len() as u32
    }

    fn at(&self, place: u32) -> Option<(u64, Entry)> {
        let slot = &self.slots[place as usize];
        (slot.key != VACANT).then_some((slot.key, slot.entry))
    }

    fn clear(&mut self) {
        Self::clear(self);
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
            steps in prop::collection::vec((0u8..5, 1u64..14), 1..400),
            capacity in 1u32..12,
        ) {
            let mut lru: Lru<u64> = Lru::default();
            let mut list: Vec<(u64, u64)> = Vec::new();
            for (now, (what, key)) in steps.into_iter().enumerate() {
                let now = now as u64;
                let at = list.iter().position(|(k, _)| *k == key);
                match what {
                    0 | 1 => {
                        at.map(|at| list.remove(at));
                        list.insert(0, (key, now));
                        list.truncate(capacity as usize);
                        lru.fill(key, now, capacity);
                    }
                    2 | 3 => {
                        let found = at.map(|at| list.remove(at));
                        list.splice(0..0, found);
                        let own = lru.using(key).copied();
                        prop_assert_eq!(own, found.map(|(_, entry)| entry));
                    }
                    _ => {
                        at.map(|at| list.remove(at));
                        if let Some(at) = lru.find(key) {
                            lru.remove(at);
                        }
                    }
                }
                prop_assert_eq!(lru.n_entries() as usize, list.len());
            }
        }
    }
}
