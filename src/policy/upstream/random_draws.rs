//! The least busy of some drawn at random (HAProxy's `random`).

use rand::Rng as _;

use super::least_request::check_draws;
use super::methods::{Rules, Start};
use super::{Ask, View};
use crate::diag::{Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimTime;

spec! {
    /// The least busy, by weight, of some drawn at random by weight; one may be drawn twice. Of equals, the
    /// one that got fewer requests within the last second (HAProxy's `random`). One at its limit is drawn,
    /// too: then the request waits in the line for all.
    pub struct RandomDraws {
        /// How many are drawn.
        pub draws: At<Count> = At::built_in(Count::new(2)),
    }
    check(Self::check)
}

impl RandomDraws {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_draws(self.draws, out);
    }
}

/// How many requests a server got, in whole seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    second: u64,
    now: u64,
    before: u64,
}

const SECOND: u64 = 1_000_000_000;

impl Rate {
    fn turns_to(&mut self, second: u64) {
        if second > self.second {
            self.before = if second == self.second + 1 {
                self.now
            } else {
                0
            };
            (self.second, self.now) = (second, 0);
        }
    }

    fn counts(&mut self, now: SimTime) {
        self.turns_to(now.as_nanos() / SECOND);
        self.now += 1;
    }

    /// Within the last second, in billionths: what was counted in the second before belongs to it in part.
    fn within_last_second(&mut self, now: SimTime) -> u128 {
        self.turns_to(now.as_nanos() / SECOND);
        let left = SECOND - now.as_nanos() % SECOND;
        u128::from(self.now) * u128::from(SECOND) + u128::from(self.before) * u128::from(left)
    }
}

/// What the servers got.
#[derive(Debug, Clone)]
pub(super) struct State {
    draws: u32,
    rates: Vec<Rate>,
}

impl Start<RandomDraws> for State {
    fn start(own: &RandomDraws, n_peers: usize) -> Self {
        Self {
            draws: own.draws.get(),
            rates: vec![Rate::default(); n_peers],
        }
    }
}

impl State {
    /// True if the one drawn before is to be preferred.
    fn prefers(&mut self, before: usize, drawn: usize, view: &View<'_>) -> bool {
        let weighed = |requests: u32, other: usize| {
            u64::from(requests) * u64::from(view.peers[other].server.weight)
        };
        let busy = |at: usize| view.peers[at].active;
        let (own, other) = (weighed(busy(drawn), before), weighed(busy(before), drawn));
        if own != other {
            return own > other;
        }
        let mut rate = |at: usize, other: usize| {
            let rate = self.rates[at].within_last_second(view.now);
            rate * u128::from(view.peers[other].server.weight)
        };
        rate(before, drawn) < rate(drawn, before)
    }
}

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, ask: &mut Ask<'_>) -> Option<usize> {
        let total = view.weight_up();
        let mut best: Option<usize> = None;
        for _ in 0..self.draws {
            let below = (u128::from(ask.draw.next_u64()) * u128::from(total)) >> 64;
            let drawn = view.up_at_weight(below as u64)?;
            match best {
                Some(before) if before != drawn && self.prefers(before, drawn, view) => {}
                _ => best = Some(drawn),
            }
        }
        let best = best.filter(|at| view.is_open(*at))?;
        self.rates[best].counts(view.now);
        Some(best)
    }
}
