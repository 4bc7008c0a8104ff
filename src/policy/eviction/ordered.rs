//! A map whose policy keeps an order of its own, by numbers of places that stay the same.

use super::index::Index;
use super::{Bounds, Entry, Rules};
use crate::units::SimTime;

/// What a policy is told, and what it decides. Entries are known by their places.
pub(super) trait Order {
    /// The table that describes the policy.
    type Spec;

    /// Whether whoever finds an expired entry takes it out.
    const DELETES_EXPIRED: bool = false;

    /// Nothing there yet.
    fn new(spec: &Self::Spec, bounds: Bounds) -> Self;

    /// An entry has come to a vacant place.
    fn added(&mut self, place: u32, key: u64, size: u64, now: SimTime);

    /// An entry was used.
    fn used(&mut self, place: u32, key: u64, now: SimTime);

    /// An entry has gone, for whatever reason.
    fn removed(&mut self, place: u32);

    /// Who goes, now that there is too much since `newest` came; it may be that one. `keys` gives the key
    /// of every place.
    fn victim(&mut self, newest: u32, keys: &[u64], now: SimTime) -> u32;

    /// Everything has gone.
    fn clear(&mut self);
}

/// Entries by key, and the order in which they would go.
#[derive(Debug, Clone)]
pub(super) struct Ordered<O> {
    index: Index<u64>,
    /// By place; 0 where nothing is.
    keys: Vec<u64>,
    entries: Vec<Entry>,
    vacant: Vec<u32>,
    order: O,
}

impl<O: Order> Rules for Ordered<O> {
    type Spec = O::Spec;

    const DELETES_EXPIRED: bool = O::DELETES_EXPIRED;

    fn new(spec: &Self::Spec, bounds: Bounds) -> Self {
        Self {
            index: Index::default(),
            keys: Vec::new(),
            entries: Vec::new(),
            vacant: Vec::new(),
            order: O::new(spec, bounds),
        }
    }

    fn n_entries(&self) -> u32 {
        self.index.n_keys() as u32
    }

    fn peek(&self, key: u64) -> Option<Entry> {
        let place = self.index.find(key)?;
        Some(self.entries[place as usize])
    }

    fn using(&mut self, key: u64, now: SimTime) -> Option<&mut Entry> {
        let place = self.index.find(key)?;
        self.order.used(place, key, now);
        Some(&mut self.entries[place as usize])
    }

    fn add(&mut self, key: u64, entry: Entry, size: u64, now: SimTime) {
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.keys.push(0);
            self.entries.push(entry);
            // So that every place can be vacated without an allocation.
            self.vacant.reserve(self.keys.len());
            (self.keys.len() - 1) as u32
        });
        (self.keys[place as usize], self.entries[place as usize]) = (key, entry);
        self.index.set(key, place);
        self.order.added(place, key, size, now);
    }

    fn evict(&mut self, newest: u64, now: SimTime) -> u64 {
        let newest = self.index.find(newest).expect("it has just been put in");
        let place = self.order.victim(newest, &self.keys, now);
        let key = self.keys[place as usize];
        self.remove(key);
        key
    }

    fn remove(&mut self, key: u64) {
        if let Some(place) = self.index.remove(key) {
            self.keys[place as usize] = 0;
            self.vacant.push(place);
            self.order.removed(place);
        }
    }

    fn n_places(&self) -> u32 {
        self.keys.len() as u32
    }

    fn at(&self, place: u32) -> Option<(u64, Entry)> {
        let key = self.keys[place as usize];
        (key != 0).then_some((key, self.entries[place as usize]))
    }

    fn clear(&mut self) {
        self.index.clear();
        self.keys.clear();
        self.entries.clear();
        self.vacant.clear();
        self.order.clear();
    }
}
