//! A cache's room: what is in it, how much that is, and who goes when it is too much.

use super::members::below;
use super::{Bounds, Entry, Eviction, Store};
use crate::rng::Draw;
use crate::units::SimTime;

/// What became of something that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// It is there.
    Kept,
    /// It is not: it does not fit at all, or the policy did not let it in.
    Refused,
}

/// Entries within a capacity.
#[derive(Debug, Clone)]
pub struct Shelf {
    store: Store,
    capacity: u64,
    used: u64,
    n_evicted: u64,
}

impl Shelf {
    /// An empty one.
    pub fn new(policy: &Eviction, bounds: Bounds) -> Self {
        Self {
            store: policy.start(bounds),
            capacity: bounds.capacity,
            used: 0,
            n_evicted: 0,
        }
    }

    /// How many entries there are, good or not.
    pub fn n_entries(&self) -> u32 {
        self.store.n_entries()
    }

    /// How much there is of what the capacity counts.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// How many have had to go so far.
    pub fn n_evicted(&self) -> u64 {
        self.n_evicted
    }

    /// What is kept of `key`, good or not; nobody uses it.
    pub fn peek(&self, key: u64) -> Option<Entry> {
        self.store.peek(key)
    }

    /// What is kept of `key`, good or not; it is used now.
    #[inline]
    pub fn using(&mut self, key: u64, now: SimTime) -> Option<&mut Entry> {
        self.store.using(key, now)
    }

    /// Puts `key` in, or something else in its place; others go until there is room. `size_of` gives the
    /// size of whatever is under a key, always the same.
    pub fn fill(
        &mut self,
        key: u64,
        entry: Entry,
        now: SimTime,
        size_of: impl Fn(u64) -> u64,
    ) -> Filled {
        let size = size_of(key);
        if size > self.capacity {
            return Filled::Refused;
        }
        if let Some(own) = self.store.using(key, now) {
            *own = entry;
            return Filled::Kept;
        }
        self.store.add(key, entry, size, now);
        self.used += size;
        while self.used > self.capacity {
            let gone = self.store.evict(key, now);
            self.used -= size_of(gone);
            if gone == key {
                return Filled::Refused;
            }
            self.n_evicted += 1;
        }
        Filled::Kept
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: u64, size_of: impl Fn(u64) -> u64) {
        if self.store.peek(key).is_some() {
            self.store.remove(key);
            self.used -= size_of(key);
        }
    }

    /// Takes out what `is_dead` says of every entry. Gives how many went.
    pub fn sweep(&mut self, is_dead: impl Fn(&Entry) -> bool, size_of: impl Fn(u64) -> u64) -> u32 {
        let mut n = 0;
        for place in 0..self.store.n_places() {
            if let Some((key, entry)) = self.store.at(place)
                && is_dead(&entry)
            {
                self.store.remove(key);
                self.used -= size_of(key);
                n += 1;
            }
        }
        n
    }

    /// True if whoever finds an expired entry takes it out.
    pub fn deletes_expired(&self) -> bool {
        self.store.deletes_expired()
    }

    /// The same for `n` entries at random. Gives how many it looked at, and how many of these went.
    pub fn sweep_sample(
        &mut self,
        n: u32,
        draw: &mut Draw,
        is_dead: impl Fn(&Entry) -> bool,
        size_of: impl Fn(u64) -> u64,
    ) -> (u32, u32) {
        let (mut seen, mut dead) = (0, 0);
        let n_places = self.store.n_places() as usize;
        // Places may be vacant.
        for _ in 0..8 * n {
            if n_places == 0 || seen == n {
                break;
            }
            let Some((key, entry)) = self.store.at(below(draw, n_places) as u32) else {
                continue;
            };
            seen += 1;
            if is_dead(&entry) {
                dead += 1;
                self.store.remove(key);
                self.used -= size_of(key);
            }
        }
        (seen, dead)
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.store.clear();
        self.used = 0;
    }
}
