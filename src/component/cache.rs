//! A cache of real keys: least recently used, with a time to live and a capacity.
//!
//! Each worker or instance has its own, or all share one. Hits are not drawn but found: requests ask for
//! keys from a catalogue with a popularity, and whether the key is there depends on who asked before. A
//! new instance starts with an empty one.
//!
//! An entry is good for `ttl` from when it was filled; being asked for does not renew that, but counts as
//! use. An expired entry stays in its place until it is filled again or pushed out (lazy expiry). Filling
//! costs nothing; looking up takes `time`, which matters where the cache is at the other end of a network.

mod lru;

pub(super) use lru::Lru;

use super::program::{Demand, KeysId, Visit};
use super::request::RequestId;
use super::{Bill, Charge, Component, Context, Gauge, Kept, NodeId, Step};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::metrics::CounterId;
use crate::rng::Streams;
use crate::spec::{At, Count};
use crate::units::{CostPerHour, Fraction, SimDuration, SimTime};
use crate::{spec, words};

words! {
    /// Who has a cache or a pool of their own.
    pub enum Scope {
        /// All share one.
        Shared = "shared",
        /// Each instance has its own.
        Instance = "instance",
        /// Each worker of an event loop has its own, as processes do.
        Worker = "worker",
    }
}

spec! {
    /// A cache of real keys, in each instance or shared.
    pub struct Cache {
        /// Who has one.
        pub scope: At<Scope> = At::built_in(Scope::Shared),
        /// How many entries each holds.
        pub capacity: At<Count>,
        /// How long an entry is good; for ever unless given.
        pub ttl: Option<At<SimDuration>>,
        /// How long looking up takes.
        pub time: Option<Law>,
        /// What a shared one runs on, from `[instances]`: its price.
        pub instance: Option<At<String>>,
        /// What a node of it costs; overrides the instance type.
        pub cost: Option<At<CostPerHour>>,
        /// How many nodes are paid for, replicas included.
        pub nodes: At<Count> = At::built_in(Count::new(1)),
    }
    check(Self::check)
}

impl Cache {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if let Some(ttl) = self.ttl.filter(|ttl| ttl.value == SimDuration::ZERO) {
            out.push(Diagnostic::error(
                ttl.origin,
                "a time to live must be longer than 0",
            ));
        }
    }
}

spec! {
    /// Looks a key up: `{ cache = "pages", keys = "urls", on_miss = [...] }`. On a miss the steps of
    /// `on_miss` are done, and then the key is put in.
    pub struct LookUp {
        /// The cache.
        pub cache: At<String>,
        /// The catalogue of keys to ask for.
        pub keys: At<String>,
        /// What to do on a miss.
        pub on_miss: Vec<super::service::OperationStep>,
        /// How often the step is done at all.
        pub probability: At<Fraction> = At::built_in(Fraction::ONE),
    }
}

/// A cache with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Who has one.
    pub scope: Scope,
    /// The service it is in, if it is in one, and how many instances and workers that can have.
    pub inside: Option<(NodeId, u32, u32)>,
    /// How many entries each holds.
    pub capacity: u32,
    /// How long an entry is good.
    pub ttl: Option<SimDuration>,
    /// How long looking up takes.
    pub time: Option<Demand>,
    /// What all its nodes cost.
    pub cost: CostPerHour,
}

/// A cache at work.
#[derive(Debug)]
pub struct State {
    name: String,
    scope: Scope,
    inside: Option<NodeId>,
    workers: u32,
    units: Vec<Lru>,
    ttl: SimDuration,
    time: Option<Demand>,
    hits: CounterId,
    misses: CounterId,
    cost: CostPerHour,
}

impl State {
    pub(super) fn new(plan: &Plan, _: NodeId, _: Streams, cx: &mut Context) -> Self {
        let (_, instances, workers) = plan.inside.unwrap_or((NodeId::NONE, 1, 1));
        let n_units = match plan.scope {
            Scope::Shared => 1,
            Scope::Instance => instances,
            Scope::Worker => instances * workers,
        };
        Self {
            name: plan.name.clone(),
            scope: plan.scope,
            inside: plan.inside.map(|(service, ..)| service),
            workers,
            units: (0..n_units).map(|_| Lru::new(plan.capacity)).collect(),
            ttl: plan.ttl.unwrap_or(SimDuration::MAX),
            time: plan.time,
            hits: cx.recorder.add_counter(),
            misses: cx.recorder.add_counter(),
            cost: plan.cost,
        }
    }

    /// A new instance of `service` comes up: its own caches start empty.
    pub(super) fn instance_joins(&mut self, service: NodeId, instance: u32) {
        if self.inside != Some(service) {
            return;
        }
        let own = match self.scope {
            Scope::Shared => return,
            Scope::Instance => instance..instance + 1,
            Scope::Worker => instance * self.workers..(instance + 1) * self.workers,
        };
        for unit in own {
            self.units[unit as usize].clear();
        }
    }

    /// The cache that a request asks.
    #[inline]
    fn unit(&mut self, id: RequestId, cx: &Context) -> &mut Lru {
        let frame = &cx.requests.get(id).frame;
        let at = match self.scope {
            Scope::Shared => 0,
            Scope::Instance => frame.instance,
            Scope::Worker => frame.instance * self.workers + u32::from(frame.worker),
        };
        &mut self.units[at as usize]
    }

    fn look(&mut self, id: RequestId, keys: KeysId, hit: u16, cx: &mut Context) -> Step {
        let now = cx.now();
        let key = key(keys, id, cx);
        if self.unit(id, cx).look(key, now) {
            cx.recorder.count(self.hits);
            return Step::Jump(hit);
        }
        cx.recorder.count(self.misses);
        Step::Next
    }
}

/// What a request asks for: keys of different catalogues are different keys.
#[inline]
fn key(keys: KeysId, id: RequestId, cx: &Context) -> u64 {
    let (catalogue, request) = (&cx.program.keys[keys.0 as usize], cx.requests.get(id));
    let mut key = catalogue.key(request.number);
    if request.flags.has(catalogue.varies()) {
        key = catalogue.own_key(key, cx.requests.extra(id).client);
    }
    u64::from(keys.0) << 48 | key
}

impl Component for State {
    #[inline]
    fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        match (visit, self.time) {
            (Visit::Look { keys, hit }, None) => self.look(id, keys, hit, cx),
            (Visit::Look { .. }, Some(time)) => {
                let time = cx.program.draw(time, cx.requests.get(id).seed());
                cx.resume_after(time, id);
                Step::Blocked
            }
            (Visit::Fill { keys }, _) => {
                let now = cx.now();
                let good_until = if self.ttl == SimDuration::MAX {
                    SimTime::NEVER
                } else {
                    now + self.ttl
                };
                let key = key(keys, id, cx);
                self.unit(id, cx).fill(key, good_until);
                Step::Next
            }
            (Visit::Use { .. }, _) => unreachable!("a cache is looked up and filled"),
        }
    }

    fn resume(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        let Visit::Look { keys, hit } = visit else {
            unreachable!("only looking up takes time")
        };
        self.look(id, keys, hit, cx)
    }

    fn gauges(&self) -> Vec<Gauge> {
        let gauge = |what, id| Gauge {
            component: self.name.clone(),
            what,
            kept: Kept::Counter(id),
        };
        vec![gauge("hits", self.hits), gauge("misses", self.misses)]
    }

    fn bills(&self) -> Vec<Bill> {
        vec![Bill {
            component: self.name.clone(),
            what: "",
            charge: Charge::Always(self.cost),
        }]
    }
}
