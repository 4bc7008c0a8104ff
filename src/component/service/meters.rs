//! What each instance uses and does, read off one by one: for autoscalers. A service that nobody reads keeps
//! none of this.

use super::instances::Life;
use super::state::State;
use crate::autoscaler::{Phase, Reading, RequestTime};
use crate::component::Context;
use crate::stats::Level;
use crate::units::{Bytes, SimDuration, SimTime};

/// One instance's own, from when it was asked for.
#[derive(Debug, Clone, Default)]
struct Meter {
    asked: SimTime,
    started: SimTime,
    changed: Option<SimTime>,
    inside: Level,
    /// Thousandths of a vCPU in use.
    cpu: Level,
    n_done: u64,
}

/// What is read off the instances of a service.
#[derive(Debug)]
pub(super) struct Meters {
    own: Vec<Meter>,
}

impl Meters {
    pub(super) fn new(n_places: u32) -> Self {
        Self {
            own: vec![Meter::default(); n_places as usize],
        }
    }

    /// An instance is asked for: its software begins to start at `started`.
    pub(super) fn begins(&mut self, at: u32, asked: SimTime, started: SimTime) {
        self.own[at as usize] = Meter {
            asked,
            started,
            ..Meter::default()
        };
    }

    /// The software of an instance begins to start at this instant.
    pub(super) fn starts(&mut self, at: u32, started: SimTime) {
        self.own[at as usize].started = started;
    }

    /// An instance has become ready, or ceased to be.
    pub(super) fn changes(&mut self, at: u32, now: SimTime) {
        self.own[at as usize].changed = Some(now);
    }

    #[inline]
    pub(super) fn comes_in(&mut self, at: u32, now: SimTime) {
        self.own[at as usize].inside.up(now, 1);
    }

    #[inline]
    pub(super) fn goes_out(&mut self, at: u32, n: u64, now: SimTime) {
        let own = &mut self.own[at as usize];
        own.inside.down(now, n);
        own.n_done += n;
    }

    /// So much of its CPU is used from now on, where `before` was.
    #[inline]
    pub(super) fn cpu(&mut self, at: u32, before: u64, after: u64, now: SimTime) {
        let level = &mut self.own[at as usize].cpu;
        if after >= before {
            level.up(now, after - before);
        } else {
            level.down(now, before - after);
        }
    }

    fn read(&self, at: usize, phase: Phase, memory: Option<Bytes>, now: SimTime) -> Reading {
        let own = &self.own[at];
        Reading {
            place: at as u32,
            asked: own.asked,
            phase,
            started: Some(own.started).filter(|started| *started <= now),
            changed: own.changed,
            cpu: SimDuration::from_nanos(own.cpu.integral(now) / 1000),
            in_flight: RequestTime::from_request_nanos(own.inside.integral(now)),
            n_done: own.n_done,
            memory,
        }
    }
}

impl State {
    /// A request is in an instance from now on.
    #[inline(always)]
    pub(super) fn comes_in(&mut self, at: u32, now: SimTime) {
        self.instances[at as usize].connections += 1;
        if let Some(meters) = &mut self.meters {
            meters.comes_in(at, now);
        }
    }

    /// A request is not in an instance any more.
    #[inline(always)]
    pub(super) fn goes_out(&mut self, at: u32, now: SimTime) {
        self.instances[at as usize].connections -= 1;
        if let Some(meters) = &mut self.meters {
            meters.goes_out(at, 1, now);
        }
    }

    /// Reads all instances, by place.
    pub(super) fn read_instances(&self, into: &mut Vec<Reading>, cx: &Context) {
        into.clear();
        let Some(meters) = &self.meters else { return };
        let now = cx.now();
        for (at, instance) in self.instances.iter().enumerate() {
            let phase = match instance.life {
                Life::Stopped => continue,
                Life::Starting => Phase::Starting,
                Life::InService => Phase::InService,
                Life::Down => Phase::Down,
                Life::Draining => Phase::Draining,
            };
            let processes = self.processes.as_ref();
            let memory = processes.and_then(|own| own.memory_of(at as u32));
            into.push(meters.read(at, phase, memory, now));
        }
    }
}
