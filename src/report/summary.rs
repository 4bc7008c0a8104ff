//! `summary.json`: a result for programs, in base units, with a version and a schema.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::manifest::VERSION;
use crate::experiment::Findings;
use crate::metrics::Metric;
use crate::objective::Verdict;
use crate::stats::Estimate;

/// The version of the format. Minor: fields are added. Major: anything else.
pub const SCHEMA: &str = "capsim/summary/1.0";

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
        "resources": findings.resources,
        "hit_ratios": findings.hit_ratios.iter().map(|(cache, ratio)| {
            (cache.clone(), with_unit(ratio, "1"))
        }).collect::<serde_json::Map<_, _>>(),
        "costs": findings.costs.iter().map(|part| {
            (part.component.clone(), with_unit(&part.usd, "usd"))
        }).collect::<serde_json::Map<_, _>>(),
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
            "resources": { "type": "array" },
            "hit_ratios": named,
            "costs": named,
            "overflow_s": maybe,
            "advisories": { "type": "array", "items": { "type": "object", "required": ["code"] } },
        },
        "required": ["schema", "capsim", "run", "verdict", "objectives", "metrics", "outcomes", "advisories"],
        "$defs": { "figure": figure },
    })
}
