//! Processor sharing: everything runnable shares the cores.
//!
//! With `n` runnable on `c` cores each runs at `min(1, c / n)` of a core's speed (round-robin scheduling
//! with a quantum that is small against the work; no one uses more than one core). Speeds change with
//! every arrival and departure, but they are the same for all, so it is enough to keep one clock of
//! *attained service*: work that begins when the clock shows `v` is over when it shows `v + work`. Who is
//! next never changes, and one event, moved when the speed changes, stands for all of them: O(log n).

mod limits;

pub use limits::Limits;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Event;
use super::request::RequestId;
use crate::engine::{Class, Scheduler, Slot};
use crate::units::{SimDuration, SimTime};

/// Work is over when the clock of attained service is this close, in nanoseconds: rounding the next event
/// up to a whole nanosecond must not leave a rest.
const CLOSE: f64 = 1e-3;

/// How fast each of `n` that run at a time is, beside what the cores allow.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Slowdown {
    /// As fast as the cores allow.
    #[default]
    None,
    /// They wait for one another (Gunther's Universal Scalability Law): `1 / (1 + contention (n - 1) +
    /// coherency n (n - 1))`. With `by_cores` only `coherency` counts, and the cores are shared as well;
    /// without, what the cores allow is inside of `contention`.
    Scaling {
        /// The part of the work that only one can do at a time.
        contention: f64,
        /// What each pair costs.
        coherency: f64,
        /// Whether the cores are shared as well.
        by_cores: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Job {
    /// Where the clock stands when it is over, as the bits of a number that is not negative (these sort
    /// as the numbers do).
    finish: u64,
    sequence: u64,
    request: u32,
}

/// Cores and what runs on them.
#[derive(Debug, Clone)]
pub struct Cpu {
    cores: f64,
    slowdown: Slowdown,
    /// The clock of attained service, in nanoseconds.
    attained: f64,
    /// When the clock was read last.
    read: SimTime,
    jobs: BinaryHeap<Reverse<Job>>,
    sequence: u64,
    /// The event at which the next job is over, or something changes by itself, and its instant.
    next: Option<(Slot, SimTime)>,
    /// What keeps it from using all cores, if anything does.
    limits: Option<Box<Limits>>,
}

impl Cpu {
    /// `cores` cores (any number above 0), with room for `capacity` jobs before the heap grows.
    pub fn new(cores: f64, capacity: usize) -> Self {
        Self {
            cores,
            slowdown: Slowdown::None,
            attained: 0.0,
            read: SimTime::ZERO,
            jobs: BinaryHeap::with_capacity(capacity),
            sequence: 0,
            next: None,
            limits: None,
        }
    }

    /// The same cores, of which not all can be used at all times.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self {
            limits: Some(Box::new(limits)),
            ..self
        }
    }

    /// How many are runnable.
    #[inline]
    pub fn n_runnable(&self) -> usize {
        self.jobs.len()
    }

    /// How much of the cores is used, in thousandths of a core.
    #[inline]
    pub fn used_milli(&self) -> u64 {
        if let Some(limits) = &self.limits {
            return limits.shown_milli(self.rate());
        }
        let cores = (self.cores * 1000.0) as u64;
        (self.jobs.len() as u64 * 1000).min(cores)
    }

    /// True if all that is runnable stands still because a quota is used up.
    #[inline]
    pub fn is_throttled(&self) -> bool {
        self.limits
            .as_ref()
            .is_some_and(|limits| limits.is_throttled())
    }

    /// The same cores, on which those who run slow one another down.
    #[must_use]
    pub fn slowed(self, slowdown: Slowdown) -> Self {
        Self { slowdown, ..self }
    }

    /// Changes the number of cores; [`Cpu::plan`] must follow.
    pub fn set_cores(&mut self, now: SimTime, cores: f64) {
        self.read_clock(now);
        self.cores = cores;
    }

    #[inline]
    fn speed(&self) -> f64 {
        if self.limits.as_ref().is_some_and(|limits| limits.stops()) {
            return 0.0;
        }
        self.full_speed()
    }

    /// The speed of everything if nothing stops it.
    #[inline]
    fn full_speed(&self) -> f64 {
        let n = self.jobs.len() as f64;
        let shared = (self.cores / n).min(1.0);
        match self.slowdown {
            Slowdown::None => shared,
            Slowdown::Scaling {
                contention,
                coherency,
                by_cores,
            } => {
                let shared = if by_cores { shared } else { 1.0 };
                shared / (1.0 + contention * (n - 1.0) + coherency * n * (n - 1.0))
            }
        }
    }

    /// How many cores are in use.
    fn rate(&self) -> f64 {
        let wanted = (self.jobs.len() as f64).min(self.cores);
        match &self.limits {
            Some(limits) => limits.rate(wanted, self.cores),
            None => wanted,
        }
    }

    fn read_clock(&mut self, now: SimTime) {
        if self.limits.is_some() {
            return self.read_limited_clock(now);
        }
        if self.jobs.is_empty() {
            // Start over: keeps the numbers small and precise.
            self.attained = 0.0;
        } else {
            self.attained += now.since(self.read).as_nanos() as f64 * self.full_speed();
        }
        self.read = now;
    }

    /// The same where not all cores can be used at all times.
    #[cold]
    fn read_limited_clock(&mut self, now: SimTime) {
        let (rate, speed) = (self.rate(), self.speed());
        let span = now.since(self.read);
        if let Some(limits) = &mut self.limits {
            limits.advance(now, span, rate);
        }
        self.attained = if self.jobs.is_empty() {
            0.0
        } else {
            self.attained + span.as_nanos() as f64 * speed
        };
        self.read = now;
    }

    /// Everything stops; [`Cpu::plan`] must follow.
    pub fn stall(&mut self, now: SimTime) {
        self.read_clock(now);
        if let Some(limits) = &mut self.limits {
            limits.stall();
        }
    }

    /// Everything goes on after a stall; [`Cpu::plan`] must follow.
    pub fn resume(&mut self, now: SimTime) {
        self.read_clock(now);
        if let Some(limits) = &mut self.limits {
            limits.resume();
        }
    }

    /// A request begins to run; [`Cpu::plan`] must follow.
    #[inline]
    pub fn add(&mut self, now: SimTime, work: SimDuration, request: RequestId) {
        self.read_clock(now);
        self.sequence += 1;
        let finish = (self.attained + work.as_nanos() as f64).to_bits();
        self.jobs.push(Reverse(Job {
            finish,
            sequence: self.sequence,
            request: request.index(),
        }));
    }

    /// Notes that the planned event is happening: the next job is over.
    pub fn event_happens(&mut self, now: SimTime) {
        self.next = None;
        self.read_clock(now);
    }

    /// Takes out a request whose work is over, if there is one; [`Cpu::plan`] must follow the last.
    #[inline]
    pub fn take_done(&mut self) -> Option<RequestId> {
        let Reverse(job) = self.jobs.peek()?;
        if f64::from_bits(job.finish) > self.attained + CLOSE {
            return None;
        }
        let request = RequestId::from_index(job.request);
        self.jobs.pop();
        Some(request)
    }

    /// Sees to it that `signal` comes when the next job is over.
    #[inline]
    pub fn plan(&mut self, scheduler: &mut Scheduler<Event>, signal: Event) {
        let job = self.jobs.peek().map(|Reverse(job)| job.finish);
        let mut due = job.and_then(|finish| {
            let speed = self.speed();
            let rest = (f64::from_bits(finish) - self.attained).max(0.0) / speed;
            (speed > 0.0).then(|| self.read + SimDuration::from_nanos(rest.ceil() as u64))
        });
        if let Some(limits) = &self.limits {
            let change = limits.next(self.read, self.rate());
            due = match (due, change) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        let Some(due) = due else {
            if let Some((slot, _)) = self.next.take() {
                scheduler.cancel(slot);
            }
            return;
        };
        match &mut self.next {
            Some((_, at)) if *at == due => {}
            Some((slot, at)) => {
                scheduler.move_to(*slot, due);
                *at = due;
            }
            None => self.next = Some((scheduler.at(due, Class::Completion, signal), due)),
        }
    }

    /// Takes a request out before its work is over; [`Cpu::plan`] must follow. False if it does not run.
    pub fn remove(&mut self, now: SimTime, request: RequestId) -> bool {
        self.read_clock(now);
        let before = self.jobs.len();
        self.jobs
            .retain(|Reverse(job)| job.request != request.index());
        self.jobs.len() < before
    }

    /// Takes everything out that runs, the one that began first at the front.
    pub fn drain(&mut self, scheduler: &mut Scheduler<Event>) -> Vec<RequestId> {
        let mut jobs: Vec<Job> = self.jobs.drain().map(|Reverse(job)| job).collect();
        jobs.sort_unstable_by_key(|job| job.sequence);
        self.clear(scheduler);
        let ids = jobs.iter().map(|job| RequestId::from_index(job.request));
        ids.collect()
    }

    /// Drops everything that runs.
    pub fn clear(&mut self, scheduler: &mut Scheduler<Event>) {
        self.jobs.clear();
        if let Some(limits) = &mut self.limits {
            limits.clear();
        }
        if let Some((slot, _)) = self.next.take() {
            scheduler.cancel(slot);
        }
    }
}
