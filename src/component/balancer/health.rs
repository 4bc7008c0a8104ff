//! What a balancer's table says about the health of servers.

use super::{Balancer, LinePlan};
use crate::diag::{Diagnostic, Diagnostics};
use crate::policy::health::Panic;
use crate::policy::upstream::{HealthRules, LineRules, Method};
use crate::units::SimDuration;

impl Balancer {
    pub(super) fn check_health(&self, out: &mut Diagnostics) {
        if let (Some(_), Some(queue)) = (&self.circuit_breakers, &self.queue) {
            let problem = "circuit breakers say themselves how many requests wait";
            let help = "write max_pending_requests, or do without circuit_breakers";
            out.push(Diagnostic::error(queue.origin, problem).help(help));
        }
        if let Some(window) = self.slow_start {
            if window.value == SimDuration::ZERO {
                let problem = "a slow start of no time is none";
                out.push(Diagnostic::error(window.origin, problem).help("leave it out"));
            }
            let counts_only = matches!(
                self.policy.value,
                Method::LeastOutstanding(_) | Method::PowerOfTwo(_) | Method::IpHash(_)
            );
            if counts_only {
                let word = self.policy.word();
                let problem = format!("`{word}` does not spare servers that have just come");
                let help = "AWS refuses this, too; use round_robin, or do without a slow start";
                out.push(
                    Diagnostic::error(self.policy.origin, problem)
                        .related(window.origin, "the slow start")
                        .help(help),
                );
            }
        }
    }

    /// How requests wait for a connection, where circuit breakers limit those: for as long as they may take in
    /// all.
    pub fn pending(&self) -> Option<LinePlan> {
        let breakers = self.circuit_breakers.as_ref()?;
        Some(LinePlan {
            rules: LineRules {
                most: None,
                most_bound: None,
                most_in_all: Some(breakers.max_pending_requests),
            },
            timeout: None,
            redispatch: true,
        })
    }

    /// What it does about servers that are not well, or new; nothing if it does nothing.
    pub fn health_rules(&self) -> Option<HealthRules> {
        let is_watched = self.health_check.is_some() || self.outlier_detection.is_some();
        (is_watched || self.slow_start.is_some()).then(|| HealthRules {
            panic: Panic {
                on_all_unhealthy: self.on_all_unhealthy.value,
                threshold: self.panic_threshold.value,
            },
            outliers: self.outlier_detection.clone(),
            slow_start: self
                .slow_start
                .map(|window| self.slow_start_rules.over(window.value)),
        })
    }
}
