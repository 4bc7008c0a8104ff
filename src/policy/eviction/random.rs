//! Anyone.

use rand::SeedableRng as _;

use super::Bounds;
use super::members::Members;
use super::ordered::{Order, Ordered};
use crate::rng::Draw;
use crate::spec;
use crate::units::SimTime;

spec! {
    /// Anyone goes, all alike. Its hit ratio is that of first in, first out.
    pub struct RandomEviction {}
}

/// The policy at work.
pub(super) type State = Ordered<Crowd>;

/// All entries, and what draws among them.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    members: Members,
    draw: Draw,
}

impl Order for Crowd {
    type Spec = RandomEviction;

    fn new(_: &RandomEviction, bounds: Bounds) -> Self {
        Self {
            members: Members::default(),
            draw: Draw::seed_from_u64(bounds.seed),
        }
    }

    fn added(&mut self, place: u32, _: u64, _: u64, _: SimTime) {
        self.members.add(place);
    }

    fn used(&mut self, _: u32, _: u64, _: SimTime) {}

    fn removed(&mut self, place: u32) {
        self.members.remove(place);
    }

    fn victim(&mut self, newest: u32, _: &[u64], _: SimTime) -> u32 {
        self.members.any_but(newest, &mut self.draw)
    }

    fn clear(&mut self) {
        self.members.clear();
    }
}
