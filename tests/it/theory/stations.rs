//! Open stations: the request comes, waits, is served, and goes, whatever happens to it.

use std::fmt::Write as _;

use capsim::component::program::{Demand, Op, Program};
use capsim::metrics::{Entry, Happened};
use capsim::scenario::Memory;
use capsim::stats::Estimate;
use serde_json::Value;

use super::figures::{Station, mean_of};
use super::harness::{Checked, Effort, Figure, REPLICATIONS, Runs, is_for_later, run_table};
use super::laws::{arrivals, case_files, law, mean, number, seconds};

/// Requests of one case, over all replications: what every test run can afford.
const MOST_REQUESTS: f64 = 16e6;
/// Cases that ask for more than this are left to later tiers: widening their tolerances would leave nothing.
const TOO_LONG: f64 = 70e6;
/// The share of a run that is left out at its start.
const WARM_UP: f64 = 0.05;
/// As many workers as are never all busy.
const UNLIMITED: u32 = 20_000;

/// Workers and what they do, of a station with a service law or several classes with one each.
fn operations(component: &str, verb: &str, parameters: &Value) -> String {
    let Some(classes) = parameters["classes"].as_array() else {
        return format!(
            "[components.{component}.operations.default]\nsteps = [{{ {verb} = {} }}]\n",
            law(&parameters["service"])
        );
    };
    let mut text = String::new();
    for (number, class) in classes.iter().enumerate() {
        let _ = write!(
            text,
            "[components.{component}.operations.class_{number}]\nsteps = [{{ {verb} = {} }}]\n",
            law(&class["service"])
        );
    }
    text
}

/// The mix of the classes of a case, if it has any.
fn mix(parameters: &Value) -> String {
    let Some(classes) = parameters["classes"].as_array() else {
        return String::new();
    };
    let share = |(number, class): (usize, &Value)| {
        format!(
            "class_{number} = \"{}%\"",
            self::number(&class["share"]) * 100.0
        )
    };
    let shares: Vec<_> = classes.iter().enumerate().map(share).collect();
    format!("mix = {{ {} }}\n", shares.join(", "))
}

/// Branches of a law that can be told apart as classes of requests: sizes, or exponentials with different means.
fn classes_of(service: &Value) -> Option<Value> {
    let (key, inner) = match service["dist"].as_str()? {
        "discrete" => ("values", "value"),
        "hyperexponential" => ("means", "mean"),
        _ => return None,
    };
    let dist = if inner == "value" {
        "deterministic"
    } else {
        "exponential"
    };
    let branches = service["probs"]
        .as_array()?
        .iter()
        .zip(service[key].as_array()?);
    let class = |(share, value): (&Value, &Value)| serde_json::json!({ "share": share, "service": { "dist": dist, inner: value } });
    Some(branches.map(class).collect())
}

/// The station of a case.
fn station(family: &str, parameters: &Value, text: &mut String) {
    text.push_str("[components.station]\nkind = \"service\"\nbacklog = \"unbounded\"\n");
    match family {
        "ps" | "lps" => {
            let slots = parameters["concurrency_limit"].as_u64();
            let slots = slots.unwrap_or_else(|| u64::from(UNLIMITED));
            let cores = &parameters["cores"];
            let _ = writeln!(text, "vcpu = {cores}\nworkers = {{ count = {slots} }}");
            text.push_str(&operations("station", "cpu", parameters));
        }
        _ => {
            let servers = parameters["servers"].as_u64();
            let servers = servers.unwrap_or_else(|| u64::from(UNLIMITED));
            let _ = writeln!(text, "workers = {{ count = {servers} }}");
            let all = parameters["system_capacity"].as_u64();
            let places = parameters["queue_capacity"].as_u64();
            if let Some(places) = places.or_else(|| Some(all? - servers)) {
                *text = text.replace("backlog = \"unbounded\"", &format!("backlog = {places}"));
            }
            text.push_str(&operations("station", "wait", parameters));
        }
    }
}

/// Workers that hold a pooled connection during the second stage of their work.
fn nested(parameters: &Value, text: &mut String) {
    let _ = write!(
        text,
        "[components.station]\nkind = \"service\"\nbacklog = \"unbounded\"\nworkers = {{ count = {} }}\n\
         [components.station.pools.db]\nto = \"db\"\nmax = {}\n\
         [components.station.operations.default]\n\
         steps = [{{ wait = {} }}, {{ query = \"db\", pool = \"db\", time = {} }}]\n\
         [components.db]\nkind = \"database\"\ncores = 1000\n",
        parameters["workers"],
        parameters["pool_size"],
        law(&parameters["stage_1"]),
        law(&parameters["stage_2_pool"])
    );
}

/// Whatever is not held while something else is waited for: one station after another, or one of several.
fn network(parameters: &Value, text: &mut String) {
    let mut steps = Vec::new();
    let mut stations: Vec<&Value> = Vec::new();
    let name = |own: &Value| own["name"].as_str().expect("a name").to_owned();
    if let Some(all) = parameters["stations"].as_array() {
        for own in all {
            steps.push(format!("{{ call = \"{}\" }}", name(own)));
            stations.push(own);
        }
    } else if let Some(branches) = parameters["branches"].as_array() {
        let front = &parameters["front"];
        stations.push(front);
        steps.push(format!("{{ call = \"{}\" }}", name(front)));
        let branch = |own: &Value| {
            format!(
                "{{ weight = {}, steps = [{{ call = \"{}\" }}] }}",
                own["probability"],
                name(own)
            )
        };
        let own: Vec<_> = branches.iter().map(branch).collect();
        steps.push(format!("{{ choose = [{}] }}", own.join(", ")));
        stations.extend(branches);
    } else {
        let (edge, backend) = (&parameters["edge"], &parameters["backend"]);
        let hits = number(&parameters["hit_probability"]);
        stations.extend([edge, backend]);
        steps.push(format!("{{ call = \"{}\" }}", name(edge)));
        steps.push(format!(
            "{{ choose = [{{ weight = {hits:?}, steps = [{{ wait = {} }}] }}, {{ weight = {:?}, steps = [{{ call = \"{}\" }}] }}] }}",
            seconds(number(&parameters["hit_time"])),
            1.0 - hits,
            name(backend)
        ));
    }
    if let Some(delay) = parameters["network_delay"]
        .as_f64()
        .filter(|own| *own > 0.0)
    {
        let between = format!("{{ wait = {} }}", seconds(delay));
        steps = put_between(steps, &between);
    }
    let _ = write!(
        text,
        "[components.station]\nkind = \"service\"\nworkers = {{ count = {UNLIMITED} }}\n\
         [components.station.operations.default]\nsteps = [{}]\n",
        steps.join(", ")
    );
    for own in stations {
        let _ = write!(
            text,
            "[components.{}]\nkind = \"dependency\"\nover_limit = \"wait\"\nmax_concurrent = {}\nlatency = {}\n",
            name(own),
            own["servers"],
            law(&own["service"])
        );
    }
}

/// The steps with something between each two of them.
fn put_between(steps: Vec<String>, between: &str) -> Vec<String> {
    let pairs = steps.into_iter().flat_map(|own| [between.to_owned(), own]);
    pairs.skip(1).collect()
}

/// The scenario of a case: its sources and components.
fn system(family: &str, parameters: &Value) -> String {
    let mut text = format!(
        "[sources.load]\n{}{}",
        arrivals(&parameters["arrival"]),
        mix(parameters)
    );
    match family {
        "slo" => network(parameters, &mut text),
        "nested" => nested(parameters, &mut text),
        _ => station(family, parameters, &mut text),
    }
    text
}

/// Where the figures of a family's station are found.
fn place<'a>(family: &str, runs: &'a Runs) -> Station<'a> {
    let own = Station::workers(runs, "station");
    match family {
        "ps" | "lps" => Station {
            busy: ("station", "CPU"),
            ..own
        },
        _ => own,
    }
}

/// What the run says of a metric of a case.
fn figure(runs: &Runs, family: &str, parameters: &Value, metric: &Value) -> Option<Figure> {
    let name = metric["metric"].as_str().expect("a name");
    let own = place(family, runs);
    if family == "nested" {
        if let Some(rest) = name.strip_prefix("worker_") {
            return own.figure_of(rest, metric);
        }
        let pool = Station {
            works: ("station", "pool db"),
            waits: ("station", "pool db"),
            busy: ("station", "pool db"),
            ..own
        };
        if let Some(rest) = name.strip_prefix("pool_") {
            return pool.figure_of(rest, metric);
        }
        return match name {
            "p_worker_wait" => own.figure_of("p_wait", metric),
            "p_pool_wait" => pool.figure_of("p_wait", metric),
            "saturation_throughput" => Some(saturation(parameters)),
            _ => own.figure(metric),
        };
    }
    let class = metric["class"].as_u64();
    match name {
        "slowdown_mean" => Some(slowdown(runs, parameters)?.into()),
        "sojourn_mean_size" => {
            let sizes = parameters["service"]["values"].as_array()?;
            let at = number(&metric["at"]);
            let class = sizes
                .iter()
                .position(|own| (number(own) - at).abs() < 1e-12)?;
            own.figure_of_class(class, "sojourn_mean", metric)
        }
        _ => match (class, name.strip_suffix("_class")) {
            (Some(class), Some(name)) => own.figure_of_class(class as usize, name, metric),
            _ => own.figure(metric),
        },
    }
}

/// How many times as long requests took as they would have taken alone: by class, where all of a class take the
/// same.
fn slowdown(runs: &Runs, parameters: &Value) -> Option<Estimate> {
    let service = &parameters["service"];
    let sizes = match service["dist"].as_str()? {
        "deterministic" => vec![number(&service["value"])],
        "discrete" => service["values"].as_array()?.iter().map(number).collect(),
        _ => return slowdown_by_request(runs),
    };
    let own = |record: &capsim::experiment::Record| {
        let (mut sum, mut n) = (0.0, 0.0);
        for (class, size) in record.classes.iter().zip(&sizes) {
            let mean = class.served.mean().map_or(0.0, |own| own.as_secs_f64());
            sum += mean / size * class.served.n() as f64;
            n += class.served.n() as f64;
        }
        sum / n
    };
    Some(runs.mean(own))
}

/// The same by request: what each asked for is drawn again from its number.
fn slowdown_by_request(runs: &Runs) -> Option<Estimate> {
    let blueprint = runs.scenario.blueprint();
    let from = blueprint.windows.start(runs.warm_up);
    let program = &blueprint.program;
    let work: Vec<_> = blueprint
        .classes
        .iter()
        .map(|class| work_of(program, class))
        .collect();
    let of = |log: &Vec<Entry>| {
        let (mut sum, mut n) = (0.0, 0.0);
        for own in log.iter().filter(|own| own.from >= from) {
            if let Happened::Request { class, number, .. } = own.what {
                let alone = program.draw(work[class as usize]?, number).as_secs_f64();
                // What takes less than a nanosecond has no ratio to anything.
                if alone > 0.0 {
                    sum += own.to.since(own.from).as_secs_f64() / alone;
                    n += 1.0;
                }
            }
        }
        Some(sum / n)
    };
    let own: Vec<f64> = runs.logs.iter().map(of).collect::<Option<_>>()?;
    mean_of(&own)
}

/// The only burst on a CPU of the operation for a class: they stand in the order of the classes.
fn work_of(program: &Program, class: &str) -> Option<Demand> {
    let number: usize = class
        .strip_prefix("class_")
        .map_or(Ok(0), str::parse)
        .ok()?;
    let bursts = program.ops.iter().filter_map(|op| match op {
        Op::Cpu(demand) => Some(*demand),
        _ => None,
    });
    bursts.into_iter().nth(number)
}

/// What a tier gives that never runs out of requests.
fn saturation(parameters: &Value) -> Figure {
    let rate = number(&parameters["workers"])
        / (mean(&parameters["stage_1"]) + mean(&parameters["stage_2_pool"]));
    let arrival = serde_json::json!({ "process": "poisson", "rate": 1.5 * rate });
    let mut text = format!("[sources.load]\n{}", arrivals(&arrival));
    nested(parameters, &mut text);
    let horizon = Effort::fixed(1e6).seconds_at(rate);
    // Those who come too much must neither stop the run nor be waited for.
    let run = run_table(horizon, horizon * WARM_UP) + "drain = \"0s\"\nmax_in_flight = 10000000\n";
    Runs::of(&(run + &text)).throughput().into()
}

/// Runs a case and compares its values.
fn check(family: &str, case: &Value, checked: &mut Checked) {
    let mut parameters = case["parameters"].clone();
    let effort = Effort::of(case, MOST_REQUESTS).at_least(2e5);
    let rate = number(&parameters["arrival"]["rate"]);
    if family == "ps"
        && let Some(classes) = classes_of(&parameters["service"])
    {
        parameters["classes"] = classes;
    }
    let horizon = effort.seconds_at(rate) / (1.0 - WARM_UP);
    let mut text = run_table(horizon, horizon * WARM_UP);
    if asks_for(case, "slowdown_mean") && parameters["classes"].is_array() {
        let entries = 1.2 * rate * horizon + 1000.0;
        let _ = writeln!(text, "log = {}", entries.min(1e6) as u64);
    }
    text += &system(family, &parameters);
    let runs = if looks_at_numbers(case) {
        let warm_up = horizon * WARM_UP;
        let looks = 5000.0_f64.min(horizon * rate / 4.0).max(200.0);
        let step = (horizon - warm_up) / looks;
        let instants: Vec<f64> = (1..looks as u32)
            .map(|at| warm_up + step * f64::from(at))
            .collect();
        Runs::looking(&text, &Memory::default(), REPLICATIONS, &instants)
    } else {
        Runs::of(&text)
    };
    checked.case(case, effort.widened, |metric| {
        figure(&runs, family, &parameters, metric)
    });
}

/// True if a metric of a case is about how the number in the system is spread over time.
fn looks_at_numbers(case: &Value) -> bool {
    asks_for(case, "in_system_tail") || asks_for(case, "in_system_sd")
}

fn asks_for(case: &Value, name: &str) -> bool {
    let metrics = case["metrics"].as_array().expect("metrics");
    metrics.iter().any(|own| own["metric"] == name)
}

/// Compares a family.
pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        if is_for_later(&case, TOO_LONG) {
            checked.leaves(&case);
        } else {
            check(family, &case, &mut checked);
        }
    }
    checked
}
