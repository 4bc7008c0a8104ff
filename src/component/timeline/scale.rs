//! Somebody changes the number of instances.

use super::{CarryOut, Describe, When, service, service_plan};
use crate::component::{Context, Node, Plan};
use crate::diag::Diagnostics;
use crate::spec;
use crate::spec::{At, Count};

spec! {
    /// Changes the number of instances by hand: `{ at = "10m", scale = "web", to = 20 }`. An autoscaler that sees
    /// it differently changes it again.
    pub struct ScaleByHand {
        /// The service.
        pub scale: At<String>,
        /// How many instances there shall be.
        pub to: At<Count>,
        /// When.
        pub at: When,
    }
}

/// How many instances there shall be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act(u32);

impl Describe for ScaleByHand {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.scale
    }

    fn places(&self, most: u32) -> u32 {
        most.max(self.to.get())
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        service_plan(&self.scale, component, out)?;
        Some(Act(self.to.get()))
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, _: Option<u64>, cx: &mut Context) {
        service(component).scale_to(self.0, cx);
    }
}
