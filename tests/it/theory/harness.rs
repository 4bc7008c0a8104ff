//! What all families share: how cases are read, run long enough, and compared.

use capsim::component::{Component as _, Kept, System};
use capsim::engine::Watch;
use capsim::experiment::{Counters, Record, Session, replicate};
use capsim::rng::Streams;
use capsim::stats::{Confidence, Estimate, Histogram};
use rayon::prelude::*;
use serde_json::Value;

use super::laws::{number, seconds};
use crate::support::load;

/// Replications of each case.
pub(super) const REPLICATIONS: u32 = 20;
/// Student's t with 19 degrees of freedom at 1 % for about 800 comparisons together (Bonferroni).
const SIGNIFICANT: f64 = 5.8;
/// The half-width of a 95 % interval with 19 degrees of freedom, in standard errors.
const HALF_WIDTH: f64 = 2.093;
/// What a figure may be off because of how it is kept: a bucket of a histogram is at most 0.8 % wide, and
/// interpolation leaves far less.
const BLUR: f64 = 1e-4;

/// The table of a run.
pub(super) fn run_table(horizon: f64, warm_up: f64) -> String {
    format!(
        "[run]\nhorizon = {}\nwindow = {}\nwarm_up = {}\nreplications = {REPLICATIONS}\n",
        seconds(horizon),
        seconds(horizon / 100.0),
        seconds(warm_up),
    )
}

/// How many requests a case gets, over all replications.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    requests: f64,
    /// What its tolerances are multiplied with, because it gets fewer than it asks for.
    pub(super) widened: f64,
}

impl Effort {
    pub(super) fn of(case: &Value, most: f64) -> Self {
        let wanted = number(&case["advice"]["requests_for_main_metrics"]);
        let requests = wanted.min(most);
        let widened = (wanted / requests).sqrt();
        Self { requests, widened }
    }

    /// With at least so many requests: where a few rare spells decide, their spread must show.
    pub(super) const fn at_least(self, least: f64) -> Self {
        let Self { requests, widened } = self;
        let requests = requests.max(least);
        Self { requests, widened }
    }

    /// For cases that do not say how many they ask for.
    pub(super) const fn fixed(requests: f64) -> Self {
        Self {
            requests,
            widened: 1.0,
        }
    }

    /// The seconds that each replication takes at so many requests per second.
    pub(super) fn seconds_at(self, rate: f64) -> f64 {
        self.requests / rate / f64::from(REPLICATIONS)
    }
}

/// What a run says of a metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure {
    pub(super) estimate: Estimate,
    /// What it may be off, relative to the value, because of how it is kept.
    pub(super) blur: f64,
}

impl From<Estimate> for Figure {
    fn from(estimate: Estimate) -> Self {
        Self {
            estimate,
            blur: BLUR,
        }
    }
}

/// The values that were compared, and what is wrong with those that are.
#[derive(Debug, Default)]
pub(super) struct Checked {
    compared: usize,
    wrong: Vec<String>,
}

impl Checked {
    /// Compares the metrics of a case for which there is a figure.
    ///
    /// # Panics
    /// If there is none at all.
    pub(super) fn case(
        &mut self,
        case: &Value,
        widened: f64,
        figure: impl Fn(&Value) -> Option<Figure>,
    ) {
        let before = self.compared;
        for metric in case["metrics"].as_array().expect("metrics") {
            if let Some(figure) = figure(metric) {
                self.metric(&case["id"], metric, figure, widened);
            }
        }
        assert!(
            self.compared > before,
            "nothing was compared of {}",
            case["id"]
        );
    }

    /// Compares one metric: within its tolerance, and within the limit of significance.
    fn metric(&mut self, id: &Value, metric: &Value, figure: Figure, widened: f64) {
        let value = number(&metric["value"]);
        let relative = metric["tol_rel"].as_f64().unwrap_or(0.0);
        let absolute = metric["tol_abs"].as_f64().unwrap_or(0.0);
        let tolerance = (relative * value.abs()).max(absolute).max(1e-9) * widened;
        let name = format!("{id} {}", metric["metric"]);
        // Where the value is that of a limiting system, only a simulation knows what is significant.
        let is_exact = matches!(metric["kind"].as_str(), Some("exact" | "numeric"));
        match metric["sim"].as_array() {
            _ if is_exact => self.value(&name, figure, (value, tolerance), Some((value, 0.0))),
            Some(sim) => {
                let sim = (number(&sim[0]), number(&sim[1]));
                self.value(&name, figure, (value, tolerance), Some(sim));
            }
            None => self.value(&name, figure, (value, tolerance), None),
        }
    }

    /// Compares a figure with a value and its tolerance, and with what is known with a standard error.
    pub(super) fn value(
        &mut self,
        name: &str,
        figure: Figure,
        (value, tolerance): (f64, f64),
        known: Option<(f64, f64)>,
    ) {
        let Figure { estimate, blur } = figure;
        let error = estimate.half_width().expect("20 replications") / HALF_WIDTH;
        let distance = (estimate.value - value).abs();
        self.compared += 1;
        let is_significant = known.is_some_and(|(known, its_error)| {
            (estimate.value - known).abs()
                > SIGNIFICANT * error.hypot(its_error) + blur * known.abs()
        });
        if distance > tolerance || is_significant || estimate.value.is_nan() {
            self.wrong.push(format!(
                "{name}: {} ± {error:.3e}, expected {value}, off by {distance:.2e} (tolerance {tolerance:.2e}, {:.1} errors)",
                estimate.value,
                distance / error
            ));
        }
    }

    /// Compares an exact value, within a relative tolerance.
    pub(super) fn exact(&mut self, name: &str, figure: impl Into<Figure>, value: f64, within: f64) {
        self.value(
            name,
            figure.into(),
            (value, within * value.abs()),
            Some((value, 0.0)),
        );
    }

    /// Notes whether something holds.
    pub(super) fn holds(&mut self, name: &str, holds: bool) {
        self.compared += 1;
        if !holds {
            self.wrong.push(name.to_owned());
        }
    }

    /// What is wrong, if anything is.
    pub(super) fn verdict(&self) -> Result<(), String> {
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(self.wrong.join("\n"))
        }
    }

    /// # Panics
    /// If something is wrong, or if it was not `compared` values: none may be left out unnoticed.
    pub(super) fn assert(&self, compared: usize) {
        assert!(
            self.wrong.is_empty(),
            "{} of {} values:\n{}",
            self.wrong.len(),
            self.compared,
            self.wrong.join("\n")
        );
        assert_eq!(self.compared, compared, "values compared");
    }
}

/// Replications as they were recorded, for what the findings do not say.
pub(super) struct Runs {
    pub(super) records: Vec<Record>,
    /// Component and name of what can run out, and of what else is kept over time.
    resources: Vec<(String, String)>,
    gauges: Vec<(String, String)>,
    /// Component and name of what is counted.
    counters: Vec<(String, String)>,
    /// How many windows are left out.
    pub(super) warm_up: usize,
}

fn level() -> Confidence {
    Confidence::new(0.95).expect("a level")
}

impl Runs {
    pub(super) fn of(text: &str) -> Self {
        let scenario = load(text).scenario;
        let system = System::new(scenario.blueprint(), Streams::new(0, 0));
        let resources = system.nodes().iter().flat_map(|node| node.resources());
        let (levels, counters): (Vec<_>, Vec<_>) = system
            .gauges()
            .into_iter()
            .partition(|gauge| matches!(gauge.kept, Kept::Level(_)));
        let named = |own: Vec<capsim::component::Gauge>| {
            let named = own
                .into_iter()
                .map(|own| (own.component, own.what.to_owned()));
            named.collect()
        };
        let replication = |number| {
            let (watch, counters) = (Watch::default(), Counters::default());
            let session = Session {
                watch: &watch,
                counters: &counters,
            };
            let record = replicate(&scenario, number, &session).expect("nobody interrupts");
            assert!(record.overflow.is_none(), "too many requests in flight");
            record
        };
        Self {
            records: (0..REPLICATIONS).into_par_iter().map(replication).collect(),
            resources: resources.map(|own| (own.component, own.what)).collect(),
            gauges: named(levels),
            counters: named(counters),
            warm_up: scenario.blueprint().windows.warm_up,
        }
    }

    /// A figure that every replication has.
    pub(super) fn mean(&self, of: impl Fn(&Record) -> f64) -> Estimate {
        let values: Vec<f64> = self.records.iter().map(of).collect();
        Estimate::mean(&values, level()).expect("replications")
    }

    /// A share: part and whole of every replication.
    pub(super) fn share(&self, of: impl Fn(&Record) -> (u64, u64)) -> Estimate {
        let parts: Vec<_> = self.records.iter().map(of).collect();
        Estimate::share(&parts, level()).expect("something to be a share of")
    }

    /// A figure of a distribution, over all replications.
    pub(super) fn of_all(
        &self,
        own: impl Fn(&Record) -> Histogram,
        figure: impl Fn(&Histogram) -> Option<f64>,
    ) -> Option<Estimate> {
        let own: Vec<_> = self.records.iter().map(own).collect();
        let mut pooled = Histogram::default();
        for part in &own {
            pooled.merge(part);
        }
        Estimate::sections(figure(&pooled), own.iter().map(figure), level())
    }

    fn number_of_resource(&self, component: &str, what: &str) -> usize {
        let is_it = |own: &(String, String)| own.0 == component && own.1 == what;
        let found = self.resources.iter().position(is_it);
        found.unwrap_or_else(|| panic!("no {what} of {component}"))
    }

    /// How long was waited for a resource.
    pub(super) fn waits(&self, record: &Record, component: &str, what: &str) -> Histogram {
        let waits = &record.waits[self.number_of_resource(component, what)];
        waits.clone().expect("it can be waited for")
    }

    /// By window: in use, there, and waiting.
    pub(super) fn levels<'a>(
        &self,
        record: &'a Record,
        component: &str,
        what: &str,
    ) -> &'a [[f64; 3]] {
        &record.resources[self.number_of_resource(component, what)]
    }

    /// In use, there and waiting, on average (all windows are equally long).
    pub(super) fn average(&self, record: &Record, component: &str, what: &str) -> [f64; 3] {
        let measured = &self.levels(record, component, what)[self.warm_up..];
        [0, 1, 2].map(|part| {
            let sum: f64 = measured.iter().map(|levels| levels[part]).sum();
            sum / measured.len() as f64
        })
    }

    /// The average of what else is kept over time.
    pub(super) fn gauge(&self, record: &Record, what: &str) -> f64 {
        let number = self.gauges.iter().position(|own| own.1 == what);
        let measured = &record.gauges[number.expect(what)][self.warm_up..];
        measured.iter().sum::<f64>() / measured.len() as f64
    }

    /// How often something happened.
    pub(super) fn count(&self, record: &Record, component: &str, what: &str) -> u64 {
        let is_it = |own: &(String, String)| own.0 == component && own.1 == what;
        let found = self.counters.iter().position(is_it);
        // What cannot happen is not counted.
        found.map_or(0, |at| record.counters[at])
    }

    /// A sum over the measured windows.
    pub(super) fn sum(&self, record: &Record, of: impl Fn(usize) -> u64) -> u64 {
        (self.warm_up..record.windows.len()).map(of).sum()
    }

    /// Answers per second, also those that nobody waited for any more.
    pub(super) fn throughput(&self) -> Estimate {
        self.mean(|record| {
            let of = |window: usize| record.windows[window].given;
            self.sum(record, of) as f64 / record.measured_s
        })
    }

    /// Answers to somebody who waited, per second.
    pub(super) fn goodput(&self) -> Estimate {
        self.mean(|record| {
            let answered = self.sum(record, |window| record.windows[window].answered);
            answered as f64 / record.measured_s
        })
    }
}

/// Seconds of a span.
pub(super) fn in_seconds(span: Option<capsim::units::SimDuration>) -> Option<f64> {
    span.map(capsim::units::SimDuration::as_secs_f64)
}
