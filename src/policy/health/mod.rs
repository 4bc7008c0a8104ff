//! How well servers are in the eyes of a balancer, and what it makes of that: checks of its own
//! ([`Checks`]), the answers that requests get ([`Outliers`]), what it does where hardly anybody is well
//! ([`Panic`]), and the time that it gives those who have just come ([`SlowStart`]).

mod checks;
mod outliers;
mod panic;
mod slow_start;

pub use checks::{CheckResult, Checks, HealthCheck, Initially, Judgement};
pub use outliers::{OutlierDetection, Outliers};
pub use panic::{AllUnhealthy, Panic};
pub use slow_start::{SlowStart, SlowStartRules};
