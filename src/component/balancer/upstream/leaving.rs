//! Servers that come and go, and for how long what is under way at those that have gone is waited for.

use super::Upstream;
use crate::component::{Context, Event, NodeId};
use crate::engine::Class;
use crate::units::{SimDuration, SimTime};

/// What is under way at a server that has left is not waited for any longer.
pub(super) const CUT: u8 = 3;

/// Servers that have left.
#[derive(Debug)]
pub(super) struct Leaving {
    delay: SimDuration,
    /// By server: when it left last.
    left: Vec<SimTime>,
}

impl Leaving {
    pub(super) fn new(delay: SimDuration, n_peers: u32) -> Self {
        let left = vec![SimTime::NEVER; n_peers as usize];
        Self { delay, left }
    }
}

impl Upstream {
    /// An instance of a service is there.
    pub(in crate::component) fn joins(&mut self, service: NodeId, instance: u32, cx: &mut Context) {
        if let Some(first) = self.first_of(service) {
            let peer = first + instance;
            self.groups.iter_mut().for_each(|group| group.join(peer));
            self.places_change(peer, true, cx);
            self.stays(peer);
            self.watches(peer, cx);
            self.those_who_wait_hear(peer, cx);
        }
    }

    /// The places of a server come or go with it; whoever waits has not gone there yet, or is still there.
    fn places_change(&self, peer: u32, is_there: bool, cx: &mut Context) {
        let Some(line) = &self.line else { return };
        for group in &self.groups {
            let own = (self.servers[peer as usize], group.active(peer));
            line.places_change(own, is_there, cx);
        }
    }

    /// A server is there, or not any more: that may concern those who wait.
    fn those_who_wait_hear(&mut self, peer: u32, cx: &mut Context) {
        if self.line.is_none() {
            return;
        }
        for view in 0..self.groups.len() as u32 {
            self.moves_up(view, peer, cx);
        }
    }

    /// An instance of a service is not to get any more.
    pub(in crate::component) fn leaves(
        &mut self,
        service: NodeId,
        instance: u32,
        cx: &mut Context,
    ) {
        if let Some(first) = self.first_of(service) {
            let peer = first + instance;
            self.groups.iter_mut().for_each(|group| group.leave(peer));
            self.places_change(peer, false, cx);
            self.begins_to_leave(peer, cx);
            self.watches_no_more(peer, cx);
            self.those_who_wait_hear(peer, cx);
        }
    }

    /// A server has left: its time begins to run.
    fn begins_to_leave(&mut self, peer: u32, cx: &mut Context) {
        if let Some(leaving) = &mut self.leaving {
            leaving.left[peer as usize] = cx.now();
            let event = Event::Signal(self.own, CUT, peer);
            cx.signal_after(leaving.delay, Class::Timer, event);
        }
    }

    /// A server is back: nothing is cut.
    fn stays(&mut self, peer: u32) {
        if let Some(leaving) = &mut self.leaving {
            leaving.left[peer as usize] = SimTime::NEVER;
        }
    }

    /// True if the time of a server that has left is over now.
    pub(in crate::component) fn is_cut(&self, peer: u32, now: SimTime) -> bool {
        self.leaving.as_ref().is_some_and(|leaving| {
            let left = leaving.left[peer as usize];
            left != SimTime::NEVER && left + leaving.delay == now
        })
    }
}
