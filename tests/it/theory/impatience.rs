//! Those who do not wait for ever: requests in line for a worker, and clients.

use capsim::experiment::Record;
use capsim::metrics::Outcome;
use capsim::stats::{Buckets, Histogram};
use serde_json::Value;

use super::figures::{ended, spread};
use super::harness::{Checked, Effort, Figure, Runs, run_table};
use super::laws::{arrivals, case_files, law, number, seconds};

/// Requests of one case, over all replications.
const MOST_REQUESTS: f64 = 2e6;
/// The share of a run that is left out at its start.
const WARM_UP: f64 = 0.05;
/// A bucket of a histogram.
const BUCKET: f64 = 0.008;

/// A run of a station with a single operation; `client` and `service` are further keys.
fn runs(effort: Effort, parameters: &Value, (client, service): (&str, &str)) -> Runs {
    let rate = number(&parameters["arrival"]["rate"]);
    let horizon = effort.seconds_at(rate) / (1.0 - WARM_UP);
    let text = format!(
        "{}[sources.load]\n{}{client}\n[components.station]\nkind = \"service\"\nbacklog = \"unbounded\"\n\
         workers = {{ count = {} }}\n{service}\n[components.station.operations.default]\nsteps = [{{ wait = {} }}]\n",
        run_table(horizon, horizon * WARM_UP),
        arrivals(&parameters["arrival"]),
        parameters["servers"],
        law(&parameters["service"])
    );
    Runs::of(&text)
}

/// What is left of a distribution without those of another, of which it is made.
fn without(all: &Histogram, others: &Histogram) -> Histogram {
    let mut counts = vec![0; Buckets::COUNT];
    for (span, n) in others.spans() {
        counts[Buckets::of(span)] = n;
    }
    let mut rest = Histogram::default();
    for (span, n) in all.spans() {
        // At the ends of the warm-up one may be counted without the other.
        rest.record_many(span, n.saturating_sub(counts[Buckets::of(span)]));
    }
    rest
}

/// M/M/c with a limit to the wait in the queue.
pub(super) fn check_queue_timeouts(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let effort = Effort::of(&case, MOST_REQUESTS).at_least(1e6);
        let patience = &case["parameters"]["patience"];
        let limit = format!("queue_timeout = {}", law(patience));
        let runs = runs(effort, &case["parameters"], ("", &limit));
        checked.case(&case, effort.widened, |metric| queue_timeout(&runs, metric));
    }
    checked
}

/// The waits of all, also of those who gave up, of the served, and what else there is.
fn queue_timeout(runs: &Runs, metric: &Value) -> Option<Figure> {
    let name = metric["metric"].as_str().expect("a name");
    let waits = |record: &Record| runs.waits(record, "station", "workers");
    let abandoned = |record: &Record| ended(record, &[Outcome::QueueTimeout]);
    if let Some(suffix) = name.strip_prefix("wait_served_") {
        // Whoever gave up was in the system for as long as it waited. Where all have waited for the same time, the
        // served may share a bucket with them.
        let served = |record: &Record| without(&waits(record), &record.classes[0].unserved);
        let blur = if suffix == "mean" {
            BUCKET / 4.0
        } else {
            BUCKET
        };
        let figure: Figure = spread(runs, served, (suffix, metric))?.into();
        return Some(Figure { blur, ..figure });
    }
    if let Some(suffix) = name.strip_prefix("sojourn_served_") {
        let served = |record: &Record| record.classes[0].served.clone();
        return spread(runs, served, (suffix, metric)).map(Figure::from);
    }
    let average = |part: usize| {
        let own = move |record: &Record| runs.average(record, "station", "workers")[part];
        runs.mean(own)
    };
    let estimate = match name {
        "p_abandon" => runs.share(abandoned),
        "p_wait" => runs.share(|record| {
            let own = waits(record);
            (own.n() - own.n_zero(), own.n())
        }),
        "wait_mean_all" => spread(runs, waits, ("mean", metric))?,
        "wait_tail_all" => spread(runs, waits, ("tail", metric))?,
        "throughput" => runs.goodput(),
        "queue_len_mean" => average(2),
        "utilization" => runs.mean(|record| {
            let [used, there, _] = runs.average(record, "station", "workers");
            used / there
        }),
        other => panic!("no such metric: {other}"),
    };
    Some(estimate.into())
}

/// Clients who give up: told so in three ways, to servers that notice or not.
pub(super) fn check_deadlines(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let effort = Effort::of(&case, MOST_REQUESTS);
        let parameters = &case["parameters"];
        let (limit, service) = match parameters.get("deadline") {
            Some(limit) => (limit, "abandoned = \"cancel\""),
            None => (&parameters["client_timeout"], "abandoned = \"serve\""),
        };
        for key in ["timeout", "deadline", "patience"] {
            let client = format!("{key} = {}", seconds(number(limit)));
            let runs = runs(effort, parameters, (&client, service));
            checked.case(&case, effort.widened, |metric| deadline(&runs, metric));
        }
    }
    checked
}

fn deadline(runs: &Runs, metric: &Value) -> Option<Figure> {
    let gave_up = [Outcome::ClientTimeout, Outcome::ClientAbort];
    let estimate = match metric["metric"].as_str().expect("a name") {
        "p_timeout" => runs.share(|record| ended(record, &gave_up)),
        "throughput" | "goodput" => runs.goodput(),
        "utilization" => runs.mean(|record| {
            let [used, there, _] = runs.average(record, "station", "workers");
            used / there
        }),
        "wait_mean_all" => {
            let waits = |record: &Record| runs.waits(record, "station", "workers");
            spread(runs, waits, ("mean", metric))?
        }
        "client_latency_mean" => spread(runs, latencies, ("mean", metric))?,
        other => panic!("no such metric: {other}"),
    };
    Some(estimate.into())
}

/// Times until clients had an answer or gave up.
fn latencies(record: &Record) -> Histogram {
    let mut all = record.classes[0].served.clone();
    all.merge(&record.classes[0].unserved);
    all
}

/// M/M/c whose clients leave after an exponential time, from the line and from the worker: the number in the
/// system is a birth-and-death process with deaths at `min(k, c) mu + k theta`.
pub(super) fn check_patience(_: &str) -> Checked {
    let mut checked = Checked::default();
    for (rate, servers, mean, patience) in [(45.0, 1, 0.02, 0.04), (120.0, 5, 0.05, 0.2)] {
        let parameters = serde_json::json!({
            "arrival": { "process": "poisson", "rate": rate },
            "servers": servers,
            "service": { "dist": "exponential", "mean": mean },
        });
        let advice = serde_json::json!({ "advice": { "requests_for_main_metrics": 1e6 } });
        let client = format!("patience = {{ exponential = {} }}", seconds(patience));
        let service = "abandoned = \"cancel\"";
        let runs = runs(Effort::of(&advice, 1e6), &parameters, (&client, service));
        let (mut in_system, mut busy, mut all, mut weight) = (0.0, 0.0, 0.0, 1.0);
        for k in 0..1000 {
            let (n, b) = (f64::from(k), f64::from(k.min(servers)));
            all += weight;
            in_system += weight * n;
            busy += weight * b;
            let next = (n + 1.0) / patience + f64::from((k + 1).min(servers)) / mean;
            weight *= rate / next;
        }
        let (in_system, busy) = (in_system / all, busy / all);
        let name = |what: &str| format!("patience of {patience} s: {what}");
        let left = runs.share(|record| ended(record, &[Outcome::ClientAbort]));
        checked.exact(
            &name("share that leaves"),
            left,
            in_system / patience / rate,
            0.01,
        );
        checked.exact(&name("goodput"), runs.goodput(), busy / mean, 0.005);
        let own = |part: usize| {
            let runs = &runs;
            runs.mean(move |record| runs.average(record, "station", "workers")[part])
        };
        checked.exact(&name("busy"), own(0), busy, 0.005);
        checked.exact(&name("waiting"), own(2), in_system - busy, 0.02);
        let latency = spread(&runs, latencies, ("mean", &Value::Null)).expect("latencies");
        checked.exact(&name("latency"), latency, in_system / rate, 0.01);
    }
    checked
}
