//! A service has other settings while it runs.

use super::instances::Life;
use super::state::State;
use super::{ControllerPlan, Plan};
use crate::component::{Context, pool};
use crate::spec::Spec as _;

impl ControllerPlan {
    /// True if the rules of both are the same.
    fn has_rules_of(&self, other: &Self) -> bool {
        self.spec.write() == other.spec.write()
    }
}

impl Plan {
    /// Says why a service that runs cannot take over the settings of `other`.
    pub fn can_become(&self, other: &Self) -> Result<(), String> {
        let (old, new) = (&self.autoscalers, &other.autoscalers);
        if old.len() != new.len() {
            return Err("an autoscaler cannot come or go while the system runs".to_owned());
        }
        if self.holds.is_none() && other.holds.is_some() {
            return Err("requests cannot begin to be held while the system runs".to_owned());
        }
        for (old, new) in old.iter().zip(new) {
            if old.spec.word() != new.spec.word() || old.name != new.name {
                return Err(format!(
                    "`{}` cannot become another kind of autoscaler while the system runs",
                    old.name
                ));
            }
            let (before, after) = (old.spec.start().clock(), new.spec.start().clock());
            if before != after || old.queues != new.queues {
                return Err(format!(
                    "how often `{}` looks, and at which queues, cannot change while the system runs",
                    old.name
                ));
            }
        }
        Ok(())
    }
}

impl State {
    /// Takes over the settings of `plan`, as far as they differ from those it has.
    pub(in crate::component) fn adopts(&mut self, plan: &Plan, cx: &mut Context) {
        let before = std::mem::replace(&mut self.plan, plan.clone());
        if let Some(scaling) = &mut self.scaling {
            let plans = before.autoscalers.iter().zip(&plan.autoscalers);
            for (own, (old, new)) in scaling.controllers.iter_mut().zip(plans) {
                own.enabled = new.enabled;
                if !old.has_rules_of(new) {
                    own.adopts(new);
                }
            }
        }
        if before.max_connections != plan.max_connections {
            for own in &mut self.instances {
                if matches!(own.life, Life::InService | Life::Draining) {
                    own.limit = plan.max_connections;
                }
            }
        }
        for ((own, old), new) in self.pools.iter_mut().zip(&before.pools).zip(&plan.pools) {
            let size = |plan: &pool::Plan| (plan.rules.max, plan.rules.overflow);
            if size(old) != size(new) {
                own.adopts(new, cx);
            }
        }
        if before.count != plan.count {
            self.scale_to(plan.count, cx);
        }
    }
}
