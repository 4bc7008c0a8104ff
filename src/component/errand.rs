//! Errands: what a caller wants done, in one attempt or in several.
//!
//! A client that retries, a service that calls another with a timeout: each opens an errand, sends attempts
//! for it, and hears of one outcome. Attempts are requests like any other. Those that nobody waits for any
//! more go on as what they cost, until whoever works for them notices.

use super::arena::NOBODY;
use super::request::{Frame, RequestId};
use crate::engine::Slot;
use crate::units::{SimDuration, SimTime};

/// Who wants to hear how an errand ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The recorder alone: a client of an open source.
    Source,
    /// A user, by its number.
    User(u32),
    /// A browser that asks in the background: nobody waits.
    Browser,
    /// A request that waits for it in a service.
    Request(RequestId),
}

/// The most attempts of one errand that run side by side.
pub const MOST_AT_ONCE: usize = 11;

/// What is scheduled for an errand next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// Nothing.
    No,
    /// A retry or a copy, as an event of the queue.
    Event(Slot),
    /// A retry, as a timer.
    RetryTimer,
    /// A copy, as a timer.
    HedgeTimer,
}

/// An errand under way.
#[derive(Debug, Clone, Copy)]
pub struct Errand {
    /// When it was due.
    pub due: SimTime,
    /// The number from which everything random about it derives.
    pub number: u64,
    /// Where attempts start: the place in the program, and for a service's errands the caller's own.
    pub frame: Frame,
    /// Who wants to hear how it ended.
    pub by: By,
    /// Whose rules it follows, by position in [`Blueprint::callers`](super::Blueprint::callers).
    pub caller: u16,
    /// Which source and class.
    pub flow: u16,
    /// The process of the caller: a breaker, a budget, a limit belong to one.
    pub process: u32,
    /// The client, by its number in the population.
    pub client: u32,
    /// Attempts sent so far, copies included.
    pub attempts: u32,
    /// Tells the place of the caller from others.
    pub site: u32,
    /// Whether the budget has granted an attempt that is yet to be sent.
    pub granted: bool,
    /// Copies sent beside the attempt that is under way.
    pub copies: u32,
    /// Attempts that are waited for.
    pub running: [u32; MOST_AT_ONCE],
    /// How long whoever turned the last attempt away asks to stay away.
    pub retry_after: Option<SimDuration>,
    /// The last wait before a retry.
    pub waited: SimDuration,
    /// What is scheduled next.
    pub pending: Pending,
    /// Tells the timers of what is scheduled from earlier ones.
    pub epoch: u32,
    /// When the client loses patience.
    pub patience: Option<Slot>,
    /// The client's address, as a number.
    pub address: u32,
    /// What is so of its attempts because of the client, as flags.
    pub marks: u16,
}

impl Errand {
    /// How many attempts are waited for.
    pub fn n_running(&self) -> usize {
        self.running.iter().filter(|id| **id != NOBODY).count()
    }

    /// Notes an attempt that is waited for.
    pub fn has_sent(&mut self, id: RequestId) {
        if let Some(place) = self.running.iter_mut().find(|id| **id == NOBODY) {
            *place = id.index();
        }
    }

    /// An attempt goes on under another number.
    pub fn renumbers(&mut self, id: RequestId, new: RequestId) {
        let mut places = self.running.iter_mut();
        if let Some(place) = places.find(|running| **running == id.index()) {
            *place = new.index();
        }
    }

    /// Notes that an attempt is not waited for any more.
    pub fn forgets(&mut self, id: RequestId) {
        if let Some(place) = self
            .running
            .iter_mut()
            .find(|running| **running == id.index())
        {
            *place = NOBODY;
        }
    }
}
