//! Somebody switches autoscaling off.

use super::{CarryOut, Describe, When, service, service_plan};
use crate::component::{Context, Node, Plan};
use crate::diag::{Diagnostic, Diagnostics};
use crate::spec;
use crate::spec::At;
use crate::units::{SimDuration, SimTime};

spec! {
    /// The autoscalers of a service change nothing for some time: `{ at = "10m", pause_autoscaler = "web", lasts =
    /// "20m" }`. They look all the same, and say what they would have done.
    pub struct AutoscalerPause {
        /// The service.
        pub pause_autoscaler: At<String>,
        /// For how long; to the end of the run unless given.
        pub lasts: Option<At<SimDuration>>,
        /// When.
        pub at: When,
    }
}

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act(Option<SimDuration>);

impl Describe for AutoscalerPause {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.pause_autoscaler
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        let name = &self.pause_autoscaler;
        let plan = service_plan(name, component, out)?;
        if plan.autoscalers.is_empty() {
            let problem = format!("`{}` has no autoscaler", name.value);
            out.push(Diagnostic::error(name.origin, problem));
            return None;
        }
        Some(Act(self.lasts.map(|lasts| lasts.value)))
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, _: Option<u64>, cx: &mut Context) {
        let until = self.0.map_or(SimTime::NEVER, |lasts| cx.now() + lasts);
        service(component).pauses_autoscalers(until);
    }
}
