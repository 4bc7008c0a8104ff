//! How requests move: the interpreter of programs.
//!
//! The only place where a request goes from one component to another, gets an outcome, or is let go of.

use super::context::Wake;
use super::gateway::is_gateway;
use super::pool::PoolId;
use super::program::Op;
use super::request::{Flags, Frame, Request, RequestId};
use super::service::{Abandoned, Accepted};
use super::source::Drawn;
use super::system::{Flow, pool, service};
use super::{Component as _, Node, NodeId, Step, System};
use crate::engine::Timer;
use crate::metrics::Outcome;

/// What follows when an operation is over.
enum Return {
    /// The request goes on with whoever called.
    ToCaller,
    /// The request is over.
    Over,
    /// The request is over, and its worker takes up another.
    Next(RequestId),
}

impl System {
    /// A source's next request arrives.
    #[inline]
    pub(super) fn arrives(&mut self, source: u16) {
        let state = &mut self.sources[source as usize];
        if !state.is_plain {
            return self.source_acts(source);
        }
        let next = state.next_arrival();
        self.cx.scheduler.set_arrival(source, next);
        if self.cx.requests.n_live() >= self.max_in_flight {
            return self.overflows();
        }
        if state.has_to_draw() {
            self.looks_ahead(source);
        }
        let state = &mut self.sources[source as usize];
        let (drawn, choice) = state.next_request();
        let now = self.cx.now();
        self.cx
            .recorder
            .arrival(self.flows[choice.flow as usize].class);
        let id = self
            .cx
            .requests
            .open(choice.flow, now, drawn.number, choice.pc);
        if state.people.is_some() {
            Self::is_sent_by(id, drawn, state, &mut self.cx.requests);
        }
        if let Some(lane) = state.lane {
            let generation = self.cx.requests.get(id).generation;
            self.cx.scheduler.set_timer(
                lane,
                Timer {
                    subject: id.index(),
                    generation,
                },
            );
        }
        let enters = state.enters;
        if self.enters(id, enters) {
            self.executes(id);
        }
    }

    /// Draws who sends the next requests of a source, and lets whom they come to fetch what is kept of them.
    #[cold]
    pub(super) fn looks_ahead(&mut self, source: u16) {
        let state = &mut self.sources[source as usize];
        let enters = state.enters;
        let drawn = state.draws();
        if let Node::RateLimiter(limiter) = &self.nodes[enters.index()] {
            for own in drawn {
                limiter.expects(own.client, own.address);
            }
        }
    }

    /// A plain request has a client that is known.
    #[inline(never)]
    fn is_sent_by(
        id: RequestId,
        drawn: Drawn,
        source: &super::source::State,
        requests: &mut super::request::Requests,
    ) {
        let flags = &mut requests.get_mut(id).flags;
        flags.set(source.marks_of(drawn.client));
        let extra = requests.extra_mut(id);
        (extra.client, extra.address) = (drawn.client, drawn.address);
    }

    /// A request comes to a balancer, a service or a gateway; true if it is to go on at once.
    #[inline(always)]
    pub(super) fn enters(&mut self, id: RequestId, to: NodeId) -> bool {
        if self.has.closures && self.is_closed(to) {
            self.fails(id, Outcome::Maintenance);
            return false;
        }
        if let Node::Balancer(balancer) = &self.nodes[to.index()]
            && let Some(delay) = balancer.delay
        {
            let request = self.cx.requests.get_mut(id);
            request.frame.via = to;
            request.frame.worker = 0;
            request.flags.set(Flags::IN_TRANSIT);
            let delay = self.cx.program.draw(delay, request.seed());
            self.cx.resume_after(delay, id);
            return false;
        }
        self.is_dispatched(id, to)
    }

    /// An instance is picked for a request, and takes it in or not; true if it is to go on at once.
    #[inline(always)]
    fn is_dispatched(&mut self, id: RequestId, via: NodeId) -> bool {
        let seed = self.cx.requests.get(id).seed();
        let (to, picked) = match &mut self.nodes[via.index()] {
            Node::Balancer(front) if front.upstream.is_some() => {
                return self.is_balanced(id, via);
            }
            Node::Balancer(front) if front.sticky.is_some() => {
                (front.to, front.pick_again(id, &self.cx.requests))
            }
            Node::Balancer(front) => (front.to, front.balance.pick(front.salt, seed)),
            Node::Service(front) => (via, front.balance.pick(front.salt, seed)),
            _ => {
                self.comes_to_gateway(id, via);
                return true;
            }
        };
        let Some(instance) = picked else {
            if !self.is_held(id, via) {
                self.fails(id, self.census(via).outcome());
            }
            return false;
        };
        let frame = &mut self.cx.requests.get_mut(id).frame;
        (frame.node, frame.via, frame.instance) = (to, via, instance);
        match service(&mut self.nodes, to).accept(id, &mut self.cx) {
            Accepted::Begins => true,
            Accepted::Waits => false,
            Accepted::Dropped => {
                self.syn_is_dropped(id, 1);
                false
            }
            Accepted::Refused(outcome) => {
                let frame = self.is_turned_away(id);
                self.is_done(id, &frame);
                self.fails(id, outcome);
                false
            }
        }
    }

    /// An instance has refused a request: it is nowhere now. Gives the frame it had there.
    pub(super) fn is_turned_away(&mut self, id: RequestId) -> Frame {
        let request = self.cx.requests.get_mut(id);
        let frame = request.frame;
        request.frame.node = NodeId::NONE;
        if request.flags.has(Flags::ATTEMPT) {
            let asked = service(&mut self.nodes, frame.node).retry_after();
            self.cx.requests.extra_mut(id).retry_after = asked;
        }
        frame
    }

    /// Whoever picked the instance for a request hears that it was answered well, or that nobody waits for
    /// it any more; nobody does where the answer came too late.
    #[inline(always)]
    pub(super) fn is_done(&mut self, id: RequestId, frame: &Frame) {
        match self.nodes.get_mut(frame.via.index()) {
            Some(Node::Balancer(front)) => match &mut front.upstream {
                None => front.balance.done(frame.instance),
                Some(own) => {
                    let frame = *frame;
                    own.is_served(id, &frame, &mut self.cx);
                }
            },
            Some(Node::Service(front)) => front.balance.done(frame.instance),
            // A queue hears of its jobs by themselves.
            Some(Node::Queue(_)) | None => {}
            other => unreachable!("instances are picked by balancers and services, not {other:?}"),
        }
    }

    /// Executes a request's program until something blocks it, or it is over; then that of the request
    /// that gets its worker, and so on.
    pub(super) fn executes(&mut self, id: RequestId) {
        let mut id = id;
        loop {
            let request = self.cx.requests.get(id);
            let (pc, at, seed) = (request.frame.pc, request.frame.node, request.seed());
            if request.flags.is_abandoned() && self.stops_here(pc, at) {
                if self.cx.requests.get(id).flags.has(Flags::NOT_BEGUN) {
                    service(&mut self.nodes, at).never_begins(id, &mut self.cx);
                }
                return self.fails(id, Outcome::ClientTimeout);
            }
            let step = match *self.cx.program.op(pc) {
                Op::Cpu(_) => return service(&mut self.nodes, at).run(id, &mut self.cx),
                Op::Wait(demand) => {
                    let span = self.cx.program.work(demand, self.cx.requests.get(id));
                    return self.cx.resume_after(span, id);
                }
                Op::Chance {
                    below,
                    salt,
                    otherwise,
                } => {
                    if salt.uniform(seed) < below {
                        Step::Next
                    } else {
                        Step::Jump(otherwise)
                    }
                }
                Op::Jump(to) => Step::Jump(to),
                Op::IfNewConnection { otherwise } => self.pays_for_connection(id, otherwise),
                Op::IfNotModified { otherwise } => self.is_not_modified(id, otherwise),
                op @ (Op::Guard { .. } | Op::Walk { .. }) => return self.guards(id, op),
                op @ (Op::Leg { .. } | Op::Turn { .. }) => self.turns(id, op),
                Op::Visit(node, visit) => self.nodes[node.index()].visit(id, visit, &mut self.cx),
                op @ (Op::Acquire(_)
                | Op::Release(_)
                | Op::Borrow(_)
                | Op::Repay(_)
                | Op::Choose { .. }) => self.turns_to_pool(id, at, op),
                Op::Call { to, pc, site } => {
                    self.cx.requests.push_frame(id, pc, site);
                    if self.enters(id, to) {
                        continue;
                    }
                    return;
                }
                Op::Pass { to, pc } => {
                    self.cx.requests.pass_frame(id, pc);
                    if self.enters(id, to) {
                        continue;
                    }
                    return;
                }
                Op::End => match self.returns(id) {
                    Return::ToCaller => Step::Next,
                    Return::Over => return,
                    Return::Next(next) => {
                        if !self.is_begun(next) {
                            return;
                        }
                        id = next;
                        continue;
                    }
                },
            };
            if !self.takes(id, step) {
                return;
            }
        }
    }

    /// True if the service stops working for a request whose client has given up: between two steps, that
    /// is, not with a connection in hand. A gateway does not pass it on.
    #[cold]
    fn stops_here(&mut self, pc: u16, at: NodeId) -> bool {
        if is_gateway(&self.nodes, at) {
            return !matches!(self.cx.program.op(pc), Op::End);
        }
        self.cx.program.held(pc).is_none()
            && matches!(
                service(&mut self.nodes, at).abandoned(),
                Abandoned::Stop | Abandoned::Cancel
            )
    }

    /// What a step leads to; true if the request is to go on at once.
    #[inline(always)]
    fn takes(&mut self, id: RequestId, step: Step) -> bool {
        let frame = &mut self.cx.requests.get_mut(id).frame;
        match step {
            Step::Next => frame.pc += 1,
            Step::Jump(to) => frame.pc = to,
            Step::Blocked => return false,
            Step::Fail(outcome) => {
                self.fails(id, outcome);
                return false;
            }
        }
        true
    }

    /// A request's operation is over.
    #[inline(always)]
    fn returns(&mut self, id: RequestId) -> Return {
        let Request { frame, flags, .. } = *self.cx.requests.get(id);
        if flags.has(Flags::INNER) && self.cx.requests.is_at_base(id) {
            self.ends(id, Outcome::Served);
            return Return::Over;
        }
        let Node::Service(at) = &mut self.nodes[frame.node.index()] else {
            return if self.leaves_gateway(id) {
                Return::ToCaller
            } else {
                Return::Over
            };
        };
        let next = at.leave(&frame, &mut self.cx);
        self.is_done(id, &frame);
        if !self.cx.requests.pop_frame(id) {
            self.ends(id, Outcome::Served);
            return next.map_or(Return::Over, Return::Next);
        }
        if let Some(next) = next {
            self.cx.wake(next, Wake::Begin);
        }
        if self.cx.requests.get(id).frame.node == NodeId::NONE {
            // The caller's instance was killed meanwhile.
            self.ends(id, Outcome::Killed);
            return Return::Over;
        }
        Return::ToCaller
    }

    /// A worker takes a request up; false if it will not, because the client has given up.
    #[inline(always)]
    pub(super) fn is_begun(&mut self, id: RequestId) -> bool {
        let request = self.cx.requests.get_mut(id);
        request.flags.clear(Flags::CALLED);
        let (gone, node) = (request.flags.is_abandoned(), request.frame.node);
        if gone && service(&mut self.nodes, node).abandoned() != Abandoned::Serve {
            self.fails(id, Outcome::ClientTimeout);
            return false;
        }
        true
    }

    /// A request fails, and with it every operation that waits for it.
    pub(super) fn fails(&mut self, id: RequestId, outcome: Outcome) {
        let frame = self.cx.requests.get(id).frame;
        if let Some(number) = self.cx.program.held(frame.pc)
            && frame.node != NodeId::NONE
        {
            self.lets_go_of_connection(id, number, outcome);
        }
        let mut is_own = true;
        loop {
            let Request { frame, flags, .. } = *self.cx.requests.get(id);
            let is_callers = flags.has(Flags::INNER) && self.cx.requests.is_at_base(id);
            if !self.cx.program.around.is_empty() && self.misses_hear(id, outcome) {
                return;
            }
            if frame.node != NodeId::NONE && !is_callers {
                if is_gateway(&self.nodes, frame.node) {
                    if self.is_rescued(id, outcome) {
                        return;
                    }
                    self.leaves(id, &frame, outcome);
                } else {
                    self.leaves_instance(&frame);
                    if self.goes_elsewhere(id, &frame, (outcome, is_own)) {
                        return;
                    }
                }
            }
            is_own = false;
            if !self.cx.requests.pop_frame(id) {
                return self.ends(id, outcome);
            }
        }
    }

    /// The end of a request: its client hears of it, if it still waits.
    #[inline(always)]
    pub(super) fn ends(&mut self, id: RequestId, outcome: Outcome) {
        if outcome.is_success() && !self.egress.is_free() {
            self.sends_out(id);
        }
        let flags = self.cx.requests.get(id).flags;
        if flags.has(Flags::ATTEMPT) && !flags.has(Flags::GONE) {
            return self.attempt_ends(id, outcome);
        }
        let Request {
            flags,
            flow,
            arrived,
            number,
            ..
        } = *self.cx.requests.close(id);
        if flags.has(Flags::GONE) {
            if !self.is_part(id) && outcome.is_success() && !flags.has(Flags::INNER) {
                self.cx.recorder.answer_in_vain();
            }
        } else {
            let now = self.cx.now();
            let Flow { class, source } = self.flows[flow as usize];
            self.cx.recorder.knows(number, 1);
            self.cx.recorder.outcome(class, arrived, now, outcome);
            if let Some(lane) = self.sources[source as usize].lane {
                let requests = &self.cx.requests;
                let is_live = |timer: Timer| requests.is_awaited(timer);
                self.cx.scheduler.unset_timer(lane, is_live);
            }
        }
        self.note_if_over();
    }

    /// An answer leaves the system, for which somebody is paid: in full, unless what the client has is good.
    #[cold]
    fn sends_out(&mut self, id: RequestId) {
        let request = self.cx.requests.get(id);
        let is_job = request.flags.has(Flags::ATTEMPT) && self.is_job(id);
        let is_part = request.flags.has(Flags::GONE) && self.cx.requests.extra(id).is_part;
        if is_job || is_part || request.flags.has(Flags::INNER | Flags::CONDITIONAL) {
            return;
        }
        if let Some(size) = self.responses[request.flow as usize] {
            let bytes = self.cx.program.draw(size, request.seed()).as_nanos();
            let source = self.flows[request.flow as usize].source;
            self.egress.sends(source, bytes);
        }
    }

    /// Records the outcome of a request.
    #[inline(always)]
    pub(super) fn has_outcome(&mut self, id: RequestId, outcome: Outcome) {
        let now = self.cx.now();
        let request = self.cx.requests.get(id);
        let class = self.flows[request.flow as usize].class;
        self.cx
            .recorder
            .outcome(class, request.arrived, now, outcome);
    }

    /// What a request was blocked on is over, by an event of its own.
    #[inline]
    pub(super) fn resumes(&mut self, id: RequestId) {
        let request = self.cx.requests.get_mut(id);
        let (pc, at) = (request.frame.pc, request.frame.node);
        if request.flags.has(Flags::OUTBOUND | Flags::INBOUND) {
            if request.flags.has(Flags::OUTBOUND) {
                self.gets_there(id);
            } else {
                self.comes_back(id);
            }
            return;
        }
        if request.flags.has(Flags::IN_TRANSIT) {
            if at != NodeId::NONE {
                return self.is_taken(id, at);
            }
            request.flags.clear(Flags::IN_TRANSIT);
            if request.frame.worker > 0 {
                return self.sends_syn_again(id);
            }
            let via = request.frame.via;
            if self.is_dispatched(id, via) {
                self.executes(id);
            }
            return;
        }
        let step = match *self.cx.program.op(pc) {
            Op::Cpu(_) => {
                service(&mut self.nodes, at).burst_over(id, &mut self.cx);
                Step::Next
            }
            op @ (Op::Acquire(_) | Op::Borrow(_)) => self.has_tested_connection(id, at, op),
            Op::Visit(node, visit) => self.nodes[node.index()].resume(id, visit, &mut self.cx),
            _ => Step::Next,
        };
        self.goes_on(id, step);
    }

    /// A request goes on after it was blocked, unless its instance is no longer there.
    #[inline(always)]
    pub(super) fn goes_on(&mut self, id: RequestId, step: Step) {
        if self.cx.requests.get(id).frame.node == NodeId::NONE {
            if step == Step::Blocked {
                // Work for it is not over yet: a commit follows what it has read.
                return;
            }
            self.repays(id, true, true);
            if let (Op::Borrow(pooler), Step::Next) =
                (*self.cx.program.op(self.cx.requests.get(id).frame.pc), step)
            {
                // It had just got it.
                let own = pool(&mut self.nodes, PoolId::new(pooler, 0));
                own.give_back(id, false, &mut self.cx);
            }
            return self.ends(id, Outcome::Killed);
        }
        if self.takes(id, step) {
            self.executes(id);
        }
    }

    /// A component has woken a request.
    #[inline]
    pub(super) fn is_woken(&mut self, id: RequestId, how: Wake) {
        match how {
            Wake::GoOn => self.goes_on(id, Step::Next),
            Wake::Fail(outcome) => self.goes_on(id, Step::Fail(outcome)),
            Wake::Again => self.asks_again(id),
            Wake::Dispatch => self.is_sent_on(id),
            Wake::Begin => {
                if self.cx.requests.get(id).frame.node == NodeId::NONE {
                    self.ends(id, Outcome::Killed);
                } else if self.is_begun(id) {
                    self.executes(id);
                }
            }
        }
    }

    /// A client's timeout ran out.
    pub(super) fn gives_up(&mut self, timer: Timer) {
        let Some(id) = self.cx.requests.awaited(timer) else {
            return;
        };
        if let Some(lane) = self.lane_of(id) {
            self.cx.scheduler.timer_ran_out(lane);
        }
        self.has_outcome(id, Outcome::ClientTimeout);
        self.cx.requests.get_mut(id).flags.set(Flags::GONE);
        self.is_left(id);
    }

    /// True if nobody works for a request of a killed instance any more, so that it can be let go of at
    /// once; gives the number of bursts on a CPU of its own that were cut short (0 or 1) as well.
    pub(super) fn is_detached(&mut self, id: RequestId) -> (bool, u64) {
        let detached = self.detaches(id);
        if detached.0 {
            self.repays(id, true, true);
        }
        detached
    }

    fn detaches(&mut self, id: RequestId) -> (bool, u64) {
        let request = self.cx.requests.get(id);
        let (frame, flags, slot) = (request.frame, request.flags, request.slot());
        if flags.has(Flags::NOT_BEGUN) {
            return (true, 0);
        }
        if flags.has(Flags::IN_TRANSIT) {
            self.cx.scheduler.cancel(slot);
            return (true, 0);
        }
        match *self.cx.program.op(frame.pc) {
            Op::Cpu(_) if flags.has(Flags::IN_LINE) => (true, 0),
            Op::Cpu(_) if service(&mut self.nodes, frame.node).shares_cpu() => (true, 0),
            Op::Cpu(_) => {
                self.cx.scheduler.cancel(slot);
                (true, 1)
            }
            Op::Acquire(number) => {
                let own = pool(&mut self.nodes, PoolId::new(frame.node, number));
                own.withdraw(id, &mut self.cx);
                (true, 0)
            }
            Op::Borrow(pooler) => {
                let own = pool(&mut self.nodes, PoolId::new(pooler, 0));
                own.withdraw(id, &mut self.cx);
                (true, 0)
            }
            Op::Guard { .. } | Op::Walk { .. } => (true, 0),
            Op::Visit(node, _) => (self.nodes[node.index()].withdraw(id, &mut self.cx), 0),
            _ => {
                self.cx.scheduler.cancel(slot);
                (true, 0)
            }
        }
    }
}
