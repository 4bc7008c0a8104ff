//! The system: components, sources and requests in flight; the model that the engine runs.

use std::collections::VecDeque;

use super::arena::Arena;
use super::bill::{Bill, Egress};
use super::context::Context;
use super::errand::{By, Errand};
use super::jobs::Job;
use super::lanes::{LaneUse, service_lanes};
use super::pool::{self, Pool, PoolId};
use super::program::{Demand, Op, Program};
use super::request::{Flags, Request, RequestId, Requests};
use super::timeline::{Entry, chances};
use super::user::User;
use super::{
    Component as _, Event, Gauge, Node, NodeId, Plan, Signal, Tally, caller, database, queue,
    service, source,
};
use crate::engine::{self, Class, Ended, LaneId, Model, Occurrence, Scheduler, Timer, Watch};
use crate::metrics::{Outcome, Recorder, Shape, Windows};
use crate::rng::{Stream, Streams};
use crate::units::{CostPerSize, SimDuration, SimTime};

/// Which source and class a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Position of the source.
    pub source: u16,
    /// Position of the class.
    pub class: u16,
}

/// A system with every name resolved: what a replication is built from.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// How the run is cut into windows; their end is the horizon.
    pub windows: Windows,
    /// How long after the horizon requests in flight may still be finished.
    pub drain: SimDuration,
    /// With more requests in flight than this the run stops: the system is hopelessly overloaded.
    pub max_in_flight: usize,
    /// How many lines the log of a replication has at most.
    pub log: usize,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Sources and classes that go together.
    pub flows: Vec<Flow>,
    /// By position in `flows`: how large answers are, in nanoseconds that stand for bytes.
    pub responses: Vec<Option<Demand>>,
    /// The sources.
    pub sources: Vec<source::Plan>,
    /// Rules by which clients and services persist.
    pub callers: Vec<caller::Plan>,
    /// The components.
    pub nodes: Vec<Plan>,
    /// Components whose answers to clients cost something on their way out: name and price.
    pub transfer: Vec<(NodeId, String, CostPerSize)>,
    /// What requests execute.
    pub program: Program,
    /// What is done to components, or happens to them, and when.
    pub timeline: Vec<Entry>,
}

impl Blueprint {
    fn recorder(&self) -> Recorder {
        let n_classes = self.classes.len();
        Recorder::new(Shape::new(self.windows, n_classes, self.log))
    }

    fn has(&self) -> Has {
        let is_upstream = |plan: &Plan| matches!(plan, Plan::Balancer(own) if own.has_upstream());
        let mut ops = self.program.ops.iter();
        Has {
            gateways: ops.any(|op| matches!(op, Op::Pass { .. })),
            upstreams: self.nodes.iter().any(is_upstream),
            closures: self.timeline.iter().any(Entry::closes),
        }
    }
}

/// What there is of kinds that must be looked for where they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Has {
    pub(super) gateways: bool,
    /// Balancers with groups of servers.
    pub(super) upstreams: bool,
    /// Times at which somebody is not to be reached.
    pub(super) closures: bool,
}

/// A system at work: one replication.
#[derive(Debug)]
pub struct System {
    pub(super) cx: Context,
    pub(super) nodes: Vec<Node>,
    pub(super) sources: Vec<source::State>,
    pub(super) callers: Vec<caller::State>,
    pub(super) errands: Arena<Errand>,
    pub(super) users: Arena<User>,
    pub(super) jobs: Arena<Job>,
    /// Users whose requests have ended, to hear of it as soon as the present handler is through.
    pub(super) answered: VecDeque<(u32, Outcome)>,
    /// Tells timers of errands and users from earlier ones.
    pub(super) epoch: u32,
    pub(super) flows: Vec<Flow>,
    pub(super) responses: Vec<Option<Demand>>,
    pub(super) horizon: SimTime,
    pub(super) max_in_flight: usize,
    drain: SimDuration,
    /// By lane.
    lanes: Vec<LaneUse>,
    pub(super) egress: Egress,
    pub(super) overflow: Option<SimTime>,
    pub(super) has: Has,
    pub(super) timeline: Vec<Entry>,
    /// By entry of the timeline: where its chances come from.
    pub(super) chances: Vec<Stream>,
    begun: bool,
    pub(super) over: bool,
}

/// The service with this id.
///
/// # Panics
/// If it is something else: the blueprint was not checked.
#[inline]
pub(super) fn service(nodes: &mut [Node], id: NodeId) -> &mut service::State {
    match &mut nodes[id.index()] {
        Node::Service(service) => service,
        other => unreachable!("a service is meant, not {other:?}"),
    }
}

/// The database with this id.
///
/// # Panics
/// If it is something else: the blueprint was not checked.
#[inline]
pub(super) fn database(nodes: &mut [Node], id: NodeId) -> &mut database::State {
    match &mut nodes[id.index()] {
        Node::Database(database) => database,
        other => unreachable!("a database is meant, not {other:?}"),
    }
}

/// The queue with this id.
///
/// # Panics
/// If it is something else: the blueprint was not checked.
#[inline]
pub(super) fn queue(nodes: &mut [Node], id: NodeId) -> &mut queue::State {
    match &mut nodes[id.index()] {
        Node::Queue(queue) => queue,
        other => unreachable!("a queue is meant, not {other:?}"),
    }
}

/// The pool with this id.
///
/// # Panics
/// If there is none: the blueprint was not checked.
#[inline]
pub(super) fn pool(nodes: &mut [Node], id: PoolId) -> &mut Pool {
    let pools = match &mut nodes[id.owner.index()] {
        Node::Service(service) => &mut service.pools,
        Node::Pooler(pooler) => &mut pooler.pools,
        other => unreachable!("a component with pools is meant, not {other:?}"),
    };
    &mut pools[id.number as usize]
}

/// Builds the components, and tells autoscalers where the queues are that they go by.
fn build_nodes(blueprint: &Blueprint, streams: Streams, cx: &mut Context) -> Vec<Node> {
    let nodes = blueprint.nodes.iter().enumerate();
    let mut nodes: Vec<_> = nodes
        .map(|(at, plan)| plan.build(NodeId::new(at), streams, cx))
        .collect();
    let depth = |node: &Node| match node {
        Node::Queue(queue) => Some(queue.depth),
        _ => None,
    };
    let depths: Vec<_> = nodes.iter().map(depth).collect();
    for node in &mut nodes {
        if let Node::Service(service) = node {
            service.finds_backlogs(&depths);
        }
    }
    nodes
}

impl System {
    /// Builds one replication.
    pub fn new(blueprint: &Blueprint, streams: Streams) -> Self {
        let mut cx = Context {
            scheduler: Scheduler::new(0, Event::Nothing),
            requests: Requests::new(4096),
            recorder: blueprint.recorder(),
            program: blueprint.program.clone(),
            connections: super::connections::Connections::default(),
            woken: VecDeque::with_capacity(256),
            notices: VecDeque::with_capacity(64),
        };
        let nodes = build_nodes(blueprint, streams, &mut cx);
        let mut lanes = service_lanes(&nodes);
        let callers = blueprint.callers.iter().map(|plan| {
            let state = caller::State::new(plan, &mut cx);
            lanes.extend(state.timeout_lane().map(|lane| (lane, LaneUse::Attempt)));
            lanes.extend(state.deadline_lane().map(|lane| (lane, LaneUse::Deadline)));
            let retry = state.retry_lane().map(|(lane, _)| lane);
            let timers = [retry, state.hedge_lane()].into_iter().flatten();
            lanes.extend(timers.map(|lane| (lane, LaneUse::Errand)));
            state
        });
        let callers: Vec<_> = callers.collect();
        let horizon = blueprint.windows.horizon;
        let sources = blueprint.sources.iter().map(|plan| {
            let lane = plan.timeout.map(|timeout| cx.scheduler.add_lane(timeout));
            lanes.extend(lane.map(|lane| (lane, LaneUse::Client)));
            let pauses = source::pause_lanes(plan, &mut cx);
            let own = pauses.iter().flatten();
            lanes.extend(own.map(|(lane, _)| (*lane, LaneUse::Pause)));
            source::State::new(plan, streams, (lane, pauses), horizon, &mut cx)
        });
        let sources: Vec<_> = sources.collect();
        lanes.sort_by_key(|(lane, _)| *lane);
        // The steps of a flow share theirs.
        lanes.dedup_by_key(|(lane, _)| *lane);
        Self {
            cx,
            nodes,
            sources,
            callers,
            errands: if blueprint.callers.is_empty() {
                Arena::default()
            } else {
                Arena::with_capacity(1024)
            },
            users: Arena::default(),
            jobs: Arena::default(),
            answered: VecDeque::with_capacity(64),
            epoch: 0,
            flows: blueprint.flows.clone(),
            responses: blueprint.responses.clone(),
            horizon,
            max_in_flight: blueprint.max_in_flight,
            drain: blueprint.drain,
            lanes: lanes.into_iter().map(|(_, used)| used).collect(),
            egress: Egress::new(&blueprint.transfer, &blueprint.sources),
            overflow: None,
            has: blueprint.has(),
            timeline: blueprint.timeline.clone(),
            chances: chances(&blueprint.timeline, streams),
            begun: false,
            over: false,
        }
    }

    /// Runs the replication to its end, or until the watch is interrupted.
    ///
    /// # Panics
    /// If requests or resources were lost or held twice on the way: a defect of capsim.
    pub fn run(&mut self, watch: &Watch) -> Ended {
        let ended = self.run_until(self.horizon + self.drain, watch);
        if ended != Ended::Interrupted {
            self.audit();
        }
        ended
    }

    /// Runs the replication up to and including `until`; it can go on from there.
    pub fn run_until(&mut self, until: SimTime, watch: &Watch) -> Ended {
        if !self.begun {
            self.begun = true;
            self.begins();
        }
        engine::run(self, until, watch)
    }

    /// Time zero: instances are there, every source knows its first arrival.
    fn begins(&mut self) {
        for node in &mut self.nodes {
            node.start(&mut self.cx);
        }
        self.settles();
        for at in 0..self.sources.len() {
            self.users_begin(at as u16);
            let id = self.cx.scheduler.add_arrivals();
            self.cx
                .scheduler
                .set_arrival(id, self.sources[at].next_arrival());
        }
        for number in 0..self.timeline.len() {
            self.schedules_entry(number);
        }
        self.schedules_window(0);
    }

    fn schedules_window(&mut self, window: usize) {
        let end = self.cx.recorder.windows().start(window + 1);
        self.cx.scheduler.at(end, Class::Sample, Event::CloseWindow);
    }

    fn closes_window(&mut self) {
        let now = self.cx.now();
        for node in &mut self.nodes {
            node.window_ends(&mut self.cx);
        }
        self.cx.recorder.close_window(now);
        let closed = self.cx.recorder.n_closed();
        if closed < self.cx.recorder.windows().count {
            self.schedules_window(closed);
        } else {
            self.note_if_over();
        }
    }

    /// Once the last window is closed the run is over as soon as nothing is in flight.
    #[inline(always)]
    pub(super) fn note_if_over(&mut self) {
        if self.cx.requests.n_live() == 0
            && self.cx.now() >= self.horizon
            && self.cx.recorder.n_closed() == self.cx.recorder.windows().count
            && self.errands.is_empty()
        {
            self.over = true;
        }
    }

    /// Too many requests are in flight: the run stops here.
    #[cold]
    pub(super) fn overflows(&mut self) {
        self.overflow = Some(self.cx.now());
        self.over = true;
    }

    /// Goes on with everything that the last handler has set going.
    #[inline]
    fn settles(&mut self) {
        if !self.cx.woken.is_empty() || !self.cx.notices.is_empty() || !self.answered.is_empty() {
            self.settles_all();
        }
    }

    fn settles_all(&mut self) {
        loop {
            if let Some(notice) = self.cx.notices.pop_front() {
                self.hears(notice);
            } else if let Some((id, how)) = self.cx.woken.pop_front() {
                self.is_woken(id, how);
            } else if let Some((user, outcome)) = self.answered.pop_front() {
                self.user_hears(user, outcome);
            } else {
                return;
            }
        }
    }

    /// The lane of the timeout of a request's client.
    #[inline(always)]
    pub(super) fn lane_of(&self, id: RequestId) -> Option<LaneId> {
        let flow = self.flows[self.cx.requests.get(id).flow as usize];
        self.sources[flow.source as usize].lane
    }

    /// Holds every component's books against the requests in flight, and the requests that arrived against
    /// those that ended.
    fn audit(&self) {
        let (requests, recorder) = (&self.cx.requests, &self.cx.recorder);
        let is_awaited = |r: &Request| !r.flags.has(Flags::GONE | Flags::ATTEMPT);
        let plain = requests.all().filter(|(_, r)| is_awaited(r)).count();
        let by_clients =
            |(_, errand): &(u32, &Errand)| matches!(errand.by, By::Source | By::User(_));
        let waiting = (plain + self.errands.iter().filter(by_clients).count()) as u64;
        assert_eq!(
            recorder.n_arrived(),
            recorder.n_ended() + waiting,
            "every request that arrived has ended once or is in flight"
        );
        let tally = Tally::new(requests, &self.cx.program, &self.nodes);
        for (at, node) in self.nodes.iter().enumerate() {
            node.audit(NodeId::new(at), &tally, &self.cx);
        }
        for (at, caller) in self.callers.iter().enumerate() {
            let own = self.errands.iter().map(|(_, errand)| errand);
            caller.audit(own.filter(|e| e.caller as usize == at), &self.cx);
        }
        self.audit_users();
        self.audit_lanes();
    }

    /// Holds the timers that lanes count as live against those that somebody still waits for.
    fn audit_lanes(&self) {
        let requests = &self.cx.requests;
        for (at, used) in self.lanes.iter().enumerate() {
            let is_live = |timer: Timer| match used {
                LaneUse::Client | LaneUse::Attempt => requests.is_awaited(timer),
                LaneUse::Deadline => self.errands.is_current(timer),
                LaneUse::Errand => self.is_errands_timer(timer),
                LaneUse::Pause => self.is_users_timer(timer),
                LaneUse::Queue(_) => service::is_waiting(requests, timer),
                LaneUse::Message(node) => match &self.nodes[node.index()] {
                    Node::Queue(queue) => queue.is_current(timer),
                    _ => false,
                },
                LaneUse::Backend(node) => requests.waiting_via(*node, timer).is_some(),
                LaneUse::Line(node) => match &self.nodes[node.index()] {
                    Node::Balancer(front) => front.is_awaited(timer),
                    _ => false,
                },
                LaneUse::Total(node) => match &self.nodes[node.index()] {
                    Node::Balancer(front) => front.is_running(timer),
                    _ => false,
                },
                LaneUse::Pool(..) => pool::is_in_line(requests, timer),
            };
            let (counted, live) = self.cx.scheduler.lane_books(at, is_live);
            // A stale timer may look like a live one where its number is an instant.
            let by_instant = matches!(
                used,
                LaneUse::Queue(_) | LaneUse::Pool(..) | LaneUse::Backend(_)
            );
            assert!(
                counted == live || (by_instant && counted < live),
                "timers of {used:?}: {counted} are counted, {live} are live"
            );
        }
    }

    /// What was recorded.
    pub fn recorder(&self) -> &Recorder {
        &self.cx.recorder
    }

    /// Other figures over time, of components, callers and sources, in a fixed order.
    pub fn gauges(&self) -> Vec<Gauge> {
        let nodes = self.nodes.iter().flat_map(|node| node.gauges());
        let callers = self.callers.iter().flat_map(caller::State::gauges);
        let sources = self.sources.iter().flat_map(source::State::gauges);
        nodes.chain(callers).chain(sources).collect()
    }

    /// What is paid for, in a fixed order.
    pub fn bills(&self) -> Vec<Bill> {
        let nodes = self.nodes.iter().flat_map(|node| node.bills());
        nodes.chain(self.egress.bills()).collect()
    }

    /// Those who have errands, in the order of the blueprint.
    pub fn callers(&self) -> &[caller::State] {
        &self.callers
    }

    /// The sources, in the order of the blueprint.
    pub fn sources(&self) -> &[source::State] {
        &self.sources
    }

    /// The components, in the order of the blueprint.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// When the run stopped because too many requests were in flight, if it did.
    pub fn overflow(&self) -> Option<SimTime> {
        self.overflow
    }

    /// Requests in flight whose client still waits.
    pub fn n_in_flight(&self) -> u64 {
        self.cx.recorder.n_arrived() - self.cx.recorder.n_ended()
    }

    /// The most requests that were in flight at the same time.
    pub fn highest_in_flight(&self) -> usize {
        self.cx.requests.highest()
    }

    /// How many events, arrivals and timers have happened.
    pub fn n_events(&self) -> u64 {
        self.cx.scheduler.n_events()
    }
}

impl Model for System {
    type Event = Event;

    #[inline]
    fn scheduler(&mut self) -> &mut Scheduler<Event> {
        &mut self.cx.scheduler
    }

    // Left to itself the compiler makes a call of it, which costs a tenth of an M/M/1 queue.
    #[inline(always)]
    fn handle(&mut self, occurrence: Occurrence<Event>) {
        match occurrence {
            Occurrence::Event(Event::Resume(id)) => self.resumes(id),
            Occurrence::Arrival(source) => self.arrives(source),
            Occurrence::Event(Event::Signal(node, code, part)) => {
                self.nodes[node.index()].signal(Signal { code, part }, &mut self.cx);
            }
            Occurrence::Event(Event::Act(number)) => {
                self.happens(number as usize);
            }
            Occurrence::Event(Event::CloseWindow) => self.closes_window(),
            Occurrence::Event(Event::Nothing) => unreachable!("nothing never happens"),
            Occurrence::Timer(lane, timer) => match self.lanes[lane.index()] {
                LaneUse::Client => self.gives_up(timer),
                LaneUse::Pool(pool) => self.pool_wait_ends(pool, timer),
                LaneUse::Attempt => self.attempt_times_out(lane, timer),
                LaneUse::Deadline => self.errand_deadline(lane, timer),
                LaneUse::Errand => self.errand_timer(lane, timer),
                LaneUse::Pause => self.pause_timer(lane, timer),
                LaneUse::Queue(node) => self.queue_timer(node, timer),
                LaneUse::Message(node) => {
                    queue(&mut self.nodes, node).timer_runs_out(lane, timer, &mut self.cx);
                }
                LaneUse::Backend(node) => self.answer_is_late(node, timer),
                LaneUse::Line(node) => self.line_times_out(node, timer),
                LaneUse::Total(node) => self.total_is_over(node, timer),
            },
            Occurrence::Event(Event::Errand(errand)) => self.errand_is_due(errand),
            Occurrence::Event(Event::User(user)) => self.pause_is_over(user),
            Occurrence::Event(Event::Patience(errand)) => self.loses_patience(errand),
            Occurrence::Event(Event::StopUser(user)) => self.stop_is_due(user),
            Occurrence::Event(Event::Source(source, code)) => self.source_signal(source, code),
            Occurrence::Event(Event::QueueTimeout(id)) => self.queue_wait_ends(id),
        }
        self.settles();
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.over
    }
}
