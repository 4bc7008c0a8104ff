//! Pools that lead to a pooler which keeps a connection for each of theirs, and the pooler's own.

use super::state::Pool;
use crate::component::request::RequestId;
use crate::component::{Context, Notice};
use crate::policy::pool::Connection;

impl Pool {
    /// Closed connections free what a pooler kept for them.
    pub(super) fn ends_sessions(&mut self, at: usize, cx: &mut Context) {
        while let Some(session) = self.units[at].take_session() {
            cx.notices.push_back(Notice::SessionEnds {
                pooler: self.plan.to,
                session,
            });
        }
    }

    /// The session that a pooler keeps for the connection that a request holds.
    pub(in crate::component) fn session_of(&self, id: RequestId) -> u32 {
        let held = self.held.get(id.index() as usize);
        held.map_or(Connection::NOTHING, |own| own.session)
    }

    /// A pooler keeps a session for the connection that a request holds.
    pub(in crate::component) fn keeps_session(&mut self, id: RequestId, session: u32) {
        if let Some(held) = self.held.get_mut(id.index() as usize) {
            held.session = session;
        }
    }

    /// A request has what it needs already.
    pub(in crate::component) fn needs_no_wait(&self, cx: &mut Context) {
        cx.recorder.no_wait(self.wait);
    }

    /// The connection that a request got stays with its client.
    pub(in crate::component) fn leaves_with_client(&self, id: RequestId) -> Connection {
        let held = self.held.get(id.index() as usize).filter(|_| self.tracks);
        held.copied().unwrap_or(Connection::ANY)
    }

    /// A connection that stayed with a client comes back.
    pub(in crate::component) fn comes_back(
        &mut self,
        connection: Connection,
        broken: bool,
        cx: &mut Context,
    ) {
        self.takes_back(0, connection, broken, cx);
    }
}
