//! A new version is deployed: instances are replaced.

use super::{CarryOut, Describe, When, service, service_plan};
use crate::component::{Context, Node, Plan};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::At;
use crate::units::Fraction;
use crate::{spec, words};

words! {
    /// When the new instances of a deploy get requests.
    pub enum Switch {
        /// Each as soon as it is up (a rolling update).
        Each = "each",
        /// All together when the last of them is up; then the old ones are taken out (blue-green).
        Together = "together",
    }
}

spec! {
    /// Replaces all instances of a service by new ones: `{ at = "10m", deploy = "web" }`. The rules are those of a
    /// Deployment of Kubernetes, with its defaults: a quarter more, and a quarter less, than there shall be. With
    /// `surge = "0%"` and `unavailable = "100%"` all are restarted at once, as dynos on Heroku are. An instance
    /// that was not up yet when the deploy began is replaced, too.
    pub struct DeployVersion {
        /// The service.
        pub deploy: At<String>,
        /// How many more instances there may be meanwhile, as a share of those that there shall be, rounded up.
        pub surge: At<Fraction> = At::built_in(Fraction::QUARTER),
        /// How many fewer may be in service meanwhile, rounded down.
        pub unavailable: At<Fraction> = At::built_in(Fraction::QUARTER),
        /// When the new ones get requests. `together` needs room for all of them: the surge is 100 % then.
        pub switch: At<Switch> = At::built_in(Switch::Each),
        /// When it begins.
        pub at: When,
    }
    check(Self::check)
}

impl DeployVersion {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let (surge, unavailable) = (self.surge.get(), self.unavailable.get());
        if surge == 0.0 && unavailable == 0.0 && self.switch.value == Switch::Each {
            let problem = "a deploy with neither more nor fewer instances never begins";
            out.push(
                Diagnostic::error(self.unavailable.origin, problem)
                    .related(self.surge.origin, "and none more")
                    .help("allow some more (`surge`) or some fewer (`unavailable`)"),
            );
        }
    }
}

/// How instances are replaced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act {
    surge: f64,
    unavailable: f64,
    switch: Switch,
}

impl Describe for DeployVersion {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.deploy
    }

    /// All the new ones beside all the old ones, at most.
    fn places(&self, most: u32) -> u32 {
        most.saturating_mul(2)
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        service_plan(&self.deploy, component, out)?;
        Some(Act {
            surge: self.surge.get(),
            unavailable: self.unavailable.get(),
            switch: self.switch.value,
        })
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, _: Option<u64>, cx: &mut Context) {
        service(component).deploy(self.surge, self.unavailable, self.switch, cx);
    }
}
