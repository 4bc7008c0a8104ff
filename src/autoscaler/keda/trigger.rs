//! One trigger: whether it is active, and how many replicas the HPA makes of its metric.

/// Whether a trigger is active: its metric is above the threshold (0 by default), both in its unit.
pub fn is_active(metric: f64, activation_threshold: f64) -> bool {
    metric > activation_threshold
}

/// How the HPA reads a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetType {
    /// Its total, to be shared by the replicas.
    #[default]
    AverageValue,
    /// As it is: the replicas grow in proportion to it.
    Value,
}

/// How many replicas the HPA wishes for, before its tolerance and whatever else it does. Metric and
/// target (above 0) are in the same unit.
pub fn replicas(kind: TargetType, metric: f64, target: f64, present: u32) -> u32 {
    let exact = match kind {
        TargetType::AverageValue => metric / target,
        TargetType::Value => f64::from(present) * metric / target,
    };
    exact.ceil() as u32
}
