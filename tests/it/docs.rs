//! Pages that are made from the program are as the program makes them.

use std::path::Path;

use capsim::report::reference;

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
