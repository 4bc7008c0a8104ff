//! A zone is gone.

use super::{CarryOut, Describe, When, service, service_plan};
use crate::component::{Context, Node, Plan};
use crate::diag::{Diagnostic, Diagnostics};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimDuration;

spec! {
    /// All instances of a service in one of its zones crash, and none starts there for as long as it lasts: `{ at =
    /// "10m", lose_zone = 1, of = "web", lasts = "20m" }`. Those in front go on sending to them until their health
    /// checks, or `restart` of the service, tell them otherwise; after `noticed` others are started in the zones
    /// that are left.
    pub struct ZoneLoss {
        /// Which of the service's `zones`, from 1.
        pub lose_zone: At<Count>,
        /// The service.
        pub of: At<String>,
        /// How long it takes whoever runs the instances to find them gone and start others. An Auto Scaling group
        /// of EC2 takes a minute or two; Kubernetes evicts the pods of a node that does not answer after 5 minutes
        /// and 40 seconds.
        pub noticed: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// How long nothing starts in the zone; to the end of the run unless given.
        pub lasts: Option<At<SimDuration>>,
        /// When.
        pub at: When,
    }
}

/// Which zone, when it is noticed, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act {
    zone: u32,
    noticed: SimDuration,
    lasts: Option<SimDuration>,
}

impl Describe for ZoneLoss {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.of
    }

    /// Those that are missing start in the other zones.
    fn places(&self, most: u32) -> u32 {
        most.saturating_mul(2)
    }

    fn crashes(&self) -> bool {
        true
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        let plan = service_plan(&self.of, component, out)?;
        let zone = self.lose_zone.get();
        if zone > plan.zones {
            let zones = plan.zones;
            let problem = format!("`{}` has {zones} zones, found zone {zone}", self.of.value);
            let help = format!("components.{}.zones says how many there are", self.of.value);
            out.push(Diagnostic::error(self.lose_zone.origin, problem).help(help));
            return None;
        }
        Some(Act {
            zone: zone - 1,
            noticed: self.noticed.value,
            lasts: self.lasts.map(|lasts| lasts.value),
        })
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, _: Option<u64>, cx: &mut Context) {
        service(component).loses_zone(self.zone, self.noticed, self.lasts, cx);
    }
}
