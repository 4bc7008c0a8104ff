//! The search: which choice is looked at next, and what becomes of it.

use std::sync::atomic::Ordering;

use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

use super::monotone::Ways;
use super::observe::{Allowed, Observation, observe};
use super::{Bounds, Fate, Plan, Rule, Step, Tried};
use crate::experiment::record::replicate;
use crate::experiment::run::{BATCH, Session};
use crate::scenario::Scenario;
use crate::stats::{Answer, Feasibility, unspread_share};

/// A first replication that is dearer than the answer's by more than this many standard deviations of their
/// difference is not worth a second one.
const FAR: f64 = 4.0;

/// Where the choices come from, and where what is known of them is kept.
pub trait Bench: Sync {
    /// Why something could not be kept.
    type Error: Send;
    /// The scenario of a choice.
    fn scenario(&self, choice: usize) -> Scenario;
    /// The position of each choice on the axes.
    fn places(&self) -> Vec<Vec<usize>>;
    /// What is known already, by choice: replications from the first on.
    fn known(&self) -> Vec<Vec<Observation>>;
    /// Keeps what is known of a choice.
    fn keep(&self, choice: usize, known: &[Observation]) -> Result<(), Self::Error>;
}

struct Search<'a, B: Bench> {
    bench: &'a B,
    session: &'a Session<'a>,
    rule: Rule,
    bounds: Bounds,
    /// What an earlier search left, by choice.
    stored: Vec<Vec<Observation>>,
    /// What this search has asked for: the same as if nothing had been stored.
    known: Vec<Vec<Observation>>,
    fates: Vec<Fate>,
    trace: Vec<Step>,
}

/// What a choice costs, held against the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Costs {
    Less,
    /// As much, or it cannot be told apart.
    Alike,
    More,
}

/// Why a search ends early.
enum End<E> {
    Interrupted,
    Failed(E),
}

/// Finds the cheapest choice that meets the objectives; nothing if it was interrupted. Choices see the same
/// random numbers, replication by replication. What is known already is not run again, and the plan is the
/// same as if it had not been known.
pub fn plan<B: Bench>(
    bench: &B,
    rule: Rule,
    session: &Session<'_>,
) -> Result<Option<Plan>, B::Error> {
    let stored = bench.known();
    let places = bench.places();
    let n = stored.len();
    let scenario = bench.scenario(0);
    let n_tests = n * scenario.objectives().len().max(1);
    // Half for the bounds, half for the comparisons of costs.
    let error = (1.0 - rule.confidence.get()) / 2.0 / n_tests as f64;
    let mut search = Search {
        bench,
        session,
        rule,
        bounds: Bounds::new(&scenario, &rule, error),
        known: vec![Vec::new(); n],
        stored,
        fates: vec![Fate::Open; n],
        trace: Vec::new(),
    };
    match search.run(&places) {
        Ok(plan) => Ok(Some(plan)),
        Err(End::Interrupted) => Ok(None),
        Err(End::Failed(error)) => Err(error),
    }
}

impl<B: Bench> Search<'_, B> {
    fn run(&mut self, places: &[Vec<usize>]) -> Result<Plan, End<B::Error>> {
        self.pilot()?;
        let first: Vec<&Observation> = self.known.iter().map(|own| &own[0]).collect();
        let ways = if self.rule.is_exhaustive {
            Ways::unknown(places)
        } else {
            Ways::of(places, &first, &self.bounds.tolerances)
        };
        let (mut chosen, mut ties, mut n_dearer) = (None, Vec::new(), 0);
        while let Some(next) = self.next(chosen, &mut n_dearer) {
            let answer = chosen;
            let costs = match answer {
                Some(best) => self.costs(next, best)?,
                None => Costs::Less,
            };
            if costs == Costs::More {
                self.settle(next, Fate::Dearer);
                continue;
            }
            let fate = self.test(next)?;
            self.settle(next, fate.clone());
            match fate {
                Fate::Met if costs == Costs::Alike => ties.push(next),
                Fate::Met => {
                    // What the last answer could not be told from need not be like this one.
                    let others = ties.drain(..).chain(answer).collect::<Vec<usize>>();
                    ties.extend(others.into_iter().filter(|own| self.is_tied(*own, next)));
                    chosen = Some(next);
                }
                Fate::Missed { .. } | Fate::Overloaded => self.leave_out(next, &ways),
                _ => {}
            }
        }
        let cheaper = |own: &usize| {
            matches!(self.fates[*own], Fate::Undecided { .. })
                && chosen.is_none_or(|best| self.cost(*own) < self.cost(best))
        };
        let open = (0..self.known.len()).filter(cheaper).collect();
        Ok(Plan {
            rule: self.rule,
            tried: (0..self.known.len()).map(|at| self.tried(at)).collect(),
            chosen,
            ties,
            open,
            trace: self.trace.clone(),
            one_way: ways.one_way(),
            n_dearer,
            costs_vary: self.spread().is_some_and(|spread| spread > 0.0),
            replications: self.known.iter().map(|own| own.len() as u64).sum(),
            requests: self.known[0][0]
                .parts
                .iter()
                .map(|own| own.weight)
                .collect(),
        })
    }

    /// What was found of a choice.
    fn tried(&self, at: usize) -> Tried {
        let objectives = 0..self.bounds.names.len();
        Tried {
            cost: self.cost(at),
            replications: self.known[at].len() as u32,
            fate: self.fates[at].clone(),
            excess: objectives.map(|own| self.excess(at, own)).collect(),
        }
    }

    /// One replication of every choice: what it costs, and where to look first.
    fn pilot(&mut self) -> Result<(), End<B::Error>> {
        let open = (0..self.stored.len()).filter(|at| self.stored[*at].is_empty());
        let open: Vec<usize> = open.collect();
        let planned = &self.session.counters.runs_planned;
        planned.fetch_add(open.len() as u64, Ordering::Relaxed);
        let (bench, session) = (self.bench, self.session);
        let one = |choice: usize| {
            let scenario = bench.scenario(choice);
            let record = replicate(&scenario, 0, session).ok_or(End::Interrupted)?;
            let own = vec![observe(&scenario, &record)];
            bench.keep(choice, &own).map_err(End::Failed)?;
            Ok((choice, own))
        };
        let found: Vec<Result<_, End<B::Error>>> =
            open.into_par_iter().with_max_len(1).map(one).collect();
        for own in found {
            let (choice, known) = own?;
            self.stored[choice] = known;
        }
        for (known, stored) in self.known.iter_mut().zip(&self.stored) {
            known.extend(stored.first().cloned());
        }
        Ok(())
    }

    /// Sees to it that a choice has at least `upto` replications.
    fn more(&mut self, choice: usize, upto: usize) -> Result<(), End<B::Error>> {
        let have = self.stored[choice].len();
        if have < upto {
            let planned = &self.session.counters.runs_planned;
            planned.fetch_add((upto - have) as u64, Ordering::Relaxed);
            let scenario = self.bench.scenario(choice);
            let session = self.session;
            let more: Option<Vec<Observation>> = (have as u32..upto as u32)
                .into_par_iter()
                .with_max_len(1)
                .map(|number| Some(observe(&scenario, &replicate(&scenario, number, session)?)))
                .collect();
            self.stored[choice].extend(more.ok_or(End::Interrupted)?);
            let kept = self.bench.keep(choice, &self.stored[choice]);
            kept.map_err(End::Failed)?;
        }
        let known = self.known[choice].len();
        if known < upto {
            let more = self.stored[choice][known..upto].to_vec();
            self.known[choice].extend(more);
        }
        Ok(())
    }

    /// What comes next: of those that may be cheaper than the answer, the cheapest whose first replication kept
    /// every bound, else the one that missed the least.
    fn next(&self, chosen: Option<usize>, n_dearer: &mut usize) -> Option<usize> {
        let open = |at: &usize| self.fates[*at] == Fate::Open;
        let all: Vec<usize> = (0..self.known.len()).filter(open).collect();
        let candidates: Vec<usize> = match chosen {
            None => all,
            Some(best) => {
                let may_be = |at: &usize| self.may_be_cheaper(*at, best);
                let (kept, far): (Vec<_>, Vec<_>) = all.into_iter().partition(may_be);
                *n_dearer = far.len();
                kept
            }
        };
        let seems_met = |at: &&usize| self.miss(**at) <= 0.0;
        let by_cost =
            |a: &&usize, b: &&usize| self.known[**a][0].cost.total_cmp(&self.known[**b][0].cost);
        let by_miss = |a: &&usize, b: &&usize| self.miss(**a).total_cmp(&self.miss(**b));
        // Of those that cost the same, the one with the most room.
        let seeming = candidates.iter().filter(seems_met);
        let cheapest = seeming.min_by(|a, b| by_cost(a, b).then(by_miss(a, b)));
        let closest = || {
            candidates
                .iter()
                .min_by(|a, b| by_miss(a, b).then(by_cost(a, b)))
        };
        cheapest.or_else(closest).copied()
    }

    /// By how many tolerances the first replication missed the worst bound; 0 or less if it kept all.
    fn miss(&self, choice: usize) -> f64 {
        let first = &self.known[choice][0];
        if first.is_overloaded {
            return f64::INFINITY;
        }
        let parts = first.parts.iter().zip(&self.bounds.tolerances);
        let worst = parts.map(|(own, tolerance)| own.excess / own.weight.max(1.0) / tolerance);
        worst.fold(f64::NEG_INFINITY, f64::max)
    }

    /// Tests the bounds of a choice, with as many replications as it takes.
    fn test(&mut self, choice: usize) -> Result<Fate, End<B::Error>> {
        let most = self.rule.at_most as usize;
        let mut upto = self.bounds.first.min(most);
        loop {
            self.more(choice, upto)?;
            let own = &self.known[choice][..upto];
            if own.iter().any(|own| own.is_overloaded) {
                return Ok(Fate::Overloaded);
            }
            let answers: Vec<Option<Answer>> = (0..self.bounds.names.len())
                .map(|at| self.bounds.answer(at, own))
                .collect();
            let missed = answers
                .iter()
                .enumerate()
                .filter(|(_, own)| own.is_some_and(|own| !own.is_met));
            let first = missed.min_by_key(|(_, own)| own.map(|own| own.after));
            if let Some((at, _)) = first {
                let objective = self.bounds.names[at].clone();
                return Ok(Fate::Missed { objective });
            }
            let open: Vec<String> = answers
                .iter()
                .zip(&self.bounds.names)
                .filter(|(own, _)| own.is_none())
                .map(|(_, name)| name.clone())
                .collect();
            if open.is_empty() {
                return Ok(Fate::Met);
            }
            if upto >= most {
                return Ok(Fate::Undecided { objectives: open });
            }
            upto = (upto + BATCH as usize).min(most);
        }
    }

    fn settle(&mut self, choice: usize, fate: Fate) {
        let replications = self.known[choice].len() as u32;
        self.fates[choice] = fate.clone();
        self.session.counters.points.fetch_add(1, Ordering::Relaxed);
        self.trace.push(Step {
            choice,
            replications,
            fate,
        });
    }

    /// Leaves out what can be no better than a choice that misses.
    fn leave_out(&mut self, missed: usize, ways: &Ways) {
        for other in 0..self.fates.len() {
            if self.fates[other] == Fate::Open && ways.is_below(other, missed) {
                self.fates[other] = Fate::LeftOut { below: missed };
            }
        }
    }

    /// What a choice costs, on average over its replications.
    fn cost(&self, choice: usize) -> f64 {
        let own = &self.known[choice];
        own.iter().map(|own| own.cost).sum::<f64>() / own.len() as f64
    }

    /// By how much a choice is dearer than another, replication by replication.
    fn dearer_by(&self, choice: usize, than: usize) -> Vec<f64> {
        let pairs = self.known[choice].iter().zip(&self.known[than]);
        pairs.map(|(own, other)| own.cost - other.cost).collect()
    }

    /// The largest standard deviation of the costs of a choice that has had several replications; nothing if
    /// none has.
    fn spread(&self) -> Option<f64> {
        let own = self.known.iter().filter(|own| own.len() > 1);
        let deviation = |own: &Vec<Observation>| {
            let n = own.len() as f64;
            let mean = own.iter().map(|own| own.cost).sum::<f64>() / n;
            let squares: f64 = own.iter().map(|own| (own.cost - mean).powi(2)).sum();
            let deviation = (squares / (n - 1.0)).sqrt();
            if deviation <= mean.abs() * 1e-12 {
                0.0
            } else {
                deviation
            }
        };
        own.map(deviation).reduce(f64::max)
    }

    /// Whether a choice may be cheaper than the answer, as far as its first replications tell.
    fn may_be_cheaper(&self, choice: usize, best: usize) -> bool {
        let spread = self.spread().unwrap_or(0.0);
        let by = self.known[choice][0].cost - self.known[best][0].cost;
        let same = self.known[best][0].cost.abs() * 1e-12;
        match self.rule.is_exhaustive {
            // Of the same cost one is taken, and the others are ties if they meet the objectives.
            true if spread > 0.0 => true,
            true => by <= same,
            false if spread > 0.0 => by <= FAR * spread * std::f64::consts::SQRT_2,
            false => by < -same,
        }
    }

    /// What may go either way of a difference in cost.
    fn indifference(&self, best: usize) -> f64 {
        let part = self.rule.tolerance.get() * super::OF_COSTS;
        (self.cost(best).abs() * part).max(super::LEAST)
    }

    /// What a choice costs, held against the answer, replication by replication where costs vary.
    fn costs(&mut self, choice: usize, best: usize) -> Result<Costs, End<B::Error>> {
        if self.spread().is_none_or(|spread| spread <= 0.0) {
            let by = self.known[choice][0].cost - self.known[best][0].cost;
            let same = self.known[best][0].cost.abs() * 1e-12;
            return Ok(match by {
                by if by > same => Costs::More,
                by if by < -same => Costs::Less,
                _ => Costs::Alike,
            });
        }
        let most = self.rule.at_most as usize;
        let mut upto = self.bounds.first.min(most);
        loop {
            self.more(choice, upto)?;
            self.more(best, upto)?;
            let test = Feasibility {
                first: self.bounds.first,
                tolerance: self.indifference(best),
                error: self.bounds.error,
            };
            let by = self.dearer_by(choice, best);
            // Where every replication agrees.
            let agreed = |n: usize| Some(by[..n].iter().sum::<f64>() <= 0.0);
            match test.answer(&by, agreed) {
                Some(_) if self.is_tied(choice, best) => return Ok(Costs::Alike),
                Some(answer) if answer.is_met => return Ok(Costs::Less),
                Some(_) => return Ok(Costs::More),
                None if upto >= most => return Ok(Costs::Alike),
                None => upto = (upto + BATCH as usize).min(most),
            }
        }
    }

    /// Whether the average costs of two choices are the same, up to the tolerance.
    fn is_tied(&self, choice: usize, best: usize) -> bool {
        let by = self.dearer_by(choice, best);
        let mean = by.iter().sum::<f64>() / by.len().max(1) as f64;
        let same = self.cost(best).abs() * 1e-12;
        let varies = self.spread().is_some_and(|spread| spread > 0.0);
        mean.abs()
            <= if varies {
                self.indifference(best)
            } else {
                same
            }
    }

    /// The excess of a choice over what an objective allows, per request or value.
    fn excess(&self, choice: usize, objective: usize) -> f64 {
        let parts = self.known[choice]
            .iter()
            .filter_map(|own| own.parts.get(objective));
        let (excess, weight) = parts.fold((0.0, 0.0), |(excess, weight), own| {
            (excess + own.excess, weight + own.weight)
        });
        if weight > 0.0 { excess / weight } else { 0.0 }
    }
}

impl Bounds {
    /// What the replications of a choice say of an objective.
    fn answer(&self, at: usize, known: &[Observation]) -> Option<Answer> {
        let parts: Vec<_> = known.iter().filter_map(|own| own.parts.get(at)).collect();
        let first = self.first.min(parts.len());
        let weight = parts[..first].iter().map(|own| own.weight).sum::<f64>() / first as f64;
        if weight <= 0.0 {
            // No requests say nothing.
            return None;
        }
        let excess: Vec<f64> = parts.iter().map(|own| own.excess / weight).collect();
        let mut test = self.test(at);
        let Allowed::Share(share) = self.allowed[at] else {
            return test.answer(&excess, |_| Some(excess[0] <= 0.0));
        };
        // As long as nothing bad has happened, what varies is the number of requests alone.
        let flat = parts
            .iter()
            .position(|own| own.bad > 0)
            .unwrap_or(parts.len());
        for n in self.first..=flat.min(parts.len()) {
            let whole: f64 = parts[..n].iter().map(|own| own.weight).sum();
            let answer = unspread_share(0, whole as u64, share, test.tolerance, test.error);
            if let Some(is_met) = answer {
                return Some(Answer { is_met, after: n });
            }
        }
        test.first = test.first.max(flat + 1);
        test.answer(&excess, |_| None)
    }
}
