//! Where instances come from: how long it takes until there is a machine, until it has the image, until whoever
//! watches finds the instance ready; and what the provider allows.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::{Law, Sampler};
use crate::spec::{At, Count};
use crate::units::{CostPerHour, Rate, SimDuration};
use crate::{spec, words};

words! {
    /// How the instances of a warm pool wait.
    pub enum WarmState {
        /// Their machines are stopped, and not paid for.
        Stopped = "stopped",
        /// They run, and are paid for.
        Running = "running",
    }
}

words! {
    /// Which instance is taken out when there are to be fewer.
    pub enum Termination {
        /// The one with the highest number, as Heroku does with dynos.
        Last = "last",
        /// The one that was asked for last.
        Newest = "newest",
        /// The one that was asked for first.
        Oldest = "oldest",
        /// The one with the fewest requests.
        LeastLoaded = "least_loaded",
        /// One that does not serve yet or any more; else one of the machine with most instances; else the one that
        /// has been ready for the shortest time (Kubernetes' `ReplicaSet` controller).
        Kubernetes = "kubernetes",
        /// The oldest one of the zone with most instances (the default policy of EC2 Auto Scaling, without launch
        /// templates of several versions).
        Aws = "aws",
    }
}

spec! {
    /// Where instances come from: `{ machine = "60s", image_pull = "20s", ready_every = "10s" }`. After this comes
    /// the `boot` of the service.
    pub struct Provisioning {
        /// How long it takes until there is a machine (a VM, a node); no time unless given.
        pub machine: Option<Law>,
        /// How many instances share a machine. A new one goes to a machine with room before another is asked for.
        pub per_machine: At<Count> = At::built_in(Count::new(1)),
        /// How long a machine without instances is kept; Kubernetes' cluster autoscaler keeps nodes for 10 minutes.
        pub idle_for: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// What a machine costs, instances on it or not, beside what the instances cost.
        pub machine_cost: Option<At<CostPerHour>>,
        /// How long it takes to pull the image, on a machine that has not got it yet; no time unless given.
        pub image_pull: Option<Law>,
        /// How often an instance is asked whether it is ready (a readiness probe, a health check): it gets requests
        /// when it has said so. At once unless given.
        pub ready_every: Option<At<SimDuration>>,
        /// How long after the boot has begun it is asked first.
        pub ready_after: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How often in a row it has to say so.
        pub ready_times: At<Count> = At::built_in(Count::new(1)),
        /// How many machines the provider gives at the most, those of a warm pool included; any number unless given.
        pub quota: Option<At<Count>>,
        /// After what time a machine that was refused is asked for again.
        pub retry_every: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// How many machines the provider begins to launch in a time; any number unless given.
        pub launch_rate: Option<At<Rate>>,
        /// Instances that stand by.
        pub warm_pool: Option<WarmPool>,
    }
    check(Self::check)
}

spec! {
    /// Instances that have booted and stand by, as EC2 Auto Scaling keeps them: `{ min_size = 2, resume = "15s" }`.
    /// One that is taken is replaced. The pool holds what is missing to `max_prepared` instances in the group and
    /// the pool together.
    pub struct WarmPool {
        /// The fewest that it holds, however many there are in the group.
        pub min_size: u32 = 0,
        /// The most in the group and the pool together; the most that the group may have unless given.
        pub max_prepared: Option<At<Count>>,
        /// How they wait.
        pub state: At<WarmState> = At::built_in(WarmState::Stopped),
        /// How long it takes until one is ready for requests, in place of machine, image and boot.
        pub resume: Law,
    }
}

impl Provisioning {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        for (every, what) in [
            (self.ready_every, "asked"),
            (Some(self.retry_every), "tried"),
        ] {
            if let Some(every) = every.filter(|every| every.value == SimDuration::ZERO) {
                let problem =
                    format!("what is {what} again at once is {what} for ever at one instant");
                out.push(Diagnostic::error(every.origin, problem).label("must be longer than 0"));
            }
        }
        if let Some(rate) = self.launch_rate.filter(|rate| rate.as_per_second() < 1e-6) {
            let problem = "a provider that launches less than one in eleven days launches nothing";
            out.push(Diagnostic::error(rate.origin, problem));
        }
        if self.ready_every.is_none() {
            let given = [
                (
                    self.ready_after.origin,
                    self.ready_after.value > SimDuration::ZERO,
                ),
                (self.ready_times.origin, self.ready_times.get() > 1),
            ];
            for (origin, _) in given.into_iter().filter(|(_, given)| *given) {
                let problem = "nobody asks whether the instance is ready";
                out.push(Diagnostic::error(origin, problem).help("set `ready_every`"));
            }
        }
        if self.warm_pool.is_some() && self.per_machine.get() > 1 {
            let problem = "instances of a warm pool have a machine each";
            out.push(
                Diagnostic::error(self.per_machine.origin, problem).label("several share one here"),
            );
        }
    }
}

/// Where instances come from, with every law at hand.
#[derive(Debug, Clone)]
pub struct ProvisionPlan {
    /// How long it takes until there is a machine.
    pub machine: Option<Sampler>,
    /// How many instances share one.
    pub per_machine: u32,
    /// How long one without instances is kept.
    pub idle_for: SimDuration,
    /// What it costs.
    pub machine_cost: CostPerHour,
    /// How long it takes to pull the image.
    pub image_pull: Option<Sampler>,
    /// How often, and after what time, an instance is asked whether it is ready, and how often it has to say so.
    pub ready: Option<(SimDuration, SimDuration, u32)>,
    /// How many machines there may be.
    pub quota: u32,
    /// After what time one that was refused is asked for again.
    pub retry_every: SimDuration,
    /// The time between two launches.
    pub launch_gap: SimDuration,
    /// Instances that stand by.
    pub warm_pool: Option<WarmPlan>,
}

/// Instances that stand by.
#[derive(Debug, Clone)]
pub struct WarmPlan {
    /// How many there are.
    pub config: crate::autoscaler::aws::warm_pool::Config,
    /// The most instances that the group may have.
    pub max: u32,
    /// Whether they run meanwhile.
    pub runs: bool,
    /// How long it takes until one is ready.
    pub resume: Sampler,
}
