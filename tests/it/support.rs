//! What several tests share.

use std::path::Path;

use capsim::engine::Watch;
use capsim::experiment::{self, Counters, Findings, Session};
use capsim::scenario::{self, Loaded, Memory};

/// Loads a scenario from text.
///
/// # Panics
/// With the problems, if there are any.
pub(crate) fn load(text: &str) -> Loaded {
    load_with(&Memory::default().with("test.toml", text), &[])
}

/// Loads `test.toml` from files in memory, with overrides.
///
/// # Panics
/// With the problems, if there are any.
pub(crate) fn load_with(files: &Memory, sets: &[String]) -> Loaded {
    scenario::load(files, Path::new("test.toml"), sets)
        .unwrap_or_else(|problems| panic!("{}", problems.found.render(&problems.sources, false)))
}

/// Runs a scenario on the present thread pool.
pub(crate) fn run(scenario: &scenario::Scenario) -> Findings {
    let (watch, counters) = (Watch::default(), Counters::default());
    let session = Session {
        watch: &watch,
        counters: &counters,
    };
    experiment::run(scenario, &session).expect("nobody interrupts")
}

/// The share of requests with this outcome; 0 if there were none.
pub(crate) fn share(findings: &Findings, outcome: &str) -> f64 {
    let found = findings.outcomes.iter().find(|own| own.name == outcome);
    found.map_or(0.0, |own| own.share.value)
}

/// Does `work` on a pool of `n` threads.
pub(crate) fn on_threads<T: Send>(n: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n)
        .build()
        .expect("threads can be started");
    pool.install(work)
}
