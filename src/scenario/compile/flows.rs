//! What the users of a source do, step by step, as moves.

use super::sources::{Draft, Traffic};
use super::{Compiler, DEFAULT};
use crate::component::program::threshold;
use crate::component::source::clients::Clients;
use crate::component::source::flow::{FlowStep, Move, Pause};
use crate::component::source::users::Users;
use crate::component::source::{Choice, SourceSpec};
use crate::diag::{Diagnostic, Origin};
use crate::dist::Law;
use crate::dist::exponential::Exponential;
use crate::spec::At;
use crate::units::Fraction;

/// The most steps of a flow, repetitions written out.
const MOST_MOVES: usize = 10_000;

impl Compiler<'_> {
    /// What a source's users do; no moves where each arrival is a request and nothing more.
    pub(super) fn add_flow(
        &mut self,
        draft: &mut Draft,
        clients: &Clients,
        kind: &SourceSpec,
        traffic: &mut Traffic,
    ) {
        let drawn;
        let think = match kind {
            SourceSpec::Users(Users {
                drawn: Some(own), ..
            }) => {
                if !clients.flow.is_empty() {
                    let problem = "users whose pauses are drawn like this send one request a round";
                    let error = Diagnostic::error(own.seed.origin, problem);
                    self.out.push(error.help("leave out `flow`"));
                }
                // Its mean is what is said of the pause; it is drawn otherwise.
                drawn = Pause(Law::Exponential(Exponential(own.think)));
                Some(&drawn)
            }
            SourceSpec::Users(own) => own.think.as_ref(),
            _ => None,
        };
        if let Some(pause) = think {
            self.add_pause(draft, pause);
        }
        if clients.flow.is_empty() {
            let send = self.add_mix(draft, clients, traffic);
            if !matches!(kind, SourceSpec::Open(_)) {
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
        let start = draft.entered.and_then(|(enters, service)| {
            self.start_of(service, class, origin)
                .map(|start| (enters, start))
        });
        let (pc, response) = match start {
            Some((enters, start)) => (
                self.way_in(enters, start),
                self.responses.get(&start).copied(),
            ),
            None => (0, None),
        };
        traffic.responses[flow as usize] = response;
        traffic.starts[flow as usize] = pc;
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

/// The classes of a source's requests, with their shares and where they are written.
fn mix_of(clients: &Clients) -> Vec<(String, Fraction, Origin)> {
    if clients.mix.items.is_empty() {
        return vec![(DEFAULT.to_owned(), Fraction::ONE, clients.enters.origin)];
    }
    let part =
        |(name, share): &(At<String>, At<Fraction>)| (name.value.clone(), share.value, name.origin);
    clients.mix.items.iter().map(part).collect()
}
