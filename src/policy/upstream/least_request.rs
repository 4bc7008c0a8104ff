//! The less busy of a few drawn at random, or in turn by weights that shrink with the load (Envoy's
//! `LEAST_REQUEST`, `least_request_lb.cc`).

use rand::Rng as _;

use super::methods::{Rules, Start};
use super::{Ask, View};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::{math, spec};

spec! {
    /// The least busy of two drawn at random, one of them perhaps twice; where weights differ, in turn by
    /// `weight / (requests under way + 1)^bias`, worked out at each pick (Envoy).
    pub struct LeastRequest {
        /// How many are drawn.
        pub choices: At<Count> = At::built_in(Count::new(2)),
        /// How much the requests under way count where weights differ; 0: not at all.
        pub bias: At<f64> = At::built_in(1.0),
    }
    check(Self::check)
}

impl LeastRequest {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if !(0.0..=100.0).contains(&self.bias.value) {
            let problem = "a bias lies between 0 and 100";
            out.push(Diagnostic::error(self.bias.origin, problem));
        }
        check_draws(self.choices, out);
    }
}

/// Reports more draws for one request than anybody makes.
pub(super) fn check_draws(draws: At<Count>, out: &mut Diagnostics) {
    if draws.get() > 1000 {
        let problem = "nobody draws more than 1000 times for one request";
        out.push(Diagnostic::error(draws.origin, problem));
    }
}

/// When the turn of a peer comes: its deadline, and what decides between equals.
#[derive(Debug, Clone, Copy)]
struct Turn {
    deadline: f64,
    order: u64,
}

/// The method at work.
#[derive(Debug, Clone)]
pub(super) struct State {
    choices: u32,
    bias: f64,
    /// Where weights differ: by peer, and the clock of deadlines.
    turns: Vec<Option<Turn>>,
    clock: f64,
    order: u64,
}

impl Start<LeastRequest> for State {
    fn start(spec: &LeastRequest, n_peers: usize) -> Self {
        Self {
            choices: spec.choices.get(),
            bias: spec.bias.value,
            turns: vec![None; n_peers],
            clock: 0.0,
            order: 0,
        }
    }
}

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, ask: &mut Ask<'_>) -> Option<usize> {
        let (mut n_open, mut weight, mut are_equal) = (0_u64, None, true);
        for at in (0..view.peers.len()).filter(|at| view.is_open(*at)) {
            n_open += 1;
            let own = view.peers[at].server.weight;
            are_equal &= *weight.get_or_insert(own) == own;
        }
        if n_open == 0 {
            return None;
        }
        if !are_equal {
            return self.next_in_turn(view);
        }
        let mut best: Option<usize> = None;
        for _ in 0..self.choices {
            let nth = (u128::from(ask.draw.next_u64()) * u128::from(n_open)) >> 64;
            let mut open = (0..view.peers.len()).filter(|at| view.is_open(*at));
            let drawn = open.nth(nth as usize)?;
            // Of equals, the one that was drawn first.
            if best.is_none_or(|best| view.peers[drawn].active < view.peers[best].active) {
                best = Some(drawn);
            }
        }
        best
    }
}

impl State {
    /// The earliest deadline first. Whoever is picked gets its next by the weight that it has then.
    fn next_in_turn(&mut self, view: &View<'_>) -> Option<usize> {
        let mut best: Option<(usize, Turn)> = None;
        for at in (0..view.peers.len()).filter(|at| view.is_open(*at)) {
            let mut turn = match self.turns[at] {
                Some(turn) => turn,
                None => self.next_turn(view, at),
            };
            // Whoever could not be picked for a while does not catch up.
            turn.deadline = turn.deadline.max(self.clock);
            self.turns[at] = Some(turn);
            let is_sooner = |best: Turn| {
                let by_time = turn.deadline.total_cmp(&best.deadline);
                by_time.then(turn.order.cmp(&best.order)).is_lt()
            };
            if best.is_none_or(|(_, best)| is_sooner(best)) {
                best = Some((at, turn));
            }
        }
        let (at, turn) = best?;
        self.clock = turn.deadline;
        self.turns[at] = Some(self.next_turn(view, at));
        Some(at)
    }

    fn next_turn(&mut self, view: &View<'_>, at: usize) -> Turn {
        let peer = &view.peers[at];
        let load = math::powf(f64::from(peer.active) + 1.0, self.bias);
        self.order += 1;
        Turn {
            deadline: self.clock + load / f64::from(peer.server.weight),
            order: self.order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Address, Group, Method, NextRules, Server, Trial};
    use super::*;
    use crate::rng::Salt;
    use crate::units::SimTime;

    fn group(weights: &[u32]) -> Group {
        let servers: Vec<Server> = weights
            .iter()
            .map(|weight| Server {
                weight: *weight,
                ..Server::default()
            })
            .collect();
        let method = Method::LeastRequest(LeastRequest {
            choices: At::built_in(Count::new(2)),
            bias: At::built_in(1.0),
        });
        let mut group = Group::new(&servers, &method, NextRules::new([], 0, None));
        (0..weights.len() as u32).for_each(|peer| group.join(peer));
        group
    }

    fn picks(group: &mut Group, number: u64) -> u32 {
        let mut trial = Trial::default();
        let mut ask = Ask {
            now: SimTime::ZERO,
            address: Address::V4([0; 3]),
            trial: &mut trial,
            draw: Salt::new("test", "least request").draw(number),
        };
        group.pick(&mut ask).expect("all are there")
    }

    /// Of two servers, one of which is busy, the idle one is missed only if both draws hit the other: a quarter
    /// of the requests. Without replacement nobody would be sent to the busy one.
    #[test]
    fn the_same_server_may_be_drawn_twice() {
        let mut busy = group(&[1, 1]);
        let n = 4000;
        while busy.active(0) < 5 {
            assert!(busy.pick_this(0, SimTime::ZERO));
        }
        let hits = (0..n).filter(|number| {
            let found = picks(&mut busy, *number);
            busy.is_served(found);
            found == 0
        });
        let share = hits.count() as f64 / n as f64;
        assert!((share - 0.25).abs() < 0.02, "{share}");
    }

    /// Weights of 2 and 1 with nothing under way are a plain weighted round robin; two requests under way at
    /// the first leave it a weight of 2/3.
    #[test]
    fn weights_shrink_with_the_load() {
        let mut group = group(&[2, 1]);
        let mut shares = |busy: u32| {
            while group.active(0) < busy {
                assert!(group.pick_this(0, SimTime::ZERO));
            }
            let n = 600;
            let hits = (0..n).filter(|number| {
                let found = picks(&mut group, *number);
                group.is_served(found);
                found == 0
            });
            hits.count() as f64 / f64::from(n as u32)
        };
        let (idle, busy) = (shares(0), shares(2));
        assert!((idle - 2.0 / 3.0).abs() < 0.01, "{idle}");
        assert!((busy - 0.4).abs() < 0.01, "{busy}");
    }
}
