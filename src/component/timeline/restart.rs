//! Instances are restarted.

use super::{CarryOut, Describe, When, service, service_plan};
use crate::component::{Context, Node, Plan};
use crate::diag::Diagnostics;
use crate::spec;
use crate::spec::{At, Count};

spec! {
    /// Restarts instances of a service where they are: `{ at = "10m", restart = "web" }`. Each is told to stop, takes
    /// in nothing more, finishes what it has for as long as `drain` allows, exits, and is started again at once.
    /// Whoever sends requests to it hears of that as of a crash (`deregisters` of the service's `restart`); if it
    /// does not, they are refused meanwhile, as by a server behind nginx.
    pub struct RestartInstances {
        /// The service.
        pub restart: At<String>,
        /// How many of those in service, the oldest places first.
        pub instances: At<Count> = At::built_in(Count::new(1)),
        /// When.
        pub at: When,
    }
}

/// How many are restarted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act(u32);

impl Describe for RestartInstances {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.restart
    }

    fn crashes(&self) -> bool {
        true
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        service_plan(&self.restart, component, out)?;
        Some(Act(self.instances.get()))
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, _: Option<u64>, cx: &mut Context) {
        service(component).restart_first(self.0, cx);
    }
}
