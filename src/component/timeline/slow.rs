//! Something outside is slow, or does not answer.

use super::{CarryOut, Describe, When, wrong_kind};
use crate::component::program::threshold;
use crate::component::{Context, Node, Plan};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, number_text};
use crate::units::{Fraction, SimDuration, SimTime};

spec! {
    /// Makes a dependency slower for some time, or has it fail more often: `{ at = "10m", slow = "payments", factor =
    /// 10, lasts = "5m" }`. Calls that have begun are not touched.
    pub struct SlowDependency {
        /// The dependency.
        pub slow: At<String>,
        /// How many times as long its calls take.
        pub factor: At<f64> = At::built_in(1.0),
        /// The share of its calls that fail meanwhile; as many as ever unless given.
        pub errors: Option<At<Fraction>>,
        /// For how long; to the end of the run unless given.
        pub lasts: Option<At<SimDuration>>,
        /// When.
        pub at: When,
    }
    check(Self::check)
}

impl SlowDependency {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let factor = self.factor.value;
        if !(factor > 0.0 && factor <= 1e6) {
            let found = number_text(factor);
            let problem = format!("expected above 0 and at most a million, found {found}");
            out.push(Diagnostic::error(self.factor.origin, problem));
        }
    }
}

/// How slow, how bad, for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act {
    factor: f64,
    errors_below: Option<u64>,
    lasts: Option<SimDuration>,
}

impl Describe for SlowDependency {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.slow
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        let Plan::Dependency(_) = component else {
            wrong_kind(&self.slow, component.kind(), "a dependency", out);
            return None;
        };
        Some(Act {
            factor: self.factor.value,
            errors_below: self.errors.map(|share| threshold(share.value)),
            lasts: self.lasts.map(|lasts| lasts.value),
        })
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, _: Option<u64>, cx: &mut Context) {
        let Node::Dependency(own) = component else {
            unreachable!("only dependencies are made slow")
        };
        let until = self.lasts.map_or(SimTime::NEVER, |lasts| cx.now() + lasts);
        own.is_slow(self.factor, self.errors_below, until);
    }
}
