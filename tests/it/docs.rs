//! Pages that are made from the program are as the program makes them.

use std::collections::BTreeSet;
use std::path::Path;

use capsim::report::reference;
use capsim::scenario::{FAMILIES, Memory, catalogue};
use capsim::units::CostPerHour;

/// Writes the page anew with `CAPSIM_UPDATE_DOCS=1 cargo test`.
#[test]
fn the_reference_of_the_scenario_language_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenario.md");
    let page = reference::page();
    if std::env::var_os("CAPSIM_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let stored = std::fs::read_to_string(&path).expect("the page");
    assert!(
        stored == page,
        "docs/scenario.md is not what the program says: CAPSIM_UPDATE_DOCS=1 cargo test"
    );
}

/// A link leads to the one section that it means.
#[test]
fn no_two_sections_of_the_reference_have_the_same_address() {
    let page = reference::page();
    let titles = page.lines().filter_map(|line| line.strip_prefix("## "));
    let mut seen = BTreeSet::new();
    for title in titles {
        assert!(seen.insert(title.to_lowercase()), "two are called {title}");
    }
    assert!(seen.len() > 100, "{} sections", seen.len());
}

/// What several parts of the language call by the same word is all shown, each under a name of its own.
#[test]
fn a_word_is_explained_wherever_it_can_be_written() {
    let titles = |name: &str| {
        let text = reference::section(name).expect("it is explained");
        let titles = text.lines().filter_map(|line| line.strip_prefix("## "));
        titles.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(titles("source"), ["Source", "SourceHash"]);
    assert_eq!(titles("random"), ["Random", "RandomEviction"]);
    assert_eq!(titles("least_conn"), ["NginxLeastConn"]);
    assert_eq!(titles("leastconn"), ["HaproxyLeastconn"]);
    assert_eq!(titles("service"), ["Service"]);
}

/// The catalogues are what `capsim catalogue` makes of the table; `CAPSIM_UPDATE_DOCS=1 cargo test` makes them
/// anew.
#[test]
fn the_catalogues_of_instance_types_are_current() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let table = std::fs::read_to_string(models.join("catalog.csv")).expect("the table");
    for family in FAMILIES {
        let path = models.join(format!("instances/{family}.toml"));
        let made = catalogue(&table, family).expect("the table is fine");
        if std::env::var_os("CAPSIM_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &made).expect("the catalogue can be written");
        }
        let stored = std::fs::read_to_string(&path).expect("the catalogue");
        assert!(
            stored == made,
            "models/instances/{family}.toml is not what the table says: CAPSIM_UPDATE_DOCS=1 cargo test"
        );
        // All of it is understood, and what it costs is what the table says.
        let scenario = format!(
            "uses = [\"{family}.toml\"]\nrun.horizon = \"1m\"\n\
             sources.s = {{ arrivals = \"poisson\", rate = \"10/s\", enters = \"web\" }}\n\
             components.web = {{ kind = \"service\", workers.count = 1, operations.default.steps = [{{ wait = \"1ms\" }}] }}\n"
        );
        let files = Memory::default()
            .with("test.toml", scenario)
            .with(&format!("{family}.toml"), stored.clone());
        let loaded = crate::support::load_with(&files, &[]);
        assert!(loaded.warnings.found.is_empty());
        let types: toml::Table = stored.parse().expect("TOML");
        let types = types["instances"].as_table().expect("types");
        let mut rows = csv::Reader::from_reader(table.as_bytes());
        let mut n = 0;
        for row in rows.records().map(|row| row.expect("a row")) {
            let own = types.get(&format!("{family}/{}", &row[1]));
            let Some(own) = own.filter(|_| row[0].starts_with(family)) else {
                continue;
            };
            let price: CostPerHour = own["cost"].as_str().expect("a price").parse().expect("one");
            let stated: f64 = row[4].parse().expect("a price");
            assert!((price.as_usd() - stated).abs() < 1e-6, "{}", &row[1]);
            n += 1;
        }
        assert!(n > 20, "{family}: {n} types");
    }
}

/// The scenarios that the README shows are valid, without warnings; the first one has a sweep.
#[test]
fn the_scenarios_of_the_readme_are_fine() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = std::fs::read_to_string(path).expect("the README");
    let blocks: Vec<_> = page.split("```toml\n").skip(1).collect();
    assert!(blocks.len() >= 2, "{} scenarios", blocks.len());
    for (at, block) in blocks.iter().enumerate() {
        let (scenario, _) = block.split_once("```").expect("its end");
        let loaded = crate::support::load(scenario);
        assert!(at > 0 || loaded.sweep.is_some());
        assert!(
            loaded.warnings.found.is_empty(),
            "scenario {at} has warnings"
        );
    }
}
