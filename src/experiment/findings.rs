//! What the replications of one point say together: every figure with its interval.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bottleneck::Bottleneck;
use crate::objective::Verdict;
use crate::stats::Estimate;

/// What the replications of one point say together. Stored as it is, so that a result can be shown again
/// without running anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// How many replications.
    pub replications: u32,
    /// Why there were no more.
    pub stop: Stop,
    /// The level of all intervals.
    pub level: f64,
    /// The run's length in seconds.
    pub horizon_s: f64,
    /// Figures of all requests, by the name of the metric. A figure without data is not there.
    pub figures: BTreeMap<String, Estimate>,
    /// By class of requests, in the order of the scenario.
    pub classes: Vec<ClassFindings>,
    /// How requests ended, as shares of all that ended; only ends that occurred.
    pub outcomes: Vec<OutcomeShare>,
    /// Every objective.
    pub objectives: Vec<ObjectiveFindings>,
    /// The verdict on all objectives together.
    pub verdict: Verdict,
    /// What can run out.
    pub resources: Vec<ResourceFindings>,
    /// Shares of look-ups that found their key, by cache.
    pub hit_ratios: BTreeMap<String, Estimate>,
    /// What breaks first, or what is busiest.
    pub bottleneck: Option<Bottleneck>,
    /// What each component with a price cost.
    pub costs: Vec<CostPart>,
    /// Figures over time.
    pub series: Series,
    /// Pooled latencies: (seconds, share of requests that took no longer).
    pub latency_cdf: Vec<(f64, f64)>,
    /// Every look of every autoscaler in the first replication.
    pub looks: Vec<Look>,
    /// When the first replication ran into too many requests in flight, in seconds, if one did.
    pub overflow_s: Option<f64>,
    /// What weakens the result.
    pub advisories: Vec<Advisory>,
    /// Requests that arrived, in all replications.
    pub requests: u64,
    /// Events, arrivals and timers, in all replications.
    pub events: u64,
}

/// Why there were no more replications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// As many as were asked for.
    AsAsked,
    /// Every objective is decided.
    Decided,
    /// Every bounded figure is as precise as was asked.
    Precise,
    /// There could not be more.
    AtMost,
}

/// One class of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassFindings {
    /// Its name.
    pub name: String,
    /// Requests that arrived, in all replications.
    pub requests: u64,
    /// Its figures, by the name of the metric.
    pub figures: BTreeMap<String, Estimate>,
}

/// One way to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeShare {
    /// Its name in files.
    pub name: String,
    /// What it is called in text.
    pub words: String,
    /// Its share of all requests that ended.
    pub share: Estimate,
}

/// One objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveFindings {
    /// What is bounded: `latency_p95`, or `page.latency_p95` for one class.
    pub name: String,
    /// The name of the metric alone.
    pub metric: String,
    /// `<` or `>`.
    pub op: String,
    /// The bound in base units.
    pub bound: f64,
    /// The bound as it was written.
    pub text: String,
    /// The figure; nothing without data.
    pub estimate: Option<Estimate>,
    /// The verdict.
    pub verdict: Verdict,
    /// When the figure, window by window, was on the wrong side.
    pub violated: Vec<Violation>,
    /// About how many replications would decide it, if more could.
    pub would_need: Option<u32>,
}

/// A stretch of time in which a figure was on the wrong side of its bound, on average over the
/// replications.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// From, in seconds.
    pub from_s: f64,
    /// To, in seconds.
    pub to_s: f64,
}

/// Something that can run out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceFindings {
    /// The component it belongs to.
    pub component: String,
    /// What it is: `workers`, `CPU`, `pool db`.
    pub what: String,
    /// One of them: `worker`, `vCPU`, `connection`.
    pub unit: String,
    /// Average in use.
    pub used: Option<Estimate>,
    /// Busy share, averaged over the run; nothing where there is no limit.
    pub utilization: Option<Estimate>,
    /// Busy share of the busiest window, on average over the replications.
    pub utilization_peak: Option<f64>,
    /// Average number that wait.
    pub waiting: Option<Estimate>,
    /// Mean wait in seconds, of all that asked.
    pub wait_mean_s: Option<Estimate>,
    /// Median wait in seconds.
    pub wait_p50_s: Option<Estimate>,
    /// 95th percentile of the wait in seconds.
    pub wait_p95_s: Option<Estimate>,
    /// 99th percentile of the wait in seconds.
    pub wait_p99_s: Option<Estimate>,
    /// Share of those that asked who had to wait.
    pub waited: Option<Estimate>,
}

/// What one component cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostPart {
    /// The component.
    pub component: String,
    /// Dollars for the run.
    pub usd: Estimate,
}

/// Figures over time: averages over the replications, with their intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Where each window starts, and where the last one ends, in seconds.
    pub bounds_s: Vec<f64>,
    /// Where the warm-up ends, in seconds.
    pub warm_up_s: f64,
    /// The figures.
    pub columns: Vec<Column>,
}

/// One figure over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The component it belongs to; empty for the system as a whole.
    pub component: String,
    /// What it is, with its unit: `latency_p95_s`, `workers_used`.
    pub figure: String,
    /// By window; nothing where there is no data.
    pub values: Vec<Option<Estimate>>,
}

/// One look of an autoscaler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The service.
    pub service: String,
    /// When, in seconds.
    pub at_s: f64,
    /// Instances there were meant to be.
    pub from: u32,
    /// Instances that the rule asked for.
    pub wanted: u32,
    /// Instances there are meant to be from here on.
    pub to: u32,
    /// Answers per second that it saw.
    pub throughput: f64,
    /// 95th percentile of the response time that it saw, in seconds.
    pub response_p95_s: Option<f64>,
    /// Why, in words.
    pub reason: String,
}

/// Something that weakens a result, with the number, the threshold and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Advisory {
    /// A tail quantile rests on few requests.
    FewSamples {
        /// The metric.
        metric: String,
        /// Requests beyond it per replication.
        have: u64,
        /// Requests beyond it that make it trustworthy.
        want: u64,
    },
    /// An interval is wider than asked.
    Imprecise {
        /// The metric.
        metric: String,
        /// Half of its width, relative to the figure.
        have: f64,
        /// What was asked.
        want: f64,
    },
    /// Requests were still in flight at the end.
    StillInFlight {
        /// Their share of all that arrived.
        share: f64,
    },
    /// The system was hopelessly overloaded, and the run stopped early.
    Overflow {
        /// Replications that stopped early.
        replications: u32,
        /// When the first did, in seconds.
        first_s: f64,
        /// Requests in flight at which they stop.
        cap: u64,
    },
    /// With one replication nothing is known about the spread.
    SingleReplication,
}

impl Findings {
    /// A figure of all requests.
    pub fn figure(&self, metric: crate::metrics::Metric) -> Option<&Estimate> {
        self.figures.get(metric.name())
    }

    /// A figure over time.
    pub fn column(&self, component: &str, figure: &str) -> Option<&Column> {
        let is_it = |c: &&Column| c.component == component && c.figure == figure;
        self.series.columns.iter().find(is_it)
    }
}
