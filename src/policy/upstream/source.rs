//! By the client's address, modulo the weights of the servers that are up (HAProxy's `source`, map-based).

use super::methods::Rules;
use super::{Address, Ask, View};
use crate::spec;

spec! {
    /// By the client's address, modulo the weights of the servers that are up: when one goes down or comes up,
    /// most clients move (HAProxy). A request waits for its server if that is at its limit.
    pub struct SourceHash {}
}

/// Nothing is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct State;

/// An address as a number: its words, one over the other.
fn number(address: &Address) -> u64 {
    let word = |octets: &[u8]| octets.iter().fold(0, |sum, own| sum << 8 | u64::from(*own));
    match address {
        Address::V4(octets) => word(octets),
        Address::V6(octets) => octets.chunks(4).fold(0, |sum, own| sum ^ word(own)),
    }
}

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, ask: &mut Ask<'_>) -> Option<usize> {
        let own = number(&ask.address).checked_rem(view.weight_up())?;
        let at = view.up_at_weight(own)?;
        view.picks_or_binds(at, ask)
    }
}
