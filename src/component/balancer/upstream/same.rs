//! Stickiness: where an earlier request of the same client went.

use super::{Nowhere, Upstream};
use crate::component::Context;
use crate::component::balancer::sticky::{Assigned, Sticky, places_of};
use crate::component::request::{Flags, RequestId, Requests};
use crate::metrics::Outcome;
use crate::policy::upstream::{Address, Ask, Bound, Group};
use crate::rng::{Draw, Salt};
use crate::units::SimTime;

/// Where an earlier request of the same client went.
struct Same<'a> {
    n_places: u32,
    sticky: Sticky,
    assigned: &'a Assigned,
    salt: Salt,
    now: SimTime,
}

impl Same<'_> {
    /// Where that was, and whether the request can go there, too.
    fn pick(&self, id: RequestId, requests: &Requests, group: &mut Group) -> Option<(Bound, u32)> {
        let bound = |peer: u32| match group.pick_bound(peer, self.now) {
            Bound::Gone => None,
            other => Some((other, peer)),
        };
        let (flags, extra) = (requests.get(id).flags, requests.extra(id));
        if !flags.has(Flags::KNOWN) {
            return None;
        }
        match self.sticky {
            Sticky::Client => self.assigned.to(extra.client).and_then(bound),
            Sticky::Address => {
                let mut places = places_of(extra.address, self.n_places, self.salt);
                places.find_map(bound)
            }
        }
    }
}

impl Upstream {
    /// Picks a server for a request that was tried nowhere, or the one that it has to wait for: where an earlier
    /// one of the same client went, if it can go there, too.
    pub(super) fn picks_first(
        &mut self,
        (id, view): (RequestId, u32),
        (address, draw): (Address, Draw),
        cx: &Context,
    ) -> Result<(Option<u32>, Option<u32>), Nowhere> {
        let (group, now) = (&mut self.groups[view as usize], cx.now());
        group.begins(&mut self.fresh, now);
        let again = self.sticky.and_then(|sticky| {
            let same = Same {
                n_places: group.n_places(),
                sticky,
                assigned: &self.assigned,
                salt: self.salt,
                now,
            };
            same.pick(id, &cx.requests, group)
        });
        let redispatches = || self.line.as_ref().is_some_and(|line| line.redispatch);
        match again {
            Some((Bound::Picked, peer)) => return Ok((Some(peer), None)),
            Some((Bound::Waits, peer)) => return Ok((None, Some(peer))),
            Some((Bound::Full, _)) if !redispatches() => {
                return Err(Nowhere::Fails(Outcome::Shed));
            }
            _ => {}
        }
        let mut ask = Ask {
            now,
            address,
            trial: &mut self.fresh,
            draw,
        };
        let peer = group.pick(&mut ask);
        Ok((peer, self.fresh.bound()))
    }
}
