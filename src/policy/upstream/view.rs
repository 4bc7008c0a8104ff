//! What a method is shown.

use super::Ask;
use super::peer::{Load, Peer};
use crate::units::SimTime;

/// The peers that a method may pick from, for one request.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) peers: &'a mut [Peer],
    pub(super) tried: &'a [u32],
    pub(super) now: SimTime,
    /// Whole seconds, the unit in which failures are forgotten.
    pub(super) now_s: i64,
    /// Whether it is the turn of those who stand in for the others.
    pub(super) backup: bool,
    /// Whether the only peer is always tried.
    pub(super) single: bool,
    /// How busy the balancer is.
    pub(super) load: Load,
    /// How many may wait for a peer, where that is limited.
    pub(super) places: u32,
}

impl View<'_> {
    /// True if the peer at a place can be picked.
    #[inline]
    pub(super) fn is_open(&self, at: usize) -> bool {
        let peer = &self.peers[at];
        peer.takes_more(self.load) && peer.waiting == 0 && self.is_up(at)
    }

    /// True if the peer at a place could be picked if it had room.
    #[inline]
    pub(super) fn is_up(&self, at: usize) -> bool {
        self.peers[at].is_up(self.now, self.now_s, self.single)
            && self.peers[at].server.backup == self.backup
            && (self.tried.is_empty() || !self.tried.contains(&(at as u32)))
    }

    /// True if the peer at a place has room for a request, or a place to wait for it where those are counted.
    pub(super) fn has_place(&self, at: usize) -> bool {
        let peer = &self.peers[at];
        let most = || u64::from(peer.limit(self.load)) + u64::from(self.places);
        let own = u64::from(peer.active) + u64::from(peer.waiting);
        self.is_up(at) && (peer.server.max_conns == 0 || own < most())
    }

    /// Picks a peer that is up if it has room; otherwise the request waits for it, and for no other.
    pub(super) fn picks_or_binds(&self, at: usize, ask: &mut Ask<'_>) -> Option<usize> {
        if self.is_open(at) {
            return Some(at);
        }
        ask.trial.bound = Some(at as u32);
        None
    }

    /// True if the peer at a place is one of the group, whether or not it can be picked.
    fn is_listed(&self, at: usize) -> bool {
        self.peers[at].is_member && self.peers[at].server.backup == self.backup
    }

    /// The weights of all peers of the group together, those that are out included.
    pub(super) fn total_weight(&self) -> u64 {
        self.weight_of(|at| self.is_listed(at))
    }

    /// The weights of the peers that are up together.
    pub(super) fn weight_up(&self) -> u64 {
        self.weight_of(|at| self.is_up(at))
    }

    fn weight_of(&self, counts: impl Fn(usize) -> bool) -> u64 {
        let own = (0..self.peers.len()).filter(|at| counts(*at));
        own.map(|at| u64::from(self.peers[at].server.weight)).sum()
    }

    /// The peer into whose part of the total weight `at` falls.
    pub(super) fn at_weight(&self, at: u64) -> Option<usize> {
        self.part_at(at, |peer| self.is_listed(peer))
    }

    /// The peer into whose part of the weight of those that are up `at` falls.
    pub(super) fn up_at_weight(&self, at: u64) -> Option<usize> {
        self.part_at(at, |peer| self.is_up(peer))
    }

    fn part_at(&self, mut at: u64, counts: impl Fn(usize) -> bool) -> Option<usize> {
        (0..self.peers.len())
            .filter(|peer| counts(*peer))
            .find(|peer| {
                let weight = u64::from(self.peers[*peer].server.weight);
                let found = at < weight;
                at = at.saturating_sub(weight);
                found
            })
    }
}
