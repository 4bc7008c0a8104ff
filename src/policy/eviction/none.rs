//! Nobody goes.

use super::Bounds;
use super::ordered::{Order, Ordered};
use crate::spec;
use crate::units::SimTime;

spec! {
    /// Nobody goes: what does not fit is not kept, as with Redis's default `noeviction` and with most maps
    /// that have a limit.
    pub struct NoEviction {}
}

/// The policy at work.
pub(super) type State = Ordered<Door>;

/// Nothing to know.
#[derive(Debug, Clone, Default)]
pub(super) struct Door;

impl Order for Door {
    type Spec = NoEviction;

    fn new(_: &NoEviction, _: Bounds) -> Self {
        Self
    }

    fn added(&mut self, _: u32, _: u64, _: u64, _: SimTime) {}

    fn used(&mut self, _: u32, _: u64, _: SimTime) {}

    fn removed(&mut self, _: u32) {}

    fn victim(&mut self, newest: u32, _: &[u64], _: SimTime) -> u32 {
        newest
    }

    fn clear(&mut self) {}
}
