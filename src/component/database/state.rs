//! A database at work.

use super::Plan;
use super::disk::Disk;
use super::locks::Locks;
use super::operations::cold_factor;
use super::replicas::Primary;
use crate::component::arena::Arena;
use crate::component::cpu::Cpu;
use crate::component::pool::PoolId;
use crate::component::program::{Demand, KeysId, Op, Visit};
use crate::component::request::RequestId;
use crate::component::{
    Bill, Component, Context, Event, Gauge, Kept, NodeId, Notice, Resource, Signal, Step, Tally,
    Wake,
};
use crate::engine::{Class, Slot};
use crate::metrics::{CounterId, LevelId, Outcome};
use crate::policy::server::credits::Credits;
use crate::rng::Streams;
use crate::units::{SimDuration, SimTime};

/// The next query is over.
const DONE: u8 = 0;
/// A planned operation begins.
const DOWN: u8 = 1;
/// A planned operation is over.
pub(super) const UP: u8 = 2;
/// The credit for the CPU has run out.
const NO_CREDIT: u8 = 3;
/// A flush is over.
pub(super) const FLUSHED: u8 = 4;
/// A query has taken as long as it may.
const TIMEOUT: u8 = 5;
/// A query has waited for a row as long as it may.
pub(super) const LOCK_TIMEOUT: u8 = 6;

/// A connection that the database works on opening.
#[derive(Debug, Clone, Copy)]
pub(super) struct Login {
    pub(super) pool: PoolId,
    pub(super) opening: u32,
}

/// Marks work on the cores that is no query: its number is that of a login.
pub(super) const LOGIN: u32 = 1 << 31;

/// What a query waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    #[default]
    Away,
    Lock,
    Cpu,
    Volume,
    Flush,
}

/// What is known of a query, where more than its work on the cores matters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Query {
    pub(super) phase: Phase,
    pub(super) timeout: Option<Slot>,
    /// The place of the row that it has or waits for.
    pub(super) row: Option<u32>,
    /// The end of its wait for the row.
    pub(super) patience: Option<Slot>,
}

/// CPU on credit.
#[derive(Debug)]
pub(super) struct OnCredit {
    pub(super) credits: Credits,
    /// The event at which the credit runs out.
    runs_out: Option<Slot>,
    balance: LevelId,
    owed: LevelId,
}

/// A database at work.
#[derive(Debug)]
pub struct State {
    pub(super) plan: Plan,
    pub(super) own: NodeId,
    pub(super) cpu: Cpu,
    /// Its cores, whatever part of them it may use.
    pub(super) n_cores: f64,
    pub(super) on_credit: Option<OnCredit>,
    pub(super) disk: Option<Disk>,
    /// The rows that somebody has, where queries say which they change.
    pub(super) locks: Option<Locks>,
    /// What it knows of its replicas, if it has any.
    pub(super) primary: Option<Primary>,
    pub(super) is_down: bool,
    /// When its cache was emptied.
    pub(super) cold_since: Option<SimTime>,
    max_connections: u32,
    pub(super) logins: Arena<Login>,
    /// How many connections it has worked on.
    n_logins: u64,
    /// By request, where more than the work on the cores matters.
    pub(super) queries: Vec<Query>,
    tracks: bool,
    /// Queries that are here and not on the cores.
    pub(super) n_off_cpu: u64,
    /// Queries that are here.
    active: LevelId,
    pub(super) cores: LevelId,
    cores_used: LevelId,
    connections: LevelId,
    connections_max: Option<LevelId>,
    refused: CounterId,
}

impl State {
    pub(in crate::component) fn new(
        plan: &Plan,
        own: NodeId,
        _: Streams,
        cx: &mut Context,
    ) -> Self {
        let now = cx.now();
        let primary = plan.replicas;
        let primary = primary.map(|replicas| Primary::new(replicas, &plan.name, cx));
        let locks = Locks::new(own, &plan.catalogues, cx);
        let recorder = &mut cx.recorder;
        let cores = recorder.add_level_at(now, (plan.cores * 1000.0) as u64);
        let max = plan.max_connections;
        let connections_max = max.map(|max| recorder.add_level_at(now, u64::from(max)));
        let room = plan.max_connections.map_or(256, |max| max as usize);
        let on_credit = plan.credits.map(|(terms, start)| OnCredit {
            credits: Credits::new(terms, start),
            runs_out: None,
            balance: recorder.add_level(),
            owed: recorder.add_level(),
        });
        let disk = plan.storage.as_ref();
        let disk = disk.map(|storage| Disk::new(storage, &plan.name, recorder));
        let mut state = Self {
            own,
            cpu: Cpu::new(plan.cores, room).slowed(plan.slowdown),
            n_cores: plan.cores,
            on_credit,
            tracks: disk.is_some() || plan.statement_timeout.is_some() || locks.is_some(),
            disk,
            locks,
            primary,
            is_down: false,
            cold_since: None,
            max_connections: plan.max_connections.unwrap_or(u32::MAX),
            logins: Arena::default(),
            n_logins: 0,
            queries: Vec::new(),
            n_off_cpu: 0,
            active: recorder.add_level(),
            cores,
            cores_used: recorder.add_level(),
            connections: recorder.add_level(),
            connections_max,
            refused: recorder.add_counter(),
            plan: plan.clone(),
        };
        state.note_credit(cx);
        state
    }

    /// Opens up to `n` connections; gives back how many it took.
    pub(in crate::component) fn connect(&mut self, n: u32, cx: &mut Context) -> u32 {
        let now = cx.now();
        let open = cx.recorder.level_now(self.connections);
        let most = if self.is_down {
            0
        } else {
            u64::from(self.max_connections)
        };
        let taken = n.min(most.saturating_sub(open) as u32);
        cx.recorder
            .level(self.connections)
            .up(now, u64::from(taken));
        for _ in taken..n {
            cx.recorder.count(self.refused);
        }
        taken
    }

    /// Closes `n` connections.
    pub(in crate::component) fn disconnect(&mut self, n: u32, cx: &mut Context) {
        let now = cx.now();
        cx.recorder.level(self.connections).down(now, u64::from(n));
    }

    /// A connection that a pool is opening has got here: now it costs something.
    pub(in crate::component) fn login(&mut self, pool: PoolId, opening: u32, cx: &mut Context) {
        if self.is_down {
            let outcome = Outcome::DatabaseRefused;
            return cx.notices.push_back(Notice::LoginFailed {
                pool,
                opening,
                outcome,
            });
        }
        let Some(cost) = self.plan.connect_cost else {
            return cx.notices.push_back(Notice::LoggedIn { pool, opening });
        };
        let work = cx.program.draw(cost, self.n_logins);
        self.n_logins += 1;
        let login = self.logins.add(Login { pool, opening });
        self.works(work, RequestId::from_index(LOGIN | login), cx);
    }

    /// Work begins on the cores.
    #[inline]
    fn works(&mut self, work: SimDuration, id: RequestId, cx: &mut Context) {
        let now = cx.now();
        self.reckons(now);
        self.cpu.add(now, work, id);
        self.plans(cx);
    }

    /// Time has passed: the CPU has used credit. Comes before every change of what runs.
    #[inline]
    pub(super) fn reckons(&mut self, now: SimTime) {
        if let Some(own) = &mut self.on_credit {
            own.credits
                .advance(self.cpu.used_milli() as f64 / 1000.0, now);
        }
    }

    /// What runs has changed: when is the next over?
    #[inline]
    pub(super) fn plans(&mut self, cx: &mut Context) {
        if self.on_credit.is_some() {
            self.plans_credit(cx);
        }
        self.cpu
            .plan(&mut cx.scheduler, Event::Signal(self.own, DONE, 0));
        let (now, used) = (cx.now(), self.cpu.used_milli());
        cx.recorder.level(self.cores_used).set(now, used);
    }

    fn plans_credit(&mut self, cx: &mut Context) {
        let Some(own) = &mut self.on_credit else {
            return;
        };
        let now = cx.now();
        let cores = own
            .credits
            .limit()
            .map_or(self.n_cores, |limit| limit.min(self.n_cores));
        self.cpu.set_cores(now, cores);
        let used = self.cpu.used_milli() as f64 / 1000.0;
        if let Some(slot) = own.runs_out.take() {
            cx.scheduler.cancel(slot);
        }
        own.runs_out = own.credits.runs_out_after(used).map(|span| {
            let signal = Event::Signal(self.own, NO_CREDIT, 0);
            cx.scheduler.after(span, Class::Completion, signal)
        });
        self.note_credit(cx);
    }

    pub(super) fn note_credit(&mut self, cx: &mut Context) {
        if let Some(own) = &self.on_credit {
            let (now, balance) = (cx.now(), own.credits.balance());
            cx.recorder
                .level(own.balance)
                .set(now, balance.max(0.0) as u64);
            cx.recorder
                .level(own.owed)
                .set(now, (-balance).max(0.0) as u64);
        }
        if let Some(disk) = &self.disk {
            let (now, credit) = (cx.now(), disk.volume.credit() as u64);
            cx.recorder.level(disk.credit).set(now, credit);
        }
    }

    /// What is known of a query.
    pub(super) fn query(&mut self, id: RequestId) -> &mut Query {
        let at = id.index() as usize;
        if at >= self.queries.len() {
            let room = (at + 1).next_power_of_two();
            self.queries.resize(room, Query::default());
        }
        &mut self.queries[at]
    }

    /// How many times as much a cold cache makes of something.
    pub(super) fn coldness(&self, now: SimTime) -> f64 {
        match (self.plan.cold, self.cold_since) {
            (Some(cold), Some(since)) => cold_factor(cold, since, now),
            _ => 1.0,
        }
    }

    /// A query comes: it begins, unless somebody else has the row that it changes.
    fn comes(&mut self, id: RequestId, (time, row): (Demand, Option<KeysId>), cx: &mut Context) {
        let now = cx.now();
        cx.recorder.level(self.active).up(now, 1);
        if self.tracks {
            let signal = Event::Signal(self.own, TIMEOUT, id.index());
            let timeout = self.plan.statement_timeout;
            let timeout = timeout.map(|span| cx.scheduler.after(span, Class::Timer, signal));
            *self.query(id) = Query {
                phase: Phase::Cpu,
                timeout,
                ..Query::default()
            };
        }
        if let Some(keys) = row
            && !self.takes_row(id, keys, cx)
        {
            return;
        }
        self.begins(id, time, cx);
    }

    /// A query begins with its work on the cores.
    #[inline]
    fn begins(&mut self, id: RequestId, time: Demand, cx: &mut Context) {
        let mut work = cx.program.work(time, cx.requests.get(id));
        if self.cold_since.is_some() && self.disk.is_none() {
            let coldness = self.coldness(cx.now());
            work = SimDuration::from_nanos_f64(work.as_nanos() as f64 * coldness);
        }
        self.works(work, id, cx);
    }

    /// A query that has waited begins.
    pub(super) fn starts(&mut self, id: RequestId, cx: &mut Context) {
        let pc = cx.requests.get(id).frame.pc;
        if let Op::Visit(_, Visit::Use { time, .. }) = *cx.program.op(pc) {
            self.begins(id, time, cx);
        }
    }

    /// A query is over, well or not, and not on the cores any more.
    pub(super) fn is_over(&mut self, id: RequestId, how: Wake, cx: &mut Context) {
        if how == Wake::GoOn && self.primary.is_some() {
            self.replicates(id, cx);
        }
        self.leaves(id, cx);
        cx.wake(id, how);
    }

    /// A query leaves the database.
    #[inline]
    pub(super) fn leaves(&mut self, id: RequestId, cx: &mut Context) {
        let now = cx.now();
        cx.recorder.level(self.active).down(now, 1);
        if self.tracks {
            let query = std::mem::take(self.query(id));
            if let Some(slot) = query.timeout {
                cx.scheduler.cancel(slot);
            }
            if query.row.is_some() {
                self.leaves_row(id, query, cx);
            }
        }
        let pc = cx.requests.get(id).frame.pc;
        if let Op::Visit(_, Visit::Use { pooled: false, .. }) = *cx.program.op(pc) {
            self.disconnect(1, cx);
        }
    }

    /// Bursts on the cores are over.
    fn bursts_over(&mut self, cx: &mut Context) {
        let now = cx.now();
        self.reckons(now);
        self.cpu.event_happens(now);
        while let Some(id) = self.cpu.take_done() {
            if id.index() & LOGIN != 0 {
                if let Some(Login { pool, opening }) = self.logins.remove(id.index() & !LOGIN) {
                    cx.notices.push_back(Notice::LoggedIn { pool, opening });
                }
            } else if self.leaves_cpu(id, cx) {
                self.is_over(id, Wake::GoOn, cx);
            }
        }
        self.plans(cx);
    }
}

impl Component for State {
    fn start(&mut self, cx: &mut Context) {
        for (number, planned) in self.plan.maintenance.iter().enumerate() {
            let signal = Event::Signal(self.own, DOWN, number as u32);
            cx.scheduler
                .at(SimTime::ZERO + planned.at, Class::Control, signal);
        }
    }

    fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        let Visit::Use {
            time, pooled, row, ..
        } = visit
        else {
            unreachable!("a database is queried")
        };
        if !pooled && self.connect(1, cx) == 0 {
            return Step::Fail(Outcome::DatabaseRefused);
        }
        if self.is_down {
            return Step::Fail(Outcome::DatabaseReset);
        }
        self.comes(id, (time, row), cx);
        Step::Blocked
    }

    fn resume(&mut self, id: RequestId, _: Visit, cx: &mut Context) -> Step {
        self.n_off_cpu -= 1;
        if self.commits(id, cx) {
            return Step::Blocked;
        }
        if self.primary.is_some() {
            self.replicates(id, cx);
        }
        self.leaves(id, cx);
        Step::Next
    }

    fn signal(&mut self, signal: Signal, cx: &mut Context) {
        match signal.code {
            DONE => self.bursts_over(cx),
            DOWN => self.goes_down(signal.part, cx),
            UP => self.comes_up(signal.part, cx),
            FLUSHED => self.flushed(cx),
            TIMEOUT => self.times_out(RequestId::from_index(signal.part), cx),
            LOCK_TIMEOUT => self.loses_row(RequestId::from_index(signal.part), cx),
            _ => {
                if let Some(own) = &mut self.on_credit {
                    own.runs_out = None;
                }
                self.reckons(cx.now());
                self.plans(cx);
            }
        }
    }

    fn resources(&self) -> Vec<Resource> {
        let name = &self.plan.name;
        let what = ("connections", "connection");
        let mut all = vec![
            Resource::cores(name, self.cores_used, self.cores),
            Resource::slots(name, what, self.connections, self.connections_max),
        ];
        if let Some(own) = &self.locks {
            all.extend(own.resources(&self.plan.name));
        }
        all
    }

    fn gauges(&self) -> Vec<Gauge> {
        let gauge = |what, kept| Gauge::new(&self.plan.name, what, kept);
        let mut all = Vec::new();
        if let Some(own) = &self.on_credit {
            all.push(gauge("cpu_credits", Kept::Level(own.balance)));
            all.push(gauge("cpu_credits_owed", Kept::Level(own.owed)));
        }
        if let Some(own) = &self.primary {
            all.push(gauge("replication_lag_ms", Kept::Level(own.lag_ms)));
            all.push(gauge("stale_reads", Kept::Counter(own.stale)));
        }
        if let Some(disk) = &self.disk {
            all.push(gauge("volume_credit", Kept::Level(disk.credit)));
            all.push(gauge("volume_reads", Kept::Counter(disk.reads)));
            all.push(gauge("flushes", Kept::Counter(disk.flushes)));
        }
        all
    }

    fn bills(&self) -> Vec<Bill> {
        vec![Bill::always(&self.plan.name, self.plan.cost)]
    }

    fn audit(&self, own: NodeId, seen: &Tally, cx: &Context) {
        let name = &self.plan.name;
        let active = cx.recorder.level_now(self.active);
        assert_eq!(active, seen.visiting(own), "queries at work in {name}");
        assert_eq!(
            active + self.logins.len() as u64,
            self.cpu.n_runnable() as u64 + self.n_off_cpu,
            "queries on the cores of {name}"
        );
        let open = cx.recorder.level_now(self.connections);
        assert_eq!(open, seen.connections(own), "open connections of {name}");
        self.audit_locks(cx);
    }
}
