//! What a balancer does where few servers are well.

use crate::units::Fraction;
use crate::words;

words! {
    /// What a balancer does while no server is well.
    pub enum AllUnhealthy {
        /// It sends requests to all of them as if nothing were known: rather a bad answer than none (AWS's
        /// balancers: fail open).
        UseAll = "use_all",
        /// It sends them nowhere: requests fail at once (HAProxy).
        Fail = "fail",
    }
}

/// When health is not looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Panic {
    /// What is done while nobody is well.
    pub on_all_unhealthy: AllUnhealthy,
    /// With a smaller share of servers that are well, all are used.
    pub threshold: Fraction,
}

impl Panic {
    /// Health always counts.
    #[cfg(test)]
    pub const NEVER: Self = Self {
        on_all_unhealthy: AllUnhealthy::Fail,
        threshold: Fraction::ZERO,
    };

    /// True if requests go to everybody where `well` of `all` servers are well.
    pub fn ignores_health(&self, well: u32, all: u32) -> bool {
        let is_below = f64::from(well) < self.threshold.get() * f64::from(all);
        is_below || (well == 0 && self.on_all_unhealthy == AllUnhealthy::UseAll)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Envoy: below 50 %, not at it; a threshold of nothing turns it off. AWS: only when all are gone.
    #[test]
    fn panic_begins_below_the_threshold() {
        let envoy = Panic {
            threshold: Fraction::percent(50),
            ..Panic::NEVER
        };
        let alb = Panic {
            on_all_unhealthy: AllUnhealthy::UseAll,
            ..Panic::NEVER
        };
        let ignores = |panic: Panic| [4, 2, 1, 0].map(|well| panic.ignores_health(well, 4));
        assert_eq!(ignores(envoy), [false, false, true, true]);
        assert_eq!(ignores(alb), [false, false, false, true]);
        assert_eq!(ignores(Panic::NEVER), [false; 4]);
    }
}
