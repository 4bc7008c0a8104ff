//! Callers who try again, and those who ask twice: the clients of a source, or a service that calls another.

use capsim::metrics::{Entry, Happened, Outcome};
use capsim::stats::{Confidence, Estimate};
use serde_json::Value;

use super::callers::{
    By, all, ended, mean_of, per_errand, poisson, run_of, served, source, success, unlimited,
};
use super::harness::{Checked, Effort, Figure, REPLICATIONS, Runs, in_seconds};
use super::laws::{arrivals, case_files, law, number, seconds};

/// Requests of one case, over all replications.
const MOST_REQUESTS: f64 = 1e6;

/// Attempts that fail on their own account.
pub(super) fn check_failures(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        if case["parameters"].get("layers").is_some() {
            check_layers(&case, &mut checked);
        } else {
            check_independent(&case, &mut checked);
        }
    }
    checked
}

/// A failed attempt takes its own time: it calls something that always fails after it.
fn check_independent(case: &Value, checked: &mut Checked) {
    let p = &case["parameters"];
    let effort = Effort::of(case, MOST_REQUESTS);
    let backoff = &p["backoff"];
    let retry = format!(
        "retry = {{ attempts = {}, on = [\"failed\"], backoff = {{ exponential = {}, factor = {}, jitter = {} }} }}",
        number(&p["max_retries"]) + 1.0,
        seconds(number(&backoff["base"])),
        backoff["multiplier"],
        backoff["jitter"]
    );
    let steps = format!(
        "{{ call = \"failure\", probability = \"{}%\" }}, {{ wait = {} }}",
        number(&p["failure_probability"]) * 100.0,
        law(&p["successful_attempt"])
    );
    let failure = format!(
        "[components.failure]\nkind = \"dependency\"\nerrors = \"100%\"\nlatency = {}\n",
        law(&p["failed_attempt"])
    );
    let rate = number(&p["arrival"]["rate"]);
    for by in [By::Client, By::Service] {
        let text = run_of(effort, rate, 5.0)
            + &source(by, &arrivals(&p["arrival"]), std::slice::from_ref(&retry))
            + &unlimited(&steps, "")
            + &failure;
        let runs = Runs::of(&text);
        checked.case(case, effort.widened, |metric| {
            let estimate = match metric["metric"].as_str().expect("a name") {
                "attempts_mean" => per_errand(&runs, |own| own.attempts),
                "success_ratio" => success(&runs),
                "sojourn_mean" => mean_of(&runs, all),
                "sojourn_success_mean" => mean_of(&runs, served),
                other => panic!("no such metric: {other}"),
            };
            Some(Figure::from(estimate))
        });
    }
}

/// Callers who try again because those whom they call have tried again in vain: client, service, service,
/// and something that fails.
fn check_layers(case: &Value, checked: &mut Checked) {
    let p = &case["parameters"];
    assert_eq!(p["layers"], 3, "a client and two services");
    let retry = format!(
        "retry = {{ attempts = {}, on = [\"failed\"], backoff = \"1ms\" }}",
        number(&p["max_retries_per_layer"]) + 1.0
    );
    let mut text = run_of(Effort::fixed(2e5), 200.0, 1.0)
        + &source(By::Client, &poisson(200.0), std::slice::from_ref(&retry));
    for (name, next) in [("station", "second"), ("second", "leaf")] {
        text += &format!(
            "[components.{name}]\nkind = \"service\"\nworkers = {{ count = 20000 }}\n\
             [components.{name}.operations.default]\nsteps = [{{ call = \"{next}\", {retry} }}]\n"
        );
    }
    text += &format!(
        "[components.leaf]\nkind = \"dependency\"\nlatency = \"1ms\"\nerrors = \"{}%\"\n",
        number(&p["leaf_failure_probability"]) * 100.0
    );
    let runs = Runs::of(&text);
    checked.case(case, 1.0, |metric| {
        let estimate = match metric["metric"].as_str().expect("a name") {
            "leaf_attempts_mean" => runs.mean(|record| {
                // Of the three callers it is the innermost that sends the most, and the client that has
                // the fewest errands.
                let attempts = record.callers.iter().map(|own| own.attempts).max();
                let requests = record.callers.iter().map(|own| own.errands).min();
                attempts.expect("callers") as f64 / requests.expect("callers") as f64
            }),
            "success_ratio" => success(&runs),
            other => panic!("no such metric: {other}"),
        };
        Some(Figure::from(estimate))
    });
}

/// Attempts that are turned away because the station is full.
pub(super) fn check_rejections(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let p = &case["parameters"];
        let rate = number(&p["arrival"]["rate"]);
        let backoff = &p["retry"]["backoff"];
        // The long backoffs of the limiting cases take long to reach a steady state.
        let warm_up = 20.0 * number(&backoff["mean"]) + 10.0;
        let effort = if case["advice"].is_null() {
            Effort::fixed(300.0 * rate * f64::from(REPLICATIONS))
        } else {
            Effort::of(&case, MOST_REQUESTS).at_least(4e6)
        };
        let retries = p["retry"]["max_retries"].as_u64();
        let rules = [
            format!(
                "retry = {{ attempts = {}, on = [\"rejected\"], backoff = {{ law = {} }} }}",
                retries.map_or("\"unlimited\"".to_owned(), |n| (n + 1).to_string()),
                law(backoff)
            ),
            "deadline = \"1h\"".to_owned(),
        ];
        let (servers, places) = (number(&p["servers"]), number(&p["system_capacity"]));
        let station = format!(
            "[components.station]\nkind = \"service\"\nworkers = {{ count = {servers} }}\nbacklog = {}\n\
             [components.station.operations.default]\nsteps = [{{ wait = {} }}]\n",
            places - servers,
            law(&p["service"])
        );
        for by in [By::Client, By::Service] {
            if case["advice"].is_null() && matches!(by, By::Service) {
                continue;
            }
            let entries = 2.0 * rate * (effort.seconds_at(rate) + warm_up) + 1000.0;
            let text = run_of(effort, rate, warm_up)
                + &format!("log = {}\n", entries as u64)
                + "drain = \"10min\"\n"
                + &source(by, &arrivals(&p["arrival"]), &rules)
                + &station;
            let runs = Runs::of(&text);
            let figure = |metric: &Value| rejections(&runs, p, (by, retries), metric);
            match by {
                By::Client => checked.case(&case, effort.widened, figure),
                _ => checked.part_of_case(&case, effort.widened, figure),
            }
        }
    }
    checked
}

fn rejections(
    runs: &Runs,
    p: &Value,
    (by, retries): (By, Option<u64>),
    metric: &Value,
) -> Option<Figure> {
    let estimate = match metric["metric"].as_str().expect("a name") {
        "attempts_mean" => per_errand(runs, |own| own.attempts),
        // With long backoffs the last requests retry when no further ones arrive, and more of them succeed.
        "p_lost" if metric["kind"] == "limit" => runs.share(|record| {
            let half = (record.windows.len() - runs.warm_up) / 2;
            let windows = &record.windows[runs.warm_up..runs.warm_up + half];
            let unserved = windows.iter().map(|own| own.unserved).sum();
            (unserved, windows.iter().map(|own| own.arrived).sum())
        }),
        // Of a service's attempts nothing is logged; with a single retry it shows all the same.
        "p_first_attempt_rejected" if matches!(by, By::Client) => several_attempts(runs)?,
        "p_first_attempt_rejected" if retries == Some(1) => per_errand(runs, |own| own.retries),
        "p_first_attempt_rejected" => return None,
        "p_lost" => runs.share(|record| ended(record, Outcome::QueueFull)),
        "throughput" => runs.goodput(),
        "orbit_mean" => runs.mean(|record| runs.gauge(record, "in_backoff")),
        // Nobody waits in the station itself: what is not service is delay.
        "delay_to_start_mean" => {
            assert_eq!(p["servers"], p["system_capacity"], "no place to wait");
            let service = number(&p["service"]["mean"]);
            mean_of(runs, served).map(|sojourn| sojourn - service)
        }
        other => panic!("no such metric: {other}"),
    };
    Some(estimate.into())
}

/// The share of requests that took more than one attempt, after the warm-up.
fn several_attempts(runs: &Runs) -> Option<Estimate> {
    let from = runs.scenario.blueprint().windows.start(runs.warm_up);
    let of = |log: &Vec<Entry>| {
        let attempts = log.iter().filter_map(|own| match own.what {
            Happened::Request { attempts, .. } if own.from >= from => Some(attempts),
            _ => None,
        });
        let own: Vec<u32> = attempts.collect();
        (
            own.iter().filter(|own| **own > 1).count() as u64,
            own.len() as u64,
        )
    };
    let parts: Vec<_> = runs.logs.iter().map(of).collect();
    Estimate::share(&parts, Confidence::new(0.95)?)
}

/// A copy of what has no answer yet; the first answer counts, and the other copy is cancelled.
pub(super) fn check_hedges(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let p = &case["parameters"];
        let effort = Effort::of(&case, MOST_REQUESTS).at_least(5e6);
        let rules = [format!(
            "hedge = {{ after = {}, copies = {} }}",
            seconds(number(&p["hedge_after"])),
            number(&p["copies"]) - 1.0
        )];
        let steps = format!("{{ wait = {} }}", law(&p["service"]));
        let rate = number(&p["arrival"]["rate"]);
        for by in [By::Client, By::Service] {
            let text = run_of(effort, rate, 10.0)
                + &source(by, &arrivals(&p["arrival"]), &rules)
                + &unlimited(&steps, "abandoned = \"cancel\"");
            let runs = Runs::of(&text);
            let quantile = |p: f64| runs.of_all(served, |own| in_seconds(own.quantile(p)));
            checked.case(&case, effort.widened, |metric| {
                let estimate = match metric["metric"].as_str().expect("a name") {
                    "sojourn_mean" => Some(mean_of(&runs, served)),
                    "sojourn_p50" => quantile(0.5),
                    "sojourn_p95" => quantile(0.95),
                    "sojourn_p99" => quantile(0.99),
                    "sojourn_p999" => quantile(0.999),
                    "extra_calls_fraction" => Some(per_errand(&runs, |own| own.copies)),
                    other => panic!("no such metric: {other}"),
                };
                estimate.map(Figure::from)
            });
        }
    }
    checked
}
