//! How the HPA is held back: by earlier wishes, by rates, by bounds.

use capsim::autoscaler::hpa::{Changes, Limited, Rules, Windows};
use capsim::units::SimDuration;
use serde_json::Value;

use super::reading::{
    NOW, behavior, bounds, count, events, history, legacy_pace, maybe, policies, rules, select,
    span, text,
};
use super::{compare, ours};

fn compare_limited(vector: &Value, own: Limited) -> Result<(), String> {
    let ours = ours! { "replicas": own.replicas, "reason": own.limit.word() };
    compare(&vector["expected"], &ours)
}

pub(in super::super) fn legacy_limit(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let pace = legacy_pace(input, "scale_up_factor", "scale_up_minimum")?;
    let (current, desired) = (count(&input["current"])?, count(&input["desired"])?);
    let own = pace.limit(current, desired, bounds(input, "min", "max")?);
    compare_limited(vector, own)
}

pub(in super::super) fn behavior_limit(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let (ups, downs) = (
        events(&input["scale_up_events"])?,
        events(&input["scale_down_events"])?,
    );
    let changes = Changes {
        ups: &ups,
        downs: &downs,
        now: NOW,
    };
    let (current, desired) = (count(&input["current"])?, count(&input["desired"])?);
    let behavior = behavior(input, SimDuration::from_secs(300))?;
    let own = behavior.limit(current, desired, bounds(input, "min", "max")?, &changes);
    compare_limited(vector, own)
}

pub(in super::super) fn policy_limit(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let (ups, downs) = (
        events(&input["scale_up_events"])?,
        events(&input["scale_down_events"])?,
    );
    let changes = Changes {
        ups: &ups,
        downs: &downs,
        now: NOW,
    };
    let rules = Rules {
        select: select(&input["select_policy"])?,
        policies: policies(&input["policies"])?,
        ..Rules::default_up()
    };
    let current = count(&input["current"])?;
    let limit = match text(&input["direction"])? {
        "up" => rules.growth_limit(current, &changes),
        _ => rules.shrink_limit(current, &changes),
    };
    compare(&vector["expected"], &ours! { "limit": limit })
}

pub(in super::super) fn store_event(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let mut events = events(&input["events"])?;
    let sum = events.sum_within(span(&input["sum_period_s"])?, NOW);
    let is_up = text(&input["direction"])? == "up";
    let usual = if is_up {
        Rules::default_up()
    } else {
        Rules::default_down(SimDuration::from_secs(300))
    };
    let (before, after) = (
        count(&input["previous_replicas"])?,
        count(&input["new_replicas"])?,
    );
    // Without a `behavior` section nothing is stored, which is for the sync to see to.
    if let Some(rules) = maybe(&input["rules"], |given| rules(given, usual.clone()))? {
        events.store(before.abs_diff(after), rules.longest_period(), NOW);
    }
    let changes = events.0.iter().map(|own| own.change);
    let outdated = events.0.iter().filter(|own| own.is_outdated);
    let ours = ours! {
        "changes": changes.collect::<Vec<_>>(),
        "outdated_changes": outdated.map(|own| own.change).collect::<Vec<_>>(),
        "sum_before_store": sum,
    };
    compare(&vector["expected"], &ours)
}

pub(in super::super) fn stabilize_legacy(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let mut history = history(&input["history"])?;
    let wish = count(&input["desired"])?;
    let replicas = history.stabilize_legacy(wish, span(&input["window_s"])?, NOW);
    let stored = history.0.iter().map(|own| own.replicas);
    let ours = ours! {
        "replicas": replicas,
        "history_length": history.0.len(),
        "history_replicas": stored.collect::<Vec<_>>(),
    };
    compare(&vector["expected"], &ours)
}

pub(in super::super) fn stabilize_behavior(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let mut history = history(&input["history"])?;
    let windows = Windows {
        up: span(&input["scale_up_window_s"])?,
        down: span(&input["scale_down_window_s"])?,
    };
    let (current, wish) = (count(&input["current"])?, count(&input["desired"])?);
    let replicas = history.stabilize(current, wish, windows, NOW);
    let stored = history.0.iter().map(|own| own.replicas);
    let ours = ours! {
        "replicas": replicas,
        "history_length": history.0.len(),
        "history_replicas": stored.collect::<Vec<_>>(),
    };
    compare(&vector["expected"], &ours)
}
