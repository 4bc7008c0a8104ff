//! A cache: of real keys, with a policy for who leaves when it is full, and times to live; or, in ratio mode, of
//! their hit ratio alone.
//!
//! Each worker or instance has its own, or all share one. Hits are not drawn but found: requests ask for
//! keys from a catalogue with a popularity, and whether the key is there depends on who asked before. A
//! new instance starts with an empty one.
//!
//! An entry is good for `ttl` from when it was filled; being asked for does not renew that unless
//! `renewed_by_hits` says so, but counts as use. An expired entry stays in its place until it is filled again
//! or pushed out (lazy expiry), unless something sweeps it. Filling costs nothing; looking up takes `time`,
//! which matters where the cache is at the other end of a network.

mod misses;
mod server;
mod spec;
mod units;

use rand::SeedableRng as _;

use super::program::{Demand, KeysId, Visit};
use super::request::{Frame, RequestId};
use super::{Bill, Component, Context, Event, Gauge, Kept, NodeId, Resource, Signal, Step, Tally};
use crate::engine::Class;
use crate::metrics::CounterId;
use crate::policy::eviction::{Entry, Eviction, Filled};
use crate::policy::ratio::RatioRules;
use crate::rng::{Draw, Salt, Streams};
use crate::units::{CostPerHour, SimDuration, SimTime};
use misses::Flights;
use units::Units;

pub use spec::{Cache, Capacity, LookUp, Mode, OnConcurrentMiss, OnError, Outage, Scope, Sweep};

/// A cache with every name resolved.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "settings that have nothing to do with one another"
)]
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
    /// Whether those who come later to fill it leave a good entry alone.
    pub keeps_first: bool,
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
    /// Who goes when several miss the same key at a time.
    pub on_concurrent_miss: OnConcurrentMiss,
    /// For how long an expired entry is given out while a new one is got.
    pub stale_while_revalidate: SimDuration,
    /// For how long an expired entry is given out if no new one can be got.
    pub stale_if_error: SimDuration,
    /// How eager requests are to get a new entry before the old one has expired; not at all if 0.
    pub early: f64,
    /// Whether it wants to hear how what follows its misses ends.
    pub minds_misses: bool,
    /// The time of a command on the server, and how many may be under way.
    pub server: Option<(Demand, u32)>,
    /// When it does not answer: from when to when, and whether everything is lost then.
    pub down: Vec<(SimTime, SimTime, bool)>,
    /// What a request does then.
    pub on_error: OnError,
    /// How long it takes to find out.
    pub error_after: SimDuration,
    /// What all its nodes cost.
    pub cost: CostPerHour,
    /// Whether it is asked for what does not exist.
    pub has_missing: bool,
    /// What it does if it keeps no keys, and the catalogues that it is asked for.
    pub ratio: Option<(RatioRules, Vec<KeysId>)>,
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

/// Signals: entries are swept, somebody empties the cache, the server has executed a command.
const SWEEP: u8 = 0;
const FLUSH: u8 = 1;
const DONE: u8 = 2;

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
    plan: Box<Plan>,
    own: NodeId,
    scope: Scope,
    inside: Option<NodeId>,
    workers: u32,
    units: Units,
    ttl: SimDuration,
    time: Option<Demand>,
    /// Whether it has a server of its own, or may not answer.
    is_remote: bool,
    jitter: Salt,
    draw: Draw,
    flights: Flights,
    early: Salt,
    server: Option<server::State>,
    counts: Counts,
}

/// What became of look-ups, and what else is counted.
#[derive(Debug)]
struct Counts {
    hits: CounterId,
    misses: CounterId,
    /// Given out though it had expired, while a new one was got.
    stale: CounterId,
    /// Waited for what somebody else got.
    coalesced: CounterId,
    /// Got in the background.
    refreshes: CounterId,
    /// Given out though it had expired, because no new one could be got.
    rescued: CounterId,
    /// Not kept: it did not fit, or the policy did not let it in.
    refused: CounterId,
    /// Did not get an answer from the cache.
    errors: CounterId,
}

impl Counts {
    fn new(cx: &mut Context) -> Self {
        let mut add = || cx.recorder.add_counter();
        Self {
            hits: add(),
            misses: add(),
            stale: add(),
            coalesced: add(),
            refreshes: add(),
            rescued: add(),
            refused: add(),
            errors: add(),
        }
    }
}

impl Plan {
    /// Says why a cache that runs cannot take over the settings of `other`.
    pub fn can_become(&self, other: &Self) -> Result<(), String> {
        if self.ratio.is_some() || self.ttl.is_none() || other.ttl.is_none() {
            let problem = "only a cache of real keys that has a time to live can get another";
            return Err(problem.to_owned());
        }
        Ok(())
    }
}

impl State {
    /// Takes over the settings of `plan`: what is filled in from now on is good for so long.
    pub(super) fn adopts(&mut self, plan: &Plan) {
        self.ttl = plan.ttl.unwrap_or(SimDuration::MAX);
        self.plan.ttl = plan.ttl;
    }

    pub(super) fn new(plan: &Plan, own: NodeId, streams: Streams, cx: &mut Context) -> Self {
        use rand::Rng as _;
        let mut seeds = streams.stream(&plan.name, "eviction");
        Self {
            own,
            inside: plan.inside.map(|(service, ..)| service),
            workers: plan.inside.map_or(1, |(_, _, workers)| workers),
            draw: Draw::seed_from_u64(seeds.next_u64()),
            units: Units::new(plan, &mut seeds, &cx.program),
            ttl: plan.ttl.unwrap_or(SimDuration::MAX),
            time: plan.time,
            is_remote: plan.server.is_some() || !plan.down.is_empty(),
            jitter: Salt::new(&plan.name, "jitter"),
            flights: Flights::new(&plan.on_concurrent_miss),
            early: Salt::new(&plan.name, "early"),
            server: plan
                .server
                .map(|(command, max)| server::State::new(command, max, cx)),
            counts: Counts::new(cx),
            scope: plan.scope,
            plan: Box::new(plan.clone()),
        }
    }

    /// A new instance of `service` comes up: its own caches start empty.
    pub(super) fn instance_joins(&mut self, service: NodeId, instance: u32, now: SimTime) {
        if self.inside != Some(service) {
            return;
        }
        let own = match self.plan.scope {
            Scope::Shared => return,
            Scope::Instance => instance..instance + 1,
            Scope::Worker => instance * self.workers..(instance + 1) * self.workers,
        };
        for unit in own {
            self.units.clear(unit, now);
        }
    }

    /// A process of an instance of `service` has ended: the cache of its own is gone.
    pub(super) fn process_ends(
        &mut self,
        (service, instance, worker): (NodeId, u32, u16),
        now: SimTime,
    ) {
        if self.inside == Some(service) && self.plan.scope == Scope::Worker {
            let unit = instance * self.workers + u32::from(worker);
            self.units.clear(unit, now);
        }
    }

    /// A look-up that hits by chance.
    fn looks_by_chance(&mut self, id: RequestId, keys: KeysId, hit: u16, cx: &mut Context) -> Step {
        let at = unit_of(self.scope, self.workers, &cx.requests.get(id).frame);
        let Units::Ratios(own) = &mut self.units else {
            unreachable!("only caches without keys hit by chance")
        };
        if own.is_hit(at, keys, id, cx) {
            cx.recorder.count(self.counts.hits);
            return Step::Jump(hit);
        }
        cx.recorder.count(self.counts.misses);
        Step::Next
    }

    #[inline]
    fn look(&mut self, id: RequestId, keys: KeysId, hit: u16, cx: &mut Context) -> Step {
        let Units::Plain { own, .. } = &mut self.units else {
            return self.looks_closely(id, keys, hit, cx);
        };
        let at = unit_of(self.scope, self.workers, &cx.requests.get(id).frame);
        let (now, key) = (cx.now(), key(keys, id, cx));
        if own[at].using(key).is_some_and(|until| now < *until) {
            cx.recorder.count(self.counts.hits);
            return Step::Jump(hit);
        }
        cx.recorder.count(self.counts.misses);
        Step::Next
    }

    fn fill(&mut self, id: RequestId, keys: KeysId, cx: &mut Context) -> Step {
        let now = cx.now();
        let at = unit_of(self.scope, self.workers, &cx.requests.get(id).frame);
        let key = key(keys, id, cx);
        match &mut self.units {
            Units::Plain { own, capacity } => {
                own[at].fill(key, after(now, self.ttl), *capacity);
                return Step::Next;
            }
            Units::Ratios(_) => return Step::Next,
            Units::Shelves(_) => {}
        }
        let took = self.lands(id, keys, cx);
        if let Some(ttl) = self.time_to_live(id, key, cx) {
            let entry = Entry {
                good_until: after(now, ttl),
                took,
                made: now,
            };
            let shelf = self.units.shelf(at);
            if self.plan.keeps_first && shelf.peek(key).is_some_and(|own| now < own.good_until) {
                return self.ends_refresh(id, cx);
            }
            let filled = shelf.fill(key, entry, now, |key| size(key, &self.plan, cx));
            if filled == Filled::Refused {
                cx.recorder.count(self.counts.refused);
            }
        }
        self.ends_refresh(id, cx)
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
        let grace = self
            .plan
            .stale_while_revalidate
            .max(self.plan.stale_if_error);
        let is_dead = |entry: &Entry| now >= after(entry.good_until, grace);
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

/// The cache that a request with this frame asks.
#[inline]
fn unit_of(scope: Scope, workers: u32, frame: &Frame) -> usize {
    let at = match scope {
        Scope::Shared => 0,
        Scope::Instance => frame.instance,
        Scope::Worker => frame.instance * workers + u32::from(frame.worker),
    };
    at as usize
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
pub(super) fn key(keys: KeysId, id: RequestId, cx: &Context) -> u64 {
    let (catalogue, request) = (&cx.program.keys[keys.0 as usize], cx.requests.get(id));
    let mut key = cx.program.key(keys, request);
    if request.flags.has(catalogue.varies()) {
        let source = cx.program.source_of[request.flow as usize];
        key = catalogue.own_key(key, (source, cx.requests.extra(id).client));
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
        for (from, ..) in self.plan.down.iter().filter(|(.., loses)| *loses) {
            let from = from.since(SimTime::ZERO);
            cx.signal_after(from, Class::Control, Event::Signal(self.own, FLUSH, 0));
        }
    }

    fn signal(&mut self, signal: Signal, cx: &mut Context) {
        match signal.code {
            FLUSH => self.units.clear_all(cx.now()),
            DONE => self.command_is_done(RequestId::from_index(signal.part), cx),
            _ => {
                self.sweeps(cx);
                self.plans_sweep(cx);
            }
        }
    }

    #[inline]
    fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        if self.is_remote {
            return self.calls(id, visit, cx);
        }
        match (visit, self.time) {
            (Visit::Look { keys, hit }, None) => self.look(id, keys, hit, cx),
            (Visit::Look { .. }, Some(time)) => {
                let time = cx.program.draw(time, cx.requests.get(id).seed());
                cx.resume_after(time, id);
                Step::Blocked
            }
            (Visit::Fill { keys }, _) => self.fill(id, keys, cx),
            _ => unreachable!("a cache is looked up and filled"),
        }
    }

    fn resume(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        if cx.requests.get(id).frame.node == NodeId::NONE {
            // Its instance was killed meanwhile.
            return Step::Next;
        }
        if self.is_remote && self.is_down(cx.now()) {
            // Whoever has waited for somebody else does not look again.
            misses::stops_waiting(id, cx);
            return self.does_not_answer(id, visit, cx);
        }
        match visit {
            Visit::Look { keys, hit } => self.look(id, keys, hit, cx),
            Visit::Fill { keys } => self.fill(id, keys, cx),
            _ => unreachable!("a cache is looked up and filled"),
        }
    }

    fn withdraw(&mut self, id: RequestId, cx: &mut Context) -> bool {
        self.leaves_flight(id, cx)
    }

    fn resources(&self) -> Vec<Resource> {
        let server = self.server.iter();
        server.map(|own| own.resource(&self.plan.name)).collect()
    }

    fn gauges(&self) -> Vec<Gauge> {
        let gauge = |what, id| Gauge::new(&self.plan.name, what, Kept::Counter(id));
        let counts = &self.counts;
        let mut gauges = vec![gauge("hits", counts.hits), gauge("misses", counts.misses)];
        let is_plain = !matches!(self.units, Units::Shelves(_));
        if !is_plain || self.is_remote {
            gauges.extend([
                gauge("stale", counts.stale),
                gauge("coalesced", counts.coalesced),
                gauge("refreshes", counts.refreshes),
                gauge("rescued", counts.rescued),
                gauge("refused", counts.refused),
                gauge("errors", counts.errors),
            ]);
        }
        gauges
    }

    fn bills(&self) -> Vec<Bill> {
        vec![Bill::always(&self.plan.name, self.plan.cost)]
    }

    fn audit(&self, _: NodeId, _: &Tally, cx: &Context) {
        self.audit_flights(cx);
    }
}
