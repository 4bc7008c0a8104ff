//! The fewest requests, in relation to the weight, counting those that wait for it (HAProxy's `leastconn`).

use super::methods::Rules;
use super::peer::Peer;
use super::{Ask, View};
use crate::spec;

spec! {
    /// The one with the fewest requests under way or waiting for it, and one more, in relation to its weight;
    /// one with none comes before all others. Of several, the one that has been so for the longest (HAProxy).
    pub struct HaproxyLeastconn {}
}

/// Weights in HAProxy are this many times as fine as they are written, and there is a largest.
const FINER: u64 = 16;
/// The largest weight that can be written down.
pub const HEAVIEST: u32 = 256;

/// Everything is kept in the peers.
#[derive(Debug, Clone, Default)]
pub(super) struct State;

/// How loaded a peer is, in HAProxy's whole numbers.
fn key(peer: &Peer) -> u64 {
    let requests = u64::from(peer.active) + u64::from(peer.waiting);
    if requests == 0 {
        return 0;
    }
    let weight = u64::from(peer.server.weight) * FINER / u64::from(peer.fineness);
    (requests + 1) * u64::from(HEAVIEST) * FINER / weight.max(1)
}

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, ask: &mut Ask<'_>) -> Option<usize> {
        let with_room = (0..view.peers.len()).filter(|at| view.has_place(*at));
        let best = with_room.min_by_key(|at| (key(&view.peers[*at]), view.peers[*at].moved))?;
        view.picks_or_binds(best, ask)
    }
}
