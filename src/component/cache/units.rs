//! The caches of one kind: one that all share, or one per instance or worker.

use rand::Rng as _;

use super::{Capacity, Plan};
use crate::component::Context;
use crate::component::program::{KeysId, Program};
use crate::component::request::RequestId;
use crate::policy::eviction::{Bounds, Eviction, Lru, Shelf};
use crate::policy::ratio::{Classes, Ratio, RatioRules};
use crate::rng::{Salt, Stream};
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
    /// No keys at all.
    Ratios(Ratios),
}

/// Caches that keep no keys.
#[derive(Debug)]
pub(super) struct Ratios {
    own: Vec<Ratio>,
    /// The catalogues that they are asked for, and where their classes begin among all.
    catalogues: Vec<(KeysId, usize)>,
    salt: Salt,
}

impl Ratios {
    fn new((rules, asked): (&RatioRules, &[KeysId]), plan: &Plan, program: &Program) -> Self {
        let classes: Vec<&Classes> = asked
            .iter()
            .map(|keys| program.keys[keys.0 as usize].classes())
            .collect();
        let mut begins = 0;
        let place = |(keys, own): (&KeysId, &&Classes)| {
            let at = begins;
            begins += own.len();
            (*keys, at)
        };
        Self {
            catalogues: asked.iter().zip(&classes).map(place).collect(),
            own: vec![Ratio::new(rules, &classes); plan.n_units() as usize],
            salt: Salt::new(&plan.name, "ratio"),
        }
    }

    /// True if a request finds what it looks up.
    pub(super) fn is_hit(
        &mut self,
        unit: usize,
        keys: KeysId,
        id: RequestId,
        cx: &Context,
    ) -> bool {
        let request = cx.requests.get(id);
        let catalogue = &cx.program.keys[keys.0 as usize];
        let mut known = self.catalogues.iter();
        let begins = known.find(|own| own.0 == keys).map_or(0, |own| own.1);
        let class = begins + catalogue.classes().of(cx.program.key(keys, request));
        let below = self.own[unit].asked(class, cx.now());
        // Two look-ups of one request have chances of their own.
        let drawn = request.seed() ^ u64::from(request.frame.pc) << 32;
        self.salt.uniform(drawn) < below
    }
}

impl Units {
    pub(super) fn new(plan: &Plan, seeds: &mut Stream, program: &Program) -> Self {
        let n = plan.n_units();
        if let Some((rules, catalogues)) = &plan.ratio {
            return Self::Ratios(Ratios::new((rules, catalogues), plan, program));
        }
        let is_plain = !plan.renewed_by_hits
            && !plan.keeps_first
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
    /// If they have none.
    pub(super) fn shelf(&mut self, unit: usize) -> &mut Shelf {
        match self {
            Self::Shelves(shelves) => &mut shelves[unit],
            Self::Plain { .. } | Self::Ratios(_) => {
                unreachable!("caches without shelves have been dealt with")
            }
        }
    }

    /// Empties one.
    pub(super) fn clear(&mut self, unit: u32, now: SimTime) {
        match self {
            Self::Plain { own, .. } => own[unit as usize].clear(),
            Self::Shelves(shelves) => shelves[unit as usize].clear(),
            Self::Ratios(ratios) => ratios.own[unit as usize].clear(now),
        }
    }

    /// Empties all.
    pub(super) fn clear_all(&mut self, now: SimTime) {
        match self {
            Self::Plain { own, .. } => own.iter_mut().for_each(Lru::clear),
            Self::Shelves(shelves) => shelves.iter_mut().for_each(Shelf::clear),
            Self::Ratios(ratios) => ratios.own.iter_mut().for_each(|own| own.clear(now)),
        }
    }
}
