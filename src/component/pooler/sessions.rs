//! Pooling by session: a client gets a connection to the database with its first query, and holds it until it
//! disconnects.

use crate::component::arena::{Arena, NOBODY};
use crate::component::request::RequestId;
use crate::policy::pool::Connection;

/// What a client holds.
#[derive(Debug, Clone, Copy)]
struct Session {
    connection: Connection,
    /// The database has closed it; the client hears of that when it uses it next.
    is_broken: bool,
}

/// The sessions of a pooler.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: Arena<Session>,
    /// By request that is at the database: the session of its client; none while that has its first query.
    of: Vec<u32>,
    /// Requests at the database whose clients have sessions.
    n_at_work: u64,
}

/// What a query of a client finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Its client has no connection yet.
    First,
    /// Its client's connection.
    Own,
    /// Its client's connection, which the database has closed.
    Broken,
}

impl Sessions {
    /// A query of a client with this session comes; [`NOBODY`] stands for none.
    pub(super) fn begins(&mut self, id: RequestId, session: u32) -> Found {
        let at = id.index() as usize;
        if at >= self.of.len() {
            self.of.resize((at + 1).next_power_of_two(), NOBODY);
        }
        let found = self.all.get(session).filter(|_| session != NOBODY);
        let is_broken = found.map(|own| own.is_broken);
        self.of[at] = NOBODY;
        match is_broken {
            None => Found::First,
            Some(true) => Found::Broken,
            Some(false) => {
                self.of[at] = session;
                self.n_at_work += 1;
                Found::Own
            }
        }
    }

    /// A query is over: the session of its client, if that had one.
    pub(super) fn ends(&mut self, id: RequestId) -> Option<u32> {
        let own = self.of.get_mut(id.index() as usize)?;
        let session = std::mem::replace(own, NOBODY);
        self.n_at_work -= u64::from(session != NOBODY);
        (session != NOBODY).then_some(session)
    }

    /// A client keeps the connection that it got for its first query.
    pub(super) fn opens(&mut self, connection: Connection) -> u32 {
        self.all.add(Session {
            connection,
            is_broken: false,
        })
    }

    /// What a client did with its connection has broken it.
    pub(super) fn breaks(&mut self, session: u32) {
        if let Some(own) = self.all.get_mut(session) {
            own.is_broken = true;
        }
    }

    /// The database has closed all connections.
    pub(super) fn break_all(&mut self) {
        let all: Vec<u32> = self.all.iter().map(|(at, _)| at).collect();
        for session in all {
            self.breaks(session);
        }
    }

    /// A client has disconnected: its connection, and whether that is broken.
    pub(super) fn closes(&mut self, session: u32) -> Option<(Connection, bool)> {
        let own = self.all.remove(session)?;
        Some((own.connection, own.is_broken))
    }

    /// Connections that clients hold who have no query at the database.
    pub(super) fn n_at_rest(&self) -> u64 {
        self.all.len() as u64 - self.n_at_work
    }
}
