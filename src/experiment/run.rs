//! All replications of one point.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::estimate::{estimate, relative_half_width};
use super::findings::{Findings, Stop};
use super::record::{Record, replicate};
use crate::objective::Verdict;
use crate::scenario::Scenario;

/// Replications that are added at a time once there are `at_least` of them: looking after each one would
/// stop by luck (Law, 5th ed., 9.4.1).
const BATCH: u32 = 5;

/// What has been done so far, for whoever shows progress.
#[derive(Debug, Default)]
pub struct Counters {
    /// Points that are complete.
    pub points: AtomicU64,
    /// Replications that are complete.
    pub runs: AtomicU64,
    /// Replications that are to be done, as far as is known.
    pub runs_planned: AtomicU64,
    /// Events, arrivals and timers of complete replications.
    pub events: AtomicU64,
    /// Requests of complete replications.
    pub requests: AtomicU64,
}

/// What an experiment shares with whoever started it.
#[derive(Debug)]
pub struct Session<'a> {
    /// Raised to stop at once; what is not complete is then lost.
    pub interrupt: &'a AtomicBool,
    /// What has been done so far.
    pub counters: &'a Counters,
}

impl Session<'_> {
    /// True if the experiment is to stop at once.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }
}

/// Runs a scenario until there are enough replications, side by side on the threads of the current pool;
/// nothing if it was interrupted.
pub fn run(scenario: &Scenario, session: &Session<'_>) -> Option<Findings> {
    let rule = scenario.replications();
    let mut records: Vec<Record> = Vec::new();
    let mut upto = rule.at_least;
    session.counters.runs_planned.fetch_add(u64::from(upto), Ordering::Relaxed);
    loop {
        let more = records.len() as u32..upto;
        let more: Option<Vec<Record>> = more
            .into_par_iter()
            .map(|number| replicate(scenario, number, session))
            .collect();
        records.extend(more?);
        let stop = match records.len() as u32 {
            n if n < rule.at_most => Stop::AtMost,
            n if n == rule.at_least => Stop::AsAsked,
            _ => Stop::AtMost,
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
        session.counters.runs_planned.fetch_add(u64::from(next - upto), Ordering::Relaxed);
        upto = next;
    }
}

/// Why the replications so far are enough; nothing if they are not.
fn is_enough(scenario: &Scenario, findings: &Findings) -> Option<Stop> {
    let undecided: Vec<_> =
        findings.objectives.iter().filter(|o| o.verdict == Verdict::Undecided).collect();
    if undecided.is_empty() && !findings.objectives.is_empty() {
        return Some(Stop::Decided);
    }
    // Law & Kelton (1982): the correction makes the error relative to the unknown truth.
    let asked = scenario.replications().precision.get();
    let asked = asked / (1.0 + asked);
    let is_precise = |estimate: Option<&crate::stats::Estimate>| {
        let Some(estimate) = estimate else { return true };
        estimate.value == 0.0 || relative_half_width(estimate).is_some_and(|width| width <= asked)
    };
    let precise = if findings.objectives.is_empty() {
        use crate::metrics::Metric;
        [Metric::LatencyP95, Metric::Throughput].into_iter().all(|m| is_precise(findings.figure(m)))
    } else {
        undecided.iter().all(|objective| is_precise(objective.estimate.as_ref()))
    };
    precise.then_some(Stop::Precise)
}
