//! What the replications of one point say together: every figure with its interval.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::backlog::Backlog;
use super::bottleneck::Bottleneck;
use super::recovery::Recovery;
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
    /// Sources with users, and what a load tool would have counted.
    pub sources: Vec<SourceFindings>,
    /// Those who persist: clients with retries, services that call with rules of their own.
    pub callers: Vec<CallerFindings>,
    /// Queues of background jobs.
    pub queues: Vec<QueueFindings>,
    /// What becomes of the system after a burst of traffic, if one takes it down.
    pub recovery: Option<Recovery>,
    /// What real load tests are said to have measured, and whether that can be.
    pub stated: Vec<StatedFindings>,
    /// What can run out.
    pub resources: Vec<ResourceFindings>,
    /// Shares of look-ups that found their key, by cache.
    pub hit_ratios: BTreeMap<String, Estimate>,
    /// Shares of requests that limits turned away, by limit.
    pub turned_away: BTreeMap<String, Estimate>,
    /// What else became of look-ups, as shares of them, by cache: what was given out though it had expired,
    /// what somebody else was getting already, what the cache did not answer.
    #[serde(default)]
    pub cache_shares: BTreeMap<String, BTreeMap<String, Estimate>>,
    /// How old what HTTP caches and CDNs gave out was, by cache.
    #[serde(default)]
    pub served_ages: BTreeMap<String, Times>,
    /// From asking for instances until they were in service, in all and by stage, by service.
    pub scale_ups: BTreeMap<String, BTreeMap<String, Times>>,
    /// What breaks first, or what is busiest.
    pub bottleneck: Option<Bottleneck>,
    /// What each component with a price cost.
    pub costs: Vec<CostPart>,
    /// How well autoscaled services followed the demand for them.
    #[serde(default)]
    pub elasticities: Vec<ElasticityFindings>,
    /// Figures over time.
    pub series: Series,
    /// Pooled latencies: (seconds, share of requests that took no longer).
    pub latency_cdf: Vec<(f64, f64)>,
    /// Every look of every autoscaler in the first replication.
    pub looks: Vec<Look>,
    /// What happened to single requests in the first replication, if it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
    /// When the first replication ran into too many requests in flight, in seconds, if one did.
    pub overflow_s: Option<f64>,
    /// What weakens the result.
    pub advisories: Vec<Advisory>,
    /// Whether something in it cannot be had, such as an oracle: it is there to be compared with.
    #[serde(default)]
    pub is_yardstick: bool,
    /// Requests that arrived, in all replications.
    pub requests: u64,
    /// Events, arrivals and timers, in all replications.
    pub events: u64,
}

/// How long something takes, or how old something is: what a cache gives out, since it was made, or last found to be
/// good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The mean, in seconds.
    pub mean_s: Estimate,
    /// The 95th percentile, in seconds.
    pub p95_s: Estimate,
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

/// A source with users: what a load tool would have counted. Counts are averages over the replications.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceFindings {
    /// Its name.
    pub name: String,
    /// Its kind: `open`, `users`, `k6`, `artillery`, `locust`, `wrk`.
    pub kind: String,
    /// For how long it was at work, in seconds, warm-up left out.
    pub seconds: f64,
    /// Threads, and connections as asked for, of a tool whose report is by thread.
    pub threads: Option<(u32, u32)>,
    /// True if nothing stands before the service that could answer in its place: whoever is turned away
    /// at its door sees the connection refused.
    pub is_refused: bool,
    /// Rounds of users, or visits, that began.
    pub begun: Option<Estimate>,
    /// Those that came to their end.
    pub done: Option<Estimate>,
    /// Those that were broken off because a request failed.
    pub broken_off: Option<Estimate>,
    /// Those that were cut off because the test was over.
    pub interrupted: Option<Estimate>,
    /// Rounds that were due when no user was idle, or that there was no time for.
    pub dropped: Option<Estimate>,
    /// Visitors who were not let in because too many were there.
    pub skipped: Option<Estimate>,
    /// Answers that took longer than the tool's timeout, but were waited for.
    pub late: Option<Estimate>,
    /// Times that a user was held up because its rounds took no time at all.
    pub held_up: Option<Estimate>,
    /// The most users at the same time.
    pub users_most: Option<Estimate>,
    /// Users on average.
    pub users: Option<Estimate>,
    /// How its requests ended: outcome and how many.
    pub ends: Vec<(String, Estimate)>,
    /// How long rounds took.
    pub rounds: Option<Spread>,
    /// How long answers took, as the tool reports it: every answer counts once, however many it held up.
    pub answers: Option<Spread>,
    /// How long answers would have taken for clients who do not wait for one another: for each answer that
    /// held its user up, those that should have been asked for meanwhile are added (as wrk does). Only for
    /// sources whose users wait.
    pub corrected: Option<Spread>,
    /// The gap between two requests of one user on which `corrected` rests, in seconds.
    pub expected_gap_s: Option<f64>,
}

impl SourceFindings {
    /// How many requests ended like this, on average over the replications.
    pub fn ended(&self, outcome: crate::metrics::Outcome) -> f64 {
        let found = self.ends.iter().find(|(name, _)| name == outcome.name());
        found.map_or(0.0, |(_, n)| n.value)
    }
}

/// A distribution of times in a few figures, in seconds, over all replications.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many, per replication.
    pub n: f64,
    /// The shortest.
    pub min_s: f64,
    /// The mean, with its interval.
    pub mean_s: Estimate,
    /// The standard deviation.
    pub sd_s: f64,
    /// The share within one standard deviation of the mean.
    pub within_sd: f64,
    /// Quantiles, with their intervals.
    pub p50_s: Estimate,
    /// See `p50_s`.
    pub p75_s: Estimate,
    /// See `p50_s`.
    pub p90_s: Estimate,
    /// See `p50_s`.
    pub p95_s: Estimate,
    /// See `p50_s`.
    pub p99_s: Estimate,
    /// See `p50_s`.
    pub p999_s: Estimate,
    /// The longest.
    pub max_s: f64,
}

/// What a real load test with a fixed number of users is said to have measured, by Little's law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatedFindings {
    /// The source that does what the test did.
    pub source: String,
    /// How many users, or connections, it has.
    pub users: u32,
    /// How long they pause between two requests, in seconds.
    pub think_s: f64,
    /// The rate that was stated, per second.
    pub rate: f64,
    /// The mean latency that was stated, in seconds.
    pub latency_s: f64,
    /// The mean latency that so many users have at that rate, in seconds.
    pub implied_latency_s: f64,
    /// The rate that so many users have with that latency, per second.
    pub implied_rate: f64,
    /// Whether the two figures can both be true.
    pub consistent: bool,
}

/// Somebody who persists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallerFindings {
    /// A source, or a service and whom it calls.
    pub name: String,
    /// What it wanted done, per second.
    pub errands: Option<Estimate>,
    /// Attempts for one of these, retries and copies included.
    pub attempts_per_errand: Option<Estimate>,
    /// Retries per second.
    pub retries: Option<Estimate>,
    /// Copies sent beside a late attempt, per second.
    pub hedges: Option<Estimate>,
    /// Attempts that were not answered in time, as a share of all.
    pub timed_out: Option<Estimate>,
    /// Retries and copies that the budget did not allow, per second.
    pub out_of_budget: Option<Estimate>,
    /// Attempts that an open breaker kept back, per second.
    pub breaker_rejections: Option<Estimate>,
    /// Attempts that the concurrency limit kept back, per second.
    pub limit_rejections: Option<Estimate>,
}

/// A queue of background jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueFindings {
    /// Its name.
    pub name: String,
    /// Messages published per second.
    pub published: Option<Estimate>,
    /// Messages done per second.
    pub done: Option<Estimate>,
    /// Mean time from publishing to the first delivery, in seconds, of those delivered.
    pub wait_mean_s: Option<Estimate>,
    /// Median of that time.
    pub wait_p50_s: Option<Estimate>,
    /// 95th percentile of that time.
    pub wait_p95_s: Option<Estimate>,
    /// 99th percentile of that time.
    pub wait_p99_s: Option<Estimate>,
    /// Share of the messages delivered that had to wait at all.
    pub waited: Option<Estimate>,
    /// Mean time from publishing to the end of the work, in seconds, of those done.
    pub whole_mean_s: Option<Estimate>,
    /// Median of that time.
    pub whole_p50_s: Option<Estimate>,
    /// 95th percentile of that time.
    pub whole_p95_s: Option<Estimate>,
    /// 99th percentile of that time.
    pub whole_p99_s: Option<Estimate>,
    /// The age of the oldest message in line at its highest, in seconds, at the end of a window.
    pub oldest_most_s: Option<f64>,
    /// Deliveries after the first, per message published.
    pub redelivered: Option<Estimate>,
    /// Runs that ended well after somebody else had been given the message, per message published.
    pub duplicates: Option<Estimate>,
    /// Runs that failed, per message published.
    pub failed: Option<Estimate>,
    /// Messages that became dead letters, as a share of those published.
    pub dead: Option<Estimate>,
    /// Messages lost with their consumers, as a share of those published.
    pub lost: Option<Estimate>,
    /// Messages dropped for want of room, as a share of those published.
    pub dropped: Option<Estimate>,
    /// Messages refused for want of room, as a share of those that were to be published.
    pub rejected: Option<Estimate>,
    /// Messages that were left at the end, on average over the replications.
    pub left: Option<Estimate>,
    /// What piled up, and when it was worked off.
    pub backlog: Option<Backlog>,
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

/// Something that was paid for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostPart {
    /// The component.
    pub component: String,
    /// What of it: `transfer`; empty for the component as a whole.
    pub what: String,
    /// Dollars for the run.
    pub usd: Estimate,
}

impl CostPart {
    /// Whose it is and what, as one name: `web`, `edge.transfer`.
    pub fn name(&self) -> String {
        match self.what.as_str() {
            "" => self.component.clone(),
            what => format!("{}.{what}", self.component),
        }
    }
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

/// How well an autoscaled service followed the demand for it: what somebody with foresight would have had in service,
/// with 70 % of CPU and workers used. Shares are of 1; 0 is best. Sources: [`crate::stats::elasticity`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElasticityFindings {
    /// The service.
    pub service: String,
    /// The share of the time with too few instances in service.
    pub too_few_time: Estimate,
    /// By how much too few there were, as a share of the demand, on average over all the time.
    pub too_few_by: Estimate,
    /// The share of the time with too many.
    pub too_many_time: Estimate,
    /// By how much too many there were, likewise.
    pub too_many_by: Estimate,
    /// The share of windows in which demand and supply did not move the same way.
    pub instability: Estimate,
    /// All five put together: the distance from a supply that is the demand.
    pub deviation: Estimate,
    /// What the instances of the demand would have cost, in dollars; nothing where instances have no price.
    pub cost_with_foresight_usd: Option<Estimate>,
}

/// One look of an autoscaler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The service.
    pub service: String,
    /// Which of its autoscalers: its kind, or its name where it has one.
    pub autoscaler: String,
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
    /// The figure that the decision went by, with its unit: `CPU utilization (share)`.
    pub metric: Option<String>,
    /// What it was; nothing without data.
    pub value: Option<f64>,
    /// What it is to be.
    pub target: Option<f64>,
    /// Why, in words.
    pub reason: String,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// The class of a request, or what was waited for.
    pub subject: String,
    /// When the request arrived, or the wait began, in seconds.
    pub from_s: f64,
    /// When it was over, in seconds.
    pub to_s: f64,
    /// How the request ended; nothing for a wait.
    pub outcome: Option<String>,
    /// Attempts sent for the request; nothing for a wait.
    pub attempts: Option<u32>,
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
    /// Users went round without any time passing.
    NoTime {
        /// Their source.
        source: String,
        /// How often one of them was held up, per replication.
        times: f64,
    },
    /// A load test could not begin all rounds that were due.
    Dropped {
        /// The source.
        source: String,
        /// The share of the rounds that were due.
        share: f64,
    },
    /// Something happened to a component by itself that does not when all is well.
    Incidents {
        /// The component.
        component: String,
        /// What, as the name of its count: `crashes`.
        what: String,
        /// How often, per replication.
        times: f64,
    },
    /// Autoscalers undid what they had just done, again and again.
    Flapping {
        /// The service.
        service: String,
        /// The share of replications in which they did.
        share: f64,
        /// How often the number of instances changed direction in these, on average.
        turns: f64,
    },
    /// A cache kept no keys: hits were a matter of chance.
    RatioMode {
        /// The cache.
        component: String,
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
