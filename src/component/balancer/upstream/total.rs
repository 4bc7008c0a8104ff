//! How long requests take in all, where that is limited: from when they come to the balancer until it is done with
//! them, wherever they are meanwhile.

use super::Upstream;
use crate::component::Context;
use crate::component::arena::{Arena, NOBODY};
use crate::component::request::{Frame, RequestId, Requests};
use crate::engine::{LaneId, Timer};
use crate::units::{SimDuration, SimTime};

/// A request as the balancer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whose {
    /// Its place in the arena, and what tells it from others that had the same.
    index: u32,
    generation: u32,
    /// In which of its frames it has come here.
    visit: u32,
}

impl Whose {
    fn of(id: RequestId, visit: u32, requests: &Requests) -> Self {
        Self {
            index: id.index(),
            generation: requests.get(id).generation,
            visit,
        }
    }
}

/// The time of a request, which runs.
#[derive(Debug, Clone, Copy)]
struct Time {
    whose: Whose,
    since: SimTime,
    /// The next of the same request: services that call one another may do so through one balancer.
    next: u32,
}

/// The times of all requests that the balancer has. Each has a timer, which no try and no wait begins anew.
#[derive(Debug)]
pub(super) struct Totals {
    lane: LaneId,
    times: Arena<Time>,
    /// By a request's place in the arena: the first of its times.
    first: Vec<u32>,
}

impl Totals {
    /// No request is there yet; each may take so long.
    pub(super) fn new(length: SimDuration, cx: &mut Context) -> Self {
        Self {
            lane: cx.scheduler.add_lane(length),
            times: Arena::default(),
            first: Vec::new(),
        }
    }

    fn begins(&mut self, whose: Whose, since: SimTime) -> Timer {
        let at = self.times.add(Time {
            whose,
            since,
            next: NOBODY,
        });
        self.links(at, whose);
        self.times.timer(at)
    }

    fn links(&mut self, at: u32, whose: Whose) {
        let index = whose.index as usize;
        if index >= self.first.len() {
            self.first.resize((index + 1).next_power_of_two(), NOBODY);
        }
        if let Some(own) = self.times.get_mut(at) {
            (own.whose, own.next) = (whose, self.first[index]);
            self.first[index] = at;
        }
    }

    fn of(&self, whose: Whose) -> Option<&Time> {
        let first = *self.first.get(whose.index as usize)?;
        let mut all = std::iter::successors(self.times.get(first), |own| self.times.get(own.next));
        all.find(|own| own.whose == whose)
    }

    /// Takes a time from its request, and gives its number.
    fn unlinks(&mut self, whose: Whose) -> Option<u32> {
        let (mut before, mut at) = (NOBODY, *self.first.get(whose.index as usize)?);
        loop {
            let own = *self.times.get(at)?;
            if own.whose != whose {
                (before, at) = (at, own.next);
                continue;
            }
            match self.times.get_mut(before) {
                Some(before) => before.next = own.next,
                None => self.first[whose.index as usize] = own.next,
            }
            return Some(at);
        }
    }

    fn ends(&mut self, whose: Whose, cx: &mut Context) {
        if let Some(at) = self.unlinks(whose) {
            self.times.remove(at);
            let times = &self.times;
            let is_live = |timer: Timer| times.is_current(timer);
            cx.scheduler.unset_timer(self.lane, is_live);
        }
    }
}

impl Upstream {
    pub(in crate::component) fn total_lane(&self) -> Option<LaneId> {
        self.totals.as_ref().map(|own| own.lane)
    }

    /// True if a timer is that of a request whose time runs.
    pub(in crate::component) fn is_running(&self, timer: Timer) -> bool {
        let own = self.totals.as_ref();
        own.is_some_and(|own| own.times.is_current(timer))
    }

    /// A request has come: its time begins to run.
    pub(super) fn time_begins(&mut self, id: RequestId, cx: &mut Context) {
        if let Some(own) = &mut self.totals {
            let visit = cx.requests.get(id).frame.visit;
            let timer = own.begins(Whose::of(id, visit, &cx.requests), cx.now());
            cx.scheduler.set_timer(own.lane, timer);
        }
    }

    /// The balancer is done with a request.
    pub(in crate::component) fn time_ends(&mut self, id: RequestId, visit: u32, cx: &mut Context) {
        if let Some(own) = &mut self.totals {
            own.ends(Whose::of(id, visit, &cx.requests), cx);
        }
    }

    /// When a request came here whose time runs.
    pub(super) fn came(&self, id: RequestId, frame: &Frame, requests: &Requests) -> Option<SimTime> {
        let own = self.totals.as_ref()?;
        let time = own.of(Whose::of(id, frame.visit, requests))?;
        Some(time.since)
    }

    /// A request goes on under another number, or in another frame, and its time with it.
    pub(super) fn time_goes_on(
        &mut self,
        (old, visit): (RequestId, u32),
        (new, next): (RequestId, u32),
        requests: &Requests,
    ) {
        if let Some(own) = &mut self.totals {
            let at = own.unlinks(Whose::of(old, visit, requests));
            if let Some(at) = at {
                own.links(at, Whose::of(new, next, requests));
            }
        }
    }

    /// The request whose time is over, and its visit here; nothing if the balancer was done with it before.
    pub(in crate::component) fn whose_time_is_over(
        &mut self,
        timer: Timer,
        cx: &mut Context,
    ) -> Option<(RequestId, u32)> {
        let own = self.totals.as_mut()?;
        if !own.times.is_current(timer) {
            return None;
        }
        let whose = own.times.get(timer.subject)?.whose;
        if !cx.requests.is_current(whose.index, whose.generation) {
            // It was over before anybody could say so.
            own.ends(whose, cx);
            return None;
        }
        Some((RequestId::from_index(whose.index), whose.visit))
    }
}
