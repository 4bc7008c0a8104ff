//! `compare.json`: a comparison for programs.

use serde_json::{Value, json};

use super::{CompareView, verdict};
use crate::experiment::{Compared, Findings};
use crate::objective::Verdict;
use crate::report::manifest::VERSION;
use crate::stats::Estimate;

/// The version of the format. Minor: fields are added. Major: anything else.
pub const SCHEMA: &str = "capsim/compare/1.0";

/// A comparison.
pub fn comparison(id: &str, view: CompareView<'_>) -> Value {
    let found = view.found;
    json!({
        "schema": SCHEMA,
        "capsim": VERSION,
        "id": id,
        "seed": view.seed,
        "pairs": found.pairs,
        "stop": found.stop,
        "level": found.level,
        "tolerance": found.tolerance,
        "a": view.name_a,
        "b": view.name_b,
        "verdict": verdict(view),
        "worse": found.is_worse(),
        "undecided": found.is_undecided(),
        "same_requests": found.same_requests,
        "changes": view.changes.iter().map(|change| {
            json!({ "path": change.path, "a": change.a, "b": change.b })
        }).collect::<Vec<_>>(),
        "figures": found.figures.iter().map(figure).collect::<Vec<_>>(),
        "objectives": objectives(&found.a, &found.b),
        "notes": view.notes,
    })
}

fn figure(own: &Compared) -> Value {
    let estimate = |own: Option<Estimate>| {
        own.map(|own| {
            let (low, high) = own.interval.unzip();
            json!({ "value": own.value, "low": low, "high": high })
        })
    };
    json!({
        "name": own.name,
        "about": own.about,
        "unit": own.unit.symbol(),
        "main": own.is_main,
        "a": estimate(own.a),
        "b": estimate(own.b),
        "difference": estimate(own.difference),
        "relative": estimate(own.relative),
        "correlation": own.correlation,
        "saved": own.saved,
        "word": own.word,
    })
}

/// Objectives of either, and whether each side meets them.
fn objectives(a: &Findings, b: &Findings) -> Vec<Value> {
    let met = |own: &Findings, name: &str, text: &str| {
        let found = own
            .objectives
            .iter()
            .find(|o| o.name == name && o.text == text)?;
        match found.verdict {
            Verdict::Met => Some(true),
            Verdict::NotMet => Some(false),
            Verdict::Undecided => None,
        }
    };
    super::bounds(a, b)
        .map(|(name, text)| {
            json!({ "name": name, "bound": text, "a": met(a, name, text), "b": met(b, name, text) })
        })
        .collect()
}

/// The JSON Schema of `compare.json`.
pub fn schema() -> Value {
    let number = json!({ "type": "number" });
    let maybe = json!({ "type": ["number", "null"] });
    let text = json!({ "type": "string" });
    let estimate = json!({
        "type": ["object", "null"],
        "properties": { "value": number, "low": maybe, "high": maybe },
        "required": ["value", "low", "high"],
    });
    let maybe_text = json!({ "type": ["string", "null"] });
    let met = json!({ "type": ["boolean", "null"] });
    let whole = json!({ "type": "integer" });
    let words = [
        "better",
        "worse",
        "higher",
        "lower",
        "same",
        "undecided",
        "only_a",
        "only_b",
    ];
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "type": "object",
        "properties": {
            "schema": { "const": SCHEMA },
            "capsim": text,
            "id": text,
            "seed": whole,
            "pairs": whole,
            "stop": { "enum": ["as_asked", "precise", "at_most"] },
            "level": number,
            "tolerance": number,
            "a": text,
            "b": text,
            "verdict": text,
            "worse": { "type": "boolean" },
            "undecided": { "type": "boolean" },
            "same_requests": maybe,
            "changes": { "type": "array", "items": {
                "type": "object",
                "properties": { "path": text, "a": maybe_text, "b": maybe_text },
                "required": ["path", "a", "b"],
            } },
            "figures": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "name": text,
                    "about": { "enum": ["all", "class", "outcome", "resource", "share", "cost"] },
                    "unit": { "enum": ["s", "1/s", "1", "usd"] },
                    "main": { "type": "boolean" },
                    "a": estimate, "b": estimate, "difference": estimate, "relative": estimate,
                    "correlation": maybe, "saved": maybe,
                    "word": { "enum": words },
                },
                "required": ["name", "about", "unit", "main", "a", "b", "difference", "relative", "word"],
            } },
            "objectives": { "type": "array", "items": {
                "type": "object",
                "properties": { "name": text, "bound": text, "a": met, "b": met },
                "required": ["name", "bound", "a", "b"],
            } },
            "notes": { "type": "array", "items": text },
        },
        "required": [
            "schema", "capsim", "seed", "pairs", "level", "tolerance", "verdict", "worse", "undecided",
            "changes", "figures", "objectives",
        ],
    })
}
