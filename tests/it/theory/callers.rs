//! Scenarios with somebody who persists, and what is recorded of them.

use capsim::component::caller::Counts;
use capsim::experiment::Record;
use capsim::metrics::Outcome;
use capsim::stats::{Estimate, Histogram};

use super::harness::{Effort, Runs, in_seconds, run_table};
use super::laws::arrivals;

/// Who persists.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    Client,
    Service,
    /// A service, but the deadline is the timeout of its client, and the service notices.
    ServiceOfClient,
}

/// A source whose clients follow `rules`, keys of a table, towards `station`, or do so through a service
/// that follows them.
pub(super) fn source(by: By, arrivals: &str, rules: &[String]) -> String {
    let source = format!("[sources.load]\n{arrivals}");
    match by {
        By::Client => source + &rules.join("\n") + "\n",
        By::Service | By::ServiceOfClient => format!(
            "{}[components.front]\nkind = \"service\"\nworkers = {{ count = 20000 }}\nabandoned = \"stop\"\n\
             [components.front.operations.default]\nsteps = [{{ call = \"station\", {} }}]\n",
            source.replace("\"station\"", "\"front\""),
            rules.join(", ")
        ),
    }
}

pub(super) fn poisson(rate: f64) -> String {
    arrivals(&serde_json::json!({ "process": "poisson", "rate": rate }))
}

/// A service that nobody ever waits for.
pub(super) fn unlimited(steps: &str, more: &str) -> String {
    format!(
        "[components.station]\nkind = \"service\"\nworkers = {{ count = 20000 }}\n{more}\n\
         [components.station.operations.default]\nsteps = [{steps}]\n"
    )
}

/// What the only caller has counted, for one of its errands.
pub(super) fn per_errand(runs: &Runs, of: impl Fn(&Counts) -> u64) -> Estimate {
    runs.mean(|record| of(&record.callers[0]) as f64 / record.callers[0].errands as f64)
}

pub(super) fn ended(record: &Record, how: Outcome) -> (u64, u64) {
    let outcomes = &record.classes[0].outcomes;
    (outcomes[how.index()], outcomes.iter().sum())
}

pub(super) fn success(runs: &Runs) -> Estimate {
    runs.share(|record| ended(record, Outcome::Served))
}

pub(super) fn served(record: &Record) -> Histogram {
    record.classes[0].served.clone()
}

pub(super) fn all(record: &Record) -> Histogram {
    let mut all = served(record);
    all.merge(&record.classes[0].unserved);
    all
}

pub(super) fn mean_of(runs: &Runs, of: impl Fn(&Record) -> Histogram) -> Estimate {
    let found = runs.of_all(of, |own| in_seconds(own.mean()));
    found.expect("latencies")
}

pub(super) fn busy(runs: &Runs) -> Estimate {
    runs.mean(|record| runs.average(record, "station", "workers")[0])
}

pub(super) fn run_of(effort: Effort, rate: f64, warm_up: f64) -> String {
    run_table(effort.seconds_at(rate) + warm_up, warm_up)
}
