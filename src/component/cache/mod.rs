//! A cache of real keys, with a policy for who leaves when it is full, and times to live.
//!
//! Each worker or instance has its own, or all share one. Hits are not drawn but found: requests ask for
//! keys from a catalogue with a popularity, and whether the key is there depends on who asked before. A
//! new instance starts with an empty one.
//!
//! An entry is good for `ttl` from when it was filled; being asked for does not renew that unless
//! `renewed_by_hits` says so, but counts as use. An expired entry stays in its place until it is filled again
//! or pushed out (lazy expiry), unless something sweeps it. Filling costs nothing; looking up takes `time`,
//! which matters where the cache is at the other end of a network.

mod spec;
mod units;

use rand::SeedableRng as _;

use super::program::{Demand, KeysId, Visit};
use super::request::RequestId;
use super::{Bill, Charge, Component, Context, Event, Gauge, Kept, NodeId, Signal, Step};
use crate::engine::Class;
use crate::metrics::CounterId;
use crate::policy::eviction::{Entry, Eviction, Filled};
use crate::rng::{Draw, Salt, Streams};
use crate::units::{CostPerHour, SimDuration, SimTime};
use units::Units;

pub use spec::{Cache, Capacity, LookUp, Scope, Sweep};

/// A cache with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Who has one.
    pub scope: Scope,
    /// The service it is in, if it is in one, and how many instances and workers that can have.
    pub inside: Option<(NodeId, u32, u32)>,
    /// How much each holds.
    pub capacity: Capacity,
    /// Who leaves when it is full.
    pub policy: Eviction,
    /// How long an entry is good.
    pub ttl: Option<SimDuration>,
    /// Whether hits renew that.
    pub renewed_by_hits: bool,
    /// By which share of it at most it is cut at random.
    pub jitter: f64,
    /// How expired entries are removed.
    pub sweep: Option<Sweep>,
    /// How long it is remembered that something does not exist.
    pub negative_ttl: Option<SimDuration>,
    /// How long looking up takes.
    pub time: Option<Demand>,
    /// When somebody empties it.
    pub flush_at: Vec<SimDuration>,
    /// What all its nodes cost.
    pub cost: CostPerHour,
    /// Whether it is asked for what does not exist.
    pub has_missing: bool,
}

impl Plan {
    fn n_units(&self) -> u32 {
        let (_, instances, workers) = self.inside.unwrap_or((NodeId::NONE, 1, 1));
        match self.scope {
            Scope::Shared => 1,
            Scope::Instance => instances,
            Scope::Worker => instances * workers,
        }
    }
}

/// Signals: entries are swept, somebody empties the cache.
const SWEEP: u8 = 0;
const FLUSH: u8 = 1;

/// How often a sweep by samples comes, how many it looks at, and the share of expired ones, as one of how many,
/// at which it looks again (Redis: `ACTIVE_EXPIRE_CYCLE_*`).
const SAMPLED_EVERY: SimDuration = SimDuration::from_nanos(100_000_000);
const SAMPLE: u32 = 20;
const ACCEPTED: u32 = 10;
/// Rounds of a sweep at most: Redis stops after a quarter of its time.
const MOST_ROUNDS: u32 = 16;

/// A cache at work.
#[derive(Debug)]
pub struct State {
    plan: Plan,
    own: NodeId,
    inside: Option<NodeId>,
    workers: u32,
    units: Units,
    ttl: SimDuration,
    time: Option<Demand>,
    jitter: Salt,
    draw: Draw,
    hits: CounterId,
    misses: CounterId,
    refused: CounterId,
}

impl State {
    pub(super) fn new(plan: &Plan, own: NodeId, streams: Streams, cx: &mut Context) -> Self {
        use rand::Rng as _;
        let mut seeds = streams.stream(&plan.name, "eviction");
        Self {
            own,
            inside: plan.inside.map(|(service, ..)| service),
            workers: plan.inside.map_or(1, |(_, _, workers)| workers),
            draw: Draw::seed_from_u64(seeds.next_u64()),
            units: Units::new(plan, &mut seeds),
            ttl: plan.ttl.unwrap_or(SimDuration::MAX),
            time: plan.time,
            jitter: Salt::new(&plan.name, "jitter"),
            hits: cx.recorder.add_counter(),
            misses: cx.recorder.add_counter(),
            refused: cx.recorder.add_counter(),
            plan: plan.clone(),
        }
    }

    /// A new instance of `service` comes up: its own caches start empty.
    pub(super) fn instance_joins(&mut self, service: NodeId, instance: u32) {
        if self.inside != Some(service) {
            return;
        }
        let own = match self.plan.scope {
            Scope::Shared => return,
            Scope::Instance => instance..instance + 1,
            Scope::Worker => instance * self.workers..(instance + 1) * self.workers,
        };
        for unit in own {
            self.units.clear(unit);
        }
    }

    /// A process of an instance of `service` has ended: the cache of its own is gone.
    pub(super) fn process_ends(&mut self, service: NodeId, instance: u32, worker: u16) {
        if self.inside == Some(service) && self.plan.scope == Scope::Worker {
            self.units
                .clear(instance * self.workers + u32::from(worker));
        }
    }

    /// The cache that a request asks.
    #[inline]
    fn unit(&self, id: RequestId, cx: &Context) -> usize {
        let frame = &cx.requests.get(id).frame;
        let at = match self.plan.scope {
            Scope::Shared => 0,
            Scope::Instance => frame.instance,
            Scope::Worker => frame.instance * self.workers + u32::from(frame.worker),
        };
        at as usize
    }

    fn look(&mut self, id: RequestId, keys: KeysId, hit: u16, cx: &mut Context) -> Step {
        let now = cx.now();
        let (key, unit) = (key(keys, id, cx), self.unit(id, cx));
        let is_there = match &mut self.units {
            Units::Plain { own, .. } => own[unit].using(key).is_some_and(|until| now < *until),
            Units::Shelves(_) => self.finds(unit, key, cx),
        };
        if is_there {
            cx.recorder.count(self.hits);
            return Step::Jump(hit);
        }
        cx.recorder.count(self.misses);
        Step::Next
    }

    /// True if `key` is there and good.
    fn finds(&mut self, unit: usize, key: u64, cx: &Context) -> bool {
        let now = cx.now();
        let shelf = self.units.shelf(unit);
        let Some(entry) = shelf.using(key, now) else {
            return false;
        };
        if now < entry.good_until {
            if self.plan.renewed_by_hits {
                entry.good_until = now + self.ttl;
            }
            return true;
        }
        if shelf.deletes_expired() {
            shelf.remove(key, |key| size(key, &self.plan, cx));
        }
        false
    }

    fn fill(&mut self, id: RequestId, keys: KeysId, cx: &mut Context) {
        let now = cx.now();
        let (key, unit) = (key(keys, id, cx), self.unit(id, cx));
        if let Units::Plain { own, capacity } = &mut self.units {
            let good_until = after(now, self.ttl);
            return own[unit].fill(key, good_until, *capacity);
        }
        let Some(ttl) = self.time_to_live(id, key, cx) else {
            return;
        };
        let entry = Entry {
            good_until: after(now, ttl),
            made: now,
            took: SimDuration::ZERO,
        };
        let shelf = self.units.shelf(unit);
        let filled = shelf.fill(key, entry, now, |key| size(key, &self.plan, cx));
        if filled == Filled::Refused {
            cx.recorder.count(self.refused);
        }
    }

    /// How long what a request has got is good; nothing if it is not kept at all.
    fn time_to_live(&self, id: RequestId, key: u64, cx: &Context) -> Option<SimDuration> {
        let (catalogue, own) = parts(key);
        if cx.program.keys[catalogue].is_missing(own) {
            return self.plan.negative_ttl;
        }
        if self.plan.jitter == 0.0 || self.ttl == SimDuration::MAX {
            return Some(self.ttl);
        }
        let drawn = self.jitter.uniform(cx.requests.get(id).seed()) as f64 / 2f64.powi(64);
        let kept = self.ttl.as_nanos() as f64 * (1.0 - self.plan.jitter * drawn);
        Some(SimDuration::from_nanos_f64(kept))
    }

    fn sweeps(&mut self, cx: &mut Context) {
        let now = cx.now();
        let Units::Shelves(shelves) = &mut self.units else {
            return;
        };
        let is_dead = |entry: &Entry| now >= entry.good_until;
        let size_of = |key| size(key, &self.plan, cx);
        for shelf in shelves {
            if let Some(Sweep::Every(_)) = self.plan.sweep {
                shelf.sweep(is_dead, size_of);
                continue;
            }
            for _ in 0..MOST_ROUNDS {
                let (seen, dead) = shelf.sweep_sample(SAMPLE, &mut self.draw, is_dead, size_of);
                if dead * ACCEPTED <= seen {
                    break;
                }
            }
        }
    }

    fn plans_sweep(&self, cx: &mut Context) {
        let every = match self.plan.sweep {
            Some(Sweep::Every(every)) => every,
            Some(Sweep::Sampled) => SAMPLED_EVERY,
            None => return,
        };
        cx.signal_after(every, Class::Control, Event::Signal(self.own, SWEEP, 0));
    }
}

/// `span` after `now`; never, if that is for ever.
fn after(now: SimTime, span: SimDuration) -> SimTime {
    if span == SimDuration::MAX {
        SimTime::NEVER
    } else {
        now + span
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

/// The catalogue of a key, and the key in it.
fn parts(key: u64) -> (usize, u64) {
    ((key >> 48) as usize, key & ((1 << 48) - 1))
}

/// How much of the capacity what is under `key` takes.
fn size(key: u64, plan: &Plan, cx: &Context) -> u64 {
    if let Capacity::Entries(_) = plan.capacity {
        return 1;
    }
    let (catalogue, own) = parts(key);
    cx.program.keys[catalogue].size(own)
}

impl Component for State {
    fn start(&mut self, cx: &mut Context) {
        self.plans_sweep(cx);
        for at in &self.plan.flush_at {
            cx.signal_after(*at, Class::Control, Event::Signal(self.own, FLUSH, 0));
        }
    }

    fn signal(&mut self, signal: Signal, cx: &mut Context) {
        if signal.code == FLUSH {
            return self.units.clear_all();
        }
        self.sweeps(cx);
        self.plans_sweep(cx);
    }

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
                self.fill(id, keys, cx);
                Step::Next
            }
            (Visit::Use { .. } | Visit::Enter | Visit::Ask | Visit::Publish { .. }, _) => {
                unreachable!("a cache is looked up and filled")
            }
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
            component: self.plan.name.clone(),
            what,
            kept: Kept::Counter(id),
        };
        vec![
            gauge("hits", self.hits),
            gauge("misses", self.misses),
            gauge("refused", self.refused),
        ]
    }

    fn bills(&self) -> Vec<Bill> {
        vec![Bill {
            component: self.plan.name.clone(),
            what: "",
            charge: Charge::Always(self.plan.cost),
        }]
    }
}
