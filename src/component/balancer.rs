//! A balancer: passes each request on to an instance of a service.
//!
//! It knows the instances in service and, by its policy, how many of its own requests are outstanding at
//! each. It queues nothing: where no instance is in service, the request fails.

use super::arena::NOBODY;
use super::program::Demand;
use super::request::{Flags, RequestId, Requests};
use super::{Bill, Charge, Component, Context, NodeId};
use crate::dist::Law;
use crate::policy::balance::{Balance, Policy};
use crate::rng::{Salt, Streams};
use crate::spec::At;
use crate::units::{CostPerHour, CostPerSize};
use crate::{spec, words};

words! {
    /// What makes a request go where an earlier one went.
    pub enum Sticky {
        /// Its client, by a cookie: the policy picks an instance for the first request, and the others go
        /// there as long as it is in service.
        Client = "client",
        /// Its address, by a hash: all who share an address go to one instance. An address whose instance
        /// is not in service is hashed again.
        Address = "address",
    }
}

spec! {
    /// Spreads requests over the instances of a service.
    pub struct Balancer {
        /// The service behind it.
        pub to: At<String>,
        /// How it picks an instance.
        pub policy: Policy,
        /// Whether it sends the same client to the same instance again; needs a source that says who its
        /// clients are.
        pub sticky: Option<At<Sticky>>,
        /// How long a request takes through it, before an instance is picked.
        pub delay: Option<Law>,
        /// What it is paid as, from `[instances]`: its price.
        pub instance: Option<At<String>>,
        /// What it costs; overrides the instance type.
        pub cost: Option<At<CostPerHour>>,
        /// What the answers that it passes on to clients cost on their way out; only operations that say how
        /// large their answers are count.
        pub transfer: Option<At<CostPerSize>>,
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
    /// What makes a request go where an earlier one went.
    pub sticky: Option<Sticky>,
    /// How long a request takes through it.
    pub delay: Option<Demand>,
    /// What it costs.
    pub cost: CostPerHour,
}

/// How often an address is hashed before the policy picks an instance: nginx gives up after 20 tries, but
/// has fewer empty places to hit.
const HASHES: u64 = 64;

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
    pub(super) sticky: Option<Sticky>,
    n_instances: u32,
    /// By client: the instance that it was sent to.
    assigned: Vec<u32>,
    name: String,
    cost: CostPerHour,
}

impl State {
    pub(super) fn new(plan: &Plan, _: NodeId, _: Streams, _: &mut Context) -> Self {
        Self {
            to: plan.to,
            balance: plan.policy.start(plan.n_instances),
            salt: Salt::new(&plan.name, "pick"),
            delay: plan.delay,
            sticky: plan.sticky,
            n_instances: plan.n_instances,
            assigned: Vec::new(),
            name: plan.name.clone(),
            cost: plan.cost,
        }
    }

    /// Picks the instance for a request, where an earlier one of its client or its address went if it can.
    pub(super) fn pick_again(&mut self, id: RequestId, requests: &Requests) -> Option<u32> {
        let (request, extra) = (requests.get(id), requests.extra(id));
        let seed = request.seed();
        if !request.flags.has(Flags::KNOWN) {
            return self.balance.pick(self.salt, seed);
        }
        if self.sticky == Some(Sticky::Address) {
            let place = |hash: u64| {
                let address = u64::from(extra.address) << 8 | hash;
                self.salt.index(address, self.n_instances)
            };
            let found = (0..HASHES)
                .map(place)
                .find(|at| self.balance.pick_this(*at));
            return found.or_else(|| self.balance.pick(self.salt, seed));
        }
        let at = extra.client as usize;
        if let Some(assigned) = self.assigned.get(at).filter(|own| **own != NOBODY)
            && self.balance.pick_this(*assigned)
        {
            return Some(*assigned);
        }
        let picked = self.balance.pick(self.salt, seed)?;
        if at >= self.assigned.len() {
            self.assigned.resize((at + 1).next_power_of_two(), NOBODY);
        }
        self.assigned[at] = picked;
        Some(picked)
    }
}

impl Component for State {
    fn bills(&self) -> Vec<Bill> {
        vec![Bill {
            component: self.name.clone(),
            what: "",
            charge: Charge::Always(self.cost),
        }]
    }
}
