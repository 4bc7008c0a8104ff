//! Several servers with a line each, and a rule by which requests are sent to them.

use std::fmt::Write as _;

use capsim::scenario::Memory;
use capsim::stats::Estimate;
use serde_json::Value;

use super::figures::{Station, mean_of};
use super::harness::{Checked, Effort, Figure, REPLICATIONS, Runs, crowd, is_for_later, run_table};
use super::laws::{arrivals, case_files, law, number};

/// Requests of one case, over all replications.
const MOST_REQUESTS: f64 = 5e6;
/// Cases that ask for more than this are left to later tiers.
const TOO_LONG: f64 = 50e6;
/// The share of a run that is left out at its start.
const WARM_UP: f64 = 0.05;
/// At how many instants of a replication the servers are looked at.
const LOOKS: u32 = 400;

/// The rule of a case, in the words of scenarios.
fn policy(balancer: &Value) -> String {
    let choices = balancer["choices"].as_u64();
    match (balancer["policy"].as_str().expect("a policy"), choices) {
        ("jsq" | "least_outstanding", _) => "\"least_outstanding\"".to_owned(),
        ("p2c" | "power_of_d", Some(2) | None) => "\"power_of_two\"".to_owned(),
        ("p2c" | "power_of_d", Some(choices)) => {
            format!("{{ least_request = {{ choices = {choices} }} }}")
        }
        ("round_robin", _) => "\"round_robin\"".to_owned(),
        ("random", _) => "\"random\"".to_owned(),
        (other, _) => panic!("no such rule: {other}"),
    }
}

/// Compares the family.
pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        if is_for_later(&case, TOO_LONG) {
            checked.leaves(&case);
            continue;
        }
        let p = &case["parameters"];
        let effort = Effort::of(&case, MOST_REQUESTS);
        let horizon = effort.seconds_at(number(&p["arrival"]["rate"])) / (1.0 - WARM_UP);
        let mut text = run_table(horizon, horizon * WARM_UP);
        let _ = write!(
            text,
            "[sources.load]\n{}[components.lb]\nkind = \"balancer\"\nto = \"station\"\npolicy = {}\n\
             [components.station]\nkind = \"service\"\ncount = {}\nworkers = {{ count = {} }}\n\
             backlog = \"unbounded\"\noperations.default.steps = [{{ wait = {} }}]\n",
            arrivals(&p["arrival"]).replace("\"station\"", "\"lb\""),
            policy(&p["balancer"]),
            p["instances"],
            p["workers_per_instance"],
            law(&p["service"])
        );
        let step = horizon * (1.0 - WARM_UP) / f64::from(LOOKS + 1);
        let instant = |at: u32| horizon * WARM_UP + step * f64::from(at);
        let instants: Vec<f64> = (1..=LOOKS).map(instant).collect();
        let runs = Runs::looking(&text, &Memory::default(), REPLICATIONS, &instants);
        checked.case(&case, effort.widened, |metric| {
            if metric["metric"] == "queue_fraction_at_least" {
                let k = metric["k"].as_u64().expect("a number of requests");
                return fraction(&runs, k as u32, number(&p["instances"])).map(Figure::from);
            }
            Station::workers(&runs, "station").figure(metric)
        });
    }
    checked
}

/// The share of the servers that have at least `k` requests.
fn fraction(runs: &Runs, k: u32, servers: f64) -> Option<Estimate> {
    let own = runs.crowds.iter().map(|looks| {
        let busy = |look: &Vec<u32>| f64::from(crowd(look, k)) / servers;
        looks.iter().map(busy).sum::<f64>() / looks.len() as f64
    });
    let own: Vec<f64> = own.collect();
    mean_of(&own)
}
