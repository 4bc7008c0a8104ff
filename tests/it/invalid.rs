//! Every scenario in `tests/specs/invalid` is refused, with the message beside it.

use std::path::Path;

use capsim::scenario::{self, Disk};

#[test]
fn every_invalid_scenario_is_refused_with_its_message() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/specs/invalid");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of invalid scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 40, "only {} invalid scenarios", files.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in &files {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let Err(problems) = scenario::load(&Disk, path, &[]) else {
                panic!("{name} is not refused");
            };
            assert!(
                problems.found.has_errors(),
                "{name} is refused without an error"
            );
            let text = problems.found.render(&problems.sources, false);
            // Messages name files as they were asked for; the snapshot names them from its own folder.
            let text = text.replace(&format!("{folder}/"), "");
            assert!(
                !text.contains(env!("CARGO_MANIFEST_DIR")),
                "{name} says where it was checked out: {text}"
            );
            insta::assert_snapshot!(name, text);
        }
    });
}

/// What the command line says of overrides is part of the same conversation.
#[test]
fn overrides_are_shown_at_their_own_place() {
    let base = "[run]\nhorizon = \"1m\"\n[sources.users]\narrivals = \"poisson\"\nrate = \"1/s\"\nenters = \"web\"\n\
        [components.web]\nkind = \"service\"\nworkers = { count = 1 }\noperations.default.steps = [{ cpu = \"1ms\" }]\n";
    let files = scenario::Memory::default().with("test.toml", base);
    let mut text = String::new();
    for set in [
        "components.web.count=0",
        "components.web.cuont=3",
        "components.wbe.count=3",
        "components.web.workers.count=many",
        "run.horizon=90 parsecs",
        "run.horizon",
        "=3",
        "run.horizon.unit=s",
        "rnu.horizon=2h",
    ] {
        let loaded = scenario::load(&files, Path::new("test.toml"), &[set.to_owned()]);
        let problems = loaded
            .err()
            .unwrap_or_else(|| panic!("{set} is not refused"));
        text.push_str(&problems.found.render(&problems.sources, false));
    }
    insta::assert_snapshot!(text);
}

/// The last override wins, values may be TOML or bare words, lists are reached by position.
#[test]
fn overrides_change_what_they_say() {
    let base = "[run]\nhorizon = \"1m\"\n[sources.users]\narrivals = \"poisson\"\nrate = \"1/s\"\nenters = \"web\"\n\
        curve = [{ hold = \"10s\" }, { step_to = 2 }]\n\
        [components.web]\nkind = \"service\"\nworkers = { count = 1 }\noperations.default.steps = [{ cpu = \"1ms\" }]\n";
    let files = scenario::Memory::default().with("test.toml", base);
    let sets = [
        "components.web.count=3",
        "components.web.count=7",
        "run.horizon=2h",
        "components.web.workers={ runtime = \"event_loop\", count = 2 }",
        "components.web.cost=$1/h",
        "sources.users.curve.1={ step_to = 5 }",
    ]
    .map(str::to_owned);
    let loaded = scenario::load(&files, Path::new("test.toml"), &sets).expect("all are fine");
    insta::assert_snapshot!(loaded.scenario.resolved());
}
