//! What KEDA decides between none and some, and what it hands to the HPA.

use capsim::autoscaler::keda::trigger::TargetType;
use capsim::autoscaler::keda::{activation, fallback, jobs, trigger};
use serde_json::{Value, json};

use super::fields::{Fields, expect, input, zero};

type Checked = Result<(), String>;

pub(super) fn activation(vector: &Value) -> Checked {
    let input = input(vector);
    let config = activation::Config {
        min: input.maybe_count("min_replicas")?.unwrap_or(0),
        idle: input.maybe_count("idle_replicas")?,
        cooldown: input.span("cooldown_s")?,
        initial_cooldown: input.span("initial_cooldown_s")?,
        fallback: input.maybe_count("fallback_replicas")?,
        is_scale_in_paused: input.yes("pause_scale_in")?,
        is_scale_out_paused: input.yes("pause_scale_out")?,
        is_activation_forced: input.yes("force_activation")?,
    };
    let mut state = activation::State {
        created: input.maybe_ago("created_age_s")?.ok_or("no age")?,
        last_active: input.maybe_ago("last_active_age_s")?,
    };
    let seen = activation::Observation {
        now: zero(),
        replicas: input.count("current_replicas")?,
        is_active: input.yes("any_trigger_active")?,
        has_error: input.yes("any_trigger_error")?,
    };
    let ours = state.decide(&config, &seen);
    expect(vector, &json!({ "replicas": ours.replicas }))
}

fn target_type(input: Fields<'_>) -> Result<TargetType, String> {
    match input.text("target_type")? {
        "AverageValue" => Ok(TargetType::AverageValue),
        "Value" => Ok(TargetType::Value),
        other => Err(format!("unknown target type {other}")),
    }
}

/// The fallback, if there is one. One with negative numbers is none.
fn configured(input: Fields<'_>) -> Result<Option<fallback::Config>, String> {
    use fallback::Behavior;
    if !input.yes("enabled")? {
        return Ok(None);
    }
    let behavior = match input.text("behavior")? {
        "static" => Behavior::Static,
        "currentReplicas" => Behavior::CurrentReplicas,
        "currentReplicasIfHigher" => Behavior::CurrentReplicasIfHigher,
        "currentReplicasIfLower" => Behavior::CurrentReplicasIfLower,
        other => return Err(format!("unknown behavior {other}")),
    };
    let threshold = input.integer("failure_threshold")?;
    let replicas = input.integer("fallback_replicas")?;
    Ok(u32::try_from(threshold)
        .ok()
        .zip(u32::try_from(replicas).ok())
        .map(|(failure_threshold, replicas)| fallback::Config {
            failure_threshold,
            replicas,
            behavior,
        }))
}

pub(super) fn fallback(vector: &Value) -> Checked {
    let input = input(vector);
    let config = configured(input)?;
    let mut state = fallback::State {
        failures: input.maybe_count("failures_before")?.unwrap_or(0),
    };
    let metric = input.maybe_number("metric_value")?;
    let seen = fallback::Observation {
        metric: metric.filter(|_| input.0["metric_call_fails"] != true),
        target_type: target_type(input)?,
        target: input.number("target")?,
        replicas: input.maybe_count("current_replicas")?,
        ready: input.maybe_count("ready_replicas")?,
    };
    let mut ours = match state.decide(config.as_ref(), &seen) {
        fallback::Decision::Metric(value) | fallback::Decision::Fallback(value) => {
            json!({ "value": value })
        }
        fallback::Decision::Error => json!({ "error": true }),
    };
    ours["failures_after"] = json!(config.map(|_| state.failures));
    expect(vector, &ours)
}

pub(super) fn trigger_active(vector: &Value) -> Checked {
    let input = input(vector);
    let (metric, threshold) = (
        input.number("metric")?,
        input.number("activation_threshold")?,
    );
    expect(
        vector,
        &json!({ "active": trigger::is_active(metric, threshold) }),
    )
}

pub(super) fn hpa_target(vector: &Value) -> Checked {
    let input = input(vector);
    let (metric, target) = (input.number("metric")?, input.number("target")?);
    let present = input.count("current_replicas")?;
    let ours = trigger::replicas(target_type(input)?, metric, target, present);
    expect(vector, &json!({ "replicas": ours }))
}

pub(super) fn job_strategy(vector: &Value) -> Checked {
    use jobs::Strategy;
    let input = input(vector);
    let config = jobs::Config {
        strategy: match input.text("strategy")? {
            "default" => Strategy::Default,
            "custom" => Strategy::custom(
                input.maybe_count("queue_length_deduction")?.map(i64::from),
                input.maybe_number("running_job_percentage")?,
            ),
            "accurate" => Strategy::Accurate,
            "eager" => Strategy::Eager,
            other => return Err(format!("unknown strategy {other}")),
        },
        min: input.count("min_replicas")?,
        max: input.count("max_replicas")?,
    };
    let seen = jobs::Observation {
        wanted: input.count("max_scale")?,
        scale_to: input.count("scale_to")?,
        running: input.count("running_jobs")?,
        pending: input.count("pending_jobs")?,
    };
    let ours = jobs::decide(&config, &seen);
    expect(
        vector,
        &json!({ "effective_max_scale": ours.room, "scale_to": ours.scale_to }),
    )
}
