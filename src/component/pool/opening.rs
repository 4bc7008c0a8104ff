//! Opening connections: on its way over the network, at the database, there or refused; given up on the way.

use super::state::{BEGIN, FAILED, LIMIT, Pool, REACHED, UNIT_BITS};
use crate::component::arena::NOBODY;
use crate::component::request::RequestId;
use crate::component::{Context, Event, Notice, Wake};
use crate::engine::{Class, Slot};
use crate::metrics::Outcome;
use crate::policy::pool::Covers;
use crate::units::{SimDuration, SimTime};

/// No unit: the pool that wanted a connection is gone.
const NO_UNIT: u32 = u32::MAX;

/// A connection that is being opened.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    /// For which unit; for none if nobody wants it any more.
    unit: u32,
    /// The request that waits for it.
    waiter: u32,
    /// When the attempt is given up.
    limit: SimTime,
    /// The earlier of that and of when the waiter gives up.
    timer: Option<Slot>,
    /// Whether the database counts it as a connection.
    is_counted: bool,
}

impl Pool {
    fn part_of(&self, opening: u32) -> u32 {
        u32::from(self.id.number) << UNIT_BITS | opening
    }

    /// A connection is opened for a unit: for a request that waits for it until `waiter_limit` at most, or
    /// for whoever comes.
    pub(super) fn opens(
        &mut self,
        at: usize,
        waiter: Option<RequestId>,
        waiter_limit: SimTime,
        cx: &mut Context,
    ) {
        let now = cx.now();
        let limit = match self.plan.timeout {
            Some(timeout) if self.plan.covers == Covers::WaitAndConnect => now + timeout,
            _ => SimTime::NEVER,
        };
        if waiter.is_some() {
            cx.recorder.level(self.in_use).up(now, 1);
        }
        let opening = self.openings.add(Opening {
            unit: at as u32,
            waiter: waiter.map_or(NOBODY, RequestId::index),
            limit,
            timer: None,
            is_counted: false,
        });
        self.set_limit(opening, limit.min(waiter_limit), cx);
        cx.recorder.count(self.opened);
        cx.notices.push_back(Notice::Opens {
            pool: self.id,
            opening,
        });
    }

    fn set_limit(&mut self, opening: u32, due: SimTime, cx: &mut Context) {
        if due == SimTime::NEVER {
            return;
        }
        let signal = Event::Signal(self.id.owner, LIMIT, self.part_of(opening));
        let slot = cx.scheduler.at(due, Class::Timer, signal);
        if let Some(own) = self.openings.get_mut(opening) {
            own.timer = Some(slot);
        }
    }

    /// The database takes the connection or not: the network takes its time.
    pub(in crate::component) fn is_answered(
        &mut self,
        opening: u32,
        taken: bool,
        cx: &mut Context,
    ) {
        let part = self.part_of(opening);
        let Some(own) = self.openings.get_mut(opening) else {
            return;
        };
        own.is_counted = taken;
        if own.unit == NO_UNIT {
            return self.is_over(opening, cx);
        }
        if !taken {
            let span = self.plan.round_trip.times(2);
            if span == SimDuration::ZERO {
                return self.fails(opening, Outcome::DatabaseRefused, cx);
            }
            let signal = Event::Signal(self.id.owner, FAILED, part);
            cx.signal_after(span, Class::Completion, signal);
            return;
        }
        if cx.now() == SimTime::ZERO && own.waiter == NOBODY {
            // The run begins with instances that have been there for long.
            return self.opened(opening, cx);
        }
        let Some(connect) = self.plan.connect else {
            return self.reaches(opening, cx);
        };
        let seed = if own.waiter == NOBODY {
            let made = self.units[own.unit as usize].n_made();
            u64::from(own.unit) << 32 | u64::from(made)
        } else {
            cx.requests.get(RequestId::from_index(own.waiter)).seed()
        };
        let span = cx.program.draw(connect, seed);
        let signal = Event::Signal(self.id.owner, REACHED, part);
        cx.signal_after(span, Class::Completion, signal);
    }

    /// The network has done its part; now the database has to do its own, if anybody still wants it.
    pub(super) fn reaches(&mut self, opening: u32, cx: &mut Context) {
        let is_wanted = self
            .openings
            .get(opening)
            .is_some_and(|own| own.unit != NO_UNIT);
        if is_wanted {
            cx.notices.push_back(Notice::Reaches {
                pool: self.id,
                opening,
            });
        } else {
            self.is_over(opening, cx);
        }
    }

    /// The end of an attempt: gives it back, and what the database counts as a connection with it if it is
    /// not `kept`.
    fn takes_out(&mut self, opening: u32, kept: bool, cx: &mut Context) -> Option<Opening> {
        let own = self.openings.remove(opening)?;
        if let Some(slot) = own.timer {
            cx.scheduler.cancel(slot);
        }
        if own.is_counted && !kept {
            self.note_closed(1, cx);
        }
        Some(own)
    }

    /// An attempt that nobody wants any more is over.
    fn is_over(&mut self, opening: u32, cx: &mut Context) {
        self.takes_out(opening, false, cx);
    }

    /// A connection is open.
    pub(in crate::component) fn opened(&mut self, opening: u32, cx: &mut Context) {
        let is_wanted = self
            .openings
            .get(opening)
            .is_some_and(|own| own.unit != NO_UNIT);
        let Some(own) = self.takes_out(opening, is_wanted, cx).filter(|_| is_wanted) else {
            return;
        };
        let (at, now) = (own.unit as usize, cx.now());
        let expires = self.expires(at, now);
        if own.waiter == NOBODY {
            let turn = self.units[at].opened_for_any(&self.plan.rules, expires, now);
            self.acts(at, turn, cx);
        } else {
            let connection = self.units[at].opened(expires);
            let id = RequestId::from_index(own.waiter);
            self.hold(id, connection);
            cx.recorder.wait(self.wait, cx.requests.get(id).since, now);
            cx.wake(id, Wake::GoOn);
        }
        self.pauses(at, cx);
        self.watch(at, cx);
    }

    /// A connection cannot be opened.
    pub(in crate::component) fn fails(&mut self, opening: u32, outcome: Outcome, cx: &mut Context) {
        let Some(own) = self.takes_out(opening, false, cx) else {
            return;
        };
        if own.unit == NO_UNIT {
            return;
        }
        self.loses(own.unit as usize, own.waiter, outcome, cx);
    }

    /// A unit does not get the connection that was being opened for it.
    fn loses(&mut self, at: usize, waiter: u32, outcome: Outcome, cx: &mut Context) {
        if waiter != NOBODY {
            let id = RequestId::from_index(waiter);
            let now = cx.now();
            cx.recorder.level(self.in_use).down(now, 1);
            cx.recorder.wait(self.wait, cx.requests.get(id).since, now);
            cx.wake(id, Wake::Fail(outcome));
        }
        let turn = self.units[at].open_fails(&self.plan.rules);
        self.acts(at, turn, cx);
        self.pauses(at, cx);
    }

    /// The time of an attempt or of the request that waits for it is up.
    pub(super) fn limit_is_reached(&mut self, opening: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(own) = self.openings.get_mut(opening) else {
            return;
        };
        own.timer = None;
        let (at, waiter) = (own.unit as usize, own.waiter);
        if own.limit <= now {
            // What the database does about it, it does to the end.
            (own.unit, own.waiter) = (NO_UNIT, NOBODY);
            return self.loses(at, waiter, Outcome::PoolTimeout, cx);
        }
        let limit = own.limit;
        own.waiter = NOBODY;
        cx.recorder.level(self.in_use).down(now, 1);
        let id = RequestId::from_index(waiter);
        cx.recorder.wait(self.wait, cx.requests.get(id).since, now);
        cx.wake(id, Wake::Fail(Outcome::PoolTimeout));
        self.set_limit(opening, limit, cx);
    }

    /// A request will not be missed that waits for a connection to be opened; it becomes anybody's. False
    /// if it waits for none.
    pub(in crate::component) fn is_orphaned(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let found = self
            .openings
            .iter()
            .find(|(_, own)| own.waiter == id.index());
        let Some(opening) = found.map(|(at, _)| at) else {
            return false;
        };
        if let Some(own) = self.openings.get_mut(opening) {
            own.waiter = NOBODY;
            let (timer, limit) = (own.timer.take(), own.limit);
            if let Some(slot) = timer {
                cx.scheduler.cancel(slot);
            }
            let now = cx.now();
            cx.recorder.level(self.in_use).down(now, 1);
            self.set_limit(opening, limit, cx);
        }
        true
    }

    /// The units of an instance are gone: what is being opened for them is wanted by nobody.
    pub(super) fn forgets(&mut self, units: &std::ops::Range<usize>, cx: &mut Context) {
        let hit = |own: &Opening| units.contains(&(own.unit as usize));
        loop {
            let found = self.openings.iter().find(|(_, own)| hit(own));
            let Some(opening) = found.map(|(at, _)| at) else {
                return;
            };
            if let Some(own) = self.openings.get_mut(opening) {
                debug_assert_eq!(own.waiter, NOBODY, "whoever waited has left");
                own.unit = NO_UNIT;
                if let Some(slot) = own.timer.take() {
                    cx.scheduler.cancel(slot);
                }
            }
        }
    }

    /// The pool itself opens a connection for a unit, if it wants one and does not do so already.
    pub(super) fn opens_in_background(&mut self, at: usize, cx: &mut Context) {
        if self.units[at].opens_one(&self.plan.rules) {
            self.opens(at, None, SimTime::NEVER, cx);
        }
    }

    /// After an attempt of its own the pool pauses.
    fn pauses(&mut self, at: usize, cx: &mut Context) {
        if self.plan.rules.background().is_none() {
            return;
        }
        let pause = self.units[at].pauses(&self.plan.rules);
        if pause == SimDuration::ZERO {
            self.units[at].pause_ends();
            return self.opens_in_background(at, cx);
        }
        let signal = Event::Signal(self.id.owner, BEGIN, self.part_of(at as u32));
        let slot = cx.signal_after(pause, Class::Completion, signal);
        // What several attempts at a time are followed by is one pause.
        if let Some(earlier) = self.pauses[at].replace(slot) {
            cx.scheduler.cancel(earlier);
        }
    }

    /// Its own signals, as far as they concern connections that are being opened.
    pub(super) fn opening_signal(&mut self, code: u8, part: u32, cx: &mut Context) {
        match code {
            REACHED => self.reaches(part, cx),
            FAILED => self.fails(part, Outcome::DatabaseRefused, cx),
            LIMIT => self.limit_is_reached(part, cx),
            _ => {
                let at = part as usize;
                self.pauses[at] = None;
                self.units[at].pause_ends();
                self.opens_in_background(at, cx);
            }
        }
    }

    /// Attempts that the database counts as connections.
    pub(super) fn n_counted(&self) -> u64 {
        let counted = self.openings.iter().filter(|(_, own)| own.is_counted);
        counted.count() as u64
    }

    /// Requests that wait for a connection that they open.
    pub(super) fn n_awaited(&self) -> u64 {
        let awaited = self.openings.iter().filter(|(_, own)| own.waiter != NOBODY);
        awaited.count() as u64
    }
}
