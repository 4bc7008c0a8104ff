//! `summary.json`: a result for programs, in base units, with a version and a schema.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::manifest::VERSION;
use crate::experiment::{CallerFindings, Findings, SourceFindings, Spread};
use crate::metrics::Metric;
use crate::objective::Verdict;
use crate::stats::Estimate;

/// The version of the format. Minor: fields are added. Major: anything else.
pub const SCHEMA: &str = "capsim/summary/1.3";

/// The summary of a run.
pub fn summary(id: &str, seed: u64, findings: &Findings) -> Value {
    let figures = |figures: &BTreeMap<String, Estimate>| -> Value {
        let figure = |(name, estimate): (&String, &Estimate)| {
            (
                name.clone(),
                with_unit(estimate, super::words::unit_of(name).symbol()),
            )
        };
        figures.iter().map(figure).collect()
    };
    let classes: serde_json::Map<String, Value> = findings
        .classes
        .iter()
        .map(|class| {
            let own = json!({ "requests": class.requests, "metrics": figures(&class.figures) });
            (class.name.clone(), own)
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "capsim": VERSION,
        "run": {
            "id": id,
            "seed": seed,
            "replications": findings.replications,
            "stop": findings.stop,
            "level": findings.level,
            "horizon_s": findings.horizon_s,
            "requests": findings.requests,
            "events": findings.events,
        },
        "verdict": findings.verdict,
        "objectives": findings.objectives.iter().map(objective).collect::<Vec<_>>(),
        "breaks_first": findings.bottleneck,
        "metrics": figures(&findings.figures),
        "classes": classes,
        "outcomes": findings.outcomes.iter().map(|outcome| {
            (outcome.name.clone(), with_unit(&outcome.share, "1"))
        }).collect::<serde_json::Map<_, _>>(),
        "sources": findings.sources.iter().map(source).collect::<Vec<_>>(),
        "callers": findings.callers.iter().map(caller).collect::<Vec<_>>(),
        "resources": findings.resources,
        "queues": findings.queues,
        "hit_ratios": findings.hit_ratios.iter().map(|(cache, ratio)| {
            (cache.clone(), with_unit(ratio, "1"))
        }).collect::<serde_json::Map<_, _>>(),
        "turned_away": findings.turned_away.iter().map(|(limit, share)| {
            (limit.clone(), with_unit(share, "1"))
        }).collect::<serde_json::Map<_, _>>(),
        "cache_shares": findings.cache_shares,
        "served_ages": findings.served_ages,
        "scale_ups": findings.scale_ups,
        "costs": findings.costs.iter().map(|part| {
            (part.name(), with_unit(&part.usd, "usd"))
        }).collect::<serde_json::Map<_, _>>(),
        "elasticity": findings.elasticities,
        "overflow_s": findings.overflow_s,
        "advisories": findings.advisories,
    })
}

fn objective(objective: &crate::experiment::ObjectiveFindings) -> Value {
    let unit = Metric::by_name(&objective.metric).map_or("1", |metric| metric.unit().symbol());
    let (low, high) = interval(objective.estimate.as_ref());
    json!({
        "name": objective.name,
        "op": objective.op,
        "bound": objective.bound,
        "unit": unit,
        "met": match objective.verdict {
            Verdict::Met => Some(true),
            Verdict::NotMet => Some(false),
            Verdict::Undecided => None,
        },
        "value": objective.estimate.map(|estimate| estimate.value),
        "low": low,
        "high": high,
        "violated": objective.violated,
    })
}

/// A source with users. Counts are averages over the replications.
fn source(own: &SourceFindings) -> Value {
    let count = |value: Option<Estimate>| value.map(|own| with_unit(&own, "1"));
    let ends = own.ends.iter();
    json!({
        "name": own.name,
        "kind": own.kind,
        "seconds": own.seconds,
        "users": count(own.users),
        "users_most": count(own.users_most),
        "rounds": {
            "begun": count(own.begun),
            "done": count(own.done),
            "broken_off": count(own.broken_off),
            "interrupted": count(own.interrupted),
            "dropped": count(own.dropped),
            "skipped": count(own.skipped),
        },
        "late": count(own.late),
        "held_up": count(own.held_up),
        "requests": ends.map(|(name, n)| (name.clone(), with_unit(n, "1")))
            .collect::<serde_json::Map<_, _>>(),
        "round_times": own.rounds.as_ref().map(spread),
        "reported": own.answers.as_ref().map(spread),
        "corrected": own.corrected.as_ref().map(spread),
        "expected_gap_s": own.expected_gap_s,
    })
}

/// A distribution of times. Its ends are those of all replications together, and have no interval.
fn spread(own: &Spread) -> Value {
    json!({
        "count": own.n,
        "min_s": own.min_s,
        "max_s": own.max_s,
        "mean": with_unit(&own.mean_s, "s"),
        "p50": with_unit(&own.p50_s, "s"),
        "p75": with_unit(&own.p75_s, "s"),
        "p90": with_unit(&own.p90_s, "s"),
        "p95": with_unit(&own.p95_s, "s"),
        "p99": with_unit(&own.p99_s, "s"),
        "p999": with_unit(&own.p999_s, "s"),
    })
}

/// Somebody who persists.
fn caller(own: &CallerFindings) -> Value {
    let figure = |value: Option<Estimate>, unit| value.map(|own| with_unit(&own, unit));
    json!({
        "name": own.name,
        "errands": figure(own.errands, "1/s"),
        "attempts_per_errand": figure(own.attempts_per_errand, "1"),
        "retries": figure(own.retries, "1/s"),
        "hedges": figure(own.hedges, "1/s"),
        "timed_out": figure(own.timed_out, "1"),
        "out_of_budget": figure(own.out_of_budget, "1/s"),
        "breaker_rejections": figure(own.breaker_rejections, "1/s"),
        "limit_rejections": figure(own.limit_rejections, "1/s"),
    })
}

fn with_unit(estimate: &Estimate, unit: &str) -> Value {
    let (low, high) = interval(Some(estimate));
    json!({ "value": estimate.value, "low": low, "high": high, "unit": unit })
}

fn interval(estimate: Option<&Estimate>) -> (Option<f64>, Option<f64>) {
    estimate.and_then(|estimate| estimate.interval).unzip()
}

/// The JSON Schema of `summary.json`.
pub fn schema() -> Value {
    let number = json!({ "type": "number" });
    let maybe = json!({ "type": ["number", "null"] });
    let figure = json!({
        "type": "object",
        "properties": {
            "value": number, "low": maybe, "high": maybe,
            "unit": { "enum": ["s", "1/s", "1", "usd"] },
        },
        "required": ["value", "low", "high", "unit"],
    });
    let named = json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/figure" } });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "type": "object",
        "properties": {
            "schema": { "const": SCHEMA },
            "capsim": { "type": "string" },
            "run": { "type": "object" },
            "verdict": { "enum": ["met", "not_met", "undecided"] },
            "objectives": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "name": { "type": "string" }, "op": { "enum": ["<", ">"] }, "bound": number,
                    "unit": { "type": "string" }, "met": { "type": ["boolean", "null"] },
                    "value": maybe, "low": maybe, "high": maybe, "violated": { "type": "array" },
                },
                "required": ["name", "op", "bound", "unit", "met", "value", "low", "high", "violated"],
            } },
            "breaks_first": { "type": ["object", "null"] },
            "metrics": named,
            "classes": { "type": "object" },
            "outcomes": named,
            "sources": { "type": "array", "items": source_schema() },
            "callers": { "type": "array", "items": {
                "type": "object",
                "properties": { "name": { "type": "string" } },
                "additionalProperties": maybe_figure(),
                "required": ["name"],
            } },
            "resources": { "type": "array" },
            "queues": { "type": "array" },
            "hit_ratios": named,
            "turned_away": named,
            "cache_shares": { "type": "object" },
            "served_ages": { "type": "object" },
            "scale_ups": { "type": "object" },
            "costs": named,
            "elasticity": { "type": "array", "items": { "type": "object", "required": ["service"] } },
            "overflow_s": maybe,
            "advisories": { "type": "array", "items": { "type": "object", "required": ["code"] } },
        },
        "required": ["schema", "capsim", "run", "verdict", "objectives", "metrics", "outcomes", "advisories"],
        "$defs": { "figure": figure },
    })
}

/// A figure, or nothing where there is no data.
fn maybe_figure() -> Value {
    json!({ "anyOf": [{ "$ref": "#/$defs/figure" }, { "type": "null" }] })
}

/// A source with users.
fn source_schema() -> Value {
    let figures = json!({ "type": "object", "additionalProperties": maybe_figure() });
    let number = json!({ "type": "number" });
    let times = json!({
        "type": ["object", "null"],
        "properties": { "count": number, "min_s": number, "max_s": number },
        "additionalProperties": { "$ref": "#/$defs/figure" },
    });
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "kind": { "type": "string" },
            "seconds": number,
            "users": maybe_figure(),
            "users_most": maybe_figure(),
            "rounds": figures,
            "late": maybe_figure(),
            "held_up": maybe_figure(),
            "requests": figures,
            "round_times": times,
            "reported": times,
            "corrected": times,
            "expected_gap_s": { "type": ["number", "null"] },
        },
        "required": ["name", "kind", "seconds", "rounds", "requests", "reported", "corrected"],
    })
}
