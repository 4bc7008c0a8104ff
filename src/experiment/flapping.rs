//! Autoscalers that undo what they have just done.
//!
//! A change of direction is a change of the number of instances against the direction of the last one. A service flaps
//! if it changes direction several times within some minutes: each time capacity is paid for, and is gone again before
//! it was of use. Kubernetes calls it thrashing, Azure flapping; both hold changes back so that it does not happen.

use std::collections::BTreeMap;

use super::record::LookRecord;
use crate::units::{SimDuration, SimTime};

/// So many changes of direction within this time are too many: up, down, up, down.
pub(super) const TURNS: usize = 3;
/// See [`TURNS`]. Shorter than the shortest cooldowns and stabilization windows let one change follow another three
/// times.
pub(super) const WITHIN: SimDuration = SimDuration::from_secs(15 * 60);

/// The instants of the changes of direction of each service.
fn turns(looks: &[LookRecord]) -> BTreeMap<&str, Vec<SimTime>> {
    let mut last: BTreeMap<&str, bool> = BTreeMap::new();
    let mut turns: BTreeMap<&str, Vec<SimTime>> = BTreeMap::new();
    // Those of several autoscalers stand one after the other in time.
    let changes = looks.iter().filter(|look| look.to != look.from);
    for look in changes {
        let up = look.to > look.from;
        if last.insert(&look.service, up) == Some(!up) {
            turns.entry(&look.service).or_default().push(look.at);
        }
    }
    turns
}

/// Services that flap in this replication, and how often they change direction in all.
pub(super) fn find(looks: &[LookRecord]) -> BTreeMap<&str, usize> {
    let flaps = |at: &Vec<SimTime>| {
        at.windows(TURNS)
            .any(|turns| turns[TURNS - 1].since(turns[0]) <= WITHIN)
    };
    let found = turns(looks).into_iter().filter(|(_, at)| flaps(at));
    found.map(|(service, at)| (service, at.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::Reason;

    fn changes(of: &[(u64, u32, u32)]) -> Vec<LookRecord> {
        let look = |(minute, from, to): &(u64, u32, u32)| LookRecord {
            service: "web".to_owned(),
            autoscaler: "script".to_owned(),
            at: SimTime::ZERO + SimDuration::from_secs(60 * minute),
            from: *from,
            wanted: *to,
            to: *to,
            throughput: 0.0,
            response_p95: None,
            sight: None,
            reason: Reason::Right,
        };
        of.iter().map(look).collect()
    }

    #[test]
    fn up_and_down_and_up_and_down_within_a_quarter_of_an_hour_is_flapping() {
        let quick = changes(&[(1, 2, 3), (5, 3, 2), (6, 2, 2), (9, 2, 3), (14, 3, 2)]);
        assert_eq!(find(&quick), BTreeMap::from([("web", 3)]));
        // The third change of direction comes 16 minutes after the first.
        let slow = changes(&[(1, 2, 3), (5, 3, 2), (9, 2, 3), (21, 3, 2)]);
        assert_eq!(find(&slow), BTreeMap::new());
        // One direction, however often.
        let growth = changes(&[(1, 2, 3), (2, 3, 4), (3, 4, 6), (4, 6, 7), (5, 7, 9)]);
        assert_eq!(find(&growth), BTreeMap::new());
    }
}
