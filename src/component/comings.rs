//! How users come and go: at the start, by a load tool's schedule, and when their time is over.

use super::arena::NOBODY;
use super::errand::By;
use super::source::{Drive, Entry};
use super::user::{Doing, User};
use super::{Event, System};
use crate::engine::Class;
use crate::metrics::Outcome;
use crate::units::{SimDuration, SimTime};

/// A source has no further users or rounds from now on.
pub(super) const ENDS: u8 = 0;
/// Users who have not finished by now are stopped.
pub(super) const STOPS: u8 = 1;
/// A further user has been made ready.
pub(super) const READY: u8 = 2;

impl System {
    /// Time zero, for a source with users.
    pub(super) fn users_begin(&mut self, source: u16) {
        let state = &self.sources[source as usize];
        let (end, grace, ready) = (state.end, state.grace, state.ready_at_start());
        if end < SimTime::NEVER {
            let scheduler = &mut self.cx.scheduler;
            scheduler.at(end, Class::Control, Event::Source(source, ENDS));
            if grace < SimDuration::MAX {
                scheduler.at(end + grace, Class::Control, Event::Source(source, STOPS));
            }
        }
        for _ in 0..ready {
            if self.is_overfull() {
                return self.overflows();
            }
            let user = self.adds_user(source);
            self.sources[source as usize].idle.push(user);
        }
    }

    /// Something that a source scheduled for itself.
    pub(super) fn source_signal(&mut self, source: u16, code: u8) {
        match code {
            ENDS => {
                self.drops_the_rest(source);
                self.round_takers_go(source, 0);
            }
            STOPS => self.stops_all(source),
            _ => self.further_user_is_ready(source),
        }
    }

    /// The instant that a source with users has set: somebody comes, or the number of users changes.
    pub(super) fn source_acts(&mut self, source: u16) {
        let state = &mut self.sources[source as usize];
        let (what, next) = state.acts();
        self.cx.scheduler.set_arrival(source, next);
        let state = &self.sources[source as usize];
        match (what, state.drive) {
            (Entry::Users(wanted), _) => self.crew_becomes(source, wanted),
            (Entry::Tick { .. }, Drive::Paced { .. }) => self.round_is_due(source),
            (Entry::Tick { worker, phase }, _) => self.visitor_comes(source, worker, phase),
            (Entry::Arrival, Drive::Requests) => self.arrives_with_care(source),
            (Entry::Arrival, _) => self.visitor_comes(source, 0, 0),
        }
    }

    /// Rounds that should have begun by now are counted as dropped.
    fn drops_the_rest(&mut self, source: u16) {
        let state = &mut self.sources[source as usize];
        if let Drive::Shares { .. } = state.drive {
            let rest = std::mem::take(&mut state.rounds_left);
            self.cx.recorder.count_many(state.books.dropped, rest);
        }
    }

    pub(super) fn adds_user(&mut self, source: u16) -> u32 {
        let state = &mut self.sources[source as usize];
        let seat = state.n_users;
        state.n_users += 1;
        let client = state.client_of_user(seat);
        let now = self.cx.now();
        self.cx.recorder.level(state.books.users).up(now, 1);
        self.users.add(User::new(source, seat, client))
    }

    /// A visitor comes, goes through the flow once, and leaves.
    fn visitor_comes(&mut self, source: u16, worker: u32, phase: u32) {
        if self.is_overfull() {
            return self.overflows();
        }
        let state = &mut self.sources[source as usize];
        let number = state.next_number();
        if !state.lets_in(worker, phase) {
            self.cx.recorder.count(state.books.skipped);
            return;
        }
        let user = self.adds_user(source);
        if let Some(entry) = self.users.get_mut(user) {
            // A visitor has no seat of its own; it counts with its worker.
            entry.seat = worker;
        }
        self.begins_round(user, number);
    }

    /// A round is due by the clock: an idle user takes it, or it is dropped.
    pub(super) fn round_is_due(&mut self, source: u16) {
        let state = &mut self.sources[source as usize];
        let number = state.next_number();
        if let Some(user) = state.idle.pop() {
            return self.begins_round(user, number);
        }
        self.cx.recorder.count(state.books.dropped);
        if state.readies_another() {
            let event = Event::Source(source, READY);
            let now = self.cx.now();
            self.cx.scheduler.at(now, Class::Control, event);
        }
    }

    fn further_user_is_ready(&mut self, source: u16) {
        let state = &mut self.sources[source as usize];
        state.is_readying = false;
        if self.cx.now() >= state.end {
            return;
        }
        if self.is_overfull() {
            return self.overflows();
        }
        let user = self.adds_user(source);
        self.sources[source as usize].idle.push(user);
    }

    /// There are to be `wanted` users.
    pub(super) fn crew_becomes(&mut self, source: u16, wanted: u32) {
        if self.cx.now() >= self.sources[source as usize].end {
            // A ramp that arrives at its target with the end of the test: nobody comes any more.
            return;
        }
        let there = self.sources[source as usize].crew.len() as u32;
        for seat in self.sources[source as usize].wanted..wanted {
            if seat < there {
                // Somebody who was on the way out stays.
                let user = self.sources[source as usize].crew[seat as usize];
                if self.users.get(user).is_some_and(|user| user.leaving) {
                    self.stays(user);
                    continue;
                }
                if self.users.get(user).is_some() {
                    continue;
                }
            }
            if self.is_overfull() {
                return self.overflows();
            }
            let user = self.adds_user(source);
            let state = &mut self.sources[source as usize];
            if seat < there {
                state.crew[seat as usize] = user;
            } else {
                state.crew.push(user);
                state.rounds_of.push(0);
            }
            let rounds = state.rounds_of[seat as usize];
            if let Some(entry) = self.users.get_mut(user) {
                // Whoever takes the seat of somebody who has gone does not do the same all over again.
                (entry.seat, entry.rounds) = (seat, rounds);
            }
            self.next_round(user);
        }
        self.round_takers_go(source, wanted);
    }

    /// Users beyond the first `wanted` are to go when their rounds are over.
    fn round_takers_go(&mut self, source: u16, wanted: u32) {
        let state = &mut self.sources[source as usize];
        let before = std::mem::replace(&mut state.wanted, wanted);
        let grace = state.ramp_grace;
        if matches!(state.drive, Drive::Visits | Drive::Paced { .. }) {
            for user in std::mem::take(&mut state.idle) {
                self.goes(user);
            }
            return;
        }
        for seat in (wanted..before).rev() {
            let user = self.sources[source as usize].crew[seat as usize];
            let at_end = self.cx.now() >= self.sources[source as usize].end;
            self.is_to_go(user, if at_end { None } else { Some(grace) });
        }
    }

    /// A user is to go when its round is over, and is stopped after `grace`.
    fn is_to_go(&mut self, user: u32, grace: Option<SimDuration>) {
        let now = self.cx.now();
        let Some(entry) = self.users.get_mut(user) else {
            return;
        };
        entry.leaving = true;
        if entry.is_between {
            // There is nothing for it to finish.
            return self.is_stopped(user);
        }
        match grace {
            Some(SimDuration::ZERO) => self.is_stopped(user),
            Some(SimDuration::MAX) => {}
            Some(grace) => {
                let event = Event::StopUser(user);
                entry.stop = Some(self.cx.scheduler.at(now + grace, Class::Control, event));
            }
            None => {}
        }
    }

    fn stays(&mut self, user: u32) {
        if let Some(entry) = self.users.get_mut(user) {
            entry.leaving = false;
            if let Some(slot) = entry.stop.take() {
                self.cx.scheduler.cancel(slot);
            }
        }
    }

    /// A user's time to finish is over.
    pub(super) fn stop_is_due(&mut self, user: u32) {
        if let Some(entry) = self.users.get_mut(user) {
            entry.stop = None;
            self.is_stopped(user);
        }
    }

    /// A user is stopped in the middle of a round.
    fn is_stopped(&mut self, user: u32) {
        let Some(entry) = self.users.get(user).copied() else {
            return;
        };
        match entry.doing {
            Doing::Idle => {}
            Doing::Pausing(slot) => self.cx.scheduler.cancel(slot),
            Doing::PausingByTimer => self.unsets_pause(user, entry.at),
            Doing::Waiting => {
                let own: Vec<u32> = if entry.errand == NOBODY {
                    let all = self.errands.iter();
                    all.filter(|(_, errand)| errand.by == By::User(user))
                        .map(|(at, _)| at)
                        .collect()
                } else {
                    vec![entry.errand]
                };
                for errand in own {
                    debug_assert!(
                        self.errands
                            .get(errand)
                            .is_none_or(|e| e.by == By::User(user)),
                        "a user waits for its own errand"
                    );
                    self.resolves(errand, Outcome::Interrupted, false);
                }
                // It is not there any more to hear of it.
                self.answered.retain(|(other, _)| *other != user);
            }
        }
        if entry.doing != Doing::Idle && !entry.is_between {
            let books = &self.sources[entry.source as usize].books;
            self.cx.recorder.count(books.interrupted);
        }
        self.goes(user);
    }

    fn stops_all(&mut self, source: u16) {
        let own: Vec<u32> = self
            .users
            .iter()
            .filter(|(_, user)| user.source == source)
            .map(|(at, _)| at)
            .collect();
        for user in own {
            self.is_stopped(user);
        }
    }

    /// A user is gone.
    pub(super) fn goes(&mut self, user: u32) {
        let now = self.cx.now();
        if let Some(entry) = self.users.remove(user) {
            if let Some(slot) = entry.stop {
                self.cx.scheduler.cancel(slot);
            }
            let state = &mut self.sources[entry.source as usize];
            state.n_users -= 1;
            if state.drive == Drive::Visits {
                state.lets_out(entry.seat);
            }
            if let Some(seat) = state.crew.get_mut(entry.seat as usize)
                && *seat == user
            {
                *seat = NOBODY;
                state.rounds_of[entry.seat as usize] = entry.rounds;
            }
            self.cx.recorder.level(state.books.users).down(now, 1);
        }
    }
}
