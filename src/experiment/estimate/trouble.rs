//! When the system did not do what it is there for, and how long it took to come back.
//!
//! A window is bad if an objective that windows can be held against is broken in it; in a scenario without such
//! an objective, if fewer than [`SERVES`] of its requests are served. Bad windows with up to [`BRIDGED`] good ones
//! in between are one stretch.

use super::Estimating;
use super::requests::served_of;
use crate::experiment::findings::Violation;
use crate::experiment::record::{Record, WINDOW_QUANTILES, WindowRecord};
use crate::metrics::Metric;
use crate::objective::Objective;
use crate::stats::Sample;

/// The share of requests that are served in a good window, where no objective says more.
const SERVES: f64 = 0.95;
/// Good windows that do not end a stretch of bad ones.
const BRIDGED: usize = 2;

/// Bad windows, as stretches: (first, the one after the last).
fn stretches(bad: impl Iterator<Item = (usize, bool)>) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (window, _) in bad.filter(|(_, is_bad)| *is_bad) {
        match found.last_mut() {
            Some(last) if window - last.1 <= BRIDGED => last.1 = window + 1,
            _ => found.push((window, window + 1)),
        }
    }
    found
}

/// The figure of a window that an objective bounds; nothing if windows have none, or nothing happened in this one.
fn bounded(objective: &Objective, window: &WindowRecord) -> Option<f64> {
    if objective.class.is_some() {
        return None;
    }
    let lost = || (window.arrived > 0).then(|| window.unserved as f64 / window.arrived as f64);
    match objective.metric {
        Metric::SuccessRate => lost().map(|lost| 1.0 - lost),
        Metric::ErrorRate => lost(),
        metric => {
            let p = metric.latency_quantile()?;
            #[expect(clippy::float_cmp, reason = "the same constants, not figures")]
            let at = WINDOW_QUANTILES.iter().position(|own| *own == p)?;
            window.latencies[at]
        }
    }
}

/// True if windows have a figure that the objective bounds.
fn applies(objective: &Objective) -> bool {
    let served = WindowRecord {
        arrived: 1,
        latencies: [Some(0.0); 3],
        ..WindowRecord::default()
    };
    bounded(objective, &served).is_some()
}

impl Estimating<'_> {
    /// How long the system was in trouble, how long it took to come back, and how many requests that cost.
    pub(super) fn trouble(&self) -> Vec<(Metric, Sample)> {
        let windows = self.windows();
        let seconds =
            |(from, to): (usize, usize)| windows.start(to).since(windows.start(from)).as_secs_f64();
        let longest = |record: &Record| {
            let own = stretches(self.bad_windows(record).into_iter());
            own.into_iter().map(seconds).fold(0.0, f64::max)
        };
        let all = |record: &Record| {
            let bad = self.bad_windows(record).into_iter();
            bad.filter(|(_, is_bad)| *is_bad)
                .map(|(window, _)| seconds((window, window + 1)))
                .sum()
        };
        let own = [
            (
                Metric::RecoveryTime,
                self.sample(|record| Some(longest(record))),
            ),
            (Metric::TroubleTime, self.sample(|record| Some(all(record)))),
            (Metric::RequestsLost, self.lost()),
        ];
        let known = |(metric, sample): (Metric, Option<Sample>)| Some((metric, sample?));
        own.into_iter().filter_map(known).collect()
    }

    fn lost(&self) -> Option<Sample> {
        let own = self.totals.iter().zip(self.records);
        let lost = own.map(|(class, record)| {
            let (served, of) = served_of(class, record);
            Some((of - served) as f64)
        });
        Sample::mean(lost.collect())
    }

    /// The windows of a replication, and whether each is bad. From where it was given up as hopeless, all are.
    fn bad_windows(&self, record: &Record) -> Vec<(usize, bool)> {
        let objectives: Vec<_> = self.scenario.objectives().iter().collect();
        let objectives: Vec<_> = objectives.into_iter().filter(|own| applies(own)).collect();
        let is_bad = |window: &WindowRecord| {
            if objectives.is_empty() {
                return (window.unserved as f64) > (1.0 - SERVES) * window.arrived as f64;
            }
            objectives.iter().any(|own| {
                let figure = bounded(own, window);
                figure.is_some_and(|figure| !own.holds(figure))
            })
        };
        let measured = self.windows().warm_up..self.windows().count;
        measured
            .filter_map(|number| match record.windows.get(number) {
                Some(window) => Some((number, is_bad(window))),
                None => record.overflow.map(|_| (number, true)),
            })
            .collect()
    }

    /// Stretches of windows in which the figure, where it is one that windows have, was on the wrong side
    /// on average over the replications, on and off: a good window or two in between are bridged.
    pub(super) fn violations(&self, objective: &Objective) -> Vec<Violation> {
        let windows = self.windows();
        let is_bad = |number: usize| {
            let own = self.records.iter().filter_map(|r| r.windows.get(number));
            let values: Vec<f64> = own
                .filter_map(|window| bounded(objective, window))
                .collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            !values.is_empty() && !objective.holds(mean)
        };
        let measured = windows.warm_up..windows.count;
        stretches(measured.map(|number| (number, is_bad(number))))
            .into_iter()
            .map(|(from, to)| Violation {
                from_s: windows.start(from).as_secs_f64(),
                to_s: windows.start(to).as_secs_f64(),
            })
            .collect()
    }
}
