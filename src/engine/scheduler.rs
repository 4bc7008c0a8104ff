//! The clock and everything that lies ahead of it.

use super::{Class, EventQueue, LaneId, Lanes, Slot, Timer};
use crate::units::{SimDuration, SimTime};

/// Which source of arrivals, in the order in which they were added.
pub type ArrivalId = u16;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence<E> {
    /// A scheduled event.
    Event(E),
    /// The next arrival of a source; the model must set the one after it.
    Arrival(ArrivalId),
    /// A timer of this lane ran out; it may be stale, which the model knows by its generation.
    Timer(LaneId, Timer),
}

/// The clock, and what lies ahead of it: the event queue, the next arrival of every source, the timer
/// lanes.
#[derive(Debug, Clone)]
pub struct Scheduler<E> {
    now: SimTime,
    queue: EventQueue<E>,
    lanes: Lanes,
    /// The next arrival of each source.
    arrivals: Vec<SimTime>,
    /// The earliest of `arrivals`, and whose it is.
    next_arrival: (SimTime, ArrivalId),
    /// The earliest timer, stale ones included, and its lane.
    next_timer: (SimTime, LaneId),
    n_events: u64,
}

impl<E: Copy> Scheduler<E> {
    /// A clock at zero with nothing ahead; `capacity` as for [`EventQueue::new`].
    pub fn new(capacity: usize, filler: E) -> Self {
        let lanes = Lanes::default();
        let next_timer = lanes.earliest();
        Self {
            now: SimTime::ZERO,
            queue: EventQueue::new(capacity, filler),
            lanes,
            arrivals: Vec::new(),
            next_arrival: (SimTime::NEVER, 0),
            next_timer,
            n_events: 0,
        }
    }

    /// The present instant.
    #[inline]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// How many events, arrivals and timers have happened so far.
    pub fn n_events(&self) -> u64 {
        self.n_events
    }

    /// Schedules `event` at an instant that has not passed.
    #[inline]
    pub fn at(&mut self, at: SimTime, class: Class, event: E) -> Slot {
        assert!(at >= self.now, "an event must not lie in the past");
        self.queue.schedule(at, class, event)
    }

    /// Schedules `event` after `span`.
    #[inline]
    pub fn after(&mut self, span: SimDuration, class: Class, event: E) -> Slot {
        self.queue.schedule(self.now + span, class, event)
    }

    /// Moves a pending event to another instant that has not passed.
    #[inline]
    pub fn move_to(&mut self, slot: Slot, at: SimTime) {
        assert!(at >= self.now, "an event must not lie in the past");
        self.queue.reschedule(slot, at);
    }

    /// Forgets a pending event.
    pub fn cancel(&mut self, slot: Slot) {
        self.queue.cancel(slot);
    }

    /// Adds a source of arrivals; it stays silent until [`Scheduler::set_arrival`].
    pub fn add_arrivals(&mut self) -> ArrivalId {
        self.arrivals.push(SimTime::NEVER);
        ArrivalId::try_from(self.arrivals.len() - 1).expect("a scenario has few sources")
    }

    /// Sets when the next arrival of a source comes; [`SimTime::NEVER`] if none does.
    #[inline]
    pub fn set_arrival(&mut self, source: ArrivalId, at: SimTime) {
        assert!(at >= self.now, "an arrival must not lie in the past");
        self.arrivals[source as usize] = at;
        if let [only] = self.arrivals[..] {
            self.next_arrival = (only, 0);
            return;
        }
        let mut next = (SimTime::NEVER, 0);
        for (source, at) in self.arrivals.iter().enumerate() {
            if *at < next.0 {
                next = (*at, source as ArrivalId);
            }
        }
        self.next_arrival = next;
    }

    /// Adds a lane for timers of `length`.
    pub fn add_lane(&mut self, length: SimDuration) -> LaneId {
        self.lanes.add(length)
    }

    /// Sets a timer. If it becomes pointless, say so by [`Scheduler::unset_timer`].
    #[inline]
    pub fn set_timer(&mut self, lane: LaneId, timer: Timer) {
        let due = self.lanes.set(lane, self.now, timer);
        if due < self.next_timer.0 {
            self.next_timer = (due, lane);
        }
    }

    /// Notes that a timer is no longer wanted. Its subject's generation must have moved on.
    ///
    /// `is_live` tells whether a timer is still wanted; it is asked about the others when stale ones
    /// have piled up.
    #[inline]
    pub fn unset_timer(&mut self, lane: LaneId, is_live: impl FnMut(Timer) -> bool) {
        self.lanes.unset(lane);
        if self.lanes.wants_sweep(lane) {
            self.lanes.sweep(lane, is_live);
            self.next_timer = self.lanes.earliest();
        }
    }

    /// From now on timers of a lane have another length; those that are set keep theirs.
    pub fn set_lane_length(&mut self, lane: LaneId, length: SimDuration) {
        self.lanes.set_length(lane, length);
    }

    /// How many timers of the lane at this position count as live, and how many of them `is_live` knows.
    pub fn lane_books(&self, lane: usize, is_live: impl FnMut(Timer) -> bool) -> (usize, usize) {
        self.lanes.books(lane, is_live)
    }

    /// Notes that the timer handed out by [`Occurrence::Timer`] was live.
    pub fn timer_ran_out(&mut self, lane: LaneId) {
        self.lanes.unset(lane);
    }

    /// What happens next, if anything does up to and including `until`; moves the clock there.
    #[inline]
    pub fn next(&mut self, until: SimTime) -> Option<Occurrence<E>> {
        let (event_at, event_class) = self.queue.peek();
        let other_at = self.next_arrival.0.min(self.next_timer.0);
        let at = event_at.min(other_at);
        // NEVER is later than any limit, also than a limit that was put there.
        if at > until || at == SimTime::NEVER {
            return None;
        }
        self.now = at;
        self.n_events += 1;
        if event_at < other_at {
            return Some(Occurrence::Event(self.queue.pop()));
        }
        Some(self.next_of_several(event_at, event_class))
    }

    /// The next is an arrival or a timer, or a tie; the clock is already there.
    #[inline]
    fn next_of_several(&mut self, event_at: SimTime, event_class: u8) -> Occurrence<E> {
        let class = if self.next_timer.0 <= self.now {
            Class::Timer
        } else {
            Class::Arrival
        };
        if event_at <= self.now && event_class < class as u8 {
            return Occurrence::Event(self.queue.pop());
        }
        if class == Class::Arrival {
            return Occurrence::Arrival(self.next_arrival.1);
        }
        let lane = self.next_timer.1;
        let timer = self
            .lanes
            .take(lane)
            .expect("the earliest lane has a first timer");
        self.next_timer = self.lanes.earliest();
        Occurrence::Timer(lane, timer)
    }
}
