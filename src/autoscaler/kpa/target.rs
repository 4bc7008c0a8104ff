//! How much one pod shall bear.
//!
//! Source: `ResolveMetricTarget` in `pkg/reconciler/autoscaling/resources/target.go`.

/// What is held against a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metric {
    /// Requests at a time.
    #[default]
    Concurrency,
    /// Requests per second.
    RequestsPerSecond,
}

/// What the cluster says for all revisions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// Requests at a time per pod where the revision does not limit them.
    pub concurrency: f64,
    /// The share of a pod's concurrency that is aimed at, above 0 up to 1.
    pub concurrency_share: f64,
    /// Requests per second per pod.
    pub requests_per_second: f64,
    /// The share of them that is aimed at, above 0 up to 1.
    pub requests_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: 100.0,
            concurrency_share: 0.7,
            requests_per_second: 200.0,
            requests_share: 0.7,
        }
    }
}

/// What a revision says for itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Revision {
    /// What it is scaled by.
    pub metric: Metric,
    /// The most requests that a pod is given at a time, if there is a limit.
    pub container_concurrency: Option<u32>,
    /// Annotation `target`: requests at a time or per second per pod.
    pub target: Option<f64>,
    /// Annotation `target-utilization-percentage`, as a share above 0 up to 1.
    pub share: Option<f64>,
}

/// How much one pod bears, in the unit of the metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// What is aimed at, 0.01 at least.
    pub target: f64,
    /// What it can bear.
    pub total: f64,
}

/// The target of a revision. Its own annotation replaces the cluster's figure, but does not ask more of a
/// container than its limit.
pub fn resolve(cluster: &Config, revision: &Revision) -> Target {
    let limit = match revision.metric {
        Metric::Concurrency => revision.container_concurrency.map(f64::from),
        Metric::RequestsPerSecond => None,
    };
    let (default, share) = match revision.metric {
        Metric::Concurrency => (cluster.concurrency, cluster.concurrency_share),
        Metric::RequestsPerSecond => (cluster.requests_per_second, cluster.requests_share),
    };
    let total = match (revision.target, limit) {
        (Some(own), Some(limit)) => own.min(limit),
        (Some(own), None) => own,
        (None, limit) => limit.unwrap_or(default),
    };
    Target {
        target: (total * revision.share.unwrap_or(share)).max(0.01),
        total,
    }
}
