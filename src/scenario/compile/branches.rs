//! Steps that are chosen by chance, into instructions.

use super::Compiler;
use super::operations::Place;
use crate::component::program::{Op, threshold};
use crate::component::service::{Alternative, WalkStep};
use crate::policy::persistence::Persistence;
use crate::rng::Salt;
use crate::spec::At;
use crate::units::Fraction;

/// The chance of each of several shares once those before it were not chosen: the last one is certain if nothing is
/// left of `whole`.
fn chances(shares: &[f64], whole: f64) -> Vec<Fraction> {
    let mut rest = whole;
    let chance = |share: &f64| {
        let chance = if rest > 0.0 {
            (share / rest).min(1.0)
        } else {
            0.0
        };
        rest -= share;
        // What rounding leaves of the last share is no chance of anything else.
        let chance = if chance > 1.0 - 1e-12 { 1.0 } else { chance };
        Fraction::new(chance).unwrap_or(Fraction::ONE)
    };
    shares.iter().map(chance).collect()
}

impl Compiler<'_> {
    /// One of several things.
    pub(super) fn add_alternatives(&mut self, place: &Place<'_>, choices: &[Alternative]) {
        let weights: Vec<f64> = choices.iter().map(|own| own.weight.value).collect();
        let mut to_end = Vec::new();
        let chances = chances(&weights, weights.iter().sum());
        for ((number, own), chance) in choices.iter().enumerate().zip(chances) {
            let place = place.inner(&number.to_string());
            self.with_chance(&place, At::built_in(chance), |compiler| {
                compiler.add_steps(&place, &own.steps);
                to_end.push(compiler.here());
                compiler.emit(Op::Jump(0));
            });
        }
        let end = self.here() as u16;
        for at in to_end {
            self.program.ops[at] = Op::Jump(end);
        }
    }

    /// Legs that follow one another by chance.
    pub(super) fn add_walk(&mut self, place: &Place<'_>, walk: &WalkStep, rules: &Persistence) {
        let service = &self.spec.components.items[place.service].0.value;
        let name = format!("{service} walks");
        let processes = self.processes_of(place.service);
        let caller = self.add_caller(name, processes, rules);
        let caller = caller.unwrap_or(0);
        // Where each leg begins, once that is known, and the jumps to them.
        let mut begins = Vec::new();
        let mut jumps = Vec::new();
        self.emit(Op::Leg { first: true });
        let all: Vec<usize> = (0..walk.walk.items.len()).collect();
        self.add_turns(&place.inner("starts"), (&all, &walk.starts()), &mut jumps);
        let mut ends = vec![self.here()];
        self.emit(Op::Jump(0));
        for (number, (_, leg)) in walk.walk.items.iter().enumerate() {
            let place = place.inner(&number.to_string());
            begins.push(self.here() as u16);
            let at = self.here();
            let site = Salt::new(&place.path, "leg").uniform(0) as u32;
            let body = (at + 2) as u16;
            self.emit(Op::Walk { caller, body, site });
            self.emit(Op::Jump(0));
            self.add_steps(&place, &leg.steps);
            self.emit(Op::End);
            self.program.ops[at + 1] = Op::Jump(self.here() as u16);
            self.emit(Op::Leg { first: false });
            let then = leg.then.items.iter();
            let next =
                then.filter_map(|(name, share)| Some((walk.walk.find(name)?.0, share.get())));
            let (next, shares): (Vec<_>, Vec<_>) = next.unzip();
            self.add_turns(&place.inner("then"), (&next, &shares), &mut jumps);
            ends.push(self.here());
            self.emit(Op::Jump(0));
        }
        let end = self.here() as u16;
        for at in ends {
            self.program.ops[at] = Op::Jump(end);
        }
        for (at, leg) in jumps {
            self.program.ops[at] = Op::Jump(begins[leg]);
        }
    }

    /// Jumps to one of several legs, each with its share of 100 %, or to nowhere. Notes where the jumps are.
    fn add_turns(
        &mut self,
        place: &Place<'_>,
        (legs, shares): (&[usize], &[f64]),
        jumps: &mut Vec<(usize, usize)>,
    ) {
        for ((number, leg), chance) in legs.iter().enumerate().zip(chances(shares, 1.0)) {
            let salt = Salt::new(&place.inner(&number.to_string()).path, "turn");
            let at = self.here();
            self.emit(Op::Turn {
                below: threshold(chance),
                salt,
                otherwise: (at + 2) as u16,
            });
            jumps.push((at + 1, *leg));
            self.emit(Op::Jump(0));
        }
    }
}
