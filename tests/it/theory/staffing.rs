//! How many workers it takes, and which of several kinds is cheapest: by closed forms, and held against simulations.

use capsim::theory::MarkovStation;
use serde_json::Value;

use super::figures::{served, spread};
use super::harness::{Checked, Effort, Figure, Runs, run_table};
use super::laws::{arrivals, case_files, law, number};

/// Requests of a simulation, over all replications.
const REQUESTS: f64 = 1e6;
/// What a simulated share may be off, relative to it: it is there to see that both mean the same.
const WITHIN: f64 = 0.25;

/// What is asked for: a share of requests above a time, and how busy workers may be.
#[derive(Debug, Clone, Copy)]
struct Objective {
    of_waits: bool,
    above: f64,
    most: f64,
    busy: Option<f64>,
}

impl Objective {
    /// Reads `P(sojourn > 0.5 s) <= 0.01 and utilization <= 0.9`.
    fn of(text: &str) -> Self {
        let mut parts = text.split(" and ");
        let share = parts.next().expect("a share");
        let after = |text: &str, mark: &str| {
            let own = text.split(mark).nth(1).expect(mark).trim_start();
            let end = own
                .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                .unwrap_or(own.len());
            own[..end].parse::<f64>().expect("a number")
        };
        let busy = parts.next().map(|own| after(own, "<="));
        Self {
            of_waits: share.contains("wait"),
            above: after(share, ">"),
            most: after(share, "<="),
            busy,
        }
    }

    fn violated(self, station: MarkovStation) -> f64 {
        if self.of_waits {
            station.wait_tail(self.above)
        } else {
            station.sojourn_tail(self.above)
        }
    }

    fn holds(self, station: MarkovStation) -> bool {
        self.violated(station) <= self.most
            && self
                .busy
                .is_none_or(|most| station.utilization() <= most + 1e-12)
    }
}

fn of_workers(p: &Value, objective: Objective, metric: &Value) -> Option<f64> {
    let station = MarkovStation {
        rate: number(&p["arrival"]["rate"]),
        service: number(&p["service"]["mean"]),
        servers: 1,
    };
    let servers = station.least_servers(1_000_000, |own| objective.holds(own))?;
    let with = |servers| MarkovStation { servers, ..station };
    Some(match metric["metric"].as_str()? {
        "min_servers" => f64::from(servers),
        "violation_at_min" => objective.violated(with(servers)),
        "violation_below_min" => objective.violated(with(servers - 1)),
        "max_rate_at_min" => with(servers).highest_rate(|own| objective.holds(own)),
        _ => return None,
    })
}

/// One configuration: instances of a type.
struct Candidate {
    name: String,
    count: u32,
    cost: f64,
    station: MarkovStation,
}

/// All configurations that meet the objective, cheapest first.
fn feasible(p: &Value, objective: Objective) -> Vec<Candidate> {
    let most = p["max_instances"].as_u64().expect("a number") as u32;
    let types = p["types"].as_array().expect("types").iter();
    let all = types.flat_map(|own| (1..=most).map(move |count| candidate(p, own, count)));
    let mut all: Vec<_> = all.filter(|own| objective.holds(own.station)).collect();
    all.sort_by(|a, b| a.cost.total_cmp(&b.cost).then_with(|| a.name.cmp(&b.name)));
    all
}

fn candidate(p: &Value, own: &Value, count: u32) -> Candidate {
    Candidate {
        name: own["name"].as_str().expect("a name").to_owned(),
        count,
        cost: f64::from(count) * number(&own["cost"]),
        station: MarkovStation {
            rate: number(&p["arrival"]["rate"]),
            service: number(&own["mean"]),
            servers: count * own["workers"].as_u64().expect("workers") as u32,
        },
    }
}

/// The listed configurations, as they come out here: count, cost, how busy, the share above, whether it holds.
fn listed(p: &Value, objective: Objective, rows: &[Value]) -> Vec<f64> {
    let types = p["types"].as_array().expect("types");
    let row = |row: &Value| {
        let own = types
            .iter()
            .find(|own| own["name"] == row[0])
            .expect("a type");
        let own = candidate(p, own, row[1].as_u64().expect("a count") as u32);
        let (share, holds) = (
            objective.violated(own.station),
            objective.holds(own.station),
        );
        let holds = f64::from(u8::from(holds));
        [
            f64::from(own.count),
            own.cost,
            own.station.utilization(),
            share,
            holds,
        ]
    };
    rows.iter().flat_map(row).collect()
}

fn check_plan(case: &Value, objective: Objective, checked: &mut Checked) {
    let p = &case["parameters"];
    let found = feasible(p, objective);
    for metric in case["metrics"].as_array().expect("metrics") {
        let one = |own: Option<f64>| own.map(|own| vec![own]);
        let second = || {
            found
                .iter()
                .find(|own| own.cost > found[0].cost)
                .map(|own| own.cost)
        };
        let mut metric = metric.clone();
        let figures = match metric["metric"].as_str().expect("a name") {
            "best_cost" => one(found.first().map(|own| own.cost)),
            "second_best_cost" => one(second()),
            "best_violation" => one(found.first().map(|own| objective.violated(own.station))),
            "candidates" => {
                let rows = metric["value"].as_array().expect("rows").clone();
                let flat = rows.iter().flat_map(|row| {
                    let holds = f64::from(u8::from(row[5] == true));
                    let own = [1, 2, 3, 4].map(|at| number(&row[at]));
                    own.into_iter().chain([holds])
                });
                metric["value"] = flat.map(Value::from).collect();
                metric["tol_rel"] = Value::from(1e-8);
                Some(listed(p, objective, &rows))
            }
            _ => None,
        };
        checked.exactly(case, &metric, figures.as_deref());
    }
    if let Some(best) = found.first() {
        let (rate, mean) = (best.station.rate, best.station.service);
        simulates(case, (rate, mean), best.station, objective, checked);
    }
}

/// Holds the closed form against a simulation of the same station.
fn simulates(
    case: &Value,
    (rate, mean): (f64, f64),
    station: MarkovStation,
    objective: Objective,
    checked: &mut Checked,
) {
    let horizon = Effort::fixed(REQUESTS).seconds_at(rate);
    let arrival = serde_json::json!({ "process": "poisson", "rate": rate });
    let service = serde_json::json!({ "dist": "exponential", "mean": mean });
    let text = format!(
        "{}[sources.load]\n{}[components.station]\nkind = \"service\"\nbacklog = \"unbounded\"\n\
         workers = {{ count = {} }}\noperations.default.steps = [{{ wait = {} }}]\n",
        run_table(horizon, horizon * 0.05),
        arrivals(&arrival),
        station.servers,
        law(&service)
    );
    let runs = Runs::of(&text);
    let metric = serde_json::json!({ "at": objective.above });
    let figure = if objective.of_waits {
        let waits = |record: &capsim::experiment::Record| runs.waits(record, "station", "workers");
        spread(&runs, waits, ("tail", &metric))
    } else {
        spread(&runs, served, ("tail", &metric))
    };
    let figure: Figure = figure.expect("requests").into();
    let name = format!("{} simulated", case["id"]);
    checked.exact(&name, figure, objective.violated(station), WITHIN);
}

/// Compares the family.
pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let p = &case["parameters"];
        let objective = Objective::of(p["objective"].as_str().expect("an objective"));
        if p["types"].is_array() {
            check_plan(&case, objective, &mut checked);
            continue;
        }
        for metric in case["metrics"].as_array().expect("metrics") {
            let own = of_workers(p, objective, metric).map(|own| vec![own]);
            checked.exactly(&case, metric, own.as_deref());
        }
        let (rate, mean) = (number(&p["arrival"]["rate"]), number(&p["service"]["mean"]));
        let station = MarkovStation {
            rate,
            service: mean,
            servers: 1,
        };
        let servers = station.least_servers(1_000_000, |own| objective.holds(own));
        let servers = servers.expect("some number is enough");
        let station = MarkovStation { servers, ..station };
        simulates(&case, (rate, mean), station, objective, &mut checked);
    }
    checked
}
