//! Caches: hit ratios under independent requests.

use std::fmt::Write as _;

use capsim::experiment::Record;
use capsim::stats::Estimate;
use serde_json::Value;

use super::harness::{Checked, Effort, Figure, REPLICATIONS, Runs, in_seconds, run_table};
use super::laws::{case_files, number, seconds};

/// Requests of one case, over all replications: what every test run can afford.
const MOST_REQUESTS: f64 = 4e6;
/// Even what would be precise enough with fewer gets this many.
const LEAST: f64 = 3e5;
/// Requests of a case that does not say how many it needs.
const USUAL: f64 = 2e6;
/// Requests per second of cases to which that does not matter.
const RATE: f64 = 10_000.0;
/// The content of such a cache no longer depends on its beginning once everything in it has been replaced, which
/// takes about the characteristic number of requests.
const TURNOVERS: f64 = 1.4;
/// Cases whose caches take longer than this many requests to fill are left out.
const TOO_LARGE: f64 = 5e5;

/// A station whose requests ask `cache`, and the caches.
struct System {
    text: String,
    rate: f64,
    /// How long it takes until it does not matter how it began.
    fills_in: f64,
    /// Whether anything in it expires.
    expires: bool,
}

impl System {
    /// Requests that do `steps`.
    fn new(parameters: &Value, steps: &str) -> Self {
        let rate = parameters["arrival"]["rate"].as_f64().unwrap_or(RATE);
        let exponent = parameters["popularity"]["alpha"].as_f64().unwrap_or(0.0);
        let text = format!(
            "[sources.load]\narrivals = \"poisson\"\nrate = \"{rate}/s\"\nenters = \"station\"\n\
             [components.station]\nkind = \"service\"\nworkers = {{ count = 10000 }}\n\
             operations.default.steps = [{steps}]\n\
             [keys.items]\ncount = {}\npopularity = {{ zipf = {exponent} }}\n",
            parameters["catalogue"]
        );
        Self {
            text,
            rate,
            fills_in: 0.0,
            expires: false,
        }
    }

    fn add_cache(&mut self, name: &str, parameters: &Value, policy: &str, more: &str) {
        let capacity = parameters["capacity"].as_u64().unwrap_or(1_000_000);
        let _ = writeln!(
            self.text,
            "[components.{name}]\nkind = \"cache\"\ncapacity = {capacity}\npolicy = \"{policy}\"\n{more}"
        );
        if let Some(ttl) = parameters["ttl"].as_f64() {
            let renewed = parameters["ttl_mode"] == "reset_on_hit";
            let _ = writeln!(
                self.text,
                "ttl = {}\nrenewed_by_hits = {renewed}",
                seconds(ttl)
            );
            self.fills_in = self.fills_in.max(5.0 * ttl);
            self.expires = true;
        }
    }

    /// Runs it for so many requests, over all replications, and so much longer than it takes to fill:
    /// entries that expire do so in step for a while.
    fn run(&self, effort: Effort) -> Runs {
        let longer = if self.expires { 2.0 } else { 0.1 };
        let least = longer * self.fills_in * self.rate * f64::from(REPLICATIONS);
        let effort = effort.at_least(least.max(LEAST));
        let horizon = effort.seconds_at(self.rate) + self.fills_in;
        Runs::of(&(run_table(horizon, self.fills_in) + &self.text))
    }
}

fn hit_ratio(runs: &Runs, cache: &str) -> Figure {
    share(runs, cache, "hits").into()
}

/// The share of look-ups that ended so.
fn share(runs: &Runs, cache: &str, what: &str) -> Estimate {
    runs.share(|record| {
        let all = ["hits", "misses", "coalesced"].map(|what| runs.count(record, cache, what));
        (runs.count(record, cache, what), all.iter().sum())
    })
}

fn origin_rate(runs: &Runs, cache: &str) -> Figure {
    let rate = runs.mean(|record| runs.count(record, cache, "misses") as f64 / record.measured_s);
    rate.into()
}

/// What a run says of a metric of the whole cache.
fn figure(runs: &Runs, metric: &Value) -> Option<Figure> {
    match metric["metric"].as_str()? {
        "hit_ratio" => Some(hit_ratio(runs, "c")),
        "origin_rate" => Some(origin_rate(runs, "c")),
        _ => None,
    }
}

const STEP: &str = "{ cache = \"c\", keys = \"items\" }";

fn characteristic(case: &Value) -> Option<f64> {
    let metrics = case["metrics"].as_array()?;
    let is_it = |metric: &&Value| metric["metric"] == "characteristic_requests";
    metrics
        .iter()
        .find(is_it)
        .map(|metric| number(&metric["value"]))
}

/// Bounded caches of a policy, without times to live.
pub(super) fn check_bounded(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let parameters = &case["parameters"];
        let turnover =
            characteristic(&case).unwrap_or_else(|| 4.0 * number(&parameters["catalogue"]));
        if turnover > TOO_LARGE {
            continue;
        }
        let policies: &[&str] = match parameters["policy"].as_str() {
            // Both have the same hit ratio.
            Some("fifo") => &["fifo", "random"],
            _ => &["lru"],
        };
        for policy in policies {
            let mut system = System::new(parameters, STEP);
            system.add_cache("c", parameters, policy, "");
            system.fills_in = TURNOVERS * turnover / system.rate;
            let effort = Effort::of(&case, MOST_REQUESTS);
            let runs = system.run(effort);
            checked.case(&case, effort.widened, |metric| {
                figure(&runs, metric).filter(|_| metric.get("item").is_none())
            });
        }
    }
    checked
}

/// Times to live, from when an entry was filled and from when it was used last.
pub(super) fn check_ttl(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let parameters = &case["parameters"];
        let fetch = number(&parameters["fetch_time"]);
        if parameters["levels"].is_array() {
            check_levels(&case, &mut checked);
        } else if fetch == 0.0 {
            let mut system = System::new(parameters, STEP);
            system.add_cache("c", parameters, "lru", "");
            let effort = Effort::of(&case, MOST_REQUESTS);
            let runs = system.run(effort);
            checked.case(&case, effort.widened, |metric| {
                figure(&runs, metric).filter(|_| metric.get("item").is_none())
            });
        } else if parameters["coalesce_misses"] == true {
            check_coalescing(&case, &mut checked);
        } else {
            check_late_fills(&case, &mut checked);
        }
    }
    checked
}

/// An item of two layers, each with its own clock.
fn check_levels(case: &Value, checked: &mut Checked) {
    let parameters = &case["parameters"];
    let step =
        "{ cache = \"c1\", keys = \"items\", on_miss = [{ cache = \"c2\", keys = \"items\" }] }";
    let mut system = System::new(parameters, step);
    for (at, level) in ["c1", "c2"].iter().enumerate() {
        system.add_cache(level, &parameters["levels"][at], "lru", "");
    }
    let effort = Effort::of(case, MOST_REQUESTS);
    let runs = system.run(effort);
    checked.case(case, effort.widened, |metric| {
        let of = match metric["metric"].as_str()? {
            "hit_ratio_l1" => hit_ratio(&runs, "c1"),
            "hit_ratio_l2" => hit_ratio(&runs, "c2"),
            "origin_rate" => origin_rate(&runs, "c2"),
            _ => return None,
        };
        Some(of)
    });
}

/// Misses that take time, while others wait for what comes of them.
fn check_coalescing(case: &Value, checked: &mut Checked) {
    let parameters = &case["parameters"];
    let step = format!(
        "{{ cache = \"c\", keys = \"items\", on_miss = [{{ wait = {} }}] }}",
        seconds(number(&parameters["fetch_time"]))
    );
    let mut system = System::new(parameters, &step);
    let more = "on_concurrent_miss = \"single_flight\"";
    system.add_cache("c", parameters, "lru", more);
    let effort = Effort::of(case, MOST_REQUESTS).at_least(MOST_REQUESTS);
    let runs = system.run(effort);
    checked.case(case, effort.widened, |metric| {
        match metric["metric"].as_str()? {
            "delayed_hit_ratio" => Some(share(&runs, "c", "coalesced").into()),
            // So regular that replications hardly differ.
            "origin_rate" => Some(Figure {
                blur: 0.01,
                ..origin_rate(&runs, "c")
            }),
            "latency_mean" => {
                let latencies = |record: &Record| record.classes[0].served.clone();
                let mean = runs.of_all(latencies, |own| in_seconds(own.mean()))?;
                Some(mean.into())
            }
            _ => figure(&runs, metric),
        }
    });
}

/// Misses that take time and are not coalesced: whoever comes meanwhile misses, too, and the last to be done
/// restarts the time to live, as `SET` does. Per cycle there are `1 + ld` misses; good is what is left from
/// the first fill until `T` after the last, which is `T + d - (1 - exp(-ld))/l`.
fn check_late_fills(case: &Value, checked: &mut Checked) {
    let parameters = &case["parameters"];
    let (ttl, fetch) = (
        number(&parameters["ttl"]),
        number(&parameters["fetch_time"]),
    );
    let step = format!(
        "{{ cache = \"c\", keys = \"items\", on_miss = [{{ wait = {} }}] }}",
        seconds(fetch)
    );
    let mut system = System::new(parameters, &step);
    system.add_cache("c", parameters, "lru", "");
    // The popular ones go on in step for a long time.
    let effort = Effort::of(case, MOST_REQUESTS).at_least(MOST_REQUESTS);
    let runs = system.run(effort);
    let n = number(&parameters["catalogue"]) as u32;
    let weights = (1..=n).map(|i| f64::from(i).powf(-number(&parameters["popularity"]["alpha"])));
    let total: f64 = weights.clone().sum();
    let misses: f64 = weights
        .map(|weight| {
            let own = system.rate * weight / total;
            let missed = 1.0 + own * fetch;
            let hits = own * (ttl + fetch) - (1.0 - (-own * fetch).exp());
            own * missed / (missed + hits)
        })
        .sum();
    checked.exact(
        "late fills",
        origin_rate(&runs, "c"),
        misses,
        0.01 * effort.widened,
    );
    checked.exact(
        "hits beside late fills",
        hit_ratio(&runs, "c"),
        1.0 - misses / system.rate,
        0.005 * effort.widened,
    );
}

/// Least recently used with a time to live: expired entries stay until they are asked for or pushed out.
pub(super) fn check_lru_ttl(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let parameters = &case["parameters"];
        let mut system = System::new(parameters, STEP);
        system.add_cache("c", parameters, "lru", "");
        let runs = system.run(Effort::fixed(USUAL));
        checked.case(&case, 1.0, |metric| figure(&runs, metric));
    }
    checked
}

/// Two layers, the second of which sees what the first misses.
pub(super) fn check_two_level(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let parameters = &case["parameters"];
        let step = "{ cache = \"c1\", keys = \"items\", on_miss = [{ cache = \"c2\", keys = \"items\" }] }";
        let mut system = System::new(parameters, step);
        let first = serde_json::json!({ "capacity": parameters["level_1"]["capacity_each"] });
        system.add_cache("c1", &first, "lru", "");
        system.add_cache("c2", &parameters["level_2"], "lru", "");
        // The second is full after a few times as many requests as it holds.
        system.fills_in = 10.0 * number(&parameters["level_2"]["capacity"]) / system.rate;
        let runs = system.run(Effort::fixed(2.0 * USUAL));
        checked.case(&case, 1.0, |metric| {
            let of = match metric["metric"].as_str()? {
                "hit_ratio_l1" => hit_ratio(&runs, "c1"),
                "hit_ratio_l2" => hit_ratio(&runs, "c2"),
                "origin_fraction" => runs
                    .share(|record| {
                        let asked = ["hits", "misses"].map(|what| runs.count(record, "c1", what));
                        (runs.count(record, "c2", "misses"), asked.iter().sum())
                    })
                    .into(),
                _ => return None,
            };
            Some(of)
        });
    }
    checked
}
