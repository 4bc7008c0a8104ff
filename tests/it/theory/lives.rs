//! Instances that come and go by themselves: there only while there is work, or failing and repaired.

use std::fmt::Write as _;

use capsim::experiment::Record;
use capsim::scenario::Memory;
use serde_json::Value;

use super::figures::{Station, ended, mean_of};
use super::harness::{Checked, Effort, Figure, REPLICATIONS, Runs, is_for_later, run_table};
use super::laws::{arrivals, case_files, law, number, seconds};

/// Requests of one case, over all replications.
const MOST_REQUESTS: f64 = 4e6;
/// Cases that ask for more than this are left to later tiers.
const TOO_LONG: f64 = 195e6;
/// The share of a run that is left out at its start.
const WARM_UP: f64 = 0.05;

/// A worker that must be set up when there is work, and goes when there has been none for a while: a connection of
/// a pool that holds just one, opened by whoever finds none.
pub(super) fn check_setups(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let p = &case["parameters"];
        let effort = Effort::of(&case, MOST_REQUESTS);
        let horizon = effort.seconds_at(number(&p["arrival"]["rate"])) / (1.0 - WARM_UP);
        let text = format!(
            "{}[sources.load]\n{}[components.station]\nkind = \"service\"\nworkers = {{ count = 20000 }}\n\
             [components.station.pools.server]\nto = \"server\"\nmin = 0\nmax = {}\nconnect = {}\nidle_timeout = {}\n\
             [components.station.operations.default]\n\
             steps = [{{ query = \"server\", pool = \"server\", time = {} }}]\n\
             [components.server]\nkind = \"database\"\ncores = 1000\nconnect_cost = \"0s\"\n",
            run_table(horizon, horizon * WARM_UP),
            arrivals(&p["arrival"]),
            p["servers"],
            law(&p["setup"]),
            seconds(number(&p["idle_timeout"])),
            law(&p["service"])
        );
        let runs = Runs::of(&text);
        let pool = ("station", "pool server");
        let station = Station {
            works: pool,
            waits: pool,
            busy: pool,
            ..Station::workers(&runs, "station")
        };
        checked.case(&case, effort.widened, |metric| {
            if metric["metric"] == "p_cold_start" {
                let set_up = |record: &Record| {
                    let own = runs.count(record, "station", "connections_opened");
                    (own, ended(record, &[]).1)
                };
                return Some(runs.share(set_up).into());
            }
            station.figure(metric)
        });
    }
    checked
}

/// Instances that fail, busy or not, and are repaired: they take messages from one line, into which what they had is
/// put back, or lost.
pub(super) fn check_failures(family: &str) -> Checked {
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
        let is_lost = p["on_failure"]
            .as_str()
            .is_some_and(|own| own.contains("lost"));
        let instances = number(&p["instances"]);
        let _ = write!(
            text,
            "drain = \"1h\"\n[sources.load]\n{}[components.station]\nkind = \"service\"\nworkers = {{ count = 20000 }}\n\
             operations.default.steps = [{{ publish = \"line\" }}]\n\
             [components.line]\nkind = \"queue\"\non_lost = \"{}\"\n\
             [components.servers]\nkind = \"service\"\ncount = {instances}\nworkers = {{ count = {} }}\n\
             crash_after = {}\nrestart = {{ after = \"0s\", at_most = \"0s\", boot = {}, at_a_time = {} }}\n\
             consumes = [{{ queue = \"line\", operation = \"serve\" }}]\n\
             operations.serve.steps = [{{ wait = {} }}]\n",
            arrivals(&p["arrival"]),
            if is_lost { "lost" } else { "at_once" },
            p["workers_per_instance"],
            law(&p["time_to_failure"]),
            law(&p["time_to_repair"]),
            p["repair_crew"],
            law(&p["service"])
        );
        let looks = 4000.0_f64.min(horizon);
        let step = horizon * (1.0 - WARM_UP) / (looks + 1.0);
        let instant = |at: u32| horizon * WARM_UP + step * f64::from(at);
        let instants: Vec<f64> = (1..=looks as u32).map(instant).collect();
        let runs = Runs::looking(&text, &Memory::default(), REPLICATIONS, &instants);
        checked.case(&case, effort.widened, |metric| {
            failures(&runs, instances, metric)
        });
    }
    checked
}

fn failures(runs: &Runs, instances: f64, metric: &Value) -> Option<Figure> {
    let inside = |record: &Record| {
        let works = runs.average(record, "servers", "workers")[0];
        works + runs.average(record, "line", "messages")[0]
    };
    let estimate = match metric["metric"].as_str().expect("a name") {
        "availability" => {
            runs.mean(|record| runs.gauge_of(record, "servers", "instances_in_service") / instances)
        }
        "p_all_down" => {
            let is_down = |look: &Vec<u32>| f64::from(u8::from(look.len() == 1));
            let own = runs.crowds.iter().map(|looks| {
                // The service that publishes is always there.
                looks.iter().map(is_down).sum::<f64>() / looks.len() as f64
            });
            mean_of(&own.collect::<Vec<_>>())?
        }
        "p_wait" => runs.share(|record| {
            let own = &record.queues[0].waits;
            (own.n() - own.n_zero(), own.n())
        }),
        "p_killed" => runs.share(|record| {
            let own = &record.queues[0];
            (own.lost, own.published)
        }),
        "in_system_mean" => runs.mean(inside),
        // Little's law, so that those who are lost count, too.
        "sojourn_mean" => runs.mean(|record| {
            let rate = record.queues[0].published as f64 / record.measured_s;
            inside(record) / rate
        }),
        _ => return None,
    };
    Some(estimate.into())
}
