//! Leaving early: requests that nobody waits for any more, and those that have waited too long for a worker.

use super::arena::NOBODY;
use super::gateway::is_gateway;
use super::pool::PoolId;
use super::program::Op;
use super::request::{Flags, Request, RequestId};
use super::service::Abandoned;
use super::system::{pool, service};
use super::{Node, NodeId, System};
use crate::engine::Timer;
use crate::metrics::Outcome;

impl System {
    /// Nobody waits for a request any more: whoever works for it may notice.
    pub(super) fn is_left(&mut self, id: RequestId) {
        let Request { frame, flags, .. } = *self.cx.requests.get(id);
        self.frees_connection(id, true);
        if flags.has(Flags::OUTBOUND | Flags::INBOUND) {
            let slot = self.cx.requests.get(id).slot();
            self.cx.scheduler.cancel(slot);
            self.cx.requests.close(id);
            return self.note_if_over();
        }
        if self.has.gateways && self.gateways_hear(id) {
            return;
        }
        if self.has.upstreams {
            if self.balancer_ignores_client(id) {
                return;
            }
            self.is_let_go(id);
            if self.is_callers_close(id) && self.leaves_balancer(id) {
                return;
            }
        }
        // Whoever is about to be taken up is looked at then.
        if frame.node == NodeId::NONE || flags.has(Flags::IN_TRANSIT | Flags::CALLED) {
            return;
        }
        if is_gateway(&self.nodes, frame.node) {
            return self.is_left_at_gateway(id);
        }
        let abandoned = service(&mut self.nodes, frame.node).abandoned();
        if !matches!(abandoned, Abandoned::Stop | Abandoned::Cancel) {
            return;
        }
        let waits_for = self.cx.requests.extra(id).waits_for;
        let is_guarded = matches!(
            *self.cx.program.op(frame.pc),
            Op::Guard { .. } | Op::Walk { .. }
        );
        if is_guarded && waits_for != NOBODY && !flags.has(Flags::NOT_BEGUN) {
            self.drops_errand(waits_for);
            return self.fails(id, Outcome::ClientTimeout);
        }
        if abandoned == Abandoned::Cancel && self.is_interrupted(id) {
            self.fails(id, Outcome::ClientTimeout);
        }
    }

    /// True if whoever sent a request to where it is closes its connection when the client leaves: the client
    /// itself, a gateway, or a service that stops at once what it does.
    fn is_callers_close(&mut self, id: RequestId) -> bool {
        let is_inner = self.cx.requests.get(id).flags.has(Flags::INNER);
        let mut below = self.cx.requests.frames_below(id);
        let caller =
            below.find(|own| own.node != NodeId::NONE && !is_gateway(&self.nodes, own.node));
        let caller = caller.copied();
        // The lowest frame of an inner attempt is its caller's, who has let go of it.
        let is_own = is_inner && below.next().is_none();
        caller.is_none_or(|caller| {
            is_own || service(&mut self.nodes, caller.node).abandoned() == Abandoned::Cancel
        })
    }

    /// Stops what is being done for a request right now, if it can be stopped: true, and then it can be
    /// failed.
    fn is_interrupted(&mut self, id: RequestId) -> bool {
        let Request { frame, flags, .. } = *self.cx.requests.get(id);
        let at = service(&mut self.nodes, frame.node);
        if flags.has(Flags::NOT_BEGUN) {
            if at.withdraw_waiting(id, &mut self.cx) {
                self.leaves_line(id, Outcome::ClientTimeout);
            }
            return false;
        }
        match *self.cx.program.op(frame.pc) {
            Op::Cpu(_) => at.interrupt_cpu(id, &mut self.cx),
            Op::Wait(_) => {
                let slot = self.cx.requests.get(id).slot();
                self.cx.scheduler.cancel(slot);
                true
            }
            Op::Acquire(number) if flags.has(Flags::IN_LINE) => {
                at.pools[number as usize].withdraw(id, &mut self.cx);
                true
            }
            Op::Borrow(pooler) if flags.has(Flags::IN_LINE) => {
                let own = PoolId::new(pooler, 0);
                pool(&mut self.nodes, own).withdraw(id, &mut self.cx);
                true
            }
            Op::Visit(node, _) => {
                use super::Component as _;
                match &mut self.nodes[node.index()] {
                    Node::Dependency(outside) => outside.withdraw(id, &mut self.cx),
                    Node::RateLimiter(limiter) => limiter.withdraw(id, &mut self.cx),
                    Node::Queue(queue) => queue.withdraw(id, &mut self.cx),
                    Node::Cache(cache) => cache.withdraw(id, &mut self.cx),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// A request has waited for a worker as long as it may, if it still does.
    pub(super) fn queue_wait_ends(&mut self, id: RequestId) {
        let Request { frame, flags, .. } = *self.cx.requests.get(id);
        if !self.cx.requests.is_live(id)
            || frame.node == NodeId::NONE
            || flags.has(Flags::OUTBOUND | Flags::INBOUND | Flags::IN_TRANSIT)
            || is_gateway(&self.nodes, frame.node)
        {
            return;
        }
        let at = service(&mut self.nodes, frame.node);
        if at.has_waited_enough(id, &self.cx) && at.withdraw_waiting(id, &mut self.cx) {
            self.leaves_line(id, Outcome::QueueTimeout);
        }
    }

    /// A request's timer in the line of a service runs out.
    pub(super) fn queue_timer(&mut self, node: NodeId, timer: Timer) {
        let id = RequestId::from_index(timer.subject);
        if self.cx.requests.get(id).frame.node == node {
            self.queue_wait_ends(id);
        }
    }

    /// A request that has been taken out of the line for a worker fails.
    fn leaves_line(&mut self, id: RequestId, outcome: Outcome) {
        let frame = self.cx.requests.get(id).frame;
        self.cx.requests.get_mut(id).frame.node = NodeId::NONE;
        if !self.goes_elsewhere(id, &frame, (outcome, true)) {
            self.fails(id, outcome);
        }
    }
}
