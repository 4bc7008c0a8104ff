//! What there is to see of a group of instances: what whoever runs them knows, and what can be read off each.
//!
//! Absence is a value here: what has not been measured is not zero.

use super::oracle::Foresight;
use crate::stats::Histogram;
use crate::units::{Bytes, SimDuration, SimTime};

/// How far an instance has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has been asked for: its machine, its image, its software are on their way.
    Starting,
    /// It gets requests.
    InService,
    /// It has crashed, and waits to be started again.
    Down,
    /// It gets no new requests, and finishes what it has.
    Draining,
}

/// Requests times the time that they were inside: what an instance's requests in flight add up to. Two of them
/// give the average between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestTime(u64);

impl RequestTime {
    /// From requests times nanoseconds, modulo 2⁶⁴.
    pub const fn from_request_nanos(sum: u64) -> Self {
        Self(sum)
    }

    /// How many requests were inside on average since `earlier`, `span` ago; nothing over no time.
    pub fn average_since(self, earlier: Self, span: SimDuration) -> Option<f64> {
        let sum = self.0.wrapping_sub(earlier.0);
        (span > SimDuration::ZERO).then(|| sum as f64 / span.as_nanos() as f64)
    }
}

/// One instance at one instant. What adds up begins at zero when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Which of the places for instances it has. Places are taken again: together with `asked` it names an
    /// instance.
    pub place: u32,
    /// When it was asked for.
    pub asked: SimTime,
    /// How far it has come.
    pub phase: Phase,
    /// When its machine was there and its software began to start; nothing before.
    pub started: Option<SimTime>,
    /// When it last became ready, or ceased to be; nothing if it has never been.
    pub changed: Option<SimTime>,
    /// CPU time used so far.
    pub cpu: SimDuration,
    /// Requests inside so far.
    pub in_flight: RequestTime,
    /// Requests that have left it so far, in whatever way.
    pub n_done: u64,
    /// What its memory holds now; nothing where memory is not looked at.
    pub memory: Option<Bytes>,
}

impl Reading {
    /// True if this is the same instance as `other`, and not the next at its place.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.place, self.asked) == (other.place, other.asked)
    }
}

/// A group of instances, as it is at one instant.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// The present instant.
    pub now: SimTime,
    /// How many instances there shall be.
    pub desired: u32,
    /// All that have been asked for and are not gone, by place.
    pub instances: &'a [Reading],
    /// vCPUs that an instance may use.
    pub cpus: f64,
    /// What memory an instance has, where that is looked at.
    pub memory: Option<Bytes>,
    /// Response times of the group since this controller's last look; for its sensor, if it
    /// [goes by them](super::Autoscaler::senses_responses), since that last read.
    pub responses: &'a Histogram,
    /// Requests of clients of the whole system that have ended so far, and how many of these failed.
    pub ended: u64,
    /// See `ended`.
    pub failed: u64,
    /// What stands in the queues that the controller asked for, in its order.
    pub backlogs: &'a [u64],
    /// Requests that are held until there is an instance.
    pub held: u64,
    /// What will come: nobody is shown this but an oracle.
    pub foresight: Option<&'a Foresight>,
}

#[cfg(test)]
impl Reading {
    /// An instance that has served since the run began, and has not done anything, for tests to put something in.
    pub(super) fn serving(place: u32) -> Self {
        Self {
            place,
            asked: SimTime::ZERO,
            phase: Phase::InService,
            started: Some(SimTime::ZERO),
            changed: Some(SimTime::ZERO),
            cpu: SimDuration::ZERO,
            in_flight: RequestTime::default(),
            n_done: 0,
            memory: None,
        }
    }
}

#[cfg(test)]
impl<'a> Group<'a> {
    /// A group without anything, for tests to put something in.
    pub(super) fn empty(responses: &'a Histogram) -> Self {
        Self {
            now: SimTime::ZERO,
            desired: 0,
            instances: &[],
            cpus: 1.0,
            memory: None,
            responses,
            ended: 0,
            failed: 0,
            backlogs: &[],
            held: 0,
            foresight: None,
        }
    }
}

impl Group<'_> {
    /// How many get requests.
    pub fn in_service(&self) -> u32 {
        self.count(Phase::InService)
    }

    /// How many have come so far.
    pub fn count(&self, phase: Phase) -> u32 {
        let those = self.instances.iter().filter(|own| own.phase == phase);
        those.count() as u32
    }
}
