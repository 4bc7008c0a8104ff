//! Sources with every name resolved: their classes, their flows, their persistence.

use super::{Asked, Compiler};
use crate::component::caller;
use crate::component::program::Demand;
use crate::component::source::browser::{self, BrowserCache};
use crate::component::source::clients::Clients;
use crate::component::source::flow::Move;
use crate::component::source::network::Way;
use crate::component::source::population::People;
use crate::component::source::{Begins, BreaksOff, Choice, Plan, Source, SourceSpec, Stated};
use crate::component::{Flow, NodeId};
use crate::diag::{Diagnostic, Origin};
use crate::policy::persistence::Persistence;
use crate::spec::At;
use crate::traffic::arrivals::Setting;
use crate::traffic::curve;
use crate::traffic::tools::k6::Executor;
use crate::traffic::tools::{self, Crew, Load, Timeout};
use crate::units::{Rate, SimDuration, SimTime};

/// A source in the making.
pub(super) struct Draft {
    pub(super) source: u16,
    /// The component that its requests enter, and the service that they come to.
    pub(super) entered: Option<(usize, usize)>,
    pub(super) moves: Vec<Move>,
    pub(super) choices: Vec<Choice>,
    /// The classes that browsers keep; all if there are none.
    pub(super) kept: Vec<String>,
    /// Tells the places of a flow apart.
    pub(super) place: String,
    /// Where the source stands, for what concerns all of it.
    pub(super) origin: Origin,
}

impl Draft {
    fn new(
        source: u16,
        name: &At<String>,
        entered: Option<(usize, usize)>,
        clients: &Clients,
    ) -> Self {
        let people = clients.clients.as_ref();
        let browsers = people.and_then(|own| own.browser_cache.as_ref());
        let classes = browsers.iter().flat_map(|own| &own.classes);
        Self {
            source,
            entered,
            moves: Vec::new(),
            choices: Vec::new(),
            kept: classes.map(|class| class.value.clone()).collect(),
            place: format!("{}/flow", name.value),
            origin: name.origin,
        }
    }
}

/// Sources and classes that go together, and the names of the classes.
#[derive(Default)]
pub(super) struct Traffic {
    pub(super) flows: Vec<Flow>,
    pub(super) classes: Vec<String>,
    /// By flow: how large answers are.
    pub(super) responses: Vec<Option<Demand>>,
    /// By flow: where its requests start.
    pub(super) starts: Vec<u16>,
}

impl Traffic {
    /// The number of a source's requests of a class.
    pub(super) fn flow(&mut self, source: u16, class: &str) -> u16 {
        let position = self.classes.iter().position(|known| known == class);
        let position = position.unwrap_or_else(|| {
            self.classes.push(class.to_owned());
            self.classes.len() - 1
        });
        let flow = Flow {
            source,
            class: position as u16,
        };
        let known = self.flows.iter().position(|known| *known == flow);
        let at = known.unwrap_or_else(|| {
            self.flows.push(flow);
            self.responses.push(None);
            self.starts.push(0);
            self.flows.len() - 1
        });
        at as u16
    }
}

impl Compiler<'_> {
    /// Sources, flows and classes.
    pub(super) fn plan_sources(&mut self) -> (Vec<Option<Plan>>, Traffic) {
        let spec = self.spec;
        let mut traffic = Traffic::default();
        let sources = spec.sources.items.iter().enumerate();
        let plans = sources
            .map(|(at, (name, source))| self.plan_source(at as u16, name, source, &mut traffic));
        (plans.collect(), traffic)
    }

    fn plan_source(
        &mut self,
        at: u16,
        name: &At<String>,
        source: &Source,
        traffic: &mut Traffic,
    ) -> Option<Plan> {
        let (clients, persistence) = (&source.shared.own, &source.shared.shared);
        let before = self.out.n_errors();
        let entered = self.entered(&clients.enters);
        let mut draft = Draft::new(at, name, entered, clients);
        self.add_flow(&mut draft, clients, &source.own, traffic);
        let begins = self.begins(name, &source.own);
        let recording = self.recording(&source.own, &draft);
        let class_of = self.classes_of(recording.as_deref(), clients, &source.own);
        let patience = clients
            .patience
            .as_ref()
            .map(|law| self.demand(law, &format!("{}/patience", name.value)));
        let patience = match patience {
            Some(found) => Some(found?),
            None => None,
        };
        let tool = source.own.tool();
        let rules = self.rules_of(
            (name, &source.own),
            persistence,
            tool.as_ref().map(|tool| tool.timeout),
        );
        let people = self.people(name, clients);
        let way = self.network(name, clients);
        let browsers = self.browsers(name, clients, &draft, traffic);
        // Requests that are their own only attempt, and whose answers nobody keeps.
        let is_simple = browsers.is_none() && way.is_none();
        let is_plain =
            is_simple && persistence.is_plain() && patience.is_none() && draft.moves.is_empty();
        let caller = if is_plain {
            None
        } else {
            Some(self.add_caller(name.value.clone(), (1, 1), &rules)?)
        };
        self.warn_of_the_end(name, tool.as_ref());
        self.check_measured(clients, &source.own, tool.as_ref());
        self.check_users(&source.own);
        if self.out.n_errors() > before {
            return None;
        }
        let (enters, service) = entered?;
        let timeout = persistence.timeout.map(|timeout| timeout.value);
        Some(Plan {
            name: name.value.clone(),
            kind: source.own.word(),
            stated: clients.measured.as_ref().map(|measured| Stated {
                rate: measured.rate.value,
                latency: measured.latency.value,
                think: self.pauses(&draft.moves),
            }),
            people,
            browsers,
            way,
            late_after: match tool.map(|tool| tool.timeout) {
                Some(Timeout::Counts(usual)) => Some(timeout.unwrap_or(usual)),
                _ => None,
            },
            breaks_off: breaks_off(clients, &source.own, enters == service),
            begins: begins?,
            recording,
            class_of,
            enters: NodeId::new(enters),
            timeout: timeout.filter(|_| is_plain),
            caller,
            patience,
            moves: draft.moves,
            choices: draft.choices,
        })
    }

    /// What the browsers of a source's clients keep.
    fn browsers(
        &mut self,
        name: &At<String>,
        clients: &Clients,
        draft: &Draft,
        traffic: &Traffic,
    ) -> Option<browser::Plan> {
        let spec = clients.clients.as_ref()?.browser_cache.as_ref()?;
        self.check_kept(spec, draft, traffic);
        let keys = self.keys(&spec.keys, Asked::ByKey)?;
        Some(browser::Plan::new(name, spec, keys))
    }

    /// Who a source's clients are.
    fn people(&mut self, name: &At<String>, clients: &Clients) -> Option<People> {
        let spec = clients.clients.as_ref()?;
        let first = self.n_clients;
        match first
            .checked_add(spec.population.get())
            .filter(|n| *n < u32::MAX)
        {
            Some(upto) => self.n_clients = upto,
            None => {
                let problem = "these are too many clients, those of other sources included";
                self.out
                    .push(Diagnostic::error(spec.population.origin, problem));
            }
        }
        Some(People::new(name, spec, first))
    }

    /// The way between a source's clients and the system.
    fn network(&mut self, name: &At<String>, clients: &Clients) -> Option<Way> {
        let spec = clients.network.as_ref()?;
        let rtt = self.demand(&spec.rtt, &format!("{}/rtt", name.value));
        let jitter = match &spec.jitter {
            Some(law) => Some(self.demand(law, &format!("{}/jitter", name.value))?),
            None => None,
        };
        Some(Way::new(name, spec, rtt?, jitter))
    }

    /// How long a round pauses on average, per request of it.
    fn pauses(&self, moves: &[Move]) -> SimDuration {
        let (mut pauses, mut requests) = (0.0, 0.0);
        for step in moves {
            match step {
                Move::Think(demand) => {
                    let law = &self.program.laws[demand.law.0 as usize];
                    pauses += law.mean().as_secs_f64();
                }
                Move::Send { .. } => requests += 1.0,
                Move::Fetch { count, .. } => requests += f64::from(*count),
                _ => {}
            }
        }
        SimDuration::from_secs_f64(pauses / f64::max(requests, 1.0))
    }

    /// Reports classes that browsers are to keep, but nobody asks for.
    fn check_kept(&mut self, spec: &BrowserCache, draft: &Draft, traffic: &Traffic) {
        let own = traffic
            .flows
            .iter()
            .filter(|flow| flow.source == draft.source);
        let classes: Vec<&str> = own
            .map(|flow| traffic.classes[flow.class as usize].as_str())
            .collect();
        for class in &spec.classes {
            if !classes.contains(&class.value.as_str()) {
                let problem = format!("this source has no requests of class `{}`", class.value);
                self.out.push(
                    Diagnostic::error(class.origin, problem)
                        .label(format!("there are: {}", classes.join(", "))),
                );
            }
        }
    }

    /// Adds the rules of a caller; gives their number.
    pub(super) fn add_caller(
        &mut self,
        name: String,
        processes: (u32, u32),
        spec: &Persistence,
    ) -> Option<u16> {
        let plan = caller::Plan::new(name, processes, spec, self.data, self.out)?;
        self.callers.push(plan);
        Some((self.callers.len() - 1) as u16)
    }

    /// When something begins at a source.
    fn begins(&mut self, name: &At<String>, kind: &SourceSpec) -> Option<Begins> {
        let horizon = self.spec.run.horizon.value;
        match kind {
            SourceSpec::Open(open) => {
                let rate = open.rate.map_or(Rate::ZERO, |rate| rate.value);
                if let (true, Some(_)) = (open.arrivals.brings_its_times(), open.curve.first()) {
                    let problem = "recorded arrivals have no curve";
                    self.out.push(
                        Diagnostic::error(name.origin, problem).label("this source has both"),
                    );
                }
                let curve = curve::build(rate, &open.curve, horizon, self.data, self.out);
                let setting = Setting {
                    rate,
                    curve: curve.as_ref(),
                };
                let gaps = open.arrivals.start(setting, self.data, self.out);
                Some(Begins::Arrivals {
                    gaps: gaps?,
                    curve: curve?,
                })
            }
            SourceSpec::Users(own) => Some(Begins::Users {
                users: own.users.get(),
                over: own.over.value,
                drawn: own.drawn.clone(),
            }),
            tool => Some(Begins::Tool(Box::new(tool.tool()?))),
        }
    }

    /// How a source's clients persist, with what its load tool does unless told otherwise.
    fn rules_of(
        &mut self,
        (name, kind): (&At<String>, &SourceSpec),
        own: &Persistence,
        tool: Option<Timeout>,
    ) -> Persistence {
        let mut rules = own.clone();
        match (tool, own.timeout) {
            (Some(Timeout::Counts(_)), _) => {
                // A late answer is waited for all the same.
                rules.timeout = None;
                if let (false, SourceSpec::Wrk(_)) = (own.is_plain(), kind) {
                    let problem = "wrk sends each request once, and waits for its answer";
                    self.out.push(
                        Diagnostic::error(name.origin, problem)
                            .help("leave out `deadline`, `retry`, `hedge`, `breaker` and `limit`"),
                    );
                }
            }
            (Some(Timeout::Aborts(usual)), None) => rules.timeout = Some(At::built_in(usual)),
            _ => {}
        }
        rules
    }

    /// More users than may be in flight are refused before they take all memory.
    fn check_users(&mut self, kind: &SourceSpec) {
        let most = &self.spec.run.max_in_flight;
        let Some((users, origin)) = most_users(kind) else {
            return;
        };
        if users > u64::from(most.get()) {
            let problem = format!("{users} users are more than may be in flight at the same time");
            self.out.push(
                Diagnostic::error(origin, problem)
                    .related(most.origin, format!("run.max_in_flight is {}", most.value))
                    .help("set `max_in_flight` in [run] if there is memory for them"),
            );
        }
    }

    /// Little's law needs to know how many users there are.
    fn check_measured(&mut self, clients: &Clients, kind: &SourceSpec, tool: Option<&tools::Plan>) {
        let is_fixed = match tool {
            Some(tool) => matches!(tool.load, Load::Crew(Crew::Constant(_))),
            None => matches!(kind, SourceSpec::Users(_)),
        };
        if let (Some(measured), false) = (&clients.measured, is_fixed) {
            let problem = "what was measured says nothing without a fixed number of users";
            self.out.push(
                Diagnostic::error(measured.rate.origin, problem)
                    .help("only users, wrk, and k6 with constant-vus have one"),
            );
        }
    }

    /// A test that goes on after the run has ended is told of.
    fn warn_of_the_end(&mut self, name: &At<String>, tool: Option<&tools::Plan>) {
        let horizon = SimTime::ZERO + self.spec.run.horizon.value;
        let Some(end) = tool.map(|tool| tool.end) else {
            return;
        };
        if end > horizon && end < SimTime::NEVER {
            let problem = format!("this test takes {}", end.since(SimTime::ZERO));
            self.out.push(
                Diagnostic::warning(name.origin, problem)
                    .related(self.spec.run.horizon.origin, "the run ends before"),
            );
        }
    }

    /// Where a source's rate stands, or its name.
    pub(super) fn rate_origin(&self, name: &At<String>) -> Origin {
        let own = self.spec.sources.find(name).map(|(_, source)| &source.own);
        match own {
            Some(SourceSpec::Open(open)) => open.rate.map_or(name.origin, |rate| rate.origin),
            _ => name.origin,
        }
    }
}

/// On which ends of a request a source's users break off their rounds.
fn breaks_off(clients: &Clients, kind: &SourceSpec, refused: bool) -> Option<BreaksOff> {
    match (clients.breaks_off, kind) {
        (Some(own), _) => own.value.then_some(BreaksOff::Failure),
        (None, SourceSpec::Artillery(_)) => Some(BreaksOff::NoAnswer { refused }),
        _ => None,
    }
}

/// The most users that a source has at the same time, and where that is written.
fn most_users(kind: &SourceSpec) -> Option<(u64, Origin)> {
    fn given(own: Option<At<u32>>) -> Option<(u64, Origin)> {
        own.map(|own| (u64::from(own.value), own.origin))
    }
    match kind {
        SourceSpec::Open(_) | SourceSpec::Artillery(_) => None,
        SourceSpec::Users(own) => Some((own.users.get().into(), own.users.origin)),
        SourceSpec::Wrk(own) => Some((own.connections.get().into(), own.connections.origin)),
        SourceSpec::K6(own) => {
            let counts = [own.vus, own.start_vus, own.pre_allocated_vus, own.max_vus];
            let counts = counts.into_iter().filter_map(given);
            // Elsewhere the targets are rates.
            let ramps = own.executor.0 == Executor::RampingVus;
            let stages = own.stages.iter().filter(|_| ramps);
            let targets = stages
                .flat_map(|stages| &stages.value)
                .map(|stage| (stage.target.value, stage.target.origin));
            counts.chain(targets).max_by_key(|(users, _)| *users)
        }
        SourceSpec::Locust(own) => {
            let stages = own.stages.iter().flat_map(|stages| &stages.value);
            let users = stages.map(|stage| stage.users).chain(own.users);
            users
                .filter_map(|users| given(Some(users)))
                .max_by_key(|(users, _)| *users)
        }
    }
}
