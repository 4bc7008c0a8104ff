//! A service: a group of instances that execute operations.
//!
//! An instance has workers. With the `threads` runtime a worker is held by one request from the beginning
//! of its operation to the end, whatever it waits for, and requests without a worker wait in the
//! instance's backlog. With the `event_loop` runtime each worker is a process with a loop: it executes one
//! burst of CPU at a time, first come first served, and requests that wait for something hold nothing.
//! Requests are dealt to the loops in turn, as Node's cluster module deals connections.
//!
//! The vCPUs of an instance are shared by whatever is runnable on it (see [`cpu`](super::cpu)); where
//! there cannot be more runnable than vCPUs, each burst simply takes its time.

mod books;
mod branches;
mod door;
mod instances;
mod launch;
mod leaving;
mod life;
mod meters;
mod processes;
mod provision;
mod quota;
pub mod response;
mod revise;
mod rollout;
mod scaling;
mod state;
mod steps;
mod termination;
mod warm;
mod workers;
mod zones;

pub use branches::{Alternative, Alternatives, Leg, WalkStep};
pub use launch::STAGES;
pub(super) use leaving::is_waiting;
pub use life::{Cycle, LifePlan, OnStop, Replace};
pub use processes::{Every, KeepAlive, MemoryPlan, PauseScope, Pauses, PausesPlan, ProcessesPlan};
pub use provision::{ProvisionPlan, Provisioning, Termination, WarmPlan, WarmState};
pub use quota::{QuotaMode, QuotaPlan, QuotaSpec};
pub use scaling::{Change, ControllerPlan, Scaling};
pub(super) use state::Accepted;
pub use state::State;
pub use steps::{Call, CpuStep, OperationSpec, OperationStep, WaitStep};
pub use workers::{Backlog, Runtime, WhenFull, WorkersSpec};

use crate::autoscaler::Switched;
use crate::component::pool::{self, PoolSpec};
use crate::component::program::Demand;
use crate::component::queue::Consumes;
use crate::dist::{Law, Sampler};
use crate::policy::balance::{Policy, Random};
use crate::policy::memory::MemorySpec;
use crate::policy::restart::Restart;
use crate::spec::{At, Count, Named};
use crate::units::{Bytes, CostPerHour, CostPerSize, SimDuration};
use crate::{spec, words};

words! {
    /// What a service does with a request whose client has given up.
    pub enum Abandoned {
        /// Serves it to the end: the server does not notice, or does not care.
        Serve = "serve",
        /// Does not begin with it when its turn comes; what has begun is finished.
        Skip = "skip",
        /// Does not begin with it, and stops between two steps.
        Stop = "stop",
        /// Stops at once: takes it out of the line, ends its wait, gives up its CPU. What other components
        /// do for it is theirs to stop.
        Cancel = "cancel",
    }
}

spec! {
    /// A group of instances that execute operations.
    pub struct Service {
        /// The instance type, from `[instances]`: its vCPUs and its price.
        pub instance: Option<At<String>>,
        /// vCPUs per instance; overrides the instance type. Without either there are as many as workers.
        pub vcpu: Option<At<f64>>,
        /// How much of its vCPUs an instance may use on average, as the CPU limit of a container says; all of
        /// them unless given.
        pub quota: Option<QuotaSpec>,
        /// What its memory is used for; not looked at unless given.
        pub memory: Option<MemorySpec>,
        /// Price of an instance; overrides the instance type.
        pub cost: Option<At<CostPerHour>>,
        /// What its answers to clients cost on their way out, where clients come to it without a balancer in
        /// between; only operations that say how large their answers are count.
        pub transfer: Option<At<CostPerSize>>,
        /// How many instances there are at the start.
        pub count: At<Count> = At::built_in(Count::new(1)),
        /// Over how many zones its instances are spread, in turn.
        pub zones: At<Count> = At::built_in(Count::new(1)),
        /// The workers of an instance.
        pub workers: WorkersSpec,
        /// How many requests of an instance may wait for a worker to begin with them; 511 unless the workers'
        /// model says otherwise.
        pub backlog: Option<At<Backlog>>,
        /// What becomes of those that find no place to wait; they are refused unless the workers' model says
        /// otherwise.
        pub when_full: Option<At<WhenFull>>,
        /// How many requests may be in an instance at the same time; more are refused. No limit unless
        /// given.
        pub max_connections: Option<At<Count>>,
        /// How long a request may wait for a worker to begin with it; then it fails. For ever unless given.
        pub queue_timeout: Option<Law>,
        /// How long a caller that is turned away is asked to stay away (Retry-After).
        pub retry_after: Option<At<SimDuration>>,
        /// The CPU time that a new connection costs it: a TLS handshake takes 0.1 ms with an elliptic curve,
        /// 0.4 ms with RSA.
        pub handshake: Option<Law>,
        /// What it does with a request whose client has given up.
        pub abandoned: At<Abandoned> = At::built_in(Abandoned::Serve),
        /// Where instances come from. They are there at once, and then boot, unless given.
        pub provisioning: Option<Provisioning>,
        /// Which instance is taken out when there are to be fewer; as the autoscaler's platform does unless given:
        /// `aws` with those of AWS, `kubernetes` with those of Kubernetes and Knative, else `last`.
        pub termination: Option<At<Termination>>,
        /// How long it takes until an instance serves, from when it is asked for, or from when its machine is there and
        /// has the image.
        pub boot: Law = Law::Constant(crate::dist::constant::Constant(At::built_in(SimDuration::ZERO))),
        /// How long an instance that is taken out may take to finish what it has; then it is killed.
        pub drain: At<SimDuration> = At::built_in(SimDuration::from_secs(30)),
        /// What the server does when it is told to stop.
        pub on_stop: At<OnStop> = At::built_in(OnStop::Finish),
        /// How long booting may take; then the instance is stopped and started again (Heroku: 60 s, R10). As
        /// long as it likes unless given.
        pub boot_timeout: Option<At<SimDuration>>,
        /// How long an instance runs until it crashes by itself; never unless given.
        pub crash_after: Option<Law>,
        /// How instances that have died are started again.
        pub restart: Restart = Restart::default(),
        /// How instances are replaced when they are old; never unless given.
        pub cycle: Option<Cycle>,
        /// How an instance is picked for requests that come without a balancer.
        pub balance: Policy = Policy::Random(Random {}),
        /// Pools of connections, by name.
        pub pools: Named<PoolSpec>,
        /// What it does for each class of requests, by the name of the class; `default` for all others.
        pub operations: Named<OperationSpec>,
        /// Queues whose messages its workers take, and what they do for them.
        pub consumes: Vec<Consumes>,
        /// Changes the number of instances.
        pub autoscaler: Option<Switched>,
        /// Several of these, by name: each has its own clock, and whoever speaks last is heard.
        pub autoscalers: Named<Switched>,
    }
}

/// What was cut short when an instance or a process was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::component) struct CutShort {
    /// Bursts on a CPU of their own.
    pub bursts: u64,
    /// Waits of requests that no worker had begun with.
    pub not_begun: u32,
}

/// A service with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// vCPUs per instance.
    pub vcpu: f64,
    /// Whether that changes during the run.
    pub is_resized: bool,
    /// Price of an instance.
    pub cost: CostPerHour,
    /// Instances at the start.
    pub count: u32,
    /// Places for instances: those that serve, and those that still drain while others start.
    pub n_places: u32,
    /// Zones, over which places are spread in turn.
    pub zones: u32,
    /// How workers work.
    pub runtime: Runtime,
    /// Workers per instance: threads, loops or processes.
    pub workers: u32,
    /// What it may use of its vCPUs on average.
    pub quota: Option<QuotaPlan>,
    /// What processes have of their own, if they have anything.
    pub processes: Option<ProcessesPlan>,
    /// Whether those who find no place to wait are not answered at all.
    pub drops: bool,
    /// How many may wait for a worker.
    pub backlog: u32,
    /// How many may be in an instance.
    pub max_connections: u32,
    /// How long a request may wait for a worker: always the same, or drawn.
    pub queue_timeout: Option<(Demand, Option<SimDuration>)>,
    /// How long a caller that is turned away is asked to stay away.
    pub retry_after: Option<SimDuration>,
    /// What becomes of requests whose client is gone.
    pub abandoned: Abandoned,
    /// Where instances come from.
    pub provisioning: Option<ProvisionPlan>,
    /// Which one is taken out.
    pub termination: Termination,
    /// From asking for an instance until it serves, or the part of that after provisioning.
    pub boot: Sampler,
    /// How long it may drain.
    pub drain: SimDuration,
    /// What the server does when it is told to stop.
    pub on_stop: OnStop,
    /// What happens to instances by themselves, if anything does.
    pub life: Option<LifePlan>,
    /// How an instance is picked for requests without a balancer.
    pub balance: Policy,
    /// Its pools.
    pub pools: Vec<pool::Plan>,
    /// What changes the number of instances, with a name each: its kind, where the scenario gives none.
    pub autoscalers: Vec<ControllerPlan>,
    /// For how long requests are held while there is no instance; not at all unless given.
    pub holds: Option<SimDuration>,
    /// When the run ends: no controller looks after that.
    pub horizon: SimDuration,
}

impl Plan {
    /// How long an instance may take from being asked for until it serves, drawn once: machine, image, boot, and until
    /// it is found to be ready; without waiting for what the provider refuses, and not from a warm pool.
    pub fn draw_way<R: rand::Rng>(&self, rng: &mut R) -> SimDuration {
        let boot = self.boot.sample(rng);
        let Some(own) = &self.provisioning else {
            return boot;
        };
        let laws = [&own.machine, &own.image_pull];
        let before = laws.into_iter().flatten().map(|law| law.sample(rng));
        let way = before.fold(boot, |sum, span| sum + span);
        let (every, after, times) = own.ready.unwrap_or_default();
        way.max(after) + every.times(times)
    }

    /// True if somebody scales it who knows what nobody can know.
    pub fn is_yardstick(&self) -> bool {
        self.autoscalers.iter().any(|own| own.spec.knows_future())
    }

    /// What memory an instance has, where that is looked at.
    pub fn memory_limit(&self) -> Option<Bytes> {
        let memory = self.processes.as_ref()?.memory.as_ref()?;
        Some(Bytes::new(memory.limit as u64))
    }

    /// vCPUs that an instance can use on average.
    pub fn cpus(&self) -> f64 {
        self.quota
            .as_ref()
            .map_or(self.vcpu, |quota| quota.cpus.min(self.vcpu))
    }

    /// How many requests of an instance can be worked on at the same time.
    pub fn slots(&self) -> u32 {
        match (&self.processes, self.runtime) {
            (Some(processes), Runtime::Processes) => self.workers.saturating_mul(processes.threads),
            _ => self.workers,
        }
    }

    /// Processes of an instance.
    pub fn n_processes(&self) -> u32 {
        match self.runtime {
            Runtime::Threads => 1,
            Runtime::EventLoop | Runtime::Processes => self.workers,
        }
    }

    /// How many can be runnable in an instance.
    pub fn most_runnable(&self) -> u32 {
        match &self.processes {
            Some(processes) if processes.lock => self.workers,
            _ => self.slots(),
        }
    }

    /// True if instances come into being in a run, or it matters which one goes.
    pub fn launches(&self) -> bool {
        self.provisioning.is_some() || self.n_places > self.count || !self.autoscalers.is_empty()
    }

    /// True if there can be more runnable than vCPUs, or something stops all of them.
    pub fn shares_cpu(&self) -> bool {
        f64::from(self.most_runnable()) > self.cpus() || self.stalls() || self.is_resized
    }

    /// True if there are pauses that stop everything in an instance.
    pub fn stalls(&self) -> bool {
        let pauses = self.processes.as_ref().and_then(|own| own.pauses.as_ref());
        pauses.is_some_and(|pauses| pauses.scope == PauseScope::Instance)
    }
}
