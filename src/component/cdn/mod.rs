//! A content delivery network: a gateway with many edges, each of which answers by itself what it has been told
//! before.
//!
//! It does what `policy/edge_cache` says. A request comes to the edge of its address, and pays for the way there;
//! what is not found pays for the way to what is behind as well, and its answer is stored where it came through.
//! Whoever waits for another's flight stands in its line until that is over. An answer that comes through two
//! networks, one the shield of the other, keeps its age.

mod spec;

use rand_distr::Distribution as _;
use rand_distr::weighted::WeightedAliasIndex;

use super::cache::{self, Capacity};
use super::fetch::{Came, Counts, Held, begins_fetch, ends_fetch, made_at, says_age};
use super::gateway::ClientLeft;
use super::http_cache::Bypass;
use super::program::{Cacheable, Demand, KeysId, Visit};
use super::request::{Flags, Frame, Line, RequestId};
use super::{Bill, Component, Context, Event, Gauge, Kept, NodeId, Signal, Step, Tally, Wake};
use crate::engine::Class;
use crate::math;
use crate::metrics::{CounterId, LevelId, Outcome};
use crate::policy::edge_cache::{self, EdgeCaches, Found, Lifetimes, Look, Wanted};
use crate::policy::eviction::{Bounds, Eviction};
use crate::rng::{Salt, Streams};
use crate::units::{CostPerHour, SimDuration, SimTime};

pub use spec::Cdn;

/// A content delivery network with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// How many edges it has.
    pub edges: u32,
    /// The exponent of Zipf's law by which addresses are spread over them.
    pub spread: f64,
    /// How much each edge holds.
    pub capacity: Capacity,
    /// Who leaves then.
    pub policy: Eviction,
    /// How long answers are good.
    pub lifetimes: Lifetimes,
    /// Whether one goes for all.
    pub collapse: bool,
    /// Whose requests are left alone.
    pub bypass: Bypass,
    /// The share of what has expired that is still good, as a threshold for a uniform 64-bit number.
    pub unchanged_below: u64,
    /// How far clients are from their edge, and edges from what is behind.
    pub client_rtt: Option<Demand>,
    /// See `client_rtt`.
    pub origin_rtt: Option<Demand>,
    /// When somebody purges everything.
    pub flush_at: Vec<SimDuration>,
    /// What it costs.
    pub cost: CostPerHour,
}

/// The signal: somebody purges everything.
const FLUSH: u8 = 0;

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// On its way to its edge.
    Comes,
    /// In the line of a flight.
    Joined(u32),
    /// About to hear that the flight has failed.
    LetDown,
    /// On its way to what is behind, or there; others may wait for what comes of it.
    Goes {
        /// Whether they may.
        leads: bool,
    },
}

/// What is held for a request.
#[derive(Debug, Clone, Copy)]
struct Own {
    wanted: Wanted,
    keys: KeysId,
    phase: Phase,
    /// Has joined one, and does not again.
    has_joined: bool,
    /// Has asked only whether what there is is still good, and it is.
    is_unchanged: bool,
    /// Its client has asked that.
    was_conditional: bool,
}

/// A content delivery network at work.
#[derive(Debug)]
pub struct State {
    name: String,
    own: NodeId,
    caches: EdgeCaches,
    held: Held<Own>,
    /// By number of flight: who waits for it.
    lines: Vec<Line>,
    in_entries: bool,
    bypass: Bypass,
    unchanged: (u64, Salt),
    /// Which edge an address comes to.
    spread: WeightedAliasIndex<f64>,
    salt: Salt,
    /// By edge.
    client_rtt: Vec<SimDuration>,
    origin_rtt: Vec<SimDuration>,
    flush_at: Vec<SimDuration>,
    cost: CostPerHour,
    waiting: LevelId,
    counts: Counts,
    refused: CounterId,
}

impl State {
    pub(super) fn new(plan: &Plan, own: NodeId, _: Streams, cx: &mut Context) -> Self {
        let salt = Salt::new(&plan.name, "edge");
        let (capacity, in_entries) = match plan.capacity {
            Capacity::Entries(entries) => (u64::from(entries.get()), true),
            Capacity::Bytes(bytes) => (bytes.get(), false),
        };
        let bounds = (0..plan.edges).map(|edge| Bounds {
            capacity,
            in_entries,
            seed: salt.uniform(u64::from(edge)),
        });
        let weight = |edge: u32| math::powf(f64::from(edge), -plan.spread);
        let spread = WeightedAliasIndex::new((1..=plan.edges).map(weight).collect());
        let program = &cx.program;
        let drawn = |law: Option<Demand>| -> Vec<SimDuration> {
            let own = |edge: u32| law.map(|law| program.draw(law, u64::from(edge)));
            (0..plan.edges)
                .map(|edge| own(edge).unwrap_or(SimDuration::ZERO))
                .collect()
        };
        let (client_rtt, origin_rtt) = (drawn(plan.client_rtt), drawn(plan.origin_rtt));
        Self {
            name: plan.name.clone(),
            own,
            caches: EdgeCaches::new(plan.lifetimes, plan.collapse, &plan.policy, bounds),
            held: Held::default(),
            lines: Vec::new(),
            in_entries,
            bypass: plan.bypass,
            unchanged: (plan.unchanged_below, Salt::new(&plan.name, "unchanged")),
            spread: spread.expect("the weights are positive and few"),
            salt,
            client_rtt,
            origin_rtt,
            flush_at: plan.flush_at.clone(),
            cost: plan.cost,
            waiting: cx.recorder.add_level(),
            counts: Counts::new(cx),
            refused: cx.recorder.add_counter(),
        }
    }

    /// The edge that a request comes to.
    fn edge_of(&self, id: RequestId, cx: &Context) -> u32 {
        if self.client_rtt.len() == 1 {
            return 0;
        }
        let request = cx.requests.get(id);
        let address = if request.flags.has(Flags::KNOWN) {
            u64::from(cx.requests.extra(id).address)
        } else {
            request.number
        };
        self.spread.sample(&mut self.salt.draw(address)) as u32
    }

    /// A request waits for this long, if for any time at all.
    fn travels(id: RequestId, span: SimDuration, cx: &mut Context) -> bool {
        if span == SimDuration::ZERO {
            return false;
        }
        cx.resume_after(span, id);
        true
    }

    /// A request comes that may be answered here.
    fn comes(&mut self, id: RequestId, what: Cacheable, cx: &mut Context) -> Step {
        let flags = cx.requests.get(id).flags;
        let edge = self.edge_of(id, cx);
        if self.bypass == Bypass::Authenticated && flags.has(Flags::AUTHENTICATED) {
            cx.recorder.count(self.counts.bypass);
            return self.passes(id, edge, cx);
        }
        let own = Own {
            wanted: Wanted {
                edge,
                key: cache::key(what.keys, id, cx),
                control: what.control,
            },
            keys: what.keys,
            phase: Phase::Comes,
            has_joined: false,
            is_unchanged: false,
            was_conditional: flags.has(Flags::CONDITIONAL),
        };
        let held = self.held.put(own);
        cx.requests.get_mut(id).frame.instance = held;
        if Self::travels(id, self.client_rtt[edge as usize], cx) {
            return Step::Blocked;
        }
        self.looks(id, cx)
    }

    /// A request only passes through: it pays for the way.
    fn passes(&self, id: RequestId, edge: u32, cx: &mut Context) -> Step {
        let way = self.client_rtt[edge as usize] + self.origin_rtt[edge as usize];
        if Self::travels(id, way, cx) {
            Step::Blocked
        } else {
            Step::Next
        }
    }

    /// What is held for a request that comes back to something it has begun here.
    fn own_of(&mut self, id: RequestId, cx: &Context) -> Option<&mut Own> {
        self.held.get(cx.requests.get(id).frame.instance)
    }

    /// A request looks in the cache of its edge.
    fn looks(&mut self, id: RequestId, cx: &mut Context) -> Step {
        let now = cx.now();
        let Some(mut own) = self.own_of(id, cx).copied() else {
            return Step::Next;
        };
        match self.caches.look(&own.wanted, !own.has_joined, now) {
            Look::Answered {
                made,
                is_stale,
                renews,
            } => {
                let counts = &self.counts;
                cx.recorder.count(match (is_stale, own.has_joined) {
                    (true, _) => counts.stale,
                    (false, true) => counts.coalesced,
                    (false, false) => counts.hits,
                });
                if renews {
                    self.renews(id, &own, cx);
                }
                self.gives(id, made, cx)
            }
            Look::Joins(flight) => {
                own.phase = Phase::Joined(flight);
                own.has_joined = true;
                self.holds(id, own, cx);
                let request = cx.requests.get_mut(id);
                request.flags.set(Flags::IN_LINE);
                request.since = now;
                cx.recorder.level(self.waiting).up(now, 1);
                self.line(flight).push(&mut cx.requests, id);
                Step::Blocked
            }
            Look::Goes { leads, has_expired } => {
                let how = if has_expired {
                    self.counts.expired
                } else {
                    self.counts.misses
                };
                cx.recorder.count(how);
                own.phase = Phase::Goes {
                    leads: leads.is_some(),
                };
                self.goes(id, own, has_expired, cx)
            }
        }
    }

    fn line(&mut self, flight: u32) -> &mut Line {
        let at = flight as usize;
        if at >= self.lines.len() {
            self.lines
                .resize_with((at + 1).next_power_of_two(), Line::default);
        }
        &mut self.lines[at]
    }

    fn holds(&mut self, id: RequestId, own: Own, cx: &Context) {
        if let Some(held) = self.own_of(id, cx) {
            *held = own;
        }
    }

    /// A request is answered with what was made then.
    fn gives(&mut self, id: RequestId, made: SimTime, cx: &mut Context) -> Step {
        cx.recorder.wait(self.counts.ages, made, cx.now());
        says_age(id, made, cx);
        let frame = &mut cx.requests.get_mut(id).frame;
        self.held.forget(frame.instance);
        frame.instance = 0;
        frame.set_answer(Outcome::Served);
        // Over the instruction that passes it on.
        Step::Jump(frame.pc + 2)
    }

    /// A request goes to what is behind.
    fn goes(&mut self, id: RequestId, mut own: Own, asks: bool, cx: &mut Context) -> Step {
        let (below, salt) = self.unchanged;
        own.is_unchanged = asks && salt.uniform(cx.requests.get(id).seed()) < below;
        begins_fetch(id, own.is_unchanged, cx);
        self.holds(id, own, cx);
        if Self::travels(id, self.origin_rtt[own.wanted.edge as usize], cx) {
            Step::Blocked
        } else {
            Step::Next
        }
    }

    /// A request of the network's own goes for what another was given past its time.
    fn renews(&mut self, id: RequestId, theirs: &Own, cx: &mut Context) {
        cx.recorder.count(self.counts.refreshes);
        self.caches.takes_off(&theirs.wanted);
        let own = Own {
            phase: Phase::Goes { leads: true },
            was_conditional: false,
            ..*theirs
        };
        let held = self.held.put(own);
        let request = cx.opens_beside(id, held);
        if self.goes(request, own, true, cx) == Step::Next {
            cx.wake(request, Wake::GoOn);
        }
    }

    /// What has come back for a request is told to its edge, and to those who wait for it. Gives how it is answered
    /// instead, if it is.
    fn settles(
        &mut self,
        id: RequestId,
        number: u32,
        outcome: Outcome,
        cx: &mut Context,
    ) -> Option<Outcome> {
        let own = self.held.take(number)?;
        let Phase::Goes { leads } = own.phase else {
            return None;
        };
        ends_fetch(id, own.was_conditional, cx);
        let came = Came::of(id, outcome, cx);
        let flight = if leads {
            self.caches.lands(&own.wanted)
        } else {
            None
        };
        let instead = self.comes_back(id, &own, came, cx);
        if let Some(flight) = flight {
            self.lets_go_on(flight, &own, (came, outcome), cx);
        }
        instead
    }

    /// A request is back from what is behind: what it got is kept, or something else is given out.
    fn comes_back(
        &mut self,
        id: RequestId,
        own: &Own,
        came: Came,
        cx: &mut Context,
    ) -> Option<Outcome> {
        let now = cx.now();
        let is_awaited = !cx.requests.get(id).flags.has(Flags::GONE);
        if let Came::Answer(200) = came {
            let made = made_at(id, cx);
            let own_key = own.wanted.key & ((1 << 48) - 1);
            let (in_entries, keys) = (self.in_entries, &cx.program.keys[own.keys.0 as usize]);
            let size_of = |key: u64| {
                if in_entries {
                    1
                } else {
                    keys.size(key & ((1 << 48) - 1))
                }
            };
            let found = if keys.is_missing(own_key) {
                Found::Nothing
            } else {
                Found::Something
            };
            let kept = self.caches.keeps(&own.wanted, (found, made), now, size_of);
            if kept == edge_cache::Kept::NoRoom {
                cx.recorder.count(self.refused);
            }
            if own.is_unchanged && is_awaited {
                cx.recorder.count(self.counts.revalidated);
            }
            return None;
        }
        if came == Came::Left {
            return None;
        }
        let made = self.caches.instead(&own.wanted, now)?;
        if is_awaited {
            cx.recorder.count(self.counts.rescued);
        }
        says_age(id, made, cx);
        Some(Outcome::Served)
    }

    /// Those who wait for a flight go on: they look again, or share its failure.
    fn lets_go_on(
        &mut self,
        flight: u32,
        own: &Own,
        (came, outcome): (Came, Outcome),
        cx: &mut Context,
    ) {
        let now = cx.now();
        let instead = self.caches.instead(&own.wanted, now);
        while let Some(next) = self.line(flight).pop(&mut cx.requests) {
            cx.recorder.level(self.waiting).down(now, 1);
            cx.requests.get_mut(next).flags.clear(Flags::IN_LINE);
            if let Some(held) = self.own_of(next, cx) {
                held.phase = match (came, instead) {
                    (Came::Answer(200) | Came::Left, _) => Phase::Comes,
                    _ => Phase::LetDown,
                };
            }
            match (came, instead) {
                (Came::Answer(200) | Came::Left, _) => cx.resume_after(SimDuration::ZERO, next),
                (_, Some(made)) => {
                    cx.recorder.count(self.counts.stale);
                    let held = cx.requests.get(next).frame.instance;
                    says_age(next, made, cx);
                    self.held.take(held);
                    cx.answers(next, Outcome::Served);
                }
                _ => {
                    cx.recorder.count(self.counts.coalesced);
                    cx.wake(next, Wake::Fail(outcome));
                }
            }
        }
    }
}

impl Component for State {
    fn start(&mut self, cx: &mut Context) {
        for at in &self.flush_at {
            cx.signal_after(*at, Class::Control, Event::Signal(self.own, FLUSH, 0));
        }
    }

    fn signal(&mut self, _: Signal, _: &mut Context) {
        self.caches.clear();
    }

    fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        match visit {
            Visit::Fetch(at) => self.comes(id, cx.program.cacheable[at as usize], cx),
            _ => {
                let edge = self.edge_of(id, cx);
                self.passes(id, edge, cx)
            }
        }
    }

    fn resume(&mut self, id: RequestId, _: Visit, cx: &mut Context) -> Step {
        match self.own_of(id, cx).map(|own| own.phase) {
            Some(Phase::Comes) => self.looks(id, cx),
            _ => Step::Next,
        }
    }

    fn withdraw(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let now = cx.now();
        match self.own_of(id, cx).map(|own| own.phase) {
            Some(Phase::LetDown) => return false,
            Some(Phase::Joined(flight)) => {
                cx.requests.get_mut(id).flags.clear(Flags::IN_LINE);
                cx.recorder.level(self.waiting).down(now, 1);
                self.line(flight).remove(&mut cx.requests, id);
            }
            _ => {
                let slot = cx.requests.get(id).slot();
                cx.scheduler.cancel(slot);
            }
        }
        true
    }

    fn let_go(&mut self, id: RequestId, frame: &Frame, outcome: Outcome, cx: &mut Context) {
        self.settles(id, frame.instance, outcome, cx);
        self.held.forget(frame.instance);
    }

    fn rescue(&mut self, id: RequestId, outcome: Outcome, cx: &mut Context) -> Option<Outcome> {
        let held = cx.requests.get(id).frame.instance;
        self.settles(id, held, outcome, cx)
    }

    /// What others wait for is got whether its client waits for it or not, and so is whatever is under way.
    fn client_left(&mut self, _: RequestId, frame: &Frame, _: &mut Context) -> (ClientLeft, u32) {
        let own = self.held.get(frame.instance);
        let left = match own {
            Some(own) if matches!(own.phase, Phase::Goes { .. }) => ClientLeft::Kept,
            _ => ClientLeft::PassedOn,
        };
        (left, frame.instance)
    }

    fn gauges(&self) -> Vec<Gauge> {
        let mut all = self.counts.gauges(&self.name);
        all.push(Gauge::new(
            &self.name,
            "refused",
            Kept::Counter(self.refused),
        ));
        all.push(Gauge::new(&self.name, "waiting", Kept::Level(self.waiting)));
        all
    }

    fn bills(&self) -> Vec<Bill> {
        vec![Bill::always(&self.name, self.cost)]
    }

    fn audit(&self, own: NodeId, seen: &Tally, _: &Context) {
        self.held.audit(&self.name, own, seen);
    }
}
