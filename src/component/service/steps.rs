//! What an operation consists of.

use super::branches::{Alternative, Alternatives, WalkStep};
use crate::component::cache::LookUp;
use crate::component::database::{Access, Query};
use crate::component::queue::Publish;
use crate::component::rate_limiter::RateLimitStep;
use crate::component::service::response::ResponseSpec;
use crate::component::work::Work;
use crate::policy::http_cache::CacheControl;
use crate::policy::persistence::Persistence;
use crate::spec::{At, With};
use crate::units::Fraction;
use crate::{leads, spec};

spec! {
    /// What a service does for a class of requests: steps, one after another.
    pub struct OperationSpec {
        /// The steps.
        pub steps: Vec<OperationStep>,
        /// How large the answer is; only its way back takes time for that.
        pub response: Option<ResponseSpec>,
        /// The steps where a client asks only whether what it has is still good, and it is (304); as many as
        /// for a full answer unless given, as where a page is made to compute its entity tag.
        pub not_modified: Option<Vec<OperationStep>>,
        /// What the answers say to HTTP caches and CDNs in front: `"s-maxage=60, stale-while-revalidate=10"`.
        /// Browsers have their own (`browser_cache`).
        pub cache_control: Option<At<CacheControl>>,
    }
}

leads! {
    /// A step of an operation.
    pub enum OperationStep {
        /// Works on a CPU.
        Cpu(CpuStep) = "cpu",
        /// Waits for something that is not modelled any further.
        Wait(WaitStep) = "wait",
        /// Looks a key up in a cache.
        LookUp(LookUp) = "cache",
        /// Has a query executed by a database.
        Query(With<Query, Persistence>) = "query",
        /// Asks a rate limiter whether it may go on.
        RateLimit(RateLimitStep) = "rate_limit",
        /// Calls another service or a dependency, and waits for the answer.
        Call(With<Call, Persistence>) = "call",
        /// Puts a message into a queue, and goes on.
        Publish(With<Publish, Persistence>) = "publish",
        /// Does one of several things.
        Choose(Alternatives) = "choose",
        /// Goes from one thing to the next, each chosen by the one before it.
        Walk(With<WalkStep, Persistence>) = "walk",
    }
}

impl OperationSpec {
    /// True if HTTP caches may keep its answers where they are not told of which operations: it says so, or changes
    /// nothing, as GET should not.
    pub fn is_cacheable(&self) -> bool {
        self.cache_control.is_some() || self.steps.iter().all(OperationStep::only_reads)
    }
}

impl OperationStep {
    /// True if nothing is written to a database or put into a queue.
    pub(super) fn only_reads(&self) -> bool {
        match self {
            Self::LookUp(own) => own.on_miss.iter().all(Self::only_reads),
            Self::Query(own) => own.own.access.value == Access::Read,
            Self::Publish(_) => false,
            Self::Choose(own) => own.choose.iter().all(Alternative::only_reads),
            Self::Walk(own) => own.own.only_reads(),
            Self::Cpu(_) | Self::Wait(_) | Self::RateLimit(_) | Self::Call(_) => true,
        }
    }
}

spec! {
    /// Works on a CPU: `{ cpu = { lognormal = { mean = "3ms", cv = 0.9 } } }`.
    pub struct CpuStep {
        /// How much time on a core of its own it takes.
        pub cpu: Work,
        /// How often the step is done at all.
        pub probability: At<Fraction> = At::built_in(Fraction::ONE),
    }
}

spec! {
    /// Waits for something that is not modelled any further: `{ wait = "20ms" }`.
    pub struct WaitStep {
        /// How long.
        pub wait: Work,
        /// How often the step is done at all.
        pub probability: At<Fraction> = At::built_in(Fraction::ONE),
    }
}

spec! {
    /// Calls another service (straight, or through gateways and a balancer) or a dependency: `{ call = "payments",
    /// timeout = "1s", retry = { attempts = 2 } }`. The keys of [Persistence](#persistence) go with it.
    pub struct Call {
        /// Whom.
        pub call: At<String>,
        /// Which operation of the service; the one of the request's class unless given.
        pub operation: Option<At<String>>,
        /// How often the step is done at all.
        pub probability: At<Fraction> = At::built_in(Fraction::ONE),
    }
}
