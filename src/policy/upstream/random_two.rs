//! The less busy of two drawn at random (nginx's `random two least_conn`).

use super::methods::Rules;
use super::random::{MOST_MISSES, draw};
use super::round_robin::turn;
use super::{Ask, View};
use crate::spec;

spec! {
    /// The less busy, by weight, of two drawn at random (nginx).
    pub struct RandomTwo {}
}

/// Nothing is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct State;

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, ask: &mut Ask<'_>) -> Option<usize> {
        if ask.trial.misses > MOST_MISSES || view.single || view.backup {
            return turn(view);
        }
        let total = view.total_weight();
        let mut first: Option<usize> = None;
        loop {
            let drawn = draw(view, total, ask)?;
            if first != Some(drawn) && view.is_open(drawn) {
                if let Some(first) = first {
                    return Some(less_busy(view, first, drawn));
                }
                first = Some(drawn);
            }
            // The draw of the first counts as well: so it does in nginx.
            ask.trial.misses += 1;
            if ask.trial.misses > MOST_MISSES {
                return turn(view);
            }
        }
    }
}

/// Of two, the one with fewer requests in relation to its weight; of equals, the one drawn last.
fn less_busy(view: &View<'_>, first: usize, second: usize) -> usize {
    let (a, b) = (&view.peers[first], &view.peers[second]);
    let second_is_busier = u64::from(b.active) * u64::from(a.server.weight)
        > u64::from(a.active) * u64::from(b.server.weight);
    if second_is_busier { first } else { second }
}
