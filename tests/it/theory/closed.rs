//! Closed sources: users who pause, ask, wait for the answer, and begin again.

use std::fmt::Write as _;

use capsim::experiment::{Findings, ResourceFindings};
use capsim::stats::Estimate;
use serde_json::Value;

use super::figures::{Station, served};
use super::harness::{Checked, Effort, Figure, Runs, in_seconds, is_for_later, run_table};
use super::laws::{case_files, law, mean, number, seconds};
use crate::support::{load, run};

/// Requests of one case, over all replications.
const MOST_REQUESTS: f64 = 2e6;
/// Cases that ask for more than this are left out.
const TOO_LONG: f64 = 35e6;

fn users(name: &str, group: &Value, enters: &str) -> String {
    let (users, think) = (&group["users"], law(&group["think"]));
    let over = seconds(mean(&group["think"]));
    format!(
        "[sources.{name}]\nkind = \"users\"\nusers = {users}\nthink = {think}\nover = {over}\nenters = \"{enters}\"\n"
    )
}

fn value_of(case: &Value, metric: &str) -> f64 {
    let mut metrics = case["metrics"].as_array().expect("metrics").iter();
    let found = metrics.find(|own| own["metric"] == metric);
    number(&found.expect(metric)["value"])
}

fn resource<'a>(findings: &'a Findings, component: &str, what: &str) -> &'a ResourceFindings {
    let mut own = findings.resources.iter();
    let found = own.find(|own| own.component == component && own.what == what);
    found.unwrap_or_else(|| panic!("no {what} of {component}"))
}

/// M/M/c//N.
fn check_station(case: &Value, checked: &mut Checked) {
    let parameters = &case["parameters"];
    let effort = Effort::of(case, MOST_REQUESTS);
    let throughput = value_of(case, "throughput");
    // They begin with their pauses, and need some rounds to fall into step.
    let round = number(&parameters["users"]) / throughput;
    let measured = effort.seconds_at(throughput);
    let warm_up = (15.0 * round).max(0.05 * measured);
    let mut text = run_table(warm_up + measured, warm_up) + &users("load", parameters, "station");
    let _ = write!(
        text,
        "[components.station]\nkind = \"service\"\nworkers = {{ count = {} }}\nbacklog = \"unbounded\"\n\
         [components.station.operations.default]\nsteps = [{{ wait = {} }}]\n",
        parameters["servers"],
        law(&parameters["service"])
    );
    let runs = Runs::of(&text);
    let station = Station::workers(&runs, "station");
    checked.case(case, effort.widened, |metric| station.figure(metric));
    let response = runs.of_all(served, |own| in_seconds(own.mean()));
    let found = (runs.goodput(), response.expect("answers"));
    laws_of_operation(&case["id"], parameters, found, checked);
}

/// What holds of any closed system, whatever its laws, of one run's own figures: the interactive law
/// `throughput = users / (response + pause)`, and the bounds of Denning and Buzen.
fn laws_of_operation(
    id: &Value,
    p: &Value,
    (throughput, response): (Estimate, Estimate),
    checked: &mut Checked,
) {
    let (users, pause) = (number(&p["users"]), mean(&p["think"]));
    let (servers, service) = (number(&p["servers"]), mean(&p["service"]));
    let of_law = throughput.map(|own| own * (response.value + pause) / users);
    checked.exact(&format!("{id} interactive law"), of_law, 1.0, 0.004);
    let margin = |own: Estimate| 2.0 * own.half_width().expect("an interval");
    let most = (servers / service).min(users / (service + pause));
    checked.holds(
        &format!("{id}: {} per second, at most {most}", throughput.value),
        throughput.value - margin(throughput) <= most,
    );
    let least = service.max(users * service / servers - pause);
    checked.holds(
        &format!("{id}: {} s, at least {least}", response.value),
        response.value + margin(response) >= least,
    );
}

/// Two groups of users, each with its own needs, over two stations whose cores are shared.
fn check_network(case: &Value, checked: &mut Checked) {
    let classes = case["parameters"]["classes"].as_array().expect("classes");
    let effort = Effort::of(case, MOST_REQUESTS);
    let metrics = case["metrics"].as_array().expect("metrics");
    let throughputs = metrics.iter().filter(|own| own["metric"] == "throughput");
    let measured = effort.seconds_at(throughputs.map(|own| number(&own["value"])).sum());
    let mut text = run_table(100.0 + measured, 100.0);
    let mut stations = [String::new(), String::new()];
    for (number, class) in classes.iter().enumerate() {
        let _ = writeln!(
            text,
            "{}mix = {{ class_{number} = \"100%\" }}",
            users(&format!("group_{number}"), class, "front")
        );
        for (text, station) in stations
            .iter_mut()
            .zip(class["path"].as_array().expect("a path"))
        {
            if text.is_empty() {
                let name = station["station"].as_str().expect("a name");
                let _ = writeln!(
                    text,
                    "[components.{name}]\nkind = \"service\"\nvcpu = {}\nworkers = {{ count = 1000 }}",
                    station["cores"]
                );
            }
            let name = station["station"].as_str().expect("a name");
            let _ = write!(
                text,
                "[components.{name}.operations.class_{number}]\nsteps = [{{ cpu = {} }}]\n",
                law(&station["service"])
            );
        }
    }
    text.push_str("[components.front]\nkind = \"service\"\nworkers = { count = 1000 }\n");
    for number in 0..classes.len() {
        let _ = write!(
            text,
            "[components.front.operations.class_{number}]\nsteps = [{{ call = \"cpu\" }}, {{ call = \"disk\" }}]\n"
        );
    }
    text.extend(stations);
    let findings = run(&load(&text).scenario);
    checked.case(case, effort.widened, |metric| {
        let class = metric["class"].as_u64();
        let estimate = match metric["metric"].as_str().expect("a name") {
            "utilization" => {
                let station = metric["station"].as_str().expect("a name");
                resource(&findings, station, "CPU").utilization
            }
            "throughput" => {
                let source = &findings.sources[class? as usize];
                let served = source.ends.iter().find(|own| own.0 == "served")?.1;
                Some(served.map(|n| n / source.seconds))
            }
            "sojourn_mean" => {
                let name = format!("class_{}", class?);
                let found = findings.classes.iter().find(|own| own.name == name);
                found?.figures.get("latency_mean").copied()
            }
            other => panic!("no such metric: {other}"),
        };
        estimate.map(Figure::from)
    });
}

/// Compares the family.
pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        if is_for_later(&case, TOO_LONG) {
            checked.leaves(&case);
            continue;
        }
        if case["parameters"].get("classes").is_some() {
            check_network(&case, &mut checked);
        } else {
            check_station(&case, &mut checked);
        }
    }
    checked
}
