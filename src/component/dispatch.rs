//! Balancers with a group of servers: which server a request is sent to, what becomes of it there as the
//! balancer sees it, and whether it goes to the next.
//!
//! A request whose answer is late, or whose server dies, is cut in two: what the server does for it goes on
//! as work that nobody waits for, and whoever waited goes on in a request of its own, which is tried on the
//! next server or fails.

use super::balancer::{Again, Census, Nowhere, Upstream};
use super::context::Wake;
use super::gateway::is_gateway;
use super::request::{Flags, Frame, Request, RequestId};
use super::service::Accepted;
use super::system::service;
use super::{Node, NodeId, System};
use crate::engine::Timer;
use crate::metrics::Outcome;
use crate::policy::upstream::Ending;
use crate::units::SimDuration;

/// The group of servers of a balancer, if `via` is one that has one.
pub(super) fn upstream(nodes: &mut [Node], via: NodeId) -> Option<&mut Upstream> {
    match nodes.get_mut(via.index()) {
        Some(Node::Balancer(front)) => front.upstream.as_deref_mut(),
        _ => None,
    }
}

impl System {
    /// A balancer picks a server for a request, and the next one where that is refused; true if the request
    /// is to go on at once.
    pub(super) fn is_balanced(&mut self, id: RequestId, via: NodeId) -> bool {
        loop {
            let Some(own) = upstream(&mut self.nodes, via) else {
                unreachable!("only balancers with groups of servers send requests on");
            };
            if own.gives_up(id, &mut self.cx) {
                self.fails(id, Outcome::ClientTimeout);
                return false;
            }
            let target = match own.pick(id, &mut self.cx) {
                Ok(target) => target,
                Err(nowhere) => {
                    self.goes_nowhere(id, (via, nowhere));
                    return false;
                }
            };
            let frame = &mut self.cx.requests.get_mut(id).frame;
            (frame.node, frame.via) = (target.service, via);
            (frame.instance, frame.pc) = (target.instance, target.pc);
            let accepted = service(&mut self.nodes, target.service).accept(id, &mut self.cx);
            if accepted == Accepted::Dropped {
                self.cx.requests.get_mut(id).frame.instance = target.peer;
                self.syn_is_dropped(id, 1);
                return false;
            }
            if let Accepted::Refused(outcome) = accepted {
                let frame = self.is_turned_away(id);
                let ending = (Upstream::refusal(outcome), false);
                let Some(next) = self.attempt_at_server_ends(id, &frame, ending) else {
                    self.fails(id, outcome);
                    return false;
                };
                if next.pause.is_some() {
                    self.waits_for_next(id, next);
                    return false;
                }
                if self.is_to_wait(id, next.frame) {
                    return false;
                }
                self.cx.requests.get_mut(id).frame = next.frame;
                continue;
            }
            self.answer_is_awaited(id, via);
            return accepted == Accepted::Begins;
        }
    }

    /// A request is sent nowhere: it waits, looks again after a while, or fails.
    #[cold]
    fn goes_nowhere(&mut self, id: RequestId, (via, nowhere): (NodeId, Nowhere)) {
        match nowhere {
            Nowhere::Fails(outcome) => self.fails(id, outcome),
            Nowhere::Waits => {
                let frame = &mut self.cx.requests.get_mut(id).frame;
                (frame.via, frame.worker) = (via, 0);
            }
            Nowhere::Nobody if self.is_held(id, via) => {}
            Nowhere::Nobody => {
                let census = self.census(via);
                let own = upstream(&mut self.nodes, via);
                let again = own.map(|own| own.finds_nobody(id, census, &mut self.cx));
                match again.unwrap_or_else(|| Err(census.outcome())) {
                    Ok(span) => {
                        let request = self.cx.requests.get_mut(id);
                        (request.frame.via, request.frame.worker) = (via, 0);
                        request.flags.set(Flags::IN_TRANSIT);
                        self.cx.resume_after(span, id);
                    }
                    Err(outcome) => self.fails(id, outcome),
                }
            }
        }
    }

    /// True if a request for which there is no instance is held at the door of a service, until there is one.
    #[cold]
    pub(super) fn is_held(&mut self, id: RequestId, via: NodeId) -> bool {
        let mut nth = 0;
        while let Some(at) = self.behind(via, nth) {
            if service(&mut self.nodes, at).holds(id, via, &mut self.cx) {
                return true;
            }
            nth += 1;
        }
        false
    }

    /// The services behind a balancer, one after another; or the service itself.
    fn behind(&self, via: NodeId, nth: usize) -> Option<NodeId> {
        match &self.nodes[via.index()] {
            Node::Balancer(front) => match &front.upstream {
                Some(own) => own.backends().get(nth).map(|own| own.service),
                None => (nth == 0).then_some(front.to),
            },
            _ => (nth == 0).then_some(via),
        }
    }

    /// How the instances behind a balancer, or those of a service, are.
    #[cold]
    pub(super) fn census(&self, via: NodeId) -> Census {
        let of = |node: NodeId| match &self.nodes[node.index()] {
            Node::Service(service) => service.census(),
            _ => Census::default(),
        };
        match &self.nodes[via.index()] {
            Node::Balancer(front) => match &front.upstream {
                Some(own) => {
                    let services = own.backends().iter().map(|own| of(own.service));
                    services.fold(Census::default(), Census::and)
                }
                None => of(front.to),
            },
            _ => of(via),
        }
    }

    /// A server has taken a request in; its balancer waits for the answer only so long.
    pub(super) fn answer_is_awaited(&mut self, id: RequestId, via: NodeId) {
        if let Some(own) = upstream(&mut self.nodes, via) {
            own.sets_timer(id, &mut self.cx);
        }
    }

    /// The process that takes a request had hesitated. Its clock begins anew, and so does the balancer's.
    pub(super) fn is_taken(&mut self, id: RequestId, at: NodeId) {
        let begins = service(&mut self.nodes, at).is_taken(id, &mut self.cx);
        let frame = self.cx.requests.get(id).frame;
        if let Some(own) = upstream(&mut self.nodes, frame.via) {
            own.unsets_timer(id, &frame, &mut self.cx);
            own.sets_timer(id, &mut self.cx);
        }
        if begins && self.is_begun(id) {
            self.executes(id);
        }
    }

    /// How long a request's connection may take to come about, if its balancer says so.
    pub(super) fn connect_timeout(&mut self, id: RequestId) -> Option<SimDuration> {
        let via = self.cx.requests.get(id).frame.via;
        upstream(&mut self.nodes, via).and_then(|own| own.connect_timeout)
    }

    /// The server of a request's frame has not taken its connection, or it is not wanted any more: it goes to
    /// the next, or fails.
    pub(super) fn is_not_taken(&mut self, id: RequestId, outcome: Outcome) {
        let frame = self.is_turned_away(id);
        if outcome != Outcome::ClientTimeout && upstream(&mut self.nodes, frame.via).is_some() {
            let ending = (Upstream::refusal(outcome), false);
            return match self.attempt_at_server_ends(id, &frame, ending) {
                Some(next) => self.waits_for_next(id, next),
                None => self.fails(id, outcome),
            };
        }
        if upstream(&mut self.nodes, frame.via).is_some() {
            self.is_never_served(id, &frame);
        } else {
            self.is_done(id, &frame);
        }
        self.fails(id, outcome);
    }

    /// A balancer lets go of a request that its server has not taken.
    fn is_never_served(&mut self, id: RequestId, frame: &Frame) {
        if let Some(own) = upstream(&mut self.nodes, frame.via) {
            own.is_dropped(id, frame, &mut self.cx);
        }
    }

    /// A request is about to be sent to another server, or to the same after a pause; not inside of the handler in which it failed: no number
    /// of failures is a number of calls inside one another.
    fn waits_for_next(&mut self, id: RequestId, next: Again) {
        if next.pause.is_none() && self.is_to_wait(id, next.frame) {
            return;
        }
        let request = self.cx.requests.get_mut(id);
        request.frame = next.frame;
        request.flags.set(Flags::IN_TRANSIT);
        match next.pause {
            Some(pause) => self.cx.resume_after(pause, id),
            None => self.cx.wake(id, Wake::Dispatch),
        }
    }

    /// True if the balancer lets a request wait before it is tried again; then it does.
    fn is_to_wait(&mut self, id: RequestId, next: Frame) -> bool {
        let own = upstream(&mut self.nodes, next.via);
        let wait = own.map(|own| own.wait_before_retry(id, &next, &self.cx));
        let Some(wait) = wait.filter(|wait| *wait > SimDuration::ZERO) else {
            return false;
        };
        let request = self.cx.requests.get_mut(id);
        request.frame = next;
        request.flags.set(Flags::IN_TRANSIT);
        self.cx.resume_after(wait, id);
        true
    }

    /// Tells the balancer how an attempt at a server ended; gives the frame for the next if there is to be
    /// one.
    pub(super) fn attempt_at_server_ends(
        &mut self,
        id: RequestId,
        frame: &Frame,
        ending: (Ending, bool),
    ) -> Option<Again> {
        let own = upstream(&mut self.nodes, frame.via)?;
        own.ends(id, frame, ending, &mut self.cx)
    }

    /// A request has failed on the instance of `frame`, which it has left: true if it is tried on another.
    /// `is_own` says that the failure is this service's own, not of something that it called.
    pub(super) fn goes_elsewhere(
        &mut self,
        id: RequestId,
        frame: &Frame,
        (outcome, is_own): (Outcome, bool),
    ) -> bool {
        let is_left = matches!(outcome, Outcome::ClientTimeout | Outcome::ClientAbort);
        match upstream(&mut self.nodes, frame.via) {
            Some(own) if is_left => {
                own.is_left(id, frame, &mut self.cx);
                return false;
            }
            Some(_) => {}
            None => {
                self.is_done(id, frame);
                return false;
            }
        }
        let ending = (Upstream::failure(outcome, is_own), true);
        let Some(next) = self.attempt_at_server_ends(id, frame, ending) else {
            return false;
        };
        self.waits_for_next(id, next);
        true
    }

    /// A request that was tried before is sent to another server.
    pub(super) fn is_sent_on(&mut self, id: RequestId) {
        let request = self.cx.requests.get_mut(id);
        request.flags.clear(Flags::IN_TRANSIT);
        let via = request.frame.via;
        if self.is_balanced(id, via) {
            self.executes(id);
        }
    }

    /// A request has waited in a balancer's line as long as it may.
    pub(super) fn line_times_out(&mut self, node: NodeId, timer: Timer) {
        let own = upstream(&mut self.nodes, node);
        if let Some(id) = own.and_then(|own| own.line_times_out(timer, &mut self.cx)) {
            self.fails(id, Outcome::QueueTimeout);
        }
    }

    /// Nobody waits for a request any more: if it stands in a balancer's line it leaves it, and is over.
    pub(super) fn leaves_balancer(&mut self, id: RequestId) -> bool {
        let Request { frame, flags, .. } = *self.cx.requests.get(id);
        let is_there =
            frame.node == NodeId::NONE && flags.has(Flags::IN_TRANSIT) && flags.has(Flags::IN_LINE);
        let own = upstream(&mut self.nodes, frame.via).filter(|_| is_there);
        let Some(own) = own.filter(|own| !own.ignores_client_abort) else {
            return false;
        };
        own.leaves_line(id, &mut self.cx);
        self.fails(id, Outcome::ClientTimeout);
        true
    }

    /// A balancer has waited for an answer as long as it does.
    pub(super) fn answer_is_late(&mut self, node: NodeId, timer: Timer) {
        let now = self.cx.now();
        let length = upstream(&mut self.nodes, node).and_then(|own| own.read_timeout);
        let Some((id, frame)) = self.cx.requests.waiting_via(node, timer) else {
            return;
        };
        // The number of a timer is an instant cut short; this tells it from one of long ago.
        if length.is_none_or(|(_, length)| frame.entered + length != now) {
            return;
        }
        let is_it = |own: &Frame| *own == frame;
        let Some(depth) = self.cx.requests.frames_of(id).position(is_it) else {
            return;
        };
        let next = self.attempt_at_server_ends(id, &frame, (Ending::Late, true));
        self.goes_on_without(id, depth, (next, Outcome::BackendTimeout));
    }

    /// The instance of the frame at `depth` is killed with a request in it: its balancer sees the connection
    /// break, and may try the next server.
    pub(super) fn balancer_sees_kill(&mut self, id: RequestId, depth: usize) {
        if !self.has.upstreams {
            return;
        }
        let frame = self.cx.requests.frames_of(id).nth(depth).copied();
        let Some(frame) = frame else { return };
        if upstream(&mut self.nodes, frame.via).is_none() {
            return;
        }
        match self.attempt_at_server_ends(id, &frame, (Ending::Broken, true)) {
            None => self.cx.requests.frame_at(id, depth).via = NodeId::NONE,
            next => self.goes_on_without(id, depth, (next, Outcome::Killed)),
        }
    }

    /// True if somebody waits for a request below the frame at `depth` whom a balancer with a group of servers has
    /// sent it to.
    pub(super) fn is_awaited_by_balancer(&mut self, id: RequestId, depth: usize) -> bool {
        let nodes = &mut self.nodes;
        let mut below = self.cx.requests.frames_of(id).skip(depth + 1);
        below.any(|own| own.node != NodeId::NONE && upstream(nodes, own.via).is_some())
    }

    /// Whoever waited for a request goes on without what the frame at `depth` and those above it do: on the
    /// next server, or with a failure.
    pub(super) fn goes_on_without(
        &mut self,
        id: RequestId,
        depth: usize,
        (next, outcome): (Option<Again>, Outcome),
    ) {
        let Some(frame) = self.cx.requests.frames_of(id).nth(depth).copied() else {
            return;
        };
        let failed = Frame {
            node: NodeId::NONE,
            ..frame
        };
        let own = next.map_or(failed, |next| next.frame);
        self.cx.requests.frame_at(id, depth).via = NodeId::NONE;
        let new = self.cx.requests.split(id, depth, own);
        // Balancers that it came through on its way here know it by its number as well.
        for depth in 0..self.cx.requests.n_frames(new) {
            let own = *self.cx.requests.frame_at(new, depth);
            if let Some(upstream) = upstream(&mut self.nodes, own.via) {
                upstream.is_split((id, new), &own, &mut self.cx);
            }
        }
        self.misses_are_renumbered((id, new));
        let Request { flags, .. } = *self.cx.requests.get(new);
        if flags.has(Flags::ATTEMPT) {
            let errand = self.cx.requests.extra(new).errand;
            if let Some(errand) = self.errands.get_mut(errand) {
                errand.renumbers(id, new);
            }
        }
        match next {
            Some(next) => self.waits_for_next(new, next),
            None => self.fails(new, outcome),
        }
        if outcome == Outcome::BackendTimeout {
            self.is_left(id);
        }
    }

    /// True if the balancer that a request came to goes on with it though its client has left: then nobody
    /// behind it notices.
    pub(super) fn balancer_ignores_client(&mut self, id: RequestId) -> bool {
        let is_inner = self.cx.requests.get(id).flags.has(Flags::INNER);
        let n_frames = self.cx.requests.n_frames(id) - usize::from(is_inner);
        let frames = (0..n_frames).rev();
        let mut frames = frames.map(|depth| *self.cx.requests.frame_at(id, depth));
        let nodes = &self.nodes;
        let first =
            frames.find(|frame| frame.node == NodeId::NONE || !is_gateway(nodes, frame.node));
        let own = first.and_then(|frame| upstream(&mut self.nodes, frame.via));
        let ignores = own.is_some_and(|own| own.ignores_client_abort);
        if ignores {
            self.cx.requests.get_mut(id).flags.set(Flags::KEPT);
        }
        ignores
    }

    /// The client of a request has gone, and no gateway goes on for it: the balancer that it came to lets go
    /// of it, and of its connection to the server.
    pub(super) fn is_let_go(&mut self, id: RequestId) {
        let is_inner = self.cx.requests.get(id).flags.has(Flags::INNER);
        let n_frames = self.cx.requests.n_frames(id) - usize::from(is_inner);
        for depth in (0..n_frames).rev() {
            let frame = *self.cx.requests.frame_at(id, depth);
            if frame.node == NodeId::NONE {
                return;
            }
            if is_gateway(&self.nodes, frame.node) {
                continue;
            }
            if let Some(own) = upstream(&mut self.nodes, frame.via) {
                own.is_left(id, &frame, &mut self.cx);
                self.cx.requests.frame_at(id, depth).via = NodeId::NONE;
            }
            return;
        }
    }

    /// True if a request that nobody waits for is what is left of a try at a server; told once.
    pub(super) fn is_part(&mut self, id: RequestId) -> bool {
        self.cx.requests.extra(id).is_part
            && std::mem::take(&mut self.cx.requests.extra_mut(id).is_part)
    }
}
