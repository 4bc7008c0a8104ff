//! Reports of users, load tools and retries: the text at several widths, and every layout of `--format`.

use std::path::PathBuf;
use std::process::Output;

use capsim::experiment::Findings;
use capsim::report::text::{self, Style};

use crate::support::{load, run};

/// A service that now and then stands still: whoever waits for it does not see how bad that is.
const STALLS: &str = r#"
title = "A service that stands still now and then"
[run]
horizon = "60s"
replications = 3
[components.web]
kind = "service"
workers = { count = 4 }
backlog = "unbounded"
operations.default.steps = [
  { wait = { exponential = "5ms" } },
  { wait = "1s", probability = "0.2%" },
]
"#;

const USERS: &str = r#"
[sources.people]
kind = "users"
users = 20
think = "20ms"
enters = "web"
"#;

const K6: &str = r#"
[sources.launch]
kind = "k6"
executor = "ramping-arrival-rate"
startRate = 10
preAllocatedVUs = 5
maxVUs = 20
stages = [{ target = 300, duration = "20s" }, { target = 0, duration = "20s" }]
enters = "web"
flow = [{ get = "/cart" }, { think = 0.1 }, { post = "/order" }]
"#;

const ARTILLERY: &str = r#"
[sources.visit]
kind = "artillery"
phases = [{ duration = 20, arrivalRate = 20, maxVusers = 30 }]
enters = "web"
timeout = "500ms"
flow = [{ get = "/cart" }, { think = 1 }, { post = "/order" }]
"#;

const WRK: &str = r#"
[sources.bench]
kind = "wrk"
threads = 3
connections = 50
duration = "30s"
enters = "web"
"#;

const LOCUST: &str = r#"
[sources.swarm]
kind = "locust"
users = 40
spawn_rate = 10
run_time = "40s"
wait_time = { between = [0.1, 0.5] }
enters = "web"
timeout = "900ms"
"#;

const STORM: &str = r#"
title = "Clients that insist"
[run]
horizon = "60s"
replications = 3
[sources.visitors]
arrivals = "poisson"
rate = "60/s"
curve = [{ hold = "10s" }, { step_to = 4 }, { hold = "10s" }, { step_to = 1 }]
enters = "web"
timeout = "400ms"
retry = { attempts = 2, backoff = "200ms", on = ["timeout"], budget = "20%" }
[components.web]
kind = "service"
workers = { count = 4 }
backlog = "unbounded"
operations.default.steps = [{ wait = { exponential = "40ms" } }]
"#;

/// The title and the seed of a scenario, and what running it finds.
fn findings_of(text: &str) -> (String, u64, Findings) {
    let loaded = load(text);
    let scenario = &loaded.scenario;
    (scenario.title().to_owned(), scenario.seed(), run(scenario))
}

fn shown(scenario: &str, width: usize, unicode: bool) -> String {
    let style = Style {
        width,
        unicode,
        colour: false,
    };
    let (title, seed, findings) = findings_of(scenario);
    text::run(&title, seed, &findings, style)
}

#[test]
fn users_and_what_their_tools_report_fit_every_width() {
    let scenario = format!("{STALLS}{USERS}{K6}");
    for (name, width, unicode) in [
        ("users_60", 60, true),
        ("users_80", 80, true),
        ("users_120", 120, true),
        ("users_ascii", 80, false),
    ] {
        let text = shown(&scenario, width, unicode);
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
        assert!(unicode || text.is_ascii(), "{text}");
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn attempts_and_answers_in_vain_are_told_from_requests() {
    for (name, width) in [("storm_60", 60), ("storm_80", 80), ("storm_120", 120)] {
        insta::assert_snapshot!(name, shown(STORM, width, true));
    }
}

fn capsim(scenario: &str, args: &[&str]) -> (Output, PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("test.toml"), scenario).expect("the scenario");
    let mut command = assert_cmd::Command::cargo_bin("capsim").expect("capsim is built");
    let done = command
        .current_dir(folder.path())
        .args(["run", "test.toml"])
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("capsim runs");
    (done, folder.path().join("output"), folder)
}

fn printed(scenario: &str, format: &str) -> String {
    let (done, _, _folder) = capsim(scenario, &["--format", format]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(0), "{format}: {said}");
    String::from_utf8(done.stdout).expect("UTF-8")
}

#[test]
fn every_layout_is_that_of_its_tool() {
    for (format, source) in [
        ("k6", K6),
        ("artillery", ARTILLERY),
        ("wrk", WRK),
        ("locust", LOCUST),
        ("markdown", K6),
        ("csv", K6),
    ] {
        let text = printed(&format!("{STALLS}{source}"), format);
        insta::assert_snapshot!(format!("layout_{format}"), text);
    }
    // Several sources of a kind are told apart by their names.
    let two = format!("{STALLS}{WRK}{}", WRK.replace("bench", "other"));
    let text = printed(&two, "wrk");
    assert!(text.starts_with("bench:\nRunning 30s test"), "{text}");
    assert!(text.contains("\n\nother:\nRunning 30s test"), "{text}");
}

#[test]
fn without_a_source_of_its_kind_a_layout_is_bad_input() {
    for format in ["k6", "artillery", "wrk", "locust"] {
        let (done, output, _folder) = capsim(&format!("{STALLS}{USERS}"), &["--format", format]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(done.stdout.is_empty() && !output.exists(), "{said}");
        let expected = format!("has no source of kind `{format}`");
        assert!(said.contains(&expected), "{said}");
        assert!(said.contains("people (users)"), "{said}");
    }
}

#[test]
fn quiet_prints_the_answer_whatever_the_layout() {
    let scenario = format!("{STALLS}{WRK}");
    let (done, _, _folder) = capsim(&scenario, &["--format", "wrk", "--quiet"]);
    let text = String::from_utf8(done.stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    let (done, _, _folder) = capsim(&scenario, &["--format", "csv", "--quiet"]);
    let text = String::from_utf8(done.stdout).expect("UTF-8");
    assert!(text.starts_with("name,value,low,high,unit\n"), "{text}");
}

/// summary.json says what the load tools would, and keeps to its schema.
#[test]
fn a_summary_with_users_and_callers_is_valid() {
    let schema = capsim::report::summary::schema();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for scenario in [format!("{STALLS}{USERS}{K6}{WRK}"), STORM.to_owned()] {
        let (_, seed, findings) = findings_of(&scenario);
        let summary = capsim::report::summary::summary("id", seed, &findings);
        let errors: Vec<_> = validator
            .iter_errors(&summary)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        let size = summary.to_string().len();
        assert!(size < 40_000, "{size} bytes are too many to read");
    }
}
