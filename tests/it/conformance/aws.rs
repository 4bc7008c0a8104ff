//! What AWS alarms and scaling policies say.

use capsim::autoscaler::aws::adjustment::{self, Adjustment, Kind};
use capsim::autoscaler::aws::alarm::{AlarmState, MissingData, Point, Rule};
use capsim::autoscaler::aws::predictive::{self, MaxBehavior};
use capsim::autoscaler::aws::step::{self, Side, Step, Steps};
use capsim::autoscaler::aws::target_tracking::{self, Change, Vote};
use capsim::autoscaler::aws::{Group, Reason, simple, warm_pool};
use capsim::autoscaler::count::Bounds;
use capsim::units::{SimDuration, SimTime};
use serde_json::{Value, json};

use super::fields::{Fields, expect, input};

type Checked = Result<(), String>;

fn kind(input: Fields<'_>) -> Result<Kind, String> {
    match input.text("adjustment_type")? {
        "ChangeInCapacity" => Ok(Kind::Change),
        "ExactCapacity" => Ok(Kind::Exact),
        "PercentChangeInCapacity" => Ok(Kind::Percent {
            min_magnitude: input.maybe_count("min_adjustment_magnitude")?,
        }),
        other => Err(format!("unknown adjustment {other}")),
    }
}

fn adjustment(input: Fields<'_>) -> Result<Adjustment, String> {
    Ok(Adjustment {
        kind: kind(input)?,
        amount: input.integer("adjustment")?,
    })
}

fn policy(input: Fields<'_>, side: Side, key: &str) -> Result<step::Config, String> {
    let steps = input.list(key)?.iter().map(Fields).map(|own| {
        Ok(Step {
            lower: own.maybe_number("lower")?,
            upper: own.maybe_number("upper")?,
            amount: own.integer("adjustment")?,
        })
    });
    let steps = steps.collect::<Result<_, String>>()?;
    Ok(step::Config {
        threshold: input.number("threshold")?,
        kind: kind(input)?,
        steps: Steps::new(side, steps).map_err(|error| format!("{key}: {error:?}"))?,
        bounds: input.bounds()?,
    })
}

pub(super) fn step_adjustment(vector: &Value) -> Checked {
    let input = input(vector);
    let metric = input.number("metric")?;
    let (side, key) = if metric >= input.number("threshold")? {
        (Side::Above, "scale_out_steps")
    } else {
        (Side::Below, "scale_in_steps")
    };
    let group = Group::settled(input.count("capacity")?);
    let ours = step::decide(&policy(input, side, key)?, group, metric);
    expect(vector, &json!({ "capacity": ours.instances }))
}

pub(super) fn step_warmup(vector: &Value) -> Checked {
    let input = input(vector);
    let desired = input.count("desired_capacity")?;
    let group = Group {
        desired,
        warming: desired.saturating_sub(input.count("warm_capacity")?),
        terminating: 0,
    };
    let config = policy(input, Side::Above, "scale_out_steps")?;
    let ours = step::decide(&config, group, input.number("metric")?);
    expect(vector, &json!({ "desired_capacity": ours.instances }))
}

pub(super) fn percent_rounding(vector: &Value) -> Checked {
    let ours = adjustment::whole_change(input(vector).number("value")?);
    expect(vector, &json!({ "rounded": ours }))
}

pub(super) fn simple_adjustment(vector: &Value) -> Checked {
    let input = input(vector);
    let config = simple::Config {
        adjustment: adjustment(input)?,
        cooldown: SimDuration::from_secs(300),
        bounds: input.bounds()?,
    };
    let group = Group::settled(input.count("capacity")?);
    let ours = simple::State::default().alarm(&config, group, SimTime::ZERO);
    expect(vector, &json!({ "capacity": ours.instances }))
}

pub(super) fn multiple_policies(vector: &Value) -> Checked {
    let input = input(vector);
    let policies = input.list("policies")?.iter().map(Fields).map(adjustment);
    let policies = policies.collect::<Result<Vec<_>, _>>()?;
    let capacity = input.count("capacity")?;
    let ours = adjustment::adjust(capacity, &policies, input.bounds()?).ok_or("no policies")?;
    expect(vector, &json!({ "capacity": ours.instances }))
}

pub(super) fn simple_cooldown(vector: &Value) -> Checked {
    let input = input(vector);
    let config = simple::Config {
        adjustment: Adjustment {
            kind: Kind::Change,
            amount: 1,
        },
        cooldown: input.span("cooldown_s")?,
        bounds: Bounds { min: 0, max: 1000 },
    };
    let launch = input.span("launch_duration_s")?;
    let (mut state, mut group) = (simple::State::default(), Group::settled(1));
    let (mut launched, mut accepted) = (None, Vec::new());
    for alarm in input.list("alarm_times_s")? {
        let seconds = alarm.as_f64().ok_or("no time")?;
        let now = SimTime::ZERO + SimDuration::from_secs_f64(seconds);
        if let Some(at) = launched.take_if(|at| *at <= now) {
            state.carried_out(&config, at);
        }
        let ours = state.alarm(&config, group, now);
        if ours.reason == Reason::AsWished {
            group.desired = ours.instances;
            launched = Some(now + launch);
            accepted.push(seconds);
        }
    }
    expect(vector, &json!({ "accepted_times_s": accepted }))
}

pub(super) fn target_tracking_rounding(vector: &Value) -> Checked {
    let input = input(vector);
    let change = match input.text("direction")? {
        "add" => Change::Add,
        "remove" => Change::Remove,
        other => return Err(format!("unknown direction {other}")),
    };
    let ours = target_tracking::whole_change(change, input.number("exact_change")?);
    expect(vector, &json!({ "instances": ours }))
}

pub(super) fn target_tracking_proportional(vector: &Value) -> Checked {
    let input = input(vector);
    let wish = target_tracking::proportional(
        input.count("capacity")?,
        input.number("metric_per_instance")?,
        input.number("target")?,
    );
    let (ours, _) = input.bounds()?.clamp(wish.into());
    expect(vector, &json!({ "capacity": ours }))
}

pub(super) fn target_tracking_multiple(vector: &Value) -> Checked {
    let votes = input(vector).list("policies")?.iter();
    let votes = votes.map(|own| match own.as_str() {
        Some("out") => Ok(Vote::Out),
        Some("in") => Ok(Vote::In),
        Some("none") => Ok(Vote::Hold),
        Some("in-disabled") => Ok(Vote::Abstain),
        other => Err(format!("unknown vote {other:?}")),
    });
    let ours = match target_tracking::vote(&votes.collect::<Result<Vec<_>, _>>()?) {
        Vote::Out => "out",
        Vote::In => "in",
        Vote::Hold | Vote::Abstain => "none",
    };
    expect(vector, &json!({ "direction": ours }))
}

fn max_behavior(input: Fields<'_>) -> Result<MaxBehavior, String> {
    match input.text("max_capacity_behavior")? {
        "HonorMaxCapacity" => Ok(MaxBehavior::Honor),
        "IncreaseMaxCapacity" => Ok(MaxBehavior::Increase {
            buffer_percent: input
                .maybe_count("max_capacity_buffer_percent")?
                .unwrap_or(0),
        }),
        other => Err(format!("unknown behavior {other}")),
    }
}

pub(super) fn predictive(vector: &Value) -> Checked {
    let input = input(vector);
    let config = predictive::Config {
        max_behavior: max_behavior(input)?,
        scheduling_buffer: SimDuration::ZERO,
        bounds: input.bounds()?,
    };
    let dynamic = input.count("dynamic_capacity")?;
    let ours = predictive::decide(&config, dynamic, input.maybe_count("predicted_capacity")?);
    expect(vector, &json!({ "capacity": ours.instances }))
}

pub(super) fn predictive_max(vector: &Value) -> Checked {
    let input = input(vector);
    let (forecast, max) = (input.count("predicted_capacity")?, input.count("max")?);
    let ours = max_behavior(input)?.effective_max(forecast, max);
    expect(vector, &json!({ "effective_max": ours }))
}

pub(super) fn warm_pool_size(vector: &Value) -> Checked {
    let input = input(vector);
    let config = warm_pool::Config {
        max_prepared: input.maybe_count("max_prepared_capacity")?,
        min_size: input.count("min_pool_size")?,
    };
    let ours = warm_pool::size(
        &config,
        input.count("desired_capacity")?,
        input.count("max")?,
    );
    expect(vector, &json!({ "warm_pool": ours }))
}

/// The names of the states.
const STATES: [(&str, AlarmState); 3] = [
    ("OK", AlarmState::Ok),
    ("ALARM", AlarmState::Alarm),
    ("INSUFFICIENT_DATA", AlarmState::InsufficientData),
];

pub(super) fn alarm_state(vector: &Value) -> Checked {
    let input = input(vector);
    let rule = Rule {
        datapoints_to_alarm: input.count("datapoints_to_alarm")?,
        evaluation_periods: input.count("evaluation_periods")?,
        missing_data: match input.text("missing_data")? {
            "missing" => MissingData::Missing,
            "ignore" => MissingData::Ignore,
            "breaching" => MissingData::Breaching,
            "notBreaching" => MissingData::NotBreaching,
            other => return Err(format!("unknown treatment {other}")),
        },
    };
    let points = input.list("points_oldest_first")?.iter();
    let points = points.map(|own| match own.as_str() {
        Some("ok") => Ok(Point::Ok),
        Some("breaching") => Ok(Point::Breaching),
        Some("missing") => Ok(Point::Missing),
        other => Err(format!("unknown point {other:?}")),
    });
    let points = points.collect::<Result<Vec<_>, _>>()?;
    let before = input.text("prior_state")?;
    let before = STATES.iter().find(|(name, _)| *name == before);
    let (_, before) = before.ok_or("unknown state")?;
    let ours = rule.state(&points, *before);
    let name = STATES.iter().find(|(_, state)| *state == ours);
    expect(vector, &json!({ "state": name.map(|(name, _)| name) }))
}
