//! Steps of which a request does some, as chance has it.

use super::steps::OperationStep;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Named, number_text};
use crate::units::Fraction;

spec! {
    /// Does one of several things: `{ choose = [{ weight = 9, steps = [{ wait = "1ms" }] }, { steps = [{ call =
    /// "origin" }] }] }`. Which one is drawn for each request.
    pub struct Alternatives {
        /// What there is to choose from.
        pub choose: Vec<Alternative>,
    }
    check(Self::check)
}

impl Alternatives {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        let sum: f64 = self.choose.iter().map(|own| own.weight.value).sum();
        if self.choose.is_empty() || sum <= 0.0 {
            out.push(Diagnostic::error(table, "there is nothing to choose from"));
        }
    }
}

spec! {
    /// One of several things to do.
    pub struct Alternative {
        /// How often it is chosen, in proportion to the others.
        pub weight: At<f64> = At::built_in(1.0),
        /// The steps; none of them does nothing.
        pub steps: Vec<OperationStep>,
    }
    check(Self::check)
}

impl Alternative {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.weight.value < 0.0 {
            let found = number_text(self.weight.value);
            let problem = format!("a weight cannot be negative, found {found}");
            out.push(Diagnostic::error(self.weight.origin, problem));
        }
    }

    pub(super) fn only_reads(&self) -> bool {
        self.steps.iter().all(OperationStep::only_reads)
    }
}

spec! {
    /// Goes from one thing to the next, each chosen by the one before it, until none is: an agent that calls tools
    /// until it has its answer, a request that is sent on and back. `{ walk = { plan = { steps = [{ call = "model" }],
    /// then = { tool = "70%" } }, tool = { steps = [{ call = "search" }], then = { plan = "100%" } } } }` begins with
    /// `plan`. Each leg draws anew what it asks for. The keys of [Persistence](#persistence) go with it, for each leg.
    pub struct WalkStep {
        /// The legs, by name.
        pub walk: Named<Leg>,
    }
    check(Self::check)
}

spec! {
    /// A leg of a walk.
    pub struct Leg {
        /// How often a walk begins here; the first leg is where all do unless any says so.
        pub starts: At<Fraction> = At::built_in(Fraction::ZERO),
        /// The steps.
        pub steps: Vec<OperationStep>,
        /// How often which leg comes next. What is missing to 100 % is how often the walk is over.
        pub then: Named<At<Fraction>>,
    }
}

/// How far shares may add up to something else than they should.
const CLOSE: f64 = 1e-9;

impl WalkStep {
    pub(super) fn only_reads(&self) -> bool {
        let mut steps = self.walk.items.iter().flat_map(|(_, own)| &own.steps);
        steps.all(OperationStep::only_reads)
    }

    /// How often a walk begins with which leg.
    pub fn starts(&self) -> Vec<f64> {
        let own: Vec<f64> = self
            .walk
            .items
            .iter()
            .map(|own| own.1.starts.get())
            .collect();
        if own.iter().any(|share| *share > 0.0) {
            return own;
        }
        (0..own.len())
            .map(|at| f64::from(u8::from(at == 0)))
            .collect()
    }

    fn check(&self, table: Origin, out: &mut Diagnostics) {
        if self.walk.items.is_empty() {
            return out.push(Diagnostic::error(table, "a walk needs a leg"));
        }
        let starts: f64 = self.starts().iter().sum();
        if (starts - 1.0).abs() > CLOSE {
            let found = number_text(starts * 100.0);
            let problem = format!("the shares of where walks begin add up to {found}%, not 100%");
            out.push(Diagnostic::error(table, problem));
        }
        for (name, leg) in &self.walk.items {
            let mut sum = 0.0;
            for (next, share) in &leg.then.items {
                self.walk.resolve(next, "leg", out);
                sum += share.get();
            }
            if sum > 1.0 + CLOSE {
                let found = number_text(sum * 100.0);
                let problem = format!("what comes after `{}` adds up to {found}%", name.value);
                out.push(Diagnostic::error(name.origin, problem).label("expected at most 100%"));
            }
        }
        self.check_ends(out);
    }

    /// Reports legs from which a walk never ends.
    fn check_ends(&self, out: &mut Diagnostics) {
        let legs = &self.walk.items;
        let over =
            |leg: &Leg| 1.0 - leg.then.items.iter().map(|own| own.1.get()).sum::<f64>() > CLOSE;
        let mut ends: Vec<bool> = legs.iter().map(|own| over(&own.1)).collect();
        // As many rounds as there are legs find everything that leads to an end.
        for _ in 0..legs.len() {
            for (at, (_, leg)) in legs.iter().enumerate() {
                let mut then = leg.then.items.iter().filter(|own| own.1.get() > 0.0);
                let leads = |name: &str| self.walk.find(name).is_some_and(|(next, _)| ends[next]);
                let leads = then.any(|(name, _)| leads(name));
                ends[at] |= leads;
            }
        }
        for ((name, _), _) in legs.iter().zip(&ends).filter(|(_, ends)| !**ends) {
            let problem = format!("a walk that comes to `{}` never ends", name.value);
            let help = "leave something of the 100% of what comes next";
            out.push(Diagnostic::error(name.origin, problem).help(help));
        }
    }
}
