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

/// The times of all requests that the balancer has. Each has a timer, which no try and no wait begins anew.
#[derive(Debug)]
pub(super) struct Totals {
    lane: LaneId,
    /// Whose time runs, and since when.
    times: Arena<(Whose, SimTime)>,
    /// By a request's place in the arena: its time. It has one, because services call nobody who calls them, so that
    /// it comes to a balancer in one frame at a time.
    of: Vec<u32>,
}

impl Totals {
    /// No request is there yet; each may take so long.
    pub(super) fn new(length: SimDuration, cx: &mut Context) -> Self {
        Self {
            lane: cx.scheduler.add_lane(length),
            times: Arena::default(),
            of: Vec::new(),
        }
    }

    /// The number of a request's time.
    fn find(&self, whose: Whose) -> Option<u32> {
        let at = *self.of.get(whose.index as usize)?;
        let (own, _) = self.times.get(at)?;
        (*own == whose).then_some(at)
    }

    /// The time with this number is that of a request from now on. Whoever had that one's place in the arena
    /// is over.
    fn links(&mut self, at: u32, whose: Whose, cx: &mut Context) {
        let index = whose.index as usize;
        if index >= self.of.len() {
            self.of.resize((index + 1).next_power_of_two(), NOBODY);
        }
        let before = std::mem::replace(&mut self.of[index], at);
        if before != at {
            self.ends(before, cx);
        }
        if let Some((own, _)) = self.times.get_mut(at) {
            *own = whose;
        }
    }

    fn ends(&mut self, at: u32, cx: &mut Context) {
        if let Some((whose, _)) = self.times.remove(at) {
            let own = &mut self.of[whose.index as usize];
            if *own == at {
                *own = NOBODY;
            }
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
            let whose = Whose::of(id, visit, &cx.requests);
            let at = own.times.add((whose, cx.now()));
            own.links(at, whose, cx);
            cx.scheduler.set_timer(own.lane, own.times.timer(at));
        }
    }

    /// The balancer is done with a request.
    pub(in crate::component) fn time_ends(&mut self, id: RequestId, visit: u32, cx: &mut Context) {
        if let Some(own) = &mut self.totals
            && let Some(at) = own.find(Whose::of(id, visit, &cx.requests))
        {
            own.ends(at, cx);
        }
    }

    /// When a request came here whose time runs.
    pub(super) fn came(
        &self,
        id: RequestId,
        frame: &Frame,
        requests: &Requests,
    ) -> Option<SimTime> {
        let own = self.totals.as_ref()?;
        let at = own.find(Whose::of(id, frame.visit, requests))?;
        own.times.get(at).map(|(_, since)| *since)
    }

    /// A request goes on under another number, or in another frame, and its time with it.
    pub(super) fn time_goes_on(
        &mut self,
        (old, visit): (RequestId, u32),
        (new, next): (RequestId, u32),
        cx: &mut Context,
    ) {
        if let Some(own) = &mut self.totals
            && let Some(at) = own.find(Whose::of(old, visit, &cx.requests))
        {
            own.of[old.index() as usize] = NOBODY;
            let whose = Whose::of(new, next, &cx.requests);
            own.links(at, whose, cx);
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
        let (whose, _) = *own.times.get(timer.subject)?;
        if !cx.requests.is_current(whose.index, whose.generation) {
            // It was over before anybody could say so.
            own.ends(timer.subject, cx);
            return None;
        }
        Some((RequestId::from_index(whose.index), whose.visit))
    }
}
