//! What happened to single requests, one line each: for small runs that are to be understood to the instant.

use super::{Outcome, WaitId};
use crate::units::SimTime;

/// What a line of the log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// A request: from its arrival to its end.
    Request {
        /// Its class.
        class: u16,
        /// How it ended.
        outcome: Outcome,
        /// Attempts that were sent for it.
        attempts: u32,
        /// The number from which everything random about it derives: the same in every system that sees it.
        number: u64,
    },
    /// Somebody waited in a line.
    Wait(WaitId),
}

/// A line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub what: Happened,
    /// When it began.
    pub from: SimTime,
    /// When it was over.
    pub to: SimTime,
}

/// The first so many lines, in the order in which things were over.
#[derive(Debug, Clone)]
pub struct Log {
    entries: Vec<Entry>,
    most: usize,
    /// Number and attempts of the request that ends next.
    next: (u64, u32),
}

impl Log {
    /// A log of at most so many lines; none is written if that is zero.
    pub fn new(most: usize) -> Self {
        Self {
            entries: Vec::with_capacity(most),
            most,
            next: (0, 1),
        }
    }

    /// Adds a line, if there is room.
    #[inline]
    pub(super) fn notes(&mut self, what: Happened, from: SimTime, to: SimTime) {
        if self.entries.len() < self.most {
            self.entries.push(Entry { what, from, to });
        }
    }

    /// A request ends.
    #[inline]
    pub(super) fn ends(&mut self, class: u16, (from, to): (SimTime, SimTime), outcome: Outcome) {
        let (number, attempts) = self.next;
        let what = Happened::Request {
            class,
            outcome,
            attempts,
            number,
        };
        self.notes(what, from, to);
    }

    /// The request that ends next has this number, and was sent so many times.
    #[inline]
    pub(super) fn knows(&mut self, number: u64, attempts: u32) {
        self.next = (number, attempts);
    }

    /// The lines.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
