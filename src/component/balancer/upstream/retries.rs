//! Requests that are tried again: what is done then, whether it may be, and how long they wait first.

use super::{Kept, Upstream};
use crate::component::Context;
use crate::component::program::Op;
use crate::component::request::{Flags, Frame, RequestId, Requests};
use crate::policy::upstream::CircuitBreakers;
use crate::units::SimDuration;

impl Upstream {
    /// True if one more request of a view may be tried again beside those that are.
    pub(super) fn admits_retry(&self, view: u32, requests: &Requests) -> bool {
        let Some(breakers) = &self.breakers else {
            return true;
        };
        // Few are kept: those that are tried again, and those that look for a server.
        let is_retry = |((index, _), kept): &(&(u32, u32), &Kept)| {
            kept.view == view && kept.again > 0 && requests.is_current(*index, kept.generation)
        };
        let retries = self.kept.iter().filter(is_retry).count() as u64;
        let group = &self.groups[view as usize];
        breakers.admits_retry(retries, group.n_active() + group.n_waiting())
    }

    /// How long a request waits before it is tried again.
    pub(in crate::component) fn wait_before_retry(
        &self,
        id: RequestId,
        next: &Frame,
        cx: &Context,
    ) -> SimDuration {
        let Some(kept) = self.kept.get(&Self::key(id, next)) else {
            return SimDuration::ZERO;
        };
        let rules = self.groups[kept.view as usize].next_rules();
        let seed = cx.requests.get(id).seed_of(next);
        rules.wait(kept.again, &mut self.wait_salt.draw(seed))
    }

    /// True if a request that is to be tried again is not, because nobody waits for it any more. Then it is
    /// forgotten.
    pub(in crate::component) fn gives_up(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let request = cx.requests.get(id);
        // Who has been called in line is counted at a server.
        if self.totals.is_none()
            || !request.flags.is_abandoned()
            || request.flags.has(Flags::CALLED)
        {
            return false;
        }
        let frame = request.frame;
        let kept = self.kept_of(id, &frame, &cx.requests);
        let is_again = kept.is_some_and(|kept| kept.again > 0);
        if is_again {
            self.forgets(id, &frame, cx);
        }
        is_again
    }

    /// True if as much is under way as may be, for whoever comes: those who have waited or were tried before
    /// are no exception.
    pub(super) fn has_its_fill(&self, view: u32) -> bool {
        let group = &self.groups[view as usize];
        let is_full = |per_server| group.is_full(per_server);
        let admits = |own: &CircuitBreakers| own.admits_request(group.n_active());
        self.in_flight_per_server.is_some_and(is_full) || !self.breakers.as_ref().is_none_or(admits)
    }

    /// Where the operation starts that a request was sent to the balancer for, in terms of the first service:
    /// whoever sent it still says so. What is executed for it does not, because one operation of another service
    /// may stand for several of the first.
    pub(super) fn start_of(&self, id: RequestId, frame: &Frame, cx: &Context) -> u16 {
        let is_it = |own: &&Frame| (own.via, own.visit) == (frame.via, frame.visit);
        let frames = cx.requests.frames_of(id).skip_while(|own| !is_it(own));
        match frames.map(|own| *cx.program.op(own.pc)).nth(1) {
            Some(Op::Call { pc, .. } | Op::Pass { pc, .. }) => pc,
            _ => self.own_starts[cx.requests.get(id).flow as usize],
        }
    }
}
