//! What a run says of the metrics that most families share.

use capsim::experiment::Record;
use capsim::metrics::Outcome;
use capsim::stats::{Confidence, Estimate, Histogram};
use capsim::units::SimDuration;
use serde_json::Value;

use super::harness::{Figure, Runs, in_seconds};
use super::laws::number;

/// The share of a distribution that the suffix of a metric's name stands for.
pub(super) fn quantile(suffix: &str) -> Option<f64> {
    match suffix {
        "p50" => Some(0.5),
        "p95" => Some(0.95),
        "p99" => Some(0.99),
        "p999" => Some(0.999),
        _ => None,
    }
}

/// The standard deviation of what a histogram has, in seconds: its buckets are narrow.
fn sd(own: &Histogram) -> Option<f64> {
    let mean = in_seconds(own.mean())?;
    let square = |(span, n): (SimDuration, u64)| (span.as_secs_f64() - mean).powi(2) * n as f64;
    let squares: f64 = own.spans().map(square).sum();
    Some((squares / own.n() as f64).sqrt())
}

/// A figure of a distribution: `mean`, `sd`, `p99`, or the share above `at` (`tail`).
pub(super) fn spread(
    runs: &Runs,
    of: impl Fn(&Record) -> Histogram,
    (suffix, metric): (&str, &Value),
) -> Option<Estimate> {
    match suffix {
        "mean" => runs.of_all(of, |own| in_seconds(own.mean())),
        "sd" => runs.of_all(of, sd),
        "tail" => {
            let at = SimDuration::from_secs_f64(number(&metric["at"]));
            let above = |record: &Record| {
                let own = of(record);
                let within = own.share_within(at).unwrap_or(1.0);
                (((1.0 - within) * own.n() as f64).round() as u64, own.n())
            };
            Some(runs.share(above))
        }
        other => {
            let p = quantile(other)?;
            runs.of_all(of, |own| in_seconds(own.quantile(p)))
        }
    }
}

/// Latencies of the requests that were served.
pub(super) fn served(record: &Record) -> Histogram {
    let mut all = Histogram::default();
    for class in &record.classes {
        all.merge(&class.served);
    }
    all
}

/// Requests that ended like one of these, and all that ended.
pub(super) fn ended(record: &Record, how: &[Outcome]) -> (u64, u64) {
    let outcomes = |of: &dyn Fn(&[u64]) -> u64| {
        let own = record.classes.iter().map(|class| of(&class.outcomes));
        own.sum()
    };
    let part = |own: &[u64]| how.iter().map(|how| own[how.index()]).sum();
    (outcomes(&part), outcomes(&|own| own.iter().sum()))
}

/// Where the figures of a station are found.
#[derive(Clone, Copy)]
pub(super) struct Station<'a> {
    pub(super) runs: &'a Runs,
    /// The component with the workers, and what it is of that is used.
    pub(super) works: (&'a str, &'a str),
    /// The component and the thing that requests wait for.
    pub(super) waits: (&'a str, &'a str),
    /// What is utilised: the workers, or the cores that they share.
    pub(super) busy: (&'a str, &'a str),
}

impl<'a> Station<'a> {
    /// The workers of a component, for which is waited there.
    pub(super) fn workers(runs: &'a Runs, component: &'a str) -> Self {
        Self {
            runs,
            works: (component, "workers"),
            waits: (component, "workers"),
            busy: (component, "workers"),
        }
    }

    fn waited(&self, record: &Record) -> Histogram {
        self.runs.waits(record, self.waits.0, self.waits.1)
    }

    /// The share of those who had to wait.
    fn p_wait(&self) -> Estimate {
        self.runs.share(|record| {
            let own = self.waited(record);
            (own.n() - own.n_zero(), own.n())
        })
    }

    /// How many wait, on average.
    fn in_line(&self, record: &Record) -> f64 {
        self.runs.average(record, self.waits.0, self.waits.1)[2]
    }

    /// How many are there, on average.
    fn inside(&self, record: &Record) -> f64 {
        let works = self.runs.average(record, self.works.0, self.works.1);
        works[0] + self.in_line(record)
    }

    fn utilization(&self) -> Estimate {
        self.runs.mean(|record| {
            let [used, there, _] = self.runs.average(record, self.busy.0, self.busy.1);
            used / there
        })
    }

    /// What the run says of a metric of the station; nothing of one that is not listed.
    pub(super) fn figure(&self, metric: &Value) -> Option<Figure> {
        self.figure_of(metric["metric"].as_str().expect("a name"), metric)
    }

    /// The same of a class of requests; only latencies are told apart.
    pub(super) fn figure_of_class(
        &self,
        class: usize,
        name: &str,
        metric: &Value,
    ) -> Option<Figure> {
        let suffix = name.strip_prefix("sojourn_")?;
        let own = |record: &Record| record.classes[class].served.clone();
        spread(self.runs, own, (suffix, metric)).map(Figure::from)
    }

    /// The same of a metric that the case calls otherwise.
    pub(super) fn figure_of(&self, name: &str, metric: &Value) -> Option<Figure> {
        let estimate = match name {
            "p_wait" => self.p_wait(),
            "queue_len_mean" => self.runs.mean(|record| self.in_line(record)),
            "in_system_mean" => self.runs.mean(|record| self.inside(record)),
            "utilization" => self.utilization(),
            "throughput" => self.runs.goodput(),
            "p_block" => {
                let full = [Outcome::QueueFull, Outcome::Shed];
                self.runs.share(|record| ended(record, &full))
            }
            "wait_asymptotic_variance" => return Some(self.variance(Of::Waits)),
            "in_system_asymptotic_variance" => return Some(self.variance(Of::Numbers)),
            "in_system_sd" | "in_system_tail" => self.seen(name, metric)?,
            _ => {
                if let Some(suffix) = name.strip_prefix("wait_") {
                    let waits = |record: &Record| self.waited(record);
                    spread(self.runs, waits, (suffix, metric))?
                } else {
                    let suffix = name.strip_prefix("sojourn_")?;
                    spread(self.runs, served, (suffix, metric))?
                }
            }
        };
        Some(estimate.into())
    }

    /// How the number in the system is spread, from looks at it.
    fn seen(&self, name: &str, metric: &Value) -> Option<Estimate> {
        let works = self.runs.number_of_resource(self.works.0, self.works.1);
        let waits = self.runs.number_of_resource(self.waits.0, self.waits.1);
        let own = self.runs.seen.iter().map(|looks| {
            let inside = looks
                .iter()
                .map(|seen| (seen[works].0 + seen[waits].1) as f64);
            let inside: Vec<f64> = inside.collect();
            let n = inside.len() as f64;
            if name == "in_system_tail" {
                let at = number(&metric["at"]);
                return inside.iter().filter(|own| **own > at).count() as f64 / n;
            }
            let mean = inside.iter().sum::<f64>() / n;
            let squares: f64 = inside.iter().map(|own| (own - mean).powi(2)).sum();
            (squares / (n - 1.0)).sqrt()
        });
        let own: Vec<f64> = own.collect();
        mean_of(&own)
    }

    /// How much averages vary, from windows that are long enough to be as good as independent: the limit of the
    /// number of requests times the variance of their mean wait, or of time times that of the number in the
    /// system.
    ///
    /// Over a window the waits of `n` requests are the area `A` under the line, so what is left of `A - W n`
    /// varies as the sum of `n` waits does around their mean `W` (Glynn & Whitt, Operations Research 37, 1989).
    fn variance(&self, of: Of) -> Figure {
        let runs = self.runs;
        let windows = |record: &Record| {
            let works = runs.levels(record, self.works.0, self.works.1);
            let waits = runs.levels(record, self.waits.0, self.waits.1);
            let own = (runs.warm_up..record.windows.len()).map(|at| {
                let window = &record.windows[at];
                let area = match of {
                    Of::Waits => waits[at][2] * window.seconds,
                    Of::Numbers => (works[at][0] + waits[at][2]) * window.seconds,
                };
                (area, window.arrived as f64, window.seconds)
            });
            own.collect::<Vec<_>>()
        };
        let all: Vec<_> = runs.records.iter().flat_map(windows).collect();
        let sum = |of: fn(&(f64, f64, f64)) -> f64| all.iter().map(of).sum::<f64>();
        let (area, n, time) = (sum(|own| own.0), sum(|own| own.1), sum(|own| own.2));
        let left = all.iter().map(|(own, arrived, seconds)| match of {
            Of::Waits => own - area / n * arrived,
            Of::Numbers => own - area / time * seconds,
        });
        let squares: Vec<f64> = left.map(|own| own * own).collect();
        let per = match of {
            Of::Waits => n / all.len() as f64,
            Of::Numbers => time / all.len() as f64,
        };
        let squares: Vec<f64> = squares.into_iter().map(|own| own / per).collect();
        let freedom = (squares.len() - 1) as f64;
        Figure {
            freedom,
            ..mean_of(&squares).expect("windows").into()
        }
    }
}

/// What varies.
#[derive(Debug, Clone, Copy)]
enum Of {
    Waits,
    Numbers,
}

/// The mean of independent values.
pub(super) fn mean_of(values: &[f64]) -> Option<Estimate> {
    Estimate::mean(values, Confidence::new(0.95)?)
}
