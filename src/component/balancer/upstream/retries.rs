//! Requests that are tried again: whether they may be, how long they wait first, and for how long that goes on.

use super::{Kept, Upstream};
use crate::component::request::{Flags, Frame, RequestId, Requests};
use crate::component::{Context, Event};
use crate::engine::Class;
use crate::metrics::Outcome;
use crate::units::{SimDuration, SimTime};

/// A request that is tried again has taken as long as it may in all.
pub(super) const TOTAL: u8 = 3;

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

    /// How long a request waits before it is tried again; not longer than it may take in all.
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
        let wait = rules.wait(kept.again, &mut self.wait_salt.draw(seed));
        match self.total_timeout {
            None => wait,
            Some(total) => wait.min((kept.trial.began() + total).since(cx.now())),
        }
    }

    /// Why a request that is to be tried again is not: it has taken as long as it may in all, or nobody waits for it
    /// any more. Then it is forgotten.
    pub(in crate::component) fn gives_up(
        &mut self,
        id: RequestId,
        cx: &Context,
    ) -> Option<Outcome> {
        let total = self.total_timeout?;
        let request = cx.requests.get(id);
        if request.flags.has(Flags::CALLED) {
            // Its turn in line has come: it is counted at its server, and what is left of its time runs there.
            return None;
        }
        let kept = self.kept.get(&Self::key(id, &request.frame));
        let is_again = |kept: &&Kept| kept.generation == request.generation && kept.again > 0;
        let kept = kept.filter(is_again)?;
        let why = if request.flags.is_abandoned() {
            Outcome::ClientTimeout
        } else if cx.now() >= kept.trial.began() + total {
            Outcome::BackendTimeout
        } else {
            return None;
        };
        let frame = request.frame;
        self.forgets(id, &frame, &cx.requests);
        Some(why)
    }

    /// A server has taken a request; if it was tried before, what is left of the time that it may take begins to
    /// run. The first try has that time as any answer has.
    pub(super) fn limits_total(&self, id: RequestId, cx: &mut Context) {
        let Some(total) = self.total_timeout else {
            return;
        };
        let frame = cx.requests.get(id).frame;
        let kept = self.kept.get(&Self::key(id, &frame));
        let Some(kept) = kept.filter(|kept| kept.again > 0) else {
            return;
        };
        let left = (kept.trial.began() + total).since(cx.now());
        cx.signal_after(
            left,
            Class::Timer,
            Event::Signal(self.own, TOTAL, id.index()),
        );
    }

    /// True if a try of a request has to end, as it has taken all the time that it may in all: signals outlive
    /// those whom they concern.
    pub(in crate::component) fn ends_total(
        &self,
        id: RequestId,
        frame: &Frame,
        now: SimTime,
    ) -> bool {
        let kept = self.kept.get(&Self::key(id, frame));
        let is_due = |kept: &Kept| {
            let due = self.total_timeout.map(|total| kept.trial.began() + total);
            due.is_some_and(|due| due <= now)
        };
        kept.is_some_and(|kept| kept.again > 0 && is_due(kept))
    }
}
