//! The instance with the fewest requests outstanding (join the shortest queue; ALB's "least outstanding
//! requests").
//!
//! Instances with the same number form a ring, one ring per number, and a request moves its instance
//! from one ring to the end of the next. Picking and finishing take the same few steps for two instances
//! and for two thousand, and ties go round by themselves: the instance that has been at its number the
//! longest is first.

use super::Rules;
use crate::rng::Salt;
use crate::spec;

spec! {
    /// The one with the fewest requests outstanding; of several, the one that has been at that number
    /// the longest.
    pub struct LeastOutstanding {}
}

/// Rings for this many outstanding requests are made in advance.
const RINGS: u32 = 64;
/// The number of outstanding requests of an instance that is not in service.
const ABSENT: u32 = u32::MAX;

/// The rings.
#[derive(Debug, Clone)]
pub struct State {
    /// Neighbours in a ring: entries below `capacity` are instances, entry `capacity + k` is the fixed
    /// point of the ring for `k` outstanding.
    links: Vec<Link>,
    /// By instance.
    outstanding: Vec<u32>,
    capacity: u32,
    n_members: u32,
    /// No instance has fewer outstanding.
    lowest: u32,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

impl State {
    fn unlink(&mut self, at: u32) {
        let Link { before, after } = self.links[at as usize];
        self.links[before as usize].after = after;
        self.links[after as usize].before = before;
    }

    fn append(&mut self, at: u32, ring: u32) {
        let fixed = self.capacity + ring;
        let last = self.links[fixed as usize].before;
        self.links[at as usize] = Link {
            before: last,
            after: fixed,
        };
        self.links[last as usize].after = at;
        self.links[fixed as usize].before = at;
    }

    /// One more is outstanding at an instance that had `outstanding`.
    #[inline]
    fn counts(&mut self, instance: u32, outstanding: u32) {
        if self.capacity + outstanding + 1 == self.links.len() as u32 {
            self.add_ring();
        }
        self.unlink(instance);
        self.append(instance, outstanding + 1);
        self.outstanding[instance as usize] += 1;
    }

    fn first(&self, ring: u32) -> Option<u32> {
        let first = self.links[(self.capacity + ring) as usize].after;
        (first < self.capacity).then_some(first)
    }

    #[cold]
    fn add_ring(&mut self) {
        let own = self.links.len() as u32;
        self.links.push(Link {
            before: own,
            after: own,
        });
    }
}

impl Rules for State {
    fn new(capacity: u32) -> Self {
        let own = |at| Link {
            before: at,
            after: at,
        };
        Self {
            links: (0..capacity + RINGS).map(own).collect(),
            outstanding: vec![ABSENT; capacity as usize],
            capacity,
            n_members: 0,
            lowest: 0,
        }
    }

    fn join(&mut self, instance: u32) {
        self.outstanding[instance as usize] = 0;
        self.append(instance, 0);
        self.n_members += 1;
        self.lowest = 0;
    }

    fn leave(&mut self, instance: u32) {
        self.unlink(instance);
        self.outstanding[instance as usize] = ABSENT;
        self.n_members -= 1;
    }

    #[inline]
    fn pick(&mut self, _: Salt, _: u64) -> Option<u32> {
        if self.n_members == 0 {
            return None;
        }
        let picked = loop {
            match self.first(self.lowest) {
                Some(first) => break first,
                None => self.lowest += 1,
            }
        };
        self.counts(picked, self.lowest);
        Some(picked)
    }

    fn pick_this(&mut self, instance: u32) -> bool {
        let outstanding = self.outstanding[instance as usize];
        if outstanding == ABSENT {
            return false;
        }
        self.counts(instance, outstanding);
        true
    }

    #[inline]
    fn done(&mut self, instance: u32) {
        let outstanding = self.outstanding[instance as usize];
        if outstanding == ABSENT || outstanding == 0 {
            return;
        }
        let ring = outstanding - 1;
        self.outstanding[instance as usize] = ring;
        self.unlink(instance);
        self.append(instance, ring);
        self.lowest = self.lowest.min(ring);
    }
}
