//! Caches: hit ratios under independent requests.

use std::fmt::Write as _;

use capsim::experiment::Record;
use capsim::metrics::{Entry, Happened};
use capsim::policy::ratio::Forgets;
use capsim::stats::{Confidence, Estimate};
use serde_json::Value;

use super::figures::mean_of;
use super::harness::{
    Checked, Effort, Figure, REPLICATIONS, Runs, Tier, in_seconds, run_table, tier,
};
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

    /// Runs it as [`System::run`] does, with a log of all requests.
    fn run_logged(&self, effort: Effort) -> Runs {
        let (horizon, effort) = self.horizon(effort);
        let entries = effort.seconds_at(self.rate).max(horizon) * self.rate * 1.2 + 1000.0;
        let table = run_table(horizon, self.fills_in) + &format!("log = {}\n", entries as u64);
        Runs::of(&(table + &self.text))
    }

    /// Runs it for so many requests, over all replications, and so much longer than it takes to fill:
    /// entries that expire do so in step for a while.
    fn run(&self, effort: Effort) -> Runs {
        let (horizon, _) = self.horizon(effort);
        Runs::of(&(run_table(horizon, self.fills_in) + &self.text))
    }

    /// How long each replication is.
    fn horizon(&self, effort: Effort) -> (f64, Effort) {
        let longer = if self.expires { 2.0 } else { 0.1 };
        let least = longer * self.fills_in * self.rate * f64::from(REPLICATIONS);
        let effort = effort.at_least(least.max(LEAST));
        (effort.seconds_at(self.rate) + self.fills_in, effort)
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
fn figure(runs: &Runs, p: &Value, metric: &Value) -> Option<Figure> {
    match metric["metric"].as_str()? {
        "hit_ratio" => Some(hit_ratio(runs, "c")),
        "origin_rate" => Some(origin_rate(runs, "c")),
        "hit_ratio_item" => {
            let item = metric["item"].as_u64()?;
            Some(of_items(runs, |own| if own == item { 1.0 } else { 0.0 })?.into())
        }
        // An item is there at an instant as often as a request finds it, so over all items that is the sum of
        // their hit ratios: a hit counts for as much more as its item is seldom asked for.
        "stored_items_mean" => Some(stored(runs, p)?.into()),
        _ => None,
    }
}

/// What requests that found their item in the cache took less than.
const A_HIT: f64 = 0.5e-9;

/// The requests of a replication after the warm-up: for which item, and whether they found it.
fn look_ups(runs: &Runs, log: &[Entry]) -> Vec<(u64, bool)> {
    let blueprint = runs.scenario.blueprint();
    let from = blueprint.windows.start(blueprint.windows.warm_up);
    let keys = &blueprint.program.keys[0];
    let look_up = |own: &Entry| match own.what {
        Happened::Request { number, .. } if own.from >= from => {
            let took = own.to.since(own.from).as_secs_f64();
            Some((keys.key(number), took < A_HIT))
        }
        _ => None,
    };
    log.iter().filter_map(look_up).collect()
}

/// The hit ratio of the items that count.
fn of_items(runs: &Runs, counts: impl Fn(u64) -> f64) -> Option<Estimate> {
    let of = |log: &Vec<Entry>| {
        let own = look_ups(runs, log);
        let own = own.iter().filter(|own| counts(own.0) > 0.0);
        let (mut hits, mut all) = (0, 0);
        for (_, hit) in own {
            all += 1;
            hits += u64::from(*hit);
        }
        (hits, all)
    };
    let parts: Vec<_> = runs.logs.iter().map(of).collect();
    Estimate::share(&parts, Confidence::new(0.95)?)
}

fn stored(runs: &Runs, p: &Value) -> Option<Estimate> {
    let exponent = number(&p["popularity"]["alpha"]);
    let weight = |item: u64| (item as f64).powf(-exponent);
    let total: f64 = (1..=p["catalogue"].as_u64()?).map(weight).sum();
    let of = |log: &Vec<Entry>| {
        let own = look_ups(runs, log);
        let hits = own.iter().filter(|own| own.1);
        hits.map(|own| total / weight(own.0)).sum::<f64>() / own.len() as f64
    };
    let own: Vec<f64> = runs.logs.iter().map(of).collect();
    mean_of(&own)
}

/// What Che's approximation says of a cache without times to live.
fn approximation(p: &Value, forgets: Forgets, name: &str) -> Option<f64> {
    let exponent = number(&p["popularity"]["alpha"]);
    let weights = (1..=p["catalogue"].as_u64()?).map(|own| (own as f64).powf(-exponent));
    let total: f64 = weights.clone().sum();
    let classes: Vec<_> = weights.map(|own| (1.0, own / total)).collect();
    let number = forgets.characteristic(&classes, number(&p["capacity"]));
    match name {
        "characteristic_requests" => Some(number),
        "hit_ratio_che" | "hit_ratio_ttl_approximation" => {
            let hits = classes
                .iter()
                .map(|own| own.1 * forgets.presence(own.1 * number));
            Some(hits.sum())
        }
        _ => None,
    }
}

/// Whoever misses takes a nanosecond longer, by which it can be told.
const STEP: &str = "{ cache = \"c\", keys = \"items\", on_miss = [{ wait = \"1ns\" }] }";

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
        if turnover > TOO_LARGE && tier() == Tier::Commit {
            checked.leaves(&case);
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
            let runs = system.run_logged(effort);
            let forgets = if *policy == "lru" {
                Forgets::LeastRecent
            } else {
                Forgets::AnyWhoCame
            };
            checked.case(&case, effort.widened, |metric| {
                let name = metric["metric"].as_str()?;
                match approximation(parameters, forgets, name) {
                    Some(value) => Some(Figure::known(value)),
                    None => figure(&runs, parameters, metric),
                }
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
            let runs = system.run_logged(effort);
            checked.case(&case, effort.widened, |metric| {
                figure(&runs, parameters, metric)
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
            _ => figure(&runs, parameters, metric),
        }
    });
}

/// Misses that take time and are not coalesced: whoever comes meanwhile misses, too. Those who are done later leave what
/// the first has filled alone, or replace it, by which it is good for longer.
fn check_late_fills(case: &Value, checked: &mut Checked) {
    let parameters = &case["parameters"];
    let step = format!(
        "{{ cache = \"c\", keys = \"items\", on_miss = [{{ wait = {} }}] }}",
        seconds(number(&parameters["fetch_time"]))
    );
    let mut system = System::new(parameters, &step);
    let keeps = parameters["late_fill_extends_ttl"] != true;
    system.add_cache("c", parameters, "lru", &format!("keeps_first = {keeps}"));
    // The popular ones go on in step for a long time.
    let effort = Effort::of(case, MOST_REQUESTS).at_least(MOST_REQUESTS);
    let runs = system.run(effort);
    checked.case(case, effort.widened, |metric| {
        if metric["metric"] == "latency_mean" {
            let latencies = |record: &Record| record.classes[0].served.clone();
            return Some(runs.of_all(latencies, |own| in_seconds(own.mean()))?.into());
        }
        figure(&runs, parameters, metric)
    });
}

/// The same where those who are done later replace what the first has filled, as `SET` does. Per cycle there are `1 +
/// ld` misses; good is what is left from the first fill until `T` after the last, which is `T + d - (1 -
/// exp(-ld))/l`.
#[test]
fn late_fills_extend_the_time_to_live() {
    let (n, exponent, rate, ttl, fetch) = (100, 0.8, 1000.0, 2.0, 0.25);
    let parameters = serde_json::json!({
        "catalogue": n, "popularity": { "alpha": exponent }, "arrival": { "rate": rate }, "ttl": ttl,
    });
    let step = format!(
        "{{ cache = \"c\", keys = \"items\", on_miss = [{{ wait = {} }}] }}",
        seconds(fetch)
    );
    let mut system = System::new(&parameters, &step);
    system.add_cache("c", &parameters, "lru", "");
    let runs = system.run(Effort::fixed(MOST_REQUESTS));
    let weights = (1..=n).map(|i| f64::from(i).powf(-exponent));
    let total: f64 = weights.clone().sum();
    let misses: f64 = weights
        .map(|weight| {
            let own = rate * weight / total;
            let missed = 1.0 + own * fetch;
            let hits = own * (ttl + fetch) - (1.0 - (-own * fetch).exp());
            own * missed / (missed + hits)
        })
        .sum();
    let mut checked = Checked::default();
    checked.exact("late fills", origin_rate(&runs, "c"), misses, 0.01);
    checked.exact(
        "hits beside late fills",
        hit_ratio(&runs, "c"),
        1.0 - misses / rate,
        0.005,
    );
    checked.assert();
}

/// Least recently used with a time to live: expired entries stay until they are asked for or pushed out.
pub(super) fn check_lru_ttl(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let parameters = &case["parameters"];
        let mut system = System::new(parameters, STEP);
        system.add_cache("c", parameters, "lru", "");
        let runs = system.run(Effort::fixed(USUAL));
        // An expired entry that is asked for is used and filled anew, in its place: what is in the list is what would be
        // there if nothing expired.
        let mut lasting = parameters.clone();
        lasting["ttl"] = Value::Null;
        let mut system = System::new(&lasting, STEP);
        system.add_cache("c", &lasting, "lru", "");
        system.fills_in = 5.0 * number(&parameters["capacity"]) / system.rate;
        let plain = system.run(Effort::fixed(USUAL));
        checked.case(&case, 1.0, |metric| match metric["metric"].as_str()? {
            "resident_ratio" => Some(hit_ratio(&plain, "c")),
            _ => figure(&runs, parameters, metric),
        });
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
