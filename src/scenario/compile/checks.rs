//! Health checks of balancers with every name resolved.

use super::Compiler;
use crate::component::balancer::{Balancer, ChecksPlan};
use crate::component::program::Op;
use crate::diag::Diagnostic;
use crate::dist::Law;
use crate::dist::constant::Constant;
use crate::policy::health::HealthCheck;
use crate::spec::At;
use crate::units::SimDuration;

/// Checks per second of one balancer; each is a request.
const MOST_CHECKS: f64 = 100_000.0;

impl Compiler<'_> {
    pub(super) fn plan_checks(
        &mut self,
        check: &HealthCheck,
        own: &Balancer,
        services: &[(usize, u32)],
        n_servers: usize,
    ) -> Option<ChecksPlan> {
        let n = f64::from(own.balancers.get()) * n_servers as f64;
        let given = [check.fast_interval, check.down_interval];
        for interval in given.into_iter().flatten().chain([check.interval]) {
            let rate = n / interval.value.as_secs_f64();
            if rate > MOST_CHECKS {
                let problem = format!("{rate:.0} checks per second are too many to simulate");
                let label = format!("at most {MOST_CHECKS} of all servers by all balancers");
                self.out
                    .push(Diagnostic::error(interval.origin, problem).label(label));
                return None;
            }
        }
        let starts = match &check.operation {
            None => vec![self.bare_answer()?; services.len()],
            Some(operation) => {
                let mut starts = Vec::new();
                for ((at, _), named) in services.iter().zip(own.to.services()) {
                    let start = self.starts.get(&(*at, operation.value.clone()));
                    let Some(start) = start.copied() else {
                        let problem =
                            format!("`{}` has no operation `{}`", named.value, operation.value);
                        let help = format!(
                            "add [components.{}.operations.{}] with its steps",
                            named.value, operation.value
                        );
                        self.out
                            .push(Diagnostic::error(operation.origin, problem).help(help));
                        return None;
                    };
                    starts.push(start);
                }
                starts
            }
        };
        let rules = check.rules();
        Some(ChecksPlan { rules, starts })
    }

    /// An operation that only asks for a worker's attention.
    fn bare_answer(&mut self) -> Option<u16> {
        let nothing = Law::Constant(Constant(At::built_in(SimDuration::ZERO)));
        let demand = self.demand(&nothing, "health check")?;
        let start = self.here() as u16;
        self.emit(Op::Cpu(demand));
        self.emit(Op::End);
        Some(start)
    }
}
