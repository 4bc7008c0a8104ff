//! A pooler at work.

use super::sessions::{Found, Sessions};
use super::{Plan, Pooling};
use crate::component::arena::Arena;
use crate::component::cpu::Cpu;
use crate::component::pool::{FIRST_SIGNAL, Pool, PoolId};
use crate::component::program::{Demand, Visit};
use crate::component::request::RequestId;
use crate::component::{
    Component, Context, Event, NodeId, Notice, Resource, Signal, Step, Tally, Wake,
};
use crate::metrics::{LevelId, Outcome};
use crate::rng::Streams;
use crate::units::SimDuration;

/// The next piece of its thread's work is done.
const DONE: u8 = 0;

/// Marks work that is no query: its number is that of a client that connects.
const LOGIN: u32 = 1 << 31;

/// A pooler at work.
#[derive(Debug)]
pub struct State {
    plan: Plan,
    own: NodeId,
    /// Its single thread.
    cpu: Cpu,
    /// Its connections to the database; there is one such pool.
    pub(in crate::component) pools: Vec<Pool>,
    sessions: Sessions,
    logins: Arena<(PoolId, u32)>,
    n_logins: u64,
    queries: LevelId,
    cores: LevelId,
    cores_used: LevelId,
    clients: LevelId,
    clients_max: Option<LevelId>,
}

impl State {
    pub(in crate::component) fn new(
        plan: &Plan,
        own: NodeId,
        _: Streams,
        cx: &mut Context,
    ) -> Self {
        let now = cx.now();
        let pool = Pool::new(&plan.pool, PoolId::new(own, 0), (1, 1), cx);
        let recorder = &mut cx.recorder;
        let cores = recorder.add_level_at(now, 1000);
        let max = plan.max_connections;
        let clients_max = max.map(|max| recorder.add_level_at(now, u64::from(max)));
        Self {
            own,
            cpu: Cpu::new(1.0, 256),
            pools: vec![pool],
            sessions: Sessions::default(),
            logins: Arena::default(),
            n_logins: 0,
            queries: recorder.add_level(),
            cores,
            cores_used: recorder.add_level(),
            clients: recorder.add_level(),
            clients_max,
            plan: plan.clone(),
        }
    }

    /// A client connects; false if there are too many.
    pub(in crate::component) fn connect(&mut self, cx: &mut Context) -> bool {
        let now = cx.now();
        let open = cx.recorder.level_now(self.clients);
        let most = self.plan.max_connections.map_or(u64::MAX, u64::from);
        let taken = open < most;
        cx.recorder.level(self.clients).up(now, u64::from(taken));
        taken
    }

    /// Clients disconnect.
    pub(in crate::component) fn disconnect(&mut self, n: u32, cx: &mut Context) {
        let now = cx.now();
        cx.recorder.level(self.clients).down(now, u64::from(n));
    }

    /// A connection that a pool is opening has got here.
    pub(in crate::component) fn login(&mut self, pool: PoolId, opening: u32, cx: &mut Context) {
        let Some(cost) = self.plan.connect_cost else {
            return cx.notices.push_back(Notice::LoggedIn { pool, opening });
        };
        let work = cx.program.draw(cost, self.n_logins);
        self.n_logins += 1;
        let login = self.logins.add((pool, opening));
        self.works(work, RequestId::from_index(LOGIN | login), cx);
    }

    /// A query needs a connection to the database; its client has `session`, or none.
    pub(in crate::component) fn lends(
        &mut self,
        id: RequestId,
        session: u32,
        cx: &mut Context,
    ) -> Step {
        if self.plan.pooling == Pooling::Session {
            match self.sessions.begins(id, session) {
                Found::First => {}
                Found::Own => {
                    self.pools[0].needs_no_wait(cx);
                    return Step::Next;
                }
                Found::Broken => return Step::Fail(Outcome::DatabaseReset),
            }
        }
        self.pools[0].ask(id, cx)
    }

    /// A query is over; gives the session that its client has from now on.
    pub(in crate::component) fn is_repaid(
        &mut self,
        id: RequestId,
        cx: &mut Context,
    ) -> Option<u32> {
        if self.plan.pooling == Pooling::Transaction {
            self.pools[0].give_back(id, false, cx);
            return None;
        }
        if self.sessions.ends(id).is_some() {
            return None;
        }
        let connection = self.pools[0].leaves_with_client(id);
        Some(self.sessions.opens(connection))
    }

    /// A query ends in the middle. With its client gone, so is its session.
    pub(in crate::component) fn is_cut_short(
        &mut self,
        id: RequestId,
        broken: bool,
        with_client: bool,
        cx: &mut Context,
    ) {
        let session = match self.plan.pooling {
            Pooling::Session => self.sessions.ends(id),
            Pooling::Transaction => None,
        };
        let Some(session) = session else {
            return self.pools[0].give_back(id, broken, cx);
        };
        if broken {
            self.sessions.breaks(session);
        }
        if with_client {
            self.session_ends(session, cx);
        }
    }

    /// A client has disconnected that held a connection.
    pub(in crate::component) fn session_ends(&mut self, session: u32, cx: &mut Context) {
        if let Some((connection, broken)) = self.sessions.closes(session) {
            self.pools[0].comes_back(connection, broken, cx);
        }
    }

    /// A database has closed all connections; the clients who hold one hear of it when they use it.
    pub(in crate::component) fn hears_of_break(&mut self, database: NodeId) {
        if self.plan.to() == database {
            self.sessions.break_all();
        }
    }

    fn works(&mut self, work: SimDuration, id: RequestId, cx: &mut Context) {
        self.cpu.add(cx.now(), work, id);
        self.plans(cx);
    }

    fn plans(&mut self, cx: &mut Context) {
        self.cpu
            .plan(&mut cx.scheduler, Event::Signal(self.own, DONE, 0));
        let (now, used) = (cx.now(), self.cpu.used_milli());
        cx.recorder.level(self.cores_used).set(now, used);
    }

    fn passes(&mut self, id: RequestId, time: Demand, cx: &mut Context) {
        let work = cx.program.draw(time, cx.requests.get(id).seed());
        let now = cx.now();
        cx.recorder.level(self.queries).up(now, 1);
        self.works(work, id, cx);
    }
}

impl Component for State {
    fn start(&mut self, cx: &mut Context) {
        for pool in &mut self.pools {
            pool.starts(0, cx);
        }
    }

    fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        let Visit::Use { time, .. } = visit else {
            unreachable!("a pooler passes queries on")
        };
        self.passes(id, time, cx);
        Step::Blocked
    }

    fn signal(&mut self, signal: Signal, cx: &mut Context) {
        if signal.code >= FIRST_SIGNAL {
            return Pool::signal(&mut self.pools, signal.code, signal.part, cx);
        }
        let now = cx.now();
        self.cpu.event_happens(now);
        while let Some(id) = self.cpu.take_done() {
            if id.index() & LOGIN == 0 {
                cx.recorder.level(self.queries).down(now, 1);
                cx.wake(id, Wake::GoOn);
            } else if let Some((pool, opening)) = self.logins.remove(id.index() & !LOGIN) {
                cx.notices.push_back(Notice::LoggedIn { pool, opening });
            }
        }
        self.plans(cx);
    }

    fn resources(&self) -> Vec<Resource> {
        let name = &self.plan.name;
        let what = ("clients", "connection");
        let mut all = vec![
            Resource::cores(name, self.cores_used, self.cores),
            Resource::slots(name, what, self.clients, self.clients_max),
        ];
        all.extend(self.pools.iter().map(|pool| pool.resource(&self.plan.name)));
        all
    }

    fn holds_connections(&self) -> Vec<(NodeId, u64)> {
        let pools = self.pools.iter();
        pools.map(|pool| (pool.database(), pool.n_open())).collect()
    }

    fn audit(&self, own: NodeId, seen: &Tally, cx: &Context) {
        let name = &self.plan.name;
        let passing = cx.recorder.level_now(self.queries);
        assert_eq!(passing, seen.visiting(own), "queries passing {name}");
        assert_eq!(
            passing + self.logins.len() as u64,
            self.cpu.n_runnable() as u64,
            "work of the thread of {name}"
        );
        let clients = cx.recorder.level_now(self.clients);
        assert_eq!(clients, seen.connections(own), "clients of {name}");
        for pool in &self.pools {
            let (mut held, in_line) = seen.pool(own, 0);
            held += self.sessions.n_at_rest();
            assert_eq!(pool.audit(cx), (held, in_line), "connections of {name}");
        }
    }
}
