//! Stickiness: where an earlier request of the same client went.

use super::HASHES;
use crate::component::arena::NOBODY;
use crate::component::balancer::Sticky;
use crate::component::request::{Flags, RequestId, Requests};
use crate::policy::upstream::{Bound, Group};
use crate::rng::Salt;
use crate::units::SimTime;

/// Where an earlier request of the same client went.
pub(super) struct Same<'a> {
    pub(super) n_places: u32,
    pub(super) sticky: Sticky,
    pub(super) assigned: &'a [u32],
    pub(super) salt: Salt,
    pub(super) now: SimTime,
}

impl Same<'_> {
    /// Where that was, and whether the request can go there, too.
    pub(super) fn pick(
        &self,
        id: RequestId,
        requests: &Requests,
        group: &mut Group,
    ) -> Option<(Bound, u32)> {
        let bound = |peer: u32| match group.pick_bound(peer, self.now) {
            Bound::Gone => None,
            other => Some((other, peer)),
        };
        let (flags, extra) = (requests.get(id).flags, requests.extra(id));
        if !flags.has(Flags::KNOWN) {
            return None;
        }
        match self.sticky {
            Sticky::Client => {
                let own = self.assigned.get(extra.client as usize).copied();
                own.filter(|own| *own != NOBODY).and_then(bound)
            }
            Sticky::Address => {
                let n = self.n_places;
                let place = |hash: u64| {
                    let address = u64::from(extra.address) << 8 | hash;
                    self.salt.index(address, n)
                };
                (0..HASHES).map(place).find_map(bound)
            }
        }
    }
}
