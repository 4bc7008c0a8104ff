//! Sources with every name resolved: their classes, their flows, their persistence.

use super::{Compiler, DEFAULT};
use crate::component::caller;
use crate::component::program::threshold;
use crate::component::source::clients::Clients;
use crate::component::source::flow::{FlowStep, Move, Pause};
use crate::component::source::{Begins, BreaksOff, Choice, Plan, Source, SourceKind};
use crate::component::{Flow, NodeId};
use crate::diag::{Diagnostic, Origin};
use crate::policy::persistence::Persistence;
use crate::spec::At;
use crate::traffic::arrivals::Setting;
use crate::traffic::curve;
use crate::traffic::tools::k6::Executor;
use crate::traffic::tools::{self, Timeout};
use crate::units::{Fraction, Rate, SimTime};

/// The most steps of a flow, repetitions written out.
const MOST_MOVES: usize = 10_000;

/// A source in the making.
struct Draft {
    source: u16,
    /// The service that its requests come to.
    service: Option<usize>,
    moves: Vec<Move>,
    choices: Vec<Choice>,
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
            (name, &source.own),
            persistence,
            tool.as_ref().map(|tool| tool.timeout),
        );
        let is_plain = persistence.is_plain() && patience.is_none() && draft.moves.is_empty();
        let caller = if is_plain {
            None
        } else {
            Some(self.add_caller(name.value.clone(), (1, 1), &rules)?)
        };
        self.warn_of_the_end(name, tool.as_ref());
        self.check_users(&source.own);
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
        (name, kind): (&At<String>, &SourceKind),
        own: &Persistence,
        tool: Option<Timeout>,
    ) -> Persistence {
        let mut rules = own.clone();
        match (tool, own.timeout) {
            (Some(Timeout::Counts(_)), _) => {
                // A late answer is waited for all the same.
                rules.timeout = None;
                if let (false, SourceKind::Wrk(_)) = (own.is_plain(), kind) {
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
    fn check_users(&mut self, kind: &SourceKind) {
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
        draft.choices.push(Choice { below, flow, pc });
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
                    let errors = self.out.n_errors();
                    for _ in 0..step.repeat.get() {
                        let before = draft.moves.len();
                        self.add_flow_steps(draft, &step.steps, traffic);
                        // What adds nothing, or is wrong, is not better the second time.
                        let adds = draft.moves.len() > before && self.out.n_errors() == errors;
                        if draft.moves.len() > MOST_MOVES {
                            // The outermost is the last to say so.
                            draft.origin = step.repeat.origin;
                        }
                        if draft.moves.len() > MOST_MOVES || !adds {
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

/// The most users that a source has at the same time, and where that is written.
fn most_users(kind: &SourceKind) -> Option<(u64, Origin)> {
    fn given(own: Option<At<u32>>) -> Option<(u64, Origin)> {
        own.map(|own| (u64::from(own.value), own.origin))
    }
    match kind {
        SourceKind::Open(_) | SourceKind::Artillery(_) => None,
        SourceKind::Users(own) => Some((own.users.get().into(), own.users.origin)),
        SourceKind::Wrk(own) => Some((own.connections.get().into(), own.connections.origin)),
        SourceKind::K6(own) => {
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
        SourceKind::Locust(own) => {
            let stages = own.stages.iter().flat_map(|stages| &stages.value);
            let users = stages.map(|stage| stage.users).chain(own.users);
            users
                .filter_map(|users| given(Some(users)))
                .max_by_key(|(users, _)| *users)
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
