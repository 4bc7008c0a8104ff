//! Users: those who send one request after another, and wait and pause in between.

use super::arena::NOBODY;
use crate::engine::Slot;
use crate::units::SimTime;

/// What a user does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Nothing: it waits for something to do.
    Idle,
    /// Waits for answers.
    Waiting,
    /// Pauses; ended by an event of the queue.
    Pausing(Slot),
    /// Pauses; ended by a timer.
    PausingByTimer,
}

/// A user.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    /// Its source.
    pub(super) source: u16,
    /// Where it is in the source's flow.
    pub(super) at: u16,
    /// Its place among the source's users.
    pub(super) seat: u32,
    /// The client that it is, in the source's population.
    pub(super) client: u32,
    /// What it does now.
    pub(super) doing: Doing,
    /// The number from which everything random about its present round derives.
    pub(super) number: u64,
    /// Steps of this round so far, to tell their draws apart.
    pub(super) steps: u32,
    /// Rounds that it has begun.
    pub(super) rounds: u32,
    /// When this round began.
    pub(super) began: SimTime,
    /// Answers that it waits for.
    pub(super) open: u16,
    /// Objects of a page that it has yet to ask for.
    pub(super) to_fetch: u16,
    /// The errand that it waits for, if it is a single one.
    pub(super) errand: u32,
    /// Tells its timers apart.
    pub(super) epoch: u32,
    /// Rounds in a row that took no time at all.
    pub(super) spins: u8,
    /// It is to go when this round is over.
    pub(super) leaving: bool,
    /// It pauses between two rounds, not within one.
    pub(super) is_between: bool,
    /// A request of this round has failed.
    pub(super) failed: bool,
    /// When its connection was used last.
    pub(super) used: SimTime,
    /// When it is stopped, if it has not gone by then.
    pub(super) stop: Option<Slot>,
}

impl User {
    /// A user who has not done anything yet.
    pub(super) fn new(source: u16, seat: u32, client: u32) -> Self {
        Self {
            source,
            at: 0,
            seat,
            client,
            doing: Doing::Idle,
            number: 0,
            steps: 0,
            rounds: 0,
            began: SimTime::ZERO,
            open: 0,
            to_fetch: 0,
            errand: NOBODY,
            epoch: 0,
            spins: 0,
            leaving: false,
            is_between: false,
            failed: false,
            used: SimTime::NEVER,
            stop: None,
        }
    }
}
