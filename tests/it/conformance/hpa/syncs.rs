//! Whole syncs of the HPA's controller, one or several in a row.

use capsim::autoscaler::hpa::{
    Condition, Config, Controller, Metric, Milli, Observation, Reading, State, ValueTarget, sync,
};
use capsim::units::SimTime;
use serde_json::{Map, Value, json};

use super::reading::{
    NOW, Read, Workload, behavior, bounds, count, events, history, legacy_pace, list, maybe,
    maybe_list, milli, number, selected, span, timing,
};
use super::{compare, ours};

fn controller(value: &Value) -> Read<Controller> {
    Ok(Controller {
        tolerance: number(&value["tolerance"])?,
        downscale_stabilization: span(&value["downscale_stabilization_s"])?,
        timing: timing(value)?,
        legacy_pace: legacy_pace(value, "legacy_scale_up_factor", "legacy_scale_up_minimum")?,
        ..Controller::DEFAULT
    })
}

/// The conditions that were set, by their types.
fn conditions(decision: &capsim::autoscaler::hpa::Decision) -> Map<String, Value> {
    let own = decision.conditions();
    let all = [
        ("AbleToScale", Some(own.able_to_scale)),
        ("ScalingActive", own.scaling_active),
        ("ScalingLimited", own.scaling_limited),
    ];
    let shown = |Condition { is_true, reason }| {
        let status = if is_true { "True" } else { "False" };
        json!({ "status": status, "reason": reason })
    };
    let set = all.into_iter();
    set.filter_map(|(name, own)| Some((name.to_owned(), shown(own?))))
        .collect()
}

pub(in super::super) fn reconcile(vector: &Value) -> Result<(), String> {
    let (input, spec) = (&vector["input"], &vector["input"]["spec"]);
    let mut workload = Workload::read(&input["pods"])?;
    let given = list(&input["metrics"])?;
    let (mut metrics, mut samples, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for own in given {
        let metric = workload.metric(&own["metric"])?;
        samples.push(workload.samples(&own["samples"], selected(&metric))?);
        let series = maybe_list(&own["values_milli"]).iter().map(milli);
        values.push(series.collect::<Read<Vec<_>>>()?);
        metrics.push(metric);
    }
    let templates = workload.templates(&input["pods"], &metrics)?;
    let readings: Vec<_> = (0..metrics.len())
        .map(|at| match metrics[at] {
            _ if given[at]["fetch_error"] == true => Reading::Failed,
            Metric::Resource { .. } | Metric::Pods(_) => Reading::Samples(&samples[at]),
            _ => Reading::Values(&values[at]),
        })
        .collect();
    let controller = controller(&input["controller"])?;
    let window = controller.downscale_stabilization;
    let config = Config {
        bounds: bounds(spec, "min_replicas", "max_replicas")?,
        metrics,
        behavior: maybe(&spec["behavior"], |own| behavior(own, window))?,
        controller,
    };
    let mut state = State {
        history: maybe(&input["recommendation_history"], history)?,
        ups: events(&input["scale_up_events"])?,
        downs: events(&input["scale_down_events"])?,
    };
    let seen = Observation {
        now: NOW,
        spec_replicas: count(&input["spec_replicas"])?,
        status_replicas: count(&input["status_replicas"])?,
        pods: &workload.pods,
        templates: &templates,
        readings: &readings,
    };
    let decision = sync(&config, &mut state, &seen);
    let ours = ours! {
        "desired_replicas": decision.desired,
        "conditions": conditions(&decision),
    };
    compare(&vector["expected"], &ours)
}

/// Syncs in a row, of a workload whose metric asks for so many pods: what is waiting outside is as much as so many
/// pods should have, and nothing is near enough.
pub(in super::super) fn normalize_sequence(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let each = Milli::new(1000);
    let window = span(&input["downscale_stabilization_s"])?;
    let config = Config {
        bounds: bounds(input, "min", "max")?,
        metrics: vec![Metric::External(ValueTarget::AverageValue(each))],
        behavior: maybe(&input["behavior"], |own| behavior(own, window))?,
        controller: Controller {
            tolerance: 0.0,
            downscale_stabilization: window,
            legacy_pace: legacy_pace(input, "legacy_scale_up_factor", "legacy_scale_up_minimum")?,
            ..Controller::DEFAULT
        },
    };
    let mut state = State::default();
    let mut replicas = count(&input["initial_replicas"])?;
    let mut found = Vec::new();
    for step in list(&input["syncs"])? {
        let waiting = [Milli::new(each.get() * i64::from(count(&step["desired"])?))];
        let decision = sync(
            &config,
            &mut state,
            &Observation {
                now: SimTime::ZERO + span(&step["t_s"])?,
                spec_replicas: replicas,
                status_replicas: replicas,
                pods: &[],
                templates: &[],
                readings: &[Reading::Values(&waiting)],
            },
        );
        replicas = decision.desired;
        found.push(replicas);
    }
    compare(&vector["expected"], &ours! { "replicas": found })
}
