//! Retry storms: a pulse of arrivals leaves a queue of attempts that nobody waits for any more, and whether
//! it ever goes away depends on the load (Bronson et al., "Metastable Failures in Distributed Systems").

use std::fmt::Write as _;

use capsim::experiment::Record;
use capsim::stats::Estimate;
use capsim::theory::MarkovStation;
use serde_json::Value;

use super::harness::{Checked, Figure, REPLICATIONS, Runs};
use super::laws::{case_files, is_single, law, number, seconds};

/// The length of a window in seconds.
const WINDOW: f64 = 0.5;
/// A queue that is small: attempts that an idle system has in line now and then.
const SMALL: f64 = 10.0;

/// A storm of a case, run.
struct Storm {
    runs: Runs,
}

/// The window that begins at an instant.
fn window(at: f64) -> usize {
    (at / WINDOW).round() as usize
}

impl Storm {
    /// `steps` are instants and rates from then on.
    fn of(p: &Value, steps: &[(f64, f64)], until: f64) -> Self {
        let base = steps[0].1;
        let mut curve = String::new();
        for pair in steps.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let _ = write!(
                curve,
                "{{ hold = {} }}, {{ step_to = {:?} }}, ",
                seconds(to.0 - from.0),
                to.1 / base
            );
        }
        let retry = &p["retry"];
        let text = format!(
            "[run]\nhorizon = {}\nwindow = {}\nreplications = {REPLICATIONS}\ndrain = \"1s\"\n\
             [sources.load]\narrivals = \"poisson\"\nrate = \"{base}/s\"\ncurve = [{curve}]\nenters = \"station\"\n\
             timeout = {}\nretry = {{ attempts = {}, on = [\"timeout\"], backoff = {} }}\n\
             [components.station]\nkind = \"service\"\nworkers = {{ count = {} }}\nbacklog = \"unbounded\"\n\
             [components.station.operations.default]\nsteps = [{{ wait = {} }}]\n",
            seconds(until),
            seconds(WINDOW),
            seconds(number(&p["client_timeout"])),
            number(&retry["max_retries"]) + 1.0,
            law(&retry["backoff"]),
            p["servers"],
            law(&p["service"]),
        );
        Self {
            runs: Runs::of(&text),
        }
    }

    /// Attempts in line, by window.
    fn queue(&self, record: &Record) -> Vec<f64> {
        let levels = self.runs.levels(record, "station", "workers");
        levels.iter().map(|levels| levels[2]).collect()
    }

    /// Something per second, on average from one instant to another.
    fn rate(&self, (from, to): (f64, f64), of: fn(&Record, usize) -> u64) -> Estimate {
        self.runs.mean(|record| {
            let sum: u64 = (window(from)..window(to)).map(|at| of(record, at)).sum();
            sum as f64 / (to - from)
        })
    }

    fn goodput(&self, span: (f64, f64)) -> Estimate {
        self.rate(span, |record, at| record.windows[at].answered)
    }

    fn attempts(&self, span: (f64, f64)) -> Estimate {
        self.rate(span, |record, at| record.windows[at].attempts)
    }

    /// The share of replications in which the queue is small and clients get their answers, from one instant
    /// to another, at so many requests per second.
    fn healthy(&self, (from, to): (f64, f64), rate: f64) -> Estimate {
        self.runs.mean(|record| {
            let queue = &self.queue(record)[window(from)..window(to)];
            let average = queue.iter().sum::<f64>() / queue.len() as f64;
            let windows = &record.windows[window(from)..window(to)];
            let answered: u64 = windows.iter().map(|own| own.answered).sum();
            let goodput = answered as f64 / (to - from);
            f64::from(u8::from(average < SMALL && goodput > 0.8 * rate))
        })
    }
}

/// The slope of the line through equidistant points, per second.
fn slope(points: &[f64]) -> f64 {
    let n = points.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let (mut up, mut down) = (0.0, 0.0);
    for (at, value) in points.iter().enumerate() {
        let x = at as f64 - middle;
        up += x * value;
        down += x * x;
    }
    up / down / WINDOW
}

/// The clients and the station of a case.
fn theory(p: &Value) -> capsim::theory::Storm {
    capsim::theory::Storm {
        station: MarkovStation {
            rate: number(&p["arrival"]["steps"][0][1]),
            service: number(&p["service"]["mean"]),
            servers: p["servers"].as_u64().expect("workers") as u32,
        },
        timeout: number(&p["client_timeout"]),
        retries: p["retry"]["max_retries"].as_u64().expect("retries") as u32,
    }
}

fn span(value: &Value) -> (f64, f64) {
    (number(&value[0]), number(&value[1]))
}

fn figure(storm: &Storm, p: &Value, pulse_end: f64, metric: &Value) -> Option<Figure> {
    let (last, calm) = (
        span(&p["windows"]["last_quarter"]),
        span(&p["windows"]["before_pulse"]),
    );
    let runs = &storm.runs;
    let estimate = match metric["metric"].as_str().expect("a name") {
        // Simulations on both sides of the boundaries are looked at below.
        "metastable_range_low" => return Some(Figure::known(theory(p).stays_down_from())),
        "metastable_range_high" => return Some(Figure::known(theory(p).stays_up_to())),
        // Of the fixed points the lowest is what there is before the pulse, and the highest what there is
        // after a collapse (`attempt_rate_end`); the one between is not stable.
        "attempt_rate_fixed_point" if metric["k"] == 0 => storm.attempts(calm),
        "attempt_rate_fixed_point" => {
            let rates = theory(p).attempt_rates();
            return Some(Figure::known(*rates.get(metric["k"].as_u64()? as usize)?));
        }
        "queue_at_pulse_end" => runs.mean(|record| {
            // From averages over windows to the instant between them.
            let (queue, at) = (storm.queue(record), window(pulse_end));
            1.5 * queue[at - 1] - 0.5 * queue[at - 2]
        }),
        "goodput_end" => storm.goodput(last),
        "attempt_rate_end" => storm.attempts(last),
        "queue_growth_end" => {
            runs.mean(|record| slope(&storm.queue(record)[window(last.0)..window(last.1)]))
        }
        "recovery_time" => runs.mean(|record| {
            let queue = storm.queue(record);
            let after = queue[window(pulse_end)..].iter();
            let empty = after.take_while(|waiting| **waiting >= 1.0).count();
            empty as f64 * WINDOW
        }),
        "recovered" => storm.healthy(last, number(&p["arrival"]["steps"][0][1])),
        other => panic!("no such metric: {other}"),
    };
    Some(estimate.into())
}

/// Compares the family, and looks at both boundaries of the range in which a storm lasts.
pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    // Far from the boundaries of a single case there may be nothing to see.
    let is_ours = !is_single();
    let mut bounds = None;
    for case in case_files(family) {
        let p = &case["parameters"];
        let steps = p["arrival"]["steps"].as_array().expect("steps");
        let steps: Vec<_> = steps.iter().map(span).collect();
        let storm = Storm::of(p, &steps, number(&p["arrival"]["until"]));
        checked.case(&case, 1.0, |metric| figure(&storm, p, steps[2].0, metric));
        bounds = bounds.or_else(|| boundaries(&case));
    }
    // Rates a little below and above each boundary; the upper one is an approximation.
    let Some((case, low, high)) = bounds.filter(|_| is_ours) else {
        return checked;
    };
    for (rate, pulse, expected) in [
        (low - 4.0, 20.0 * low, 1.0),
        (low + 4.0, 20.0 * low, 0.0),
        (high - 14.0, 0.0, 1.0),
        (high + 8.0, 0.0, 0.0),
    ] {
        let p = &case["parameters"];
        // A pulse of two seconds that brings `pulse` requests.
        let steps = [(0.0, rate), (10.0, rate + pulse / 2.0), (12.0, rate)];
        let storm = Storm::of(p, &steps, 600.0);
        let healthy = storm.healthy((550.0, 600.0), rate);
        let what = format!(
            "{rate} requests per second: healthy in the end: {}",
            healthy.value
        );
        checked.holds(&what, (healthy.value - expected).abs() < 1e-9);
    }
    checked
}

fn boundaries(case: &Value) -> Option<(Value, f64, f64)> {
    let metrics = case["metrics"].as_array()?;
    let value = |name: &str| {
        let found = metrics.iter().find(|own| own["metric"] == name)?;
        found["value"].as_f64()
    };
    let (low, high) = (
        value("metastable_range_low")?,
        value("metastable_range_high")?,
    );
    Some((case.clone(), low, high))
}
