//! Components: the vertices of a system, the requests that move among them, and [`System`], the model
//! that the engine runs.
//!
//! One file (or folder) per kind. To add one: write its file (the table that describes it, its plan, its
//! state, what it does when visited, what it reports, how it is audited) and add its line to the list
//! below.
//!
//! A **service** has instances with workers, and executes operations; everything else a request merely
//! visits or passes. What a request does is compiled into a [`program`]; `flow` executes it and is the
//! only place that moves a request from one component to another. A component is given itself and a
//! [`Context`]; it never sees another component.

pub mod arena;
mod attempts;
pub mod balancer;
mod bill;
pub mod cache;
pub mod caller;
pub mod cdn;
mod checks;
mod clients;
pub mod connections;
mod context;
pub mod cpu;
mod crowd;
pub mod database;
mod departure;
pub mod dependency;
mod dispatch;
pub mod errand;
mod fetch;
mod flow;
pub mod gateway;
mod handshake;
mod happenings;
pub mod http_cache;
mod jobs;
mod lanes;
mod lending;
mod lifecycle;
mod misses;
mod patience;
pub mod pool;
pub mod pooler;
pub mod program;
pub mod queue;
pub mod rate_limiter;
pub mod recorded;
pub mod request;
mod resource;
mod rounds;
pub mod service;
pub mod source;
mod system;
mod tally;
pub mod timeline;
mod user;
mod walk;
pub mod work;

pub use bill::{Bill, Charge};
pub use context::{Context, Notice, Wake};
pub use resource::{Gauge, Kept, Resource};
pub use system::{Blueprint, Flow, System};
pub use tally::Tally;

use crate::metrics::Outcome;
use gateway::ClientLeft;
use program::Visit;
use request::{Frame, RequestId};

/// Which component, by its position in the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(u16);

impl NodeId {
    /// No component.
    pub const NONE: Self = Self(u16::MAX);

    /// The component at this position; a scenario has fewer than 65,535.
    pub const fn new(position: usize) -> Self {
        Self(position as u16)
    }

    /// The position.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What the event queue carries. New kinds of components do not touch it: they have signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// What a request was blocked on is over.
    Resume(RequestId),
    /// Something that a component scheduled for itself: whose, and the parts of the [`Signal`].
    Signal(NodeId, u8, u32),
    /// A retry or a copy of an errand comes due.
    Errand(u32),
    /// The client of an errand loses patience.
    Patience(u32),
    /// A user's pause is over.
    User(u32),
    /// A user has had its time to finish.
    StopUser(u32),
    /// Something that a source scheduled for itself.
    Source(u16, u8),
    /// A request has waited for a worker as long as it may.
    QueueTimeout(RequestId),
    /// Something is done to a component, or happens to it: the position in the timeline.
    Act(u32),
    /// A window of the recorder ends.
    CloseWindow,
    /// Never happens: fills empty slots of the queue.
    Nothing,
}

const _: () = assert!(size_of::<Event>() == 8, "events are small");

/// A component's own event: what, and about which of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// What happens, in the component's own numbering.
    pub code: u8,
    /// Whom it concerns: an instance, a line.
    pub part: u32,
}

/// How a request goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// At once, with the next instruction.
    Next,
    /// At once, at another place of the program.
    Jump(u16),
    /// Not before something wakes it.
    Blocked,
    /// Not at all: its operation fails.
    Fail(Outcome),
}

/// What every component can do. Most kinds do few of these.
pub trait Component {
    /// The run begins: instances are there, controllers set their clocks.
    fn start(&mut self, _cx: &mut Context) {}

    /// Its own signal.
    fn signal(&mut self, signal: Signal, _cx: &mut Context) {
        unreachable!("this component sets no signals, but got {signal:?}")
    }

    /// A request visits.
    fn visit(&mut self, _id: RequestId, visit: Visit, _cx: &mut Context) -> Step {
        unreachable!("no request visits this component, but one came to {visit:?}")
    }

    /// A visiting request that was resumed by an event of its own.
    fn resume(&mut self, _id: RequestId, visit: Visit, _cx: &mut Context) -> Step {
        unreachable!("no visit of this component blocks, but {visit:?} did")
    }

    /// A visiting request will not be missed. If it only stands in line it is let go of: true, and it
    /// can be dropped. Otherwise work for it goes on, and it must stay until it is resumed.
    fn withdraw(&mut self, _id: RequestId, _cx: &mut Context) -> bool {
        false
    }

    /// A gateway's part in a request is over, and has ended so: it gives back what it holds. `frame` is the
    /// request's at the gateway.
    fn let_go(&mut self, _id: RequestId, frame: &Frame, _outcome: Outcome, _cx: &mut Context) {
        unreachable!("no request has a frame at this component, but one has {frame:?}")
    }

    /// What a gateway has passed on has failed; it may have an answer of its own.
    fn rescue(&mut self, _id: RequestId, _outcome: Outcome, _cx: &mut Context) -> Option<Outcome> {
        None
    }

    /// The client of a request that is in, or behind, a gateway has left. Says what the gateway does, and
    /// what it still holds for the request.
    fn client_left(
        &mut self,
        _id: RequestId,
        frame: &Frame,
        _cx: &mut Context,
    ) -> (ClientLeft, u32) {
        (ClientLeft::PassedOn, frame.instance)
    }

    /// A window of the recorder is about to end: what is read off then is read now.
    fn window_ends(&mut self, _cx: &mut Context) {}

    /// What it has that can run out, and how much of that was used.
    fn resources(&self) -> Vec<Resource> {
        Vec::new()
    }

    /// Other figures it keeps.
    fn gauges(&self) -> Vec<Gauge> {
        Vec::new()
    }

    /// What is paid for it.
    fn bills(&self) -> Vec<Bill> {
        Vec::new()
    }

    /// The databases that it holds connections to, and how many.
    fn holds_connections(&self) -> Vec<(NodeId, u64)> {
        Vec::new()
    }

    /// Compares its books with what the requests in flight say.
    ///
    /// # Panics
    /// If they differ: something was lost or held twice.
    fn audit(&self, _own: NodeId, _seen: &Tally, _cx: &Context) {}
}

macro_rules! components {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $word:literal ),* $(,)?) => {
        crate::kinds! {
            /// What a system is made of.
            pub enum ComponentSpec {
                $( $(#[doc = $doc])* $variant($module::$variant) = $word ),*
            }
        }

        /// A component with every name resolved, ready to be built.
        #[derive(Debug, Clone)]
        #[expect(clippy::large_enum_variant, reason = "there is one for each component")]
        pub enum Plan {
            $( $(#[doc = $doc])* $variant($module::Plan), )*
        }

        /// A component at work.
        #[derive(Debug)]
        #[allow(
            clippy::allow_attributes,
            clippy::large_enum_variant,
            reason = "a box would cost a look per visit"
        )]
        pub enum Node {
            $( $(#[doc = $doc])* $variant($module::State), )*
        }

        impl Plan {
            /// Builds the component for one replication.
            pub fn build(&self, own: NodeId, streams: crate::rng::Streams, cx: &mut Context) -> Node {
                match self {
                    $( Self::$variant(plan) => Node::$variant($module::State::new(plan, own, streams, cx)), )*
                }
            }

            /// Says why a component that runs cannot take over the settings of `other`, which is of its kind.
            pub fn can_become(&self, other: &Self) -> Result<(), String> {
                match (self, other) {
                    (Self::Service(own), Self::Service(other)) => own.can_become(other),
                    (Self::RateLimiter(own), Self::RateLimiter(other)) => own.can_become(other),
                    (Self::Dependency(own), Self::Dependency(other)) => own.can_become(other),
                    (Self::Cache(own), Self::Cache(other)) => own.can_become(other),
                    _ => Ok(()),
                }
            }

            /// What kind of component it is.
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => $word, )* }
            }

            /// The component's name in the scenario.
            pub fn name(&self) -> &str {
                match self { $( Self::$variant(plan) => &plan.name, )* }
            }
        }

        impl Component for Node {
            fn start(&mut self, cx: &mut Context) {
                match self { $( Self::$variant(state) => state.start(cx), )* }
            }
            #[inline]
            fn signal(&mut self, signal: Signal, cx: &mut Context) {
                match self { $( Self::$variant(state) => state.signal(signal, cx), )* }
            }
            #[inline]
            fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
                match self { $( Self::$variant(state) => state.visit(id, visit, cx), )* }
            }
            #[inline]
            fn resume(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
                match self { $( Self::$variant(state) => state.resume(id, visit, cx), )* }
            }
            fn withdraw(&mut self, id: RequestId, cx: &mut Context) -> bool {
                match self { $( Self::$variant(state) => state.withdraw(id, cx), )* }
            }
            fn let_go(&mut self, id: RequestId, frame: &Frame, outcome: Outcome, cx: &mut Context) {
                match self { $( Self::$variant(state) => state.let_go(id, frame, outcome, cx), )* }
            }
            fn rescue(&mut self, id: RequestId, outcome: Outcome, cx: &mut Context) -> Option<Outcome> {
                match self { $( Self::$variant(state) => state.rescue(id, outcome, cx), )* }
            }
            fn client_left(&mut self, id: RequestId, frame: &Frame, cx: &mut Context) -> (ClientLeft, u32) {
                match self { $( Self::$variant(state) => state.client_left(id, frame, cx), )* }
            }
            fn window_ends(&mut self, cx: &mut Context) {
                match self { $( Self::$variant(state) => state.window_ends(cx), )* }
            }
            fn resources(&self) -> Vec<Resource> {
                match self { $( Self::$variant(state) => state.resources(), )* }
            }
            fn gauges(&self) -> Vec<Gauge> {
                match self { $( Self::$variant(state) => state.gauges(), )* }
            }
            fn bills(&self) -> Vec<Bill> {
                match self { $( Self::$variant(state) => state.bills(), )* }
            }
            fn holds_connections(&self) -> Vec<(NodeId, u64)> {
                match self { $( Self::$variant(state) => state.holds_connections(), )* }
            }
            fn audit(&self, own: NodeId, seen: &Tally, cx: &Context) {
                match self { $( Self::$variant(state) => state.audit(own, seen, cx), )* }
            }
        }
    };
}

components! {
    /// Spreads requests over the instances of a service.
    Balancer: balancer = "balancer",
    /// Limits how many requests pass: a gateway.
    RateLimiter: rate_limiter = "rate_limiter",
    /// A cache in front of a balancer or a service, by the rules of nginx's `proxy_cache`: a gateway.
    HttpCache: http_cache = "http_cache",
    /// A content delivery network, with a cache in each of its edges: a gateway.
    Cdn: cdn = "cdn",
    /// A group of instances that execute operations.
    Service: service = "service",
    /// A database: cores shared by the queries that run, and a cap on connections.
    Database: database = "database",
    /// A pooler between services and a database: many clients share few connections.
    Pooler: pooler = "pooler",
    /// A cache, in each instance or shared: of real keys, or, with `mode = "ratio"`, of their hit ratio alone.
    Cache: cache = "cache",
    /// Something outside, known only by its latency and its limits.
    Dependency: dependency = "dependency",
    /// A queue of background jobs: services publish messages, and the workers of others take them.
    Queue: queue = "queue",
}
