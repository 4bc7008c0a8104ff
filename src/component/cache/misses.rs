//! What happens on a miss: who goes and gets it, who waits, and what is given out meanwhile.
//!
//! A *flight* is somebody on the way to get what is under a key: the request that missed it, or one of the
//! cache's own in the background. Such a request of its own starts where the miss would have gone on, holds no
//! worker, ends when the entry is there, and is nobody's outcome.

use std::collections::BTreeMap;

use super::units::Units;
use super::{OnConcurrentMiss, State, Step, after, key, size, unit_of};
use crate::component::arena::NOBODY;
use crate::component::program::{KeysId, Op, Visit};
use crate::component::request::{Flags, Frame, Line, RequestId};
use crate::component::{Context, NodeId, Wake};
use crate::math;
use crate::metrics::Outcome;
use crate::policy::eviction::Index;
use crate::units::{SimDuration, SimTime};

/// Somebody on the way.
#[derive(Debug, Clone, Copy)]
struct Flight {
    /// By its index; nobody if it was killed and its lock is still there.
    leader: u32,
    since: SimTime,
    /// Who waits for it.
    line: Line,
}

/// Who is on the way, by process or cache and by key.
#[derive(Debug)]
pub(super) struct Flights {
    index: Index<(u64, u64)>,
    all: Vec<Flight>,
    free: Vec<u32>,
    /// How long whoever goes has; then somebody else may.
    lease: SimDuration,
}

impl Flights {
    pub(super) fn new(how: &OnConcurrentMiss) -> Self {
        Self {
            index: Index::default(),
            all: Vec::new(),
            free: Vec::new(),
            lease: match how {
                OnConcurrentMiss::Lock(lock) => lock.lease.value,
                OnConcurrentMiss::None(_) | OnConcurrentMiss::SingleFlight(_) => SimDuration::MAX,
            },
        }
    }

    /// Somebody on the way, whose time is not over: whose lock was left behind is nobody then.
    fn under_way(&mut self, of: (u64, u64), now: SimTime) -> Option<&mut Flight> {
        let lease = self.lease;
        self.find(of)
            .filter(|flight| now < after(flight.since, lease))
    }

    fn find(&mut self, of: (u64, u64)) -> Option<&mut Flight> {
        let at = self.index.find(of)?;
        Some(&mut self.all[at as usize])
    }

    /// Somebody goes; it takes the place of one whose time is over.
    fn begin(&mut self, of: (u64, u64), leader: u32, since: SimTime) {
        if let Some(flight) = self.find(of) {
            (flight.leader, flight.since) = (leader, since);
            return;
        }
        let line = Line::default();
        let flight = Flight {
            leader,
            since,
            line,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.all[at as usize] = flight;
                at
            }
            None => {
                self.all.push(flight);
                self.free.reserve(self.all.len());
                (self.all.len() - 1) as u32
            }
        };
        self.index.set(of, at);
    }

    fn end(&mut self, of: (u64, u64)) -> Option<Flight> {
        let at = self.index.remove(of)?;
        self.free.push(at);
        Some(self.all[at as usize])
    }
}

/// A look-up: where it is in the program, and what it is.
type Look = (u16, Visit);

impl State {
    /// Whose flights a request with this frame can join: those of its process, or of everybody who asks its
    /// cache.
    fn flights_of(&self, frame: &Frame) -> u64 {
        match self.plan.on_concurrent_miss {
            OnConcurrentMiss::SingleFlight(_) => {
                let process = u64::from(frame.instance) << 16 | u64::from(frame.worker);
                (frame.node.index() as u64) << 48 | process
            }
            _ => unit_of(self.scope, self.workers, frame) as u64,
        }
    }

    /// A look-up in a cache that can do more than the plain ones.
    pub(super) fn looks_closely(
        &mut self,
        id: RequestId,
        keys: KeysId,
        hit: u16,
        cx: &mut Context,
    ) -> Step {
        if let Units::Ratios(_) = self.units {
            return self.looks_by_chance(id, keys, hit, cx);
        }
        let now = cx.now();
        let frame = cx.requests.get(id).frame;
        let key = key(keys, id, cx);
        let at = unit_of(self.scope, self.workers, &frame);
        // Whoever looks again has waited for somebody else.
        let has_waited = stops_waiting(id, cx);
        let shelf = self.units.shelf(at);
        let entry = shelf.using(key, now).map(|entry| {
            if self.plan.renewed_by_hits && now < entry.good_until {
                entry.good_until = after(now, self.ttl);
            }
            *entry
        });
        let Some(entry) = entry else {
            return self.misses(id, (self.flights_of(&frame), key), has_waited, cx);
        };
        let of = (self.flights_of(&frame), key);
        let in_background = self.plan.stale_while_revalidate > SimDuration::ZERO;
        if now < entry.good_until {
            if self.is_early(id, entry.good_until, entry.took, cx)
                && self.flights.under_way(of, now).is_none()
            {
                if !in_background {
                    return self.misses(id, of, None, cx);
                }
                self.refreshes(id, of, cx);
            }
            let counts = &self.counts;
            let how = if has_waited.is_some() {
                counts.coalesced
            } else {
                counts.hits
            };
            cx.recorder.count(how);
            return Step::Jump(hit);
        }
        if in_background && now < after(entry.good_until, self.plan.stale_while_revalidate) {
            if self.flights.under_way(of, now).is_none() {
                self.refreshes(id, of, cx);
            }
            cx.recorder.count(self.counts.stale);
            return Step::Jump(hit);
        }
        let is_dead = now >= after(entry.good_until, self.plan.stale_if_error);
        let shelf = self.units.shelf(at);
        if is_dead && shelf.deletes_expired() {
            shelf.remove(key, |key| size(key, &self.plan, cx));
        }
        self.misses(id, of, has_waited, cx)
    }

    /// True if a request gets a new entry before the old one has expired.
    fn is_early(&self, id: RequestId, until: SimTime, took: SimDuration, cx: &Context) -> bool {
        if self.plan.early == 0.0 {
            return false;
        }
        let drawn = self.early.uniform(cx.requests.get(id).seed());
        let drawn = ((drawn >> 11) + 1) as f64 / (1u64 << 53) as f64;
        let early = took.as_nanos() as f64 * self.plan.early * -math::ln(drawn);
        after(cx.now(), SimDuration::from_nanos_f64(early)) >= until
    }

    /// What a request asks for has to be got: by itself, or it waits for whoever does.
    fn misses(
        &mut self,
        id: RequestId,
        of: (u64, u64),
        has_waited: Option<SimTime>,
        cx: &mut Context,
    ) -> Step {
        let now = cx.now();
        if !self.plan.minds_misses {
            cx.recorder.count(self.counts.misses);
            return Step::Next;
        }
        let flight = self.flights.under_way(of, now);
        match (&self.plan.on_concurrent_miss, flight) {
            (_, None) => self.flights.begin(of, id.index(), now),
            (OnConcurrentMiss::SingleFlight(_), Some(flight)) => {
                flight.line.push(&mut cx.requests, id);
                let request = cx.requests.get_mut(id);
                request.flags.set(Flags::IN_LINE);
                request.since = now;
                return Step::Blocked;
            }
            (OnConcurrentMiss::Lock(lock), Some(_)) => {
                let since = has_waited.unwrap_or(now);
                if now < since + lock.timeout.value {
                    let interval = lock.interval.value;
                    let again = interval + self.look_time(id, cx);
                    cx.resume_after(again, id);
                    let request = cx.requests.get_mut(id);
                    request.flags.set(Flags::IN_LINE);
                    request.since = since;
                    return Step::Blocked;
                }
            }
            (OnConcurrentMiss::None(_), Some(_)) => {}
        }
        cx.recorder.count(self.counts.misses);
        Step::Next
    }

    fn look_time(&self, id: RequestId, cx: &Context) -> SimDuration {
        let seed = cx.requests.get(id).seed();
        let time = self.time.map(|time| cx.program.draw(time, seed));
        time.unwrap_or(SimDuration::ZERO)
    }

    /// Gets what a request asks for in the background.
    fn refreshes(&mut self, id: RequestId, of: (u64, u64), cx: &mut Context) {
        let now = cx.now();
        let asks = *cx.requests.get(id);
        let theirs = cx.requests.extra(id);
        // It begins behind the look-up: whatever becomes of its instance before it has done anything, it is in what
        // follows the miss.
        let pc = asks.frame.pc + 1;
        let own = cx.requests.open(asks.flow, now, asks.number, pc);
        let request = cx.requests.get_mut(own);
        request.frame = Frame {
            pc,
            via: NodeId::NONE,
            entered: now,
            // Its work is its own.
            visit: (asks.frame.visit.rotate_left(5) ^ 0x51D1).wrapping_mul(0x9E37_79B1),
            ..asks.frame
        };
        let marks = asks.flags.marks() & !(Flags::CONDITIONAL | Flags::NEW_CONNECTION);
        request
            .flags
            .set(Flags::GONE | Flags::KEPT | Flags::INNER | marks);
        let extra = cx.requests.extra_mut(own);
        extra.forget();
        (extra.client, extra.address) = (theirs.client, theirs.address);
        extra.refreshes = asks.frame.pc;
        extra.waits_for = NOBODY;
        self.flights.begin(of, own.index(), now);
        cx.recorder.count(self.counts.refreshes);
        cx.wake(own, Wake::Begin);
    }

    /// A request puts in what it has got: whoever waited for it goes on. Gives how long it took, as far as
    /// that is known.
    pub(super) fn lands(&mut self, id: RequestId, keys: KeysId, cx: &mut Context) -> SimDuration {
        if !self.plan.minds_misses {
            return SimDuration::ZERO;
        }
        let now = cx.now();
        let frame = cx.requests.get(id).frame;
        let of = (self.flights_of(&frame), key(keys, id, cx));
        let Some(flight) = self.flights.find(of) else {
            return SimDuration::ZERO;
        };
        let took = now.since(flight.since);
        if flight.leader == id.index()
            && let Some(mut flight) = self.flights.end(of)
        {
            while let Some(next) = flight.line.pop(&mut cx.requests) {
                cx.recorder.count(self.counts.coalesced);
                let request = cx.requests.get_mut(next);
                request.flags.clear(Flags::IN_LINE);
                // Over what its own miss would have led to.
                if let Some(hit) = hit_of(request.frame.pc, cx) {
                    cx.requests.get_mut(next).frame.pc = hit - 1;
                }
                cx.wake(next, Wake::GoOn);
            }
        }
        took
    }

    /// What follows a miss of a request has failed, in this frame. Whoever waits for it hears; gives where the
    /// request goes on if there is something to give out all the same.
    pub(in crate::component) fn miss_fails(
        &mut self,
        (id, frame): (RequestId, &Frame),
        look: Look,
        outcome: Outcome,
        cx: &mut Context,
    ) -> Option<u16> {
        let (at, Visit::Look { keys, hit }) = look else {
            unreachable!("what is around a miss is a look-up")
        };
        let now = cx.now();
        let flags = cx.requests.get(id).flags;
        let of = (self.flights_of(frame), key(keys, id, cx));
        let unit = unit_of(self.scope, self.workers, frame);
        let entry = self.units.shelf(unit).peek(of.1);
        let has_stale =
            entry.is_some_and(|own| now < after(own.good_until, self.plan.stale_if_error));
        let has_stale = has_stale && outcome != Outcome::Killed;
        let leads = self
            .flights
            .find(of)
            .is_some_and(|own| own.leader == id.index());
        if leads {
            let is_lock = matches!(self.plan.on_concurrent_miss, OnConcurrentMiss::Lock(_));
            if is_lock && outcome == Outcome::Killed {
                // Nobody takes its lock away.
                if let Some(flight) = self.flights.find(of) {
                    flight.leader = NOBODY;
                }
            } else if let Some(flight) = self.flights.end(of) {
                self.lets_down(flight, has_stale, outcome, cx);
            }
        }
        let is_refresh = flags.is_background() && cx.requests.extra(id).refreshes == at;
        if !has_stale || is_refresh || flags.is_abandoned() {
            return None;
        }
        cx.recorder.count(self.counts.rescued);
        Some(hit)
    }

    /// A request goes on under another number: if it is on the way for this look-up, so does its flight.
    pub(in crate::component) fn is_renumbered(
        &mut self,
        (old, new): (RequestId, RequestId),
        (frame, look): (&Frame, Visit),
        cx: &Context,
    ) {
        let Visit::Look { keys, .. } = look else {
            unreachable!("what is around a miss is a look-up")
        };
        let of = (self.flights_of(frame), key(keys, new, cx));
        if let Some(flight) = self.flights.find(of)
            && flight.leader == old.index()
        {
            flight.leader = new.index();
        }
    }

    /// Whoever waits for a flight that has failed goes on with what is there, goes itself if whoever went has
    /// only been left by its client, or fails as well.
    fn lets_down(
        &mut self,
        mut flight: Flight,
        has_stale: bool,
        outcome: Outcome,
        cx: &mut Context,
    ) {
        while let Some(next) = flight.line.pop(&mut cx.requests) {
            cx.requests.get_mut(next).flags.clear(Flags::IN_LINE);
            if has_stale {
                cx.recorder.count(self.counts.stale);
                let pc = cx.requests.get(next).frame.pc;
                if let Some(hit) = hit_of(pc, cx) {
                    cx.requests.get_mut(next).frame.pc = hit - 1;
                }
                cx.wake(next, Wake::GoOn);
            } else if matches!(outcome, Outcome::ClientTimeout | Outcome::ClientAbort) {
                cx.resume_after(SimDuration::ZERO, next);
            } else {
                cx.recorder.count(self.counts.coalesced);
                cx.wake(next, Wake::Fail(outcome));
            }
        }
    }

    /// A request that waits for somebody else's flight waits no more; false if it does not.
    pub(super) fn leaves_flight(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let request = *cx.requests.get(id);
        if !request.flags.has(Flags::IN_LINE) {
            return false;
        }
        let Op::Visit(_, Visit::Look { keys, .. }) = *cx.program.op(request.frame.pc) else {
            return false;
        };
        cx.requests.get_mut(id).flags.clear(Flags::IN_LINE);
        if let OnConcurrentMiss::Lock(_) = self.plan.on_concurrent_miss {
            cx.scheduler.cancel(request.slot());
            return true;
        }
        let of = (self.flights_of(&request.frame), key(keys, id, cx));
        if let Some(flight) = self.flights.find(of) {
            flight.line.remove(&mut cx.requests, id);
        }
        true
    }

    /// A request that has got something in the background is over; others go on.
    pub(super) fn ends_refresh(&self, id: RequestId, cx: &Context) -> Step {
        if !self.plan.minds_misses {
            // What is around is a miss of another cache, which is not over yet.
            return Step::Next;
        }
        let request = cx.requests.get(id);
        let (pc, flags) = (request.frame.pc, request.flags);
        let look = cx.program.look_around(pc);
        let is_its_end = flags.is_background()
            && cx.requests.is_at_base(id)
            && look == Some(cx.requests.extra(id).refreshes);
        if is_its_end {
            // Behind the jump that others take.
            return Step::Jump(pc + 2);
        }
        Step::Next
    }

    /// Holds the flights against the requests: whoever is on the way is in what follows a miss of this key, and
    /// whoever waits stands in the line of somebody who is on the way.
    pub(super) fn audit_flights(&self, cx: &Context) {
        let name = &self.plan.name;
        let looks_up = |at: u16, frame: &Frame, id: RequestId| match *cx.program.op(at) {
            Op::Visit(node, Visit::Look { keys, .. }) if node == self.own => {
                Some((self.flights_of(frame), key(keys, id, cx)))
            }
            _ => None,
        };
        let mut lines: BTreeMap<u32, u32> = BTreeMap::new();
        for (id, request) in cx.requests.all() {
            let frame = &request.frame;
            let flags = request.flags;
            let is_inside = !flags.has(Flags::IN_TRANSIT) && frame.node != NodeId::NONE;
            if flags.has(Flags::IN_LINE)
                && is_inside
                && let OnConcurrentMiss::SingleFlight(_) = self.plan.on_concurrent_miss
                && let Some(of) = looks_up(frame.pc, frame, id)
            {
                let place = self.flights.index.find(of);
                assert!(place.is_some(), "a request waits for nobody in {name}");
                *lines.entry(place.unwrap_or(0)).or_default() += 1;
            }
        }
        let is_on_the_way = |id: RequestId, place: u32| {
            let around = |frame: &Frame| {
                let first = cx.program.look_around(frame.pc);
                std::iter::successors(first, |at| cx.program.look_around(*at))
                    .filter_map(|at| looks_up(at, frame, id))
                    .any(|of| self.flights.index.find(of) == Some(place))
            };
            cx.requests.is_live(id) && cx.requests.frames_of(id).any(around)
        };
        let mut is_free = vec![false; self.flights.all.len()];
        for place in &self.flights.free {
            is_free[*place as usize] = true;
        }
        for (place, flight) in self.flights.all.iter().enumerate() {
            let place = place as u32;
            if is_free[place as usize] {
                continue;
            }
            let in_line = lines.get(&place).copied().unwrap_or(0);
            assert_eq!(flight.line.len(), in_line, "who waits for a miss of {name}");
            assert!(
                flight.leader == NOBODY
                    || is_on_the_way(RequestId::from_index(flight.leader), place),
                "whoever is on the way for {name} does something else"
            );
        }
    }
}

/// Where a look-up goes on after a hit.
fn hit_of(pc: u16, cx: &Context) -> Option<u16> {
    match *cx.program.op(pc) {
        Op::Visit(_, Visit::Look { hit, .. }) => Some(hit),
        _ => None,
    }
}

/// A request looks again, or is about to: since when it has waited, if it has.
pub(super) fn stops_waiting(id: RequestId, cx: &mut Context) -> Option<SimTime> {
    let request = cx.requests.get_mut(id);
    if !request.flags.has(Flags::IN_LINE) {
        return None;
    }
    request.flags.clear(Flags::IN_LINE);
    Some(request.since)
}
