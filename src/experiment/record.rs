//! One replication, and what is kept of it.

use std::sync::atomic::Ordering;

use super::run::Session;
use crate::autoscaler::{Reason, Sight};
use crate::component::caller::Counts;
use crate::component::queue;
use crate::component::source::Account;
use crate::component::{
    Bill, Blueprint, Charge, Component as _, Gauge, Kept, Node, Plan, Resource, System,
};
use crate::engine::Ended;
use crate::metrics::{Entry, Happened, Outcome, Recorder, Windows};
use crate::rng::Streams;
use crate::scenario::Scenario;
use crate::stats::Histogram;
use crate::units::{SimDuration, SimTime};

/// What one class of requests came to, warm-up left out.
#[derive(Debug, Clone)]
pub struct ClassRecord {
    /// Requests that arrived.
    pub arrived: u64,
    /// How they ended, by [`Outcome::index`].
    pub outcomes: Vec<u64>,
    /// Latencies of those that were served.
    pub served: Histogram,
    /// Latencies of those that waited in vain.
    pub unserved: Histogram,
}

impl ClassRecord {
    /// No requests.
    pub(super) fn empty() -> Self {
        Self {
            arrived: 0,
            outcomes: vec![0; Outcome::COUNT],
            served: Histogram::default(),
            unserved: Histogram::default(),
        }
    }

    /// Adds another class.
    pub(super) fn merge(&mut self, other: &Self) {
        self.arrived += other.arrived;
        for (mine, theirs) in self.outcomes.iter_mut().zip(&other.outcomes) {
            *mine += theirs;
        }
        self.served.merge(&other.served);
        self.unserved.merge(&other.unserved);
    }

    /// Requests that ended.
    pub(super) fn ended(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Requests that were served.
    pub(super) fn n_served(&self) -> u64 {
        let successes = Outcome::ALL.iter().filter(|outcome| outcome.is_success());
        successes
            .map(|outcome| self.outcomes[outcome.index()])
            .sum()
    }

    /// Latencies of all that waited for their end.
    pub(super) fn latencies(&self) -> Histogram {
        let mut all = self.served.clone();
        all.merge(&self.unserved);
        all
    }
}

/// One window.
#[derive(Debug, Clone, Default)]
pub struct WindowRecord {
    /// How long it was, in seconds.
    pub seconds: f64,
    /// Requests that arrived in it.
    pub arrived: u64,
    /// Requests that were answered in it, to somebody who waited.
    pub answered: u64,
    /// Answers that the system gave in it, whoever asked.
    pub given: u64,
    /// Attempts that were sent in it.
    pub attempts: u64,
    /// Requests that arrived in it and were not served; those that the end of a test cut off are left out.
    pub unserved: u64,
    /// Median, 95th and 99th percentile of the latency of those that arrived in it, in seconds.
    pub latencies: [Option<f64>; 3],
    /// The same of those that were served.
    pub served: [Option<f64>; 3],
}

/// The quantiles of [`WindowRecord::latencies`].
pub(super) const WINDOW_QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// A look of an autoscaler.
#[derive(Debug, Clone)]
pub struct LookRecord {
    /// The service.
    pub service: String,
    /// Which of its autoscalers: its kind, or its name where it has one.
    pub autoscaler: String,
    /// When.
    pub at: SimTime,
    /// Instances before, asked for by the rule, and after.
    pub from: u32,
    /// See `from`.
    pub wanted: u32,
    /// See `from`.
    pub to: u32,
    /// Answers per second that it saw.
    pub throughput: f64,
    /// 95th percentile of the response time that it saw, in seconds.
    pub response_p95: Option<f64>,
    /// What the decision went by.
    pub sight: Option<Sight>,
    /// Why.
    pub reason: Reason,
}

/// A line of the log.
#[derive(Debug, Clone)]
pub struct LogRecord {
    /// The class of a request, or what was waited for.
    pub subject: String,
    /// When the request arrived, or the wait began.
    pub from: SimTime,
    /// When it was over.
    pub to: SimTime,
    /// How the request ended; nothing for a wait.
    pub outcome: Option<&'static str>,
    /// Attempts sent for the request; nothing for a wait.
    pub attempts: Option<u32>,
}

/// What is kept of one replication.
#[derive(Debug, Clone)]
pub struct Record {
    /// By class.
    pub classes: Vec<ClassRecord>,
    /// By window; only those that were closed.
    pub windows: Vec<WindowRecord>,
    /// By resource and window: average in use, there, and waiting (in units).
    pub resources: Vec<Vec<[f64; 3]>>,
    /// By resource: waits, if anybody can wait for it.
    pub waits: Vec<Option<Histogram>>,
    /// By gauge that is followed over time, and window: the average, or what was read at the end.
    pub gauges: Vec<Vec<f64>>,
    /// By gauge kept as ages or times: how old what was given out was, how long something took.
    pub times: Vec<Histogram>,
    /// By gauge kept as a counter: the count.
    pub counters: Vec<u64>,
    /// By bill: what it came to, in dollars.
    pub costs: Vec<f64>,
    /// The most instances that were paid for at the same time, on average over a window.
    pub instances_peak: f64,
    /// Every look of every autoscaler.
    pub looks: Vec<LookRecord>,
    /// By caller.
    pub callers: Vec<Counts>,
    /// By source.
    pub sources: Vec<Account>,
    /// By queue.
    pub queues: Vec<queue::Counts>,
    /// Seconds measured: closed windows without the warm-up.
    pub measured_s: f64,
    /// When too many requests were in flight to go on, if that happened.
    pub overflow: Option<SimTime>,
    /// Requests whose client still waited at the end.
    pub in_flight: u64,
    /// Events, arrivals and timers.
    pub n_events: u64,
    /// What happened to single requests, in the first replication.
    pub log: Vec<LogRecord>,
}

/// Runs replication number `number` of a scenario; nothing if it was interrupted.
pub fn replicate(scenario: &Scenario, number: u32, session: &Session<'_>) -> Option<Record> {
    let blueprint = scenario.blueprint();
    let mut system = System::new(blueprint, Streams::new(scenario.seed(), number));
    if system.run(session.watch) == Ended::Interrupted {
        return None;
    }
    let record = keep(blueprint, &system, number == 0);
    session.counters.runs.fetch_add(1, Ordering::Relaxed);
    let arrived = system.recorder().n_arrived();
    session
        .counters
        .requests
        .fetch_add(arrived, Ordering::Relaxed);
    Some(record)
}

/// What can run out in a system, in a fixed order.
pub(super) fn resources(system_nodes: &[Node]) -> Vec<Resource> {
    system_nodes
        .iter()
        .flat_map(|node| node.resources())
        .collect()
}

/// What is kept of a system that has run to its end; its log only if `logs`.
pub fn keep(blueprint: &Blueprint, system: &System, logs: bool) -> Record {
    let recorder = system.recorder();
    let windows = recorder.windows();
    let closed = recorder.n_closed();
    let (classes, window_records) = keep_requests(blueprint, recorder, closed);
    let resources = resources(system.nodes());
    let all_gauges = system.gauges();
    let level = |gauge: &Gauge| match gauge.kept {
        Kept::Level(level) => Some(level),
        _ => None,
    };
    let paid: Vec<_> = all_gauges
        .iter()
        .filter(|g| g.what == "instances_paid")
        .filter_map(level)
        .collect();
    let paid_in = |window| {
        paid.iter()
            .map(|level| recorder.average_in(window, *level))
            .sum::<f64>()
    };
    Record {
        classes,
        windows: window_records,
        resources: resources
            .iter()
            .map(|r| keep_resource(recorder, r, closed))
            .collect(),
        waits: resources
            .iter()
            .map(|r| r.wait.map(|wait| recorder.waits(wait)))
            .collect(),
        gauges: keep_gauges(recorder, &all_gauges, closed),
        times: all_gauges
            .iter()
            .filter_map(|gauge| match gauge.kept {
                Kept::Ages(times) | Kept::Times(times) => Some(recorder.waits(times)),
                _ => None,
            })
            .collect(),
        counters: all_gauges
            .iter()
            .filter_map(|gauge| Some(recorder.counted(gauge.kept.counter()?)))
            .collect(),
        costs: costs(system, recorder, closed),
        instances_peak: (0..closed).map(paid_in).fold(0.0, f64::max),
        looks: looks(blueprint, system),
        callers: system
            .callers()
            .iter()
            .map(|own| own.counts(recorder))
            .collect(),
        sources: system
            .sources()
            .iter()
            .map(|own| own.account(recorder))
            .collect(),
        queues: keep_queues(system, recorder),
        measured_s: windows
            .start(closed)
            .since(windows.start(windows.warm_up))
            .as_secs_f64(),
        overflow: system.overflow(),
        in_flight: system.n_in_flight(),
        n_events: system.n_events(),
        log: if logs {
            keep_log(blueprint, system)
        } else {
            Vec::new()
        },
    }
}

/// The log, with names.
fn keep_log(blueprint: &Blueprint, system: &System) -> Vec<LogRecord> {
    let resources = resources(system.nodes());
    let line = |entry: &Entry| {
        let (subject, attempts, outcome) = match entry.what {
            Happened::Request {
                class,
                outcome,
                attempts,
                ..
            } => {
                let class = blueprint.classes[class as usize].clone();
                (class, Some(attempts), Some(outcome.name()))
            }
            Happened::Wait(id) => {
                let own = resources.iter().find(|own| own.wait == Some(id))?;
                (format!("{} {}", own.component, own.what), None, None)
            }
        };
        Some(LogRecord {
            subject,
            from: entry.from,
            to: entry.to,
            outcome,
            attempts,
        })
    };
    system.recorder().log().iter().filter_map(line).collect()
}

/// What is followed over time, by window.
fn keep_gauges(recorder: &Recorder, gauges: &[Gauge], closed: usize) -> Vec<Vec<f64>> {
    let over_time = |gauge: &Gauge| -> Option<Vec<f64>> {
        let in_window: &dyn Fn(usize) -> f64 = match gauge.kept {
            Kept::Level(level) => &move |w| recorder.average_in(w, level),
            Kept::Sample(sample) => &move |w| recorder.sampled_in(w, sample),
            _ => return None,
        };
        Some((0..closed).map(in_window).collect())
    };
    gauges.iter().filter_map(over_time).collect()
}

fn keep_queues(system: &System, recorder: &Recorder) -> Vec<queue::Counts> {
    let counts = |node: &Node| match node {
        Node::Queue(queue) => Some(queue.counts(recorder)),
        _ => None,
    };
    system.nodes().iter().filter_map(counts).collect()
}

fn keep_requests(
    blueprint: &Blueprint,
    recorder: &Recorder,
    closed: usize,
) -> (Vec<ClassRecord>, Vec<WindowRecord>) {
    let n_classes = blueprint.classes.len();
    let mut classes = vec![ClassRecord::empty(); n_classes];
    let mut windows = Vec::with_capacity(closed);
    for window in 0..closed {
        let own = recorder.windows();
        let mut all = ClassRecord::empty();
        for (class, total) in classes.iter_mut().enumerate() {
            let mut here = ClassRecord::empty();
            here.arrived = recorder.arrivals_in(window, class);
            for outcome in Outcome::ALL {
                here.outcomes[outcome.index()] = recorder.outcomes_in(window, class, *outcome);
            }
            recorder.add_latencies(window, class, &mut here.served, &mut here.unserved);
            if window >= own.warm_up {
                total.merge(&here);
            }
            all.merge(&here);
        }
        let latencies = all.latencies();
        let quantile = |p: f64| latencies.quantile(p).map(SimDuration::as_secs_f64);
        let of_served = |p: f64| all.served.quantile(p).map(SimDuration::as_secs_f64);
        windows.push(WindowRecord {
            seconds: own.span(window).as_secs_f64(),
            arrived: all.arrived,
            answered: recorder.answered_in(window),
            given: recorder.given_in(window),
            attempts: recorder.attempts_in(window),
            unserved: all.ended() - all.n_served() - all.outcomes[Outcome::Interrupted.index()],
            latencies: WINDOW_QUANTILES.map(quantile),
            served: WINDOW_QUANTILES.map(of_served),
        });
    }
    (classes, windows)
}

fn keep_resource(recorder: &Recorder, resource: &Resource, closed: usize) -> Vec<[f64; 3]> {
    let average = |window, level| recorder.average_in(window, level) / resource.scale;
    let in_window = |window| {
        let capacity = resource
            .capacity
            .map_or(f64::INFINITY, |level| average(window, level));
        let waiting = resource
            .waiting
            .map_or(0.0, |level| recorder.average_in(window, level));
        [average(window, resource.used), capacity, waiting]
    };
    (0..closed).map(in_window).collect()
}

/// What each bill comes to.
fn costs(system: &System, recorder: &Recorder, closed: usize) -> Vec<f64> {
    let windows: &Windows = recorder.windows();
    let over_time = |level| {
        let in_window =
            |window| recorder.average_in(window, level) * windows.span(window).as_hours();
        (0..closed).map(in_window).sum::<f64>()
    };
    let sum = |bill: &Bill| match bill.charge {
        Charge::Always(price) => price.for_time(windows.start(closed).since(SimTime::ZERO)),
        Charge::Each(level, price) => price.as_usd() * over_time(level),
        Charge::Sum(usd) => usd,
    };
    system.bills().iter().map(sum).collect()
}

fn looks(blueprint: &Blueprint, system: &System) -> Vec<LookRecord> {
    let mut looks = Vec::new();
    for (plan, node) in blueprint.nodes.iter().zip(system.nodes()) {
        let (Plan::Service(plan), Node::Service(service)) = (plan, node) else {
            continue;
        };
        looks.extend(service.looks().iter().map(|look| LookRecord {
            service: plan.name.clone(),
            autoscaler: plan.autoscalers[look.by as usize].name.clone(),
            at: look.at,
            from: look.from,
            wanted: look.wanted,
            to: look.to,
            throughput: look.throughput.as_per_second(),
            response_p95: look.response_p95.map(SimDuration::as_secs_f64),
            sight: look.sight,
            reason: look.reason,
        }));
    }
    looks
}
