//! A balancer whose servers differ, fail, or are tried one after the other: its views of them, and what
//! became of the requests that were tried more than once.

mod answers;
mod leaving;
mod retries;
mod same;
mod total;
mod watch;

use std::collections::BTreeMap;

use super::UpstreamPlan;
use super::line::Line;
use super::nobody::Census;
use super::sticky::{Assigned, Sticky};
use crate::component::handshake::ASKS_AGAIN;
use crate::component::request::{Flags, Frame, RequestId, Requests};
use crate::component::{Context, NodeId};
use crate::engine::LaneId;
use crate::metrics::Outcome;
use crate::policy::upstream::{
    Address, Ask, Asked, CircuitBreakers, Ending, Group, Next, Server, Trial,
};
use crate::rng::{Salt, Streams};
use crate::units::SimDuration;

use leaving::Leaving;
use total::Totals;
pub(in crate::component) use watch::CheckId;
pub use watch::ChecksPlan;
use watch::Watch;

/// A service behind the balancer.
#[derive(Debug, Clone)]
pub struct Backend {
    /// The service.
    pub service: NodeId,
    /// The place of its first instance among the peers.
    pub first: u32,
    /// Places for its instances.
    pub n_instances: u32,
    /// Where its operations start, by where those of the first service do.
    pub starts: Vec<(u16, u16)>,
}

/// Where a request is sent.
#[derive(Debug, Clone, Copy)]
pub(in crate::component) struct Target {
    pub(in crate::component) service: NodeId,
    pub(in crate::component) instance: u32,
    /// The number of that instance among all peers.
    pub(in crate::component) peer: u32,
    pub(in crate::component) pc: u16,
}

/// Why a request is sent nowhere.
#[derive(Debug, Clone, Copy)]
pub(in crate::component) enum Nowhere {
    /// It fails.
    Fails(Outcome),
    /// It waits in line.
    Waits,
    /// No server is available.
    Nobody,
}

/// How a request goes on that is tried again.
#[derive(Debug, Clone, Copy)]
pub(in crate::component) struct Again {
    /// Its frame.
    pub(in crate::component) frame: Frame,
    /// After how long it asks the same server; it is sent to another, unless given.
    pub(in crate::component) pause: Option<SimDuration>,
}

/// What is known of a request that was tried before.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) trial: Trial,
    /// Tells the request from later ones with its place in the arena.
    pub(super) generation: u32,
    /// Which of the independent balancers has it.
    pub(super) view: u32,
    /// Where its operation starts, in terms of the first service.
    start: u16,
    /// What its frame was called before it was tried again, and how often it was.
    visit: u32,
    again: u32,
}

/// The balancer's views, and requests that were tried more than once.
#[derive(Debug)]
pub(in crate::component) struct Upstream {
    backends: Vec<Backend>,
    servers: Vec<Server>,
    pub(super) groups: Vec<Group>,
    /// By request and frame.
    pub(super) kept: BTreeMap<(u32, u32), Kept>,
    /// For requests that were tried nowhere yet, and kept ones to be used again.
    pub(super) fresh: Trial,
    pub(super) spare: Vec<Kept>,
    /// Who waits for a server with room, where requests do.
    pub(in crate::component) line: Option<Line>,
    /// Whether it goes on with requests whose client has left.
    pub(in crate::component) ignores_client_abort: bool,
    /// Whether servers come back without anybody saying so.
    pub(super) may_return: bool,
    /// Its places for draws: of a server, of a view.
    salt: Salt,
    view_salt: Salt,
    /// By flow: whether requests must not be done twice.
    not_idempotent: Vec<bool>,
    /// By flow: where its requests start, if they come here at once.
    own_starts: Vec<u16>,
    sticky: Option<Sticky>,
    /// The peers that clients were sent to.
    assigned: Assigned,
    /// Timers of the requests whose answers are waited for, and how long that is.
    pub(in crate::component) read_timeout: Option<(LaneId, SimDuration)>,
    /// How long a connection may take to come about.
    pub(in crate::component) connect_timeout: Option<SimDuration>,
    in_flight_per_server: Option<u32>,
    wait_for_server: Option<SimDuration>,
    /// Whoever watches the servers, if anybody does.
    watch: Option<Box<Watch>>,
    own: NodeId,
    /// Its place for draws of waits before retries.
    wait_salt: Salt,
    /// What it has under way at most.
    breakers: Option<CircuitBreakers>,
    /// How long requests have been here, where that is limited.
    totals: Option<Totals>,
    /// How long servers that are taken out may finish what they have.
    leaving: Option<Leaving>,
}

/// How long a request that finds no server waits before it looks again.
const LOOK_AGAIN: SimDuration = SimDuration::from_nanos(1_000_000_000);

impl Upstream {
    pub(super) fn new(
        plan: &UpstreamPlan,
        (own, name, sticky): (NodeId, &str, Option<Sticky>),
        streams: Streams,
        cx: &mut Context,
    ) -> Self {
        let mut group = Group::new(&plan.servers, &plan.method, plan.next)
            .with_quarantine(plan.quarantine)
            .with_full_conns(plan.full_conns);
        let size = (plan.views, plan.servers.len() as u32);
        let watch = plan.health.as_ref().map(|_| {
            let watched = (own, name);
            Box::new(Watch::new(watched, plan.checks.as_ref(), size, streams, cx))
        });
        if let Some(rules) = &plan.health {
            group = group.with_health(rules);
        }
        if let Some(breakers) = &plan.breakers {
            group = group.with_most_active(breakers.most_under_way());
        }
        let groups = (0..plan.views).map(|view| match &plan.line {
            Some(line) => group.clone().with_lines(view, line.rules),
            None => group.clone(),
        });
        let served = (&plan.servers[..], plan.views);
        Self {
            backends: plan.backends.clone(),
            groups: groups.collect(),
            ignores_client_abort: plan.ignore_client_abort,
            line: plan.line.as_ref().map(|line| Line::new(line, served, cx)),
            may_return: plan.quarantine.is_some()
                || plan.servers.iter().any(|server| server.max_fails > 0),
            servers: plan.servers.clone(),
            kept: BTreeMap::new(),
            fresh: Trial::default(),
            spare: Vec::new(),
            salt: Salt::new(name, "pick"),
            view_salt: Salt::new(name, "balancer"),
            not_idempotent: plan.not_idempotent.clone(),
            own_starts: plan.own_starts.clone(),
            sticky,
            assigned: Assigned::default(),
            read_timeout: plan
                .read_timeout
                .map(|length| (cx.scheduler.add_lane(length), length)),
            connect_timeout: plan.connect_timeout,
            in_flight_per_server: plan.in_flight_per_server,
            wait_for_server: plan.wait_for_server,
            watch,
            own,
            wait_salt: Salt::new(name, "wait before a retry"),
            breakers: plan.breakers.clone(),
            totals: plan.total_timeout.map(|length| Totals::new(length, cx)),
            leaving: plan
                .deregistration_delay
                .map(|delay| Leaving::new(delay, size.1)),
        }
    }

    /// The place of the first instance of a service among the peers; nothing if it is not behind the balancer.
    fn first_of(&self, service: NodeId) -> Option<u32> {
        let own = self.backends.iter().find(|own| own.service == service);
        own.map(|own| own.first)
    }

    /// Which of the independent balancers has a request: that of its client's connection where clients are
    /// known.
    pub(super) fn view_of(&self, id: RequestId, frame: &Frame, requests: &Requests) -> u32 {
        let n = self.groups.len() as u32;
        if n == 1 {
            return 0;
        }
        let request = requests.get(id);
        let of = if request.flags.has(Flags::KNOWN) {
            u64::from(requests.extra(id).client)
        } else {
            request.seed_of(frame)
        };
        self.view_salt.index(of, n)
    }

    /// The first octets of the address of a request's client: of its number where clients are known, of a
    /// client of its own otherwise.
    fn address_of(&self, id: RequestId, requests: &Requests) -> Address {
        let request = requests.get(id);
        let of = if request.flags.has(Flags::KNOWN) {
            u64::from(requests.extra(id).address)
        } else {
            request.number
        };
        let [a, b, c, ..] = self.view_salt.uniform(!of).to_le_bytes();
        Address::V4([a, b, c])
    }

    pub(super) fn key(id: RequestId, frame: &Frame) -> (u32, u32) {
        (id.index(), frame.visit)
    }

    /// Picks where a request goes, or says what becomes of it.
    pub(in crate::component) fn pick(
        &mut self,
        id: RequestId,
        cx: &mut Context,
    ) -> Result<Target, Nowhere> {
        let (requests, now) = (&cx.requests, cx.now());
        let request = requests.get(id);
        if request.flags.has(Flags::CALLED) {
            return Ok(self.has_turn(id, cx));
        }
        let known = self.kept_of(id, &request.frame, requests);
        let view = known.map(|kept| kept.view);
        let view = view.unwrap_or_else(|| self.view_of(id, &request.frame, requests));
        if self.has_its_fill(view) {
            let frame = request.frame;
            self.forgets(id, &frame, cx);
            return Err(Nowhere::Fails(Outcome::Shed));
        }
        let key = Self::key(id, &request.frame);
        let address = self.address_of(id, requests);
        let draw = self.salt.draw(request.seed());
        let kept = self.kept.get_mut(&key);
        let kept = kept.filter(|kept| kept.generation == request.generation);
        let (peer, start, bound) = if let Some(kept) = kept {
            let trial = &mut kept.trial;
            if kept.again == 0 {
                // It has looked in vain, when there may have been fewer servers to try, or none.
                let began = trial.began();
                self.groups[view as usize].begins(trial, began);
            }
            let mut ask = Ask {
                now,
                address,
                trial,
                draw,
            };
            let peer = self.groups[view as usize].pick(&mut ask);
            (peer, kept.start, kept.trial.bound())
        } else {
            let start = request.frame.pc;
            let (peer, bound) = self.picks_first((id, view), (address, draw), cx)?;
            self.time_begins(id, cx);
            (peer, start, bound)
        };
        let Some(peer) = peer else {
            let waits = self.waits_in_line(id, (view, bound), cx);
            return Err(waits.unwrap_or(Nowhere::Nobody));
        };
        self.remembers(id, peer, &cx.requests);
        if let Some(line) = &self.line {
            line.is_passed(cx);
        }
        Ok(self.target(peer, start))
    }

    /// Where a request goes that is bound for a server, to begin with an operation of the first service.
    fn target(&self, peer: u32, start: u16) -> Target {
        let backend = self.backend_of(peer);
        let own = backend.starts.iter().find(|(first, _)| *first == start);
        Target {
            service: backend.service,
            instance: peer - backend.first,
            peer,
            pc: own.map_or(start, |(_, own)| *own),
        }
    }

    /// The turn of a request has come that stood in line: it goes to the server whose place it has got.
    #[cold]
    fn has_turn(&mut self, id: RequestId, cx: &mut Context) -> Target {
        let request = cx.requests.get_mut(id);
        request.flags.clear(Flags::CALLED);
        let frame = request.frame;
        let kept = self.kept_of(id, &frame, &cx.requests);
        let start = kept.map_or(frame.pc, |kept| kept.start);
        self.remembers(id, frame.instance, &cx.requests);
        self.target(frame.instance, start)
    }

    /// The service that a peer is an instance of.
    pub(super) fn backend_of(&self, peer: u32) -> &Backend {
        let mut backends = self.backends.iter();
        backends
            .rfind(|own| own.first <= peer)
            .expect("the first service begins at the first peer")
    }

    /// No server is available, and this is how their instances are: a request looks again after a while, for as
    /// long as it may, or fails.
    #[cold]
    pub(in crate::component) fn finds_nobody(
        &mut self,
        id: RequestId,
        census: Census,
        cx: &mut Context,
    ) -> Result<SimDuration, Outcome> {
        let frame = cx.requests.get(id).frame;
        let Some(patience) = self.wait_for_server.filter(|_| census.may_come()) else {
            self.forgets(id, &frame, cx);
            return Err(census.outcome());
        };
        let kept = self.takes_kept(id, &frame, &cx.requests);
        let kept = kept.unwrap_or_else(|| self.keeps(id, &frame, frame.pc, cx));
        let left = (kept.trial.began() + patience).since(cx.now());
        self.kept.insert(Self::key(id, &frame), kept);
        if left == SimDuration::ZERO || cx.requests.get(id).flags.is_abandoned() {
            self.forgets(id, &frame, cx);
            return Err(census.outcome());
        }
        Ok(left.min(LOOK_AGAIN))
    }

    /// What is to be known of a request from now on, whose operation starts at `start`.
    fn keeps(&mut self, id: RequestId, frame: &Frame, start: u16, cx: &Context) -> Kept {
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.view = self.view_of(id, frame, &cx.requests);
        kept.generation = cx.requests.get(id).generation;
        (kept.start, kept.visit, kept.again) = (start, frame.visit, 0);
        self.groups[kept.view as usize].begins(&mut kept.trial, cx.now());
        kept
    }

    /// A client is sent to the same server again.
    fn remembers(&mut self, id: RequestId, peer: u32, requests: &Requests) {
        if self.sticky == Some(Sticky::Client) && requests.get(id).flags.has(Flags::KNOWN) {
            self.assigned.is_sent(requests.extra(id).client, peer);
        }
    }

    fn peer_of(&self, frame: &Frame) -> u32 {
        let first = self.first_of(frame.node);
        first.expect("requests come back from where they were sent") + frame.instance
    }

    /// A request was answered well.
    pub(in crate::component) fn is_served(
        &mut self,
        id: RequestId,
        frame: &Frame,
        cx: &mut Context,
    ) {
        self.unsets_timer(id, frame, cx);
        let view = self.is_dropped(id, frame, cx);
        self.hears_end(view, self.peer_of(frame), Ending::Answered(200), cx);
    }

    /// A request is not waited for any more.
    pub(in crate::component) fn is_left(&mut self, id: RequestId, frame: &Frame, cx: &mut Context) {
        self.unsets_timer(id, frame, cx);
        self.is_dropped(id, frame, cx);
    }

    /// A request that its server has not taken is not waited for any more. Gives the balancer that had it.
    pub(in crate::component) fn is_dropped(
        &mut self,
        id: RequestId,
        frame: &Frame,
        cx: &mut Context,
    ) -> u32 {
        let peer = self.peer_of(frame);
        let view = self.forgets(id, frame, cx);
        self.groups[view as usize].is_served(peer);
        self.has_room(view, peer, cx);
        view
    }

    /// A request is under way at a server no more.
    #[inline]
    fn has_room(&mut self, view: u32, peer: u32, cx: &mut Context) {
        if let Some(line) = &self.line {
            let is_there = self.groups[view as usize].is_member(peer);
            line.comes_back(is_there, cx);
            self.moves_up(view, peer, cx);
            if self.breakers.is_some() && self.groups[view as usize].has_waiting() {
                // A connection is anybody's, also that to a server which is not up any more.
                for other in 0..self.servers.len() as u32 {
                    self.moves_up(view, other, cx);
                }
            }
        }
    }

    /// What is known of a request that was tried before.
    pub(super) fn kept_of(
        &self,
        id: RequestId,
        frame: &Frame,
        requests: &Requests,
    ) -> Option<&Kept> {
        let kept = self.kept.get(&Self::key(id, frame))?;
        (kept.generation == requests.get(id).generation).then_some(kept)
    }

    /// A request is none of the balancer's business any more. Gives the independent balancer that had it.
    pub(in crate::component) fn forgets(
        &mut self,
        id: RequestId,
        frame: &Frame,
        cx: &mut Context,
    ) -> u32 {
        self.time_ends(id, frame.visit, cx);
        let Some(kept) = self.takes_kept(id, frame, &cx.requests) else {
            return self.view_of(id, frame, &cx.requests);
        };
        let view = kept.view;
        self.spare.push(kept);
        view
    }

    fn takes_kept(&mut self, id: RequestId, frame: &Frame, requests: &Requests) -> Option<Kept> {
        if self.kept.is_empty() {
            return None;
        }
        let kept = self.kept.remove(&Self::key(id, frame))?;
        (kept.generation == requests.get(id).generation).then_some(kept)
    }

    /// A request's attempt at a server has ended; `was_taken` says that the server had taken it in. Gives its
    /// frame for the next if there is to be one.
    pub(in crate::component) fn ends(
        &mut self,
        id: RequestId,
        frame: &Frame,
        (ending, was_taken): (Ending, bool),
        cx: &mut Context,
    ) -> Option<Again> {
        let (now, peer) = (cx.now(), self.peer_of(frame));
        let flow = cx.requests.get(id).flow as usize;
        let kept = self.takes_kept(id, frame, &cx.requests);
        let mut kept = kept.unwrap_or_else(|| {
            let start = self.start_of(id, frame, cx);
            let mut kept = self.keeps(id, frame, start, cx);
            // What was not known until now began when it came here, or else to its first server.
            let began = self.came(id, frame, &cx.requests);
            let group = &self.groups[kept.view as usize];
            group.begins(&mut kept.trial, began.unwrap_or(frame.entered));
            kept
        });
        let asked = Asked {
            is_idempotent: !self.not_idempotent.get(flow).is_some_and(|not| *not),
            is_bound: self.sticky.is_some() && cx.requests.get(id).flags.has(Flags::KNOWN),
        };
        let books = (&mut kept.trial, now);
        let next = self.groups[kept.view as usize].ends(peer, (ending, asked), books);
        self.hears_end(kept.view, peer, ending, cx);
        let next = match next {
            Next::Elsewhere if !self.admits_retry(kept.view, &cx.requests) => Next::Nowhere,
            next => next,
        };
        if was_taken {
            self.unsets_timer(id, frame, cx);
        }
        let pause = match next {
            Next::Same(pause) => Some(pause),
            Next::Nowhere | Next::Elsewhere => {
                self.has_room(kept.view, peer, cx);
                None
            }
        };
        if next == Next::Nowhere {
            self.spare.push(kept);
            self.time_ends(id, frame.visit, cx);
            return None;
        }
        kept.again += 1;
        let is_same = pause.is_some();
        let next = Frame {
            pc: if is_same {
                self.target(peer, kept.start).pc
            } else {
                kept.start
            },
            node: NodeId::NONE,
            worker: if is_same { ASKS_AGAIN } else { 0 },
            instance: if is_same { peer } else { frame.instance },
            // The next try asks for work of its own, and has luck of its own.
            visit: kept.visit ^ kept.again.wrapping_mul(0x85EB_CA6B),
            ..*frame
        };
        self.kept.insert(Self::key(id, &next), kept);
        self.time_goes_on((id, frame.visit), (id, next.visit), cx);
        Some(Again { frame: next, pause })
    }

    /// A request that is to be tried again goes on under another number.
    pub(in crate::component) fn is_split(
        &mut self,
        (old, new): (RequestId, RequestId),
        next: &Frame,
        cx: &mut Context,
    ) {
        self.time_goes_on((old, next.visit), (new, next.visit), cx);
        if let Some(mut kept) = self.kept.remove(&Self::key(old, next)) {
            kept.generation = cx.requests.get(new).generation;
            self.kept.insert(Self::key(new, next), kept);
        }
    }

    /// Requests under way at an instance of a service, as all of its views see it.
    pub(super) fn active(&self, service: NodeId, instance: u32) -> u64 {
        let Some(first) = self.first_of(service) else {
            return 0;
        };
        let own = self.groups.iter();
        own.map(|group| u64::from(group.active(first + instance)))
            .sum()
    }

    pub(in crate::component) fn backends(&self) -> &[Backend] {
        &self.backends
    }
}
