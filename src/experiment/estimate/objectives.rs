//! Objectives: verdicts, and when figures were on the wrong side.

use std::collections::BTreeMap;

use super::Estimating;
use crate::experiment::findings::ObjectiveFindings;
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
}
