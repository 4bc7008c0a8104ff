//! Kubernetes' `HorizontalPodAutoscaler` (`autoscaling/v2`): how many pods its controller asks for.
//!
//! [`fn@sync`] is one round of the controller over one workload: it is shown what the API server and the metrics
//! APIs would say ([`Observation`]), and decides ([`Decision`]) by its settings ([`Config`]) and by what it
//! remembers ([`State`]). Everything that it consists of can be asked by itself, in the order in which a sync
//! asks:
//!
//! ```text
//! pods, samples ─classify─▶ ready, unready, missing, ignored          pods.rs, samples.rs
//!               ─propose──▶ a number of replicas for each metric      metric.rs, per_pod.rs, values.rs
//! proposals     ─combine──▶ the wish: the largest                     sync.rs
//! wish          ─stabilize▶ held back by earlier wishes               stabilize.rs
//!               ─limit────▶ held back by rates and bounds             limits.rs, behavior.rs, events.rs
//! ```
//!
//! Of the real controller this keeps everything that decides, to the bit where it can be seen: quantities are
//! whole thousandths in 64 bits, ratios and percentages are taken in double precision in its order, divisions
//! truncate where it truncates. Where its integers would overflow (sums, and counts above 2³¹−1), ours stop at
//! the largest value.
//!
//! Left out: what cannot differ in a simulation (selectors, API versions, failing writes), readiness that is
//! neither true nor false, huge pages and the overhead of runtime classes as part of requests.
//!
//! Source of all rules: kubernetes/kubernetes, `pkg/controller/podautoscaler` (v1.33, with the tolerances of
//! single HPAs, KEP-4951), and its defaults in `pkg/apis/autoscaling/v2/defaults.go`. The docs name the
//! functions there.

mod behavior;
mod decision;
mod events;
mod limits;
mod metric;
mod observation;
mod per_pod;
mod pods;
mod quantity;
mod requests;
mod samples;
mod settings;
mod stabilize;
mod sync;
mod table;
mod tolerance;
mod values;

pub use behavior::{Behavior, Policy, PolicyKind, Rules, Select};
pub use decision::{Condition, Conditions, Course, Decision, Stabilization};
pub use events::{Changes, Events, ScaleEvent};
pub use limits::{Bounds, LegacyPace, Limit, Limited};
pub use metric::{Ask, Metric, MetricError, MetricKind, PodTarget, Proposal, ValueTarget};
pub use observation::{Observation, Reading};
pub use pods::{Class, Classifier, Phase, Pod, PodId, Readiness, Timing};
pub use quantity::Milli;
pub use requests::{Container, ContainerId, InitContainer, PodTemplate, Requests, Resource};
pub use samples::{Sample, pod_usage};
pub use settings::{Config, Controller};
pub use stabilize::{History, Recommendation, Windows};
pub use sync::{State, sync};
pub use table::{
    ExternalMetric, HpaBehavior, HpaFigure, HpaMetric, HpaPolicy, HpaRules, HpaSelect,
    KubernetesHpa, MeanTarget, ObjectMetric, PercentPolicy, PodFigure, PodsMetric, PodsPolicy,
    ResourceTarget, UtilizationTarget,
};
pub use tolerance::Tolerance;
