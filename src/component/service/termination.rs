//! Which instance goes when there are to be fewer.

use super::instances::Life;
use super::provision::Termination;
use super::state::State;
use crate::units::SimTime;

impl State {
    /// The next instance to be taken out; nothing if there is none.
    pub(super) fn next_to_go(&self) -> Option<u32> {
        let there = (0..self.instances.len()).filter(|at| self.is_there(*at));
        let there = there.map(|at| at as u32);
        let own = self.launches.as_ref();
        let asked = |at: u32| own.map_or(SimTime::ZERO, |own| own.ways[at as usize].asked);
        let ready = |at: u32| own.map_or(SimTime::ZERO, |own| own.ways[at as usize].ready);
        let life = |at: u32| self.instances[at as usize].life;
        match self.plan.termination {
            Termination::Last => there.max(),
            Termination::Newest => there.max_by_key(|at| (asked(*at), *at)),
            Termination::Oldest => there.min_by_key(|at| (asked(*at), *at)),
            Termination::LeastLoaded => there.min_by_key(|at| {
                let load = self.instances[*at as usize].connections;
                (life(*at) == Life::InService, load, *at)
            }),
            Termination::Kubernetes => {
                let beside = |at: u32| {
                    let places = self.places_on(self.machine_of(at));
                    let there = places.filter(|at| self.is_there(*at as usize));
                    there.count()
                };
                let rank = |at: &u32| {
                    let stage = match life(*at) {
                        Life::Starting => 2,
                        Life::Down => 1,
                        _ => 0,
                    };
                    (stage, beside(*at), ready(*at), asked(*at), *at)
                };
                there.max_by_key(rank)
            }
            Termination::Aws => {
                let zones = self.plan.zones;
                let zone = |at: u32| self.zone_of(at as usize);
                let mut counts = vec![0_u32; zones as usize];
                for at in there.clone() {
                    counts[zone(at)] += 1;
                }
                let most = counts.iter().max().copied().unwrap_or(0);
                let fullest = there.filter(|at| counts[zone(*at)] == most);
                fullest.min_by_key(|at| (asked(*at), *at))
            }
        }
    }
}
