//! Why a request finds no server: what is to be said of it, and whether waiting may help.

use crate::metrics::Outcome;

/// How the instances behind a balancer, or those of a service, are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::component) struct Census {
    /// In service.
    pub(in crate::component) in_service: u32,
    /// On their way up, started again after a crash or not.
    pub(in crate::component) starting: u32,
    /// Crashed, and not started again yet.
    pub(in crate::component) down: u32,
}

impl Census {
    /// Together with those of another service.
    pub(in crate::component) fn and(self, other: Self) -> Self {
        Self {
            in_service: self.in_service + other.in_service,
            starting: self.starting + other.starting,
            down: self.down + other.down,
        }
    }

    /// What becomes of a request that finds nobody.
    pub(in crate::component) fn outcome(self) -> Outcome {
        if self.in_service > 0 {
            Outcome::NoneAvailable
        } else if self.starting > 0 {
            Outcome::InstancesStarting
        } else if self.down > 0 {
            Outcome::InstancesDown
        } else {
            Outcome::NoInstance
        }
    }

    /// True if somebody may be there by and by whom it is worth waiting for.
    pub(in crate::component) fn may_come(self) -> bool {
        self.in_service + self.starting > 0
    }
}
