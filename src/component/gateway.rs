//! Gateways: components that a request passes through on its way to another.
//!
//! Where a gateway is entered, the request gets a frame there and executes three instructions, compiled for
//! each operation that is reached through it:
//!
//! ```text
//! Visit(gateway, Enter)   or Fetch: passes on (Next), delays (Blocked), answers by itself (Jump), turns away (Fail)
//! Pass { to, pc }         what is behind it does its part, in a frame above
//! End                     the answer goes back
//! ```
//!
//! As long as the frame is there, its `instance` is a number of the gateway's own, 0 at first: what it holds
//! for the request. Its `worker` says how the request was answered, which may have been by a gateway behind.
//! Whatever becomes of the request, the gateway hears of the end of each frame once (`let_go`), so that it
//! gives back what it holds. Requests that meet no gateway pay for none of this.

use super::program::{Op, Visit};
use super::request::{Flags, Frame, Request, RequestId};
use super::system::service;
use super::{Component as _, Context, Node, NodeId, System, Wake};
use crate::metrics::Outcome;

/// How a gateway takes the news that the client of a request has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientLeft {
    /// It passes them on: whoever works for the request may notice.
    PassedOn,
    /// It goes on by itself, as a cache does that wants the answer: nobody behind it notices.
    Kept,
}

impl Frame {
    /// How the request was answered here, in the frame of a gateway.
    pub fn answer(&self) -> Outcome {
        Outcome::ALL[self.worker as usize]
    }

    /// Says how the request was answered, in the frame of a gateway.
    pub fn set_answer(&mut self, outcome: Outcome) {
        self.worker = outcome.index() as u16;
    }
}

impl Context {
    /// A gateway answers a request that it has kept waiting at its [`Visit::Enter`], as soon as the present
    /// handler is through.
    pub fn answers(&mut self, id: RequestId, outcome: Outcome) {
        let frame = &mut self.requests.get_mut(id).frame;
        frame.set_answer(outcome);
        // Over the instruction that passes it on.
        frame.pc += 1;
        self.wake(id, Wake::GoOn);
    }
}

impl System {
    /// A request comes to a gateway, and goes on at once with the program that it has for it.
    #[cold]
    pub(super) fn comes_to_gateway(&mut self, id: RequestId, gateway: NodeId) {
        let now = self.cx.now();
        let frame = &mut self.cx.requests.get_mut(id).frame;
        (frame.node, frame.via, frame.instance) = (gateway, gateway, 0);
        frame.entered = now;
        frame.set_answer(Outcome::Served);
    }

    /// A gateway's part in a request is over: the answer goes to whoever is below. True if there is anybody.
    pub(super) fn leaves_gateway(&mut self, id: RequestId) -> bool {
        let frame = self.cx.requests.get(id).frame;
        let outcome = frame.answer();
        self.nodes[frame.node.index()].let_go(id, &frame, outcome, &mut self.cx);
        if !self.cx.requests.pop_frame(id) {
            self.ends(id, outcome);
            return false;
        }
        let below = &mut self.cx.requests.get_mut(id).frame;
        if below.node == NodeId::NONE {
            // The caller's instance was killed meanwhile.
            self.ends(id, Outcome::Killed);
            return false;
        }
        if is_gateway(&self.nodes, below.node) {
            below.set_answer(outcome);
        } else if !outcome.is_success() {
            // What a cache has kept may be an error, and is one to the service that asked.
            self.cx.wake(id, Wake::Fail(outcome));
            return false;
        }
        true
    }

    /// What a gateway has passed on has failed. True if it has an answer of its own, with which the request
    /// goes on.
    pub(super) fn is_rescued(&mut self, id: RequestId, outcome: Outcome) -> bool {
        let frame = self.cx.requests.get(id).frame;
        if !matches!(*self.cx.program.op(frame.pc), Op::Pass { .. }) {
            return false;
        }
        let answer = self.nodes[frame.node.index()].rescue(id, outcome, &mut self.cx);
        let Some(answer) = answer else {
            return false;
        };
        self.cx.requests.get_mut(id).frame.set_answer(answer);
        // Not from within the handler of the failure: whatever fails there must not recurse.
        self.cx.wake(id, Wake::GoOn);
        true
    }

    /// The client of a request has left. The gateways between it and the first service see its connection
    /// closed, one after the other; true if one of them goes on as if nothing had happened.
    pub(super) fn gateways_hear(&mut self, id: RequestId) -> bool {
        let is_inner = self.cx.requests.get(id).flags.has(Flags::INNER);
        let n_frames = self.cx.requests.n_frames(id) - usize::from(is_inner);
        for depth in (0..n_frames).rev() {
            let frame = *self.cx.requests.frame_at(id, depth);
            if frame.node == NodeId::NONE || !is_gateway(&self.nodes, frame.node) {
                return false;
            }
            let own = &mut self.nodes[frame.node.index()];
            let (left, held) = own.client_left(id, &frame, &mut self.cx);
            self.cx.requests.frame_at(id, depth).instance = held;
            if left == ClientLeft::Kept {
                self.cx.requests.get_mut(id).flags.set(Flags::KEPT);
                return true;
            }
        }
        false
    }

    /// Nobody waits any more for a request that is with a gateway: if it waits there, it goes.
    pub(super) fn is_left_at_gateway(&mut self, id: RequestId) {
        let Request { frame, .. } = *self.cx.requests.get(id);
        if let Op::Visit(node, Visit::Enter | Visit::Fetch(_)) = *self.cx.program.op(frame.pc)
            && self.nodes[node.index()].withdraw(id, &mut self.cx)
        {
            self.fails(id, Outcome::ClientTimeout);
        }
    }

    /// True if the client's own request comes to the present service, if only through gateways: not a call
    /// of another service.
    pub(super) fn is_clients_own(&self, id: RequestId) -> bool {
        let mut below = self.cx.requests.frames_below(id);
        below.all(|frame| frame.node != NodeId::NONE && is_gateway(&self.nodes, frame.node))
    }

    /// True if a gateway is directly below the present service.
    pub(super) fn is_behind_gateway(&self, id: RequestId) -> bool {
        let is_inner = self.cx.requests.get(id).flags.has(Flags::INNER);
        let mut below = self.cx.requests.frames_below(id);
        let next = below.next().map(|frame| frame.node);
        let is_base = below.next().is_none();
        !(is_inner && is_base)
            && next.is_some_and(|node| node != NodeId::NONE && is_gateway(&self.nodes, node))
    }

    /// A request leaves the component of `frame`, which is not its present one any more: a service, whose
    /// worker is handed on, or a gateway.
    pub(super) fn leaves(&mut self, id: RequestId, frame: &Frame, outcome: Outcome) {
        if is_gateway(&self.nodes, frame.node) {
            return self.nodes[frame.node.index()].let_go(id, frame, outcome, &mut self.cx);
        }
        self.leaves_instance(frame);
        self.is_done(id, frame);
    }

    /// A request leaves the instance of `frame`; whoever gets its worker is woken.
    pub(super) fn leaves_instance(&mut self, frame: &Frame) {
        if let Some(next) = service(&mut self.nodes, frame.node).leave(frame, &mut self.cx) {
            self.cx.wake(next, Wake::Begin);
        }
    }
}

/// True if requests have frames at this component, and it is no service.
pub(super) fn is_gateway(nodes: &[Node], at: NodeId) -> bool {
    !matches!(nodes[at.index()], Node::Service(_))
}
