//! A balancer: passes each request on to an instance of a service.
//!
//! It knows the instances in service and, by its policy, how many of its own requests are outstanding at
//! each. It queues nothing: where no instance is in service, the request fails.

use super::program::Demand;
use super::{Component, Context, NodeId};
use crate::dist::Law;
use crate::policy::balance::{Balance, Policy};
use crate::rng::{Salt, Streams};
use crate::spec;
use crate::spec::At;

spec! {
    /// Spreads requests over the instances of a service.
    pub struct Balancer {
        /// The service behind it.
        pub to: At<String>,
        /// How it picks an instance.
        pub policy: Policy,
        /// How long a request takes through it, before an instance is picked.
        pub delay: Option<Law>,
    }
}

/// A balancer with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The service behind it.
    pub to: NodeId,
    /// How many instances that service can have.
    pub n_instances: u32,
    /// How it picks.
    pub policy: Policy,
    /// How long a request takes through it.
    pub delay: Option<Demand>,
}

/// A balancer at work.
#[derive(Debug)]
pub struct State {
    /// The service behind it.
    pub(super) to: NodeId,
    /// Its own view of the instances.
    pub(super) balance: Balance,
    /// Its place for draws.
    pub(super) salt: Salt,
    /// How long a request takes through it.
    pub(super) delay: Option<Demand>,
}

impl State {
    pub(super) fn new(plan: &Plan, _: NodeId, _: Streams, _: &mut Context) -> Self {
        Self {
            to: plan.to,
            balance: plan.policy.start(plan.n_instances),
            salt: Salt::new(&plan.name, "pick"),
            delay: plan.delay,
        }
    }
}

impl Component for State {}
