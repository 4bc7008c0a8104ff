//! What all sources have: what their clients ask for, where, and how long they wait.

use super::flow::FlowStep;
use super::network::Network;
use super::population::Population;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::spec;
use crate::spec::{At, Named};
use crate::units::{Fraction, Rate, SimDuration};

spec! {
    /// What a real load test is said to have measured: `{ rate = "5000/s", latency = "400ms" }`.
    pub struct Measured {
        /// Requests per second.
        pub rate: At<Rate>,
        /// Mean latency.
        pub latency: At<SimDuration>,
    }
    check(Self::check)
}

impl Measured {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.rate.value == Rate::ZERO {
            let problem = "a test that measured something had a rate above 0";
            out.push(Diagnostic::error(self.rate.origin, problem));
        }
    }
}

spec! {
    /// What clients ask for, where, and how long they wait. These keys go with every kind of source, and
    /// so do those of [Persistence](#persistence).
    pub struct Clients {
        /// The balancer, the gateway or the service that requests enter.
        pub enters: At<String>,
        /// The classes of requests and their shares; all of class `default` unless given.
        pub mix: Named<At<Fraction>>,
        /// What a user does, step by step; a single request of the mix unless given.
        pub flow: Vec<FlowStep>,
        /// How long a client waits before it loses patience and leaves, in all; for ever unless given. Not
        /// a setting of a program (that is `timeout`) but a property of people.
        pub patience: Option<Law>,
        /// Who the clients are; strangers unless given, each of whom comes once.
        pub clients: Option<Population>,
        /// The way between them and the system; none unless given.
        pub network: Option<Network>,
        /// What a real test like this one is said to have measured: held against Little's law. Only for a
        /// fixed number of users.
        pub measured: Option<Measured>,
        /// Whether a user breaks off its round when a request fails; as the load tool does unless given,
        /// and else not.
        pub breaks_off: Option<At<bool>>,
    }
    check(Self::check)
}

/// How far the shares of a mix may add up to something else than 100 %.
const ROUNDING: f64 = 1e-6;

impl Clients {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let sum: f64 = self.mix.items.iter().map(|(_, share)| share.get()).sum();
        if let Some((name, _)) = self.mix.items.first()
            && (sum - 1.0).abs() > ROUNDING
        {
            let problem = format!(
                "the shares of the mix add up to {}%, not 100%",
                (sum * 1e6).round() / 1e4
            );
            out.push(Diagnostic::error(name.origin, problem));
        }
        if let (Some((mix, _)), false) = (self.mix.items.first(), self.flow.is_empty()) {
            out.push(
                Diagnostic::error(mix.origin, "this source has a mix and a flow")
                    .help("write the mix as a step of the flow: { choose = [...] }"),
            );
        }
    }
}
