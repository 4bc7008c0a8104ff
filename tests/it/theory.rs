//! The simulator against closed forms and exact numerics.
//!
//! Each case of `tests/conformance/queueing` states a model by its parameters and the exact values of its
//! metrics. The parameters are translated into a scenario, family by family; the run is as long as the
//! case asks for its tolerances (up to a limit, above which the tolerances are widened accordingly).
//! A value passes if it is within its tolerance *and* within the limit of significance.

use std::fmt::Write as _;

use capsim::experiment::{Findings, ResourceFindings};
use capsim::stats::Estimate;
use serde_json::Value;

use crate::support::{load, run};

/// Replications of each case.
const REPLICATIONS: u32 = 20;
/// Requests of one case, over all replications: what every test run can afford.
const MOST_REQUESTS: f64 = 16e6;
/// Cases that ask for more than this are left out: widening their tolerances would leave nothing.
const TOO_LONG: f64 = 70e6;
/// Student's t with 19 degrees of freedom at 1 % for about 300 comparisons together (Bonferroni).
const SIGNIFICANT: f64 = 5.2;
/// The share of a run that is left out at its start.
const WARM_UP: f64 = 0.05;

fn case_files(family: &str) -> Vec<Value> {
    let path = format!(
        "{}/tests/conformance/queueing/{family}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).expect(&path);
    let file: Value = serde_json::from_str(&text).expect(&path);
    file["cases"].as_array().expect("cases").clone()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("a number, not {value}"))
}

fn seconds(value: f64) -> String {
    format!("\"{}ns\"", (value * 1e9).round())
}

/// A law of the case in the scenario's language.
fn law(law: &Value) -> String {
    let span = |key: &str| seconds(number(&law[key]));
    let branches = |weights: &str, values: &str, inner: &dyn Fn(f64) -> String| {
        let parts = law[weights]
            .as_array()
            .expect(weights)
            .iter()
            .zip(law[values].as_array().expect(values));
        let parts: Vec<_> = parts
            .map(|(share, value)| {
                format!(
                    "{{ share = \"{}%\", {} }}",
                    number(share) * 100.0,
                    inner(number(value))
                )
            })
            .collect();
        format!("[{}]", parts.join(", "))
    };
    match law["dist"].as_str().expect("a law") {
        "exponential" => format!("{{ exponential = {} }}", span("mean")),
        "deterministic" => span("value"),
        "lognormal" => format!(
            "{{ lognormal = {{ mean = {}, cv = {} }} }}",
            span("mean"),
            law["cv"]
        ),
        "erlang" => format!(
            "{{ erlang = {{ mean = {}, stages = {} }} }}",
            span("mean"),
            law["k"]
        ),
        "gamma" => {
            let cv = 1.0 / number(&law["shape"]).sqrt();
            format!("{{ gamma = {{ mean = {}, cv = {cv:?} }} }}", span("mean"))
        }
        "hyperexponential" => {
            let mean = |mean: f64| format!("mean = {}", seconds(mean));
            format!(
                "{{ hyperexponential = {{ branches = {} }} }}",
                branches("probs", "means", &mean)
            )
        }
        "discrete" => {
            let value = |value: f64| format!("law = {}", seconds(value));
            format!("{{ mixture = {} }}", branches("probs", "values", &value))
        }
        other => panic!("no such law: {other}"),
    }
}

fn arrivals(arrival: &Value) -> String {
    let rate = number(&arrival["rate"]);
    let process = match arrival["process"].as_str().expect("a process") {
        "poisson" => "\"poisson\"".to_owned(),
        "renewal" => format!("{{ renewal = {} }}", law(&arrival["interarrival"])),
        "mmpp" => {
            let rates = arrival["rates"].as_array().expect("rates");
            let leaving = arrival["switch_rates"]
                .as_array()
                .expect("rates of leaving");
            let state = |(level, leaving): (&Value, &Value)| {
                let lasts = seconds(1.0 / number(leaving));
                format!("{{ level = {level}, lasts = {lasts} }}")
            };
            let states: Vec<_> = rates.iter().zip(leaving).map(state).collect();
            format!("{{ mmpp = {{ states = [{}] }} }}", states.join(", "))
        }
        "batch_poisson" => {
            let size = &arrival["batch_size"];
            let mean = number(&size["mean"]);
            match size["dist"].as_str().expect("a law") {
                "deterministic" => format!("{{ batches = {{ size = {mean} }} }}"),
                "geometric" => format!("{{ batches = {{ size = {{ geometric = {mean} }} }} }}"),
                other => panic!("no such law of sizes: {other}"),
            }
        }
        other => panic!("no such process: {other}"),
    };
    format!("arrivals = {process}\nrate = \"{rate}/s\"\nenters = \"station\"\n")
}

/// The scenario of a case: its sources and components, and how many requests it takes per second.
fn system(family: &str, parameters: &Value) -> String {
    let mut text = format!("[sources.load]\n{}", arrivals(&parameters["arrival"]));
    let workers = |n: &Value| format!("workers = {{ count = {n} }}\n");
    text.push_str("[components.station]\nkind = \"service\"\n");
    match family {
        "ps" => {
            // As many threads as may ever be needed share the cores.
            let _ = write!(
                text,
                "vcpu = {}\nworkers = {{ count = 10000 }}\n",
                parameters["cores"]
            );
            text.push_str("[components.station.operations.default]\n");
            let _ = writeln!(
                text,
                "steps = [{{ cpu = {} }}]",
                law(&parameters["service"])
            );
        }
        "slo" => tandem(parameters, &mut text),
        "nested" => {
            text.push_str(&workers(&parameters["workers"]));
            let _ = write!(
                text,
                "backlog = \"unbounded\"\n[components.station.pools.db]\nto = \"db\"\nmax = {}\n",
                parameters["pool_size"]
            );
            text.push_str("[components.station.operations.default]\n");
            let _ = writeln!(
                text,
                "steps = [{{ wait = {} }}, {{ query = \"db\", pool = \"db\", time = {} }}]",
                law(&parameters["stage_1"]),
                law(&parameters["stage_2_pool"])
            );
            text.push_str("[components.db]\nkind = \"database\"\ncores = 1000\n");
        }
        _ => {
            text.push_str(&workers(&parameters["servers"]));
            match parameters["queue_capacity"].as_u64() {
                Some(places) => writeln!(text, "backlog = {places}").expect("a string"),
                None => text.push_str("backlog = \"unbounded\"\n"),
            }
            text.push_str("[components.station.operations.default]\n");
            let _ = writeln!(
                text,
                "steps = [{{ wait = {} }}]",
                law(&parameters["service"])
            );
        }
    }
    text
}

/// Stations one after another, none of which is held while the next is waited for.
fn tandem(parameters: &Value, text: &mut String) {
    text.push_str(
        "workers = { count = 10000 }\n[components.station.operations.default]\nsteps = [",
    );
    let stations = parameters["stations"].as_array().expect("stations");
    for station in stations {
        let _ = write!(text, "{{ call = {} }}, ", station["name"]);
    }
    text.push_str("]\n");
    for station in stations {
        let name = station["name"].as_str().expect("a name");
        let _ = write!(
            text,
            "[components.{name}]\nkind = \"dependency\"\nover_limit = \"wait\"\n"
        );
        let _ = writeln!(
            text,
            "max_concurrent = {}\nlatency = {}",
            station["servers"],
            law(&station["service"])
        );
    }
}

fn resource<'a>(findings: &'a Findings, what: &str) -> &'a ResourceFindings {
    let found = findings
        .resources
        .iter()
        .find(|r| r.component == "station" && r.what == what);
    found.unwrap_or_else(|| panic!("no {what}"))
}

/// The estimate of a metric of the case; nothing for metrics that this test does not look at.
fn estimate(findings: &Findings, family: &str, metric: &str) -> Option<Estimate> {
    let station = resource(findings, if family == "ps" { "CPU" } else { "workers" });
    let figure = |name: &str| findings.figures.get(name).copied();
    if let Some(metric) = metric.strip_prefix("pool_").filter(|_| family == "nested") {
        let pool = resource(findings, "pool db");
        return match metric {
            "wait_mean" => pool.wait_mean_s,
            "utilization" => pool.utilization,
            "wait_p95" => pool.wait_p95_s,
            "wait_p99" => pool.wait_p99_s,
            _ => None,
        };
    }
    match metric {
        "wait_mean" | "worker_wait_mean" if family != "ps" => station.wait_mean_s,
        "wait_p50" if family != "ps" => station.wait_p50_s,
        "wait_p95" if family != "ps" => station.wait_p95_s,
        "wait_p99" if family != "ps" => station.wait_p99_s,
        "p_wait" | "p_worker_wait" if family != "ps" => station.waited,
        "queue_len_mean" if family != "ps" => station.waiting,
        "utilization" | "worker_utilization" => station.utilization,
        "p_pool_wait" => resource(findings, "pool db").waited,
        "sojourn_mean" => figure("latency_mean"),
        "sojourn_p50" => figure("latency_p50"),
        "sojourn_p95" => figure("latency_p95"),
        "sojourn_p99" => figure("latency_p99"),
        "throughput" => figure("throughput"),
        "p_block" => findings
            .outcomes
            .iter()
            .find(|o| o.name == "queue_full")
            .map(|o| o.share),
        _ => None,
    }
}

/// Runs a case; gives the number of values that were compared, and what is wrong with those that are.
fn check(family: &str, case: &Value) -> (usize, Vec<String>) {
    let (id, parameters) = (case["id"].as_str().expect("an id"), &case["parameters"]);
    let wanted = number(&case["advice"]["requests_for_main_metrics"]);
    let n = wanted.min(MOST_REQUESTS);
    let widened = (wanted / n).sqrt();
    let rate = number(&parameters["arrival"]["rate"]);
    let horizon = n / rate / f64::from(REPLICATIONS) / (1.0 - WARM_UP);
    let text = format!(
        "[run]\nhorizon = {}\nwindow = {}\nwarm_up = {}\nreplications = {REPLICATIONS}\n{}",
        seconds(horizon),
        seconds(horizon / 100.0),
        seconds(horizon * WARM_UP),
        system(family, parameters)
    );
    let findings = run(&load(&text).scenario);
    let mut compared = 0;
    let mut wrong = Vec::new();
    for metric in case["metrics"].as_array().expect("metrics") {
        let name = metric["metric"].as_str().expect("a name");
        let is_whole = metric.get("at").is_none()
            && metric.get("station").is_none()
            && metric.get("class").is_none();
        let Some(estimate) = estimate(&findings, family, name).filter(|_| is_whole) else {
            continue;
        };
        let value = number(&metric["value"]);
        let relative = metric["tol_rel"].as_f64().unwrap_or(0.0);
        let absolute = metric["tol_abs"].as_f64().unwrap_or(0.0);
        // A bucket of the histogram is at most 0.8 % wide; interpolation leaves far less.
        let tolerance = (relative * value.abs()).max(absolute).max(1e-9) * widened;
        // The half-width of a 95 % interval with 19 degrees of freedom is 2.093 standard errors.
        let error = estimate.half_width().expect("20 replications") / 2.093;
        let distance = (estimate.value - value).abs();
        compared += 1;
        if distance > tolerance || distance > SIGNIFICANT * error + 1e-4 * value.abs() {
            wrong.push(format!(
                "{id} {name}: {} ± {error:.3e}, expected {value}, off by {:.2e} (tolerance {tolerance:.2e}, {:.1} errors)",
                estimate.value,
                distance,
                distance / error
            ));
        }
    }
    (compared, wrong)
}

fn check_family(family: &str) {
    let (mut compared, mut wrong) = (0, Vec::new());
    for case in case_files(family) {
        let affordable = number(&case["advice"]["requests_for_main_metrics"]) <= TOO_LONG;
        // Networks other than a plain tandem have their own translation.
        let known = family != "slo" || case["parameters"]["routing"] == "tandem";
        if affordable && known {
            let (n, found) = check(family, &case);
            assert!(n > 0, "nothing was compared of {}", case["id"]);
            compared += n;
            wrong.extend(found);
        }
    }
    assert!(compared > 0, "no case of {family} is affordable");
    assert!(
        wrong.is_empty(),
        "{} of {compared} values:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

macro_rules! families {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {
        $(
            $(#[doc = $doc])*
            #[test]
            fn $name() {
                check_family(stringify!($name));
            }
        )*
    };
}

families! {
    /// M/M/1.
    mm1;
    /// M/M/c.
    mmc;
    /// M/M/c/K: waiting places run out.
    mmck;
    /// M/G/c/c: no waiting place at all; the blocking does not depend on the service law.
    erlang_b;
    /// M/D/1.
    md1;
    /// M/D/c.
    mdc;
    /// M/G/1 with log-normal, hyperexponential and discrete service.
    mg1;
    /// GI/M/c: arrivals that are not Poisson.
    gmc;
    /// MMPP/M/c: Poisson arrivals whose rate jumps between two levels.
    mmpp;
    /// M^X/G/1: several requests at a time.
    batch;
    /// Processor sharing on one core and on several.
    ps;
    /// Stations in tandem.
    slo;
    /// A worker that is held while its request waits for a pooled connection.
    nested;
}
