//! KEDA: switches a workload between none and some, and hands the rest to the Kubernetes HPA.
//!
//! Every polling interval the triggers are asked whether they are active ([`trigger`]), which decides
//! between zero (or an idle count) and the minimum ([`activation`]). From there on the HPA scales by the
//! metric that KEDA serves, or by what stands in for it if it cannot be read ([`fallback`]). Jobs are
//! scaled without the HPA ([`jobs`]).
//!
//! Source: the code of kedacore/keda as of 8b4f083c, and the documentation of 2.21.

pub mod activation;
pub mod fallback;
pub mod jobs;
pub mod trigger;

use crate::units::SimDuration;

/// How often triggers are asked, unless configured otherwise.
pub const POLLING_INTERVAL: SimDuration = SimDuration::from_secs(30);
