//! The instances of a service get more or fewer vCPUs while they run.

use super::{CarryOut, Describe, When, service, service_plan};
use crate::component::{Context, Node, Plan};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, number_text};

spec! {
    /// Changes how many vCPUs the instances of a service have, in place and at once: `{ at = "10m", resize_instances = "web",
    /// vcpu = 4 }`, as Kubernetes does with a running pod (in-place resize, stable since 1.35) and hypervisors with
    /// a machine. Whatever runs goes on at the new speed; workers and prices stay as they are.
    pub struct VcpuChange {
        /// The service.
        pub resize_instances: At<String>,
        /// vCPUs per instance from then on.
        pub vcpu: At<f64>,
        /// When.
        pub at: When,
    }
    check(Self::check)
}

impl VcpuChange {
    /// As many as an instance type can have.
    const MOST: f64 = 1e6;

    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let vcpu = self.vcpu.value;
        if !(vcpu > 0.0 && vcpu <= Self::MOST) {
            let found = number_text(vcpu);
            let problem = format!("expected above 0 and at most a million vCPUs, found {found}");
            out.push(Diagnostic::error(self.vcpu.origin, problem));
        }
    }
}

/// How many vCPUs an instance has from then on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act(f64);

impl Describe for VcpuChange {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.resize_instances
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        let plan = service_plan(&self.resize_instances, component, out)?;
        plan.is_resized = true;
        Some(Act(self.vcpu.value))
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, _: Option<u64>, cx: &mut Context) {
        service(component).resizes(self.0, cx);
    }
}
