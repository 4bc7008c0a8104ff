//! The zones of a service: its places for instances are spread over them in turn.

use super::instances::Life;
use super::state::{NOTICED, State, ZONE_BACK};
use crate::component::{Context, Event};
use crate::engine::Class;
use crate::units::{SimDuration, SimTime};

impl State {
    /// True if an instance can start at a place.
    pub(super) fn is_open(&self, at: usize) -> bool {
        self.lost_zones.is_empty() || !self.lost_zones[self.zone_of(at)]
    }

    /// The zone of a place: that of its machine.
    pub(super) fn zone_of(&self, at: usize) -> usize {
        at / self.per_machine() as usize % self.plan.zones as usize
    }

    /// The places in a zone.
    fn places_in(&self, zone: u32) -> impl Iterator<Item = u32> + use<> {
        let (zones, per_machine) = (self.plan.zones, self.per_machine());
        let all = 0..self.instances.len() as u32;
        all.filter(move |at| at / per_machine % zones == zone)
    }

    /// Everything in a zone is gone.
    pub(in crate::component) fn loses_zone(
        &mut self,
        zone: u32,
        noticed: SimDuration,
        lasts: Option<SimDuration>,
        cx: &mut Context,
    ) {
        self.lost_zones.resize(self.plan.zones as usize, false);
        if std::mem::replace(&mut self.lost_zones[zone as usize], true) {
            // What is gone already cannot go again.
            return;
        }
        for at in self.places_in(zone) {
            match self.instances[at as usize].life {
                Life::InService | Life::Draining => self.crash(at, cx),
                Life::Starting | Life::Down => self.take_out(at, cx),
                Life::Stopped => {}
            }
        }
        self.machines_are_lost(zone, cx);
        let rest = (SimTime::ZERO + self.plan.horizon).since(cx.now());
        let back = lasts.map(|lasts| (lasts, ZONE_BACK));
        for (after, code) in [(noticed, NOTICED)].into_iter().chain(back) {
            if after <= rest {
                cx.signal_after(after, Class::Control, Event::Signal(self.own, code, zone));
            }
        }
    }

    /// Whoever runs the instances finds those of a lost zone gone, and starts others elsewhere.
    pub(super) fn notices_loss(&mut self, zone: u32, cx: &mut Context) {
        for at in self.places_in(zone) {
            if self.instances[at as usize].life == Life::Down && !self.is_open(at as usize) {
                self.take_out(at, cx);
            }
        }
        self.start_missing(cx);
        self.rolls(cx);
    }

    /// Instances can start in a zone again.
    pub(super) fn zone_is_back(&mut self, zone: u32, cx: &mut Context) {
        self.lost_zones[zone as usize] = false;
        for at in self.places_in(zone) {
            let own = &self.instances[at as usize];
            if own.life == Life::Down && own.pending.is_none() && !own.is_dying() {
                // Nobody has noticed that they were gone: they are started again where they were.
                self.waits_to_restart(at, cx);
            }
        }
        self.start_missing(cx);
        self.rolls(cx);
    }
}
