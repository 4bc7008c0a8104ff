//! Instances crash.

use super::{CarryOut, Describe, When, service, service_plan};
use crate::component::{Context, Node, Plan};
use crate::diag::Diagnostics;
use crate::spec;
use crate::spec::{At, Count};

spec! {
    /// Crashes instances of a service: `{ at = "10m", crash = "web", instances = 3 }`. What is in them fails; they
    /// are started again as `restart` of the service says.
    pub struct CrashInstances {
        /// The service.
        pub crash: At<String>,
        /// How many of those in service: the first places, or, where it happens at random, any.
        pub instances: At<Count> = At::built_in(Count::new(1)),
        /// When.
        pub at: When,
    }
}

/// How many crash.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act(u32);

impl Describe for CrashInstances {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
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
    fn carry_out(&self, component: &mut Node, drawn: Option<u64>, cx: &mut Context) {
        service(component).crash_some(self.0, drawn, cx);
    }
}
