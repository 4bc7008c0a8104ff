//! A database moves to a server of another size.

use super::{CarryOut, Describe, When, database_plan};
use crate::component::database::Planned;
use crate::component::{Context, Node, Plan};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, number_text};
use crate::units::SimDuration;

spec! {
    /// Moves a database to a server of another size: `{ at = "10m", resize = "pg", cores = 8, outage = "90s" }`. It has an
    /// empty cache then (`cold`).
    pub struct ResizeDatabase {
        /// The database.
        pub resize: At<String>,
        /// The cores that it has afterwards.
        pub cores: At<f64>,
        /// For how long it is down: new connections are refused, open ones are broken.
        pub outage: At<SimDuration>,
        /// When.
        pub at: When,
    }
    check(Self::check)
}

impl ResizeDatabase {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.cores.value <= 0.0 {
            let found = number_text(self.cores.value);
            let problem = format!("a database needs cores, found {found}");
            out.push(Diagnostic::error(self.cores.origin, problem));
        }
    }
}

/// The database's own plan does it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act;

impl Describe for ResizeDatabase {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.resize
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        let plan = database_plan(&self.resize, component, out)?;
        let planned = Planned {
            at: self.at.require_once(out)?,
            outage: self.outage.value,
            cores: Some(self.cores.value),
        };
        plan.adds(planned, self.outage.origin, out)?;
        Some(Act)
    }
}

impl CarryOut for Act {
    fn carry_out(&self, _: &mut Node, _: Option<u64>, _: &mut Context) {}
}
