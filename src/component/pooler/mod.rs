//! A pooler between the pools of services and a database: many clients share few connections.
//!
//! A client connection costs the pooler little and the database nothing. A query is passed on by the
//! pooler's single thread, waits for one of the pooler's own connections, holds it for as long as it takes
//! (a transaction of one query), and gives it back. Pooling by session, a client keeps the connection that it got
//! for its first query until it disconnects: then there can be no more clients who query than connections.

mod sessions;
mod state;

pub use state::State;

use super::NodeId;
use super::pool;
use super::program::Demand;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::dist::constant::Constant;
use crate::policy::pool::{
    Background, Breaks, Expires, NoTest, Opens, Order, Rules, Test, WhenFull,
};
use crate::presets;
use crate::spec;
use crate::spec::{At, Count, Preset};
use crate::units::SimDuration;
use crate::words;

words! {
    /// For how long a client of a pooler has a connection to the database.
    pub enum Pooling {
        /// For a transaction, which is one query here; a statement is the same.
        Transaction = "transaction",
        /// From its first query until it disconnects. Pools whose connections stay open keep all of the pooler's.
        Session = "session",
    }
}

/// Poolers of real software.
pub const PRESETS: &[Preset] = presets! {
    "pgbouncer": "presets/pgbouncer.toml",
};

spec! {
    /// A pooler between the pools of services and a database: many clients share few connections. A query
    /// goes to the pooler (`query = "bouncer"`), over a pool that leads to it.
    pub struct Pooler {
        /// The software whose settings it has; keys that are given replace them.
        pub model: Option<At<String>>,
        /// The database.
        pub to: At<String>,
        /// How many connections to the database it holds at most.
        pub size: At<Count>,
        /// For how long a client has a connection to the database.
        pub pooling: At<Pooling> = At::built_in(Pooling::Transaction),
        /// How many clients may be connected; no limit unless given.
        pub max_connections: Option<At<Count>>,
        /// What a query costs its single thread.
        pub time: Law = Law::Constant(Constant(At::built_in(SimDuration::ZERO))),
        /// What a new client costs it.
        pub connect_cost: Option<Law>,
        /// How long a query waits for a connection before it fails and its client is disconnected.
        pub timeout: Option<At<SimDuration>>,
        /// How long the network takes to open a connection to the database.
        pub connect: Option<Law>,
        /// A round trip to the database.
        pub round_trip: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How long a connection may stay idle; for ever unless given.
        pub idle_timeout: Option<At<SimDuration>>,
        /// How old a connection may become; any age unless given.
        pub max_age: Option<At<SimDuration>>,
        /// How long it waits after a connection could not be opened.
        pub retry: At<SimDuration> = At::built_in(SimDuration::from_secs(15)),
        /// Whether a query fails at once, and its client is disconnected, while none of the pooler's connections is
        /// open and the last attempt to open one has failed; those that wait already go on waiting. Else it waits, too.
        pub fails_fast: bool = false,
    }
    presets(PRESETS)
    check(Self::check)
}

impl Pooler {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let positive = [self.max_age, Some(self.retry)];
        for own in positive.into_iter().flatten() {
            if own.value == SimDuration::ZERO {
                out.push(Diagnostic::error(own.origin, "this must be longer than 0"));
            }
        }
    }

    /// How it goes about its own connections.
    pub fn rules(&self) -> Rules {
        Rules {
            min: 0,
            max: self.size.get(),
            overflow: 0,
            order: Order::Lifo,
            opens: Opens::Background(Background {
                gap: At::built_in(SimDuration::ZERO),
                retry_from: self.retry,
                retry_to: self.retry,
            }),
            idle_timeout: self.idle_timeout.map(|own| own.value),
            housekeeping: None,
            expires: Expires::WhenIdle,
            max_uses: u32::MAX,
            test: Test::None(NoTest {}),
            barging: false,
            wakes_after_close: true,
            when_full: WhenFull::Wait,
            fails_fast: self.fails_fast,
            breaks: Breaks::Seen,
        }
    }
}

/// A pooler with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// For how long a client has one of its connections.
    pub pooling: Pooling,
    /// Its own connections.
    pub pool: pool::Plan,
    /// How many clients may be connected.
    pub max_connections: Option<u32>,
    /// What a new client costs it.
    pub connect_cost: Option<Demand>,
}

impl Plan {
    /// The database.
    pub fn to(&self) -> NodeId {
        self.pool.to
    }
}
