//! Objectives: verdicts, and when figures were on the wrong side.

use std::collections::BTreeMap;

use super::Estimating;
use crate::experiment::findings::{ObjectiveFindings, Violation};
use crate::experiment::record::{WINDOW_QUANTILES, WindowRecord};
use crate::metrics::Metric;
use crate::objective::{Objective, Verdict};
use crate::stats::Estimate;

impl Estimating<'_> {
    /// One objective; `figures` are those of all requests.
    pub(super) fn objective(
        &self,
        objective: &Objective,
        figures: &BTreeMap<String, Estimate>,
    ) -> ObjectiveFindings {
        let name = objective.metric.name();
        let classes = &self.blueprint().classes;
        let estimate = match &objective.class {
            None => figures.get(name).copied(),
            Some(class) => classes.iter().position(|own| own == class).and_then(|at| {
                let own: Vec<_> = self.records.iter().map(|r| r.classes[at].clone()).collect();
                self.request_figures(&own).get(name).copied()
            }),
        };
        let verdict = objective.verdict(estimate.as_ref());
        ObjectiveFindings {
            name: objective.name(),
            metric: objective.metric.name().to_owned(),
            op: objective.side.sign().to_owned(),
            bound: objective.bound,
            text: objective.text.clone(),
            estimate,
            verdict,
            violated: self.violations(objective),
            would_need: self.would_need(objective, estimate, verdict),
        }
    }

    /// About how many replications would decide an undecided objective: the half-width shrinks with the
    /// square root of their number, and has to shrink to the distance from the bound.
    fn would_need(
        &self,
        objective: &Objective,
        estimate: Option<Estimate>,
        verdict: Verdict,
    ) -> Option<u32> {
        let estimate = estimate.filter(|_| verdict == Verdict::Undecided)?;
        let (half, distance) = (
            estimate.half_width()?,
            (estimate.value - objective.bound).abs(),
        );
        let factor = (half / distance).powi(2) * self.records.len() as f64;
        (factor.is_finite() && factor < 100_000.0).then_some(factor.ceil() as u32)
    }

    /// Stretches of windows in which the figure, where it is one that windows have, was on the wrong side
    /// on average over the replications, on and off: a good window or two in between are bridged.
    fn violations(&self, objective: &Objective) -> Vec<Violation> {
        let quantile = objective.metric.latency_quantile();
        #[expect(clippy::float_cmp, reason = "the same constants, not figures")]
        let at = quantile.and_then(|p| WINDOW_QUANTILES.iter().position(|q| *q == p));
        let in_window = |window: &WindowRecord| match (at, objective.metric) {
            (Some(at), _) => window.latencies[at],
            (None, Metric::SuccessRate) if window.arrived > 0 => {
                Some(1.0 - window.unserved as f64 / window.arrived as f64)
            }
            (None, Metric::ErrorRate) if window.arrived > 0 => {
                Some(window.unserved as f64 / window.arrived as f64)
            }
            _ => None,
        };
        let mut found: Vec<Violation> = Vec::new();
        if objective.class.is_some() {
            return found;
        }
        for number in self.windows().warm_up..self.windows().count {
            let own = self
                .records
                .iter()
                .filter_map(|record| record.windows.get(number));
            let values: Vec<f64> = own.filter_map(in_window).collect();
            if values.is_empty() {
                continue;
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            if objective.holds(mean) {
                continue;
            }
            let (from_s, to_s) = (
                self.windows().start(number).as_secs_f64(),
                self.windows().start(number + 1).as_secs_f64(),
            );
            match found.last_mut() {
                Some(last) if from_s - last.to_s <= 2.0 * (to_s - from_s) + 1e-9 => {
                    last.to_s = to_s;
                }
                _ => found.push(Violation { from_s, to_s }),
            }
        }
        found
    }
}
