//! A database: cores shared by the queries that run, a volume, and a cap on connections.
//!
//! Each connection has a process of its own on the server, so the queries that run at a time share the
//! cores (see [`cpu`](super::cpu)); there is no queue in front of them. With `scaling` they also slow one
//! another down, so that too many at a time do less than fewer would. What bounds their number is the
//! connections: those that pools hold open, and one for each query that comes without a pool. Beyond
//! `max_connections` a new one is refused, as PostgreSQL does ("too many clients already").
//!
//! A query works on the cores, and then waits for the volume, if it reads what is not in memory (`storage`);
//! a write waits for the flush that makes it durable, which it shares with the others that commit
//! meanwhile. A query that says which `row` it changes has that row to itself from its begin to its commit, and
//! waits for it first where somebody else has it. What is planned (`maintenance`) breaks every connection, refuses new ones while it lasts, and
//! leaves a cold cache behind.

mod disk;
mod locks;
mod operations;
mod outage;
mod replicas;
mod state;
mod storage;

pub use operations::{Cold, Maintenance, Planned};
pub use replicas::Replicas;
pub use state::State;
pub use storage::{Plan as StoragePlan, Storage, VolumeSpec};

use super::Context;
use super::cpu::Slowdown;
use super::program::{Demand, Op, Visit};
use super::request::RequestId;
use crate::component::work::Work;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::policy::replication;
use crate::policy::server::credits::Terms;
use crate::presets;
use crate::spec::{At, Count, Preset, number_text};
use crate::units::{CostPerHour, Fraction, SimDuration};
use crate::{spec, words};

/// Databases of real software.
pub const PRESETS: &[Preset] = presets! {
    "postgres": "presets/postgres.toml",
};

spec! {
    /// A database: cores shared by the queries that run, a volume, and a cap on connections.
    pub struct Database {
        /// The software whose settings it has; keys that are given replace them.
        pub model: Option<At<String>>,
        /// The instance type, from `[instances]`: its vCPUs and its price.
        pub instance: Option<At<String>>,
        /// How many cores it has; as many as the instance type has vCPUs unless given.
        pub cores: Option<At<f64>>,
        /// How queries that run at the same time slow one another down; not at all, beyond sharing the
        /// cores, unless given.
        pub scaling: Option<Scaling>,
        /// CPU on credit, as of burstable instances; all of it at any time unless given.
        pub credits: Option<CpuCredits>,
        /// The volume and the memory in front of it; everything is in memory unless given.
        pub storage: Option<Storage>,
        /// How many connections it takes; no limit unless given.
        pub max_connections: Option<At<Count>>,
        /// The CPU time that a new connection costs it: 3 to 5 ms for PostgreSQL, which starts a process and
        /// checks the password. Nothing unless given.
        pub connect_cost: Option<Law>,
        /// After how long a query is given up; it has used the CPU until then. Never unless given.
        pub statement_timeout: Option<At<SimDuration>>,
        /// How long a query waits for a row that somebody else is changing; then it fails. For ever unless
        /// given.
        pub lock_timeout: Option<At<SimDuration>>,
        /// Read replicas. What is planned below is of the primary.
        pub replicas: Option<Replicas>,
        /// What is planned: a change of the server, a failover, a reboot.
        pub maintenance: Vec<Maintenance>,
        /// What a cache that was emptied does to queries.
        pub cold: Option<Cold>,
        /// What it costs; overrides the instance type.
        pub cost: Option<At<CostPerHour>>,
        /// Whether a standby in another zone is paid for, which doubles the price.
        pub multi_az: At<bool> = At::built_in(false),
    }
    presets(PRESETS)
    check(Self::check)
}

impl Database {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match &self.cores {
            Some(cores) if cores.value <= 0.0 => {
                let found = number_text(cores.value);
                let problem = format!("a database needs cores, found {found}");
                out.push(Diagnostic::error(cores.origin, problem));
            }
            None if self.instance.is_none() => out.push(
                Diagnostic::error(table, "how many cores does the database have?")
                    .label("needs `cores` or `instance`"),
            ),
            _ => {}
        }
        let limits = [
            (self.statement_timeout, "no query is over in no time"),
            (self.lock_timeout, "nobody waits no time for a row"),
        ];
        for (own, problem) in limits {
            if let Some(own) = own.filter(|own| own.value == SimDuration::ZERO) {
                out.push(Diagnostic::error(own.origin, problem).label("must be longer than 0"));
            }
        }
        operations::check_order(&self.maintenance, out);
    }
}

spec! {
    /// How much queries that run at the same time slow one another down (Universal Scalability Law): each of
    /// `n` runs at `1 / (1 + contention (n - 1) + coherency n (n - 1))` of the speed that it has alone.
    pub struct Scaling {
        /// The part of the work that only one can do at a time; 0.02 to 0.08 is usual. If given, it says
        /// what the cores allow as well, as a fit to a load test does; else the cores are shared besides.
        pub contention: Option<At<f64>>,
        /// What each pair of queries costs; 0.0001 to 0.001 is usual. The speed of all together is highest at
        /// `sqrt((1 - contention) / coherency)` queries at a time.
        pub coherency: At<f64>,
    }
    check(Self::check)
}

impl Scaling {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let given = [self.contention, Some(self.coherency)];
        for own in given.into_iter().flatten() {
            if !(0.0..=1.0).contains(&own.value) {
                let problem = format!("expected 0 to 1, found {}", number_text(own.value));
                out.push(Diagnostic::error(own.origin, problem));
            }
        }
    }

    /// As the cores take it.
    pub fn slowdown(&self) -> Slowdown {
        Slowdown::Scaling {
            contention: self.contention.map_or(0.0, |own| own.value),
            coherency: self.coherency.value,
            by_cores: self.contention.is_none(),
        }
    }
}

words! {
    /// What a burstable instance does without credit.
    pub enum CreditMode {
        /// It is as slow as its baseline.
        Standard = "standard",
        /// It goes on, and owes what it uses beyond its baseline.
        Unlimited = "unlimited",
    }
}

spec! {
    /// CPU on credit, as of burstable instances: a t3.large has 2 cores, a baseline of 30 % of each, and earns
    /// 36 credits an hour. A credit is one core in full use for a minute.
    pub struct CpuCredits {
        /// The part of each core that it earns for: 5 % for t3.nano, 10 % for micro, 20 % for small and medium,
        /// 30 % for large, 40 % for xlarge and 2xlarge.
        pub baseline: At<Fraction>,
        /// What it does without credit. Those of EC2 from t3 on and those of RDS are unlimited by default.
        pub mode: At<CreditMode> = At::built_in(CreditMode::Unlimited),
        /// How many credits it has at the start; at most what it earns in 24 hours. A new t3 has none.
        pub start: At<f64> = At::built_in(0.0),
    }
    check(Self::check)
}

impl CpuCredits {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.start.value < 0.0 {
            let problem = "a database cannot begin with less than no credit";
            out.push(Diagnostic::error(self.start.origin, problem));
        }
        if self.baseline.value == Fraction::ZERO {
            let problem =
                "without a baseline nothing is earned, and nothing would be done without credit";
            out.push(Diagnostic::error(self.baseline.origin, problem));
        }
    }

    /// The terms for so many cores, and what it has at the start in seconds of a core.
    pub fn terms(&self, cores: f64) -> (Terms, f64) {
        let baseline = self.baseline.value.get() * cores;
        let terms = Terms {
            baseline,
            most: baseline * 24.0 * 3600.0,
            unlimited: self.mode.value == CreditMode::Unlimited,
        };
        (terms, self.start.value * 60.0)
    }
}

words! {
    /// What a query does to the database.
    pub enum Access {
        /// It only reads.
        Read = "read",
        /// It changes something: it waits until that is durable.
        Write = "write",
    }
}

spec! {
    /// Has a query executed: `{ query = "pg", pool = "db", time = { exponential = "5ms" } }`. The worker
    /// waits for it; the connection, if a pool is named, is taken before and given back after.
    pub struct Query {
        /// The database.
        pub query: At<String>,
        /// The service's pool whose connection it uses; without it, a connection of its own.
        pub pool: Option<At<String>>,
        /// How long it takes on a core of its own.
        pub time: Work,
        /// What it does to the database.
        pub access: At<Access> = At::built_in(Access::Read),
        /// The row that it changes: a key of this catalogue, drawn by its popularity. It has the row to itself
        /// until it has committed; the others wait for it in order of arrival. A counter that every request
        /// adds to is a catalogue of one key.
        pub row: Option<At<String>>,
        /// How often the step is done at all.
        pub probability: At<Fraction> = At::built_in(Fraction::ONE),
    }
    check(Self::check)
}

impl Query {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if let (Some(row), Access::Read) = (&self.row, self.access.value) {
            let problem = "a query that only reads waits for no row";
            let help = "add access = \"write\"";
            out.push(Diagnostic::error(row.origin, problem).help(help));
        }
    }
}

/// A database with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its cores.
    pub cores: f64,
    /// How queries slow one another down.
    pub slowdown: Slowdown,
    /// CPU on credit: the terms, and what it has at the start in seconds of a core.
    pub credits: Option<(Terms, f64)>,
    /// Its volume.
    pub storage: Option<storage::Plan>,
    /// How many connections it takes.
    pub max_connections: Option<u32>,
    /// The CPU time that a new connection costs it.
    pub connect_cost: Option<Demand>,
    /// After how long a query is given up.
    pub statement_timeout: Option<SimDuration>,
    /// How long it waits for a row.
    pub lock_timeout: Option<SimDuration>,
    /// By position: the names of all catalogues of keys, some of which may be of rows.
    pub catalogues: Vec<String>,
    /// How reads are spread over replicas, and how long these take to replay a write.
    pub replicas: Option<(replication::Rules, Option<Demand>)>,
    /// What is planned, in order.
    pub maintenance: Vec<Planned>,
    /// What an empty cache does.
    pub cold: Option<(f64, SimDuration)>,
    /// What it costs.
    pub cost: CostPerHour,
}

/// True if a query changes something.
fn is_write(id: RequestId, cx: &Context) -> bool {
    let pc = cx.requests.get(id).frame.pc;
    matches!(
        *cx.program.op(pc),
        Op::Visit(_, Visit::Use { write: true, .. })
    )
}
