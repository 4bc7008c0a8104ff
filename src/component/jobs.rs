//! Jobs: messages of queues that are being worked on, as requests of their own; and checks of servers, which
//! are such requests, too.
//!
//! A job is an attempt that no errand waits for: its queue, or the balancer that checks, hears of its end. It
//! holds what any request holds of the instance that it is in, and is counted by its queue alone.

use super::arena::NOBODY;
use super::balancer::CheckId;
use super::context::Wake;
use super::queue::{Delivery, Receipt};
use super::request::{Flags, RequestId};
use super::service::Accepted;
use super::system::{queue, service};
use super::{Node, NodeId, System};
use crate::metrics::Outcome;

/// What a job is done for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job {
    /// A message that is being worked on.
    Message {
        queue: NodeId,
        /// What acknowledges it.
        receipt: Receipt,
        /// Whose place it takes in the queue's books.
        slot: u32,
    },
    /// A check of a server.
    Check { balancer: NodeId, check: CheckId },
}

impl System {
    /// Delivers messages of a queue for as long as there are any, and consumers who have room.
    pub(super) fn delivers(&mut self, node: NodeId) {
        queue(&mut self.nodes, node).is_heard();
        while !self.over {
            if self.cx.requests.n_live() >= self.max_in_flight {
                return self.overflows();
            }
            let next = queue(&mut self.nodes, node).next_delivery(&mut self.cx);
            let Some(delivery) = next else { return };
            self.begins_job(node, delivery);
        }
    }

    fn begins_job(&mut self, node: NodeId, delivery: Delivery) {
        let now = self.cx.now();
        let (flow, number) = (delivery.flow, delivery.number);
        let id = self.cx.requests.open(flow, now, number, delivery.pc);
        let request = self.cx.requests.get_mut(id);
        // Every delivery asks for work of its own.
        request.frame.visit = (delivery.count - 1).wrapping_mul(0x9E37_79B1);
        (request.frame.node, request.frame.via) = (delivery.service, node);
        request.frame.instance = delivery.instance;
        request.flags.set(Flags::ATTEMPT);
        let job = self.jobs.add(Job::Message {
            queue: node,
            receipt: delivery.receipt,
            slot: delivery.slot,
        });
        let extra = self.cx.requests.extra_mut(id);
        extra.forget();
        extra.job = job;
        let accepted = service(&mut self.nodes, delivery.service).accept(id, &mut self.cx);
        let own = queue(&mut self.nodes, node);
        match accepted {
            Accepted::Begins => {
                own.is_taken(delivery.receipt, &mut self.cx);
                self.cx.requests.get_mut(id).flags.set(Flags::CALLED);
                self.cx.wake(id, Wake::Begin);
            }
            Accepted::Waits => own.is_taken(delivery.receipt, &mut self.cx),
            Accepted::Refused(_) | Accepted::Dropped => {
                self.jobs.remove(job);
                self.cx.requests.close(id);
                own.was_turned_away(delivery.slot, &mut self.cx);
                own.is_put_back(delivery.receipt, &mut self.cx);
            }
        }
    }

    /// The job of a request, if it is one that its queue still waits for.
    #[inline]
    pub(super) fn is_job(&self, id: RequestId) -> bool {
        self.cx.requests.extra(id).job != NOBODY
    }

    /// A job is over: its message is acknowledged, or not.
    pub(super) fn job_ends(&mut self, id: RequestId, outcome: Outcome) {
        self.settles_job(id, outcome, false);
        self.cx.requests.close(id);
        self.note_if_over();
    }

    /// Somebody who works for a job was killed: its consumer, or only one whom that has called. What the job
    /// has set going may go on.
    pub(super) fn job_is_killed(&mut self, id: RequestId, by_consumer: bool) {
        self.settles_job(id, Outcome::Killed, by_consumer);
        self.cx.requests.get_mut(id).flags.set(Flags::GONE);
    }

    fn settles_job(&mut self, id: RequestId, outcome: Outcome, is_lost: bool) {
        let extra = self.cx.requests.extra_mut(id);
        let at = std::mem::replace(&mut extra.job, NOBODY);
        let (node, receipt, slot) = match self.jobs.remove(at) {
            None => return,
            Some(Job::Check { balancer, check }) => {
                return self.check_ends(balancer, check, outcome);
            }
            Some(Job::Message {
                queue,
                receipt,
                slot,
            }) => (queue, receipt, slot),
        };
        let own = queue(&mut self.nodes, node);
        if outcome.is_success() {
            own.is_acknowledged(receipt, &mut self.cx);
        } else {
            own.is_refused(receipt, is_lost, &mut self.cx);
        }
        own.has_room(slot, &mut self.cx);
    }

    /// Every queue hears that an instance is in service.
    pub(super) fn tell_queues(&mut self, service: NodeId, instance: u32, is_up: bool) {
        for node in &mut self.nodes {
            let Node::Queue(queue) = node else { continue };
            if is_up {
                queue.instance_joins(service, instance, &mut self.cx);
            } else {
                queue.instance_leaves(service, instance);
            }
        }
    }
}
