//! Networks in which requests come back, and requests that are in several places at once.

use std::fmt::Write as _;

use capsim::experiment::Record;
use capsim::stats::Histogram;
use serde_json::Value;

use super::figures::{Station, spread};
use super::harness::{Checked, Effort, Figure, Runs, is_for_later, run_table};
use super::laws::{arrivals, case_files, law, number};

/// Requests of one case, over all replications.
const MOST_REQUESTS: f64 = 2e6;
/// Cases that ask for more than this are left to later tiers.
const TOO_LONG: f64 = 70e6;
/// The share of a run that is left out at its start.
const WARM_UP: f64 = 0.05;

fn name(station: &Value) -> &str {
    station["name"].as_str().expect("a name")
}

/// Stations from which requests go to others, or back, or leave.
pub(super) fn check_jackson(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        if is_for_later(&case, TOO_LONG) {
            checked.leaves(&case);
            continue;
        }
        let stations = case["parameters"]["stations"].as_array().expect("stations");
        let rate: f64 = stations
            .iter()
            .map(|own| number(&own["external_rate"]))
            .sum();
        let effort = Effort::of(&case, MOST_REQUESTS);
        let horizon = effort.seconds_at(rate) / (1.0 - WARM_UP);
        let (mut legs, mut services) = (String::new(), String::new());
        for own in stations {
            let then = own["routing"].as_object().expect("routing").iter();
            let then: Vec<_> = then
                .map(|(to, share)| format!("{to} = \"{}%\"", number(share) * 100.0))
                .collect();
            let _ = write!(
                legs,
                "{} = {{ starts = \"{}%\", steps = [{{ call = \"{}\" }}], then = {{ {} }} }}, ",
                name(own),
                number(&own["external_rate"]) / rate * 100.0,
                name(own),
                then.join(", ")
            );
            let _ = write!(
                services,
                "[components.{}]\nkind = \"service\"\nworkers = {{ count = {} }}\nbacklog = \"unbounded\"\n\
                 operations.default.steps = [{{ wait = {} }}]\n",
                name(own),
                own["servers"],
                law(&own["service"])
            );
        }
        let arrival = serde_json::json!({ "process": "poisson", "rate": rate });
        let text = format!(
            "{}[sources.load]\n{}[components.station]\nkind = \"service\"\nworkers = {{ count = 20000 }}\n\
             operations.default.steps = [{{ walk = {{ {legs} }} }}]\n{services}",
            run_table(horizon, horizon * WARM_UP),
            arrivals(&arrival)
        );
        let runs = Runs::of(&text);
        checked.case(&case, effort.widened, |metric| {
            jackson(&runs, stations, metric)
        });
    }
    checked
}

fn jackson(runs: &Runs, stations: &[Value], metric: &Value) -> Option<Figure> {
    let inside = |record: &Record, station: &str| {
        let [used, _, waiting] = runs.average(record, station, "workers");
        used + waiting
    };
    let estimate = match (metric["metric"].as_str()?, metric["station"].as_str()) {
        ("in_system_mean_total", _) => runs.mean(|record| {
            let own = stations.iter().map(|own| inside(record, name(own)));
            own.sum()
        }),
        ("visits", Some(station)) => runs.mean(|record| {
            let arrived: u64 = record.classes.iter().map(|own| own.arrived).sum();
            runs.waits(record, station, "workers").n() as f64 / arrived as f64
        }),
        (_, Some(station)) => return Station::workers(runs, station).figure(metric),
        _ => return Station::workers(runs, "station").figure(metric),
    };
    Some(estimate.into())
}

/// Requests with several parts that are done at the same time: a visitor loads a page with as many objects, over as many
/// connections. The document takes no time.
pub(super) fn check_parallel(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let p = &case["parameters"];
        let branches = number(&p["branches"]);
        assert!(
            p["need"]
                .as_f64()
                .is_none_or(|need| (need - branches).abs() < 0.5),
            "a page waits for all of its objects"
        );
        let effort = Effort::of(&case, MOST_REQUESTS);
        let rate = number(&p["arrival"]["rate"]);
        let horizon = effort.seconds_at(rate) / (1.0 - WARM_UP);
        // In turn, so that each part of a page goes to a branch of its own.
        let station = match p["servers_per_branch"].as_u64() {
            Some(servers) => format!(
                "count = {branches}\nworkers = {{ count = {servers} }}\nbacklog = \"unbounded\"\nbalance = \"round_robin\"\n"
            ),
            None => "workers = {{ count = 20000 }}\n"
                .replace("{{", "{")
                .replace("}}", "}"),
        };
        let text = format!(
            "{}[sources.load]\narrivals = \"poisson\"\nrate = \"{rate}/s\"\nenters = \"front\"\n\
             flow = [{{ page = \"document\", objects = {branches}, of = \"object\", connections = {branches} }}]\n\
             [components.front]\nkind = \"service\"\nworkers = {{ count = 20000 }}\n\
             operations.document.steps = [{{ wait = \"0s\" }}]\n\
             operations.object.steps = [{{ call = \"station\" }}]\n\
             [components.station]\nkind = \"service\"\n{station}\
             operations.object.steps = [{{ wait = {} }}]\n",
            run_table(horizon, horizon * WARM_UP),
            law(&p["service"])
        );
        let runs = Runs::of(&text);
        checked.case(&case, effort.widened, |metric| {
            let name = metric["metric"].as_str()?;
            if name == "sojourn_mean_branch" {
                let objects = |record: &Record| record.classes[object(&runs)].served.clone();
                return Some(spread(&runs, objects, ("mean", metric))?.into());
            }
            let suffix = name.strip_prefix("sojourn_")?;
            let suffix = suffix.trim_end_matches("_upper").trim_end_matches("_lower");
            let pages = |record: &Record| -> Histogram { record.sources[0].rounds.clone() };
            Some(spread(&runs, pages, (suffix, metric))?.into())
        });
    }
    checked
}

/// The position of the class of objects.
fn object(runs: &Runs) -> usize {
    let mut classes = runs.scenario.blueprint().classes.iter();
    classes.position(|own| own == "object").expect("objects")
}
