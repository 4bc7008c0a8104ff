//! Active health checks: requests that balancers send to see whether a server is well.
//!
//! A check is a [`Job`]: it comes to its server like any other request and holds there what it
//! needs, but no client waits for it, and the balancer does not count it as under way.

use super::arena::NOBODY;
use super::balancer::{CheckId, Upstream};
use super::context::Wake;
use super::dispatch::upstream;
use super::jobs::Job;
use super::request::Flags;
use super::service::Accepted;
use super::system::service;
use super::{Node, NodeId, System};
use crate::engine::Timer;
use crate::metrics::Outcome;
use crate::policy::health::CheckResult;

/// The balancer that checks.
///
/// # Panics
/// If it has no group of servers: only those that do check them.
fn checker(nodes: &mut [Node], balancer: NodeId) -> &mut Upstream {
    upstream(nodes, balancer).expect("only balancers with groups of servers check them")
}

impl System {
    /// A balancer checks a server.
    #[cold]
    pub(super) fn checks(&mut self, balancer: NodeId, part: u32) {
        if self.cx.requests.n_live() >= self.max_in_flight {
            return self.overflows();
        }
        let Some(check) = checker(&mut self.nodes, balancer).begins_check(part, &mut self.cx)
        else {
            return;
        };
        let now = self.cx.now();
        let number = self.cx.program.apart(0, check.number);
        let id = self.cx.requests.open(0, now, number, check.pc);
        let request = self.cx.requests.get_mut(id);
        (request.frame.node, request.frame.instance) = (check.service, check.instance);
        request.flags.set(Flags::ATTEMPT);
        let timer = Timer {
            subject: id.index(),
            generation: request.generation,
        };
        let own = check.id;
        let job = self.jobs.add(Job::Check {
            balancer,
            check: own,
        });
        let extra = self.cx.requests.extra_mut(id);
        extra.forget();
        extra.job = job;
        match service(&mut self.nodes, check.service).accept(id, &mut self.cx) {
            Accepted::Begins => {
                self.cx.requests.get_mut(id).flags.set(Flags::CALLED);
                self.cx.wake(id, Wake::Begin);
                checker(&mut self.nodes, balancer).check_is_under_way(part, timer);
            }
            Accepted::Waits => checker(&mut self.nodes, balancer).check_is_under_way(part, timer),
            Accepted::Refused(_) => {
                self.jobs.remove(job);
                self.cx.requests.close(id);
                let balancer = checker(&mut self.nodes, balancer);
                balancer.check_ends(own, CheckResult::NoAnswer, &mut self.cx);
                self.note_if_over();
            }
            Accepted::Dropped => {
                // Nobody will answer: the time runs out.
                self.jobs.remove(job);
                self.cx.requests.close(id);
                self.note_if_over();
            }
        }
    }

    /// The request of a check is over.
    pub(super) fn check_ends(&mut self, balancer: NodeId, check: CheckId, outcome: Outcome) {
        let result = match outcome {
            outcome if outcome.is_success() => CheckResult::Well,
            Outcome::Killed => CheckResult::NoAnswer,
            _ => CheckResult::Unwell,
        };
        checker(&mut self.nodes, balancer).check_ends(check, result, &mut self.cx);
    }

    /// A balancer has waited for the answer to a check as long as it does; the server may go on with it.
    #[cold]
    pub(super) fn check_is_late(&mut self, balancer: NodeId, part: u32) {
        let Some((check, timer)) = checker(&mut self.nodes, balancer).late_check(part) else {
            return;
        };
        if let Some(id) = timer.and_then(|timer| self.cx.requests.awaited(timer)) {
            let extra = self.cx.requests.extra_mut(id);
            let job = std::mem::replace(&mut extra.job, NOBODY);
            extra.is_part = true;
            self.jobs.remove(job);
            self.cx.requests.get_mut(id).flags.set(Flags::GONE);
            self.is_left(id);
        }
        checker(&mut self.nodes, balancer).check_ends(check, CheckResult::NoAnswer, &mut self.cx);
    }
}
