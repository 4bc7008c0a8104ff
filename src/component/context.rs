//! What every component is given when something happens to it.

use std::collections::VecDeque;

use super::connections::Connections;
use super::pool::PoolId;
use super::program::Program;
use super::request::{Flags, Line, RequestId, Requests};
use super::{Event, NodeId};
use crate::engine::{Class, Scheduler, Slot};
use crate::metrics::{LevelId, Outcome, Recorder};
use crate::units::{SimDuration, SimTime};

/// How a request goes on when it is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// A worker takes it up: it begins with the instruction it is at.
    Begin,
    /// The instruction it is at is over.
    GoOn,
    /// It asks its pool again for a connection.
    Again,
    /// The instruction it is at has failed.
    Fail(Outcome),
    /// Its balancer picks another server for it.
    Dispatch,
}

/// What a component tells the system about its instances; balancers in front of it are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// An instance is in service.
    Joined {
        /// The service.
        service: NodeId,
        /// Its instance.
        instance: u32,
    },
    /// An instance gets no more requests.
    Left {
        /// The service.
        service: NodeId,
        /// Its instance.
        instance: u32,
    },
    /// An instance must stop now; requests are still in it.
    Killed {
        /// The service.
        service: NodeId,
        /// Its instance.
        instance: u32,
    },
    /// A process of an instance has ended; requests may still be in it.
    ProcessKilled {
        /// The service.
        service: NodeId,
        /// Its instance.
        instance: u32,
        /// Its process.
        worker: u16,
    },
    /// An instance has stopped.
    Stopped {
        /// The service.
        service: NodeId,
        /// Its instance.
        instance: u32,
    },
    /// A queue has messages, or room at a consumer.
    Deliver {
        /// The queue.
        queue: NodeId,
    },
    /// A balancer is to check a server.
    Check {
        /// The balancer.
        balancer: NodeId,
        /// Its number for who checks whom.
        part: u32,
    },
    /// A balancer has waited for the answer to a check as long as it does.
    CheckIsLate {
        /// The balancer.
        balancer: NodeId,
        /// Its number for who checks whom.
        part: u32,
    },
    /// A server was taken out so long ago that its balancer closes the connections to it.
    CutOff {
        /// The balancer.
        balancer: NodeId,
        /// Its number for the server.
        part: u32,
    },
    /// There is more of something than the run can hold.
    Overloaded,
    /// A pool has closed connections.
    Closed {
        /// The database.
        database: NodeId,
        /// How many.
        n: u32,
    },
    /// A connection has been closed for which a pooler kept one of its own.
    SessionEnds {
        /// The pooler.
        pooler: NodeId,
        /// Its number for the session.
        session: u32,
    },
    /// A database has closed every connection.
    Broke {
        /// The database.
        database: NodeId,
    },
    /// A pool begins to open a connection.
    Opens {
        /// The pool.
        pool: PoolId,
        /// Its number for it.
        opening: u32,
    },
    /// A connection that is being opened has got as far as the database.
    Reaches {
        /// The pool.
        pool: PoolId,
        /// Its number for it.
        opening: u32,
    },
    /// The database has done its work for a connection that is being opened.
    LoggedIn {
        /// The pool.
        pool: PoolId,
        /// Its number for it.
        opening: u32,
    },
    /// The database does not go on with a connection that is being opened.
    LoginFailed {
        /// The pool.
        pool: PoolId,
        /// Its number for it.
        opening: u32,
        /// Why.
        outcome: Outcome,
    },
}

/// The clock, the requests, the recorder, the program; and the two ways to tell the system something.
#[derive(Debug)]
pub struct Context {
    /// The clock and what lies ahead.
    pub scheduler: Scheduler<Event>,
    /// The requests in flight.
    pub requests: Requests,
    /// What is recorded.
    pub recorder: Recorder,
    /// What requests execute.
    pub program: Program,
    /// Connections that requests of a source share.
    pub connections: Connections,
    /// Requests to go on as soon as the present handler is through, in this order.
    pub woken: VecDeque<(RequestId, Wake)>,
    /// News about instances, dealt with as soon as the present handler is through.
    pub notices: VecDeque<Notice>,
}

impl Context {
    /// Fewer places are there than somebody had before: those that are used no more go, down to `most`.
    pub(super) fn takes_places_away(&mut self, capacity: LevelId, used: LevelId, most: u64) {
        let (now, there) = (self.now(), self.recorder.level_now(capacity));
        if there > most {
            let used = self.recorder.level_now(used);
            let left = most.max(used).min(there);
            self.recorder.level(capacity).set(now, left);
        }
    }

    /// The present instant.
    #[inline]
    pub fn now(&self) -> SimTime {
        self.scheduler.now()
    }

    /// The request resumes after `span`.
    #[inline(always)]
    pub fn resume_after(&mut self, span: SimDuration, id: RequestId) {
        let slot = self
            .scheduler
            .after(span, Class::Completion, Event::Resume(id));
        self.requests.get_mut(id).set_slot(slot);
    }

    /// A component's own event after `span`.
    pub fn signal_after(&mut self, span: SimDuration, class: Class, signal: Event) -> Slot {
        self.scheduler.after(span, class, signal)
    }

    /// A request that waits in a line leaves it, wherever it stands, and the level of those who wait sinks; false if
    /// it does not wait.
    pub fn leaves_line(&mut self, id: RequestId, line: &mut Line, waiting: LevelId) -> bool {
        let flags = &mut self.requests.get_mut(id).flags;
        if !flags.has(Flags::IN_LINE) {
            return false;
        }
        flags.clear(Flags::IN_LINE);
        line.remove(&mut self.requests, id);
        let now = self.now();
        self.recorder.level(waiting).down(now, 1);
        true
    }

    /// The request goes on once the present handler is through.
    #[inline]
    pub fn wake(&mut self, id: RequestId, how: Wake) {
        self.woken.push_back((id, how));
    }
}
