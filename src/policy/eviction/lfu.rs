//! Least frequently used, counted while an entry is there.

use super::Bounds;
use super::chain::{Chain, Links};
use super::index::NOWHERE;
use super::ordered::{Order, Ordered};
use crate::spec;
use crate::units::SimTime;

spec! {
    /// The one asked for least often since it came goes; of several, the one used least recently. Counts do
    /// not age: what was popular once stays.
    pub struct LeastFrequentlyUsed {}
}

/// The policy at work.
pub(super) type State = Ordered<Counts>;

/// A number of uses that some entries have.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    uses: u64,
    /// Who has it, the one used least recently first.
    own: Chain,
}

/// Entries by how often they were used: levels in the order of their numbers, each with its entries, so that
/// a use is a step to the next level (Shah, Mitra and Matani 2010).
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    links: Links,
    /// By place: the level it is on.
    level_of: Vec<u32>,
    levels: Vec<Level>,
    /// The order of the levels.
    level_links: Links,
    ladder: Chain,
    free: Vec<u32>,
}

impl Counts {
    /// The level with so many uses, which is right behind `before` if it is there.
    fn level_behind(&mut self, before: u32, uses: u64) -> u32 {
        let next = if before == NOWHERE {
            self.ladder.first
        } else {
            self.level_links.behind(before)
        };
        if next != NOWHERE && self.levels[next as usize].uses == uses {
            return next;
        }
        let own = Level {
            uses,
            own: Chain::default(),
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.levels[at as usize] = own;
                at
            }
            None => {
                self.levels.push(own);
                self.free.reserve(self.levels.len());
                (self.levels.len() - 1) as u32
            }
        };
        self.level_links.reach(at);
        self.level_links.put_behind(&mut self.ladder, before, at);
        at
    }

    fn leaves(&mut self, place: u32) {
        let level = self.level_of[place as usize];
        self.links
            .remove(&mut self.levels[level as usize].own, place);
    }

    fn drops_if_empty(&mut self, level: u32) {
        if self.levels[level as usize].own.first == NOWHERE {
            self.level_links.remove(&mut self.ladder, level);
            self.free.push(level);
        }
    }

    fn joins(&mut self, place: u32, level: u32) {
        self.level_of[place as usize] = level;
        self.links.push(&mut self.levels[level as usize].own, place);
    }
}

impl Order for Counts {
    type Spec = LeastFrequentlyUsed;

    fn new(_: &LeastFrequentlyUsed, _: Bounds) -> Self {
        Self::default()
    }

    fn added(&mut self, place: u32, _: u64, _: u64, _: SimTime) {
        self.links.reach(place);
        if place as usize >= self.level_of.len() {
            self.level_of.resize(place as usize + 1, NOWHERE);
        }
        let level = self.level_behind(NOWHERE, 1);
        self.joins(place, level);
    }

    fn used(&mut self, place: u32, _: u64, _: SimTime) {
        let level = self.level_of[place as usize];
        self.leaves(place);
        let next = self.level_behind(level, self.levels[level as usize].uses + 1);
        self.joins(place, next);
        self.drops_if_empty(level);
    }

    fn removed(&mut self, place: u32) {
        let level = self.level_of[place as usize];
        self.leaves(place);
        self.drops_if_empty(level);
    }

    fn victim(&mut self, newest: u32, _: &[u64], _: SimTime) -> u32 {
        let lowest = self.levels[self.ladder.first as usize];
        if lowest.own.first != newest {
            return lowest.own.first;
        }
        // Whoever comes takes the place of another: it has not had a chance yet.
        let behind = self.links.behind(newest);
        if behind != NOWHERE {
            return behind;
        }
        match self.level_links.behind(self.ladder.first) {
            NOWHERE => newest,
            next => self.levels[next as usize].own.first,
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
