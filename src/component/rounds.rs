//! What users do: rounds of requests and pauses.

use super::arena::NOBODY;
use super::errand::By;
use super::source::flow::Move;
use super::source::{Choice, Drive};
use super::user::{Doing, User};
use super::{Event, System};
use crate::engine::{Class, LaneId, Timer};
use crate::metrics::Outcome;
use crate::units::SimDuration;

/// After this many rounds in a row that took no time at all a user is held up for [`HELD_UP`]: no client is
/// faster than its network, and otherwise the run would never get past this instant.
const SPINS: u8 = 2;
const HELD_UP: SimDuration = SimDuration::from_nanos(10_000_000);
/// Who is held up again and again is so for twice as long each time, up to ten seconds: a million users who
/// are all turned away at once would keep a run busy for hours with nothing to show for it.
const MOST_DOUBLINGS: u8 = 10;

impl System {
    /// A user begins its next round, if there is one for it.
    pub(super) fn next_round(&mut self, user: u32) {
        let now = self.cx.now();
        let Some(entry) = self.users.get_mut(user) else {
            return;
        };
        let state = &mut self.sources[entry.source as usize];
        if entry.leaving || now >= state.end || !state.takes_round(entry.rounds) {
            return self.goes(user);
        }
        let number = state.number_of_round(entry.seat, entry.rounds);
        self.begins_round(user, number);
    }

    pub(super) fn begins_round(&mut self, user: u32, number: u64) {
        let now = self.cx.now();
        let Some(entry) = self.users.get_mut(user) else {
            return;
        };
        entry.at = 0;
        entry.number = number;
        entry.steps = 0;
        entry.rounds += 1;
        entry.began = now;
        entry.failed = false;
        entry.to_fetch = 0;
        self.cx
            .recorder
            .count(self.sources[entry.source as usize].books.begun);
        self.moves_on(user);
    }

    /// A user goes on with its flow until it waits for something.
    fn moves_on(&mut self, user: u32) {
        loop {
            let now = self.cx.now();
            let Some(entry) = self.users.get_mut(user) else {
                return;
            };
            entry.doing = Doing::Idle;
            if now >= self.horizon {
                return self.goes(user);
            }
            let state = &self.sources[entry.source as usize];
            match state.moves[entry.at as usize] {
                Move::Send { from, to } => {
                    let number = match state.drawn {
                        Some(_) => entry.number,
                        None => step_number(entry),
                    };
                    let choice = state.choose(number, from, to);
                    entry.doing = Doing::Waiting;
                    entry.open = 1;
                    let errand = self.asks(user, number, choice);
                    if let Some(entry) = self.users.get_mut(user)
                        && entry.open > 0
                    {
                        entry.errand = errand;
                    }
                    return;
                }
                Move::Fetch { count, .. } => {
                    entry.doing = Doing::Waiting;
                    entry.to_fetch = count;
                    entry.open = 0;
                    entry.errand = NOBODY;
                    return self.fetches(user);
                }
                Move::Think(demand) => {
                    let span = match &state.drawn {
                        Some(drawn) => drawn.pause(entry.seat, entry.rounds - 1),
                        None => self.cx.program.draw(demand, step_number(entry)),
                    };
                    return self.pauses(user, span);
                }
                Move::Pace(demand) => {
                    let number = step_number(entry);
                    let span = self.cx.program.draw(demand, number);
                    let due = (entry.began + span).max(now);
                    return self.pauses(user, due.since(now));
                }
                Move::Chance { below, otherwise } => {
                    let number = step_number(entry);
                    let drawn = state.salt.uniform(number);
                    entry.at = if drawn < below {
                        entry.at + 1
                    } else {
                        otherwise
                    };
                }
                Move::Jump(to) => entry.at = to,
                Move::End => return self.round_is_over(user),
            }
        }
    }

    /// A user pauses.
    fn pauses(&mut self, user: u32, span: SimDuration) {
        let Some(entry) = self.users.get_mut(user) else {
            return;
        };
        let state = &self.sources[entry.source as usize];
        let lane = state.pause_lanes[entry.at as usize];
        match lane.filter(|(_, length)| *length == span) {
            Some((lane, _)) => {
                self.epoch = self.epoch.wrapping_add(1);
                entry.epoch = self.epoch;
                entry.doing = Doing::PausingByTimer;
                let timer = Timer {
                    subject: user,
                    generation: entry.epoch,
                };
                self.cx.scheduler.set_timer(lane, timer);
            }
            None => {
                let slot = self
                    .cx
                    .scheduler
                    .after(span, Class::Arrival, Event::User(user));
                entry.doing = Doing::Pausing(slot);
            }
        }
    }

    pub(super) fn unsets_pause(&mut self, user: u32, at: u16) {
        let Some(entry) = self.users.get_mut(user) else {
            return;
        };
        entry.doing = Doing::Idle;
        let lane = self.sources[entry.source as usize].pause_lanes[at as usize];
        if let Some((lane, _)) = lane {
            let users = &self.users;
            let is_live = |timer: Timer| {
                users.get(timer.subject).is_some_and(|user| {
                    user.epoch == timer.generation && user.doing == Doing::PausingByTimer
                })
            };
            self.cx.scheduler.unset_timer(lane, is_live);
        }
    }

    /// A pause is over.
    pub(super) fn pause_is_over(&mut self, user: u32) {
        let Some(entry) = self.users.get_mut(user) else {
            return;
        };
        if entry.is_between {
            entry.is_between = false;
            entry.doing = Doing::Idle;
            return self.next_round(user);
        }
        entry.at += 1;
        self.moves_on(user);
    }

    /// A user's pause ends by a timer.
    pub(super) fn pause_timer(&mut self, lane: LaneId, timer: Timer) {
        if self.is_users_timer(timer) {
            self.cx.scheduler.timer_ran_out(lane);
            self.pause_is_over(timer.subject);
        }
    }

    /// True if a user pauses until this timer runs out.
    pub(super) fn is_users_timer(&self, timer: Timer) -> bool {
        self.users.get(timer.subject).is_some_and(|user| {
            user.epoch == timer.generation && user.doing == Doing::PausingByTimer
        })
    }

    /// A user sends the objects of a page, as many as it may at the same time.
    fn fetches(&mut self, user: u32) {
        loop {
            let Some(entry) = self.users.get_mut(user) else {
                return;
            };
            let state = &self.sources[entry.source as usize];
            let Move::Fetch {
                choice, at_once, ..
            } = state.moves[entry.at as usize]
            else {
                return;
            };
            if entry.to_fetch == 0 || entry.open >= at_once || self.cx.now() >= self.horizon {
                return;
            }
            entry.to_fetch -= 1;
            entry.open += 1;
            let number = step_number(entry);
            let choice = state.choices[choice as usize];
            self.asks(user, number, choice);
        }
    }

    /// A user sends a request; gives the errand.
    fn asks(&mut self, user: u32, number: u64, choice: Choice) -> u32 {
        let now = self.cx.now();
        let Some(entry) = self.users.get(user).copied() else {
            return NOBODY;
        };
        let client = entry.client;
        self.requests_by(
            entry.source,
            (number, choice),
            (By::User(user), client),
            now,
        )
    }

    /// A user's request has ended.
    pub(super) fn user_hears(&mut self, user: u32, outcome: Outcome) {
        let now = self.cx.now();
        let Some(entry) = self.users.get_mut(user) else {
            return;
        };
        entry.open = entry.open.saturating_sub(1);
        entry.failed |= !outcome.is_success();
        let state = &self.sources[entry.source as usize];
        if state.breaks_off(outcome) || (entry.failed && entry.to_fetch == u16::MAX) {
            if entry.open == 0 {
                entry.errand = NOBODY;
                self.cx.recorder.count(state.books.failed);
                return self.has_gone_round(user);
            }
            // What it has asked for already it still waits for.
            entry.to_fetch = u16::MAX;
            return;
        }
        if entry.to_fetch > 0 && now < self.horizon {
            return self.fetches(user);
        }
        if entry.open == 0 {
            entry.errand = NOBODY;
            entry.at += 1;
            self.moves_on(user);
        }
    }

    /// A user has come to the end of its flow.
    fn round_is_over(&mut self, user: u32) {
        if let Some(entry) = self.users.get(user) {
            let done = self.sources[entry.source as usize].books.done;
            self.cx.recorder.count(done);
        }
        self.has_gone_round(user);
    }

    /// A round is over, done or broken off: what follows depends on what drives the source.
    fn has_gone_round(&mut self, user: u32) {
        let now = self.cx.now();
        let Some(entry) = self.users.get_mut(user) else {
            return;
        };
        entry.doing = Doing::Idle;
        let state = &mut self.sources[entry.source as usize];
        self.cx.recorder.wait(state.books.round, entry.began, now);
        match state.drive {
            Drive::Paced { .. } => {
                entry.leaving |= now >= state.end;
                if entry.leaving {
                    self.goes(user);
                } else {
                    state.idle.push(user);
                }
            }
            Drive::Visits | Drive::Requests => self.goes(user),
            Drive::Crew | Drive::Shares { .. } => {
                let took = now.since(entry.began);
                let mut wait = state.wait.wait(took, state.draw_of_wait(entry.number));
                entry.spins = if took + wait == SimDuration::ZERO {
                    entry.spins.saturating_add(1)
                } else {
                    0
                };
                if entry.spins >= SPINS {
                    self.cx.recorder.count(state.books.spun);
                    wait = HELD_UP.times(1 << (entry.spins - SPINS).min(MOST_DOUBLINGS));
                }
                if wait == SimDuration::ZERO {
                    return self.next_round(user);
                }
                let event = Event::User(user);
                let slot = self.cx.scheduler.after(wait, Class::Arrival, event);
                entry.doing = Doing::Pausing(slot);
                entry.is_between = true;
            }
        }
    }
}

/// The number of a user's next step, from which its draws derive.
fn step_number(user: &mut User) -> u64 {
    let step = u64::from(user.steps);
    user.steps += 1;
    user.number ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
