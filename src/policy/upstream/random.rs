//! One at random, by weight (nginx's `random`).

use rand::Rng as _;

use super::methods::Rules;
use super::round_robin::turn;
use super::{Ask, View};

/// After so many draws of somebody who is not available, requests go in turn.
pub(super) const MOST_MISSES: u32 = 20;

/// Nothing is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct State;

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, ask: &mut Ask<'_>) -> Option<usize> {
        if ask.trial.misses > MOST_MISSES || view.single || view.backup {
            return turn(view);
        }
        let total = view.total_weight();
        loop {
            let drawn = draw(view, total, ask)?;
            if view.is_open(drawn) {
                return Some(drawn);
            }
            ask.trial.misses += 1;
            if ask.trial.misses > MOST_MISSES {
                return turn(view);
            }
        }
    }
}

/// A peer of the group, available or not, by weight.
pub(super) fn draw(view: &View<'_>, total: u64, ask: &mut Ask<'_>) -> Option<usize> {
    let below = (u128::from(ask.draw.next_u64()) * u128::from(total)) >> 64;
    view.at_weight(below as u64)
}
