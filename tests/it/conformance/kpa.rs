//! What Knative's autoscaler decides.

use capsim::autoscaler::count::Bounds;
use capsim::autoscaler::kpa::decide::{self, Averages};
use capsim::autoscaler::kpa::max_window::{MaxOverTime, MaxWindow};
use capsim::autoscaler::kpa::sensor;
use capsim::autoscaler::kpa::target::{self, Metric, Revision};
use capsim::autoscaler::kpa::window::{self, Weighting, Window};
use capsim::autoscaler::kpa::zero::{self, Activity};
use serde_json::{Value, json};

use super::fields::{self, Fields, expect, input};

type Checked = Result<(), String>;

fn decider(spec: Fields<'_>) -> Result<decide::Config, String> {
    Ok(decide::Config {
        target: spec.number("target")?,
        total: spec.number("total_capacity_per_pod")?,
        target_burst_capacity: spec.number("target_burst_capacity")?,
        panic_threshold: spec.number("panic_threshold_ratio")?,
        max_scale_up_rate: spec.number("max_scale_up_rate")?,
        max_scale_down_rate: spec.number("max_scale_down_rate")?,
        stable_window: spec.span("stable_window_s")?,
        activation_scale: spec.count("activation_scale")?,
        scale_down_delay: spec.span("scale_down_delay_s")?,
        is_reachable: spec.yes("reachable")?,
    })
}

/// One decision as the vector writes it. The original rounds the burst capacity now this way, now that.
fn decision(decided: Option<decide::Decision>, state: &decide::State, expected: &Value) -> Value {
    let Some(decided) = decided else {
        return json!({ "valid": false });
    };
    let ours = i64::from(decided.excess_burst_capacity);
    let theirs = expected["excess_burst_capacity"].as_i64();
    json!({
        "valid": true,
        "desired": decided.pods.instances,
        "excess_burst_capacity": theirs.filter(|n| (n - ours).abs() <= 1).unwrap_or(ours),
        "panic_since_s": state.panic_since.map(fields::seconds),
    })
}

pub(super) fn decide(vector: &Value) -> Checked {
    let input = input(vector);
    let mut config = decider(input.inner("spec"))?;
    let ready = input.maybe_count("ready_pods_at_creation")?;
    let mut state = decide::State::start(&config, fields::zero(), ready);
    if input.0["state"].is_object() {
        let own = input.inner("state");
        state.panic_since = match own.maybe_number("panic_since_s")? {
            None => None,
            Some(_) => Some(own.instant("panic_since_s")?),
        };
        state.panic_floor = own.count("max_panic_pods")?;
    }
    let mut ours = Vec::new();
    for (n, step) in input.list("steps")?.iter().enumerate() {
        let step = Fields(step);
        if step.0["set_spec"].is_object() {
            config = decider(step.inner("set_spec"))?;
        }
        let averages = match (step.maybe_number("stable")?, step.maybe_number("panic")?) {
            (Some(stable), Some(panic)) => Some(Averages { stable, panic }),
            _ => None,
        };
        let seen = decide::Observation {
            now: step.instant("t_s")?,
            ready_pods: step.maybe_count("ready_pods")?,
            averages,
        };
        let decided = state.decide(&config, &seen);
        let expected = &vector["expected"]["steps"][n];
        ours.push(decision(decided, &state, expected));
    }
    expect(vector, &json!({ "steps": ours }))
}

pub(super) fn initial_state(vector: &Value) -> Checked {
    let ready = input(vector).maybe_count("ready_pods_at_creation")?;
    let config = decide::Config::new(target::resolve(
        &target::Config::default(),
        &Revision::default(),
    ));
    let state = decide::State::start(&config, fields::zero(), ready);
    let panics = state.panic_since.is_some();
    expect(
        vector,
        &json!({ "panic": panics, "max_panic_pods": state.panic_floor }),
    )
}

fn averages(vector: &Value, weighting: Weighting) -> Checked {
    let input = input(vector);
    let (length, bucket) = (input.span("window_s")?, input.span("granularity_s")?);
    let mut window = Window::new(length, bucket, weighting);
    let mut ours = Vec::new();
    for op in input.list("ops")? {
        let op = Fields(op);
        match op.text("op")? {
            "record" => window.record(op.instant("t_s")?, op.number("value")?),
            "average" => ours.push(window.average(op.instant("t_s")?)),
            other => return Err(format!("unknown operation {other}")),
        }
    }
    expect(vector, &json!({ "averages": ours }))
}

pub(super) fn window_average(vector: &Value) -> Checked {
    averages(vector, Weighting::Even)
}

pub(super) fn weighted_average(vector: &Value) -> Checked {
    averages(vector, Weighting::Exponential)
}

pub(super) fn smoothing_coefficient(vector: &Value) -> Checked {
    let n_buckets = input(vector).count("buckets")?;
    let ours = window::smoothing_coefficient(n_buckets.into());
    expect(vector, &json!({ "coefficient": ours }))
}

/// The largest after each record, or only after the last, as the vector has it.
fn largest(vector: &Value, each: &[u32]) -> Checked {
    let ours = if vector["expected"]["current"].is_array() {
        json!(each)
    } else {
        json!(each.last())
    };
    expect(vector, &json!({ "current": ours }))
}

pub(super) fn max_time_window(vector: &Value) -> Checked {
    let input = input(vector);
    let mut window = MaxOverTime::new(input.span("window_s")?, input.span("granularity_s")?);
    let records = input.list("records")?.iter().map(Fields);
    let each: Result<Vec<_>, String> = records
        .map(|own| Ok(window.record(own.instant("t_s")?, own.count("value")?)))
        .collect();
    largest(vector, &each?)
}

pub(super) fn max_index_window(vector: &Value) -> Checked {
    let input = input(vector);
    let mut window = MaxWindow::new(input.count("size")?.into());
    let records = input.list("records")?.iter().map(Fields);
    let each: Result<Vec<_>, String> = records
        .map(|own| Ok(window.record(own.count("index")?.into(), own.count("value")?)))
        .collect();
    largest(vector, &each?)
}

pub(super) fn scrape_sample_size(vector: &Value) -> Checked {
    let ours = sensor::sample_size(input(vector).count("pods")?);
    expect(vector, &json!({ "sample": ours }))
}

pub(super) fn panic_window(vector: &Value) -> Checked {
    let input = input(vector);
    let stable = input.span("stable_window_s")?;
    let ours = sensor::panic_window(stable, input.number("panic_window_percent")?);
    expect(vector, &json!({ "panic_window_s": ours.as_secs_f64() }))
}

pub(super) fn resolve_target(vector: &Value) -> Checked {
    let input = input(vector);
    let config = input.inner("config");
    let cluster = target::Config {
        concurrency: config.number("concurrency_target_default")?,
        concurrency_share: config.number("concurrency_target_fraction")?,
        requests_per_second: config.number("rps_target_default")?,
        requests_share: config.number("target_utilization")?,
    };
    let share = input.maybe_number("utilization_annotation_percent")?;
    let revision = Revision {
        metric: match input.text("metric")? {
            "concurrency" => Metric::Concurrency,
            "rps" => Metric::RequestsPerSecond,
            other => return Err(format!("unknown metric {other}")),
        },
        container_concurrency: input
            .maybe_count("container_concurrency")?
            .filter(|limit| *limit > 0),
        target: input.maybe_number("target_annotation")?,
        share: share.map(|percent| percent / 100.0),
    };
    let ours = target::resolve(&cluster, &revision);
    expect(
        vector,
        &json!({ "target": ours.target, "total": ours.total }),
    )
}

fn scaler(input: Fields<'_>) -> Result<zero::Config, String> {
    let (cluster, own) = (input.inner("config"), input.inner("revision_overrides"));
    let pick = |key: &str| if own.0[key].is_null() { cluster } else { own };
    let max = input.count("max_scale")?;
    Ok(zero::Config {
        bounds: Bounds {
            min: input.count("min_scale")?,
            max: if max == 0 { Bounds::UNLIMITED } else { max },
        },
        initial_scale: zero::initial_scale(
            cluster.count("initial_scale")?,
            own.maybe_count("initial_scale")?,
            cluster.yes("allow_zero_initial_scale")?,
        ),
        is_reachable: input.text("reachability")? != "unreachable",
        is_zero_allowed: cluster.yes("enable_scale_to_zero")?,
        stable_window: pick("stable_window_s").span("stable_window_s")?,
        grace: cluster.span("scale_to_zero_grace_period_s")?,
        pod_retention: pick("pod_retention_period_s").span("pod_retention_period_s")?,
        progress_deadline: pick("progress_deadline_s").span("progress_deadline_s")?,
        activation_timeout_buffer: cluster.span("activation_timeout_buffer_s")?,
        is_activator_always_in_path: pick("target_burst_capacity")
            .number("target_burst_capacity")?
            .eq(&-1.0),
    })
}

pub(super) fn scale_decision(vector: &Value) -> Checked {
    let input = input(vector);
    let activity = input.inner("activity");
    let seen = zero::Observation {
        wish: u32::try_from(input.integer("desired")?).ok(),
        pods: input.count("current_replicas")?,
        activity: match activity.text("state")? {
            "activating" => Activity::Activating,
            "active" => Activity::Active,
            "inactive" => Activity::Inactive,
            other => return Err(format!("unknown activity {other}")),
        },
        activity_for: activity.span("for_s")?,
        is_initial_scale_reached: input.yes("initial_scale_reached")?,
        is_activator_answering: input.0["activator_probe"] == "ok",
        activator_in_path: input.span("activator_in_path_for_s")?,
    };
    let ours = zero::decide(&scaler(input)?, &seen);
    let scale = ours.pods.map_or(-1, i64::from);
    expect(
        vector,
        &json!({ "scale": scale, "applied": ours.is_applied }),
    )
}
