//! An open source: requests or visits that do not wait for answers.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::At;
use crate::traffic::arrivals::ArrivalProcess;
use crate::traffic::curve::CurvePiece;
use crate::units::Rate;

spec! {
    /// An open source: what comes does not depend on how fast the system answers. Each arrival is a
    /// request; with a `flow`, each arrival is a visitor who goes through it once.
    pub struct Open {
        /// With what randomness they come.
        pub arrivals: ArrivalProcess,
        /// How many come at level 1 of the curve.
        pub rate: Option<At<Rate>>,
        /// The rate over time, as multiples of `rate`; constant unless given.
        pub curve: Vec<CurvePiece>,
    }
    check(Self::check)
}

impl Open {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (&self.rate, self.arrivals.brings_its_times()) {
            (None, false) => {
                out.push(Diagnostic::error(table, "missing key `rate`").label("needs `rate`"));
            }
            (Some(rate), true) => out.push(
                Diagnostic::error(rate.origin, "recorded arrivals have no rate")
                    .help("to play them faster or slower, set `speed`"),
            ),
            (Some(rate), false) if rate.value == Rate::ZERO => {
                out.push(Diagnostic::error(
                    rate.origin,
                    "a source needs a rate above 0",
                ));
            }
            _ => {}
        }
    }
}
