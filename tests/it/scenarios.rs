//! Every scenario in the repository: it is fine, it validates against the published schema, and a short
//! run of it gives what it gave before.

use std::path::{Path, PathBuf};

use capsim::experiment::Findings;
use capsim::scenario::{self, Disk};

use crate::random_scenario::Generator;
use crate::support::{load, run};

fn scenarios() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "toml") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() >= 2, "{found:?}");
    found
}

fn as_json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).expect("a scenario");
    let table: toml::Table = text.parse().expect("TOML");
    serde_json::to_value(table).expect("JSON")
}

#[test]
fn every_scenario_validates_against_the_schema() {
    let schema = scenario::schema();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let problems = |value: &serde_json::Value| {
        validator
            .iter_errors(value)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect::<Vec<_>>()
    };
    for path in scenarios() {
        assert_eq!(
            problems(&as_json(&path)),
            Vec::<String>::new(),
            "{}",
            path.display()
        );
        // With every default written out it is still one.
        let loaded = scenario::load(&Disk, &path, &[]).expect("the scenario is fine");
        let table: toml::Table = loaded.scenario.resolved().parse().expect("TOML");
        let resolved = serde_json::to_value(table).expect("JSON");
        assert_eq!(
            problems(&resolved),
            Vec::<String>::new(),
            "resolved {}",
            path.display()
        );
    }
    let mut wrong = as_json(&scenarios()[0]);
    wrong["run"]["horizonn"] = "1m".into();
    assert!(!problems(&wrong).is_empty(), "an unknown key is found");
    wrong = as_json(&scenarios()[0]);
    wrong["run"]["seed"] = "one".into();
    assert!(!problems(&wrong).is_empty(), "a wrong type is found");
}

/// What the generator writes uses far more of the language than the scenarios do.
#[test]
fn random_scenarios_validate_against_the_schema() {
    let validator = jsonschema::validator_for(&scenario::schema()).expect("a schema");
    for seed in 0..300 {
        let text = Generator::new(seed).scenario();
        let loaded = load(&text);
        for text in [&text, loaded.scenario.resolved()] {
            let table: toml::Table = text.parse().expect("TOML");
            let value = serde_json::to_value(table).expect("JSON");
            let problems: Vec<_> = validator
                .iter_errors(&value)
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert!(problems.is_empty(), "seed {seed}: {problems:?}\n{text}");
        }
    }
}

#[test]
fn every_scenario_is_fine_without_warnings() {
    for path in scenarios() {
        let loaded = scenario::load(&Disk, &path, &[]).unwrap_or_else(|problems| {
            panic!("{}", problems.found.render(&problems.sources, false));
        });
        let warnings = loaded.warnings;
        assert!(
            warnings.found.is_empty(),
            "{}",
            warnings.found.render(&warnings.sources, false)
        );
    }
}

/// Figures to six significant digits: a change of the model or of the streams shows, a change of the last
/// bit does not.
fn digest(findings: &Findings) -> String {
    let mut text = format!(
        "verdict {:?}, {} requests\n",
        findings.verdict, findings.requests
    );
    for (name, figure) in &findings.figures {
        text.push_str(&format!("{name} {:.5e}\n", figure.value));
    }
    for outcome in &findings.outcomes {
        text.push_str(&format!("{} {:.5e}\n", outcome.name, outcome.share.value));
    }
    for resource in &findings.resources {
        let busy = resource.utilization.map_or(f64::NAN, |busy| busy.value);
        text.push_str(&format!(
            "{} {} busy {busy:.5e}\n",
            resource.component, resource.what
        ));
    }
    text
}

/// A fiftieth of the traffic where there is much, two replications: short, but from beginning to end.
#[test]
fn short_runs_give_what_they_gave() {
    for path in scenarios() {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let source = as_json(&path)["sources"]
            .as_object()
            .expect("sources")
            .keys()
            .next()
            .expect("one")
            .clone();
        let rate = as_json(&path)["sources"][&source]["rate"].clone();
        let rate: Option<capsim::units::Rate> =
            rate.as_str().map(|rate| rate.parse().expect("a rate"));
        let mut sets = vec!["run.replications=2".to_owned()];
        // Load tools and small systems are short as they are.
        if let Some(rate) = rate.filter(|rate| rate.as_per_second() >= 100.0) {
            let less = rate.as_per_second() / 50.0;
            sets.push(format!("sources.{source}.rate={less}/s"));
        }
        let loaded = scenario::load(&Disk, &path, &sets).expect("the scenario is fine");
        insta::assert_snapshot!(name, digest(&run(&loaded.scenario)));
    }
}
