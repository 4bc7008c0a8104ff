//! Window `TinyLFU` (Einziger, Friedman and Manes 2017), as Caffeine has it.
//!
//! Whoever comes stands in a small window first. Who leaves that is a candidate for the main part, and
//! replaces its victim only if it was asked for more often lately. The main part is a segmented LRU: who is
//! asked for again there is protected until the protected part is full.
//!
//! Caffeine also moves the share of the window while it runs, by hill climbing; here it stays.

use rand::{Rng as _, SeedableRng as _};

use super::Bounds;
use super::chain::{Chain, Links};
use super::index::NOWHERE;
use super::ordered::{Order, Ordered};
use super::sketch::Sketch;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::rng::Draw;
use crate::spec;
use crate::spec::At;
use crate::units::{Fraction, SimTime};

spec! {
    /// New ones have to prove that they are asked for more often than whom they would replace: Caffeine,
    /// Ristretto. Resists scans; keeps what is popular.
    pub struct WindowTinyLfu {
        /// The share for new ones; 1 % as in Caffeine, before it adapts.
        pub window: At<Fraction> = At::built_in(Fraction::percent(1)),
        /// The share of the rest that is protected.
        pub protected: At<Fraction> = At::built_in(Fraction::percent(80)),
    }
    check(Self::check)
}

impl WindowTinyLfu {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.window.value == Fraction::ONE {
            let problem = "a window of everything leaves no main part to be admitted to";
            out.push(Diagnostic::error(self.window.origin, problem).help("write 1%"));
        }
    }
}

/// The policy at work.
pub(super) type State = Ordered<Segments>;

/// Candidates asked for this often get in now and then even where they were asked for less often than the
/// victim, so that nobody can keep them out on purpose.
const WARM: u64 = 6;
/// One of this many.
const LUCKY: u64 = 128;

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Part {
    Window,
    Probation,
    Protected,
}

/// A part: its entries, the one used least recently first.
#[derive(Debug, Clone, Copy, Default)]
struct Segment {
    chain: Chain,
    size: u64,
}

/// The three parts and the sketch.
#[derive(Debug, Clone)]
pub(super) struct Segments {
    links: Links,
    /// By place: where it stands, and its size.
    places: Vec<(Part, u64)>,
    parts: [Segment; 3],
    sketch: Sketch,
    bounds: Bounds,
    window_max: u64,
    protected_max: u64,
    n_entries: u64,
    /// Who wants to get into the main part next.
    candidate: u32,
    draw: Draw,
}

impl Segments {
    fn first(&self, part: Part) -> u32 {
        self.parts[part as usize].chain.first
    }

    fn leaves(&mut self, place: u32) {
        let (part, size) = self.places[place as usize];
        let own = &mut self.parts[part as usize];
        self.links.remove(&mut own.chain, place);
        own.size -= size;
    }

    fn joins(&mut self, place: u32, part: Part) {
        self.places[place as usize].0 = part;
        let own = &mut self.parts[part as usize];
        self.links.push(&mut own.chain, place);
        own.size += self.places[place as usize].1;
    }

    fn moves(&mut self, place: u32, part: Part) {
        self.leaves(place);
        self.joins(place, part);
    }

    /// Who leaves the window stands at the end of the probation, and is a candidate.
    fn drains_window(&mut self) {
        while self.parts[Part::Window as usize].size > self.window_max {
            let first = self.first(Part::Window);
            self.moves(first, Part::Probation);
            if self.candidate == NOWHERE {
                self.candidate = first;
            }
        }
    }

    fn demotes(&mut self) {
        while self.parts[Part::Protected as usize].size > self.protected_max {
            let first = self.first(Part::Protected);
            self.moves(first, Part::Probation);
        }
    }

    fn admits(&mut self, candidate: u64, victim: u64) -> bool {
        let [candidate, victim] = [candidate, victim].map(|key| self.sketch.frequency(key));
        candidate > victim || (candidate >= WARM && self.draw.next_u64().is_multiple_of(LUCKY))
    }
}

impl Order for Segments {
    type Spec = WindowTinyLfu;

    fn new(spec: &WindowTinyLfu, bounds: Bounds) -> Self {
        let main = (bounds.capacity as f64 * (1.0 - spec.window.get())) as u64;
        Self {
            links: Links::default(),
            places: Vec::new(),
            parts: [Segment::default(); 3],
            sketch: Sketch::default(),
            bounds,
            window_max: bounds.capacity - main,
            protected_max: (main as f64 * spec.protected.get()) as u64,
            n_entries: 0,
            candidate: NOWHERE,
            draw: Draw::seed_from_u64(bounds.seed),
        }
    }

    fn added(&mut self, place: u32, key: u64, size: u64, _: SimTime) {
        self.links.reach(place);
        if place as usize >= self.places.len() {
            self.places.resize(place as usize + 1, (Part::Window, 0));
        }
        self.places[place as usize].1 = size;
        self.n_entries += 1;
        self.joins(place, Part::Window);
        // Nothing is counted before the cache is half full.
        let total: u64 = self.parts.iter().map(|part| part.size).sum();
        if total > self.bounds.capacity / 2 {
            let expected = if self.bounds.in_entries {
                self.bounds.capacity
            } else {
                self.n_entries
            };
            self.sketch.reach(expected);
        }
        self.sketch.count(key);
        self.candidate = NOWHERE;
        self.drains_window();
    }

    fn used(&mut self, place: u32, key: u64, _: SimTime) {
        self.sketch.count(key);
        let (part, size) = self.places[place as usize];
        match part {
            Part::Probation if size <= self.protected_max => {
                self.moves(place, Part::Protected);
                self.demotes();
            }
            part => self.moves(place, part),
        }
    }

    fn removed(&mut self, place: u32) {
        if self.candidate == place {
            self.candidate = self.links.behind(place);
        }
        self.leaves(place);
        self.n_entries -= 1;
    }

    fn victim(&mut self, newest: u32, keys: &[u64], _: SimTime) -> u32 {
        let candidate = match self.candidate {
            NOWHERE => self.first(Part::Window),
            candidate => candidate,
        };
        let victim = self.first(Part::Probation);
        match (candidate, victim) {
            (NOWHERE, NOWHERE) => match self.first(Part::Protected) {
                NOWHERE => newest,
                protected => protected,
            },
            (candidate, NOWHERE) => candidate,
            (NOWHERE, victim) => victim,
            (candidate, victim) if candidate == victim => candidate,
            (candidate, victim) => {
                if self.admits(keys[candidate as usize], keys[victim as usize]) {
                    if self.candidate == candidate {
                        self.candidate = self.links.behind(candidate);
                    }
                    victim
                } else {
                    candidate
                }
            }
        }
    }

    fn clear(&mut self) {
        self.parts = [Segment::default(); 3];
        self.sketch.clear();
        (self.n_entries, self.candidate) = (0, NOWHERE);
    }
}
