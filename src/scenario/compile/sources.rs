//! Sources with every name resolved: their classes, their flows, their persistence.

use super::{Compiler, DEFAULT};
use crate::component::caller;
use crate::component::program::{Demand, threshold};
use crate::component::source::browser::{self, BrowserCache};
use crate::component::source::clients::Clients;
use crate::component::source::flow::{FlowStep, Move, Pause};
use crate::component::source::network::Way;
use crate::component::source::population::People;
use crate::component::source::{Begins, BreaksOff, Choice, Plan, Source, SourceKind, Stated};
use crate::component::{Flow, NodeId};
use crate::diag::{Diagnostic, Origin};
use crate::policy::persistence::Persistence;
use crate::spec::At;
use crate::traffic::arrivals::Setting;
use crate::traffic::curve;
use crate::traffic::tools::{self, Timeout};
use crate::units::{Fraction, Rate, SimDuration, SimTime};

/// The most steps of a flow, repetitions written out.
const MOST_MOVES: usize = 10_000;

/// A source in the making.
struct Draft {
    source: u16,
    /// The service that its requests come to.
    service: Option<usize>,
    moves: Vec<Move>,
    choices: Vec<Choice>,
    /// The classes that browsers keep; all if there are none.
    kept: Vec<String>,
    /// Tells the places of a flow apart.
    place: String,
    /// Where the source stands, for what concerns all of it.
    origin: Origin,
}

/// Sources and classes that go together, and the names of the classes.
#[derive(Default)]
pub(super) struct Traffic {
    pub(super) flows: Vec<Flow>,
    pub(super) classes: Vec<String>,
    /// By flow: how large answers are.
    pub(super) responses: Vec<Option<Demand>>,
}

impl Traffic {
    /// The number of a source's requests of a class.
    fn flow(&mut self, source: u16, class: &str) -> u16 {
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
        let mut draft = Draft {
            source: at,
            service: entered.map(|(_, service)| service),
            moves: Vec::new(),
            choices: Vec::new(),
            kept: clients
                .clients
                .as_ref()
                .and_then(|own| own.browser_cache.as_ref())
                .map_or(Vec::new(), |own| {
                    own.classes
                        .iter()
                        .map(|class| class.value.clone())
                        .collect()
                }),
            place: format!("{}/flow", name.value),
            origin: name.origin,
        };
        self.add_flow(&mut draft, clients, &source.own, traffic);
        let begins = self.begins(name, &source.own);
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
            &source.own,
            persistence,
            tool.as_ref().map(|tool| tool.timeout),
        );
        let people = self.people(name, clients);
        let way = self.network(name, clients);
        let browsers = clients.clients.as_ref().and_then(|own| {
            let spec = own.browser_cache.as_ref()?;
            let keys = self.keys(&spec.keys)?;
            self.check_kept(spec, &draft, traffic);
            Some(browser::Plan::new(name, spec, keys))
        });
        let is_stranger = people.is_none() && way.is_none();
        let is_plain =
            is_stranger && persistence.is_plain() && patience.is_none() && draft.moves.is_empty();
        let caller = if is_plain {
            None
        } else {
            Some(self.add_caller(name.value.clone(), (1, 1), &rules)?)
        };
        self.warn_of_the_end(name, tool.as_ref());
        if self.out.n_errors() > before {
            return None;
        }
        let (enters, service) = entered?;
        let late_after = match tool.as_ref().map(|tool| tool.timeout) {
            Some(Timeout::Counts(usual)) => {
                Some(persistence.timeout.map_or(usual, |timeout| timeout.value))
            }
            _ => None,
        };
        let breaks_off = match (clients.breaks_off, &source.own) {
            (Some(own), _) => own.value.then_some(BreaksOff::Failure),
            (None, SourceKind::Artillery(_)) => Some(BreaksOff::NoAnswer {
                refused: enters == service,
            }),
            _ => None,
        };
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
            late_after,
            breaks_off,
            begins: begins?,
            enters: NodeId::new(enters),
            timeout: persistence
                .timeout
                .filter(|_| is_plain)
                .map(|timeout| timeout.value),
            caller,
            patience,
            moves: draft.moves,
            choices: draft.choices,
        })
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
    fn begins(&mut self, name: &At<String>, kind: &SourceKind) -> Option<Begins> {
        let horizon = self.spec.run.horizon.value;
        match kind {
            SourceKind::Open(open) => {
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
            SourceKind::Users(own) => Some(Begins::Users {
                users: own.users.get(),
                over: own.over.value,
            }),
            tool => Some(Begins::Tool(Box::new(tool.tool()?))),
        }
    }

    /// How a source's clients persist, with what its load tool does unless told otherwise.
    fn rules_of(
        &mut self,
        kind: &SourceKind,
        own: &Persistence,
        tool: Option<Timeout>,
    ) -> Persistence {
        let mut rules = own.clone();
        match (tool, own.timeout) {
            (Some(Timeout::Counts(_)), _) => {
                // A late answer is waited for all the same.
                rules.timeout = None;
                if let (false, SourceKind::Wrk(wrk)) = (own.is_plain(), kind) {
                    let problem = "wrk sends each request once, and waits for its answer";
                    self.out.push(
                        Diagnostic::error(wrk.duration.origin, problem)
                            .help("leave out `deadline`, `retry`, `hedge`, `breaker` and `limit`"),
                    );
                }
            }
            (Some(Timeout::Aborts(usual)), None) => rules.timeout = Some(At::built_in(usual)),
            _ => {}
        }
        rules
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
            Some(SourceKind::Open(open)) => open.rate.map_or(name.origin, |rate| rate.origin),
            _ => name.origin,
        }
    }

    /// What a source's users do; no moves where each arrival is a request and nothing more.
    fn add_flow(
        &mut self,
        draft: &mut Draft,
        clients: &Clients,
        kind: &SourceKind,
        traffic: &mut Traffic,
    ) {
        let think = match kind {
            SourceKind::Users(own) => own.think.as_ref(),
            _ => None,
        };
        if let Some(pause) = think {
            self.add_pause(draft, pause);
        }
        if clients.flow.is_empty() {
            let send = self.add_mix(draft, clients, traffic);
            if !matches!(kind, SourceKind::Open(_)) {
                draft.moves.extend([send, Move::End]);
            }
            return;
        }
        self.add_flow_steps(draft, &clients.flow, traffic);
        let sends = |step: &Move| matches!(step, Move::Send { .. } | Move::Fetch { .. });
        if !draft.moves.iter().any(sends) {
            let problem = "a flow needs a request";
            let help = "add a step: { request = \"page\" }";
            self.out
                .push(Diagnostic::error(draft.origin, problem).help(help));
        }
        draft.moves.push(Move::End);
        if draft.moves.len() > MOST_MOVES {
            let problem = format!("a flow has at most {MOST_MOVES} steps, repetitions included");
            self.out.push(Diagnostic::error(draft.origin, problem));
            draft.moves.truncate(1);
        }
    }

    fn add_mix(&mut self, draft: &mut Draft, clients: &Clients, traffic: &mut Traffic) -> Move {
        let from = draft.choices.len() as u16;
        let mut upto = 0.0;
        for (class, share, origin) in mix_of(clients) {
            upto += share.get();
            let below = threshold(Fraction::new(upto.min(1.0)).unwrap_or(Fraction::ONE));
            self.add_choice(draft, (&class, origin), below, traffic);
        }
        let to = draft.choices.len() as u16;
        Move::Send { from, to }
    }

    /// Adds a class to what a source asks for; gives its number there.
    fn add_choice(
        &mut self,
        draft: &mut Draft,
        (class, origin): (&str, Origin),
        below: u64,
        traffic: &mut Traffic,
    ) -> u16 {
        let flow = traffic.flow(draft.source, class);
        let start = draft
            .service
            .and_then(|service| self.start_of(service, class, origin));
        let pc = start.unwrap_or(0);
        traffic.responses[flow as usize] = self.responses.get(&pc).copied();
        let is_kept = draft.kept.is_empty() || draft.kept.iter().any(|own| own == class);
        draft.choices.push(Choice {
            below,
            flow,
            pc,
            is_kept,
        });
        (draft.choices.len() - 1) as u16
    }

    fn add_request(&mut self, draft: &mut Draft, class: &At<String>, traffic: &mut Traffic) -> u16 {
        self.add_choice(draft, (class, class.origin), u64::MAX, traffic)
    }

    fn add_pause(&mut self, draft: &mut Draft, pause: &Pause) {
        let place = format!("{}/{}", draft.place, draft.moves.len());
        let demand = self.demand(&pause.0, &place);
        draft.moves.extend(demand.map(Move::Think));
    }

    fn add_flow_steps(&mut self, draft: &mut Draft, steps: &[FlowStep], traffic: &mut Traffic) {
        for step in steps {
            if draft.moves.len() > MOST_MOVES {
                return;
            }
            match step {
                FlowStep::Request(step) => self.add_send(draft, &step.request, traffic),
                FlowStep::Get(step) => {
                    self.add_send(draft, step.class.as_ref().unwrap_or(&step.get), traffic);
                }
                FlowStep::Post(step) => {
                    self.add_send(draft, step.class.as_ref().unwrap_or(&step.post), traffic);
                }
                FlowStep::Think(step) => self.add_pause(draft, &step.think),
                FlowStep::Page(step) => {
                    self.add_send(draft, &step.page, traffic);
                    let choice = self.add_request(draft, &step.of, traffic);
                    draft.moves.push(Move::Fetch {
                        choice,
                        count: step.objects.get() as u16,
                        at_once: step.connections.get().min(u32::from(u16::MAX)) as u16,
                    });
                }
                FlowStep::Repeat(step) => {
                    for _ in 0..step.repeat.get() {
                        self.add_flow_steps(draft, &step.steps, traffic);
                        if draft.moves.len() > MOST_MOVES || step.steps.is_empty() {
                            break;
                        }
                    }
                }
                FlowStep::Choose(step) => {
                    let weights: Vec<f64> =
                        step.choose.iter().map(|own| own.weight.value).collect();
                    let steps = step.choose.iter().map(|own| own.steps.as_slice());
                    self.add_branches(draft, &weights, steps, traffic);
                }
            }
        }
    }

    fn add_send(&mut self, draft: &mut Draft, class: &At<String>, traffic: &mut Traffic) {
        let from = self.add_request(draft, class, traffic);
        let to = from + 1;
        draft.moves.push(Move::Send { from, to });
    }

    /// One of several ways to go on: each with the chance that it has among those not passed over yet.
    fn add_branches<'s>(
        &mut self,
        draft: &mut Draft,
        weights: &[f64],
        branches: impl Iterator<Item = &'s [FlowStep]>,
        traffic: &mut Traffic,
    ) {
        let mut rest: f64 = weights.iter().sum();
        let mut to_end = Vec::new();
        for (weight, steps) in weights.iter().zip(branches) {
            let chance = if rest > 0.0 {
                (weight / rest).min(1.0)
            } else {
                0.0
            };
            rest -= weight;
            let at = draft.moves.len();
            let below = threshold(Fraction::new(chance).unwrap_or(Fraction::ONE));
            draft.moves.push(Move::Chance {
                below,
                otherwise: 0,
            });
            self.add_flow_steps(draft, steps, traffic);
            to_end.push(draft.moves.len());
            draft.moves.push(Move::Jump(0));
            let next = draft.moves.len() as u16;
            if let Move::Chance { otherwise, .. } = &mut draft.moves[at] {
                *otherwise = next;
            }
        }
        let end = draft.moves.len() as u16;
        for at in to_end {
            draft.moves[at] = Move::Jump(end);
        }
    }
}

/// The classes of a source's requests, with their shares and where they are written.
fn mix_of(clients: &Clients) -> Vec<(String, Fraction, Origin)> {
    if clients.mix.items.is_empty() {
        return vec![(DEFAULT.to_owned(), Fraction::ONE, clients.enters.origin)];
    }
    let part =
        |(name, share): &(At<String>, At<Fraction>)| (name.value.clone(), share.value, name.origin);
    clients.mix.items.iter().map(part).collect()
}
