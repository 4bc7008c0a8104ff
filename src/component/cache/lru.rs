//! Least recently used, with an expiry per entry.

use hashbrown::HashTable;

use crate::units::SimTime;

/// "No entry" in links.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: u64,
    good_until: SimTime,
    /// Used more recently.
    newer: u32,
    /// Used less recently.
    older: u32,
}

/// A bounded map from keys to expiries. Grows with what it holds, up to its capacity, and then replaces.
#[derive(Debug, Clone)]
pub(super) struct Lru {
    capacity: u32,
    /// Index of an entry by its key.
    index: HashTable<u32>,
    entries: Vec<Entry>,
    newest: u32,
    oldest: u32,
}

/// Spreads keys over the table; keys are small numbers, and any bijection with good high bits will do.
#[inline]
fn hash(key: u64) -> u64 {
    let mixed = (key ^ (key >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

impl Lru {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            capacity,
            index: HashTable::new(),
            entries: Vec::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.index.clear();
        self.entries.clear();
        (self.newest, self.oldest) = (NONE, NONE);
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
        let at = if (self.entries.len() as u32) < self.capacity {
            self.entries.push(Entry {
                key,
                good_until,
                newer: NONE,
                older: NONE,
            });
            (self.entries.len() - 1) as u32
        } else {
            let at = self.oldest;
            self.unlink(at);
            self.forget(at);
            self.entries[at as usize] = Entry {
                key,
                good_until,
                newer: NONE,
                older: NONE,
            };
            at
        };
        let entries = &self.entries;
        self.index
            .insert_unique(hash(key), at, |other| hash(entries[*other as usize].key));
        self.link_newest(at);
    }

    fn find(&self, key: u64) -> Option<u32> {
        self.index
            .find(hash(key), |at| self.entries[*at as usize].key == key)
            .copied()
    }

    fn forget(&mut self, at: u32) {
        let key = self.entries[at as usize].key;
        if let Ok(found) = self.index.find_entry(hash(key), |other| *other == at) {
            found.remove();
        }
    }

    fn touch(&mut self, at: u32) {
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
    }

    fn unlink(&mut self, at: u32) {
        let Entry { newer, older, .. } = self.entries[at as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, at: u32) {
        let before = self.newest;
        self.entries[at as usize].newer = NONE;
        self.entries[at as usize].older = before;
        match before {
            NONE => self.oldest = at,
            before => self.entries[before as usize].newer = at,
        }
        self.newest = at;
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
