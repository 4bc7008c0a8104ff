//! The caches of one kind: one that all share, or one per instance or worker.

use rand::Rng as _;

use super::{Capacity, Plan};
use crate::policy::eviction::{Bounds, Eviction, Lru, Shelf};
use crate::rng::Stream;
use crate::units::SimTime;

/// What each of them keeps.
#[derive(Debug)]
pub(super) enum Units {
    /// Nothing but until when entries are good, and least recently used first: the usual case, for which hundreds
    /// of caches are made to be quick.
    Plain {
        own: Vec<Lru<SimTime>>,
        /// How many entries each holds.
        capacity: u32,
    },
    /// Whatever else there is.
    Shelves(Vec<Shelf>),
}

impl Units {
    pub(super) fn new(plan: &Plan, seeds: &mut Stream) -> Self {
        let n = plan.n_units();
        let is_plain = !plan.renewed_by_hits
            && plan.jitter == 0.0
            && plan.sweep.is_none()
            && !plan.minds_misses
            && !plan.has_missing;
        match (plan.capacity, &plan.policy) {
            (Capacity::Entries(entries), Eviction::LeastRecentlyUsed(_)) if is_plain => {
                Self::Plain {
                    own: vec![Lru::default(); n as usize],
                    capacity: entries.get(),
                }
            }
            (capacity, policy) => {
                let (capacity, in_entries) = match capacity {
                    Capacity::Entries(entries) => (u64::from(entries.get()), true),
                    Capacity::Bytes(bytes) => (bytes.get(), false),
                };
                let shelf = |_| {
                    let bounds = Bounds {
                        capacity,
                        in_entries,
                        seed: seeds.next_u64(),
                    };
                    Shelf::new(policy, bounds)
                };
                Self::Shelves((0..n).map(shelf).collect())
            }
        }
    }

    /// The shelf of a unit.
    ///
    /// # Panics
    /// If they are plain.
    pub(super) fn shelf(&mut self, unit: usize) -> &mut Shelf {
        match self {
            Self::Shelves(shelves) => &mut shelves[unit],
            Self::Plain { .. } => unreachable!("plain caches have been dealt with"),
        }
    }

    /// Empties one.
    pub(super) fn clear(&mut self, unit: u32) {
        match self {
            Self::Plain { own, .. } => own[unit as usize].clear(),
            Self::Shelves(shelves) => shelves[unit as usize].clear(),
        }
    }

    /// Empties all.
    pub(super) fn clear_all(&mut self) {
        match self {
            Self::Plain { own, .. } => own.iter_mut().for_each(Lru::clear),
            Self::Shelves(shelves) => shelves.iter_mut().for_each(Shelf::clear),
        }
    }
}
