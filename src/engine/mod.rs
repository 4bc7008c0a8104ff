//! The discrete-event engine: time, order, timers. It knows nothing of requests or services.
//!
//! # Order
//!
//! Events happen in the order of (instant, [`Class`], insertion). The instant is a whole nanosecond;
//! the class orders what falls on the same nanosecond: a completion frees a server before a timeout at
//! that instant gives up on it, before a controller looks, before the recorder closes its window, before
//! an arrival asks for the server. Within a class, first scheduled is first served. Nothing else decides.
//!
//! # Three kinds of future
//!
//! - **Events** whose time is drawn as the run goes: in the [`EventQueue`].
//! - **Arrivals**, of which each source always knows just the next: kept beside the queue, one per
//!   source, so that the most frequent event of all never goes through it.
//! - **Timers of constant length** (a client's timeout, a pool's): nearly all are cancelled. Each kind has
//!   a first-in-first-out [`lane`](Lanes); adding and cancelling cost no search, and a timer that
//!   outlived its request is recognised by its generation.

mod lanes;
mod queue;
mod scheduler;

pub use lanes::{LaneId, Lanes, Timer};
pub use queue::{EventQueue, Slot};
pub use scheduler::{ArrivalId, Occurrence, Scheduler};

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::units::SimTime;

/// The order of what happens at the same nanosecond: the first listed goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Something ends and frees what it held.
    Completion = 0,
    /// A timer runs out. What completes at this very instant made it in time.
    Timer = 1,
    /// A controller observes, decides or acts; an instance changes its state.
    Control = 2,
    /// The recorder takes stock: its windows include their start, not their end.
    Sample = 3,
    /// A request arrives.
    Arrival = 4,
}

/// What the engine runs: a state, a scheduler, and what to do when something happens.
pub trait Model {
    /// What the event queue carries: small and `Copy`.
    type Event: Copy;

    /// The model's own scheduler.
    fn scheduler(&mut self) -> &mut Scheduler<Self::Event>;

    /// Something happens; the scheduler's clock already shows its instant.
    fn handle(&mut self, occurrence: Occurrence<Self::Event>);

    /// True once the model wants no more of it: it is done, or has run into one of its own caps.
    fn is_over(&self) -> bool;
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing was left to happen up to the given instant.
    AtLimit,
    /// The model said that it was over.
    Over,
    /// The interrupt flag was raised; what the model holds is incomplete.
    Interrupted,
}

/// What is shared with whoever started a run.
#[derive(Debug, Default)]
pub struct Watch {
    /// Raised to stop at once.
    pub interrupt: AtomicBool,
    /// Events, arrivals and timers that have happened, counted in lots.
    pub events: AtomicU64,
}

/// How many events pass between two looks at the interrupt flag: some tenths of a millisecond.
const EVENTS_PER_LOOK: u32 = 4096;

/// Runs `model` until nothing more happens up to and including `until`, the model is over, or the watch
/// is interrupted. Single-threaded; nothing but the model decides the course.
pub fn run<M: Model>(model: &mut M, until: SimTime, watch: &Watch) -> Ended {
    loop {
        if watch.interrupt.load(Ordering::Relaxed) {
            return Ended::Interrupted;
        }
        for n in 0..EVENTS_PER_LOOK {
            let Some(occurrence) = model.scheduler().next(until) else {
                watch.events.fetch_add(u64::from(n), Ordering::Relaxed);
                return Ended::AtLimit;
            };
            model.handle(occurrence);
            if model.is_over() {
                watch.events.fetch_add(u64::from(n), Ordering::Relaxed);
                return Ended::Over;
            }
        }
        watch
            .events
            .fetch_add(u64::from(EVENTS_PER_LOOK), Ordering::Relaxed);
    }
}
