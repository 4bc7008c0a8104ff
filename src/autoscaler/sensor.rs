//! What sensors make of readings: what instances did between two of them.

use super::{Group, Reading};
use crate::units::{SimDuration, SimTime};

/// All instances at one instant, kept for later.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// When.
    pub(super) at: SimTime,
    /// The instances, by place.
    pub(super) instances: Vec<Reading>,
    /// What stood in the queues that the autoscaler goes by.
    pub(super) backlogs: Vec<u64>,
    /// Requests of the whole system that had ended, and failed.
    pub(super) ended: u64,
    /// See `ended`.
    pub(super) failed: u64,
    /// Requests that were held.
    pub(super) held: u64,
}

impl Snapshot {
    /// The group as it is now.
    pub(super) fn of(group: &Group<'_>) -> Self {
        Self {
            at: group.now,
            instances: group.instances.to_vec(),
            backlogs: group.backlogs.to_vec(),
            ended: group.ended,
            failed: group.failed,
            held: group.held,
        }
    }

    /// This instance as it was then; nothing if it was not there.
    pub(super) fn find(&self, own: &Reading) -> Option<&Reading> {
        let at = self
            .instances
            .binary_search_by_key(&own.place, |other| other.place);
        at.ok()
            .map(|at| &self.instances[at])
            .filter(|other| other.is_same(own))
    }

    /// The share of requests that failed among those that have ended since `earlier`; nothing if none has.
    pub(super) fn error_rate_since(&self, earlier: &Self) -> Option<f64> {
        let ended = self.ended - earlier.ended;
        (ended > 0).then(|| (self.failed - earlier.failed) as f64 / ended as f64)
    }
}

/// How many requests were inside of all instances on average since `last`, and those that are held now: what a front
/// end has on its hands.
pub(super) fn in_flight_since(last: &Snapshot, group: &Group<'_>) -> f64 {
    let span = group.now.since(last.at).as_secs_f64();
    let own = group.instances.iter().filter_map(|own| {
        let earlier = last.find(own).map(|then| (last.at, then));
        // One that has only just begun was not there for all of the time.
        let used = Use::since(earlier, own, group.now)?;
        Some(used.in_flight * used.window.as_secs_f64())
    });
    own.sum::<f64>() / span + group.held as f64
}

/// What an instance did over some time, on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Use {
    /// How long that was.
    pub(super) window: SimDuration,
    /// vCPUs in use.
    pub(super) cpus: f64,
    /// Requests done a second.
    pub(super) requests_per_second: f64,
    /// Requests inside.
    pub(super) in_flight: f64,
}

impl Use {
    /// Since it was read `earlier`, at `then`, or since its software began to start, if it was not there or had
    /// not begun; nothing before that, and over no time.
    pub(super) fn since(
        earlier: Option<(SimTime, &Reading)>,
        own: &Reading,
        now: SimTime,
    ) -> Option<Self> {
        let started = own.started?;
        let earlier = earlier.filter(|(_, before)| before.is_same(own));
        let then = earlier.map_or(started, |(at, _)| at.max(started));
        let window = now.since(then);
        if window == SimDuration::ZERO {
            return None;
        }
        let before = earlier.map(|(_, before)| *before);
        let (cpu, in_flight, n_done) = before.map_or_else(Default::default, |before| {
            (before.cpu, before.in_flight, before.n_done)
        });
        let seconds = window.as_secs_f64();
        Some(Self {
            window,
            cpus: (own.cpu.as_secs_f64() - cpu.as_secs_f64()) / seconds,
            requests_per_second: (own.n_done - n_done) as f64 / seconds,
            in_flight: own.in_flight.average_since(in_flight, window)?,
        })
    }
}
