//! What made a result: everything that decides about its bytes, and nothing else.

use serde_json::{Value, json};

use crate::scenario::Scenario;
use crate::units::Fraction;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, or `unknown`.
pub const COMMIT: &str = env!("CAPSIM_COMMIT");

/// The identity of a run: by what is run and by which version. Ten hexadecimal digits.
pub fn run_id(scenario: &Scenario) -> String {
    id(&["run", VERSION, scenario.resolved()])
}

/// The identity of a sweep.
pub fn sweep_id(scenario: &Scenario, sweep: &str) -> String {
    id(&["sweep", VERSION, scenario.resolved(), sweep])
}

/// The identity of a backtest of these recordings: their names and contents.
pub fn backtest_id(recordings: &[(&str, Vec<u8>)]) -> String {
    let hashes = recordings.iter().flat_map(|(name, bytes)| {
        let hash = blake3::hash(bytes).to_hex().as_str().to_owned();
        [(*name).to_owned(), hash]
    });
    let hashes: Vec<String> = hashes.collect();
    let mut parts = vec!["backtest", VERSION];
    parts.extend(hashes.iter().map(String::as_str));
    format!("backtest-{}", id(&parts))
}

/// The identity of a comparison.
pub fn compare_id(a: &Scenario, b: &Scenario, tolerance: Fraction) -> String {
    let tolerance = tolerance.to_text();
    id(&["compare", VERSION, a.resolved(), b.resolved(), &tolerance])
}

/// The identity of a plan.
pub fn plan_id(scenario: &Scenario, plan: &str, is_exhaustive: bool) -> String {
    let how = if is_exhaustive { "exhaustive" } else { "" };
    id(&["plan", VERSION, scenario.resolved(), plan, how])
}

fn id(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..10].to_owned()
}

/// What made a result.
pub fn manifest(kind: &str, id: &str, name: &str, scenario: &Scenario) -> Value {
    let rule = scenario.replications();
    let inputs: Vec<Value> = scenario
        .inputs()
        .iter()
        .map(|file| json!({ "path": file.path, "blake3": blake3::hash(&file.bytes).to_hex().as_str() }))
        .collect();
    json!({
        "schema": "capsim/manifest/1.0",
        "kind": kind,
        "id": id,
        "capsim": VERSION,
        "commit": COMMIT,
        "scenario": name,
        "title": scenario.title(),
        "scenario_blake3": blake3::hash(scenario.resolved().as_bytes()).to_hex().as_str(),
        "inputs": inputs,
        "seed": scenario.seed(),
        "replications": { "at_least": rule.at_least, "at_most": rule.at_most },
        "horizon_s": scenario.blueprint().windows.horizon.as_secs_f64(),
        "random": {
            "generators": ["xoshiro256++", "SplitMix64"],
            "rand": env!("CAPSIM_RAND"),
            "rand_distr": env!("CAPSIM_RAND_DISTR"),
            "rand_xoshiro": env!("CAPSIM_RAND_XOSHIRO"),
        },
    })
}
