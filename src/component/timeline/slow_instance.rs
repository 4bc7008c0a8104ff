//! Instances are slow.

use super::{CarryOut, Describe, When, service, service_plan};
use crate::component::{Context, Node, Plan};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count, number_text};
use crate::units::{SimDuration, SimTime};

spec! {
    /// Makes instances slower for some time, as a noisy neighbour or a failing disk does: `{ at = "10m", slow_instance =
    /// "web", factor = 5, lasts = "10m" }`. What is begun on their CPUs meanwhile is so many times as much work; waits
    /// for others are not touched. Nobody notices who does not look at how long answers take.
    pub struct InstanceSlowdown {
        /// The service.
        pub slow_instance: At<String>,
        /// How many times as much work.
        pub factor: At<f64>,
        /// How many of those in service: the first places, or, where it happens at random, any.
        pub instances: At<Count> = At::built_in(Count::new(1)),
        /// For how long; to the end of the run, or of the instance, unless given.
        pub lasts: Option<At<SimDuration>>,
        /// When.
        pub at: When,
    }
    check(Self::check)
}

impl InstanceSlowdown {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let factor = self.factor.value;
        if !(factor > 0.0 && factor <= 1e6) {
            let found = number_text(factor);
            let problem = format!("expected above 0 and at most a million, found {found}");
            out.push(Diagnostic::error(self.factor.origin, problem));
        }
    }
}

/// How slow, how many, for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act {
    factor: f64,
    instances: u32,
    lasts: Option<SimDuration>,
}

impl Describe for InstanceSlowdown {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.slow_instance
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        service_plan(&self.slow_instance, component, out)?;
        Some(Act {
            factor: self.factor.value,
            instances: self.instances.get(),
            lasts: self.lasts.map(|lasts| lasts.value),
        })
    }
}

impl CarryOut for Act {
    fn carry_out(&self, component: &mut Node, drawn: Option<u64>, cx: &mut Context) {
        let until = self.lasts.map_or(SimTime::NEVER, |lasts| cx.now() + lasts);
        service(component).slow_some(self.instances, (self.factor, until), drawn);
    }
}
