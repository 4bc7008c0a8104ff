//! The pools of a component at work: requests get connections, wait for them, give them back.

use super::opening::Opening;
use super::{Plan, PoolId};
use crate::component::arena::Arena;
use crate::component::cache::Scope;
use crate::component::request::{Flags, Frame, RequestId, Requests};
use crate::component::{Context, Event, NodeId, Notice, Step, Wake};
use crate::engine::{Class, LaneId, Slot, Timer};
use crate::metrics::{CounterId, LevelId, Outcome, WaitId};
use crate::policy::pool::{Asked, Connection, Covers, Expires, Turn, Unit};
use crate::rng::Salt;
use crate::units::{SimDuration, SimTime};

/// Signals with this number and above are those of a component's pools.
pub(in crate::component) const FIRST_SIGNAL: u8 = 200;
/// Somebody's idle time may be over.
const IDLE: u8 = FIRST_SIGNAL;
/// The network has done its part of opening a connection.
pub(super) const REACHED: u8 = FIRST_SIGNAL + 1;
/// A connection is refused.
pub(super) const FAILED: u8 = FIRST_SIGNAL + 2;
/// The time to open a connection, or that of who waits for it, is up.
pub(super) const LIMIT: u8 = FIRST_SIGNAL + 3;
/// A pool that opens its connections itself has paused.
pub(super) const BEGIN: u8 = FIRST_SIGNAL + 4;

/// Bits of a signal's part that hold the unit or the opening; above them is the pool's number.
pub(super) const UNIT_BITS: u32 = 24;

/// So many units or fewer get room before they need it.
const MANY_UNITS: u32 = 4096;

/// All pools of one name in a component: one for each instance or worker of a service.
#[derive(Debug)]
pub(in crate::component) struct Pool {
    pub(super) plan: Plan,
    pub(super) id: PoolId,
    pub(super) units: Vec<Unit>,
    /// By unit: whether the end of somebody's idle time is scheduled.
    watched: Vec<bool>,
    /// By unit: the end of its pause between two connections that it opens itself, if it pauses.
    pub(super) pauses: Vec<Option<Slot>>,
    /// Units per instance.
    per_instance: u32,
    /// Whether an idle connection is good as it is.
    is_plain: bool,
    /// Whether it matters which connection a request holds.
    pub(super) tracks: bool,
    /// By request: the connection that it holds, where that matters.
    pub(super) held: Vec<Connection>,
    pub(super) openings: Arena<Opening>,
    ages: Salt,
    lane: Option<LaneId>,
    pub(super) in_use: LevelId,
    pub(super) capacity: LevelId,
    /// Where the capacity is to come to as connections are given back, if somebody has set it.
    pub(super) shrinks_to: Option<u64>,
    pub(super) waiting: LevelId,
    pub(super) wait: WaitId,
    pub(super) opened: CounterId,
    pub(super) closed: CounterId,
}

impl Pool {
    /// The pools of this plan in a component with `n_places` instances of `workers` workers.
    pub(in crate::component) fn new(
        plan: &Plan,
        id: PoolId,
        (n_places, workers): (u32, u32),
        cx: &mut Context,
    ) -> Self {
        let (n_units, per_instance) = match plan.per {
            Scope::Shared => (1, 1),
            Scope::Instance => (n_places, 1),
            Scope::Worker => (n_places * workers, workers),
        };
        let rules = &plan.rules;
        // Room ahead, so that a run does not allocate late; not where there are very many.
        let (idle, waiting) = if n_units <= MANY_UNITS {
            (rules.max.min(64) as usize, 64)
        } else {
            (0, 0)
        };
        let tracks = plan.max_age.is_some()
            || rules.max_uses != u32::MAX
            || !rules.is_plain()
            || plan.by_session;
        Self {
            id,
            units: (0..n_units)
                .map(|_| Unit::with_room(idle, waiting))
                .collect(),
            watched: vec![false; n_units as usize],
            pauses: vec![None; n_units as usize],
            per_instance,
            is_plain: rules.is_plain(),
            tracks,
            held: Vec::new(),
            openings: Arena::with_capacity(64),
            ages: Salt::new(&plan.name, "age"),
            lane: plan.timeout.map(|timeout| cx.scheduler.add_lane(timeout)),
            in_use: cx.recorder.add_level(),
            capacity: cx.recorder.add_level(),
            shrinks_to: None,
            waiting: cx.recorder.add_level(),
            wait: cx.recorder.add_wait(),
            opened: cx.recorder.add_counter(),
            closed: cx.recorder.add_counter(),
            plan: plan.clone(),
        }
    }

    /// Where its connections lead.
    pub(in crate::component) fn database(&self) -> NodeId {
        self.plan.to
    }

    /// The lane of its timeouts, if there are any.
    pub(in crate::component) fn lane(&self) -> Option<LaneId> {
        self.lane
    }

    #[inline]
    fn unit_of(&self, frame: &Frame) -> usize {
        match self.plan.per {
            Scope::Shared => 0,
            Scope::Instance => frame.instance as usize,
            Scope::Worker => {
                (frame.instance * self.per_instance + u32::from(frame.worker)) as usize
            }
        }
    }

    fn units_of(&self, instance: u32) -> std::ops::Range<usize> {
        (instance * self.per_instance) as usize..((instance + 1) * self.per_instance) as usize
    }

    /// A request asks for a connection.
    #[inline]
    pub(in crate::component) fn ask(&mut self, id: RequestId, cx: &mut Context) -> Step {
        let (now, at) = (cx.now(), self.unit_of(&cx.requests.get(id).frame));
        let rules = &self.plan.rules;
        let asked = self.units[at].ask(rules, self.is_plain, id.index(), now);
        let closed = self.units[at].take_closed();
        if closed > 0 {
            self.has_closed(at, closed, cx);
        }
        if let Asked::Got(connection) = asked
            && !connection.dead
        {
            self.hold(id, connection);
            cx.recorder.level(self.in_use).up(now, 1);
            cx.recorder.no_wait(self.wait);
            return Step::Next;
        }
        cx.requests.get_mut(id).since = now;
        self.has_asked(id, at, asked, cx)
    }

    /// Connections were closed because nobody is to use them any more.
    #[cold]
    fn has_closed(&mut self, at: usize, closed: u32, cx: &mut Context) {
        self.note_closed(closed, cx);
        self.ends_sessions(at, cx);
        self.opens_in_background(at, cx);
    }

    /// What follows for a request that does not simply get a connection.
    fn has_asked(&mut self, id: RequestId, at: usize, asked: Asked, cx: &mut Context) -> Step {
        let now = cx.now();
        let step = match asked {
            Asked::Got(connection) => {
                cx.recorder.level(self.in_use).up(now, 1);
                if connection.dead {
                    // The first to use it finds that it is closed.
                    self.takes_back(at, connection, true, cx);
                    Step::Fail(Outcome::DatabaseReset)
                } else {
                    self.hold(id, connection);
                    Step::Next
                }
            }
            Asked::Tests(connection) => {
                cx.recorder.level(self.in_use).up(now, 1);
                self.hold(id, connection);
                cx.resume_after(self.plan.round_trip, id);
                Step::Blocked
            }
            Asked::Opens => {
                self.opens(at, Some(id), SimTime::NEVER, cx);
                Step::Blocked
            }
            Asked::Waits => {
                cx.requests.get_mut(id).flags.set(Flags::IN_LINE);
                cx.recorder.level(self.waiting).up(now, 1);
                if let Some(lane) = self.lane {
                    cx.scheduler.set_timer(lane, wait_timer(id, now));
                }
                Step::Blocked
            }
            Asked::Full => Step::Fail(Outcome::PoolFull),
            Asked::Refused => {
                // Nobody waits who would make the pool try again: whoever comes does.
                if self.units[at].opens_unasked(&self.plan.rules) {
                    self.opens(at, None, SimTime::NEVER, cx);
                }
                Step::Fail(Outcome::DatabaseRefused)
            }
        };
        self.opens_in_background(at, cx);
        step
    }

    /// A request in line has been told to ask again.
    pub(in crate::component) fn ask_again(&mut self, id: RequestId, cx: &mut Context) -> Step {
        let (now, at) = (cx.now(), self.unit_of(&cx.requests.get(id).frame));
        let rules = &self.plan.rules;
        let asked = self.units[at].ask(rules, self.is_plain, id.index(), now);
        let closed = self.units[at].take_closed();
        cx.requests.get_mut(id).flags.clear(Flags::CALLED);
        if closed > 0 {
            self.has_closed(at, closed, cx);
        }
        if asked == Asked::Waits {
            return Step::Blocked;
        }
        self.leaves_line(id, cx);
        if asked == Asked::Opens {
            self.opens_from_line(at, id, cx);
            return Step::Blocked;
        }
        if !matches!(asked, Asked::Tests(_)) {
            self.has_waited(id, cx);
        }
        self.has_asked(id, at, asked, cx)
    }

    /// The connection that a request got has been tested.
    pub(in crate::component) fn is_tested(&mut self, id: RequestId, cx: &mut Context) {
        self.has_waited(id, cx);
    }

    fn has_waited(&self, id: RequestId, cx: &mut Context) {
        let (now, since) = (cx.now(), cx.requests.get(id).since);
        cx.recorder.wait(self.wait, since, now);
    }

    /// Remembers which connection a request holds, where that matters.
    #[inline]
    pub(super) fn hold(&mut self, id: RequestId, connection: Connection) {
        if self.tracks {
            let at = id.index() as usize;
            if at >= self.held.len() {
                let room = (at + 1).next_power_of_two();
                self.held.resize(room, Connection::ANY);
            }
            self.held[at] = connection;
        }
    }

    /// A request gives its connection back, `broken` or not.
    #[inline]
    pub(in crate::component) fn give_back(
        &mut self,
        id: RequestId,
        broken: bool,
        cx: &mut Context,
    ) {
        let at = self.unit_of(&cx.requests.get(id).frame);
        let connection = if self.tracks {
            self.held[id.index() as usize]
        } else {
            Connection::ANY
        };
        self.takes_back(at, connection, broken, cx);
    }

    #[inline]
    pub(super) fn takes_back(
        &mut self,
        at: usize,
        connection: Connection,
        broken: bool,
        cx: &mut Context,
    ) {
        let now = cx.now();
        cx.recorder.level(self.in_use).down(now, 1);
        if let Some(capacity) = self.shrinks_to {
            cx.takes_places_away(self.capacity, self.in_use, capacity);
        }
        let rules = &self.plan.rules;
        let turn = self.units[at].give_back(rules, connection, broken, now);
        self.acts(at, turn, cx);
        self.watch(at, cx);
    }

    /// Does what the pool has decided on.
    #[inline]
    pub(super) fn acts(&mut self, at: usize, turn: Turn, cx: &mut Context) {
        let closed = self.units[at].take_closed();
        if closed > 0 {
            self.has_closed(at, closed, cx);
        }
        if turn != Turn::Rests {
            self.moves_up(at, turn, cx);
        }
    }

    /// Somebody in line moves.
    fn moves_up(&mut self, at: usize, turn: Turn, cx: &mut Context) {
        let now = cx.now();
        match turn {
            Turn::Rests => {}
            Turn::Gives(who, connection, tests) => {
                let id = RequestId::from_index(who);
                self.leaves_line(id, cx);
                self.hold(id, connection);
                cx.recorder.level(self.in_use).up(now, 1);
                if tests && self.plan.round_trip > SimDuration::ZERO {
                    cx.resume_after(self.plan.round_trip, id);
                } else {
                    self.has_waited(id, cx);
                    cx.wake(id, Wake::GoOn);
                }
            }
            Turn::Opens(who) => {
                let id = RequestId::from_index(who);
                self.leaves_line(id, cx);
                self.opens_from_line(at, id, cx);
            }
            Turn::Wakes(who) => {
                let id = RequestId::from_index(who);
                cx.requests.get_mut(id).flags.set(Flags::CALLED);
                cx.wake(id, Wake::Again);
            }
        }
    }

    /// A request that stood in line opens a connection; the time that it may wait goes on.
    fn opens_from_line(&mut self, at: usize, id: RequestId, cx: &mut Context) {
        let limit = match self.plan.timeout {
            Some(timeout) if self.plan.covers == Covers::WaitAndConnect => {
                cx.requests.get(id).since + timeout
            }
            _ => SimTime::NEVER,
        };
        self.opens(at, Some(id), limit, cx);
    }

    /// Books a request out of the line; it has been taken out already.
    fn leaves_line(&self, id: RequestId, cx: &mut Context) {
        let now = cx.now();
        cx.requests.get_mut(id).flags.clear(Flags::IN_LINE);
        cx.recorder.level(self.waiting).down(now, 1);
        if let Some(lane) = self.lane {
            let requests = &cx.requests;
            cx.scheduler
                .unset_timer(lane, |timer| is_in_line(requests, timer));
        }
    }

    /// A timer ran out: true if its request still waits here, as `waits_here` says, and for as long as
    /// the timer was set, and has to fail; then it waits no longer.
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
        let at = self.unit_of(&cx.requests.get(id).frame);
        let opens = self.units[at].times_out(&self.plan.rules, id.index());
        cx.requests.get_mut(id).flags.clear(Flags::IN_LINE);
        cx.recorder.level(self.waiting).down(now, 1);
        if let Some(lane) = self.lane {
            cx.scheduler.timer_ran_out(lane);
        }
        if opens {
            self.opens(at, Some(id), SimTime::NEVER, cx);
        } else {
            self.has_waited(id, cx);
        }
        !opens
    }

    /// An instance comes up: the connections that it has from the start are there, or are being opened.
    pub(in crate::component) fn starts(&mut self, instance: u32, cx: &mut Context) {
        let now = cx.now();
        let capacity = u64::from(self.plan.rules.most()) * u64::from(self.per_instance);
        cx.recorder.level(self.capacity).up(now, capacity);
        if let Some(target) = &mut self.shrinks_to {
            *target += capacity;
        }
        self.opens_first(self.units_of(instance), cx);
    }

    /// A process that has ended is there again, and so are the connections that it has from the start.
    pub(in crate::component) fn process_starts(
        &mut self,
        instance: u32,
        worker: u32,
        cx: &mut Context,
    ) {
        if self.plan.per == Scope::Worker {
            let at = (instance * self.per_instance + worker) as usize;
            self.opens_first(at..at + 1, cx);
        }
    }

    /// New units have the connections that they have from the start, or begin to open them.
    fn opens_first(&mut self, units: std::ops::Range<usize>, cx: &mut Context) {
        let now = cx.now();
        if !self.plan.eager {
            return;
        }
        for at in units {
            for _ in 0..self.plan.rules.min {
                if self.plan.rules.background().is_some() && now > SimTime::ZERO {
                    self.opens_in_background(at, cx);
                    break;
                }
                self.units[at].opens_ahead();
                self.opens(at, None, SimTime::NEVER, cx);
            }
        }
    }

    /// An instance stops; whoever is in its lines or holds its connections is dealt with by the caller.
    pub(in crate::component) fn stops(&mut self, instance: u32, cx: &mut Context) {
        let now = cx.now();
        self.ends(self.units_of(instance), cx);
        let capacity = u64::from(self.plan.rules.most()) * u64::from(self.per_instance);
        cx.recorder.level(self.capacity).down(now, capacity);
        if let Some(target) = &mut self.shrinks_to {
            *target -= capacity;
        }
    }

    /// A process has ended, and with it its own connections.
    pub(in crate::component) fn process_ends(
        &mut self,
        instance: u32,
        worker: u16,
        cx: &mut Context,
    ) {
        if self.plan.per == Scope::Worker {
            let at = (instance * self.per_instance + u32::from(worker)) as usize;
            self.ends(at..at + 1, cx);
        }
    }

    /// Units are gone, and with them all their connections.
    fn ends(&mut self, units: std::ops::Range<usize>, cx: &mut Context) {
        let now = cx.now();
        let mut closed = 0;
        self.forgets(&units, cx);
        for at in units {
            if let Some(pause) = self.pauses[at].take() {
                // Nobody is there any more who would open another one then.
                cx.scheduler.cancel(pause);
            }
            let unit = &mut self.units[at];
            closed += unit.n_live();
            let held = unit.n_held();
            unit.stop();
            cx.recorder.level(self.in_use).down(now, u64::from(held));
            self.ends_sessions(at, cx);
        }
        self.note_closed(closed, cx);
    }

    /// The database closes all connections.
    pub(in crate::component) fn breaks(&mut self, cx: &mut Context) {
        for at in 0..self.units.len() {
            let closed = self.units[at].breaks(&self.plan.rules);
            if closed > 0 {
                self.has_closed(at, closed, cx);
            }
        }
    }

    /// Connections that the database knew are closed.
    pub(super) fn note_closed(&self, n: u32, cx: &mut Context) {
        if n > 0 {
            for _ in 0..n {
                cx.recorder.count(self.closed);
            }
            cx.notices.push_back(Notice::Closed {
                database: self.plan.to,
                n,
            });
        }
    }

    /// A request that waits here will not be missed.
    pub(in crate::component) fn withdraw(&mut self, id: RequestId, cx: &mut Context) {
        if cx.requests.get(id).flags.has(Flags::IN_LINE) {
            if !cx.requests.get(id).flags.has(Flags::CALLED) {
                let at = self.unit_of(&cx.requests.get(id).frame);
                self.units[at].leaves_line(id.index());
            }
            self.leaves_line(id, cx);
            self.has_waited(id, cx);
        } else if !self.is_orphaned(id, cx) {
            // Its connection is being tested.
            let slot = cx.requests.get(id).slot();
            cx.scheduler.cancel(slot);
            self.give_back(id, false, cx);
        }
    }

    /// When a connection that is opened now becomes too old.
    pub(super) fn expires(&self, at: usize, now: SimTime) -> SimTime {
        let Some(age) = self.plan.max_age else {
            return SimTime::NEVER;
        };
        let number = (at as u64) << 32 | u64::from(self.units[at].n_made());
        let share = self.ages.uniform(number) as f64 / 2f64.powi(64);
        let less = self.plan.max_age_variance.get() * share;
        now + SimDuration::from_nanos_f64(age.as_nanos() as f64 * (1.0 - less))
    }

    /// Schedules the next end of an idle time, if there is one and nobody watches.
    #[inline]
    pub(super) fn watch(&mut self, at: usize, cx: &mut Context) {
        let rules = &self.plan.rules;
        if rules.idle_timeout.is_none() && rules.expires != Expires::WhenIdle {
            return;
        }
        if self.watched[at] {
            return;
        }
        let Some(due) = self.units[at].next_close(rules) else {
            return;
        };
        self.watched[at] = true;
        let part = u32::from(self.id.number) << UNIT_BITS | at as u32;
        let signal = Event::Signal(self.id.owner, IDLE, part);
        cx.scheduler.at(due.max(cx.now()), Class::Control, signal);
    }

    /// Somebody's idle time may be over.
    fn idle_time_ends(&mut self, at: usize, cx: &mut Context) {
        self.watched[at] = false;
        let closed = self.units[at].close_idle(&self.plan.rules, cx.now());
        if closed > 0 {
            self.has_closed(at, closed, cx);
        }
        self.watch(at, cx);
    }

    /// A signal of a component's pools has come.
    pub(in crate::component) fn signal(pools: &mut [Self], code: u8, part: u32, cx: &mut Context) {
        let (number, part) = (part >> UNIT_BITS, part & ((1 << UNIT_BITS) - 1));
        let pool = &mut pools[number as usize];
        if code == IDLE {
            pool.idle_time_ends(part as usize, cx);
        } else {
            pool.opening_signal(code, part, cx);
        }
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
pub(in crate::component) fn is_in_line(requests: &Requests, timer: Timer) -> bool {
    let request = requests.get(RequestId::from_index(timer.subject));
    request.flags.has(Flags::IN_LINE) && request.since.as_nanos() as u32 == timer.generation
}
