//! A pool: a bounded set of connections to a database, with its own waiting line.
//!
//! A request takes an idle connection (the one used last), else opens one while there are fewer than
//! `max`, else waits in line. A connection that is given back goes to the first in line. Whoever opened a
//! connection waits for that one, even if another becomes free meanwhile. Whoever has waited for `timeout`
//! fails. Connections beyond `min` that stay idle for `idle_timeout` are closed, the longest idle first.

use std::collections::VecDeque;

use super::state::POOL_IDLE;
use crate::component::cache::Scope;
use crate::component::program::Demand;
use crate::component::request::{Flags, Line, RequestId};
use crate::component::{Context, Event, NodeId, Notice, Resource, Wake};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::engine::{Class, LaneId, Timer};
use crate::metrics::{LevelId, WaitId};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};

spec! {
    /// A bounded set of connections to a database.
    pub struct PoolSpec {
        /// The database.
        pub to: At<String>,
        /// Who has a pool: each `instance`, or each `worker` of an event loop.
        pub per: At<Scope> = At::built_in(Scope::Instance),
        /// Connections that are opened when an instance comes up, and kept.
        pub min: At<u32> = At::built_in(0),
        /// The most connections it holds.
        pub max: At<Count>,
        /// How long a request waits for a connection before it fails; for ever unless given.
        pub timeout: Option<At<SimDuration>>,
        /// How long opening a connection takes.
        pub connect: Option<Law>,
        /// How long a connection beyond `min` may stay idle before it is closed; for ever unless given.
        pub idle_timeout: Option<At<SimDuration>>,
    }
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
    /// Connections that are kept.
    pub min: u32,
    /// The most connections.
    pub max: u32,
    /// How long a request waits.
    pub timeout: Option<SimDuration>,
    /// How long opening one takes.
    pub connect: Option<Demand>,
    /// How long one may stay idle.
    pub idle_timeout: Option<SimDuration>,
}

/// What came of asking for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::component) enum Asked {
    /// Here it is.
    Got,
    /// None is free, but one may be opened.
    MayOpen,
    /// In line.
    Waits,
}

/// The pool of one instance or worker.
#[derive(Debug, Clone, Default)]
struct Unit {
    /// Since when each idle connection has been idle; the one used last at the back.
    idle: VecDeque<SimTime>,
    /// Connections, being opened ones included.
    open: u32,
    line: Line,
    /// Whether the end of somebody's idle time is scheduled.
    watched: bool,
}

/// Bits of a signal's part that hold the unit; above them is the pool's number.
const UNIT_BITS: u32 = 24;

/// All pools of one name in a service.
#[derive(Debug)]
pub(in crate::component) struct Pool {
    plan: Plan,
    /// The service, and the pool's number in it.
    own: (NodeId, u16),
    units: Vec<Unit>,
    /// Units per instance.
    per_instance: u32,
    lane: Option<LaneId>,
    in_use: LevelId,
    capacity: LevelId,
    waiting: LevelId,
    wait: WaitId,
}

impl Pool {
    pub(super) fn new(service: &super::Plan, own: (NodeId, u16), cx: &mut Context) -> Self {
        let plan = &service.pools[own.1 as usize];
        let per_instance = if plan.per == Scope::Worker {
            service.workers
        } else {
            1
        };
        let n_units = service.n_places * per_instance;
        Self {
            plan: plan.clone(),
            own,
            units: (0..n_units).map(|_| Unit::default()).collect(),
            per_instance,
            lane: plan.timeout.map(|timeout| cx.scheduler.add_lane(timeout)),
            in_use: cx.recorder.add_level(),
            capacity: cx.recorder.add_level(),
            waiting: cx.recorder.add_level(),
            wait: cx.recorder.add_wait(),
        }
    }

    /// The database.
    pub(in crate::component) fn database(&self) -> NodeId {
        self.plan.to
    }

    /// How long opening a connection takes.
    pub(in crate::component) fn connect_time(&self) -> Option<Demand> {
        self.plan.connect
    }

    /// The lane of its timeouts, if there are any.
    pub(in crate::component) fn lane(&self) -> Option<LaneId> {
        self.lane
    }

    fn unit_of(&self, id: RequestId, cx: &Context) -> usize {
        let frame = &cx.requests.get(id).frame;
        let within = if self.plan.per == Scope::Worker {
            u32::from(frame.worker)
        } else {
            0
        };
        (frame.instance * self.per_instance + within) as usize
    }

    fn units_of(&self, instance: u32) -> std::ops::Range<usize> {
        (instance * self.per_instance) as usize..((instance + 1) * self.per_instance) as usize
    }

    /// A request asks for a connection.
    #[inline]
    pub(in crate::component) fn ask(&mut self, id: RequestId, cx: &mut Context) -> Asked {
        let (now, at) = (cx.now(), self.unit_of(id, cx));
        let unit = &mut self.units[at];
        if unit.idle.pop_back().is_some() {
            cx.recorder.level(self.in_use).up(now, 1);
            cx.recorder.no_wait(self.wait);
            return Asked::Got;
        }
        if unit.open < self.plan.max {
            return Asked::MayOpen;
        }
        let request = cx.requests.get_mut(id);
        request.since = now;
        request.flags.set(Flags::IN_LINE);
        unit.line.push(&mut cx.requests, id);
        cx.recorder.level(self.waiting).up(now, 1);
        if let Some(lane) = self.lane {
            cx.scheduler.set_timer(lane, wait_timer(id, now));
        }
        Asked::Waits
    }

    /// The database lets the request open a connection; it counts as in use from now on.
    pub(in crate::component) fn opens(&mut self, id: RequestId, cx: &mut Context) {
        let (now, at) = (cx.now(), self.unit_of(id, cx));
        self.units[at].open += 1;
        cx.requests.get_mut(id).since = now;
        cx.recorder.level(self.in_use).up(now, 1);
    }

    /// The connection that the request opened is there: it has waited for it.
    pub(in crate::component) fn opened(&mut self, id: RequestId, cx: &mut Context) {
        let (now, since) = (cx.now(), cx.requests.get(id).since);
        cx.recorder.wait(self.wait, since, now);
    }

    /// A request gives its connection back.
    #[inline]
    pub(in crate::component) fn give_back(&mut self, id: RequestId, cx: &mut Context) {
        let (now, at) = (cx.now(), self.unit_of(id, cx));
        if let Some(next) = self.units[at].line.pop(&mut cx.requests) {
            self.leaves_line(next, cx);
            cx.wake(next, Wake::GoOn);
            return;
        }
        cx.recorder.level(self.in_use).down(now, 1);
        self.units[at].idle.push_back(now);
        self.watch(at, cx);
    }

    /// Books a request out of the line; it has been unlinked already.
    fn leaves_line(&mut self, id: RequestId, cx: &mut Context) {
        let now = cx.now();
        let request = cx.requests.get_mut(id);
        request.flags.clear(Flags::IN_LINE);
        let since = request.since;
        cx.recorder.level(self.waiting).down(now, 1);
        cx.recorder.wait(self.wait, since, now);
        if let Some(lane) = self.lane {
            let requests = &cx.requests;
            cx.scheduler
                .unset_timer(lane, |timer| is_in_line(requests, timer));
        }
    }

    /// A timer ran out: true if its request still waits here, as `waits_here` says, and for as long as
    /// the timer was set; then it waits no longer.
    pub(in crate::component) fn times_out(
        &mut self,
        timer: Timer,
        waits_here: bool,
        cx: &mut Context,
    ) -> bool {
        let (id, now) = (RequestId::from_index(timer.subject), cx.now());
        let due = self
            .plan
            .timeout
            .map(|timeout| cx.requests.get(id).since + timeout);
        if !waits_here || due != Some(now) {
            return false;
        }
        let at = self.unit_of(id, cx);
        self.units[at].line.remove(&mut cx.requests, id);
        let request = cx.requests.get_mut(id);
        request.flags.clear(Flags::IN_LINE);
        let since = request.since;
        cx.recorder.level(self.waiting).down(now, 1);
        cx.recorder.wait(self.wait, since, now);
        if let Some(lane) = self.lane {
            cx.scheduler.timer_ran_out(lane);
        }
        true
    }

    /// An instance comes up; gives back how many connections it wants to open right away.
    pub(in crate::component) fn wanted_at_start(&self) -> u32 {
        self.plan.min * self.per_instance
    }

    /// An instance has come up, and the database has let it open `granted` connections.
    pub(in crate::component) fn starts(&mut self, instance: u32, granted: u32, cx: &mut Context) {
        let now = cx.now();
        let mut granted = granted;
        for at in self.units_of(instance) {
            let n = granted.min(self.plan.min);
            granted -= n;
            self.units[at].open = n;
            self.units[at].idle.extend((0..n).map(|_| now));
        }
        let capacity = u64::from(self.plan.max * self.per_instance);
        cx.recorder.level(self.capacity).up(now, capacity);
    }

    /// An instance stops; whoever is in its lines or holds its connections is dealt with by the caller.
    /// Gives back how many connections are closed.
    pub(in crate::component) fn stops(&mut self, instance: u32, cx: &mut Context) -> u32 {
        let now = cx.now();
        let mut closed = 0;
        for at in self.units_of(instance) {
            let unit = &mut self.units[at];
            closed += unit.open;
            let in_use = unit.open - unit.idle.len() as u32;
            cx.recorder.level(self.in_use).down(now, u64::from(in_use));
            unit.idle.clear();
            unit.open = 0;
        }
        let capacity = u64::from(self.plan.max * self.per_instance);
        cx.recorder.level(self.capacity).down(now, capacity);
        closed
    }

    /// A process has ended: gives back how many connections of its own are closed.
    pub(in crate::component) fn process_ends(
        &mut self,
        instance: u32,
        worker: u16,
        cx: &mut Context,
    ) -> u32 {
        if self.plan.per != Scope::Worker {
            return 0;
        }
        let now = cx.now();
        let unit = &mut self.units[(instance * self.per_instance + u32::from(worker)) as usize];
        let in_use = unit.open - unit.idle.len() as u32;
        cx.recorder.level(self.in_use).down(now, u64::from(in_use));
        unit.idle.clear();
        std::mem::take(&mut unit.open)
    }

    /// A request in line will not be missed.
    pub(in crate::component) fn withdraw(&mut self, id: RequestId, cx: &mut Context) {
        let at = self.unit_of(id, cx);
        self.units[at].line.remove(&mut cx.requests, id);
        self.leaves_line(id, cx);
    }

    /// Schedules the end of the longest idle time, if somebody beyond `min` is idle and nobody watches.
    fn watch(&mut self, at: usize, cx: &mut Context) {
        let Some(timeout) = self.plan.idle_timeout else {
            return;
        };
        let unit = &mut self.units[at];
        if unit.watched || unit.open <= self.plan.min {
            return;
        }
        let Some(since) = unit.idle.front() else {
            return;
        };
        unit.watched = true;
        let part = u32::from(self.own.1) << UNIT_BITS | at as u32;
        let signal = Event::Signal(self.own.0, POOL_IDLE, part);
        let due = (*since + timeout).max(cx.now());
        cx.scheduler.at(due, Class::Control, signal);
    }

    /// Somebody's idle time may be over; gives back how many connections are closed.
    fn idle_time_ends(&mut self, at: usize, cx: &mut Context) -> u32 {
        let Some(timeout) = self.plan.idle_timeout else {
            return 0;
        };
        let now = cx.now();
        let unit = &mut self.units[at];
        unit.watched = false;
        let mut closed = 0;
        while unit.open > self.plan.min
            && unit
                .idle
                .front()
                .is_some_and(|since| *since + timeout <= now)
        {
            unit.idle.pop_front();
            unit.open -= 1;
            closed += 1;
        }
        self.watch(at, cx);
        closed
    }

    /// The signal `part` of a service has come: somebody's idle time in one of its pools may be over.
    pub(super) fn idle_signal(pools: &mut [Self], part: u32, cx: &mut Context) {
        let (pool, unit) = (part >> UNIT_BITS, part & ((1 << UNIT_BITS) - 1));
        let pool = &mut pools[pool as usize];
        let n = pool.idle_time_ends(unit as usize, cx);
        if n > 0 {
            cx.notices.push_back(Notice::Closed {
                database: pool.plan.to,
                n,
            });
        }
    }

    /// What can run out here.
    pub(super) fn resource(&self, component: &str) -> Resource {
        Resource {
            component: component.to_owned(),
            what: format!("pool {}", self.plan.name),
            unit: "connection",
            used: self.in_use,
            capacity: Some(self.capacity),
            scale: 1.0,
            waiting: Some(self.waiting),
            wait: Some(self.wait),
        }
    }

    /// Connections held open.
    pub(super) fn n_open(&self) -> u64 {
        self.units.iter().map(|unit| u64::from(unit.open)).sum()
    }

    /// Connections in use and requests in line, after comparing its own books.
    pub(super) fn audit(&self, cx: &Context) -> (u64, u64) {
        let idle: usize = self.units.iter().map(|unit| unit.idle.len()).sum();
        let in_line: u32 = self.units.iter().map(|unit| unit.line.len()).sum();
        let (in_use, waiting) = (
            cx.recorder.level_now(self.in_use),
            cx.recorder.level_now(self.waiting),
        );
        assert_eq!(
            self.n_open(),
            in_use + idle as u64,
            "connections of pool {}",
            self.plan.name
        );
        assert_eq!(
            u64::from(in_line),
            waiting,
            "line of pool {}",
            self.plan.name
        );
        (in_use, waiting)
    }
}

/// The timer of a request that begins to wait now. Its number is the start of the wait, cut to 32 bits.
fn wait_timer(id: RequestId, now: SimTime) -> Timer {
    Timer {
        subject: id.index(),
        generation: now.as_nanos() as u32,
    }
}

/// True if the wait that the timer was set for goes on. Now and then true of a stale timer (the number
/// comes round every four seconds), never false of a live one: good enough for sweeping.
pub(in crate::component) fn is_in_line(
    requests: &crate::component::request::Requests,
    timer: Timer,
) -> bool {
    let request = requests.get(RequestId::from_index(timer.subject));
    request.flags.has(Flags::IN_LINE) && request.since.as_nanos() as u32 == timer.generation
}
