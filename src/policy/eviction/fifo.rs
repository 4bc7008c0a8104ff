//! First in, first out.

use super::Bounds;
use super::chain::{Chain, Links};
use super::ordered::{Order, Ordered};
use crate::spec;
use crate::units::SimTime;

spec! {
    /// The one that came first goes, however often it is asked for.
    pub struct FirstInFirstOut {}
}

/// The policy at work.
pub(super) type State = Ordered<Arrivals>;

/// Entries in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals {
    links: Links,
    chain: Chain,
}

impl Order for Arrivals {
    type Spec = FirstInFirstOut;

    fn new(_: &FirstInFirstOut, _: Bounds) -> Self {
        Self::default()
    }

    fn added(&mut self, place: u32, _: u64, _: u64, _: SimTime) {
        self.links.reach(place);
        self.links.push(&mut self.chain, place);
    }

    fn used(&mut self, _: u32, _: u64, _: SimTime) {}

    fn removed(&mut self, place: u32) {
        self.links.remove(&mut self.chain, place);
    }

    fn victim(&mut self, _: u32, _: &[u64], _: SimTime) -> u32 {
        self.chain.first
    }

    fn clear(&mut self) {
        self.chain = Chain::default();
    }
}
