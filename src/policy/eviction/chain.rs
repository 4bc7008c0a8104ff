//! Chains of slots: who stands before whom.

use super::index::NOWHERE;

/// Neighbours of every slot; each stands in one chain at most.
#[derive(Debug, Clone, Default)]
pub(in crate::policy) struct Links {
    /// Before and behind, by slot.
    neighbours: Vec<[u32; 2]>,
}

/// The ends of a chain.
#[derive(Debug, Clone, Copy)]
pub(in crate::policy) struct Chain {
    pub(in crate::policy) first: u32,
    pub(in crate::policy) last: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            first: NOWHERE,
            last: NOWHERE,
        }
    }
}

impl Links {
    /// Makes room for `slot`.
    pub(in crate::policy) fn reach(&mut self, slot: u32) {
        if slot as usize >= self.neighbours.len() {
            self.neighbours
                .resize(slot as usize + 1, [NOWHERE, NOWHERE]);
        }
    }

    /// Who stands behind `slot`.
    pub(in crate::policy) fn behind(&self, slot: u32) -> u32 {
        self.neighbours[slot as usize][1]
    }

    /// Puts `slot` behind all others of the chain.
    pub(in crate::policy) fn push(&mut self, chain: &mut Chain, slot: u32) {
        self.put_behind(chain, chain.last, slot);
    }

    /// Puts `slot` right behind `before`, or first where that is nobody.
    pub(in crate::policy) fn put_behind(&mut self, chain: &mut Chain, before: u32, slot: u32) {
        let behind = if before == NOWHERE {
            std::mem::replace(&mut chain.first, slot)
        } else {
            std::mem::replace(&mut self.neighbours[before as usize][1], slot)
        };
        if behind == NOWHERE {
            chain.last = slot;
        } else {
            self.neighbours[behind as usize][0] = slot;
        }
        self.neighbours[slot as usize] = [before, behind];
    }

    /// Takes `slot` out of its chain.
    pub(in crate::policy) fn remove(&mut self, chain: &mut Chain, slot: u32) {
        let [before, behind] = self.neighbours[slot as usize];
        if before == NOWHERE {
            chain.first = behind;
        } else {
            self.neighbours[before as usize][1] = behind;
        }
        if behind == NOWHERE {
            chain.last = before;
        } else {
            self.neighbours[behind as usize][0] = before;
        }
    }
}
