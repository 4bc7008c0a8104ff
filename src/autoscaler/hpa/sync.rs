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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::autoscaler::hpa::{
        Behavior, Bounds, Controller, Metric, Milli, Policy, PolicyKind, Reading, Rules, Select,
        ValueTarget,
    };
    use crate::units::SimDuration;

    fn policies() -> impl Strategy<Value = Vec<Policy>> {
        let kind = prop_oneof![Just(PolicyKind::Pods), Just(PolicyKind::Percent)];
        let policy = (kind, 1..150u32, 1..120u64).prop_map(|(kind, value, period)| Policy {
            kind,
            value,
            period: SimDuration::from_secs(period),
        });
        prop::collection::vec(policy, 1..4)
    }

    fn rules() -> impl Strategy<Value = Rules> {
        let select = prop_oneof![
            4 => Just(Select::Max),
            3 => Just(Select::Min),
            1 => Just(Select::Disabled)
        ];
        (0..200u64, select, policies()).prop_map(|(window, select, policies)| Rules {
            stabilization_window: SimDuration::from_secs(window),
            select,
            policies,
            tolerance: None,
        })
    }

    fn behavior() -> impl Strategy<Value = Option<Behavior>> {
        let behavior = (rules(), rules()).prop_map(|(up, down)| Behavior { up, down });
        prop::option::weighted(0.8, behavior)
    }

    /// What is waiting, in pods; nothing if nobody knows.
    fn demand() -> impl Strategy<Value = Vec<Option<u32>>> {
        prop::collection::vec(prop::option::weighted(0.9, 0..60u32), 1..80)
    }

    proptest! {
        /// The count ends within its bounds, unless the HPA is switched off or deaf; what is held back goes in the
        /// direction that was wished for, and no further; nothing changes without a wish.
        #[test]
        fn moves_are_held_back_and_never_turned_round(
            behavior in behavior(),
            (min, more) in (0..10u32, 0..40u32),
            first in 0..60u32,
            demand in demand(),
            is_backlog in any::<bool>(),
        ) {
            let each = Milli::new(1000);
            let target = if is_backlog { ValueTarget::AverageValue(each) } else { ValueTarget::Value(each) };
            let bounds = Bounds { min, max: (min + more).max(1) };
            let config = Config {
                bounds,
                metrics: vec![Metric::External(target)],
                behavior,
                controller: Controller::DEFAULT,
            };
            let (mut state, mut current) = (State::default(), first);
            for (at, wanted) in demand.iter().enumerate() {
                let waiting = [Milli::new(i64::from(wanted.unwrap_or(0)) * each.get())];
                let reading = if wanted.is_some() { Reading::Values(&waiting) } else { Reading::Failed };
                let decision = sync(&config, &mut state, &Observation {
                    now: SimTime::ZERO + SimDuration::from_secs(15 * at as u64),
                    spec_replicas: current,
                    status_replicas: current,
                    pods: &[],
                    templates: &[],
                    readings: &[reading],
                });
                let desired = decision.desired;
                match decision.course {
                    Course::Disabled => prop_assert!(current == 0 && min > 0 && desired == 0),
                    Course::NoMetric { .. } => prop_assert!(desired == current),
                    Course::OutOfBounds => prop_assert!(desired == current.clamp(bounds.min, bounds.max)),
                    Course::Asked { wish, stabilized, .. } => {
                        let between = |a: u32, b: u32| a.min(b)..=a.max(b);
                        if config.behavior.is_some() {
                            prop_assert!(between(current, wish).contains(&stabilized));
                            prop_assert!(between(current, stabilized).contains(&desired));
                        } else {
                            prop_assert!(stabilized >= wish);
                            prop_assert!(desired <= (2 * current).max(4).max(bounds.min));
                        }
                        prop_assert!((bounds.min..=bounds.max).contains(&desired));
                    }
                }
                current = desired;
            }
        }
    }
}
