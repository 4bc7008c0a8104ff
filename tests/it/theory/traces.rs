//! Recorded arrivals with recorded work, replayed: every instant is known.

use std::fmt::Write as _;

use capsim::metrics::{Entry, Happened, Outcome, WaitId};
use capsim::scenario::Memory;
use capsim::stats::Level;
use capsim::units::{SimDuration, SimTime};
use serde_json::Value;

use super::harness::{Checked, Runs};
use super::laws::{self, case_files, number};

/// How many times as long everything takes in the simulation. Its instants are whole nanoseconds, which is coarse where
/// sums of shared time are to be right to the last digit; no model here knows how long a second is.
const SCALE: f64 = 1000.0;

fn seconds(value: f64) -> String {
    laws::seconds(value * SCALE)
}

/// What is known of each request: nothing of those that never came so far.
type Column = Vec<Option<f64>>;

fn list(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(number)
        .collect()
}

fn pairs(value: &Value) -> Vec<(f64, f64)> {
    let own = value.as_array().expect("pairs").iter();
    own.map(|own| (number(&own[0]), number(&own[1]))).collect()
}

/// One recorded request: when it came, when it ended and how, how often it was sent.
#[derive(Debug, Clone, Copy)]
struct Request {
    came: f64,
    ended: f64,
    outcome: Outcome,
    attempts: u32,
}

/// A recording, replayed.
struct Replayed {
    requests: Vec<Request>,
    /// Waits for the workers of the last station: from when to when.
    waits: Vec<(f64, f64)>,
    /// What was run, with which data and until when.
    scenario: (String, Memory, f64),
}

fn secs(at: SimTime) -> f64 {
    at.as_secs_f64() / SCALE
}

fn ordered(log: &[Entry], of: Option<WaitId>) -> (Vec<Request>, Vec<(f64, f64)>) {
    let (mut requests, mut waits) = (Vec::new(), Vec::new());
    for own in log {
        let (came, ended) = (secs(own.from), secs(own.to));
        match own.what {
            Happened::Wait(id) if Some(id) == of => waits.push((came, ended)),
            Happened::Wait(_) => {}
            Happened::Request {
                outcome, attempts, ..
            } => requests.push(Request {
                came,
                ended,
                outcome,
                attempts,
            }),
        }
    }
    requests.sort_by(|a, b| a.came.total_cmp(&b.came));
    (requests, waits)
}

/// A recording as a file: the gaps between the requests, and columns of what else is known of them.
fn recording(arrivals: &[f64], columns: &[(&str, &[f64], f64)]) -> Memory {
    let names: Vec<_> = columns.iter().map(|own| own.0).collect();
    let mut text = format!("at,{}\n", names.join(","));
    let mut before = 0.0;
    for (row, at) in arrivals.iter().enumerate() {
        let gap = (at - before) * SCALE;
        before = *at;
        let cells: Vec<_> = columns
            .iter()
            .map(|own| format!("{:?}", own.1[row] * own.2))
            .collect();
        let _ = writeln!(text, "{gap:.12},{}", cells.join(","));
    }
    Memory::default().with("trace.csv", text)
}

/// The source that replays it.
fn source(enters: &str, columns: &str, client: &str) -> String {
    format!(
        "[sources.load]\nenters = \"{enters}\"\n{client}\narrivals = {{ replay = {{ file = \"trace.csv\", column = \"at\", \
         since = \"previous\", columns = {{ {columns} }} }} }}\n"
    )
}

const SIZES: &str = "times = { size = { column = \"size\", unit = \"s\" } }";
const WORK: &str = "{ recorded = \"size\", repeated = true }";

fn run(text: &str, files: &Memory, until: f64) -> Replayed {
    let head = format!(
        "[run]\nhorizon = {}\nwindow = {}\nreplications = 2\nlog = 100000\ndrain = \"1h\"\n",
        seconds(until),
        seconds(until)
    );
    let text = head + text;
    let runs = Runs::looking(&text, files, 1, &[]);
    let last = runs.waits_for.iter().rev().flatten().next().copied();
    let (requests, waits) = ordered(&runs.logs[0], last);
    Replayed {
        requests,
        waits,
        scenario: (text, files.clone(), until),
    }
}

/// When the last worker was done, also with what nobody waited for any more: looked for ever more closely.
fn last_completion(scenario: &(String, Memory, f64)) -> f64 {
    let (text, files, until) = scenario;
    let (mut low, mut high) = (0.0, 100.0 * until * SCALE);
    // The instants are whole nanoseconds.
    while high - low > 0.5e-9 {
        let step = (high - low) / 1000.0;
        let instants: Vec<f64> = (1..=1000).map(|at| low + step * f64::from(at)).collect();
        let runs = Runs::looking(text, files, 1, &instants);
        let station = runs.number_of_resource("station", "workers");
        let busy = runs.seen[0].iter().rposition(|seen| seen[station].0 > 0);
        let Some(busy) = busy else {
            high = instants[0];
            if step < 0.5e-9 {
                break;
            }
            continue;
        };
        low = instants[busy];
        high = instants[(busy + 1).min(999)];
        if step < 0.5e-9 {
            break;
        }
    }
    high / SCALE
}

/// A station with one line, or whose cores are shared.
fn station(p: &Value) -> Replayed {
    let (arrivals, sizes) = (list(&p["arrivals"]), list(&p["sizes"]));
    let files = recording(&arrivals, &[("size", &sizes, SCALE)]);
    let until = arrivals.last().expect("requests") + 1.0;
    let mut text = String::new();
    let mut client = String::new();
    if let Some(timeout) = p["client_timeout"].as_f64() {
        let _ = writeln!(client, "timeout = {}", seconds(timeout));
    }
    if p["retry"].is_object() {
        let retry = &p["retry"];
        let _ = writeln!(
            client,
            "retry = {{ attempts = {}, on = [\"timeout\"], backoff = {} }}",
            number(&retry["max_retries"]) + 1.0,
            seconds(number(&retry["backoff"]))
        );
    }
    let schedule = p
        .get("servers_schedule")
        .or(p.get("cores_schedule"))
        .map(pairs);
    let shared = p["discipline"] == "ps" || p["discipline"] == "lps";
    let balanced = p["servers_schedule"].is_array();
    let first = schedule.as_ref().map(|own| own[0].1);
    let enters = if balanced { "lb" } else { "station" };
    text.push_str(&source(enters, SIZES, &client));
    text.push_str("[components.station]\nkind = \"service\"\n");
    if shared {
        let cores = first.or(p["cores"].as_f64()).expect("cores");
        let slots = p["concurrency_limit"].as_u64().unwrap_or(10_000);
        let _ = write!(
            text,
            "vcpu = {cores}\nworkers = {{ count = {slots} }}\nbacklog = \"unbounded\"\n"
        );
    } else if balanced {
        let servers = first.expect("workers");
        let _ = write!(text, "count = {servers}\nworkers = {{ count = 1 }}\n");
    } else {
        let servers = number(&p["servers"]);
        let places = p["system_capacity"].as_f64().map(|all| all - servers);
        let places = places.or(p["queue_capacity"].as_f64());
        let places = places.map_or("\"unbounded\"".to_owned(), |own| own.to_string());
        let _ = write!(
            text,
            "workers = {{ count = {servers} }}\nbacklog = {places}\n"
        );
    }
    if let Some(limit) = p["queue_timeout"].as_f64() {
        let _ = writeln!(text, "queue_timeout = {}", seconds(limit));
    }
    let verb = if shared { "cpu" } else { "wait" };
    let _ = writeln!(text, "operations.default.steps = [{{ {verb} = {WORK} }}]");
    if balanced {
        text.push_str(
            "[components.lb]\nkind = \"balancer\"\nto = \"station\"\npolicy = \"round_robin\"\nmax_conns = 1\nqueue = {}\n",
        );
    }
    for (number, (at, to)) in schedule.iter().flatten().enumerate().skip(1) {
        let action = if balanced {
            format!("scale = \"station\"\nto = {to}")
        } else {
            format!("resize_instances = \"station\"\nvcpu = {to:?}")
        };
        let _ = write!(
            text,
            "[timeline.step_{number}]\nat = {}\n{action}\n",
            seconds(*at)
        );
    }
    run(&text, &files, until)
}

/// Two stations, one after the other.
fn tandem(p: &Value) -> Replayed {
    let arrivals = list(&p["arrivals"]);
    let (one, two) = (list(&p["sizes_1"]), list(&p["sizes_2"]));
    let files = recording(&arrivals, &[("one", &one, SCALE), ("two", &two, SCALE)]);
    let columns = "times = { one = { column = \"one\", unit = \"s\" }, two = { column = \"two\", unit = \"s\" } }";
    let mut text = source("front", columns, "");
    let delay = number(&p["network_delay_between"]);
    let between = if delay > 0.0 {
        format!("{{ wait = {} }}, ", seconds(delay))
    } else {
        String::new()
    };
    let _ = write!(
        text,
        "[components.front]\nkind = \"service\"\nworkers = {{ count = 10000 }}\n\
         operations.default.steps = [{{ call = \"first\" }}, {between}{{ call = \"second\" }}]\n"
    );
    let servers = list(&p["servers"]);
    for (name, column, servers) in [("first", "one", servers[0]), ("second", "two", servers[1])] {
        let _ = write!(
            text,
            "[components.{name}]\nkind = \"service\"\nworkers = {{ count = {servers} }}\nbacklog = \"unbounded\"\n\
             operations.default.steps = [{{ wait = {{ recorded = \"{column}\" }} }}]\n"
        );
    }
    let until = arrivals.last().expect("requests") + 1.0;
    run(&text, &files, until)
}

/// Users who pause for the same time, one after the other.
fn closed(p: &Value) -> Replayed {
    let users = number(&p["users"]);
    let first = list(&p["first_arrivals"]);
    let step = if first.len() > 1 {
        first[1] - first[0]
    } else {
        1e-9
    };
    let text = format!(
        "[sources.load]\nkind = \"users\"\nusers = {users}\nover = {}\nenters = \"station\"\n\
         flow = [{{ request = \"default\" }}, {{ think = {} }}]\n\
         [components.station]\nkind = \"service\"\nworkers = {{ count = {} }}\nbacklog = \"unbounded\"\n\
         operations.default.steps = [{{ wait = {} }}]\n",
        seconds(step * users),
        seconds(number(&p["think"])),
        p["servers"],
        seconds(number(&p["service"]))
    );
    run(&text, &Memory::default(), number(&p["horizon"]))
}

/// Which requests a limit lets pass.
fn limited(p: &Value, limit: &str) -> Column {
    let arrivals = list(&p["arrivals"]);
    let files = recording(&arrivals, &[("size", &vec![0.0; arrivals.len()], SCALE)]);
    let text = source("edge", SIZES, "")
        + &format!(
            "[components.edge]\nkind = \"rate_limiter\"\nto = \"station\"\nlimits = [{{ {limit} }}]\n\
             [components.station]\nkind = \"service\"\nworkers = {{ count = 1000 }}\n\
             operations.default.steps = [{{ wait = {WORK} }}]\n"
        );
    let done = run(&text, &files, arrivals.last().expect("requests") + 1.0);
    let passes = |own: &Request| Some(f64::from(u8::from(own.outcome == Outcome::Served)));
    done.requests.iter().map(passes).collect()
}

/// Which requests for items find them in a cache: what they miss takes them a nanosecond, in the end.
fn hits(items: &[f64], times: &[f64], cache: &str) -> Vec<f64> {
    let files = recording(times, &[("item", items, 1.0)]);
    let most = items.iter().copied().fold(0.0, f64::max);
    let text = source("station", "keys = { items = \"item\" }", "")
        + &format!(
            "[components.station]\nkind = \"service\"\nworkers = {{ count = 1000 }}\n\
             operations.default.steps = [{{ cache = \"c\", keys = \"items\", on_miss = [{{ wait = \"1ns\" }}] }}]\n\
             [components.c]\nkind = \"cache\"\n{cache}\n\
             [keys.items]\ncount = {}\npopularity = {{ zipf = 1.0 }}\n",
            most + 1.0
        );
    let done = run(&text, &files, times.last().expect("requests") + 1.0);
    let hit = |own: &Request| f64::from(u8::from(own.ended - own.came < 0.5e-9 / SCALE));
    done.requests.iter().map(hit).collect()
}

fn cache(p: &Value, name: &str) -> Option<Column> {
    let (items, times) = (list(&p["items"]), list(&p["times"]));
    let capacity = p["lru_capacity"].as_u64().unwrap_or(1000);
    let ttl = format!("ttl = {}", seconds(p["ttl"].as_f64().unwrap_or(1e5)));
    let lru = format!("capacity = {capacity}\npolicy = \"lru\"");
    let rules = match name {
        "hit_lru" => lru,
        "hit_lru_with_lazy_ttl" => format!("{lru}\n{ttl}"),
        "hit_ttl_fixed_from_fill" => format!("capacity = 100000\n{ttl}"),
        "hit_ttl_reset_on_hit" => format!("capacity = 100000\n{ttl}\nrenewed_by_hits = true"),
        "lru_final_order" => return Some(final_order(&items, &times, &lru)),
        _ => return None,
    };
    Some(hits(&items, &times, &rules).into_iter().map(Some).collect())
}

/// What is in the cache in the end, most recent first: what is still there when so many others have come.
fn final_order(items: &[f64], times: &[f64], rules: &str) -> Column {
    let mut known = items.to_vec();
    known.sort_by(f64::total_cmp);
    known.dedup();
    let (last, highest) = (times[times.len() - 1], known[known.len() - 1]);
    let survives = |item: f64| {
        let holds = |others: u32| {
            let (mut items, mut times) = (items.to_vec(), times.to_vec());
            for other in 0..others {
                items.push(highest + 1.0 + f64::from(other));
                times.push(last + 0.001 * f64::from(other + 1));
            }
            items.push(item);
            times.push(last + 0.001 * f64::from(others + 1));
            hits(&items, &times, rules)
                .last()
                .is_some_and(|hit| *hit > 0.5)
        };
        (0..=known.len() as u32)
            .take_while(|others| holds(*others))
            .count()
    };
    let mut there: Vec<(usize, f64)> = known.iter().map(|item| (survives(*item), *item)).collect();
    there.retain(|own| own.0 > 0);
    there.sort_by_key(|own| std::cmp::Reverse(own.0));
    there.into_iter().map(|own| Some(own.1)).collect()
}

/// The average of a step function, as levels are averaged.
fn time_average(p: &Value) -> f64 {
    let at = |seconds: f64| SimTime::ZERO + SimDuration::from_secs_f64(seconds);
    let (from, to) = (number(&p["from"]), number(&p["to"]));
    let mut level = Level::default();
    let mut integrals = [0; 2];
    let mut events = pairs(&p["events"]);
    events.extend([(from, f64::NAN), (to, f64::NAN)]);
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (instant, value) in events {
        if value.is_nan() {
            let number = usize::from(instant.to_bits() == to.to_bits());
            integrals[number] = level.integral(at(instant));
        } else {
            level.set(at(instant), value as u64);
        }
    }
    (integrals[1] - integrals[0]) as f64 / 1e9 / (to - from)
}

/// Whether a request was served, timed out, or was turned away.
fn outcome(own: &Request) -> f64 {
    match own.outcome {
        Outcome::Served => 1.0,
        Outcome::QueueTimeout | Outcome::ClientTimeout => 2.0,
        _ => 3.0,
    }
}

fn number_of_outcome(name: &Value) -> f64 {
    match name.as_str().expect("an outcome") {
        "served" => 1.0,
        "timeout" | "timed_out" | "abandoned" => 2.0,
        _ => 3.0,
    }
}

impl Replayed {
    fn all(&self, of: impl Fn(&Request) -> Option<f64>) -> Column {
        self.requests.iter().map(of).collect()
    }

    fn count(&self, code: f64) -> Column {
        let own = self
            .requests
            .iter()
            .filter(|own| (outcome(own) - code).abs() < 0.5);
        vec![Some(own.count() as f64)]
    }

    /// What is known of a metric; nothing if it is not known which.
    fn column(&self, p: &Value, metric: &Value) -> Option<Column> {
        let served = |own: &Request| (own.outcome == Outcome::Served).then_some(own.ended);
        Some(match metric["metric"].as_str()? {
            "outcome" => self.all(|own| Some(outcome(own))),
            "finish_times" | "success_times" | "finish_2" => self.all(served),
            "leave_times" => self.all(|own| Some(own.ended)),
            "start_times" => {
                let sizes = list(&p["sizes"]);
                let own = self.requests.iter().zip(sizes);
                own.map(|(own, size)| Some(own.ended - size)).collect()
            }
            "rejected" => self.count(3.0),
            "timeouts" => self.count(2.0),
            "attempts" => self.all(|own| Some(f64::from(own.attempts))),
            "finish_1" => self.first_stage(p),
            "first_completions" => {
                let mut ends: Vec<f64> = self.requests.iter().map(|own| own.ended).collect();
                ends.sort_by(f64::total_cmp);
                let n = metric["value"].as_array()?.len();
                ends.into_iter().take(n).map(Some).collect()
            }
            name if name.starts_with("completions_before_") => {
                let limit: f64 = name
                    .trim_start_matches("completions_before_")
                    .parse()
                    .ok()?;
                let own = self.requests.iter().filter(|own| own.ended < limit);
                vec![Some(own.count() as f64)]
            }
            "throughput_limit" => {
                // Over as many rounds as make whole seconds, in the second half.
                let to = number(&p["horizon"]);
                let from = to / 2.0;
                let is_in = |own: &&Request| from < own.ended && own.ended <= to;
                let n = self.requests.iter().filter(is_in).count();
                vec![Some(n as f64 / (to - from))]
            }
            "last_completion" => vec![Some(last_completion(&self.scenario))],
            _ => return None,
        })
    }

    /// When the first of two stages was over: when the wait for the second began, if there was one, else when the
    /// second itself did.
    fn first_stage(&self, p: &Value) -> Column {
        let second = list(&p["sizes_2"]);
        let delay = number(&p["network_delay_between"]);
        let own = self.requests.iter().zip(second).map(|(own, size)| {
            let began = own.ended - size;
            let is_it = |wait: &&(f64, f64)| (wait.1 - began).abs() < 1e-9;
            let waited = self.waits.iter().find(is_it);
            Some(waited.map_or(began, |wait| wait.0) - delay)
        });
        own.collect()
    }
}

/// What a case's metrics come to, one after the other.
fn columns(p: &Value, metrics: &[Value]) -> Vec<Option<Column>> {
    let of = |what: &dyn Fn(&Value) -> Option<Column>| metrics.iter().map(what).collect();
    if p["events"].is_array() {
        return of(&|_| Some(vec![Some(time_average(p))]));
    }
    if p["items"].is_array() {
        return of(&|metric| cache(p, metric["metric"].as_str()?));
    }
    if p["limit"].is_number() {
        let (most, window) = (&p["limit"], seconds(number(&p["window"])));
        return of(&|metric| match metric["metric"].as_str()? {
            "accepted_sliding_log" => Some(limited(
                p,
                &format!("sliding_window = {{ max = {most}, window = {window}, key = \"all\" }}"),
            )),
            "accepted_fixed_window" => Some(limited(
                p,
                &format!(
                    "fixed_window = {{ max = {most}, window = {window}, starts = \"clock\", key = \"all\" }}"
                ),
            )),
            _ => None,
        });
    }
    let done = if p["users"].is_number() {
        closed(p)
    } else if p["sizes_1"].is_array() {
        tandem(p)
    } else {
        station(p)
    };
    of(&|metric| done.column(p, metric))
}

/// Compares the family.
pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let metrics = case["metrics"].as_array().expect("metrics");
        let found = columns(&case["parameters"], metrics);
        for (metric, own) in metrics.iter().zip(found) {
            // What never happened is as far from every number as can be, but not from itself.
            let own = own.map(|own| {
                own.into_iter()
                    .map(|own| own.unwrap_or(-1.0))
                    .collect::<Vec<_>>()
            });
            let mut metric = metric.clone();
            if let Some(values) = metric["value"].as_array_mut() {
                for value in values {
                    if value.is_null() {
                        *value = Value::from(-1.0);
                    } else if value.is_string() {
                        *value = Value::from(number_of_outcome(value));
                    }
                }
            }
            checked.exactly(&case, &metric, own.as_deref());
        }
    }
    checked
}
