//! A database starts anew.

use super::{CarryOut, Describe, When, database_plan};
use crate::component::database::Planned;
use crate::component::{Context, Node, Plan};
use crate::diag::Diagnostics;
use crate::spec;
use crate::spec::At;
use crate::units::SimDuration;

spec! {
    /// Starts a database anew, with an empty cache: `{ at = "10m", reboot = "pg", outage = "30s" }`.
    pub struct RebootDatabase {
        /// The database.
        pub reboot: At<String>,
        /// For how long it is down: new connections are refused, open ones are broken.
        pub outage: At<SimDuration>,
        /// When.
        pub at: When,
    }
}

/// The database's own plan does it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act;

impl Describe for RebootDatabase {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.reboot
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        let plan = database_plan(&self.reboot, component, out)?;
        let planned = Planned {
            at: self.at.require_once(out)?,
            outage: self.outage.value,
            cores: None,
        };
        plan.adds(planned, self.outage.origin, out)?;
        Some(Act)
    }
}

impl CarryOut for Act {
    fn carry_out(&self, _: &mut Node, _: Option<u64>, _: &mut Context) {}
}
