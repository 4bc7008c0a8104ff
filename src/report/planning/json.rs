//! `plan.json`: a plan for programs, with the whole search.

use serde_json::{Value, json};

use super::{PlanView, command, shortcuts, verdict};
use crate::report::manifest::VERSION;

/// The version of the format. Minor: fields are added. Major: anything else.
pub const SCHEMA: &str = "capsim/plan/1.0";

/// A plan.
pub fn plan(id: &str, view: PlanView<'_>) -> Value {
    let plan = view.found;
    let choices = view.points.iter().zip(&plan.tried).map(|(point, own)| {
        let settings = point.settings.iter();
        json!({
            "set": settings.map(|own| (own.path.clone(), Value::from(own.label.clone())))
                .collect::<serde_json::Map<_, _>>(),
            "cost": own.cost,
            "replications": own.replications,
            "fate": own.fate,
            "excess": own.excess,
        })
    });
    json!({
        "schema": SCHEMA,
        "capsim": VERSION,
        "id": id,
        "seed": view.seed,
        "confidence": plan.rule.confidence.get(),
        "tolerance": plan.rule.tolerance.get(),
        "at_least": plan.rule.at_least,
        "at_most": plan.rule.at_most,
        "exhaustive": plan.rule.is_exhaustive,
        "verdict": verdict(view),
        "chosen": plan.chosen,
        "ties": plan.ties,
        "undecided": plan.open,
        "command": command(view),
        "replications": plan.replications,
        "costs_vary": plan.costs_vary,
        "shortcuts": shortcuts(view),
        "choices": choices.collect::<Vec<_>>(),
        "trace": plan.trace,
        "notes": view.notes,
    })
}

/// The JSON Schema of `plan.json`.
pub fn schema() -> Value {
    let (number, whole) = (json!({ "type": "number" }), json!({ "type": "integer" }));
    let numbers = json!({ "type": "array", "items": whole });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let fates = [
        "met",
        "missed",
        "overloaded",
        "undecided",
        "dearer",
        "left_out",
        "open",
    ];
    let fate = json!({
        "type": "object",
        "properties": { "is": { "enum": fates } },
        "required": ["is"],
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "type": "object",
        "properties": {
            "schema": { "const": SCHEMA },
            "capsim": { "type": "string" },
            "id": { "type": "string" },
            "seed": whole,
            "confidence": number,
            "tolerance": number,
            "at_least": whole,
            "at_most": whole,
            "exhaustive": { "type": "boolean" },
            "verdict": { "type": "string" },
            "chosen": { "type": ["integer", "null"] },
            "ties": numbers,
            "undecided": numbers,
            "command": { "type": ["string", "null"] },
            "replications": whole,
            "costs_vary": { "type": "boolean" },
            "shortcuts": texts,
            "choices": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "set": { "type": "object" }, "cost": number, "replications": whole, "fate": fate,
                    "excess": { "type": "array", "items": number },
                },
                "required": ["set", "cost", "replications", "fate", "excess"],
            } },
            "trace": { "type": "array", "items": {
                "type": "object",
                "properties": { "choice": whole, "replications": whole, "fate": fate },
                "required": ["choice", "replications", "fate"],
            } },
            "notes": texts,
        },
        "required": [
            "schema", "capsim", "seed", "confidence", "tolerance", "verdict", "chosen", "ties", "undecided",
            "replications", "choices", "trace",
        ],
    })
}
