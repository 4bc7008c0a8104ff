//! From names to ids: a scenario that was read without a problem becomes a blueprint, or every problem
//! that its names and numbers have with one another is reported.

mod autoscalers;
mod balancers;
mod branches;
mod caches;
mod calls;
mod checks;
pub(super) mod components;
mod databases;
mod flows;
mod gateways;
mod http_caches;
mod limiters;
mod operations;
mod place;
mod processes;
mod queues;
mod recordings;
mod sources;

use std::collections::BTreeMap;

use super::shape::{ScenarioSpec, Vary};
use crate::component::program::{Demand, Keys, KeysId, Op, Program};
use crate::component::recorded::RecordedWork;
use crate::component::request::Flags;
use crate::component::work::Work;
use crate::component::{Blueprint, ComponentSpec};
use crate::component::{caller, queue, source};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::exponential::Exponential;
use crate::dist::{Law, Sampler};
use crate::metrics::Windows;
use crate::policy::http_cache::CacheControl;
use crate::rng::Salt;
use crate::spec::{At, Data};
use crate::units::SimDuration;

/// The class of requests of a source without a mix, and the operation for classes without their own.
const DEFAULT: &str = "default";
/// More requests than this in one replication are refused: even the fastest machine would take hours.
const MOST_REQUESTS: f64 = 1e11;
/// Windows × classes; each takes up to 32 KiB.
const MOST_CELLS: usize = 20_000;

/// How a catalogue of keys is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// For keys that are told apart.
    ByKey,
    /// Only for which class of keys it is.
    ByClass,
}

/// An operation: the position of its service, and its name.
type Operation = (usize, String);

/// A blueprint in the making.
struct Compiler<'a> {
    spec: &'a ScenarioSpec,
    data: &'a mut dyn Data,
    out: &'a mut Diagnostics,
    program: Program,
    /// Rules by which clients and services persist.
    callers: Vec<caller::Plan>,
    /// Where the operations start, by service and name.
    starts: BTreeMap<(usize, String), u16>,
    /// How large the answers of operations are, by where they start.
    responses: BTreeMap<u16, Demand>,
    /// What the answers of operations say about being kept, by where they start.
    controls: BTreeMap<u16, CacheControl>,
    /// Clients of the sources so far.
    n_clients: u32,
    /// Calls whose place in the program is not known yet: where the call is, which service and operation
    /// it means.
    open_calls: Vec<(usize, usize, String)>,
    /// What gateways do for the operations reached through them: where it starts, by gateway and the start
    /// of the operation.
    ways_in: BTreeMap<(usize, u16), u16>,
    /// Who calls whom: positions of services, and where it says so.
    calls: Vec<(usize, usize, Origin)>,
    /// Which caches and rate limiters are asked by which services, and where it says so.
    cache_users: Vec<(usize, usize, Origin)>,
    /// Look-ups whose caches mind how their misses end: where each is, and where it is filled.
    misses: Vec<(usize, usize)>,
    /// Which catalogues of keys are looked up in which caches, and where it says so.
    cache_keys: Vec<(usize, KeysId, Origin)>,
    /// Which operation calls which.
    operations: Vec<(Operation, Operation)>,
    /// Which operation publishes to which queue, and where it says so.
    published: Vec<(Operation, usize, Origin)>,
    /// Operations that are done for the messages of queues, by position of the queue.
    consumers: Vec<(usize, Operation, queue::Consumer)>,
    /// By component: places for instances.
    places: Vec<u32>,
    /// Components that something refers to.
    used: Vec<bool>,
    /// Catalogues of keys that somebody asks for keys, and for classes of them.
    asked_by_key: Vec<bool>,
    asked_by_class: Vec<bool>,
}

/// Compiles a scenario whose services have so many places for instances; nothing if that is impossible, which is
/// reported.
pub(super) fn compile(
    spec: &ScenarioSpec,
    places: Vec<u32>,
    data: &mut dyn Data,
    out: &mut Diagnostics,
) -> Option<Blueprint> {
    let before = out.n_errors();
    let mut compiler = Compiler::new(spec, places, data, out);
    compiler.add_keys();
    compiler.check_gateways();
    compiler.add_operations();
    compiler.check_calls();
    compiler.check_messages();
    compiler.check_caches();
    let mut nodes = compiler.plan_components();
    compiler.add_replicas(&mut nodes);
    let timeline = compiler.plan_timeline(&mut nodes);
    let (sources, traffic) = compiler.plan_sources();
    compiler.join_recordings(&sources);
    compiler.tell_balancers(&mut nodes, &traffic);
    compiler.tell_oracles(&mut nodes, &sources);
    let classes = traffic.classes;
    let transfer = compiler.priced_transfer(&sources);
    let windows = compiler.cut_windows(&sources);
    compiler.check_size(&sources, windows, classes.len());
    compiler.check_the_rest(&classes);
    if compiler.out.n_errors() == before {
        // What is unused because of an error is no news.
        compiler.warn_of_unused();
        compiler.warn_of_strangers();
        compiler.finish_keys();
    }
    let (mut program, callers) = (compiler.program, compiler.callers);
    program.note_held();
    program.source_of = traffic.flows.iter().map(|flow| flow.source).collect();
    if out.n_errors() > before {
        return None;
    }
    Some(Blueprint {
        windows,
        drain: spec.run.drain.value,
        max_in_flight: spec.run.max_in_flight.get() as usize,
        log: spec.run.log.value as usize,
        classes,
        flows: traffic.flows,
        responses: traffic.responses,
        sources: sources.into_iter().collect::<Option<_>>()?,
        callers,
        nodes: nodes.into_iter().collect::<Option<_>>()?,
        transfer,
        program,
        timeline,
    })
}

impl<'a> Compiler<'a> {
    fn new(
        spec: &'a ScenarioSpec,
        places: Vec<u32>,
        data: &'a mut dyn Data,
        out: &'a mut Diagnostics,
    ) -> Self {
        Self {
            spec,
            data,
            out,
            program: Program::default(),
            callers: Vec::new(),
            starts: BTreeMap::new(),
            responses: BTreeMap::new(),
            controls: BTreeMap::new(),
            n_clients: 0,
            open_calls: Vec::new(),
            ways_in: BTreeMap::new(),
            calls: Vec::new(),
            cache_users: Vec::new(),
            misses: Vec::new(),
            cache_keys: Vec::new(),
            operations: Vec::new(),
            published: Vec::new(),
            consumers: Vec::new(),
            places,
            used: vec![false; spec.components.items.len()],
            asked_by_key: vec![false; spec.keys.items.len()],
            asked_by_class: vec![false; spec.keys.items.len()],
        }
    }
}

impl Compiler<'_> {
    /// What can be checked only when everything is there.
    fn check_the_rest(&mut self, classes: &[String]) {
        self.check_laws();
        self.check_program();
        self.check_objectives(classes);
    }

    /// A law, drawn from at `place`; nothing if its data are not right, which is reported.
    fn demand(&mut self, law: &Law, place: &str) -> Option<Demand> {
        let sampler = law.sampler(self.data, self.out)?;
        let law = self.program.add_law(sampler);
        Some(Demand::of(law, Salt::new(place, "demand")))
    }

    /// What a step asks for at `place`: by a law, or as recorded.
    fn work(&mut self, work: &Work, place: &str) -> Option<Demand> {
        let own = match work {
            Work::Law(law) => return self.demand(law, place),
            Work::Recorded(own) => own,
            Work::Hashed(own) => {
                let law = Law::Exponential(Exponential(own.hashed.mean));
                let law = own.otherwise.as_ref().unwrap_or(&law);
                let sampler = law.sampler(self.data, self.out)?;
                let recorded = RecordedWork {
                    name: None,
                    by_source: Vec::new(),
                    hashed: Some(own.hashed.clone()),
                    repeated: false,
                    has_law: true,
                };
                return self.recorded(sampler, recorded, place);
            }
        };
        // Where no law is needed there is one that is never drawn from.
        let never = Sampler::constant(SimDuration::ZERO);
        let law = match &own.otherwise {
            Some(law) => law.sampler(self.data, self.out)?,
            None => never,
        };
        let recorded = RecordedWork {
            name: Some(own.recorded.clone()),
            by_source: Vec::new(),
            hashed: own.hashed.clone(),
            repeated: own.repeated.value,
            has_law: own.otherwise.is_some(),
        };
        self.recorded(law, recorded, place)
    }

    fn recorded(&mut self, law: Sampler, own: RecordedWork, place: &str) -> Option<Demand> {
        let law = self.program.add_law(law);
        if self.program.recorded.len() >= usize::from(u16::MAX) {
            // Reported with the laws, of which there are as many.
            return None;
        }
        Some(Demand {
            law,
            salt: Salt::new(place, "demand"),
            recorded: Some(self.program.add_recorded(own)),
        })
    }

    /// The position and the spec of the component `name`; reports a name that none has.
    fn component(&mut self, name: &At<String>) -> Option<(usize, &ComponentSpec)> {
        let (at, spec) = self.spec.components.resolve(name, "component", self.out)?;
        self.used[at] = true;
        Some((at, spec))
    }

    /// Reports a component that is of the wrong kind where it is named.
    fn wrong_kind(&mut self, name: &At<String>, at: usize, expected: &str) {
        let (own, spec) = &self.spec.components.items[at];
        let problem = format!("`{}` is a {}, not {expected}", name.value, spec.word());
        self.out.push(
            Diagnostic::error(name.origin, problem)
                .label(format!("expected {expected}"))
                .related(own.origin, "defined here"),
        );
    }

    fn add_keys(&mut self) {
        for (name, keys) in &self.spec.keys.items {
            let exponent = keys.popularity.exponent();
            let varies = match keys.vary.value {
                Vary::Nobody => 0,
                Vary::Authenticated => Flags::AUTHENTICATED,
                Vary::Client => Flags::KNOWN,
            };
            let catalogue = Keys::untabled(keys.count.value, exponent, Salt::new(name, "keys"));
            let mut catalogue = catalogue
                .varied(varies)
                .lacking(keys.missing.value, Salt::new(name, "missing"));
            if let Some(sizes) = &keys.size {
                catalogue = catalogue.sized(sizes.sampler(), Salt::new(name, "size"));
            }
            self.program.keys.push(catalogue);
        }
    }

    /// The catalogue of this name, of which `by` says how it is asked.
    fn keys(&mut self, name: &At<String>, by: Asked) -> Option<KeysId> {
        let (at, _) = self
            .spec
            .keys
            .resolve(name, "catalogue of keys", self.out)?;
        match by {
            Asked::ByKey => self.asked_by_key[at] = true,
            Asked::ByClass => self.asked_by_class[at] = true,
        }
        Some(KeysId(at as u16))
    }

    /// Prepares the catalogues for how they are asked: tables of keys are large.
    fn finish_keys(&mut self) {
        let asked = self.asked_by_key.iter().zip(&self.asked_by_class);
        for (keys, (by_key, by_class)) in self.program.keys.iter_mut().zip(asked) {
            if *by_key {
                *keys = keys.clone().tabled();
            }
            if *by_class {
                *keys = keys.clone().classed(*by_key);
            }
        }
    }

    fn cut_windows(&self, sources: &[Option<source::Plan>]) -> Windows {
        let run = &self.spec.run;
        let horizon = run.horizon.value;
        let expected = sources
            .iter()
            .flatten()
            .filter_map(|plan| plan.begins.expected())
            .sum();
        let length = run
            .window
            .map_or_else(|| window_for(horizon, expected), |window| window.value);
        Windows::new(horizon, length.min(horizon), run.warm_up.value)
    }

    /// The component that requests enter or call, and the service behind it.
    pub(super) fn entered(&mut self, name: &At<String>) -> Option<(usize, usize)> {
        let (at, spec) = self.component(name)?;
        match spec {
            ComponentSpec::Service(_) => Some((at, at)),
            ComponentSpec::Balancer(_) => {
                let behind = self.services_behind(at);
                behind.first().map(|first| (at, *first))
            }
            gateway if gateways::leads_to(gateway).is_some() => {
                self.service_behind(at).map(|service| (at, service))
            }
            _ => {
                self.wrong_kind(name, at, gateways::MAY_BE_ENTERED);
                None
            }
        }
    }

    /// The services that requests come to through a component, in order: all of those behind a balancer. Those that
    /// are none are left out, which is reported with the balancer.
    fn services_behind(&self, entered: usize) -> Vec<usize> {
        let components = &self.spec.components;
        let mut at = entered;
        // Gateways that lead round in a ring are reported by themselves.
        for _ in 0..components.items.len() {
            let spec = &components.items[at].1;
            if let ComponentSpec::Balancer(own) = spec {
                let names = own.to.services();
                let found = names.iter().filter_map(|name| components.find(name));
                let is_service = |spec: &ComponentSpec| matches!(spec, ComponentSpec::Service(_));
                return found
                    .filter(|(_, spec)| is_service(spec))
                    .map(|(at, _)| at)
                    .collect();
            }
            match gateways::leads_to(spec).and_then(|to| components.find(to)) {
                Some((next, _)) => at = next,
                None => break,
            }
        }
        vec![at]
    }

    /// Where the operation of a service for `class` starts; reports that there is none.
    fn start_of(&mut self, service: usize, class: &str, asked_at: Origin) -> Option<u16> {
        let own = self.starts.get(&(service, class.to_owned()));
        if let Some(start) = own.or_else(|| self.starts.get(&(service, DEFAULT.to_owned()))) {
            return Some(*start);
        }
        let (name, spec) = &self.spec.components.items[service];
        let ComponentSpec::Service(spec) = spec else {
            return None;
        };
        if spec.operations.items.is_empty() {
            // Which has been reported.
            return None;
        }
        let label = format!(
            "it has: {}",
            spec.operations.names().collect::<Vec<_>>().join(", ")
        );
        let problem = format!(
            "`{}` has no operation for requests of class `{class}`",
            name.value
        );
        self.out.push(
            Diagnostic::error(asked_at, problem)
                .related(name.origin, label)
                .help(format!("add [components.{0}.operations.{class}] or [components.{0}.operations.default]", name.value)),
        );
        None
    }

    fn check_size(&mut self, sources: &[Option<source::Plan>], windows: Windows, n_classes: usize) {
        for (plan, (name, _)) in sources.iter().zip(&self.spec.sources.items) {
            let Some(expected) = plan.as_ref().and_then(|plan| plan.begins.due()) else {
                continue;
            };
            let at = self.rate_origin(name);
            if expected.is_nan() || expected > MOST_REQUESTS {
                let problem = format!("{expected:.1e} requests are more than can be simulated");
                self.out.push(
                    Diagnostic::error(at, problem)
                        .label(format!("at most {MOST_REQUESTS:.0e} in one replication"))
                        .related(self.spec.run.horizon.origin, "over this time"),
                );
            } else if expected < 1.0 {
                let problem = "this source is not expected to send a single request";
                self.out.push(Diagnostic::warning(at, problem));
            }
        }
        if windows.count * n_classes > MOST_CELLS {
            let at = self
                .spec
                .run
                .window
                .map_or(self.spec.run.horizon.origin, |w| w.origin);
            let problem = format!(
                "{} windows of {n_classes} classes are more than can be recorded",
                windows.count
            );
            self.out
                .push(Diagnostic::error(at, problem).label("choose longer windows"));
        }
    }

    /// Positions in the program are 16 bits.
    fn check_program(&mut self) {
        let n = self.here();
        if n > operations::MOST_OPS {
            let problem = format!(
                "the operations have {n} instructions; at most {} fit",
                operations::MOST_OPS
            );
            self.out
                .push(Diagnostic::error(self.spec.run.horizon.origin, problem));
        }
    }

    /// Laws are known by numbers of 16 bits.
    fn check_laws(&mut self) {
        let n = self.program.laws.len();
        if n > usize::from(u16::MAX) {
            let problem = format!("{n} places that draw from a law are too many");
            let at = self.spec.run.horizon.origin;
            self.out.push(
                Diagnostic::error(at, problem).help("repeat fewer pauses in the flows of sources"),
            );
        }
    }

    fn check_objectives(&mut self, classes: &[String]) {
        for objective in &self.spec.objectives.items {
            let Some(class) = &objective.class else {
                continue;
            };
            if !classes.contains(class) {
                let problem = format!("no class of requests is named `{class}`");
                let label = format!("there are: {}", classes.join(", "));
                self.out
                    .push(Diagnostic::error(objective.origin, problem).label(label));
            }
        }
    }

    fn warn_of_unused(&mut self) {
        for (at, (name, _)) in self.spec.components.items.iter().enumerate() {
            // A balancer's own `to` and a pool's do not make a component used by requests.
            if !self.used[at] {
                let problem = format!("no request ever gets to `{}`", name.value);
                self.out.push(Diagnostic::warning(name.origin, problem));
            }
        }
    }
}

const MS: u64 = 1_000_000;
const S: u64 = 1000 * MS;
/// Lengths of windows that people find round.
const LENGTHS: [u64; 22] = [
    MS / 10,
    MS,
    10 * MS,
    100 * MS,
    200 * MS,
    500 * MS,
    S,
    2 * S,
    5 * S,
    10 * S,
    15 * S,
    30 * S,
    60 * S,
    120 * S,
    300 * S,
    600 * S,
    900 * S,
    1800 * S,
    3600 * S,
    7200 * S,
    21_600 * S,
    86_400 * S,
];

/// A round length of which there are at most 300 in the horizon, fewer where there are few requests: a
/// window is to have about 200 of them, so that what is read off it is no accident.
fn window_for(horizon: SimDuration, expected: f64) -> SimDuration {
    let most = (expected / 200.0).clamp(10.0, 300.0) as u64;
    let fits = |length: &&u64| horizon.as_nanos().div_ceil(**length) <= most;
    SimDuration::from_nanos(LENGTHS.iter().find(fits).copied().unwrap_or(604_800 * S))
}

impl Compiler<'_> {
    /// The position of the next instruction; reports a scenario with too many.
    fn here(&self) -> usize {
        self.program.ops.len()
    }

    fn emit(&mut self, op: Op) {
        self.program.ops.push(op);
    }
}
