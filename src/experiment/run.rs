//! All replications of one point.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

use super::estimate::{estimate, relative_half_width};
use super::findings::{Findings, Stop};
use super::record::{Record, replicate};
use crate::engine::Watch;
use crate::metrics::{Metric, Unit};
use crate::objective::Verdict;
use crate::scenario::Scenario;
use crate::stats::Estimate;

/// Replications that are added at a time once there are `at_least` of them: looking after each one would
/// stop by luck (Law, 5th ed., 9.4.1).
pub(super) const BATCH: u32 = 5;

/// What has been done so far, for whoever shows progress.
#[derive(Debug, Default)]
pub struct Counters {
    /// Points that are complete.
    pub points: AtomicU64,
    /// Replications that are complete.
    pub runs: AtomicU64,
    /// Replications that are to be done, as far as is known.
    pub runs_planned: AtomicU64,
    /// Requests of complete replications.
    pub requests: AtomicU64,
}

/// What an experiment shares with whoever started it.
#[derive(Debug)]
pub struct Session<'a> {
    /// Interrupts the replications, which are then lost if they are not complete, and counts events.
    pub watch: &'a Watch,
    /// What has been done so far.
    pub counters: &'a Counters,
}

impl Session<'_> {
    /// True if the experiment is to stop at once.
    pub fn is_interrupted(&self) -> bool {
        self.watch.interrupt.load(Ordering::Relaxed)
    }
}

/// What replications of a scenario say together.
///
/// # Panics
/// If there is none.
pub fn findings_of(scenario: &Scenario, records: &[Record]) -> Findings {
    assert!(!records.is_empty(), "findings need a replication");
    estimate(scenario, records, Stop::AsAsked)
}

/// Runs a scenario until there are enough replications, side by side on the threads of the current pool;
/// nothing if it was interrupted.
pub fn run(scenario: &Scenario, session: &Session<'_>) -> Option<Findings> {
    let rule = scenario.replications();
    let mut records: Vec<Record> = Vec::new();
    let mut upto = rule.at_least;
    session
        .counters
        .runs_planned
        .fetch_add(u64::from(upto), Ordering::Relaxed);
    loop {
        let more = records.len() as u32..upto;
        let more: Option<Vec<Record>> = more
            .into_par_iter()
            // One at a time, or a thread with several would keep them while another has nothing to do.
            .with_max_len(1)
            .map(|number| replicate(scenario, number, session))
            .collect();
        records.extend(more?);
        let stop = if rule.at_least == rule.at_most {
            Stop::AsAsked
        } else {
            Stop::AtMost
        };
        let mut findings = estimate(scenario, &records, stop);
        if records.len() as u32 >= rule.at_most {
            return Some(findings);
        }
        if let Some(stop) = is_enough(scenario, &findings) {
            findings.stop = stop;
            return Some(findings);
        }
        let next = (upto + BATCH).min(rule.at_most);
        session
            .counters
            .runs_planned
            .fetch_add(u64::from(next - upto), Ordering::Relaxed);
        upto = next;
    }
}

/// Why the replications so far are enough; nothing if they are not.
fn is_enough(scenario: &Scenario, findings: &Findings) -> Option<Stop> {
    let undecided: Vec<_> = findings
        .objectives
        .iter()
        .filter(|o| o.verdict == Verdict::Undecided)
        .collect();
    if undecided.is_empty() && !findings.objectives.is_empty() {
        return Some(Stop::Decided);
    }
    // Law & Kelton (1982): the correction makes the error relative to the unknown truth.
    let asked = scenario.replications().precision.get();
    let asked = asked / (1.0 + asked);
    let is_precise = |estimate: Option<&Estimate>, unit: Unit| {
        let Some(estimate) = estimate else {
            return true;
        };
        let width = relative_half_width(estimate, unit);
        estimate.value == 0.0 || width.is_some_and(|width| width <= asked)
    };
    let precise = if findings.objectives.is_empty() {
        let main = [Metric::LatencyP95, Metric::Throughput];
        main.into_iter()
            .all(|metric| is_precise(findings.figure(metric), metric.unit()))
    } else {
        undecided.iter().all(|objective| {
            let unit = Metric::by_name(&objective.metric).map_or(Unit::Number, Metric::unit);
            is_precise(objective.estimate.as_ref(), unit)
        })
    };
    precise.then_some(Stop::Precise)
}
