//! Operations, step by step, into instructions.

use super::{Asked, Compiler, DEFAULT, gateways};
use crate::component::cache::{LookUp, Mode};
use crate::component::database::{Access, Query};
use crate::component::program::{Demand, KeysId, Op, Visit, threshold};
use crate::component::queue::Publish;
use crate::component::service::{Call, OperationSpec, OperationStep, Service};
use crate::component::{ComponentSpec, NodeId};
use crate::diag::Diagnostic;
use crate::dist::Law;
use crate::dist::constant::Constant;
use crate::policy::admission::RequestLimit;
use crate::policy::persistence::Persistence;
use crate::rng::Salt;
use crate::spec::At;
use crate::units::{Fraction, SimDuration};

/// Positions in the program are 16 bits.
pub(super) const MOST_OPS: usize = u16::MAX as usize;

/// Where a step stands: the service, its operation, and a path for draws.
pub(super) struct Place<'a> {
    pub(super) service: usize,
    spec: &'a Service,
    operation: &'a str,
    pub(super) path: String,
}

impl Place<'_> {
    pub(super) fn inner(&self, part: &str) -> Self {
        Place {
            path: format!("{}/{part}", self.path),
            ..*self
        }
    }
}

/// What a query goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Database,
    Pooler,
    Other,
}

impl Behind {
    fn of(spec: &ComponentSpec) -> Self {
        match spec {
            ComponentSpec::Database(_) => Self::Database,
            ComponentSpec::Pooler(_) => Self::Pooler,
            _ => Self::Other,
        }
    }
}

impl Compiler<'_> {
    /// Compiles every operation of every service, and then fills in where the calls go.
    pub(super) fn add_operations(&mut self) {
        let spec = self.spec;
        for (service, (name, component)) in spec.components.items.iter().enumerate() {
            let ComponentSpec::Service(spec) = component else {
                continue;
            };
            for (operation, steps) in &spec.operations.items {
                let path = format!("{}/{}", name.value, operation.value);
                let place = Place {
                    service,
                    spec,
                    operation,
                    path,
                };
                let start = self.here() as u16;
                self.starts
                    .insert((service, operation.value.clone()), start);
                self.add_operation(&place, steps, start);
            }
            if spec.operations.items.is_empty() {
                let problem = "a service needs an operation";
                let help = format!(
                    "add [components.{}.operations.default] with its steps",
                    name.value
                );
                self.out
                    .push(Diagnostic::error(name.origin, problem).help(help));
            }
        }
        if self.here() > MOST_OPS {
            // Which is reported once the gateways have added theirs.
            return;
        }
        self.find_consumers();
        self.note_misses();
        for (at, service, operation) in std::mem::take(&mut self.open_calls) {
            let start = self.starts.get(&(service, operation)).copied();
            if let (Op::Call { to, .. }, Some(start)) = (self.program.ops[at], start) {
                let start = self.way_in(to.index(), start);
                if let Op::Call { pc, .. } = &mut self.program.ops[at] {
                    *pc = start;
                }
            }
        }
    }

    /// What a new connection costs, what an unchanged answer costs, and the steps themselves.
    fn add_operation(&mut self, place: &Place<'_>, own: &OperationSpec, start: u16) {
        if let Some(law) = &place.spec.handshake
            && let Some(demand) = self.demand(law, &format!("{}/handshake", place.path))
        {
            let otherwise = (self.here() + 2) as u16;
            self.emit(Op::IfNewConnection { otherwise });
            self.emit(Op::Cpu(demand));
        }
        if let Some(steps) = &own.not_modified {
            let at = self.here();
            self.emit(Op::IfNotModified { otherwise: 0 });
            self.add_steps(&place.inner("not_modified"), steps);
            self.emit(Op::End);
            let after = self.here() as u16;
            self.program.ops[at] = Op::IfNotModified { otherwise: after };
        }
        if let Some(control) = own.cache_control {
            self.controls.insert(start, control.value);
        }
        self.add_steps(place, &own.steps);
        if let Some(response) = &own.response {
            // The size and the work of compressing it are drawn at one place: large answers take more.
            let salt = Salt::new(&place.path, "response");
            let law = self.program.add_law(response.sizes());
            self.responses.insert(start, Demand::of(law, salt));
            if let Some(work) = response.compressing() {
                let law = self.program.add_law(work);
                self.emit(Op::Cpu(Demand::of(law, salt)));
            }
        }
        self.emit(Op::End);
    }

    pub(super) fn add_steps(&mut self, place: &Place<'_>, steps: &[OperationStep]) {
        for (number, step) in steps.iter().enumerate() {
            let place = place.inner(&number.to_string());
            match step {
                OperationStep::Cpu(step) => {
                    let demand = self.work(&step.cpu, &place.path);
                    self.with_chance(&place, step.probability, |own| {
                        own.program.ops.extend(demand.map(Op::Cpu));
                    });
                }
                OperationStep::Wait(step) => {
                    let demand = self.work(&step.wait, &place.path);
                    self.with_chance(&place, step.probability, |own| {
                        own.program.ops.extend(demand.map(Op::Wait));
                    });
                }
                OperationStep::LookUp(step) => {
                    self.with_chance(&place, step.probability, |own| {
                        own.add_look_up(&place, step);
                    });
                }
                OperationStep::RateLimit(step) => {
                    self.with_chance(&place, step.probability, |own| {
                        own.add_rate_limit(&place, &step.rate_limit);
                    });
                }
                OperationStep::Query(step) => {
                    let (own, rules) = (&step.own, &step.shared);
                    self.with_chance(&place, own.probability, |compiler| {
                        compiler.with_rules(&place, rules, &own.query, |compiler| {
                            compiler.add_query(&place, own);
                        });
                    });
                }
                OperationStep::Publish(step) => {
                    let (own, rules) = (&step.own, &step.shared);
                    self.with_chance(&place, own.probability, |compiler| {
                        compiler.with_rules(&place, rules, &own.publish, |compiler| {
                            compiler.add_publish(&place, own);
                        });
                    });
                }
                OperationStep::Choose(step) => self.add_alternatives(&place, &step.choose),
                OperationStep::Walk(step) => self.add_walk(&place, &step.own, &step.shared),
                OperationStep::Call(step) => {
                    let (own, rules) = (&step.own, &step.shared);
                    self.with_chance(&place, own.probability, |compiler| {
                        compiler.with_rules(&place, rules, &own.call, |compiler| {
                            compiler.add_call(&place, own);
                        });
                    });
                }
            }
        }
    }

    /// Puts a chance in front of what `add` adds, unless it is always done.
    pub(super) fn with_chance(
        &mut self,
        place: &Place<'_>,
        chance: At<Fraction>,
        add: impl FnOnce(&mut Self),
    ) {
        if chance.value == Fraction::ONE {
            return add(self);
        }
        let at = self.here();
        let salt = Salt::new(&place.path, "chance");
        self.emit(Op::Chance {
            below: threshold(chance.value),
            salt,
            otherwise: 0,
        });
        add(self);
        let after = self.here() as u16;
        if let Op::Chance { otherwise, .. } = &mut self.program.ops[at] {
            *otherwise = after;
        }
    }

    /// Has what `add` adds done as an errand, if there are rules for how to persist with it.
    fn with_rules(
        &mut self,
        place: &Place<'_>,
        rules: &Persistence,
        called: &At<String>,
        add: impl FnOnce(&mut Self),
    ) {
        if rules.is_empty() {
            return add(self);
        }
        let service = &self.spec.components.items[place.service].0.value;
        let name = format!("{service} → {}", called.value);
        let processes = self.processes_of(place.service);
        let caller = self.add_caller(name, processes, rules);
        let at = self.here();
        let site = Salt::new(&place.path, "errand").uniform(0) as u32;
        let (caller, body) = (caller.unwrap_or(0), (at + 2) as u16);
        self.emit(Op::Guard { caller, body, site });
        self.emit(Op::Jump(0));
        add(self);
        self.emit(Op::End);
        let after = self.here() as u16;
        if let Op::Jump(to) = &mut self.program.ops[at + 1] {
            *to = after;
        }
    }

    fn add_look_up(&mut self, place: &Place<'_>, step: &LookUp) {
        let found = self.component(&step.cache);
        let by = match found {
            Some((_, ComponentSpec::Cache(own))) if own.mode.value == Mode::Ratio => Asked::ByClass,
            _ => Asked::ByKey,
        };
        let cache = found.map(|(at, spec)| (at, matches!(spec, ComponentSpec::Cache(_))));
        let keys = self.keys(&step.keys, by);
        if let Some((at, false)) = cache {
            self.wrong_kind(&step.cache, at, "a cache");
        }
        if let Some((at, true)) = cache {
            self.cache_users
                .push((at, place.service, step.cache.origin));
        }
        let (Some((cache, _)), Some(keys)) = (cache, keys) else {
            // Its own steps may have problems, too.
            return self.add_steps(&place.inner("on_miss"), &step.on_miss);
        };
        self.cache_keys.push((cache, keys, step.keys.origin));
        let (node, at) = (NodeId::new(cache), self.here());
        self.emit(Op::Visit(node, Visit::Look { keys, hit: 0 }));
        self.add_steps(&place.inner("on_miss"), &step.on_miss);
        let filled = self.here();
        self.emit(Op::Visit(node, Visit::Fill { keys }));
        if self.minds_misses(cache) {
            // Whoever gets something in the background stops at the end of this.
            self.emit(Op::Jump((filled + 3) as u16));
            self.emit(Op::End);
            self.misses.push((at, filled));
        }
        let after = self.here() as u16;
        if let Op::Visit(_, Visit::Look { hit, .. }) = &mut self.program.ops[at] {
            *hit = after;
        }
    }

    fn add_rate_limit(&mut self, place: &Place<'_>, name: &At<String>) {
        let Some((at, spec)) = self.component(name) else {
            return;
        };
        let ComponentSpec::RateLimiter(limiter) = spec else {
            return self.wrong_kind(name, at, "a rate limiter");
        };
        let counts = |limit: &&RequestLimit| {
            matches!(
                limit,
                RequestLimit::Concurrency(_)
                    | RequestLimit::LimitConn(_)
                    | RequestLimit::WorkerConnections(_)
            )
        };
        let counted = limiter.limits.iter().find(counts).map(RequestLimit::word);
        if let Some(word) = counted {
            let problem = format!(
                "`{}` counts what is under way, and a step would never end that",
                name.value
            );
            self.out.push(
                Diagnostic::error(name.origin, problem)
                    .label(format!("it has a limit `{word}`"))
                    .help("put a rate limiter in front of the service, with `to`"),
            );
        }
        self.cache_users.push((at, place.service, name.origin));
        self.emit(Op::Visit(NodeId::new(at), Visit::Ask));
    }

    fn add_query(&mut self, place: &Place<'_>, step: &Query) {
        let time = self.work(&step.time, &place.path);
        if let Some(row) = &step.row {
            self.keys(row, Asked::ByKey);
        }
        let database = self
            .component(&step.query)
            .map(|(at, spec)| (at, Behind::of(spec)));
        let pool = step.pool.as_ref().map(|name| {
            let (number, pool) =
                place
                    .spec
                    .pools
                    .resolve(name, "pool of this service", self.out)?;
            if pool.to.value != step.query.value {
                let problem = format!("pool `{}` leads to `{}`", name.value, pool.to.value);
                self.out.push(
                    Diagnostic::error(name.origin, problem)
                        .label(format!("the query goes to `{}`", step.query.value))
                        .related(pool.to.origin, "where the pool leads"),
                );
            }
            Some(number as u16)
        });
        match database {
            Some((at, Behind::Other)) => {
                self.wrong_kind(&step.query, at, "a database or a pooler");
            }
            Some((at, Behind::Database)) => {
                let (Some(time), true) = (time, pool != Some(None)) else {
                    return;
                };
                let servers = self.servers(at);
                if servers.len() > 1 && step.access.value == Access::Read {
                    return self.add_spread_query(place, &servers, (time, pool.flatten()), step);
                }
                self.add_query_at(place, servers[0], (time, pool.flatten()), step);
            }
            Some((at, Behind::Pooler)) => {
                let Some(pool) = pool else {
                    let problem = "a query that goes through a pooler needs a pool of its service";
                    self.out.push(
                        Diagnostic::error(step.query.origin, problem).help(
                            "add a pool that leads to the pooler, and name it: pool = \"...\"",
                        ),
                    );
                    return;
                };
                if let (Some(time), Some(pool)) = (time, pool) {
                    self.with_connection(place, pool, |compiler| {
                        compiler.add_pooled_query(place, NodeId::new(at), time, step);
                    });
                }
            }
            None => {}
        }
    }

    fn add_publish(&mut self, place: &Place<'_>, step: &Publish) {
        let queue = self
            .component(&step.publish)
            .map(|(at, spec)| (at, matches!(spec, ComponentSpec::Queue(_))));
        match queue {
            Some((at, true)) => {
                let from = (place.service, place.operation.to_owned());
                self.published.push((from, at, step.publish.origin));
                let salt = Salt::new(&place.path, "publish");
                self.emit(Op::Visit(NodeId::new(at), Visit::Publish { salt }));
            }
            Some((at, false)) => self.wrong_kind(&step.publish, at, "a queue"),
            None => {}
        }
    }

    /// A query at one server, over a pool that leads to it, or a connection of its own.
    fn add_query_at(
        &mut self,
        place: &Place<'_>,
        server: NodeId,
        (time, pool): (Demand, Option<u16>),
        step: &Query,
    ) {
        let query = self.visit_of(server, time, pool.is_some(), step);
        match pool {
            Some(pool) => self.with_connection(place, pool, |compiler| compiler.emit(query)),
            None => self.emit(query),
        }
    }

    /// A read at the server that the database says: the same instructions for each of them, one after another.
    fn add_spread_query(
        &mut self,
        place: &Place<'_>,
        servers: &[NodeId],
        (time, pool): (Demand, Option<u16>),
        step: &Query,
    ) {
        let pools = pool.map(|pool| self.pools_to(place.spec, pool));
        let at = self.here();
        self.emit(Op::Jump(0));
        let mut ends = Vec::new();
        for (k, server) in servers.iter().enumerate() {
            let pool = pools.as_ref().map(|pools| pools[k]);
            self.add_query_at(place, *server, (time, pool), step);
            ends.push(self.here());
            self.emit(Op::Jump(0));
        }
        let after = self.here();
        for end in ends {
            self.program.ops[end] = Op::Jump(after as u16);
        }
        let length = (after - at - 1) / servers.len();
        self.program.ops[at] = Op::Choose {
            database: servers[0],
            first: (at + 1) as u16,
            length: length as u16,
        };
    }

    fn visit_of(&self, node: NodeId, time: Demand, pooled: bool, step: &Query) -> Op {
        let named = |row: &At<String>| {
            let mut catalogues = self.spec.keys.items.iter();
            catalogues.position(|(name, _)| name.value == row.value)
        };
        let row = step.row.as_ref().and_then(named);
        Op::Visit(
            node,
            Visit::Use {
                time,
                pooled,
                write: step.access.value == Access::Write,
                row: row.map(|at| KeysId(at as u16)),
            },
        )
    }

    /// What `add` adds is done over a connection of a service's pool.
    fn with_connection(&mut self, place: &Place<'_>, pool: u16, add: impl FnOnce(&mut Self)) {
        self.emit(Op::Acquire(pool));
        let round_trip = self.round_trip_of(place, pool);
        self.add_round_trip(round_trip, &format!("{}/network", place.path));
        add(self);
        self.emit(Op::Release(pool));
    }

    /// The round trip of a pool's connections; those to replicas are as those to their primary.
    fn round_trip_of(&self, place: &Place<'_>, pool: u16) -> At<SimDuration> {
        let pools = &place.spec.pools.items;
        let own =
            (0..pools.len()).find(|own| self.pools_to(place.spec, *own as u16).contains(&pool));
        pools[own.unwrap_or(0)].1.round_trip
    }

    fn add_round_trip(&mut self, round_trip: At<SimDuration>, path: &str) {
        if round_trip.value > SimDuration::ZERO {
            let law = Law::Constant(Constant(round_trip));
            let demand = self.demand(&law, path);
            self.program.ops.extend(demand.map(Op::Wait));
        }
    }

    /// The pooler's thread passes a query on, over one of the pooler's own connections.
    fn add_pooled_query(&mut self, place: &Place<'_>, pooler: NodeId, time: Demand, step: &Query) {
        let spec = self.spec;
        let ComponentSpec::Pooler(own) = &spec.components.items[pooler.index()].1 else {
            return;
        };
        let path = format!("{}/pooler", place.path);
        let Some(passing) = self.demand(&own.time, &path) else {
            return;
        };
        let Some((to, ComponentSpec::Database(_))) = self.component_quietly(&own.to) else {
            return;
        };
        let passed = Op::Visit(
            pooler,
            Visit::Use {
                time: passing,
                pooled: true,
                write: false,
                row: None,
            },
        );
        self.emit(passed);
        self.emit(Op::Borrow(pooler));
        self.add_round_trip(own.round_trip, &path);
        let query = self.visit_of(NodeId::new(to), time, true, step);
        self.emit(query);
        self.emit(Op::Repay(pooler));
    }

    /// A component by its name, where a wrong one is reported elsewhere.
    fn component_quietly(&self, name: &At<String>) -> Option<(usize, &ComponentSpec)> {
        let mut items = self.spec.components.items.iter().enumerate();
        let found = items.find(|(_, (own, _))| own.value == name.value);
        found.map(|(at, (_, spec))| (at, spec))
    }

    fn add_call(&mut self, place: &Place<'_>, step: &Call) {
        let Some((at, spec)) = self.component(&step.call) else {
            return;
        };
        if let ComponentSpec::Dependency(dependency) = spec {
            let latency = dependency.latency.clone();
            if let Some(operation) = &step.operation {
                let problem = "a dependency has no operations";
                self.out.push(Diagnostic::error(operation.origin, problem));
            }
            let time = self.demand(&latency, &place.path);
            let call = |time| {
                Op::Visit(
                    NodeId::new(at),
                    Visit::Use {
                        time,
                        pooled: false,
                        write: false,
                        row: None,
                    },
                )
            };
            self.program.ops.extend(time.map(call));
            return;
        }
        if !gateways::may_be_entered(spec) {
            return self.wrong_kind(&step.call, at, gateways::MAY_BE_CALLED);
        }
        let Some((to, service)) = self.entered(&step.call) else {
            return;
        };
        for behind in self.services_behind(to) {
            self.calls.push((place.service, behind, step.call.origin));
        }
        let Some(operation) = self.called_operation(place, step, service) else {
            return;
        };
        let from = (place.service, place.operation.to_owned());
        self.operations.push((from, (service, operation.clone())));
        self.open_calls.push((self.here(), service, operation));
        let site = Salt::new(&place.path, "call").uniform(0) as u32;
        self.emit(Op::Call {
            to: NodeId::new(to),
            pc: 0,
            site,
        });
    }

    /// The operation that a call means: the named one, or that of the calling one's name, or the default.
    fn called_operation(
        &mut self,
        place: &Place<'_>,
        step: &Call,
        service: usize,
    ) -> Option<String> {
        let spec = self.spec;
        let ComponentSpec::Service(called) = &spec.components.items[service].1 else {
            return None;
        };
        if let Some(name) = &step.operation {
            let what = "operation of the called service";
            return called
                .operations
                .resolve(name, what, self.out)
                .map(|_| name.value.clone());
        }
        let names = [place.operation, DEFAULT];
        let found = names
            .into_iter()
            .find(|name| called.operations.find(name).is_some());
        if found.is_none() {
            let problem = format!(
                "`{}` has neither an operation `{}` nor a default one",
                step.call.value, place.operation
            );
            let help = "name the operation that is called: operation = \"...\"";
            self.out
                .push(Diagnostic::error(step.call.origin, problem).help(help));
        }
        found.map(str::to_owned)
    }
}
