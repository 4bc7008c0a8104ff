//! The fewest requests under way in relation to the weight (nginx's `least_conn`).

use super::methods::Rules;
use super::round_robin::turn_from;
use super::{Ask, View};
use crate::spec;

spec! {
    /// The one with the fewest requests under way in relation to its weight; of several, in turn (nginx).
    pub struct NginxLeastConn {}
}

/// Everything is kept in the peers.
#[derive(Debug, Clone, Default)]
pub(super) struct State;

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, _: &mut Ask<'_>) -> Option<usize> {
        let mut best: Option<usize> = None;
        let mut many = false;
        for at in (0..view.peers.len()).filter(|at| view.is_open(*at)) {
            match best.map(|best| order(view, at, best)) {
                None | Some(std::cmp::Ordering::Less) => (best, many) = (Some(at), false),
                Some(std::cmp::Ordering::Equal) => many = true,
                Some(std::cmp::Ordering::Greater) => {}
            }
        }
        let best = best?;
        if !many {
            return Some(best);
        }
        // The others of the same load take turns; nobody else's turn moves on.
        let (active, weight) = (view.peers[best].active, view.peers[best].server.weight);
        Some(turn_from(view, best, |view, at| {
            let own = &view.peers[at];
            view.is_open(at)
                && u64::from(own.active) * u64::from(weight)
                    == u64::from(active) * u64::from(own.server.weight)
        }))
    }
}

/// Which of two is less loaded in relation to its weight.
fn order(view: &View<'_>, a: usize, b: usize) -> std::cmp::Ordering {
    let (a, b) = (&view.peers[a], &view.peers[b]);
    let weighed = |active: u32, weight: u32| u64::from(active) * u64::from(weight);
    weighed(a.active, b.server.weight).cmp(&weighed(b.active, a.server.weight))
}
