//! Somebody switches maintenance mode on.

use super::{CarryOut, Describe, When, wrong_kind};
use crate::component::{Context, Node, Plan};
use crate::diag::Diagnostics;
use crate::spec;
use crate::spec::At;
use crate::units::{SimDuration, SimTime};

spec! {
    /// A balancer or a service answers whoever comes with 503 for some time: `{ at = "10m", maintenance = "front", lasts =
    /// "5m" }`. What is under way goes on, and instances stay as they are, as in Heroku's maintenance mode.
    pub struct MaintenanceMode {
        /// The balancer or the service.
        pub maintenance: At<String>,
        /// For how long; to the end of the run unless given.
        pub lasts: Option<At<SimDuration>>,
        /// When.
        pub at: When,
    }
}

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act(Option<SimDuration>);

impl Describe for MaintenanceMode {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.maintenance
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        if !matches!(component, Plan::Balancer(_) | Plan::Service(_)) {
            wrong_kind(
                &self.maintenance,
                component.kind(),
                "a balancer or a service",
                out,
            );
            return None;
        }
        Some(Act(self.lasts.map(|lasts| lasts.value)))
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, _: Option<u64>, cx: &mut Context) {
        let until = self.0.map_or(SimTime::NEVER, |lasts| cx.now() + lasts);
        match component {
            Node::Balancer(front) => front.closed_until = until,
            Node::Service(own) => own.closed_until = until,
            other => unreachable!("only balancers and services are closed, not {other:?}"),
        }
    }
}
