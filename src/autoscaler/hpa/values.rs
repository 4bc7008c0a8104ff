//! Metrics that are one number for the whole workload (`GetObjectMetricReplicas`, `GetExternalMetricReplicas` and
//! their variants per pod).

use super::metric::{Ask, MetricError, Proposal, ValueTarget};
use super::quantity::{Milli, replicas};

/// What a number that describes an object asks for.
pub(super) fn object(
    target: ValueTarget,
    found: &[Milli],
    ask: &Ask<'_>,
) -> Result<Proposal, MetricError> {
    if found.is_empty() {
        return Err(MetricError::NoMetricsReturned);
    }
    let usage = found.iter().fold(Milli::ZERO, |sum, own| sum.plus(*own));
    propose(target, usage, ask)
}

/// What numbers from outside ask for.
pub(super) fn external(
    target: ValueTarget,
    found: &[Milli],
    ask: &Ask<'_>,
) -> Result<Proposal, MetricError> {
    if found.is_empty() {
        return Err(MetricError::NoMetricsReturned);
    }
    let usage = match target {
        ValueTarget::Value(_) => capped_total(found),
        ValueTarget::AverageValue(_) => total_never_negative(found),
    };
    let mut proposal = propose(target, usage, ask)?;
    // As good as the largest quantity is not divided.
    if usage.as_f64() >= Milli::MAX.as_f64() {
        proposal.usage = Some(Milli::MAX);
    }
    Ok(proposal)
}

/// The sum; once it is over the largest quantity it stays there, whatever comes after it.
fn capped_total(found: &[Milli]) -> Milli {
    let sum = found.iter().try_fold(Milli::ZERO, |sum, own| {
        let is_over = own.get() > 0 && sum.get() > i64::MAX - own.get();
        (!is_over).then(|| sum.plus(*own))
    });
    sum.unwrap_or(Milli::MAX)
}

/// The sum; the largest quantity as soon as it is negative, which the controller takes for an overflow.
fn total_never_negative(found: &[Milli]) -> Milli {
    let sum = found.iter().try_fold(0_i64, |sum, own| {
        sum.checked_add(own.get()).filter(|sum| *sum >= 0)
    });
    sum.map_or(Milli::MAX, Milli::new)
}

fn propose(target: ValueTarget, usage: Milli, ask: &Ask<'_>) -> Result<Proposal, MetricError> {
    let (replicas, usage) = match target {
        ValueTarget::Value(target) => (
            by_value(usage.as_f64() / target.as_f64(), ask)?,
            Some(usage),
        ),
        ValueTarget::AverageValue(target) => by_average(usage.as_f64(), target.as_f64(), ask),
    };
    Ok(Proposal {
        replicas,
        usage,
        utilization_percent: None,
    })
}

/// As many times the pods that serve as the value is its target; from nothing, as many pods
/// (`getUsageRatioReplicaCount`).
fn by_value(ratio: f64, ask: &Ask<'_>) -> Result<u32, MetricError> {
    let current = ask.seen.spec_replicas;
    if current == 0 {
        return Ok(replicas(ratio));
    }
    if ask.tolerance.holds(ratio) {
        return Ok(current);
    }
    if ask.seen.pods.is_empty() {
        return Err(MetricError::NoPods);
    }
    let n_serving = ask.seen.pods.iter().filter(|pod| pod.is_serving()).count();
    Ok(replicas(ratio * n_serving as f64))
}

/// As many pods as have their target each, however many there are, and what each of those there are has.
fn by_average(usage: f64, target: f64, ask: &Ask<'_>) -> (u32, Option<Milli>) {
    let status = ask.seen.status_replicas;
    let n_pods = f64::from(status);
    let wanted = if ask.tolerance.holds(usage / (target * n_pods)) {
        status
    } else {
        replicas(usage / target)
    };
    let each = (status > 0).then(|| Milli::new((usage / n_pods).ceil() as i64));
    (wanted, each)
}
