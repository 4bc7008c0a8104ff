//! A balancer: passes each request on to an instance of a service.
//!
//! It knows the instances in service and, by its policy, how many of its own requests are outstanding at
//! each. Where all servers are alike and nothing is done about those that fail, that is all ([`Balance`]).
//! Otherwise it has a group of servers, or several independent ones, each with a view of its own
//! (`Upstream`): servers with weights, limits and failures, one tried after the other.

mod backends;
mod health;
mod line;
mod nobody;
mod status;
mod sticky;
mod upstream;

use super::program::Demand;
use super::request::{Flags, RequestId, Requests};
use super::{Bill, Component, Context, Gauge, NodeId, Resource, Signal, Tally};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::engine::Timer;
use crate::policy::balance::{Balance, Policy};
use crate::policy::health::{AllUnhealthy, HealthCheck, OutlierDetection, SlowStartRules};
use crate::policy::upstream::{
    CircuitBreakers, HEAVIEST, HealthRules, Method, NextRules, NextUpstream, Redispatch, Retries,
    Server,
};
use crate::rng::{Salt, Streams};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{CostPerHour, CostPerSize, Fraction, SimDuration, SimTime};

pub use backends::{Backends, ServerSpec};
pub(super) use line::Line;
pub use line::{LinePlan, LineSpec};
pub(super) use nobody::Census;
pub use status::code;
pub use sticky::Sticky;
use sticky::{Assigned, places_of};
pub(super) use upstream::{Again, CheckId, Nowhere, Upstream};
pub use upstream::{Backend, ChecksPlan};

/// The products whose settings a balancer can have.
const PRESETS: &[spec::Preset] = crate::presets! {
    "aws_alb": "presets/aws_alb.toml",
    "envoy": "presets/envoy.toml",
    "haproxy": "presets/haproxy.toml",
    "heroku_router": "presets/heroku_router.toml",
    "nginx": "presets/nginx.toml",
};

spec! {
    /// Spreads requests over the instances of a service, or of several.
    pub struct Balancer {
        /// The product whose settings it has, where none are given here.
        pub model: Option<At<String>>,
        /// The service behind it, or a list of servers with settings of their own: `[{ service = "new",
        /// weight = 1 }, { service = "old", weight = 9 }]`. Every instance of a service is a server.
        pub to: Backends,
        /// How it picks a server.
        pub policy: At<Method>,
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
        /// How many independent balancers there are: processes or machines that share nothing. Each counts
        /// for itself; a request goes to one of them at random, one of a known client always to the same.
        pub balancers: At<Count> = At::built_in(Count::new(1)),
        /// How many failures take a server out of service for a while; 0: none do.
        pub max_fails: u32 = 0,
        /// For how long failures take a server out of service, in whole seconds, and within what time they
        /// count.
        pub fail_timeout: At<SimDuration> = At::built_in(SimDuration::from_secs(10)),
        /// How many requests may be under way at a server, as each balancer counts them; any number unless
        /// given.
        pub max_conns: Option<At<Count>>,
        /// How many requests may be under way at a server while there is little to do. The limit grows in
        /// proportion to what the balancer has under way and waiting, and is `max_conns` from `full_conns` on
        /// (HAProxy's `minconn`). `max_conns` unless given.
        pub min_conns: Option<At<Count>>,
        /// With how many requests under way and waiting, at each balancer, servers may have `max_conns`
        /// (HAProxy's `fullconn`).
        pub full_conns: Option<At<Count>>,
        /// How requests wait where no server has room. They do not, unless given.
        pub queue: Option<At<LineSpec>>,
        /// When a request that went wrong is tried on the next server. Never, unless given.
        pub next_upstream: Option<At<NextUpstream>>,
        /// When a request that went wrong is tried again by the rules of HAProxy, which may be at the same server;
        /// in place of `next_upstream`. Never, unless given.
        pub retries: Option<At<Retries>>,
        /// Whether it goes on with requests whose client has left as if nothing had happened: they keep their
        /// places in line and at servers, and no server notices (nginx's `proxy_ignore_client_abort`, HAProxy's `no
        /// option abortonclose`). Otherwise it lets go of them, and closes their connections to servers.
        pub ignore_client_abort: bool = false,
        /// Classes of requests that must not be done twice: POST.
        pub not_idempotent: Vec<At<String>>,
        /// How long a connection to a server may take to come about: a full backlog does not answer. As long
        /// as the network stack tries (127 s) unless given.
        pub connect_timeout: Option<At<SimDuration>>,
        /// How long a server may take until it answers. The server does not hear of it and goes on. For ever
        /// unless given.
        pub read_timeout: Option<At<SimDuration>>,
        /// For how long a server that does not take a connection is left alone, by the balancer that saw it.
        /// Not at all, unless given.
        pub quarantine: Option<At<SimDuration>>,
        /// How many requests a balancer has under way at most, for each server that there is; more are
        /// turned away. Any number, unless given.
        pub in_flight_per_server: Option<At<Count>>,
        /// How long a request that finds no server waits for one, looking again every second, if any is in service
        /// or on its way up. It fails at once if there is none, or all have crashed, and unless given.
        pub wait_for_server: Option<At<SimDuration>>,
        /// How it finds out by itself whether a server is well. It does not, unless given.
        pub health_check: Option<HealthCheck>,
        /// Whether it ejects servers whose answers are worse than those of others. It does not, unless given.
        pub outlier_detection: Option<OutlierDetection>,
        /// What it does while no server is well.
        pub on_all_unhealthy: At<AllUnhealthy> = At::built_in(AllUnhealthy::Fail),
        /// With a smaller share of servers that are well than this, requests go to all of them: those that are
        /// would not bear it alone (Envoy's panic threshold).
        pub panic_threshold: At<Fraction> = At::built_in(Fraction::ZERO),
        /// For how long the share of the requests grows that a server gets which has just been added, or has
        /// come back from failing its checks. It has its full share at once, unless given.
        pub slow_start: Option<At<SimDuration>>,
        /// How that share grows.
        pub slow_start_rules: SlowStartRules = SlowStartRules::default(),
        /// What it has under way at most, over all servers. There are no such limits, unless given.
        pub circuit_breakers: Option<CircuitBreakers>,
        /// How long a request may take in all, from when it comes here: every try, connections that are not
        /// taken, and the waits in line and in between. As long as it takes, unless given.
        pub total_timeout: Option<At<SimDuration>>,
        /// How long a server that is taken out may finish what this balancer has under way there: then its
        /// connections are closed. As long as the service's `drain` lets it, unless given; whichever is shorter
        /// decides (an AWS autoscaling group terminates an instance only after this delay: give both).
        pub deregistration_delay: Option<At<SimDuration>>,
    }
    presets(PRESETS)
    check(Self::check)
}

impl Balancer {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let timeouts = [self.read_timeout, self.total_timeout];
        let given = timeouts.into_iter().flatten();
        for timeout in given.filter(|t| t.value == SimDuration::ZERO) {
            let problem = "a timeout of nothing lets nothing be answered";
            out.push(Diagnostic::error(timeout.origin, problem));
        }
        self.check_health(out);
        let own = self.to.servers();
        let given = own.iter().filter_map(|server| server.fail_timeout);
        for timeout in given.chain([self.fail_timeout]) {
            if timeout.value.as_nanos() % 1_000_000_000 != 0 {
                let problem = "failures are forgotten after whole seconds";
                out.push(Diagnostic::error(timeout.origin, problem));
            }
        }
        self.check_limits(out);
        self.check_tries(out);
        let has_backups = self.to.servers().iter().any(|server| server.backup);
        let by_hash = matches!(
            self.policy.value,
            Method::IpHash(_) | Method::Random(_) | Method::RandomTwo(_)
        );
        if has_backups && by_hash {
            let word = self.policy.word();
            let problem = format!("`{word}` knows no backups: nginx refuses this, too");
            let help = "use round_robin or least_conn, or do without backups";
            out.push(Diagnostic::error(self.policy.origin, problem).help(help));
        }
    }

    /// Limits that contradict each other, or are missing.
    fn check_limits(&self, out: &mut Diagnostics) {
        let servers = self.to.servers();
        for own in &servers {
            let max = own.max_conns.or(self.max_conns);
            let Some(min) = own.min_conns.or(self.min_conns) else {
                continue;
            };
            match max {
                None => {
                    let problem = "a server with `min_conns` needs `max_conns`";
                    let help = "the limit grows from the one to the other";
                    out.push(Diagnostic::error(min.origin, problem).help(help));
                }
                Some(max) if min.get() > max.get() => {
                    let problem = format!("{} is more than `max_conns`", min.get());
                    let label = format!("which is {}", max.get());
                    out.push(Diagnostic::error(min.origin, problem).related(max.origin, label));
                }
                Some(_) => {}
            }
            if self.full_conns.is_none() {
                let problem =
                    "`min_conns` needs `full_conns`: with how many requests the limit is full";
                out.push(Diagnostic::error(min.origin, problem));
                break;
            }
        }
        let has_limit = servers
            .iter()
            .any(|own| own.max_conns.or(self.max_conns).is_some());
        // A product may have a queue that is of use only once there is a limit.
        if let Some(queue) = self
            .queue
            .as_ref()
            .filter(|own| !self.is_products(own.origin))
            && !has_limit
        {
            let problem = "nobody waits where no server has a limit";
            let help = "set max_conns: how many requests may be under way at a server";
            out.push(Diagnostic::error(queue.origin, problem).help(help));
        }
        let has_none = |own: &ServerSpec| own.max_conns.or(self.max_conns).is_none();
        if let (Method::First(_), true) = (&self.policy.value, servers.iter().any(has_none)) {
            let problem = "a server without a limit gets whatever those before it do not";
            let help =
                "set max_conns, or use another policy: `first` fills one server after the other";
            out.push(Diagnostic::warning(self.policy.origin, problem).help(help));
        }
        if let Method::HaproxyLeastconn(_) = self.policy.value {
            for own in servers.iter().filter(|own| own.weight.get() > HEAVIEST) {
                let problem = format!("HAProxy knows weights up to {HEAVIEST}");
                out.push(Diagnostic::error(own.weight.origin, problem));
            }
        }
    }

    /// True if what stands there is what the product does.
    fn is_products(&self, origin: Origin) -> bool {
        let model = self.model.as_ref();
        model.is_some_and(|model| model.origin == origin)
    }

    /// Two sets of rules for trying again, neither of them the product's.
    fn check_tries(&self, out: &mut Diagnostics) {
        if let (Some(next), Some(retries)) = (&self.next_upstream, &self.retries)
            && !self.is_products(next.origin)
            && !self.is_products(retries.origin)
        {
            let problem = "a request is tried again by one set of rules";
            let label = "which are given here, too";
            out.push(Diagnostic::error(retries.origin, problem).related(next.origin, label));
        }
    }

    /// When a request is tried again: as is said here, else as the product does.
    pub fn next_rules(&self) -> NextRules {
        let connect_timeout = self.connect_timeout.map(|timeout| timeout.value);
        let retries = self.retries.as_ref();
        let next = self.next_upstream.as_ref();
        match (next, retries) {
            (Some(next), retries) if retries.is_none_or(|own| self.is_products(own.origin)) => {
                next.value.rules()
            }
            (_, Some(retries)) => NextRules::retrying(retries.value.rules(connect_timeout)),
            _ => NextRules::new([], 0, None),
        }
    }

    /// How requests wait.
    pub fn line(&self) -> Option<LinePlan> {
        let redispatch = |own: &Retries| own.redispatch != Redispatch::Never;
        let retries = self.retries.as_ref();
        let redispatch = retries.is_none_or(|own| redispatch(&own.value));
        let line = self.queue.as_ref()?;
        Some(LinePlan::new(&line.value, redispatch))
    }

    /// The policy that does the same where all servers are alike and nothing is done about failures; nothing
    /// if that is not so.
    pub fn plain(&self) -> Option<Policy> {
        let is_plain = matches!(self.to, Backends::One(_))
            && self.balancers.get() == 1
            && self.max_fails == 0
            && self.max_conns.is_none()
            && self.queue.is_none()
            && self.next_upstream.is_none()
            && self.retries.is_none()
            && !self.ignore_client_abort
            && self.read_timeout.is_none()
            && self.connect_timeout.is_none()
            && self.quarantine.is_none()
            && self.in_flight_per_server.is_none()
            && self.wait_for_server.is_none()
            && self.health_rules().is_none()
            && self.circuit_breakers.is_none()
            && self.total_timeout.is_none()
            && self.deregistration_delay.is_none();
        is_plain.then(|| self.policy.plain()).flatten()
    }

    /// What is written down about a server, with what holds for all where nothing else is given.
    pub fn server(&self, own: &ServerSpec) -> Server {
        let max_conns = own.max_conns.or(self.max_conns);
        let timeout = own.fail_timeout.unwrap_or(self.fail_timeout).value;
        Server {
            weight: own.weight.get(),
            max_fails: own.max_fails.unwrap_or(self.max_fails),
            fail_timeout_s: (timeout.as_nanos() / 1_000_000_000).cast_signed(),
            max_conns: max_conns.map_or(0, |max| max.get()),
            min_conns: own.min_conns.or(self.min_conns).map_or(0, |min| min.get()),
            backup: own.backup,
            down: own.down,
        }
    }
}

/// What a balancer with a group of servers knows, with every name resolved.
#[derive(Debug, Clone)]
pub struct UpstreamPlan {
    /// The services, in order.
    pub backends: Vec<Backend>,
    /// All peers: the instances of the first service, then those of the next.
    pub servers: Vec<Server>,
    /// How it picks.
    pub method: Method,
    /// When a request is tried on the next.
    pub next: NextRules,
    /// How many independent balancers there are.
    pub views: u32,
    /// With how many requests servers may have as many as they can take.
    pub full_conns: u64,
    /// How requests wait.
    pub line: Option<LinePlan>,
    /// Whether it goes on with requests whose client has left.
    pub ignore_client_abort: bool,
    /// By flow: whether requests must not be done twice.
    pub not_idempotent: Vec<bool>,
    /// By flow: where its requests start, in terms of the first service if they come to the balancer at once.
    pub own_starts: Vec<u16>,
    /// How long a connection may take.
    pub connect_timeout: Option<SimDuration>,
    /// How long an answer is waited for.
    pub read_timeout: Option<SimDuration>,
    /// For how long a server that does not take a connection is left alone.
    pub quarantine: Option<SimDuration>,
    /// Requests under way at most, per server.
    pub in_flight_per_server: Option<u32>,
    /// How long a request waits for a server.
    pub wait_for_server: Option<SimDuration>,
    /// What it does about servers that are not well, or new, if anything.
    pub health: Option<HealthRules>,
    /// How it checks them, if it does.
    pub checks: Option<ChecksPlan>,
    /// What it has under way at most.
    pub breakers: Option<CircuitBreakers>,
    /// How long a request may take in all.
    pub total_timeout: Option<SimDuration>,
    /// How long a server that is taken out may finish what it has.
    pub deregistration_delay: Option<SimDuration>,
}

/// How a balancer picks, with every name resolved.
#[derive(Debug, Clone)]
pub enum Picks {
    /// All servers are alike.
    Plain(Policy),
    /// From a group of servers.
    Upstream(Box<UpstreamPlan>),
}

/// A balancer with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The product whose settings it has.
    pub model: Option<String>,
    /// The first service behind it.
    pub to: NodeId,
    /// How many instances that service can have.
    pub n_instances: u32,
    /// How it picks.
    pub picks: Picks,
    /// What makes a request go where an earlier one went.
    pub sticky: Option<Sticky>,
    /// How long a request takes through it.
    pub delay: Option<Demand>,
    /// What it costs.
    pub cost: CostPerHour,
}

impl Plan {
    /// True if it picks from a group of servers.
    pub fn has_upstream(&self) -> bool {
        matches!(self.picks, Picks::Upstream(_))
    }
}

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
    /// Where clients were sent.
    assigned: Assigned,
    /// Its group of servers, if they are not all alike.
    pub(super) upstream: Option<Box<Upstream>>,
    /// Whoever comes before is told to come again later.
    pub(super) closed_until: SimTime,
    name: String,
    cost: CostPerHour,
}

impl State {
    pub(super) fn new(plan: &Plan, own: NodeId, streams: Streams, cx: &mut Context) -> Self {
        let (policy, upstream) = match &plan.picks {
            Picks::Plain(policy) => (policy.clone(), None),
            Picks::Upstream(upstream) => {
                let named = (own, plan.name.as_str(), plan.sticky);
                let upstream = Upstream::new(upstream, named, streams, cx);
                let unused = Policy::Random(crate::policy::balance::Random {});
                (unused, Some(Box::new(upstream)))
            }
        };
        Self {
            to: plan.to,
            balance: policy.start(plan.n_instances),
            upstream,
            closed_until: SimTime::ZERO,
            salt: Salt::new(&plan.name, "pick"),
            delay: plan.delay,
            sticky: plan.sticky,
            n_instances: plan.n_instances,
            assigned: Assigned::default(),
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
            let mut places = places_of(extra.address, self.n_instances, self.salt);
            let found = places.find(|at| self.balance.pick_this(*at));
            return found.or_else(|| self.balance.pick(self.salt, seed));
        }
        if let Some(assigned) = self.assigned.to(extra.client)
            && self.balance.pick_this(assigned)
        {
            return Some(assigned);
        }
        let picked = self.balance.pick(self.salt, seed)?;
        self.assigned.is_sent(extra.client, picked);
        Some(picked)
    }
}

impl State {
    /// Where a request goes that is bound for the server with this number: the service and its instance.
    pub(super) fn service_at(&self, peer: u32) -> (NodeId, u32) {
        match &self.upstream {
            None => (self.to, peer),
            Some(own) => {
                let backend = own.backend_of(peer);
                (backend.service, peer - backend.first)
            }
        }
    }

    /// True if somebody waits in its lines for this timer.
    pub(super) fn is_awaited(&self, timer: Timer) -> bool {
        let line = self.upstream.as_ref().and_then(|own| own.line.as_ref());
        line.is_some_and(|line| line.is_awaited(timer))
    }

    /// True if a timer is that of a request that may take only so long in all, and has not been answered yet.
    pub(super) fn is_running(&self, timer: Timer) -> bool {
        let own = self.upstream.as_ref();
        own.is_some_and(|own| own.is_running(timer))
    }

    /// An instance of a service is there.
    pub(super) fn joins(&mut self, service: NodeId, instance: u32, cx: &mut Context) {
        match &mut self.upstream {
            None if self.to == service => self.balance.join(instance),
            None => {}
            Some(own) => own.joins(service, instance, cx),
        }
    }

    /// An instance of a service is not to get any more.
    pub(super) fn leaves(&mut self, service: NodeId, instance: u32, cx: &mut Context) {
        match &mut self.upstream {
            None if self.to == service => self.balance.leave(instance),
            None => {}
            Some(own) => own.leaves(service, instance, cx),
        }
    }
}

impl Component for State {
    fn start(&mut self, cx: &mut Context) {
        if let Some(upstream) = &mut self.upstream {
            upstream.starts_watching(cx);
        }
    }

    fn signal(&mut self, signal: Signal, cx: &mut Context) {
        if let Some(upstream) = &mut self.upstream {
            upstream.signal(signal, cx);
        }
    }

    fn gauges(&self) -> Vec<Gauge> {
        let upstream = self.upstream.as_ref();
        upstream.map_or_else(Vec::new, |own| own.gauges(&self.name))
    }

    fn bills(&self) -> Vec<Bill> {
        vec![Bill::always(&self.name, self.cost)]
    }

    fn resources(&self) -> Vec<Resource> {
        let line = self.upstream.as_ref().and_then(|own| own.line.as_ref());
        line.map(|line| line.resource(&self.name))
            .into_iter()
            .collect()
    }

    fn audit(&self, own: NodeId, seen: &Tally, cx: &Context) {
        let Some(upstream) = &self.upstream else {
            return;
        };
        let mut under_way = 0;
        for backend in upstream.backends() {
            for instance in 0..backend.n_instances {
                under_way += upstream.active(backend.service, instance);
                assert_eq!(
                    upstream.active(backend.service, instance),
                    seen.via(own, backend.service, instance)
                        + seen.connecting(own, backend.first + instance),
                    "requests that a balancer has under way at an instance"
                );
            }
        }
        if let Some(line) = &upstream.line {
            line.audit((seen.in_line_at(own), under_way), cx);
        }
    }
}
