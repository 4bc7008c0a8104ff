//! What a real load test is said to have measured, held against Little's law and against the run.

use super::Estimating;
use crate::component::source::Begins;
use crate::experiment::findings::StatedFindings;
use crate::traffic::tools::{Crew, Load};

/// Figures that are further apart than this contradict each other: those of a test are rounded, and its
/// users do not all start at the same instant.
const TOLERANCE: f64 = 0.1;

impl Estimating<'_> {
    /// Stated figures of sources with a fixed number of users.
    pub(super) fn stated_findings(&self) -> Vec<StatedFindings> {
        let sources = self.blueprint().sources.iter();
        let stated = sources.filter_map(|plan| {
            let stated = plan.stated.as_ref()?;
            let users = match &plan.begins {
                Begins::Users { users, .. } => *users,
                Begins::Tool(tool) => match &tool.load {
                    Load::Crew(Crew::Constant(Some(step))) => step.users,
                    _ => return None,
                },
                Begins::Arrivals { .. } => return None,
            };
            let rate = stated.rate.as_per_second();
            let (latency_s, think_s) = (stated.latency.as_secs_f64(), stated.think.as_secs_f64());
            // The interactive law: N = X (R + Z).
            let implied_latency_s = (f64::from(users) / rate - think_s).max(0.0);
            let implied_rate = f64::from(users) / (latency_s + think_s).max(1e-9);
            let consistent = (implied_latency_s + think_s) / (latency_s + think_s).max(1e-9) - 1.0;
            Some(StatedFindings {
                source: plan.name.clone(),
                users,
                think_s,
                rate,
                latency_s,
                implied_latency_s,
                implied_rate,
                consistent: consistent.abs() <= TOLERANCE,
            })
        });
        stated.collect()
    }
}
