//! How requests get connections, wait for them, and give them back.

use super::arena::NOBODY;
use super::pool::PoolId;
use super::program::Op;
use super::request::{Flags, Frame, Request, RequestId};
use super::system::{database, pool};
use super::{Node, NodeId, Step, System};
use crate::engine::Timer;
use crate::metrics::Outcome;

impl System {
    /// A request gets a connection, waits for one, gives one back, or hears which server has one for it.
    #[inline(always)]
    pub(super) fn turns_to_pool(&mut self, id: RequestId, at: NodeId, op: Op) -> Step {
        match op {
            Op::Acquire(number) => {
                pool(&mut self.nodes, PoolId::new(at, number)).ask(id, &mut self.cx)
            }
            Op::Release(number) => {
                let own = pool(&mut self.nodes, PoolId::new(at, number));
                own.give_back(id, false, &mut self.cx);
                Step::Next
            }
            Op::Borrow(pooler) => self.borrows(id, at, pooler),
            Op::Repay(pooler) => {
                self.gives_back_to(id, at, pooler);
                Step::Next
            }
            Op::Choose {
                database: to,
                first,
                length,
            } => {
                let server = database(&mut self.nodes, to).choose(id, &mut self.cx);
                Step::Jump(first + server as u16 * length)
            }
            other => unreachable!("{other:?} has nothing to do with pools"),
        }
    }

    /// A request needs one of a pooler's connections: the one that its client holds already, or any.
    fn borrows(&mut self, id: RequestId, at: NodeId, pooler: NodeId) -> Step {
        let clients = self.cx.program.held(self.cx.requests.get(id).frame.pc);
        let session = clients.map_or(NOBODY, |number| {
            pool(&mut self.nodes, PoolId::new(at, number)).session_of(id)
        });
        match &mut self.nodes[pooler.index()] {
            Node::Pooler(own) => own.lends(id, session, &mut self.cx),
            _ => unreachable!("only a pooler lends connections"),
        }
    }

    /// A request needs a pooler's connection no more: it goes back, or stays with its client.
    fn gives_back_to(&mut self, id: RequestId, at: NodeId, pooler: NodeId) {
        let Node::Pooler(own) = &mut self.nodes[pooler.index()] else {
            unreachable!("only a pooler takes connections back");
        };
        let opened = own.is_repaid(id, &mut self.cx);
        let clients = self.cx.program.held(self.cx.requests.get(id).frame.pc);
        if let (Some(session), Some(number)) = (opened, clients) {
            pool(&mut self.nodes, PoolId::new(at, number)).keeps_session(id, session);
        }
    }

    /// The connection that a request has got was tried out first, and that is over. Out of line, with both kinds
    /// in one: [`System::resumes`] stays a chain of comparisons, where a table of jumps costs every event.
    #[inline(never)]
    pub(super) fn has_tested_connection(&mut self, id: RequestId, at: NodeId, op: Op) -> Step {
        let own = match op {
            Op::Acquire(number) => PoolId::new(at, number),
            Op::Borrow(pooler) => PoolId::new(pooler, 0),
            other => unreachable!("{other:?} gets no connection"),
        };
        pool(&mut self.nodes, own).is_tested(id, &mut self.cx);
        Step::Next
    }

    /// A request fails with a connection in hand.
    #[cold]
    pub(super) fn lets_go_of_connection(&mut self, id: RequestId, number: u16, outcome: Outcome) {
        let Frame { node, pc, .. } = self.cx.requests.get(id).frame;
        // A pooler disconnects the client that it lets wait in vain.
        let is_dropped = matches!(*self.cx.program.op(pc), Op::Borrow(_));
        let broken = outcome == Outcome::DatabaseReset;
        self.repays(id, broken, false);
        let own = pool(&mut self.nodes, PoolId::new(node, number));
        own.give_back(id, broken || is_dropped, &mut self.cx);
    }

    /// A request gives the pooler's connection back that it holds, if it does: in the middle of a query, its client
    /// being gone with it or not.
    #[cold]
    pub(super) fn repays(&mut self, id: RequestId, broken: bool, with_client: bool) {
        let pc = self.cx.requests.get(id).frame.pc;
        let pooler = self.cx.program.borrowed(pc);
        if pooler != NodeId::NONE
            && let Node::Pooler(own) = &mut self.nodes[pooler.index()]
        {
            own.is_cut_short(id, broken, with_client, &mut self.cx);
        }
    }

    /// A request that has been told to ask its pool again will not be missed.
    pub(super) fn forgets_line(&mut self, id: RequestId) {
        let Request { frame, flags, .. } = *self.cx.requests.get(id);
        if flags.has(Flags::IN_LINE)
            && flags.has(Flags::CALLED)
            && let Op::Acquire(number) = *self.cx.program.op(frame.pc)
        {
            pool(&mut self.nodes, PoolId::new(frame.node, number)).withdraw(id, &mut self.cx);
        }
    }

    /// A request asks its pool again.
    pub(super) fn asks_again(&mut self, id: RequestId) {
        let frame = self.cx.requests.get(id).frame;
        if frame.node == NodeId::NONE {
            return self.ends(id, Outcome::Killed);
        }
        if let Op::Acquire(number) = *self.cx.program.op(frame.pc) {
            let own = pool(&mut self.nodes, PoolId::new(frame.node, number));
            let step = own.ask_again(id, &mut self.cx);
            self.goes_on(id, step);
        }
    }

    /// Somebody's time in the line of a pool is up.
    pub(super) fn pool_wait_ends(&mut self, at: PoolId, timer: Timer) {
        let id = RequestId::from_index(timer.subject);
        let request = self.cx.requests.get(id);
        let waits_here = request.flags.has(Flags::IN_LINE)
            && match *self.cx.program.op(request.frame.pc) {
                Op::Acquire(own) => request.frame.node == at.owner && own == at.number,
                Op::Borrow(pooler) => pooler == at.owner,
                _ => false,
            };
        if pool(&mut self.nodes, at).times_out(timer, waits_here, &mut self.cx) {
            self.fails(id, Outcome::PoolTimeout);
        }
    }
}
