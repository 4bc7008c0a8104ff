//! A pool: a bounded set of connections to a database, with its own waiting line.
//!
//! A request takes an idle connection, else opens one while there are fewer than `max`, else waits in line.
//! Which idle one, who opens, how long who waits, when connections are closed and tested is said by the
//! pool's [rules](crate::policy::pool::Rules); what real software does is a preset of these, to be named by
//! `model`.
//!
//! Opening a connection takes the network's round trips (`connect`), and then work on the database (its
//! `connect_cost`), which may refuse it. Whoever opened a connection waits for that one, even if another
//! becomes free meanwhile.
//!
//! To add a pool of real software: write its file in `presets/` and add its line to the list below.

mod books;
mod opening;
mod revise;
mod sessions;
mod state;

pub(super) use state::{FIRST_SIGNAL, Pool, is_in_line};

use super::NodeId;
use super::cache::Scope;
use super::program::Demand;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::policy::pool::{
    Breaks, ByRequest, Covers, Expires, NoTest, Opens, Order, Rules, Test, WhenFull,
};
use crate::presets;
use crate::spec;
use crate::spec::{At, Count, Preset};
use crate::units::{Fraction, SimDuration};

/// Pools of real software.
pub const PRESETS: &[Preset] = presets! {
    "node_postgres": "presets/node_postgres.toml",
    "sqlalchemy": "presets/sqlalchemy.toml",
    "hikari": "presets/hikari.toml",
    "redis_py": "presets/redis_py.toml",
};

spec! {
    /// A bounded set of connections to a database.
    pub struct PoolSpec {
        /// The software whose settings it has; keys that are given replace them.
        pub model: Option<At<String>>,
        /// The database.
        pub to: At<String>,
        /// Who has a pool: each `instance`, or each `worker` of an event loop.
        pub per: At<Scope> = At::built_in(Scope::Instance),
        /// Idle connections up to this number are not closed for being idle. Where `eager`, they are also
        /// opened when an instance comes up.
        pub min: At<u32> = At::built_in(0),
        /// Whether `min` connections are opened when an instance comes up. At the beginning of a run they are
        /// there.
        pub eager: At<bool> = At::built_in(true),
        /// The most connections it holds, `overflow` left out; also the most that stay idle.
        pub max: At<Count>,
        /// Connections that it may open beyond `max`. Whichever is given back when `max` are idle is closed.
        pub overflow: At<u32> = At::built_in(0),
        /// Which of several idle connections is taken.
        pub order: At<Order> = At::built_in(Order::Lifo),
        /// Who opens connections.
        pub opens: Opens = Opens::ByRequest(ByRequest {}),
        /// What becomes of a request for which there is no connection.
        pub when_full: At<WhenFull> = At::built_in(WhenFull::Wait),
        /// How long a request waits for a connection before it fails; for ever unless given.
        pub timeout: Option<At<SimDuration>>,
        /// What the timeout covers.
        pub timeout_covers: At<Covers> = At::built_in(Covers::Wait),
        /// Whether a request that comes at the right moment gets ahead of those in line: a connection that is
        /// given back becomes idle, and the first in line is woken, which may find that another was faster.
        pub barging: At<bool> = At::built_in(false),
        /// Whether somebody in line opens a connection as soon as one is closed; else it does not hear of it
        /// before its time to wait is over.
        pub wakes_after_close: At<bool> = At::built_in(true),
        /// How long the network takes to open a connection: 3 to 7 round trips to PostgreSQL, more with TLS.
        /// The work on the database comes on top (its `connect_cost`).
        pub connect: Option<Law>,
        /// A round trip to the database: what each query takes on the network, and each test of a connection.
        /// A connection is refused after two.
        pub round_trip: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How long a connection beyond `min` may stay idle before it is closed; for ever unless given.
        pub idle_timeout: Option<At<SimDuration>>,
        /// Idle connections are closed at multiples of this time only; at any time unless given.
        pub housekeeping: Option<At<SimDuration>>,
        /// How old a connection may become; any age unless given.
        pub max_age: Option<At<SimDuration>>,
        /// By up to which part of it the age limit of a connection is shorter, at random.
        pub max_age_variance: At<Fraction> = At::built_in(Fraction::ZERO),
        /// When it is noticed that a connection is too old.
        pub expires: At<Expires> = At::built_in(Expires::OnReturn),
        /// How often a connection is used before it is closed; any number of times unless given.
        pub max_uses: Option<At<Count>>,
        /// Whether a connection is tested before it is used.
        pub test: Test = Test::None(NoTest {}),
        /// When it is noticed that the database has closed an idle connection.
        pub breaks: At<Breaks> = At::built_in(Breaks::Seen),
    }
    presets(PRESETS)
    check(Self::check)
}

impl PoolSpec {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.min.value > self.max.get() {
            out.push(
                Diagnostic::error(self.max.origin, "pool maximum is below its minimum")
                    .label(format!("maximum is {}", self.max.value))
                    .related(self.min.origin, format!("minimum is {}", self.min.value)),
            );
        }
        if self.per.value == Scope::Shared {
            out.push(
                Diagnostic::error(self.per.origin, "a pool cannot be shared by all instances")
                    .label("expected `instance` or `worker`"),
            );
        }
        let limits = [self.max_age, self.housekeeping];
        for limit in limits.into_iter().flatten() {
            if limit.value == SimDuration::ZERO {
                let problem = "this must be longer than 0";
                out.push(Diagnostic::error(limit.origin, problem));
            }
        }
        if let Some(timeout) = self
            .timeout
            .filter(|_| self.when_full.value == WhenFull::Fail)
        {
            let problem = "nobody waits in line for this pool";
            out.push(
                Diagnostic::error(timeout.origin, problem)
                    .related(self.when_full.origin, "whoever finds it full fails at once")
                    .help("leave the timeout out, or set when_full = \"wait\""),
            );
        }
    }

    /// How it goes about it.
    pub fn rules(&self) -> Rules {
        Rules {
            min: self.min.value,
            max: self.max.get(),
            overflow: self.overflow.value,
            order: self.order.value,
            opens: self.opens.clone(),
            idle_timeout: self.idle_timeout.map(|own| own.value),
            housekeeping: self.housekeeping.map(|own| own.value),
            expires: self.expires.value,
            max_uses: self.max_uses.map_or(u32::MAX, |own| own.get()),
            test: self.test.clone(),
            barging: self.barging.value,
            wakes_after_close: self.wakes_after_close.value,
            when_full: self.when_full.value,
            fails_fast: false,
            breaks: self.breaks.value,
        }
    }
}

/// A pool with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The database.
    pub to: NodeId,
    /// Who has one.
    pub per: Scope,
    /// How it goes about it.
    pub rules: Rules,
    /// Whether `min` connections are opened ahead.
    pub eager: bool,
    /// How long a request waits.
    pub timeout: Option<SimDuration>,
    /// What the timeout covers.
    pub covers: Covers,
    /// How long the network takes to open one.
    pub connect: Option<Demand>,
    /// A round trip to the database.
    pub round_trip: SimDuration,
    /// How old a connection may become.
    pub max_age: Option<SimDuration>,
    /// By up to which part of it less.
    pub max_age_variance: Fraction,
    /// Whether it leads to a pooler that keeps a connection for each of its own.
    pub by_session: bool,
}

/// Which pool: whose, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolId {
    /// The component that has it.
    pub owner: NodeId,
    /// Its number among the pools of that component.
    pub number: u16,
}

impl PoolId {
    /// The pool with this number of a component.
    pub const fn new(owner: NodeId, number: u16) -> Self {
        Self { owner, number }
    }
}
