//! Connections that are not taken: the kernel of a server whose backlog is full drops the packet that asks for one,
//! and whoever asks tries again.
//!
//! Linux sends it again after 1 s, and then after twice as long each time, six times (`tcp_syn_retries`): clients
//! see latencies in steps of 1, 3, 7, 15 s, and an error after 127 s.

use super::request::{Flags, RequestId};
use super::service::Accepted;
use super::system::service;
use super::{Node, NodeId, System};
use crate::metrics::Outcome;
use crate::units::SimDuration;

/// How often the packet is sent again.
const RETRIES: u16 = 6;

/// The worker that a request does not have which is to ask its server again, for a connection of its own.
pub(super) const ASKS_AGAIN: u16 = u16::MAX;

impl System {
    /// The instance that was picked for a request does not answer the packet that asks for a connection; it was
    /// the `sent`th.
    #[cold]
    pub(super) fn syn_is_dropped(&mut self, id: RequestId, sent: u16) {
        let request = self.cx.requests.get_mut(id);
        // It is nowhere yet; the worker that it does not have counts what was sent.
        request.frame.node = NodeId::NONE;
        request.frame.worker = sent;
        request.flags.set(Flags::IN_TRANSIT);
        let mut wait = SimDuration::from_secs(1 << (sent - 1));
        if let Some(timeout) = self.connect_timeout(id) {
            let waited = SimDuration::from_secs((1 << (sent - 1)) - 1);
            wait = wait.min(timeout - waited);
        }
        self.cx.resume_after(wait, id);
    }

    /// A request asks the same instance for a connection again.
    #[cold]
    pub(super) fn sends_syn_again(&mut self, id: RequestId) {
        let request = self.cx.requests.get_mut(id);
        let (via, instance) = (request.frame.via, request.frame.instance);
        let sent = match std::mem::take(&mut request.frame.worker) {
            ASKS_AGAIN => 0,
            sent => sent,
        };
        let is_gone = request.flags.is_abandoned();
        let waited = SimDuration::from_secs((1 << sent) - 1);
        let is_late = sent > RETRIES || self.connect_timeout(id).is_some_and(|most| waited >= most);
        let to = match &self.nodes[via.index()] {
            Node::Balancer(front) => front.service_at(instance),
            _ => (via, instance),
        };
        let frame = &mut self.cx.requests.get_mut(id).frame;
        (frame.node, frame.instance) = to;
        if is_gone || is_late {
            let why = if is_gone {
                Outcome::ClientTimeout
            } else {
                Outcome::ConnectTimeout
            };
            return self.is_not_taken(id, why);
        }
        match service(&mut self.nodes, to.0).accept(id, &mut self.cx) {
            Accepted::Begins => {
                self.answer_is_awaited(id, via);
                self.executes(id);
            }
            Accepted::Waits => self.answer_is_awaited(id, via),
            Accepted::Dropped => {
                self.cx.requests.get_mut(id).frame.instance = instance;
                self.syn_is_dropped(id, sent + 1);
            }
            Accepted::Refused(outcome) => self.is_not_taken(id, outcome),
        }
    }
}
