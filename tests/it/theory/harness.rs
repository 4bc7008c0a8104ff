//! What all families share: how cases are read, run long enough, and compared.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use capsim::component::{Component as _, Kept, Node, Resource, System};
use capsim::engine::Watch;
use capsim::experiment::{Record, keep};
use capsim::metrics::{Entry, WaitId};
use capsim::rng::Streams;
use capsim::scenario::{Memory, Scenario};
use capsim::stats::laws::student_quantile;
use capsim::stats::{Confidence, Estimate, Histogram};
use capsim::units::{SimDuration, SimTime};
use rayon::prelude::*;
use serde_json::Value;

use super::laws::{number, seconds};
use crate::support::load_with;

/// Replications of each case that does not say how many it needs.
pub(super) const REPLICATIONS: u32 = 20;
/// The level at which values are compared: 1 % for about 2,000 comparisons together (Bonferroni, two-sided).
const LEVEL: f64 = 1.0 - 0.01 / 2000.0 / 2.0;
/// What a figure may be off because of how it is kept: a bucket of a histogram is at most 0.8 % wide, and
/// interpolation leaves far less.
pub(super) const BLUR: f64 = 1e-4;

/// A bucket of a histogram, relative to what is in it.
pub(super) const BUCKET: f64 = 0.008;

/// How much a run of the tests may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    /// What every `cargo test` can afford.
    Commit,
    /// Up to 50 million requests, or all replications that a case asks for.
    Nightly,
    /// Whatever a case asks for.
    Release,
}

/// What `CAPSIM_CONFORMANCE_TIER` says; `commit` unless it is set.
///
/// # Panics
/// If it is something else than `commit`, `nightly` or `release`.
pub(super) fn tier() -> Tier {
    let Some(given) = std::env::var_os("CAPSIM_CONFORMANCE_TIER") else {
        return Tier::Commit;
    };
    match given.to_str() {
        Some("commit") => Tier::Commit,
        Some("nightly") => Tier::Nightly,
        Some("release") => Tier::Release,
        _ => panic!(
            "CAPSIM_CONFORMANCE_TIER is commit, nightly or release, not {}",
            given.display()
        ),
    }
}

/// Requests of a case in the nightly tier, at most.
const NIGHTLY: f64 = 50e6;

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
    /// As many as it asks for, but no more than `most` in the commit tier, and not much more than 50 million in the
    /// nightly one.
    pub(super) fn of(case: &Value, most: f64) -> Self {
        let wanted = wanted(case).unwrap_or(most);
        let most = match tier() {
            Tier::Commit => most,
            Tier::Nightly => most.max(NIGHTLY),
            Tier::Release => f64::INFINITY,
        };
        let requests = wanted.min(most);
        let widened = (wanted / requests).sqrt();
        Self {
            requests: requests * factor(),
            widened,
        }
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

/// How many requests a case asks for, if it says so.
fn wanted(case: &Value) -> Option<f64> {
    case["advice"]["requests_for_main_metrics"].as_f64()
}

/// How many replications a case gets that asks for so many, each with about so many requests, and what its tolerances
/// are multiplied with because they are fewer. In the commit tier there are `most` requests in all, about, and
/// `least` replications.
pub(super) fn replications_of(
    case: &Value,
    requests: f64,
    (most, least): (f64, u32),
) -> (u32, f64) {
    let wanted = case["advice"]["replications"].as_f64().unwrap_or(100.0);
    let affordable = match tier() {
        Tier::Commit => (most / requests).max(f64::from(least)),
        Tier::Nightly | Tier::Release => f64::INFINITY,
    };
    let count = wanted.min(affordable).max(f64::from(REPLICATIONS));
    ((count * factor()) as u32, (wanted / count).max(1.0).sqrt())
}

/// True if a case is left to a later tier: with `most` requests, which it gets in this one at most, next to nothing
/// would be left of its tolerances.
pub(super) fn is_for_later(case: &Value, most: f64) -> bool {
    let most = match tier() {
        Tier::Commit => most,
        Tier::Nightly => most.max(NIGHTLY),
        Tier::Release => f64::INFINITY,
    };
    wanted(case).is_some_and(|wanted| wanted > most)
}

/// What a run says of a metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure {
    pub(super) estimate: Estimate,
    /// What it may be off, relative to the value, because of how it is kept.
    pub(super) blur: f64,
    /// The degrees of freedom of its interval.
    pub(super) freedom: f64,
}

impl Figure {
    /// A figure that is computed, not estimated.
    pub(super) fn known(value: f64) -> Self {
        let interval = Some((value, value));
        Estimate { value, interval }.into()
    }
}

impl From<Estimate> for Figure {
    fn from(estimate: Estimate) -> Self {
        Self {
            estimate,
            blur: BLUR,
            freedom: f64::from(REPLICATIONS - 1),
        }
    }
}

/// The values that were compared, and what is wrong with those that are.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    compared: usize,
    wrong: Vec<String>,
    /// Metrics for which there was no figure.
    missing: Vec<String>,
    /// Cases that are left to a later tier.
    later: Vec<String>,
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
        for metric in case["metrics"].as_array().expect("metrics") {
            match figure(metric) {
                Some(figure) => {
                    // What a metric asks for may be more, or less, than what the case does.
                    let own = metric["requests_for_tol"].as_f64();
                    let share = own.zip(wanted(case)).map_or(1.0, |(own, all)| own / all);
                    let widened = (widened * share.sqrt()).max(1.0);
                    self.metric(&case["id"], metric, figure, widened);
                }
                None => self.missing.push(label(&case["id"], metric)),
            }
        }
    }

    /// Compares those metrics of a case for which there is a figure, where others are looked at elsewhere.
    pub(super) fn part_of_case(
        &mut self,
        case: &Value,
        widened: f64,
        figure: impl Fn(&Value) -> Option<Figure>,
    ) {
        let before = (self.compared, self.missing.len());
        self.case(case, widened, figure);
        self.missing.truncate(before.1);
        assert!(
            self.compared > before.0,
            "nothing was compared of {}",
            case["id"]
        );
    }

    /// Leaves a case to a later tier.
    pub(super) fn leaves(&mut self, case: &Value) {
        self.later.push(case["id"].to_string());
    }

    /// Compares one metric: within its tolerance, and within the limit of significance.
    fn metric(&mut self, id: &Value, metric: &Value, figure: Figure, widened: f64) {
        let value = number(&metric["value"]);
        let relative = metric["tol_rel"].as_f64().unwrap_or(0.0);
        let absolute = metric["tol_abs"].as_f64().unwrap_or(0.0);
        let tolerance = (relative * value.abs()).max(absolute).max(1e-9) * widened;
        let name = label(id, metric);
        // Where a law ends inside of a bucket, what is interpolated does not.
        let is_quantile = metric["metric"]
            .as_str()
            .is_some_and(|own| own.contains("_p"));
        let blur = if is_quantile { BUCKET / 4.0 } else { 0.0 };
        let figure = Figure {
            blur: figure.blur.max(blur),
            ..figure
        };
        // Where the value is that of a limiting system, only a simulation knows what is significant.
        let is_exact = matches!(metric["kind"].as_str(), Some("exact" | "numeric"));
        match metric["sim"].as_array() {
            _ if metric["kind"] == "bound" => self.bound(&name, figure.estimate, metric, value),
            _ if is_exact => self.value(&name, figure, (value, tolerance), Some((value, 0.0))),
            Some(sim) => {
                let sim = (number(&sim[0]), number(&sim[1]));
                self.value(&name, figure, (value, tolerance), Some(sim));
            }
            None => self.value(&name, figure, (value, tolerance), None),
        }
    }

    /// Compares figures that are known exactly, one or several.
    pub(super) fn exactly(&mut self, case: &Value, metric: &Value, figures: Option<&[f64]>) {
        let name = label(&case["id"], metric);
        let Some(figures) = figures else {
            self.missing.push(name);
            return;
        };
        let values: Vec<f64> = match metric["value"].as_array() {
            Some(values) => values.iter().map(number).collect(),
            None => vec![number(&metric["value"])],
        };
        let relative = metric["tol_rel"].as_f64().unwrap_or(1e-9);
        let absolute = metric["tol_abs"].as_f64().unwrap_or(1e-9);
        let is_near = |(value, own): (&f64, &f64)| {
            (value - own).abs() <= (relative * value.abs()).max(absolute)
        };
        let pairs = values.iter().zip(figures);
        let is_right = values.len() == figures.len() && pairs.clone().all(is_near);
        let wrong = pairs.clone().position(|pair| !is_near(pair)).unwrap_or(0);
        let own = (figures.get(wrong), values.get(wrong));
        let message = format!("{name}: {own:?}, at {wrong} of {}", values.len());
        self.holds(&message, is_right);
    }

    /// Holds a figure against a bound that it must keep on one side of.
    fn bound(&mut self, name: &str, estimate: Estimate, metric: &Value, bound: f64) {
        let is_upper = metric["metric"]
            .as_str()
            .is_some_and(|own| own.ends_with("_upper"));
        let half = estimate.half_width().expect("replications");
        let keeps = if is_upper {
            estimate.value - half <= bound
        } else {
            estimate.value + half >= bound
        };
        self.holds(
            &format!("{name}: {} against {bound}", estimate.value),
            keeps,
        );
    }

    /// Compares a figure with a value and its tolerance, and with what is known with a standard error.
    pub(super) fn value(
        &mut self,
        name: &str,
        figure: Figure,
        (value, tolerance): (f64, f64),
        known: Option<(f64, f64)>,
    ) {
        let Figure {
            estimate,
            blur,
            freedom,
        } = figure;
        let half = estimate.half_width().unwrap_or(0.0);
        let error = half / student_quantile(0.975, freedom);
        let distance = (estimate.value - value).abs();
        self.compared += 1;
        let limit = student_quantile(LEVEL, freedom);
        let is_significant = known.is_some_and(|(known, its_error)| {
            (estimate.value - known).abs()
                > limit * error.hypot(its_error) + blur * known.abs() + 1e-9
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

    /// How many values were compared.
    pub(crate) fn compared(&self) -> usize {
        self.compared
    }

    /// Whether it is left to a later tier.
    pub(crate) fn is_for_later(&self) -> bool {
        !self.later.is_empty()
    }

    /// What is wrong, if anything is: values, or metrics for which there is no figure.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let missing = self
            .missing
            .iter()
            .map(|own| format!("{own}: nothing to compare with"));
        let wrong: Vec<_> = self.wrong.iter().cloned().chain(missing).collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n"))
        }
    }

    /// True if a value is wrong.
    pub(super) fn is_wrong(&self) -> bool {
        !self.wrong.is_empty()
    }

    /// # Panics
    /// If something is wrong, or there is no figure for a metric.
    pub(super) fn assert(&self) {
        if let Err(why) = self.verdict() {
            panic!("of {} values:\n{why}", self.compared);
        }
    }
}

/// How the metric of a case is called in messages.
fn label(id: &Value, metric: &Value) -> String {
    let selectors = ["at", "t", "item", "station", "class", "k", "n"];
    let mut name = format!("{id} {}", metric["metric"]);
    for key in selectors {
        if let Some(value) = metric.get(key) {
            name += &format!(" {key}={value}");
        }
    }
    name
}

thread_local! {
    /// Whether a case that failed is repeated, with fresh seeds and more effort.
    static AGAIN: Cell<bool> = const { Cell::new(false) };
}

/// Does something once more, with fresh seeds and three times the effort.
pub(super) fn again<T>(what: impl FnOnce() -> T) -> T {
    AGAIN.set(true);
    let done = catch_unwind(AssertUnwindSafe(what));
    AGAIN.set(false);
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// How much more effort than usual.
fn factor() -> f64 {
    if AGAIN.get() { 3.0 } else { 1.0 }
}

/// Of every resource: how much is in use, and how many wait.
pub(super) type Seen = Vec<(u64, u64)>;

/// How many instances have at least `k` requests.
pub(super) fn crowd(look: &[u32], k: u32) -> u32 {
    look.iter().filter(|own| **own >= k).count() as u32
}

/// How many requests each instance of every service has that is in service.
fn instances(system: &System) -> Vec<u32> {
    let own = system.nodes().iter().filter_map(|node| match node {
        Node::Service(service) => Some(service.requests_by_instance()),
        _ => None,
    });
    own.flatten().collect()
}

/// What is read off the resources of a system now.
pub(super) fn look(system: &System, resources: &[Resource]) -> Seen {
    let now = |level| system.recorder().level_now(level);
    let of = |own: &Resource| (now(own.used), own.waiting.map_or(0, now));
    resources.iter().map(of).collect()
}

/// What can run out in a system.
pub(super) fn resources(system: &System) -> Vec<Resource> {
    let nodes = system.nodes().iter();
    nodes.flat_map(|node| node.resources()).collect()
}

/// A look at a system: its resources, and its instances.
type Look = (Seen, Vec<u32>);

/// Runs so many replications of a scenario, each up to its instants and then to its end, and gives what is made of
/// each.
pub(super) fn replications<T: Send>(
    scenario: &Scenario,
    count: u32,
    (instants, look): (&[f64], &(impl Fn(&System) -> Look + Sync)),
    end: impl Fn(&System, Vec<Look>) -> T + Sync,
) -> Vec<T> {
    let seed = u64::from(AGAIN.get());
    let replication = |number| {
        let mut system = System::new(scenario.blueprint(), Streams::new(seed, number));
        let watch = Watch::default();
        let see = |at: &f64| {
            let at = SimTime::ZERO + SimDuration::from_secs_f64(*at);
            system.run_until(at, &watch);
            look(&system)
        };
        let seen = instants.iter().map(see).collect();
        system.run(&watch);
        assert!(system.overflow().is_none(), "too many requests in flight");
        end(&system, seen)
    };
    (0..count)
        .into_par_iter()
        .with_max_len(1)
        .map(replication)
        .collect()
}

/// Replications as they were recorded, for what the findings do not say.
pub(super) struct Runs {
    pub(super) records: Vec<Record>,
    pub(super) scenario: Scenario,
    /// By replication and instant: what was seen of every resource.
    pub(super) seen: Vec<Vec<Seen>>,
    /// By replication and instant: how many requests each instance has that is in service.
    pub(super) crowds: Vec<Vec<Vec<u32>>>,
    /// By replication, what happened to single requests.
    pub(super) logs: Vec<Vec<Entry>>,
    /// By resource, the number of the wait for it, if anybody can.
    pub(super) waits_for: Vec<Option<WaitId>>,
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
        Self::looking(text, &Memory::default(), REPLICATIONS, &[])
    }

    /// So many replications of a scenario with its data files, looked at at given instants.
    pub(super) fn looking(text: &str, files: &Memory, count: u32, instants: &[f64]) -> Self {
        let files = files.clone().with("test.toml", text);
        let scenario = load_with(&files, &[]).scenario;
        let system = System::new(scenario.blueprint(), Streams::new(0, 0));
        let resources = resources(&system);
        let (levels, counters): (Vec<_>, Vec<_>) = system
            .gauges()
            .into_iter()
            .partition(|gauge| matches!(gauge.kept, Kept::Level(_) | Kept::Sample(_)));
        let named = |own: Vec<capsim::component::Gauge>| {
            let named = own
                .into_iter()
                .map(|own| (own.component, own.what.to_owned()));
            named.collect()
        };
        let looks = |system: &System| (look(system, &resources), instances(system));
        let end = |system: &System, seen: Vec<Look>| {
            let log = system.recorder().log().to_vec();
            (keep(scenario.blueprint(), system, false), seen, log)
        };
        let done = replications(&scenario, count, (instants, &looks), end);
        let (mut records, mut seen, mut logs) = (Vec::new(), Vec::new(), Vec::new());
        let mut crowds = Vec::new();
        for (record, looks, log) in done {
            let (own, instances) = looks.into_iter().unzip();
            records.push(record);
            seen.push(own);
            crowds.push(instances);
            logs.push(log);
        }
        let counted = counters
            .into_iter()
            .filter(|own| own.kept.counter().is_some());
        Self {
            records,
            seen,
            crowds,
            logs,
            waits_for: resources.iter().map(|own| own.wait).collect(),
            resources: resources
                .into_iter()
                .map(|own| (own.component, own.what))
                .collect(),
            gauges: named(levels),
            counters: named(counted.collect()),
            warm_up: scenario.blueprint().windows.warm_up,
            scenario,
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

    /// The line of a component, whatever is waited for in it.
    pub(super) fn number_of_line(&self, component: &str) -> usize {
        let found = self.resources.iter().position(|own| own.0 == component);
        found.unwrap_or_else(|| panic!("no line of {component}"))
    }

    pub(super) fn number_of_resource(&self, component: &str, what: &str) -> usize {
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

    /// The average of what else is kept over time, of whichever component has it.
    pub(super) fn gauge(&self, record: &Record, what: &str) -> f64 {
        let component = self.gauges.iter().find(|own| own.1 == what);
        let component = component.unwrap_or_else(|| panic!("no {what}"));
        self.gauge_of(record, &component.0, what)
    }

    /// The average of what else a component keeps over time.
    pub(super) fn gauge_of(&self, record: &Record, component: &str, what: &str) -> f64 {
        let is_it = |own: &(String, String)| own.0 == component && own.1 == what;
        let number = self.gauges.iter().position(is_it);
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
pub(super) fn in_seconds(span: Option<SimDuration>) -> Option<f64> {
    span.map(SimDuration::as_secs_f64)
}
