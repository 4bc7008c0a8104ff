//! Who of the workers does what.

use super::clock::Clock;
use super::{ArtilleryPhase, Mode};
use crate::units::SimDuration;

/// What one worker does, phase by phase.
#[derive(Debug, Clone)]
pub(super) struct Share {
    /// When its users come.
    pub(super) clocks: Vec<Clock>,
    /// How many it may have.
    pub(super) limits: Vec<Option<u32>>,
}

/// What one worker does in one phase, before it is known how many workers there are.
#[derive(Debug, Clone, Copy)]
enum Part {
    Idle(SimDuration),
    Even { rate: u64, mode: Mode },
    Ramp { from: f64, to: f64 },
    Count(u64),
}

/// The work of every worker that has some.
pub(super) fn divide(phases: &[ArtilleryPhase], n: u32) -> Vec<Share> {
    let parts: Vec<Vec<(Part, Option<u32>)>> = (0..n)
        .map(|worker| phases.iter().map(|phase| part(phase, worker, n)).collect())
        .collect();
    let busy: Vec<_> = parts
        .into_iter()
        .filter(|parts| parts.iter().any(|&part| is_busy(part)))
        .collect();
    let total = busy.len() as u32;
    let share = |(worker, parts): (usize, Vec<(Part, Option<u32>)>)| {
        let clock = |(&(part, _), phase): (&(Part, Option<u32>), &ArtilleryPhase)| {
            let lasts = phase.duration.map_or(SimDuration::ZERO, |at| at.span());
            match part {
                Part::Idle(pause) => Clock::pause(pause),
                Part::Even { rate: 0, .. } | Part::Count(0) => Clock::pause(lasts),
                Part::Even {
                    rate,
                    mode: Mode::Uniform,
                } => Clock::even(1000.0 / rate as f64, lasts),
                Part::Even {
                    rate,
                    mode: Mode::Poisson,
                } => Clock::poisson(rate, lasts),
                Part::Ramp { from, to } => Clock::ramp(from, to, lasts, (worker as u32 + 1, total)),
                Part::Count(count) => {
                    let millis = lasts.as_nanos() as f64 / 1e6;
                    Clock::even(millis / count as f64, lasts)
                }
            }
        };
        Share {
            clocks: parts.iter().zip(phases).map(clock).collect(),
            limits: parts.iter().map(|&(_, most)| most).collect(),
        }
    };
    busy.into_iter().enumerate().map(share).collect()
}

/// A worker whose every part is idle, or who may have no users, is not started.
fn is_busy((part, most): (Part, Option<u32>)) -> bool {
    let idle = match part {
        Part::Idle(_) | Part::Even { rate: 0, .. } | Part::Count(0) => true,
        Part::Ramp { from, to } => from <= 0.0 && to <= 0.0,
        Part::Even { .. } | Part::Count(_) => false,
    };
    !idle && most != Some(0)
}

fn part(phase: &ArtilleryPhase, worker: u32, n: u32) -> (Part, Option<u32>) {
    let most = phase.max_vusers.map(|most| u64::from(most.get()));
    let share_of_most = |n: u32| most.map(|most| share(most, worker, n) as u32);
    let lasts = phase.duration.map_or(SimDuration::ZERO, |at| at.span());
    let rate = phase.arrival_rate.map_or(0.0, |rate| rate.value);
    let to = phase.ramp_to.map(|to| to.value);
    if let Some(pause) = phase.pause {
        return (Part::Idle(pause.span()), None);
    }
    if let Some(count) = phase.arrival_count {
        return match worker {
            0 => (Part::Count(count.value), most.map(|most| most as u32)),
            _ => (Part::Idle(lasts), None),
        };
    }
    if let Some(to) = to.filter(|&to| to > 0.0) {
        let (from, to) = (rate / f64::from(n), to / f64::from(n));
        return (Part::Ramp { from, to }, share_of_most(n));
    }
    // A constant rate, and a ramp down to 0, which Artillery divides as one.
    let rates = rate as u64;
    let own = share(rates, worker, n);
    let active = u64::from(n).min(rates) as u32;
    let most = if own == 0 {
        None
    } else {
        share_of_most(active)
    };
    match to {
        Some(to) => (
            Part::Ramp {
                from: own as f64,
                to,
            },
            most,
        ),
        None => {
            let mode = phase.mode.map_or(Mode::Uniform, |mode| mode.value);
            (Part::Even { rate: own, mode }, most)
        }
    }
}

/// The share of the worker with this number of `whole`: the first ones get one more if it does not come
/// out even.
pub(super) fn share(whole: u64, worker: u32, n: u32) -> u64 {
    let n = u64::from(n.max(1));
    whole / n + u64::from(u64::from(worker) < whole % n)
}
