//! What balancers do not wait for any longer: tries of requests that have taken all their time, and whatever is
//! under way at servers that were taken out long enough ago.

use super::dispatch::upstream;
use super::request::{Frame, RequestId};
use super::{Node, NodeId, System};
use crate::metrics::Outcome;
use crate::policy::upstream::Ending;

impl System {
    /// A request that was tried before has taken as long as it may in all, if it still is where it was.
    #[cold]
    pub(super) fn total_is_over(&mut self, balancer: NodeId, request: u32) {
        let (id, now) = (RequestId::from_index(request), self.cx.now());
        if !self.cx.requests.is_live(id) {
            return;
        }
        let Some(own) = upstream(&mut self.nodes, balancer) else {
            return;
        };
        let is_it = |frame: &Frame| {
            frame.via == balancer && frame.node != NodeId::NONE && own.ends_total(id, frame, now)
        };
        let frames: Vec<Frame> = self.cx.requests.frames_of(id).copied().collect();
        if let Some(depth) = frames.iter().position(is_it) {
            let next = self.attempt_at_server_ends(id, &frames[depth], (Ending::Late, true));
            self.goes_on_without(id, depth, (next, Outcome::BackendTimeout));
        }
    }

    /// The time is over in which a server that was taken out may finish what this balancer has under way there:
    /// its connections are closed.
    #[cold]
    pub(super) fn cuts_off(&mut self, balancer: NodeId, peer: u32) {
        let now = self.cx.now();
        let Some(Node::Balancer(front)) = self.nodes.get(balancer.index()) else {
            return;
        };
        let (service, instance) = front.service_at(peer);
        let own = upstream(&mut self.nodes, balancer);
        if !own.is_some_and(|own| own.is_cut(peer, now)) {
            return;
        }
        for (id, generation) in self.those_via(balancer, service, instance) {
            if !self.cx.requests.is_current(id.index(), generation) {
                continue;
            }
            let is_it = |frame: &Frame| {
                (frame.via, frame.node, frame.instance) == (balancer, service, instance)
            };
            let frames: Vec<Frame> = self.cx.requests.frames_of(id).copied().collect();
            let Some(depth) = frames.iter().position(is_it) else {
                continue;
            };
            let next = self.attempt_at_server_ends(id, &frames[depth], (Ending::Broken, true));
            self.goes_on_without(id, depth, (next, Outcome::Killed));
            self.is_left(id);
        }
    }

    /// Requests that a balancer waits for at an instance.
    fn those_via(&self, via: NodeId, service: NodeId, instance: u32) -> Vec<(RequestId, u32)> {
        let requests = &self.cx.requests;
        let is_it =
            |frame: &Frame| (frame.via, frame.node, frame.instance) == (via, service, instance);
        requests
            .all()
            .filter(|(id, _)| requests.frames_of(*id).any(is_it))
            .map(|(id, request)| (id, request.generation))
            .collect()
    }
}
