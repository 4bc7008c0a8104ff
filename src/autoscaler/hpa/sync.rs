//! One round of the controller over one workload (`reconcileAutoscaler`).

use super::decision::{Course, Decision, Stabilization};
use super::events::{Changes, Events};
use super::limits::Limited;
use super::metric::{Ask, MetricError, MetricKind, Proposal};
use super::observation::Observation;
use super::settings::Config;
use super::stabilize::History;
use crate::units::SimTime;

/// What the controller remembers of one HPA. It forgets everything when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Earlier wishes; nothing before the first sync.
    pub history: Option<History>,
    /// Growth, where there is a `behavior` section.
    pub ups: Events,
    /// Shrinking, where there is a `behavior` section.
    pub downs: Events,
}

/// Decides how many pods there are to be, and remembers what it needs next time.
///
/// # Panics
/// If there is not one reading for each metric, of its sort.
pub fn sync(config: &Config, state: &mut State, seen: &Observation<'_>) -> Decision {
    let (current, bounds) = (seen.spec_replicas, config.bounds);
    state
        .history
        .get_or_insert_with(|| History::begins(current, seen.now));
    let mut decision = Decision {
        current,
        desired: current,
        course: Course::Disabled,
        proposals: Vec::new(),
    };
    if current == 0 && bounds.min != 0 {
        return decision;
    }
    if current > bounds.max || current < bounds.min {
        decision.course = Course::OutOfBounds;
        decision.desired = if current > bounds.max {
            bounds.max
        } else {
            bounds.min
        };
    } else {
        decision.proposals = propose(config, seen);
        decision.course = match combine(config, &decision.proposals, current) {
            Err(first) => Course::NoMetric { first },
            Ok(wish) => {
                let (course, limited) = normalize(config, state, (current, wish), seen.now);
                decision.desired = limited.replicas;
                course
            }
        };
    }
    remember(config, state, &decision, seen.now);
    decision
}

/// What each metric asks for.
fn propose(config: &Config, seen: &Observation<'_>) -> Vec<Result<Proposal, MetricError>> {
    assert!(
        seen.readings.len() == config.metrics.len(),
        "every metric of an HPA has a reading"
    );
    let ask = Ask {
        seen,
        tolerance: config.tolerance(),
        timing: config.controller.timing,
    };
    let metrics = config.metrics.iter().zip(seen.readings);
    metrics
        .map(|(metric, reading)| metric.propose(reading, &ask))
        .collect()
}

/// The largest proposal; or the sort of the first metric that failed, if all did, or if the others ask for fewer
/// than there are: whom one does not hear might need them (`computeReplicasForMetrics`).
fn combine(
    config: &Config,
    proposals: &[Result<Proposal, MetricError>],
    current: u32,
) -> Result<u32, MetricKind> {
    let largest = proposals.iter().flatten().map(|own| own.replicas).max();
    let failed = proposals.iter().position(Result::is_err);
    match (largest, failed) {
        (Some(wish), None) => Ok(wish),
        (Some(wish), Some(_)) if wish >= current => Ok(wish),
        (_, Some(first)) => Err(config.metrics[first].kind()),
        (None, None) => panic!("an HPA has at least one metric"),
    }
}

/// What becomes of a wish: it is held back by earlier ones, and then by rates and bounds
/// (`normalizeDesiredReplicas`, `normalizeDesiredReplicasWithBehaviors`).
fn normalize(
    config: &Config,
    state: &mut State,
    (current, wish): (u32, u32),
    now: SimTime,
) -> (Course, Limited) {
    let (history, bounds) = (state.history.get_or_insert_default(), config.bounds);
    let (stabilized, held_back, limited) = match &config.behavior {
        None => {
            let window = config.controller.downscale_stabilization;
            let stabilized = history.stabilize_legacy(wish, window, now);
            let pace = config.controller.legacy_pace;
            let limited = pace.limit(current, stabilized, bounds);
            (stabilized, Stabilization::Down, limited)
        }
        Some(behavior) => {
            let stabilized = history.stabilize(current, wish, behavior.windows(), now);
            let held_back = if wish >= current {
                Stabilization::Up
            } else {
                Stabilization::Down
            };
            let changes = Changes {
                ups: &state.ups,
                downs: &state.downs,
                now,
            };
            let limited = behavior.limit(current, stabilized, bounds, &changes);
            (stabilized, held_back, limited)
        }
    };
    let course = Course::Asked {
        wish,
        stabilized,
        stabilization: if stabilized == wish {
            Stabilization::Unchanged
        } else {
            held_back
        },
        limit: limited.limit,
    };
    (course, limited)
}

/// Remembers a change, for policies that allow so much in so long.
fn remember(config: &Config, state: &mut State, decision: &Decision, now: SimTime) {
    let Some(behavior) = &config.behavior else {
        return;
    };
    let (before, after) = (decision.current, decision.desired);
    if after > before {
        let longest = behavior.up.longest_period();
        state.ups.store(after - before, longest, now);
    } else if after < before {
        let longest = behavior.down.longest_period();
        state.downs.store(before - after, longest, now);
    }
}
