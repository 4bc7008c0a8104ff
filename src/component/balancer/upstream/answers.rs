//! For how long answers are waited for, and what a balancer makes of those that it does not get.

use super::Upstream;
use crate::component::Context;
use crate::component::request::{Frame, RequestId};
use crate::metrics::Outcome;
use crate::policy::upstream::Ending;

impl Upstream {
    /// A server has taken a request, and its answer is waited for.
    pub(in crate::component) fn sets_timer(&self, id: RequestId, cx: &mut Context) {
        let Some((lane, _)) = self.read_timeout else {
            return;
        };
        let generation = cx.requests.get(id).frame.entered.as_nanos() as u32;
        let subject = id.index();
        let timer = crate::engine::Timer {
            subject,
            generation,
        };
        cx.scheduler.set_timer(lane, timer);
    }

    /// The answer to a request is not waited for any more.
    pub(in crate::component) fn unsets_timer(
        &self,
        id: RequestId,
        frame: &Frame,
        cx: &mut Context,
    ) {
        let Some((lane, _)) = self.read_timeout else {
            return;
        };
        let (requests, via, visit) = (&cx.requests, frame.via, frame.visit);
        cx.scheduler.unset_timer(lane, |timer| {
            let found = requests.waiting_via(via, timer);
            found.is_some_and(|(own, at)| own != id || at.visit != visit)
        });
    }

    /// What a balancer sees of a server that does not take a request.
    pub(in crate::component) fn refusal(outcome: Outcome) -> Ending {
        match outcome {
            Outcome::ConnectTimeout => Ending::NotConnected,
            _ => Ending::Refused,
        }
    }

    /// What a balancer sees of a request that failed in a server: because of the server itself, or of
    /// something that the server called for it.
    pub(in crate::component) fn failure(outcome: Outcome, is_own: bool) -> Ending {
        match outcome {
            Outcome::QueueTimeout | Outcome::ConcurrencyLimit | Outcome::BreakerOpen if is_own => {
                Ending::Answered(503)
            }
            _ => Ending::Answered(500),
        }
    }
}
