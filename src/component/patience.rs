//! What balancers do not wait for any longer: requests that have taken all their time, and whatever is
//! under way at servers that were taken out long enough ago.

use super::dispatch::upstream;
use super::request::{Flags, Frame, RequestId};
use super::{Node, NodeId, System};
use crate::engine::Timer;
use crate::metrics::Outcome;
use crate::policy::upstream::Ending;

impl System {
    /// A request has taken as long as it may in all at a balancer: at a server, at the door of one, in line, or
    /// waiting to be tried again.
    #[cold]
    pub(super) fn total_is_over(&mut self, balancer: NodeId, timer: Timer) {
        let own = upstream(&mut self.nodes, balancer);
        let Some((id, visit)) = own.and_then(|own| own.whose_time_is_over(timer, &mut self.cx))
        else {
            return;
        };
        let is_it = |frame: &Frame| (frame.via, frame.visit) == (balancer, visit);
        let frames: Vec<Frame> = self.cx.requests.frames_of(id).copied().collect();
        let depth = frames.iter().position(is_it);
        match depth.map(|depth| (depth, frames[depth])) {
            Some((depth, frame)) if frame.node != NodeId::NONE => {
                let next = self.attempt_at_server_ends(id, &frame, (Ending::Late, true));
                self.goes_on_without(id, depth, (next, Outcome::BackendTimeout));
            }
            Some((0, frame)) => {
                self.waits_in_vain(id, frame);
                self.fails(id, Outcome::BackendTimeout);
            }
            _ => {
                if let Some(own) = upstream(&mut self.nodes, balancer) {
                    own.time_ends(id, visit, &mut self.cx);
                }
            }
        }
    }

    /// A request that no server has waits for one, or to be tried again, no longer.
    fn waits_in_vain(&mut self, id: RequestId, frame: Frame) {
        let request = self.cx.requests.get_mut(id);
        let (slot, is_in_line) = (request.slot(), request.flags.has(Flags::IN_LINE));
        if !is_in_line {
            request.flags.clear(Flags::IN_TRANSIT);
            request.frame.worker = 0;
            self.cx.scheduler.cancel(slot);
        }
        let Some(Node::Balancer(front)) = self.nodes.get_mut(frame.via.index()) else {
            return;
        };
        // Whose connection a server has not taken is counted there, under the server's number.
        let at_door = (frame.worker > 0).then(|| front.service_at(frame.instance));
        let Some(own) = &mut front.upstream else {
            return;
        };
        if is_in_line {
            own.leaves_line(id, &mut self.cx);
        } else if let Some((node, instance)) = at_door {
            let frame = Frame {
                node,
                instance,
                ..frame
            };
            let ending = (Ending::NotConnected, false);
            let next = own.ends(id, &frame, ending, &mut self.cx);
            assert!(next.is_none(), "nothing is tried again after that time");
        } else {
            own.forgets(id, &frame, &mut self.cx);
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
