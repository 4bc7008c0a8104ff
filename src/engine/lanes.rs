//! Timers of constant length, in first-in-first-out lanes.

use std::collections::VecDeque;

use crate::units::{SimDuration, SimTime};

/// A lane may hold this many stale timers beyond the live ones before it is swept.
const SLACK: usize = 1024;

/// Which lane, in the order in which they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneId(u16);

impl LaneId {
    /// Position in the order of adding.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A timer: whom it concerns, and a number that tells whether it still does.
///
/// If the subject's number has moved on, the timer is stale: nobody waits for it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// Index of the subject, in the model's own terms.
    pub subject: u32,
    /// The subject's number when the timer was set, such as its generation in an arena.
    pub generation: u32,
}

#[derive(Debug, Clone)]
struct Lane {
    length: SimDuration,
    /// Due time and timer, in the order of setting, which for one length is the order of running out.
    timers: VecDeque<(SimTime, Timer)>,
    n_live: usize,
}

/// All lanes. A timer that is no longer wanted is only counted down; its entry is dropped when it runs
/// out or when stale entries outnumber live ones, so memory follows the timers in use, not rate × length.
#[derive(Debug, Clone, Default)]
pub struct Lanes {
    lanes: Vec<Lane>,
}

impl Lanes {
    /// Adds a lane for timers of `length`.
    ///
    /// # Panics
    /// With more than 65,535 lanes.
    pub(super) fn add(&mut self, length: SimDuration) -> LaneId {
        let timers = VecDeque::with_capacity(4 * SLACK);
        self.lanes.push(Lane {
            length,
            timers,
            n_live: 0,
        });
        LaneId(u16::try_from(self.lanes.len() - 1).expect("a scenario has few kinds of timers"))
    }

    /// Sets a timer; gives back when it runs out.
    #[inline]
    pub(super) fn set(&mut self, id: LaneId, now: SimTime, timer: Timer) -> SimTime {
        let lane = &mut self.lanes[id.0 as usize];
        let due = now + lane.length;
        lane.timers.push_back((due, timer));
        lane.n_live += 1;
        due
    }

    /// Notes that one timer of this lane is no longer wanted.
    #[inline]
    pub(super) fn unset(&mut self, id: LaneId) {
        self.lanes[id.0 as usize].n_live -= 1;
    }

    /// True if the lane holds more stale timers than it should.
    #[inline]
    pub(super) fn wants_sweep(&self, id: LaneId) -> bool {
        let lane = &self.lanes[id.0 as usize];
        lane.timers.len() > 2 * lane.n_live + SLACK
    }

    /// Drops the timers that `is_live` no longer knows.
    pub(super) fn sweep(&mut self, id: LaneId, mut is_live: impl FnMut(Timer) -> bool) {
        self.lanes[id.0 as usize]
            .timers
            .retain(|(_, timer)| is_live(*timer));
    }

    /// How many timers count as live, and how many of them `is_live` knows.
    pub(super) fn books(
        &self,
        lane: usize,
        mut is_live: impl FnMut(Timer) -> bool,
    ) -> (usize, usize) {
        let lane = &self.lanes[lane];
        let live = lane.timers.iter().filter(|(_, timer)| is_live(*timer));
        (lane.n_live, live.count())
    }

    /// The lane whose first timer runs out first, and when; ties go to the lane made first.
    pub(super) fn earliest(&self) -> (SimTime, LaneId) {
        let mut best = (SimTime::NEVER, LaneId(0));
        for (at, lane) in self.lanes.iter().enumerate() {
            if let Some((due, _)) = lane.timers.front()
                && *due < best.0
            {
                best = (*due, LaneId(at as u16));
            }
        }
        best
    }

    /// Takes the first timer of a lane.
    pub(super) fn take(&mut self, id: LaneId) -> Option<Timer> {
        self.lanes[id.0 as usize]
            .timers
            .pop_front()
            .map(|(_, timer)| timer)
    }
}
