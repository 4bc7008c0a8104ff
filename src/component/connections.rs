//! Connections that the requests of a source share: the one used last is taken first, a new one is opened where
//! none is idle.
//!
//! nginx does not read the next request from a connection before it is through with the last one, and a renewal
//! in the background is part of the request that set it going (`ngx_http_finalize_connection`: the main request is
//! still counted). So a client that was given an old answer at once may send its next request over a connection
//! on which nobody listens until the new answer is there.

use super::request::RequestId;
use super::{Context, System};
use crate::component::arena::NOBODY;
use crate::units::SimDuration;

/// One connection.
#[derive(Debug, Clone, Default)]
struct Connection {
    /// Work in the background that has to end before the next request is read.
    held: u32,
    /// The request that waits for that.
    waits: Option<RequestId>,
}

/// All connections that are shared, of all sources.
#[derive(Debug, Default)]
pub struct Connections {
    all: Vec<Connection>,
}

/// How long a request waits before it looks again whether its connection is held: it is told before.
const LONG: SimDuration = SimDuration::from_secs(3600);

impl Connections {
    /// Opens one; gives its number.
    pub fn opens(&mut self) -> u32 {
        self.all.push(Connection::default());
        (self.all.len() - 1) as u32
    }

    /// Something in the background keeps a connection, if it is one that is shared.
    pub fn holds(&mut self, connection: u32) {
        if let Some(own) = self.all.get_mut(connection as usize) {
            own.held += 1;
        }
    }

    fn is_held(&self, connection: u32) -> bool {
        let own = self.all.get(connection as usize);
        own.is_some_and(|own| own.held > 0)
    }
}

impl Context {
    /// What kept a connection is over: whoever waits for it goes on.
    pub fn lets_go(&mut self, connection: u32) {
        let Some(own) = self.connections.all.get_mut(connection as usize) else {
            return;
        };
        own.held -= 1;
        if own.held > 0 {
            return;
        }
        if let Some(id) = own.waits.take() {
            let slot = self.requests.get(id).slot();
            self.scheduler.cancel(slot);
            self.resume_after(SimDuration::ZERO, id);
        }
    }
}

impl System {
    /// A request takes a connection of its source, if these are shared.
    pub(super) fn takes_connection(&mut self, id: RequestId) {
        let flow = self.cx.requests.get(id).flow;
        let source = self.flows[flow as usize].source as usize;
        let Some(idle) = &mut self.sources[source].idle_connections else {
            return;
        };
        let own = idle.pop();
        let own = own.unwrap_or_else(|| self.cx.connections.opens());
        self.cx.requests.extra_mut(id).connection = own;
    }

    /// True if nobody reads from the connection of a request: it waits.
    pub(super) fn waits_for_connection(&mut self, id: RequestId) -> bool {
        let own = self.cx.requests.extra(id).connection;
        if own == NOBODY || !self.cx.connections.is_held(own) {
            return false;
        }
        self.cx.connections.all[own as usize].waits = Some(id);
        self.cx.resume_after(LONG, id);
        true
    }

    /// A request does not need its connection any more; the next one may have it. Where the client has given up
    /// it closes the connection, and may open another one.
    pub(super) fn frees_connection(&mut self, id: RequestId, gives_up: bool) {
        let own = self.cx.requests.extra(id).connection;
        if own == NOBODY {
            return;
        }
        self.cx.requests.extra_mut(id).connection = NOBODY;
        let connection = &mut self.cx.connections.all[own as usize];
        connection.waits = connection.waits.filter(|waits| *waits != id);
        if gives_up && connection.held > 0 {
            return;
        }
        let flow = self.cx.requests.get(id).flow;
        let source = self.flows[flow as usize].source as usize;
        if let Some(idle) = &mut self.sources[source].idle_connections {
            idle.push(own);
        }
    }
}
