//! The command line: exit codes, streams, files, interruption.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;

const SMALL: &str = r#"
title = "A small web"
[run]
horizon = "60s"
replications = 4
[sources.users]
arrivals = "poisson"
rate = "120/s"
enters = "web"
[components.web]
kind = "service"
count = 1
workers = { count = 2 }
cost = "$1/h"
operations.default.steps = [{ cpu = { exponential = "20ms" } }]
[objectives]
latency_p95 = "< 500ms"
success_rate = "> 99%"
[sweep.axes]
"components.web.count" = [1, 2, 3]
"sources.users.rate" = ["40/s", "80/s"]
"#;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(scenario: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("small.toml"), scenario).expect("the scenario");
        Self { folder }
    }

    fn capsim(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("capsim runs")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("capsim").expect("capsim is built");
        command
            .current_dir(self.folder.path())
            .args(args)
            .env_remove("NO_COLOR")
            .env("LC_ALL", "C.UTF-8");
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The only folder in a folder.
    fn only(&self, name: &str) -> PathBuf {
        let mut entries = std::fs::read_dir(self.path(name)).expect(name);
        let first = entries.next().expect("an entry").expect("an entry").path();
        assert!(entries.next().is_none(), "more than one entry in {name}");
        first
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Every file below a folder with its bytes, but for what is no part of a result.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path
                .file_name()
                .is_some_and(|name| name != "environment.json")
            {
                let name = path
                    .strip_prefix(folder)
                    .expect("inside")
                    .display()
                    .to_string();
                found.push((name, std::fs::read(&path).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_run_answers_on_stdout_and_talks_on_stderr() {
    let place = Place::new(SMALL);
    let done = place.capsim(&["run", "small.toml"]);
    assert_eq!(
        done.status.code(),
        Some(3),
        "one instance is not enough: {}",
        text(&done.stderr)
    );
    let stdout = text(&done.stdout);
    let shown = stdout.replace(&place.only("output/small").display().to_string(), "RESULT");
    let id = place.only("output/small");
    let id = id
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    insta::assert_snapshot!(shown.replace(&id, "RUN"));
    assert!(!stdout.contains('\u{1b}'), "no colours on a pipe");
    assert!(
        text(&done.stderr).contains("4/4 runs"),
        "{}",
        text(&done.stderr)
    );
    assert_eq!(
        place
            .capsim(&["run", "small.toml", "--no-assert"])
            .status
            .code(),
        Some(0)
    );
    let fine = place.capsim(&[
        "run",
        "small.toml",
        "--set",
        "components.web.count=4",
        "--quiet",
    ]);
    assert_eq!(
        (fine.status.code(), text(&fine.stdout)),
        (Some(0), "yes: every objective is met\n".into())
    );
}

#[test]
fn the_files_of_a_run_are_whole_and_say_the_same() {
    let place = Place::new(SMALL);
    let json = place.capsim(&["run", "small.toml", "--no-assert", "--format", "json"]);
    let summary: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let folder = place.only("output/small");
    let written = std::fs::read(folder.join("summary.json")).expect("summary.json");
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&written).expect("JSON"),
        summary
    );
    let schema =
        serde_json::from_slice(&place.capsim(&["schema", "summary"]).stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(
        validator.is_valid(&summary),
        "{:?}",
        validator
            .iter_errors(&summary)
            .map(|e| e.to_string())
            .collect::<Vec<_>>()
    );
    // The resolved scenario gives the same bytes again, from anywhere.
    std::fs::copy(
        folder.join("scenario.resolved.toml"),
        place.path("again.toml"),
    )
    .expect("copied");
    place.capsim(&["run", "again.toml", "--no-assert"]);
    let again = place.only("output/again");
    let strip = |files: Vec<(String, Vec<u8>)>| {
        files
            .into_iter()
            .filter(|(name, _)| name != "manifest.json")
            .collect::<Vec<_>>()
    };
    assert_eq!(strip(files(&folder)), strip(files(&again)));
}

#[test]
fn threads_change_no_byte() {
    let results: Vec<_> = ["1", "8"]
        .iter()
        .map(|threads| {
            let place = Place::new(SMALL);
            let done = place.capsim(&["sweep", "small.toml", "--threads", threads]);
            assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
            (text(&done.stdout), files(&place.path("output")))
        })
        .collect();
    assert_eq!(results[0], results[1]);
}

#[test]
fn a_sweep_says_what_to_choose_and_does_no_work_twice() {
    let place = Place::new(SMALL);
    let plan = place.capsim(&["sweep", "small.toml", "--dry-run"]);
    assert_eq!(plan.status.code(), Some(0));
    assert!(text(&plan.stdout).contains("6 points") && !place.path("output").exists());
    let done = place.capsim(&["sweep", "small.toml"]);
    let shown = text(&done.stdout);
    let folder = place.only("output/small");
    let id = folder
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    insta::assert_snapshot!(shown.replace(&id, "SWEEP"));
    let before = files(&folder);
    let again = place.capsim(&["sweep", "small.toml"]);
    assert!(
        text(&again.stderr).contains("6 of 6 points are complete already"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(files(&folder), before);
    // A point that is missing, or was cut off, is run again; the others are not.
    let points: Vec<_> = before
        .iter()
        .filter(|(name, _)| name.starts_with("points/"))
        .collect();
    assert_eq!(points.len(), 6);
    std::fs::remove_file(folder.join(&points[0].0)).expect("removed");
    std::fs::write(folder.join(&points[1].0), &points[1].1[..100]).expect("cut off");
    let third = place.capsim(&["sweep", "small.toml"]);
    assert!(
        text(&third.stderr).contains("4 of 6 points are complete already"),
        "{}",
        text(&third.stderr)
    );
    assert_eq!(files(&folder), before);
}

/// A long sweep that is killed half-way and run again gives the bytes of one that was left alone.
#[test]
fn a_killed_sweep_goes_on_where_it_was() {
    let long = SMALL
        .replace("horizon = \"60s\"", "horizon = \"20m\"")
        .replace("\"80/s\"]", "\"80/s\", \"60/s\", \"70/s\"]");
    let whole = Place::new(&long);
    assert_eq!(
        whole.capsim(&["sweep", "small.toml"]).status.code(),
        Some(0)
    );
    let place = Place::new(&long);
    let binary = assert_cmd::cargo::cargo_bin("capsim");
    let mut killed = false;
    for _ in 0..40 {
        let mut child = std::process::Command::new(&binary)
            .current_dir(place.folder.path())
            .args(["sweep", "small.toml", "--progress", "none"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("capsim starts");
        std::thread::sleep(Duration::from_millis(250));
        if child
            .try_wait()
            .expect("a child")
            .is_some_and(|status| status.success())
        {
            break;
        }
        child.kill().expect("killed");
        child.wait().expect("a child");
        killed = true;
    }
    assert!(killed, "the sweep is too short to be killed");
    let done = place.capsim(&["sweep", "small.toml"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let strip = |place: &Place| {
        let own = files(&place.only("output/small"));
        // What a killed process was writing is not part of the result.
        own.into_iter()
            .filter(|(name, _)| !name.contains(".tmp"))
            .collect::<Vec<_>>()
    };
    assert_eq!(strip(&whole), strip(&place));
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_at_once_with_130() {
    let place = Place::new(&SMALL.replace("horizon = \"60s\"", "horizon = \"100h\""));
    let binary = assert_cmd::cargo::cargo_bin("capsim");
    let mut child = std::process::Command::new(binary)
        .current_dir(place.folder.path())
        .args(["sweep", "small.toml"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("capsim starts");
    std::thread::sleep(Duration::from_millis(700));
    let id = i32::try_from(child.id()).expect("a process id");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(id),
        nix::sys::signal::Signal::SIGINT,
    )
    .expect("interrupted");
    for _ in 0..100 {
        if let Some(status) = child.try_wait().expect("a child") {
            assert_eq!(status.code(), Some(130));
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().expect("killed");
    panic!("still running five seconds after the interrupt");
}

#[test]
fn bad_input_ends_with_2_and_writes_nothing() {
    let place = Place::new(&SMALL.replace("rate = \"120/s\"", "rate = \"fast\""));
    for args in [
        &["run", "small.toml"][..],
        &["sweep", "small.toml"],
        &["check", "small.toml"],
        &["run", "nowhere.toml"],
        &["run", "small.toml", "--set", "nonsense"],
        &["run"],
        &["fly", "small.toml"],
        &["kinds", "nonsense"],
    ] {
        let done = place.capsim(args);
        assert_eq!(
            done.status.code(),
            Some(2),
            "{args:?}: {}",
            text(&done.stderr)
        );
        assert!(
            done.stdout.is_empty() && !done.stderr.is_empty(),
            "{args:?}"
        );
    }
    assert!(!place.path("output").exists());
    let json = place.capsim(&["check", "small.toml", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(report[0]["problems"][0]["at"]["line"], 8, "{report:#}");
}

#[test]
fn what_cannot_be_written_ends_with_1() {
    let place = Place::new(SMALL);
    std::fs::write(place.path("blocked"), "a file where a folder should be").expect("a file");
    let done = place.capsim(&["run", "small.toml", "--output", "blocked/output"]);
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stderr));
    assert!(
        text(&done.stderr).contains("cannot make the folder blocked/output"),
        "{}",
        text(&done.stderr)
    );
}

/// An overloaded system with an unbounded queue: a verdict at the cap, not exhausted memory.
#[test]
fn hopeless_overload_ends_with_a_verdict() {
    let scenario = SMALL
        .replace("rate = \"120/s\"", "rate = \"100k/s\"")
        .replace("count = 1\n", "count = 1\nbacklog = \"unbounded\"\n")
        .replace(
            "replications = 4",
            "replications = 2\nmax_in_flight = 20000",
        );
    let place = Place::new(&scenario);
    let done = place.capsim(&["run", "small.toml"]);
    let stdout = text(&done.stdout);
    assert_eq!(done.status.code(), Some(3), "{stdout}");
    assert!(stdout.contains("no: hopelessly overloaded"), "{stdout}");
    let unasserted = scenario.split("[objectives]").next().expect("a part");
    let place = Place::new(unasserted);
    assert_eq!(place.capsim(&["run", "small.toml"]).status.code(), Some(1));
}

#[test]
fn a_comparison_answers_and_ends_as_asked() {
    let place = Place::new(SMALL);
    let args = [
        "compare",
        "small.toml",
        "--set-both",
        "components.web.count=2",
    ];
    let with = |more: &[&str]| place.capsim(&[&args[..], more].concat());
    let done = with(&["--set", "components.web.count=3"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let folder = place.only("output/small");
    let id = folder
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    insta::assert_snapshot!(text(&done.stdout).replace(&id, "COMPARE"));
    let read = |name: &str| std::fs::read(folder.join(name)).expect(name);
    let json: serde_json::Value = serde_json::from_slice(&read("compare.json")).expect("JSON");
    let schema = place.capsim(&["schema", "compare"]).stdout;
    let schema = serde_json::from_slice(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<_> = validator
        .iter_errors(&json)
        .map(|e| e.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    insta::assert_snapshot!(
        "compare_markdown",
        String::from_utf8(read("compare.md")).expect("text")
    );
    for name in [
        "manifest.json",
        "a/summary.txt",
        "b/scenario.resolved.toml",
        "charts/differences.svg",
    ] {
        assert!(!read(name).is_empty());
    }
    // Cheaper, and worse: a pipeline hears of it if it asks.
    let worse = ["--set", "components.web.count=1", "--quiet"];
    assert_eq!(with(&worse).status.code(), Some(0));
    assert_eq!(
        with(&[&worse[..], &["--exit-code"]].concat()).status.code(),
        Some(3)
    );
    let same = ["--set", "title=Another", "--exit-code", "--quiet"];
    let same = with(&same);
    assert_eq!(same.status.code(), Some(0));
    assert_eq!(
        text(&same.stdout),
        "nothing was changed: A and B are the same configuration\n"
    );
}

#[test]
fn a_comparison_with_nothing_or_with_mistakes_is_not_run() {
    let place = Place::new(SMALL);
    let alone = place.capsim(&["compare", "small.toml"]);
    assert_eq!(alone.status.code(), Some(2));
    assert!(text(&alone.stderr).contains("there is nothing to compare small.toml with"));
    std::fs::write(place.path("bad.toml"), "[run]\nhorizon = 5\n").expect("written");
    let bad = place.capsim(&[
        "compare",
        "bad.toml",
        "small.toml",
        "--set",
        "components.wob.count=2",
    ]);
    let said = text(&bad.stderr);
    assert_eq!(bad.status.code(), Some(2));
    assert!(
        said.contains("in bad.toml") && said.contains("a similar name exists: `web`"),
        "{said}"
    );
    for tolerance in ["-1%", "much"] {
        let bad = place.capsim(&[
            "compare",
            "small.toml",
            "--set",
            "title=B",
            "--tolerance",
            tolerance,
        ]);
        assert_eq!(bad.status.code(), Some(2), "{}", text(&bad.stderr));
    }
    assert!(!place.path("output").exists());
}

#[test]
fn a_plan_says_what_to_choose_and_does_no_work_twice() {
    let place = Place::new(&format!("{SMALL}[plan]\nat_least = 5\nat_most = 40\n"));
    let done = place.capsim(&["plan", "small.toml"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let folder = place.only("output/small");
    let id = folder
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    insta::assert_snapshot!(text(&done.stdout).replace(&id, "PLAN"));
    let json = std::fs::read(folder.join("plan.json")).expect("plan.json");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let schema = serde_json::from_slice(&place.capsim(&["schema", "plan"]).stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<_> = validator
        .iter_errors(&json)
        .map(|e| e.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    // The same again, whatever is there already.
    let before = files(&folder);
    let again = place.capsim(&["plan", "small.toml", "--threads", "1"]);
    assert_eq!(
        (files(&folder), &again.stdout),
        (before.clone(), &done.stdout)
    );
    let choices = before
        .iter()
        .filter(|(name, _)| name.starts_with("choices/"));
    let choices: Vec<_> = choices.collect();
    std::fs::remove_file(folder.join(&choices[0].0)).expect("removed");
    std::fs::write(folder.join(&choices[1].0), &choices[1].1[..10]).expect("cut off");
    place.capsim(&["plan", "small.toml"]);
    assert_eq!(files(&folder), before);
    // What nothing meets ends a pipeline.
    let none = [
        "plan",
        "small.toml",
        "--quiet",
        "--set",
        "objectives.latency_p95=< 1ms",
    ];
    let none = place.capsim(&none);
    assert_eq!(none.status.code(), Some(3), "{}", text(&none.stdout));
    assert!(text(&none.stdout).starts_with("none of the 3 choices meets every objective"));
}

#[test]
fn a_plan_needs_something_to_choose_by() {
    let cases = [
        (
            "latency_p95 = \"< 500ms\"\nsuccess_rate = \"> 99%\"",
            "",
            "has no objectives",
        ),
        ("cost = \"$1/h\"\n", "", "has nothing with a price"),
        (
            "\"components.web.count\" = [1, 2, 3]\n",
            "",
            "has nothing to choose from",
        ),
    ];
    for (from, to, problem) in cases {
        assert!(SMALL.contains(from), "{from}");
        let place = Place::new(&SMALL.replace(from, to));
        let done = place.capsim(&["plan", "small.toml"]);
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains(problem) && said.contains("help"), "{said}");
        assert!(!place.path("output").exists());
    }
}
