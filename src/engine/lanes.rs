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
    /// Those that were set while the length was longer than it is now, in the same order.
    longer: VecDeque<(SimTime, Timer)>,
    n_live: usize,
}

impl Lane {
    /// The timer that runs out first.
    #[inline]
    fn first(&self) -> Option<SimTime> {
        let (own, longer) = (self.timers.front(), self.longer.front());
        let [own, longer] = [own, longer].map(|timer| timer.map(|(due, _)| *due));
        match longer {
            None => own,
            Some(_) => own.into_iter().chain(longer).min(),
        }
    }
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
            longer: VecDeque::new(),
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

    /// From now on timers of this lane have another length; those that are set keep theirs.
    pub(super) fn set_length(&mut self, id: LaneId, length: SimDuration) {
        let lane = &mut self.lanes[id.0 as usize];
        if length < lane.length {
            let own = lane.timers.drain(..);
            let mut all: Vec<_> = lane.longer.drain(..).chain(own).collect();
            all.sort_by_key(|(due, _)| *due);
            lane.longer = all.into();
        }
        lane.length = length;
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
        lane.timers.len() + lane.longer.len() > 2 * lane.n_live + SLACK
    }

    /// Drops the timers that `is_live` no longer knows.
    pub(super) fn sweep(&mut self, id: LaneId, mut is_live: impl FnMut(Timer) -> bool) {
        let lane = &mut self.lanes[id.0 as usize];
        lane.timers.retain(|(_, timer)| is_live(*timer));
        lane.longer.retain(|(_, timer)| is_live(*timer));
    }

    /// How many timers count as live, and how many of them `is_live` knows.
    pub(super) fn books(
        &self,
        lane: usize,
        mut is_live: impl FnMut(Timer) -> bool,
    ) -> (usize, usize) {
        let lane = &self.lanes[lane];
        let all = lane.timers.iter().chain(&lane.longer);
        let live = all.filter(|(_, timer)| is_live(*timer));
        (lane.n_live, live.count())
    }

    /// The lane whose first timer runs out first, and when; ties go to the lane made first.
    pub(super) fn earliest(&self) -> (SimTime, LaneId) {
        let mut best = (SimTime::NEVER, LaneId(0));
        for (at, lane) in self.lanes.iter().enumerate() {
            if let Some(due) = lane.first()
                && due < best.0
            {
                best = (due, LaneId(at as u16));
            }
        }
        best
    }

    /// Takes the first timer of a lane.
    pub(super) fn take(&mut self, id: LaneId) -> Option<Timer> {
        let lane = &mut self.lanes[id.0 as usize];
        let timers = match (lane.longer.front(), lane.timers.front()) {
            (Some((longer, _)), Some((own, _))) if longer <= own => &mut lane.longer,
            (Some(_), None) => &mut lane.longer,
            _ => &mut lane.timers,
        };
        timers.pop_front().map(|(_, timer)| timer)
    }
}
