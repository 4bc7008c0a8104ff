//! Smooth weighted round robin.
//!
//! Every peer gathers its weight in each turn; the one that has gathered most is picked and pays what all
//! have gathered together. A peer that cannot be picked neither gathers nor pays.

use super::methods::Rules;
use super::{Ask, View};

/// Everything is kept in the peers.
#[derive(Debug, Clone, Default)]
pub(super) struct State;

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, _: &mut Ask<'_>) -> Option<usize> {
        turn(view)
    }
}

/// One turn over the peers that are open.
pub(super) fn turn(view: &mut View<'_>) -> Option<usize> {
    let open = (0..view.peers.len()).find(|at| view.is_open(*at))?;
    Some(turn_from(view, open, |view, at| view.is_open(at)))
}

/// One turn over the peers from `first`, which is one of them, that `takes_part` says.
pub(super) fn turn_from(
    view: &mut View<'_>,
    first: usize,
    takes_part: impl Fn(&View<'_>, usize) -> bool,
) -> usize {
    let (mut best, mut total) = (first, 0);
    for at in first..view.peers.len() {
        if !takes_part(view, at) {
            continue;
        }
        let peer = &mut view.peers[at];
        let gain = peer.effective;
        peer.current += gain;
        total += gain;
        // After a failure the weight comes back bit by bit.
        if gain < i64::from(peer.server.weight) {
            peer.effective += 1;
        }
        // Of equals, the earlier in the file.
        if view.peers[at].current > view.peers[best].current {
            best = at;
        }
    }
    view.peers[best].current -= total;
    best
}
