//! A crowd from which one can be drawn.

use rand::Rng as _;

use crate::rng::Draw;

/// Places that are taken, in no order.
#[derive(Debug, Clone, Default)]
pub(super) struct Members {
    list: Vec<u32>,
    /// By place: where it stands in the list.
    stands_at: Vec<u32>,
}

impl Members {
    pub(super) fn add(&mut self, place: u32) {
        if place as usize >= self.stands_at.len() {
            self.stands_at.resize(place as usize + 1, 0);
        }
        self.stands_at[place as usize] = self.list.len() as u32;
        self.list.push(place);
    }

    pub(super) fn remove(&mut self, place: u32) {
        let at = self.stands_at[place as usize];
        self.list.swap_remove(at as usize);
        if let Some(moved) = self.list.get(at as usize) {
            self.stands_at[*moved as usize] = at;
        }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// How many there are.
    pub(super) fn n(&self) -> usize {
        self.list.len()
    }

    /// The one at a position of the list.
    pub(super) fn nth(&self, at: usize) -> u32 {
        self.list[at]
    }

    /// One at random other than `place`, if there is another.
    pub(super) fn any_but(&self, place: u32, draw: &mut Draw) -> u32 {
        let (own, n) = (self.stands_at[place as usize] as usize, self.list.len());
        if n < 2 {
            return place;
        }
        let at = below(draw, n - 1);
        self.list[at + usize::from(at >= own)]
    }
}

/// A number below `n`, all alike.
pub(super) fn below(draw: &mut Draw, n: usize) -> usize {
    ((u128::from(draw.next_u64()) * n as u128) >> 64) as usize
}
