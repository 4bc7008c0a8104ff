//! Recorded decisions of real software, and exact values of theory, run by one test: `cargo test
//! conformance`.
//!
//! A vector says by its `kind` what it is about; one file per kind drives the code that decides in a
//! simulation. To add one: write its file and add its line to [`KINDS`].
//!
//! `CAPSIM_CONFORMANCE=DIR cargo test conformance` runs the vectors in `DIR/nginx`, `DIR/autoscaler` and
//! `DIR/queueing` instead of the project's own, says per folder how many pass and fail, names those that
//! fail, and fails if any does. A vector of a kind that is not listed fails.

mod addresses;
mod aws;
mod azure;
mod cache;
mod cloud_run;
mod elasticity;
mod fields;
mod heroku;
mod hpa;
mod keda;
mod kpa;
mod limit_conn;
mod limit_req;
mod scripts;
mod upstream;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::theory;

/// Holds one vector against the code; says where they differ.
type Check = fn(&Value) -> Result<(), String>;

/// What is checked, by the kind of a vector.
const KINDS: &[(&str, Check)] = &[
    ("aws.alarm_state", aws::alarm_state),
    ("aws.multiple_policies", aws::multiple_policies),
    ("aws.percent_rounding", aws::percent_rounding),
    ("aws.predictive", aws::predictive),
    ("aws.predictive_max", aws::predictive_max),
    ("aws.simple_adjustment", aws::simple_adjustment),
    ("aws.simple_cooldown", aws::simple_cooldown),
    ("aws.step_adjustment", aws::step_adjustment),
    ("aws.step_warmup", aws::step_warmup),
    (
        "aws.target_tracking_multiple",
        aws::target_tracking_multiple,
    ),
    (
        "aws.target_tracking_proportional",
        aws::target_tracking_proportional,
    ),
    (
        "aws.target_tracking_rounding",
        aws::target_tracking_rounding,
    ),
    ("aws.warm_pool_size", aws::warm_pool_size),
    ("azure.decide", azure::decide),
    ("cache", cache::check),
    ("cloudrun.metrics_based", cloud_run::metrics_based),
    ("elasticity.metrics", elasticity::metrics),
    ("heroku.step", heroku::step),
    ("hpa.behavior_limit", hpa::behavior_limit),
    ("hpa.classify_pods", hpa::classify_pods),
    ("hpa.legacy_limit", hpa::legacy_limit),
    ("hpa.metric_replicas", hpa::metric_replicas),
    ("hpa.normalize_sequence", hpa::normalize_sequence),
    ("hpa.pod_request", hpa::pod_request),
    ("hpa.policy_limit", hpa::policy_limit),
    ("hpa.reconcile", hpa::reconcile),
    ("hpa.stabilize_behavior", hpa::stabilize_behavior),
    ("hpa.stabilize_legacy", hpa::stabilize_legacy),
    ("hpa.store_event", hpa::store_event),
    ("keda.activation", keda::activation),
    ("keda.fallback", keda::fallback),
    ("keda.hpa_target", keda::hpa_target),
    ("keda.job_strategy", keda::job_strategy),
    ("keda.trigger_active", keda::trigger_active),
    ("kpa.decide", kpa::decide),
    ("kpa.initial_state", kpa::initial_state),
    ("kpa.max_index_window", kpa::max_index_window),
    ("kpa.max_time_window", kpa::max_time_window),
    ("kpa.panic_window", kpa::panic_window),
    ("kpa.resolve_target", kpa::resolve_target),
    ("kpa.scale_decision", kpa::scale_decision),
    ("kpa.scrape_sample_size", kpa::scrape_sample_size),
    ("kpa.smoothing_coefficient", kpa::smoothing_coefficient),
    ("kpa.weighted_average", kpa::weighted_average),
    ("kpa.window_average", kpa::window_average),
    ("limit_conn", limit_conn::check),
    ("limit_req", limit_req::check),
    ("script.cpu_memory_loop", scripts::once),
    ("script.emergency_loop", scripts::once),
    ("script.loop_sequence", scripts::loop_sequence),
    ("upstream", upstream::check),
];

/// The vectors of one folder that were run.
struct Folder {
    name: &'static str,
    passed: usize,
    /// Values that were compared, of cases of theory.
    values: usize,
    /// Which are left to a later tier.
    later: usize,
    /// Which failed, and why.
    failed: Vec<(String, String)>,
}

impl Folder {
    fn notes(&mut self, id: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(why) => self.failed.push((id.to_owned(), why)),
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    found.sort();
    found
}

fn read(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// What a check says, a panic being a no.
fn catch<T>(check: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(text.unwrap_or("a panic").to_owned())
    })
}

/// Runs what is found in one file: one vector, or several as `cases`.
fn run_file(path: &Path, folder: &mut Folder) {
    let stem = path.file_stem().expect("a name").to_string_lossy();
    let vector = match read(path) {
        Ok(vector) => vector,
        Err(why) => return folder.notes(&stem, Err(why)),
    };
    let Some(cases) = vector["cases"].as_array() else {
        if vector["kind"].is_string() {
            let id = vector["name"].as_str().unwrap_or(&stem);
            folder.notes(id, run_vector(&vector));
        }
        return;
    };
    for case in cases {
        let id = case["id"].as_str().unwrap_or("without an id");
        let id = format!("{stem}/{id}");
        if folder.name != "queueing" {
            folder.notes(&id, run_vector(case));
            continue;
        }
        let family = case["family"].as_str().or(vector["family"].as_str());
        match theory_case(family.unwrap_or(&stem), case, folder) {
            Ok(true) => folder.later += 1,
            Ok(false) => folder.notes(&id, Ok(())),
            Err(why) => folder.notes(&id, Err(why)),
        }
    }
}

/// Runs one case of theory; true if it is left to a later tier.
fn theory_case(family: &str, case: &Value, folder: &mut Folder) -> Result<bool, String> {
    let mut compared = 0;
    let done = catch(|| {
        let unknown = || format!("nothing checks the family `{family}`");
        let checked = theory::check_case(family, case).ok_or_else(unknown)?;
        compared = checked.compared();
        checked.verdict().map(|()| checked.is_for_later())
    });
    folder.values += compared;
    done
}

fn run_vector(vector: &Value) -> Result<(), String> {
    let kind = vector["kind"].as_str().unwrap_or("");
    let known = KINDS.iter().find(|(own, _)| *own == kind);
    let (_, check) = known.ok_or_else(|| format!("nothing checks vectors of kind `{kind}`"))?;
    catch(|| check(vector))
}

#[test]
fn vectors() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let given = std::env::var_os("CAPSIM_CONFORMANCE").map(PathBuf::from);
    // The project's own cases of theory are tests of their own, family by family.
    let names: &[&'static str] = if given.is_some() {
        &["nginx", "autoscaler", "queueing"]
    } else {
        &["nginx", "autoscaler"]
    };
    let root = given.as_ref().unwrap_or(&own);
    let mut folders = Vec::new();
    for name in names.iter().copied() {
        let mut folder = Folder {
            name,
            passed: 0,
            values: 0,
            later: 0,
            failed: Vec::new(),
        };
        for path in files(&root.join(name)) {
            run_file(&path, &mut folder);
        }
        folders.push(folder);
    }
    let mut said = String::new();
    for folder in &folders {
        let (name, passed) = (folder.name, folder.passed);
        said += &format!("{name}: {passed} pass, {} fail", folder.failed.len());
        if folder.values > 0 {
            said += &format!("; {} values compared", folder.values);
        }
        if folder.later > 0 {
            said += &format!("; {} are left to a later tier", folder.later);
        }
        said.push('\n');
        for (id, why) in &folder.failed {
            let first = why.lines().next().unwrap_or("");
            said += &format!("  {id}: {first}\n");
        }
    }
    // Not by a macro, so that it is seen when all is well, too.
    std::io::stderr()
        .write_all(said.as_bytes())
        .expect("somewhere to write");
    assert!(
        folders.iter().any(|folder| folder.passed > 0),
        "no vectors in {}",
        root.display()
    );
    assert!(
        folders.iter().all(|folder| folder.failed.is_empty()),
        "{said}"
    );
}
