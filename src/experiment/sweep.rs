//! All points of a sweep, and which of them to choose.

use std::sync::atomic::Ordering;

use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

use super::findings::Findings;
use super::run::{Session, run};
use crate::metrics::{Metric, Unit};
use crate::objective::Verdict;
use crate::scenario::{Point, Scenario, sets_traffic};

/// Runs the points in `open`, side by side with their replications on the threads of the current pool.
/// `scenario` gives the scenario of a point; `done` is told of every point as it is complete, in no
/// particular order. Ends early if the session is interrupted or `done` fails.
pub fn sweep<E: Send>(
    open: &[usize],
    scenario: impl Fn(usize) -> Scenario + Sync,
    session: &Session<'_>,
    done: impl Fn(usize, Findings) -> Result<(), E> + Sync,
) -> Result<(), E> {
    // One at a time, or a thread with several would keep them while another has nothing to do.
    open.into_par_iter().with_max_len(1).try_for_each(|point| {
        if session.is_interrupted() {
            return Ok(());
        }
        let Some(findings) = run(&scenario(*point), session) else {
            return Ok(());
        };
        session.counters.points.fetch_add(1, Ordering::Relaxed);
        done(*point, findings)
    })
}

/// The points of a sweep that see the same traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// What sets the traffic, as it was written: `visitors.rate = 200/s`; empty if the traffic is
    /// the same for all points.
    pub name: String,
    /// Requests per second that were offered in the busiest window, on average over the points.
    pub offered_peak: f64,
    /// The points, by their numbers.
    pub points: Vec<usize>,
}

/// The setting of a point that belongs to its traffic, as text.
fn load_name(point: &Point) -> String {
    let of_traffic = point
        .settings
        .iter()
        .filter(|setting| sets_traffic(&setting.path));
    let text = of_traffic.map(|setting| {
        let path = setting
            .path
            .strip_prefix("sources.")
            .unwrap_or(&setting.path);
        format!("{path} = {}", setting.label)
    });
    text.collect::<Vec<_>>().join(", ")
}

/// The points by the traffic that they see, the lightest first.
pub fn offered_by(points: &[Point], findings: &[Findings]) -> Vec<Load> {
    let mut loads: Vec<Load> = Vec::new();
    for (at, point) in points.iter().enumerate() {
        let name = load_name(point);
        match loads.iter_mut().find(|load| load.name == name) {
            Some(load) => load.points.push(at),
            None => loads.push(Load {
                name,
                offered_peak: 0.0,
                points: vec![at],
            }),
        }
    }
    for load in &mut loads {
        let peaks = load
            .points
            .iter()
            .filter_map(|at| findings[*at].figure(Metric::OfferedPeak));
        let peaks: Vec<f64> = peaks.map(|peak| peak.value).collect();
        load.offered_peak = peaks.iter().sum::<f64>() / peaks.len().max(1) as f64;
    }
    loads.sort_by(|a, b| a.offered_peak.total_cmp(&b.offered_peak));
    loads
}

/// What to choose for a given traffic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Choice {
    /// The cheapest point that meets all objectives.
    Cheapest(usize),
    /// No point is known to meet them; this is the cheapest of those that may.
    Perhaps(usize),
    /// No point meets them; this one comes closest.
    None {
        /// The point whose worst objective is missed by the smallest factor.
        closest: usize,
    },
}

/// What to choose among `points`, which see the same traffic: the cheapest that meets all objectives. Of
/// points that cost the same, the first. Those that cannot be had are chosen only if there are no others.
pub fn choose(points: &[usize], findings: &[Findings]) -> Option<Choice> {
    let real = points.iter().copied();
    let real: Vec<_> = real.filter(|at| !findings[*at].is_yardstick).collect();
    let points = if real.is_empty() { points } else { &real };
    let cost = |at: &usize| {
        findings[*at]
            .figure(Metric::Cost)
            .map_or(0.0, |cost| cost.value)
    };
    let cheapest = |verdict: Verdict| {
        let fitting = points.iter().filter(|at| findings[**at].verdict == verdict);
        fitting.copied().min_by(|a, b| cost(a).total_cmp(&cost(b)))
    };
    if let Some(met) = cheapest(Verdict::Met) {
        return Some(Choice::Cheapest(met));
    }
    if let Some(perhaps) = cheapest(Verdict::Undecided) {
        return Some(Choice::Perhaps(perhaps));
    }
    let closest = points
        .iter()
        .copied()
        .min_by(|a, b| miss(&findings[*a]).total_cmp(&miss(&findings[*b])));
    closest.map(|closest| Choice::None { closest })
}

/// By what factor the worst objective is missed.
fn miss(findings: &Findings) -> f64 {
    if findings.overflow_s.is_some() {
        return f64::INFINITY;
    }
    let factor = |objective: &super::findings::ObjectiveFindings| {
        let Some(value) = objective.estimate.map(|estimate| estimate.value) else {
            return f64::INFINITY;
        };
        let unit = Metric::by_name(&objective.metric).map(Metric::unit);
        match (objective.op.as_str(), unit) {
            ("<", _) => value / objective.bound.max(f64::MIN_POSITIVE),
            // Shares near one are compared by what is missing to one.
            (_, Some(Unit::Fraction)) => {
                (1.0 - value).max(0.0) / (1.0 - objective.bound).max(1e-12)
            }
            _ => objective.bound / value.max(f64::MIN_POSITIVE),
        }
    };
    findings.objectives.iter().map(factor).fold(0.0, f64::max)
}
