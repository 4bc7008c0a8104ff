//! What several tests share.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use capsim::experiment::{self, Counters, Findings, Session};
use capsim::scenario::{self, Loaded, Memory};

/// Loads a scenario from text.
///
/// # Panics
/// With the problems, if there are any.
pub fn load(text: &str) -> Loaded {
    load_with(&Memory::default().with("test.toml", text), &[])
}

/// Loads `test.toml` from files in memory, with overrides.
///
/// # Panics
/// With the problems, if there are any.
pub fn load_with(files: &Memory, sets: &[String]) -> Loaded {
    scenario::load(files, Path::new("test.toml"), sets)
        .unwrap_or_else(|problems| panic!("{}", problems.found.render(&problems.sources, false)))
}

/// Runs a scenario on the present thread pool.
pub fn run(scenario: &scenario::Scenario) -> Findings {
    let (interrupt, counters) = (AtomicBool::new(false), Counters::default());
    let session = Session { interrupt: &interrupt, counters: &counters };
    experiment::run(scenario, &session).expect("nobody interrupts")
}
