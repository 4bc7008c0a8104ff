//! Recordings, replayed and predicted.

use std::path::Path;

use assert_cmd::Command;
use capsim::backtest::{self, Problem};
use capsim::scenario::{self, Disk, Memory};

use crate::support::{load_with, run, share};

/// Requests at 0, 100 and 300 ms, each with work of its own.
const ROWS: &str =
    "gap,work,page,who,kind\n0,10,2,ann,read\n100,20,0,bob,write\n200,40,2,ann,read\n";

const REPLAYED: &str = r#"
[run]
horizon = "2s"
window = "1s"
replications = 2

[sources.clients]
enters = "web"
clients = { population = 2 }
mix = { read = "50%", write = "50%" }

[sources.clients.arrivals.replay]
file = "rows.csv"
column = "gap"
times = "ms"
since = "previous"

[sources.clients.arrivals.replay.columns]
times.work = { column = "work", unit = "ms", add = -1.0 }
keys.pages = "page"
client = "who"
class = "kind"

[keys.pages]
count = 3
popularity = { zipf = 1.0 }

[components.web]
kind = "service"
workers = { count = 8 }
operations.read.steps = [{ wait = { recorded = "work" } }, { cache = "store", keys = "pages" }]
operations.write.steps = [{ wait = "1s" }, { wait = { recorded = "work" } }]

[components.store]
kind = "cache"
capacity = 10
"#;

fn files(scenario: &str, rows: &str) -> Memory {
    Memory::default()
        .with("test.toml", scenario)
        .with("rows.csv", rows)
}

#[test]
fn a_replay_knows_the_work_the_key_and_the_class_of_each_request() {
    let findings = run(&load_with(&files(REPLAYED, ROWS), &[]).scenario);
    let figure = |class: usize, name: &str| findings.classes[class].figures[name].value;
    let classes: Vec<&str> = findings
        .classes
        .iter()
        .map(|own| own.name.as_str())
        .collect();
    assert_eq!(classes, ["read", "write"]);
    // Two reads of 9 and 39 ms and a write of 1 s and 19 ms, in each of two replications.
    assert_eq!(
        [findings.classes[0].requests, findings.classes[1].requests],
        [4, 2]
    );
    assert!((figure(0, "latency_mean") - 0.024).abs() < 1e-9);
    assert!((figure(1, "latency_mean") - 1.019).abs() < 1e-9);
    // Both reads ask for the same page, which nobody but they has asked for.
    assert!((findings.hit_ratios["store"].value - 0.5).abs() < 1e-9);
}

#[test]
fn further_attempts_draw_as_the_recorded_generator_did() {
    let retried = r#"
[run]
horizon = "10s"
window = "1s"
replications = 1
[sources.clients]
enters = "web"
timeout = "5ms"
retry = { attempts = 2, backoff = "0s" }
[sources.clients.arrivals.replay]
file = "rows.csv"
column = "gap"
times = "ms"
since = "previous"
columns = { times = { work = { column = "work", unit = "ms" } } }
[components.web]
kind = "service"
workers = { count = 8 }
operations.default.steps = [
  { wait = { recorded = "work", hashed = { seed = 136942580, mean = "50ms" } } },
]
"#;
    // The first attempt takes 10 ms, and is given up after 5; the second one 3.114 ms, by the generator's hash.
    let findings = run(&load_with(&files(retried, "gap,work\n0,10\n"), &[]).scenario);
    let mean = findings.figures["latency_mean"].value;
    assert!((mean - 0.008_114_244).abs() < 1e-9, "{mean}");
}

#[test]
fn users_and_their_requests_draw_as_the_recorded_generator_did() {
    let closed = r#"
[run]
horizon = "30s"
window = "1s"
replications = 1
[sources.users]
kind = "users"
users = 1
drawn = { seed = 7, think = "1s" }
enters = "web"
[components.web]
kind = "service"
workers = { count = 1 }
operations.default.steps = [{ wait = { hashed = { seed = 7, mean = "20ms" } } }]
"#;
    let loaded = load_with(&files(closed, ""), &[]);
    let findings = run(&loaded.scenario);
    // By hand: the user comes after its first pause, and goes round until 30 s.
    let draw = |seed: u64, mean: f64, round: u64| {
        -mean * f64::ln(capsim::traffic::hashed::uniform(seed, 0, round))
    };
    let (mut at, mut sum, mut n) = (draw(7 ^ 0x37, 1.0, 0), 0.0, 0);
    while at < 30.0 {
        let work = draw(7, 0.02, n);
        sum += work;
        at += work + draw(7 ^ 0x4d, 1.0, n);
        n += 1;
    }
    assert!(n > 20, "{n}");
    assert_eq!(findings.requests, n);
    let mean = findings.figures["latency_mean"].value;
    assert!((mean - sum / n as f64).abs() < 1e-8, "{mean}");
}

/// A server with one request every 100 ms, each of which takes 250 ms, that is told to restart at 1.05 s.
fn restarted(drain: &str) -> (u64, u64) {
    let text = format!(
        r#"
[run]
horizon = "3s"
window = "1s"
replications = 1
[sources.clients]
arrivals = "regular"
rate = "10/s"
enters = "web"
[components.web]
kind = "service"
workers = {{ count = 8 }}
drain = "{drain}"
restart = {{ boot = "480ms", deregisters = false }}
operations.default.steps = [{{ wait = "250ms" }}]
[timeline]
again = {{ at = "1.05s", restart = "web" }}
"#
    );
    let findings = run(&load_with(&files(&text, ""), &[]).scenario);
    let n = |outcome| (share(&findings, outcome) * findings.requests as f64).round() as u64;
    (n("connect_refused"), n("killed"))
}

#[test]
fn a_server_that_restarts_finishes_what_it_has_and_takes_in_nothing() {
    // The last one is done at 1.25 s; the server is there again at 1.73 s.
    assert_eq!(restarted("2s"), (7, 0));
    // Cut off at 1.10 s, with the requests from 0.9 s and 1.0 s in it; there again at 1.58 s.
    assert_eq!(restarted("50ms"), (5, 2));
}

#[test]
fn a_renewal_in_the_background_keeps_the_connection_of_whoever_set_it_going() {
    let text = |shared: bool| {
        format!(
            r#"
[run]
horizon = "5s"
window = "1s"
replications = 1
[sources.clients]
enters = "nginx"
network = {{ rtt = "0ms", tls = "none", reuse = "100%", shared = {shared} }}
[sources.clients.arrivals.replay]
file = "rows.csv"
column = "gap"
times = "ms"
since = "previous"
columns = {{ keys = {{ pages = "page" }} }}
[keys.pages]
count = 2
popularity = "uniform"
[components.nginx]
kind = "http_cache"
model = "nginx"
to = "web"
keys = "pages"
valid = "1s"
use_stale = ["updating"]
background_update = true
[components.web]
kind = "service"
workers = {{ count = 8 }}
operations.default.steps = [{{ wait = "100ms" }}]
"#
        )
    };
    // A page is got in 100 ms; given out old at 2.5 s; 10 ms later another page is asked for over the connection
    // on which nobody reads for 90 ms more.
    let rows = "gap,page\n0,0\n2500,0\n10,1\n";
    let mean = |shared| {
        let findings = run(&load_with(&files(&text(shared), rows), &[]).scenario);
        findings.figures["latency_mean"].value * 3.0
    };
    assert!((mean(false) - 0.2).abs() < 1e-8, "{}", mean(false));
    assert!((mean(true) - 0.29).abs() < 1e-8, "{}", mean(true));
}

/// What is said of a scenario that cannot be loaded.
fn problems(scenario: &str, rows: &str) -> String {
    let loaded = scenario::load(&files(scenario, rows), Path::new("test.toml"), &[]);
    let problems = loaded
        .err()
        .map(|own| own.found.render(&own.sources, false));
    problems.unwrap_or_else(|| "it is loaded".to_owned())
}

#[test]
fn bad_recordings_are_refused_with_their_lines() {
    let mut said = String::new();
    let mut case = |what: &str, scenario: &str, rows: &str| {
        said.push_str(&format!(
            "## {what}\n\n{}\n\n",
            problems(scenario, rows).trim_end()
        ));
    };
    case(
        "cells",
        REPLAYED,
        "gap,work,page,who,kind\n0,10,2,ann,read\n-5,x,1.5,,read\n",
    );
    case("columns", REPLAYED, "gap,wrk,page,kind\n0,10,2,read\n");
    case(
        "names",
        &REPLAYED.replace("recorded = \"work\"", "recorded = \"wrok\""),
        ROWS,
    );
    case("keys", REPLAYED, &ROWS.replace("0,10,2", "0,10,3"));
    case(
        "clients",
        &REPLAYED.replace("population = 2", "population = 1"),
        ROWS,
    );
    case(
        "strangers",
        &REPLAYED.replace("clients = { population = 2 }", ""),
        ROWS,
    );
    case("classes", REPLAYED, &ROWS.replace("write", "delete"));
    let visits = "flow = [{ request = \"read\" }]";
    case(
        "visits",
        &REPLAYED.replace("mix = { read = \"50%\", write = \"50%\" }", visits),
        ROWS,
    );
    insta::assert_snapshot!(said);
}

fn recordings() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings"))
}

fn capsim(folder: &Path, args: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::cargo_bin("capsim").expect("capsim is built");
    command
        .current_dir(folder)
        .args(args)
        .env("LC_ALL", "C.UTF-8");
    let output = command.output().expect("capsim runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (
        text(&output.stdout),
        text(&output.stderr),
        output.status.code(),
    )
}

#[test]
fn recordings_are_predicted_and_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let real = recordings().display().to_string();
    let (said, complaints, code) = capsim(
        folder.path(),
        &["backtest", &real, "--progress", "none", "--at-least", "90%"],
    );
    assert_eq!((complaints.as_str(), code), ("", Some(0)));
    insta::assert_snapshot!(said);
    // The scenarios that were built run by themselves, and the same bytes come out again.
    let last = said.trim_end().lines().last().expect("a folder");
    let built = folder.path().join(last).join("scenarios/wrk_c4/rep1.toml");
    assert!(scenario::load(&Disk, &built, &[]).is_ok());
    let (again, _, _) = capsim(
        folder.path(),
        &["backtest", &real, "--progress", "none", "--threads", "1"],
    );
    assert_eq!(said, again);
}

#[test]
fn a_recording_that_cannot_be_used_does_not_stop_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = |name: &str, as_name: &str, change: &dyn Fn(String) -> String| {
        let text = std::fs::read_to_string(recordings().join(name)).expect(name);
        std::fs::write(folder.path().join(as_name), change(text)).expect(as_name);
    };
    copy("wrk_c4.json", "fine.json", &|text| text);
    copy("wrk_c4.json", "strange.json", &|text| {
        text.replace("closed_loop", "closed_lop")
    });
    copy("wrk_c4.json", "settings.json", &|text| {
        text.replace("\"slots\": 8", "\"slots\": 0.5")
    });
    copy("retry_once_rho40_spike4.json", "alone.json", &|text| text);
    copy("wrk_c4.json", "half.json", &|text| {
        text[..text.len() / 2].to_owned()
    });
    let (said, complaints, code) = capsim(
        folder.path(),
        &["backtest", ".", "--progress", "none", "--format", "json"],
    );
    assert_eq!(code, Some(2));
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let compared = said["recordings"].as_array().expect("a list").len();
    assert_eq!(compared, 1);
    let complaints: Vec<&str> = complaints
        .lines()
        .filter(|line| !line.starts_with("output/"))
        .collect();
    insta::assert_snapshot!(complaints.join("\n"));
    // An empty folder, and one that is not there, are told apart from nothing to compare.
    for (name, expected) in [
        ("nothing", "there is no recording"),
        ("absent", "cannot read"),
    ] {
        if name == "nothing" {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let (_, complaints, code) = capsim(folder.path(), &["backtest", name]);
        assert!(complaints.contains(expected), "{complaints}");
        assert_eq!(code, Some(2));
    }
}

/// Every family says what is missing in a recording without settings; none panics.
#[test]
fn recordings_without_settings_are_refused() {
    for family in backtest::FAMILIES.iter().map(|own| own.name) {
        let json = format!(
            r#"{{"schema": 1, "id": "x", "family": "{family}", "config": {{}},
            "bench_overhead": {{"latency_ms": {{"p50": 0.2}}}},
            "overall": {{}}, "repetitions": [{{"rep": 1, "seed": 1, "duration_s": 5,
            "warmup_excluded_s": 0, "schedule": "x.csv"}}]}}"#
        );
        let files = Memory::default()
            .with("x.json", json)
            .with("x.csv", "dt_us,demand_us,status\n1,2,\n");
        let truth = backtest::read(&files, Path::new(""), "x.json").expect(family);
        let made = backtest::scenario_text(&truth, &truth.repetitions[0]);
        // An event loop needs no settings: its demands are in the schedule.
        if family == "node_event_loop" {
            assert!(made.is_ok());
            continue;
        }
        let Err(Problem { what, .. }) = made else {
            panic!("{family} is built from nothing");
        };
        assert!(what.contains("`config` has no"), "{family}: {what}");
    }
}
