//! First in, first out, with further chances for whoever was used: the clock (Corbató 1968).
//!
//! A hand goes round the entries in the order in which they came. Whoever it finds used since it came by last
//! is left where it is, for one use less; the first one that has none goes. That is close to least recently
//! used, at the price of a number per entry: PostgreSQL's shared buffers count up to 5 in this way.

use super::Bounds;
use super::chain::{Chain, Links};
use super::index::NOWHERE;
use super::ordered::{Order, Ordered};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimTime;

spec! {
    /// The one that came first goes, unless it was used: then it is as if it had just come, for one use less.
    pub struct Clock {
        /// How many uses are remembered: 1 is a second chance, PostgreSQL's buffers remember 5.
        pub remembers: At<Count> = At::built_in(Count::new(1)),
    }
}

/// The policy at work.
pub(super) type State = Ordered<Round>;

/// Entries in the order in which the hand comes to them.
#[derive(Debug, Clone)]
pub(super) struct Round {
    links: Links,
    chain: Chain,
    remembers: u32,
    /// By place: uses that the hand has not seen.
    uses: Vec<u32>,
}

impl Order for Round {
    type Spec = Clock;

    fn new(spec: &Clock, _: Bounds) -> Self {
        Self {
            links: Links::default(),
            chain: Chain::default(),
            remembers: spec.remembers.get(),
            uses: Vec::new(),
        }
    }

    fn added(&mut self, place: u32, _: u64, _: u64, _: SimTime) {
        self.links.reach(place);
        self.links.push(&mut self.chain, place);
        if place as usize >= self.uses.len() {
            self.uses.resize(place as usize + 1, 0);
        }
        self.uses[place as usize] = 0;
    }

    fn used(&mut self, place: u32, _: u64, _: SimTime) {
        let uses = &mut self.uses[place as usize];
        *uses = (*uses + 1).min(self.remembers);
    }

    fn removed(&mut self, place: u32) {
        self.links.remove(&mut self.chain, place);
    }

    fn victim(&mut self, newest: u32, _: &[u64], _: SimTime) -> u32 {
        // The newcomer takes the place of whoever goes, which is where the hand comes to last.
        self.links.remove(&mut self.chain, newest);
        let mut first = self.chain.first;
        while first != NOWHERE && self.uses[first as usize] > 0 {
            self.uses[first as usize] -= 1;
            self.links.remove(&mut self.chain, first);
            self.links.push(&mut self.chain, first);
            first = self.chain.first;
        }
        self.links.push(&mut self.chain, newest);
        if first == NOWHERE { newest } else { first }
    }

    fn clear(&mut self) {
        self.chain = Chain::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Rules as _};
    use super::*;

    const A: u64 = 1;
    const B: u64 = 2;
    const C: u64 = 3;
    const D: u64 = 4;
    const G: u64 = 7;

    /// A, B and C came in this order, and then A was used twice and B once: who goes as D, E, F and G come.
    fn victims(remembers: u32) -> Vec<u64> {
        let spec = Clock {
            remembers: At::built_in(Count::new(remembers)),
        };
        let bounds = Bounds {
            capacity: 3,
            in_entries: true,
            seed: 1,
        };
        let mut cache = State::new(&spec, bounds);
        let now = SimTime::ZERO;
        for key in [A, B, C] {
            cache.add(key, Entry::default(), 1, now);
        }
        for key in [A, B, A] {
            cache.using(key, now);
        }
        let newcomers = D..=G;
        newcomers
            .map(|key| {
                cache.add(key, Entry::default(), 1, now);
                cache.evict(key, now)
            })
            .collect()
    }

    #[test]
    fn whoever_was_used_stays_for_one_round_a_use() {
        // The hand passes A and B by and takes C. They have no chance left when it comes to them again.
        assert_eq!(victims(1), [C, A, B, D]);
        // A has another one: the hand passes it by, and takes B.
        assert_eq!(victims(5), [C, B, D, A]);
    }
}
