//! Redis's way to find whom to evict: by samples, with a pool of the best seen so far (`evict.c`).

use rand::SeedableRng as _;

use super::Bounds;
use super::members::{Members, below};
use super::ordered::Order;
use crate::rng::Draw;
use crate::spec::At;
use crate::spec::Count;
use crate::units::SimTime;

/// How many candidates are kept from one eviction to the next.
const POOL: usize = 16;
/// Keys looked at for every eviction that finds nobody in the pool.
pub(super) const SAMPLES: At<Count> = At::built_in(Count::new(5));
/// The most that make sense; Redis takes up to 64.
pub(super) const MOST_SAMPLES: u32 = 64;

/// What Redis notes at an object, and how good a victim it is.
pub(super) trait Note: Copy + Default {
    /// The table that describes the policy.
    type Spec;

    /// Keys per sample.
    fn samples(spec: &Self::Spec) -> u32;

    /// What is noted of what comes now.
    fn first(spec: &Self::Spec, now: SimTime) -> Self;

    /// What is noted when it is used.
    fn used(self, spec: &Self::Spec, now: SimTime, draw: &mut Draw) -> Self;

    /// How good a victim it is: the higher the better.
    fn score(self, spec: &Self::Spec, now: SimTime) -> u64;
}

/// Objects with their notes, and the pool of candidates.
#[derive(Debug, Clone)]
pub(super) struct Sampled<N: Note> {
    spec: N::Spec,
    members: Members,
    /// By place.
    notes: Vec<N>,
    /// Candidates with their keys and scores, the best last. What they were may have gone, or have been
    /// used since: scores are those of when they were sampled.
    pool: Vec<(u64, u32, u64)>,
    /// Who has been looked at for the sample that is being taken.
    seen: Vec<u32>,
    draw: Draw,
}

impl<N: Note> Sampled<N> {
    /// Takes a sample into the pool; nobody is looked at twice, nor is `newest`.
    fn samples(&mut self, newest: u32, keys: &[u64], now: SimTime) {
        let n = self.members.n();
        let wanted = N::samples(&self.spec) as usize;
        self.seen.clear();
        let takes_all = n <= wanted + 1;
        let tries = if takes_all { n } else { 4 * wanted };
        for at in 0..tries {
            let at = if takes_all {
                at
            } else {
                below(&mut self.draw, n)
            };
            let place = self.members.nth(at);
            if place == newest || self.seen.contains(&place) {
                continue;
            }
            self.seen.push(place);
            let score = self.notes[place as usize].score(&self.spec, now);
            self.pools(keys[place as usize], place, score);
            if self.seen.len() == wanted {
                return;
            }
        }
    }

    /// Puts a candidate where it belongs by its score; of a full pool the worst falls out.
    fn pools(&mut self, key: u64, place: u32, score: u64) {
        let at = self.pool.partition_point(|(.., own)| *own < score);
        if self.pool.len() < POOL {
            self.pool.insert(at, (key, place, score));
        } else if at > 0 {
            self.pool.remove(0);
            self.pool.insert(at - 1, (key, place, score));
        }
    }
}

impl<N: Note> Order for Sampled<N>
where
    N::Spec: Clone,
{
    type Spec = N::Spec;

    const DELETES_EXPIRED: bool = true;

    fn new(spec: &N::Spec, bounds: Bounds) -> Self {
        Self {
            spec: spec.clone(),
            members: Members::default(),
            notes: Vec::new(),
            pool: Vec::with_capacity(POOL),
            seen: Vec::with_capacity(MOST_SAMPLES as usize),
            draw: Draw::seed_from_u64(bounds.seed),
        }
    }

    fn added(&mut self, place: u32, _: u64, _: u64, now: SimTime) {
        self.members.add(place);
        if place as usize >= self.notes.len() {
            self.notes.resize(place as usize + 1, N::default());
        }
        self.notes[place as usize] = N::first(&self.spec, now);
    }

    fn used(&mut self, place: u32, _: u64, now: SimTime) {
        let note = &mut self.notes[place as usize];
        *note = note.used(&self.spec, now, &mut self.draw);
    }

    fn removed(&mut self, place: u32) {
        self.members.remove(place);
    }

    fn victim(&mut self, newest: u32, keys: &[u64], now: SimTime) -> u32 {
        if self.members.n() < 2 {
            return newest;
        }
        loop {
            self.samples(newest, keys, now);
            while let Some((key, place, _)) = self.pool.pop() {
                // What has gone meanwhile is passed over.
                if place != newest && keys[place as usize] == key {
                    return place;
                }
            }
        }
    }

    fn clear(&mut self) {
        self.members.clear();
        self.pool.clear();
    }
}
