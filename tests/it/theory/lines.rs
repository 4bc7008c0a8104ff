//! Lines in balancers: servers that take one request each behind one line are one station with as many servers,
//! to the figure, whichever of them takes whom. Behind a line of each they are as many stations with one.

use capsim::experiment::Findings;
use capsim::stats::Estimate;
use serde_json::Value;

use super::harness::{Checked, Effort, Figure, run_table};
use super::laws::{arrivals, case_files, law, number, seconds};
use crate::support::{load, run};

/// Requests of one case, over all replications.
const MOST_REQUESTS: f64 = 3e6;
/// The share of a run that is left out at its start.
const WARM_UP: f64 = 0.05;

/// A case's station as instances with one worker each, behind a balancer with these rules.
fn findings(case: &Value, rules: &str, effort: Effort) -> Findings {
    let parameters = &case["parameters"];
    let horizon = effort.seconds_at(number(&parameters["arrival"]["rate"])) / (1.0 - WARM_UP);
    let arrivals = arrivals(&parameters["arrival"]).replace("\"station\"", "\"lb\"");
    let text = format!(
        "{}[sources.load]\n{arrivals}[components.lb]\nkind = \"balancer\"\nto = \"station\"\n{rules}\n\
         [components.station]\nkind = \"service\"\ncount = {}\nworkers = {{ count = 1 }}\n\
         backlog = \"unbounded\"\noperations.default.steps = [{{ wait = {} }}]\n",
        run_table(horizon, horizon * WARM_UP),
        parameters["servers"],
        law(&parameters["service"])
    );
    run(&load(&text).scenario)
}

fn share(findings: &Findings, outcome: &str) -> Option<Estimate> {
    let own = findings.outcomes.iter().find(|own| own.name == outcome);
    own.map(|own| own.share)
}

fn estimate(findings: &Findings, metric: &str) -> Option<Estimate> {
    let mut resources = findings.resources.iter();
    let line = resources.find(|own| own.component == "lb")?;
    let figure = |name: &str| findings.figures.get(name).copied();
    match metric {
        "p_wait" => line.waited,
        "wait_mean" | "wait_mean_all" => line.wait_mean_s,
        "wait_p50" => line.wait_p50_s,
        "wait_p95" => line.wait_p95_s,
        "wait_p99" => line.wait_p99_s,
        "queue_len_mean" => line.waiting,
        "utilization" => line.utilization,
        "throughput" => figure("throughput"),
        "p_block" => share(findings, "shed"),
        "p_abandon" => share(findings, "queue_timeout"),
        _ => None,
    }
}

/// Compares the cases of a family with the balancer's line, whose rules depend on the case.
fn check(family: &str, policies: &[&str], rules: impl Fn(&Value) -> Option<String>) -> Checked {
    let mut checked = Checked::default();
    for (at, case) in case_files(family).iter().enumerate() {
        let Some(queue) = rules(&case["parameters"]) else {
            continue;
        };
        // Where rare spells decide, their spread must show.
        let effort = Effort::of(case, MOST_REQUESTS).at_least(1e6);
        let policy = policies[at % policies.len()];
        let rules = format!("policy = \"{policy}\"\nmax_conns = 1\nqueue = {{ {queue} }}");
        let findings = findings(case, &rules, effort);
        // Of what the station does only the line is looked at here.
        checked.part_of_case(case, effort.widened, |metric| {
            let is_whole = ["at", "station", "class"]
                .iter()
                .all(|key| metric.get(key).is_none());
            let name = metric["metric"].as_str().expect("a name");
            let estimate = estimate(&findings, name).filter(|_| is_whole);
            estimate.map(Figure::from)
        });
    }
    checked
}

/// Methods that send nobody past the line, and to nobody who is busy.
const METHODS: [&str; 3] = ["round_robin", "leastconn", "first"];

/// M/M/c (Erlang C).
#[test]
fn one_line_is_one_station() {
    check("mmc", &METHODS, |_| Some(String::new())).assert();
}

/// M/M/c/K: so many may wait.
#[test]
fn a_line_with_few_places_turns_away() {
    let places = |own: &Value| {
        let places = number(&own["queue_capacity"]);
        (places > 0.0).then(|| format!("max = {places}"))
    };
    check("mmck", &METHODS, places).assert();
}

/// M/M/c+D: so long they may.
#[test]
fn a_line_is_left_by_those_who_have_waited_enough() {
    let patience = |own: &Value| {
        let value = own["patience"]["value"].as_f64()?;
        Some(format!("timeout = {}", seconds(value)))
    };
    check("mmc_patience", &METHODS, patience).assert();
}

/// Requests that are bound to their servers by a hash of their address wait in as many lines: M/M/1, each with
/// its part of the arrivals. So do those that are sent at random to servers that take any number.
#[test]
fn a_line_of_each_is_as_many_stations() {
    let (servers, rate, mean) = (8.0, 68.0, 0.1);
    let case = serde_json::json!({ "parameters": {
        "arrival": { "process": "poisson", "rate": rate },
        "service": { "dist": "exponential", "mean": mean },
        "servers": servers as u32,
    }});
    let own = 1.0 / mean - rate / servers;
    let mut checked = Checked::default();
    for rules in [
        "policy = \"source\"\nmax_conns = 1\nqueue = {}",
        "policy = \"random\"",
    ] {
        let findings = findings(&case, rules, Effort::fixed(2e6));
        let latency = findings.figures["latency_mean"];
        checked.exact(rules, latency, 1.0 / own, 0.02);
    }
    checked.assert();
}
