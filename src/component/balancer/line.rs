//! Requests that wait at a balancer for a server with room: what can be said about it, what is recorded of it, and
//! how requests come into its lines and out of them. Who is next is said by [`policy::upstream`](crate::policy::upstream).
//!
//! A request in line is nowhere: it is marked as one in transit that stands in line, and the number of its frame's
//! instance is its place. When its turn has come it is counted at its server at once, and sent there as soon as
//! the present handler is through.

use super::upstream::{Nowhere, Upstream};
use crate::component::request::{Flags, RequestId};
use crate::component::{Context, Resource, Wake};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::engine::{LaneId, Timer};
use crate::metrics::{LevelId, Outcome, WaitId};
use crate::policy::upstream::{LineRules, MayWait, Place, Queue, Server, Waiter};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimDuration;

spec! {
    /// How requests wait where no server has room for another: `queue = { timeout = "5s" }`. One line for all
    /// servers, whose next freed place goes to the first in it; and one for each server, of those that are bound
    /// to it by stickiness or by their address. A server with room takes the older of the two that stand first.
    pub struct LineSpec {
        /// How long a request may wait; for ever unless given.
        pub timeout: Option<At<SimDuration>>,
        /// How many may wait for any server, at each balancer; more are turned away. Any number unless given.
        pub max: Option<At<Count>>,
        /// How many may wait for one server that they are bound to, at each balancer (HAProxy's `maxqueue`). More
        /// are sent to another server, or turned away where their address binds them, or where retries never go to
        /// another server. Any number unless given.
        pub max_per_server: Option<At<Count>>,
    }
    check(Self::check)
}

impl LineSpec {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if let Some(timeout) = self.timeout.filter(|t| t.value == SimDuration::ZERO) {
            let problem = "a request that may wait for no time needs no queue";
            out.push(Diagnostic::error(timeout.origin, problem));
        }
    }
}

/// How requests wait, with every number at hand.
#[derive(Debug, Clone, Copy)]
pub struct LinePlan {
    /// How many may.
    pub rules: LineRules,
    /// How long.
    pub timeout: Option<SimDuration>,
    /// Whether those bound to a server with too many waiting are sent to another.
    pub redispatch: bool,
}

impl LinePlan {
    /// The line of a balancer.
    pub fn new(own: &LineSpec, redispatch: bool) -> Self {
        Self {
            rules: LineRules {
                most: own.max.map(|max| max.get()),
                most_bound: own.max_per_server.map(|max| max.get()),
                most_in_all: None,
            },
            timeout: own.timeout.map(|timeout| timeout.value),
            redispatch,
        }
    }
}

/// The lines of a balancer, of all its views.
#[derive(Debug)]
pub(in crate::component) struct Line {
    queue: Queue,
    pub(super) redispatch: bool,
    /// Timers of those who wait.
    timeout: Option<(LaneId, SimDuration)>,
    waiting: LevelId,
    wait: WaitId,
    /// Requests under way at servers, and how many there may be where all have a limit.
    used: LevelId,
    places: Option<LevelId>,
}

impl Line {
    pub(super) fn new(
        plan: &LinePlan,
        (servers, n_views): (&[Server], u32),
        cx: &mut Context,
    ) -> Self {
        let recorder = &mut cx.recorder;
        let is_limited = servers.iter().all(|server| server.max_conns > 0);
        let (waiting, wait, used) = (
            recorder.add_level(),
            recorder.add_wait(),
            recorder.add_level(),
        );
        Self {
            queue: Queue::new(n_views, servers.len() as u32),
            redispatch: plan.redispatch,
            timeout: plan
                .timeout
                .map(|length| (cx.scheduler.add_lane(length), length)),
            waiting,
            wait,
            used,
            places: is_limited.then(|| cx.recorder.add_level()),
        }
    }

    /// A request has gone to a server without waiting.
    #[inline]
    pub(super) fn is_passed(&self, cx: &mut Context) {
        let now = cx.now();
        cx.recorder.no_wait(self.wait);
        cx.recorder.level(self.used).up(now, 1);
    }

    /// A request is under way at a server no more; the place of one that is not there any more goes with it.
    #[inline]
    pub(super) fn comes_back(&self, is_there: bool, cx: &mut Context) {
        let now = cx.now();
        cx.recorder.level(self.used).down(now, 1);
        if let Some(places) = self.places.filter(|_| !is_there) {
            cx.recorder.level(places).down(now, 1);
        }
    }

    /// A server is there, or not any more, with so many of a view's requests still under way: these keep their
    /// places.
    pub(super) fn places_change(
        &self,
        (server, active): (Server, u32),
        is_there: bool,
        cx: &mut Context,
    ) {
        let (Some(level), false) = (self.places, server.down) else {
            return;
        };
        let (now, n) = (cx.now(), server.max_conns.saturating_sub(active));
        if is_there {
            cx.recorder.level(level).up(now, u64::from(n));
        } else {
            cx.recorder.level(level).down(now, u64::from(n));
        }
    }

    /// A request that waited does so no longer.
    fn is_over(&self, waiter: Waiter, cx: &mut Context) -> RequestId {
        let (now, id) = (cx.now(), RequestId::from_index(waiter.who));
        let flags = &mut cx.requests.get_mut(id).flags;
        flags.clear(Flags::IN_LINE);
        cx.recorder.level(self.waiting).down(now, 1);
        cx.recorder.wait(self.wait, waiter.since, now);
        id
    }

    fn unsets_timer(&self, cx: &mut Context) {
        if let Some((lane, _)) = self.timeout {
            let queue = &self.queue;
            let is_live = |timer: Timer| queue.at(place(timer)).is_some();
            cx.scheduler.unset_timer(lane, is_live);
        }
    }

    /// True if somebody waits for this timer.
    pub(in crate::component) fn is_awaited(&self, timer: Timer) -> bool {
        self.queue.at(place(timer)).is_some()
    }

    pub(in crate::component) fn lane(&self) -> Option<LaneId> {
        self.timeout.map(|(lane, _)| lane)
    }

    pub(super) fn resource(&self, component: &str) -> Resource {
        Resource {
            component: component.to_owned(),
            what: "server connections".to_owned(),
            unit: "connection",
            used: self.used,
            capacity: self.places,
            scale: 1.0,
            waiting: Some(self.waiting),
            wait: Some(self.wait),
        }
    }

    /// Compares its books with the requests in flight.
    pub(super) fn audit(&self, (waiting, under_way): (u64, u64), cx: &Context) {
        let level = |level| cx.recorder.level_now(level);
        assert_eq!(
            self.queue.n_waiting(),
            waiting,
            "requests that wait at a balancer"
        );
        assert_eq!(level(self.waiting), waiting, "as recorded");
        assert_eq!(
            level(self.used),
            under_way,
            "requests at servers, as recorded"
        );
        for waiter in self.queue.all() {
            let request = cx.requests.get(RequestId::from_index(waiter.who));
            let is_it = request.frame.instance == waiter.place.slot;
            assert!(
                is_it && request.flags.has(Flags::IN_LINE),
                "a place in line is that of a request"
            );
        }
    }
}

fn place(timer: Timer) -> Place {
    Place {
        slot: timer.subject,
        ticket: timer.generation,
    }
}

impl Upstream {
    /// A request that found no server with room, or is bound to one that has none, waits in line if it may.
    /// Nothing if there is nobody to wait for.
    #[cold]
    pub(super) fn waits_in_line(
        &mut self,
        id: RequestId,
        (view, bound): (u32, Option<u32>),
        cx: &mut Context,
    ) -> Option<Nowhere> {
        let (line, now) = (self.line.as_mut()?, cx.now());
        let group = &mut self.groups[view as usize];
        let request = cx.requests.get(id);
        let kept = self.kept.get(&Self::key(id, &request.frame));
        let kept = kept.filter(|kept| kept.generation == request.generation);
        let trial = kept.map_or(&self.fresh, |kept| &kept.trial);
        match group.may_wait(bound, trial, now) {
            MayWait::Yes => {}
            MayWait::Nobody => return None,
            MayWait::Full => {
                let frame = request.frame;
                self.forgets(id, &frame, cx);
                return Some(Nowhere::Fails(Outcome::Shed));
            }
        }
        let place = group.waits(&mut line.queue, bound, (id.index(), now))?;
        if let Some((lane, _)) = line.timeout {
            let timer = Timer {
                subject: place.slot,
                generation: place.ticket,
            };
            cx.scheduler.set_timer(lane, timer);
        }
        cx.recorder.level(line.waiting).up(now, 1);
        let request = cx.requests.get_mut(id);
        request.flags.set(Flags::IN_TRANSIT | Flags::IN_LINE);
        request.frame.instance = place.slot;
        if self.may_return {
            // Servers come back without anybody saying so, once failures are forgotten.
            for peer in 0..self.groups[view as usize].n_places() {
                self.moves_up(view, peer, cx);
            }
        }
        Some(Nowhere::Waits)
    }

    /// A server may have room, or may not be there any more: whoever waits for it goes on.
    #[inline]
    pub(super) fn moves_up(&mut self, view: u32, peer: u32, cx: &mut Context) {
        if self.groups[view as usize].has_waiting() {
            self.moves_those_who_wait(view, peer, cx);
        }
    }

    #[cold]
    fn moves_those_who_wait(&mut self, view: u32, peer: u32, cx: &mut Context) {
        let (Some(line), now) = (&mut self.line, cx.now()) else {
            return;
        };
        let group = &mut self.groups[view as usize];
        while let Some(next) = group.takes_next(&mut line.queue, peer, now) {
            line.unsets_timer(cx);
            let id = line.is_over(next, cx);
            cx.recorder.level(line.used).up(now, 1);
            let request = cx.requests.get_mut(id);
            request.flags.set(Flags::CALLED);
            request.frame.instance = peer;
            cx.wake(id, Wake::Dispatch);
        }
        while let Some(next) = group.sends_away(&mut line.queue, peer, now) {
            line.unsets_timer(cx);
            let id = line.is_over(next, cx);
            cx.wake(id, Wake::Dispatch);
        }
    }

    /// A request in line has waited as long as it may, if the timer is its own: it waits no longer.
    pub(in crate::component) fn line_times_out(
        &mut self,
        timer: Timer,
        cx: &mut Context,
    ) -> Option<RequestId> {
        let line = self.line.as_ref()?;
        let waiter = line.queue.at(place(timer))?;
        if let Some((lane, _)) = line.timeout {
            cx.scheduler.timer_ran_out(lane);
        }
        Some(self.gives_up_place(waiter, cx))
    }

    /// A request in line will not be missed: it waits no longer.
    pub(in crate::component) fn leaves_line(&mut self, id: RequestId, cx: &mut Context) {
        let slot = cx.requests.get(id).frame.instance;
        let waiter = self.line.as_ref().and_then(|line| line.queue.in_slot(slot));
        if let Some(waiter) = waiter {
            self.gives_up_place(waiter, cx);
            if let Some(line) = &self.line {
                line.unsets_timer(cx);
            }
        }
    }

    fn gives_up_place(&mut self, waiter: Waiter, cx: &mut Context) -> RequestId {
        let id = RequestId::from_index(waiter.who);
        let frame = cx.requests.get(id).frame;
        let kept = self.kept_of(id, &frame, &cx.requests);
        let view = kept.map_or_else(|| self.view_of(id, &frame, &cx.requests), |kept| kept.view);
        if let Some(line) = &mut self.line {
            self.groups[view as usize].leaves_line(&mut line.queue, waiter);
            line.is_over(waiter, cx);
        }
        cx.requests.get_mut(id).flags.clear(Flags::IN_TRANSIT);
        self.forgets(id, &frame, cx);
        id
    }
}
