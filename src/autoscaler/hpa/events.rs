//! Changes that an HPA has made, for policies that allow so much in so long.

use crate::units::{SimDuration, SimTime};

/// A change of the count of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleEvent {
    /// By how many pods, in the direction of its list.
    pub change: u32,
    /// When.
    pub at: SimTime,
    /// True if no policy looked back so far when the last change was made: its place may be taken.
    pub is_outdated: bool,
}

/// The changes in one direction. Their order is not that of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Events(pub Vec<ScaleEvent>);

impl Events {
    /// By how many pods it changed within a period: a change that is as old as the period is none of it any more
    /// (`getReplicasChangePerPeriod`).
    pub fn sum_within(&self, period: SimDuration, now: SimTime) -> i64 {
        let recent = self.0.iter().filter(|own| now.since(own.at) < period);
        recent.map(|own| i64::from(own.change)).sum()
    }

    /// Adds a change, where policies look back for `longest` at most (`storeScaleEvent`). It takes the last place
    /// that is free, if there is one.
    pub fn store(&mut self, change: u32, longest: SimDuration, now: SimTime) {
        let event = ScaleEvent {
            change,
            at: now,
            is_outdated: false,
        };
        for own in &mut self.0 {
            own.is_outdated |= now.since(own.at) > longest;
        }
        match self.0.iter_mut().rfind(|own| own.is_outdated) {
            Some(free) => *free = event,
            None => self.0.push(event),
        }
    }
}

/// The changes of both directions, as policies look at them.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    /// More pods.
    pub ups: &'a Events,
    /// Fewer pods.
    pub downs: &'a Events,
    /// The present instant.
    pub now: SimTime,
}

impl Changes<'_> {
    /// How many pods there would have been at the beginning of a period, had nobody else changed anything.
    pub(super) fn base(&self, current: u32, period: SimDuration) -> i64 {
        let sum = |events: &Events| events.sum_within(period, self.now);
        i64::from(current) - sum(self.ups) + sum(self.downs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, from `markScaleEventsOutdated` and `storeScaleEvent`.
    #[test]
    fn a_change_takes_the_last_place_that_nobody_looks_back_to() {
        let seconds = SimDuration::from_secs;
        let event = |change, at| ScaleEvent {
            change,
            at: SimTime::ZERO + seconds(at),
            is_outdated: false,
        };
        let now = SimTime::ZERO + seconds(100);
        let mut events = Events(vec![event(1, 30), event(2, 40), event(3, 39), event(4, 90)]);
        events.store(5, seconds(60), now);
        let changes = |events: &Events| events.0.iter().map(|own| own.change).collect::<Vec<_>>();
        assert_eq!(
            changes(&events),
            [1, 2, 5, 4],
            "as old as the period is not outdated"
        );
        // What was outdated once stays so, even if policies look back further now.
        events.store(6, seconds(1000), now);
        assert_eq!(changes(&events), [6, 2, 5, 4]);
        events.store(7, seconds(1000), now);
        assert_eq!(changes(&events), [6, 2, 5, 4, 7]);
    }
}
