//! Instances crash.

use super::{CarryOut, Describe, service, service_plan};
use crate::component::{Context, Node, Plan};
use crate::diag::Diagnostics;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimDuration;

spec! {
    /// Crashes instances of a service: `{ at = "10m", crash = "web", instances = 3 }`. What is in them fails; they
    /// are started again as `restart` of the service says.
    pub struct CrashInstances {
        /// The service.
        pub crash: At<String>,
        /// How many of those in service, the oldest places first.
        pub instances: At<Count> = At::built_in(Count::new(1)),
        /// When.
        pub at: At<SimDuration>,
    }
}

/// How many crash.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act(u32);

impl Describe for CrashInstances {
    type Act = Act;

    fn at(&self) -> At<SimDuration> {
        self.at
    }

    fn target(&self) -> &At<String> {
        &self.crash
    }

    fn crashes(&self) -> bool {
        true
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        service_plan(&self.crash, component, out)?;
        Some(Act(self.instances.get()))
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, cx: &mut Context) {
        service(component).crash_first(self.0, cx);
    }
}
