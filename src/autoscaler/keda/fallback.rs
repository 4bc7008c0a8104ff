//! What the HPA is given while a metric cannot be read.
//!
//! Source: `pkg/fallback/fallback.go`.

use super::trigger::TargetType;

/// How many replicas the fallback stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behavior {
    /// Those that are configured.
    #[default]
    Static,
    /// Those that there are.
    CurrentReplicas,
    /// Whichever are more.
    CurrentReplicasIfHigher,
    /// Whichever are fewer.
    CurrentReplicasIfLower,
}

/// A fallback. KEDA takes one with a negative number in it as if there were none; here it cannot be
/// written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How many failures in a row are put up with; the one after them falls back.
    pub failure_threshold: u32,
    /// The replicas that it stands for.
    pub replicas: u32,
    /// How they go together with those that there are.
    pub behavior: Behavior,
}

/// What is known when a metric was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// What the source of the metric said; nothing if it failed.
    pub metric: Option<f64>,
    /// How the HPA reads the metric.
    pub target_type: TargetType,
    /// Its target, in the metric's unit.
    pub target: f64,
    /// The replicas that the workload is meant to have; nothing if that cannot be read.
    pub replicas: Option<u32>,
    /// Those that are ready; nothing if they cannot be counted. Only looked at for [`TargetType::Value`].
    pub ready: Option<u32>,
}

/// What the HPA is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// The metric.
    Metric(f64),
    /// A value that makes the HPA arrive at the fallback's replicas.
    Fallback(f64),
    /// An error.
    Error,
}

/// What is remembered of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// How often in a row it could not be read; not counted without a fallback.
    pub failures: u32,
}

impl State {
    /// Takes note of how asking for a metric went, and says what the HPA is given.
    pub fn decide(&mut self, config: Option<&Config>, seen: &Observation) -> Decision {
        let Some(config) = config else {
            return seen.metric.map_or(Decision::Error, Decision::Metric);
        };
        if let Some(metric) = seen.metric {
            self.failures = 0;
            return Decision::Metric(metric);
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures <= config.failure_threshold {
            return Decision::Error;
        }
        stand_in(config, seen).map_or(Decision::Error, Decision::Fallback)
    }
}

/// The value that stands in for the metric; nothing if it takes a count that is not known.
fn stand_in(config: &Config, seen: &Observation) -> Option<f64> {
    let own = config.replicas;
    let replicas = match config.behavior {
        Behavior::Static => own,
        Behavior::CurrentReplicas => seen.replicas?,
        Behavior::CurrentReplicasIfHigher => own.max(seen.replicas?),
        Behavior::CurrentReplicasIfLower => own.min(seen.replicas?),
    };
    let share = match seen.target_type {
        TargetType::AverageValue => f64::from(replicas),
        // The HPA multiplies by the ready replicas.
        TargetType::Value => f64::from(replicas) / f64::from(seen.ready.filter(|n| *n > 0)?),
    };
    // Served in whole thousandths.
    Some((seen.target * 1000.0 * share).trunc() / 1000.0)
}
