//! The zones of a service: its places for instances are spread over them in turn.

use super::instances::Life;
use super::state::{NOTICED, State, ZONE_BACK};
use crate::component::{Context, Event};
use crate::engine::Class;
use crate::units::{SimDuration, SimTime};

impl State {
    /// True if an instance can start at a place.
    pub(super) fn is_open(&self, at: usize) -> bool {
        self.lost_zones.is_empty() || !self.lost_zones[at % self.plan.zones as usize]
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
        self.lost_zones[zone as usize] = true;
        for at in (zone..self.instances.len() as u32).step_by(self.plan.zones as usize) {
            match self.instances[at as usize].life {
                Life::InService | Life::Draining => self.crash(at, cx),
                Life::Starting | Life::Down => self.take_out(at, cx),
                Life::Stopped => {}
            }
        }
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
        for at in (zone..self.instances.len() as u32).step_by(self.plan.zones as usize) {
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
        self.start_missing(cx);
        self.rolls(cx);
    }
}
