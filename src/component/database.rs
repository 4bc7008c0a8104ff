//! A database: cores shared by the queries that run, and a cap on connections.
//!
//! Each connection has a process of its own on the server, so the queries that run at a time share the
//! cores (see [`cpu`](super::cpu)); there is no queue in front of them. What bounds their number is the
//! connections: those that pools hold open, and one for each query that comes without a pool. Beyond
//! `max_connections` a new one is refused at once, as PostgreSQL does ("too many clients already").

use super::cpu::Cpu;
use super::program::{Op, Visit};
use super::request::RequestId;
use super::{Bill, Charge, Component, Context, Event, NodeId, Resource, Signal, Step, Tally, Wake};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::metrics::{CounterId, LevelId, Outcome};
use crate::rng::Streams;
use crate::spec;
use crate::spec::{At, Count, number_text};
use crate::units::{CostPerHour, Fraction};

spec! {
    /// A database: cores shared by the queries that run, and a cap on connections.
    pub struct Database {
        /// The instance type, from `[instances]`: its vCPUs and its price.
        pub instance: Option<At<String>>,
        /// How many cores it has; as many as the instance type has vCPUs unless given.
        pub cores: Option<At<f64>>,
        /// How many connections it takes; no limit unless given.
        pub max_connections: Option<At<Count>>,
        /// What it costs; overrides the instance type.
        pub cost: Option<At<CostPerHour>>,
        /// Whether a standby in another zone is paid for, which doubles the price.
        pub multi_az: At<bool> = At::built_in(false),
    }
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
        pub time: Law,
        /// How often the step is done at all.
        pub probability: At<Fraction> = At::built_in(Fraction::ONE),
    }
}

/// A database with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its cores.
    pub cores: f64,
    /// How many connections it takes.
    pub max_connections: Option<u32>,
    /// What it costs.
    pub cost: CostPerHour,
}

/// A database at work.
#[derive(Debug)]
pub struct State {
    name: String,
    own: NodeId,
    cpu: Cpu,
    max_connections: u32,
    /// Queries at work.
    active: LevelId,
    cores: LevelId,
    cores_used: LevelId,
    connections: LevelId,
    connections_max: Option<LevelId>,
    refused: CounterId,
    cost: CostPerHour,
}

/// The next query is over.
const DONE: u8 = 0;

impl State {
    pub(super) fn new(plan: &Plan, own: NodeId, _: Streams, cx: &mut Context) -> Self {
        let now = cx.now();
        let recorder = &mut cx.recorder;
        let cores = recorder.add_level();
        recorder.level(cores).set(now, (plan.cores * 1000.0) as u64);
        let connections_max = plan.max_connections.map(|max| {
            let level = recorder.add_level();
            recorder.level(level).set(now, u64::from(max));
            level
        });
        Self {
            name: plan.name.clone(),
            own,
            cpu: Cpu::new(
                plan.cores,
                plan.max_connections.map_or(256, |max| max as usize),
            ),
            max_connections: plan.max_connections.unwrap_or(u32::MAX),
            active: recorder.add_level(),
            cores,
            cores_used: recorder.add_level(),
            connections: recorder.add_level(),
            connections_max,
            refused: recorder.add_counter(),
            cost: plan.cost,
        }
    }

    /// Opens up to `n` connections; gives back how many it took.
    pub(super) fn connect(&mut self, n: u32, cx: &mut Context) -> u32 {
        let now = cx.now();
        let open = cx.recorder.level_now(self.connections);
        let taken = n.min((u64::from(self.max_connections).saturating_sub(open)) as u32);
        cx.recorder
            .level(self.connections)
            .up(now, u64::from(taken));
        for _ in taken..n {
            cx.recorder.count(self.refused);
        }
        taken
    }

    /// Closes `n` connections.
    pub(super) fn disconnect(&mut self, n: u32, cx: &mut Context) {
        let now = cx.now();
        cx.recorder.level(self.connections).down(now, u64::from(n));
    }

    fn note_use(&self, cx: &mut Context) {
        let (now, used) = (cx.now(), self.cpu.used_milli());
        cx.recorder.level(self.cores_used).set(now, used);
    }
}

impl Component for State {
    fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        let Visit::Use { time, pooled } = visit else {
            unreachable!("a database is queried")
        };
        if !pooled && self.connect(1, cx) == 0 {
            return Step::Fail(Outcome::DatabaseRefused);
        }
        let now = cx.now();
        let work = cx.program.draw(time, cx.requests.get(id).seed());
        self.cpu.add(now, work, id);
        self.cpu
            .plan(&mut cx.scheduler, Event::Signal(self.own, DONE, 0));
        cx.recorder.level(self.active).up(now, 1);
        self.note_use(cx);
        Step::Blocked
    }

    fn signal(&mut self, _: Signal, cx: &mut Context) {
        let now = cx.now();
        self.cpu.event_happens(now);
        while let Some(id) = self.cpu.take_done() {
            cx.recorder.level(self.active).down(now, 1);
            let pc = cx.requests.get(id).frame.pc;
            if let Op::Visit(_, Visit::Use { pooled: false, .. }) = *cx.program.op(pc) {
                self.disconnect(1, cx);
            }
            cx.wake(id, Wake::GoOn);
        }
        self.cpu
            .plan(&mut cx.scheduler, Event::Signal(self.own, DONE, 0));
        self.note_use(cx);
    }

    fn resources(&self) -> Vec<Resource> {
        let resource = |what: &str, unit, used, capacity, scale| Resource {
            component: self.name.clone(),
            what: what.to_owned(),
            unit,
            used,
            capacity,
            scale,
            waiting: None,
            wait: None,
        };
        vec![
            resource("CPU", "core", self.cores_used, Some(self.cores), 1000.0),
            resource(
                "connections",
                "connection",
                self.connections,
                self.connections_max,
                1.0,
            ),
        ]
    }

    fn bills(&self) -> Vec<Bill> {
        vec![Bill {
            component: self.name.clone(),
            what: "",
            charge: Charge::Always(self.cost),
        }]
    }

    fn audit(&self, own: NodeId, seen: &Tally, cx: &Context) {
        let active = cx.recorder.level_now(self.active);
        assert_eq!(
            active,
            seen.visiting(own),
            "queries at work in {}",
            self.name
        );
        assert_eq!(
            active,
            self.cpu.n_runnable() as u64,
            "queries on the cores of {}",
            self.name
        );
        let open = cx.recorder.level_now(self.connections);
        assert_eq!(
            open,
            seen.connections(own),
            "open connections of {}",
            self.name
        );
    }
}
