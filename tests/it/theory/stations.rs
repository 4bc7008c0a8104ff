//! Open stations: the request comes, waits, is served, and goes, whatever happens to it.

use std::fmt::Write as _;

use capsim::experiment::{Findings, ResourceFindings};
use capsim::stats::Estimate;
use serde_json::Value;

use super::harness::{Checked, Effort, Figure, run_table};
use super::laws::{arrivals, case_files, law, number};
use crate::support::{load, run};

/// Requests of one case, over all replications: what every test run can afford.
const MOST_REQUESTS: f64 = 16e6;
/// Cases that ask for more than this are left out: widening their tolerances would leave nothing.
const TOO_LONG: f64 = 70e6;
/// The share of a run that is left out at its start.
const WARM_UP: f64 = 0.05;

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

/// Runs a case and compares its values.
fn check(family: &str, case: &Value, checked: &mut Checked) {
    let parameters = &case["parameters"];
    let effort = Effort::of(case, MOST_REQUESTS);
    let rate = number(&parameters["arrival"]["rate"]);
    let horizon = effort.seconds_at(rate) / (1.0 - WARM_UP);
    let text = run_table(horizon, horizon * WARM_UP) + &system(family, parameters);
    let findings = run(&load(&text).scenario);
    checked.case(case, effort.widened, |metric| {
        let is_whole = ["at", "station", "class"]
            .iter()
            .all(|key| metric.get(key).is_none());
        let name = metric["metric"].as_str().expect("a name");
        let estimate = estimate(&findings, family, name).filter(|_| is_whole);
        estimate.map(Figure::from)
    });
}

/// Compares a family.
pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let affordable = number(&case["advice"]["requests_for_main_metrics"]) <= TOO_LONG;
        // Networks other than a plain tandem have their own translation.
        let known = family != "slo" || case["parameters"]["routing"] == "tandem";
        if affordable && known {
            check(family, &case, &mut checked);
        }
    }
    checked
}
