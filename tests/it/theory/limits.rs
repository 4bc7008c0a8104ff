//! Limits of rates in front of a service that does nothing: what passes, and how long it is kept waiting.

use capsim::experiment::Record;
use capsim::metrics::Outcome;
use capsim::stats::Estimate;
use serde_json::Value;

use super::harness::{Checked, Effort, Figure, Runs, in_seconds, run_table};
use super::laws::{case_files, number, seconds};

/// Requests of one case, over all replications.
const MOST_REQUESTS: f64 = 4e6;
/// The share of a run that is left out at its start.
const WARM_UP: f64 = 0.05;

/// A limiter of a case, as a scenario has it.
fn limit(limiter: &Value) -> String {
    let value = |name: &str| number(&limiter[name]);
    match limiter["kind"].as_str().expect("a kind") {
        "token_bucket" if limiter["refill"] == "periodic" => format!(
            "token_bucket = {{ rate = \"{}/s\", burst = {}, refill_every = {} }}",
            value("tokens_per_period") / value("period"),
            limiter["capacity"],
            seconds(value("period"))
        ),
        "token_bucket" => format!(
            "token_bucket = {{ rate = \"{}/s\", burst = {} }}",
            value("rate"),
            limiter["capacity"]
        ),
        // Above its rate by no more than what it may make wait: a bucket that lends tokens.
        "leaky_bucket_excess" => format!(
            "token_bucket = {{ rate = \"{}/s\", burst = 1, max_wait = {} }}",
            value("rate"),
            seconds(value("burst") / value("rate"))
        ),
        "fixed_window" => format!(
            "fixed_window = {{ max = {}, window = {}, starts = \"clock\", key = \"all\" }}",
            limiter["limit"],
            seconds(value("window"))
        ),
        "sliding_window_log" => format!(
            "sliding_window = {{ max = {}, window = {}, key = \"all\" }}",
            limiter["limit"],
            seconds(value("window"))
        ),
        other => panic!("no limiter {other}"),
    }
}

pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let parameters = &case["parameters"];
        // Delays in a row are alike: many of them say little.
        let least = if parameters["limiter"]["nodelay"] == false {
            MOST_REQUESTS
        } else {
            3e5
        };
        let effort = Effort::of(&case, MOST_REQUESTS).at_least(least);
        let rate = number(&parameters["arrival"]["rate"]);
        let horizon = effort.seconds_at(rate) / (1.0 - WARM_UP);
        let text = format!(
            "{}[sources.load]\narrivals = \"poisson\"\nrate = \"{rate}/s\"\nenters = \"edge\"\n\
             [components.edge]\nkind = \"rate_limiter\"\nto = \"station\"\nlimits = [{{ {} }}]\n\
             [components.station]\nkind = \"service\"\nworkers = {{ count = 1000 }}\n\
             operations.default.steps = [{{ wait = \"1us\" }}]\n",
            run_table(horizon, horizon * WARM_UP),
            limit(&parameters["limiter"])
        );
        let runs = Runs::of(&text);
        // Warm-ups are whole windows.
        let windows = runs.records[0].windows.len();
        let measured = horizon * (windows - runs.warm_up) as f64 / windows as f64;
        checked.case(&case, effort.widened, |metric| {
            if metric["metric"] == "p_bucket_full" {
                let twin = text.replace(
                    &limit(&parameters["limiter"]),
                    &lending(&parameters["limiter"])?,
                );
                return Some(undelayed(&Runs::of(&twin)).into());
            }
            figure(&runs, measured, metric)
        });
    }
    checked
}

/// The same bucket, as one of a single token that lends as many as the other may lack: it lets the same requests
/// pass, but makes all of them wait that do not find the other full.
fn lending(limiter: &Value) -> Option<String> {
    let value = |name: &str| limiter[name].as_f64();
    let (rate, lends) = match limiter["kind"].as_str()? {
        "token_bucket" if limiter["refill"] != "periodic" => {
            (value("rate")?, value("capacity")? - 1.0)
        }
        "leaky_bucket_excess" => (value("rate")?, value("burst")?),
        _ => return None,
    };
    Some(format!(
        "token_bucket = {{ rate = \"{rate}/s\", burst = 1, max_wait = {} }}",
        seconds(lends / rate)
    ))
}

/// The share of requests that neither waited nor were turned away.
fn undelayed(runs: &Runs) -> Estimate {
    runs.share(|record| {
        let own = ["passed", "delayed", "rejected"].map(|what| runs.count(record, "edge", what));
        (own[0], own.iter().sum())
    })
}

fn figure(runs: &Runs, measured: f64, metric: &Value) -> Option<Figure> {
    let served = |record: &Record| {
        let outcomes = &record.classes[0].outcomes;
        let served = outcomes[Outcome::Served.index()];
        (served, outcomes.iter().sum::<u64>())
    };
    let delays = |record: &Record| record.classes[0].served.clone();
    let quantile = |p| runs.of_all(delays, |own| in_seconds(own.quantile(p)));
    let estimate = match metric["metric"].as_str().expect("a name") {
        "pass_fraction" => runs.share(served),
        "throughput" => runs.mean(|record| served(record).0 as f64 / measured),
        "p_delayed" => runs.share(|record| {
            let (delayed, passed) = (
                runs.count(record, "edge", "delayed"),
                runs.count(record, "edge", "passed"),
            );
            (delayed, delayed + passed)
        }),
        "shaping_delay_mean" => runs.of_all(delays, |own| in_seconds(own.mean()))?,
        "shaping_delay_p50" => quantile(0.5)?,
        "shaping_delay_p95" => quantile(0.95)?,
        "shaping_delay_p99" => quantile(0.99)?,
        _ => return None,
    };
    Some(estimate.into())
}
