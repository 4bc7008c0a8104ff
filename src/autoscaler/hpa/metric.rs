//! What an HPA looks at, and what it makes of each: a proposed number of replicas.

use super::observation::{Observation, Reading};
use super::per_pod::PerPod;
use super::pods::Timing;
use super::quantity::Milli;
use super::requests::{ContainerId, Resource};
use super::tolerance::Tolerance;
use super::values;

/// What a metric that is measured pod by pod should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodTarget {
    /// All usage together, in whole percent of all requests together; more than 0.
    Utilization(u32),
    /// The mean over the pods; more than 0.
    AverageValue(Milli),
}

/// What a metric that is one number for the whole workload should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueTarget {
    /// The number itself; more than 0. The pods are multiplied by how far it is off.
    Value(Milli),
    /// The number divided by the pods; more than 0.
    AverageValue(Milli),
}

/// One metric of an HPA with its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A resource of the pods, or of one container in each.
    Resource {
        /// Which one.
        resource: Resource,
        /// Of which container; of all of them, if of none.
        container: Option<ContainerId>,
        /// What it should be.
        target: PodTarget,
    },
    /// Something else that every pod reports, and what its mean should be; more than 0.
    Pods(Milli),
    /// A number that describes an object of the cluster.
    Object(ValueTarget),
    /// Numbers from outside of the cluster; they are added up.
    External(ValueTarget),
    /// Something that the controller does not know. The API lets nobody ask for it; it always fails.
    Unknown,
}

/// Of which sort a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A resource of the pods.
    Resource,
    /// A resource of one container in each pod.
    ContainerResource,
    /// Something else that every pod reports.
    Pods,
    /// A number that describes an object of the cluster.
    Object,
    /// Numbers from outside of the cluster.
    External,
    /// Unknown to the controller.
    Unknown,
}

impl MetricKind {
    /// How Kubernetes says that no proposal could be made from it.
    pub const fn failure_word(self) -> &'static str {
        match self {
            Self::Resource => "FailedGetResourceMetric",
            Self::ContainerResource => "FailedGetContainerResourceMetric",
            Self::Pods => "FailedGetPodsMetric",
            Self::Object => "FailedGetObjectMetric",
            Self::External => "FailedGetExternalMetric",
            Self::Unknown => "InvalidMetricSourceType",
        }
    }
}

/// Why no proposal could be made from a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricError {
    /// The metrics API did not answer.
    FetchFailed,
    /// It answered with nothing.
    NoMetricsReturned,
    /// There are no pods.
    NoPods,
    /// There are no samples of pods that count.
    NoMetricsForReadyPods,
    /// None of the samples is of a pod that is there and requests something.
    NoMetricsMatchedKnownPods,
    /// A container of a pod has no request for the resource.
    MissingRequest,
    /// A pod does not have the container.
    ContainerNotFound,
    /// The controller does not know the metric.
    UnknownType,
}

impl MetricError {
    /// In words, for tables.
    pub const fn words(self) -> &'static str {
        match self {
            Self::FetchFailed => "the metric could not be fetched",
            Self::NoMetricsReturned => "no metrics returned",
            Self::NoPods => "no pods",
            Self::NoMetricsForReadyPods => "no metrics for ready pods",
            Self::NoMetricsMatchedKnownPods => "no metrics matched known pods",
            Self::MissingRequest => "a container without a request",
            Self::ContainerNotFound => "a pod without the container",
            Self::UnknownType => "an unknown type of metric",
        }
    }
}

/// What an HPA makes of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    /// How many replicas it asks for, at most 2³¹−1.
    pub replicas: u32,
    /// What was measured, before anything was filled in: the mean over the pods, or the value. Nothing if it is a
    /// mean over no pods.
    pub usage: Option<Milli>,
    /// The same in whole percent of the requests, if the target is.
    pub utilization_percent: Option<i32>,
}

/// What is the same for all metrics of one sync.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// What is seen.
    pub seen: &'a Observation<'a>,
    /// How far off is near enough.
    pub tolerance: Tolerance,
    /// For how long new pods are distrusted.
    pub timing: Timing,
}

impl Metric {
    /// Of which sort it is.
    pub const fn kind(&self) -> MetricKind {
        match self {
            Self::Resource {
                container: None, ..
            } => MetricKind::Resource,
            Self::Resource { .. } => MetricKind::ContainerResource,
            Self::Pods(_) => MetricKind::Pods,
            Self::Object(_) => MetricKind::Object,
            Self::External(_) => MetricKind::External,
            Self::Unknown => MetricKind::Unknown,
        }
    }

    /// How many replicas it asks for, by this reading of it (`computeReplicasForMetric`).
    ///
    /// # Errors
    /// If none can be told from the reading.
    ///
    /// # Panics
    /// If it is read from samples where it is a value, or the other way round.
    pub fn propose(&self, reading: &Reading<'_>, ask: &Ask<'_>) -> Result<Proposal, MetricError> {
        match (self, reading) {
            (Self::Unknown, _) => Err(MetricError::UnknownType),
            (_, Reading::Failed) => Err(MetricError::FetchFailed),
            (
                &Self::Resource {
                    resource,
                    container,
                    target,
                },
                Reading::Samples(samples),
            ) => PerPod {
                resource: Some(resource),
                container,
                target,
            }
            .propose(samples, ask),
            (&Self::Pods(mean), Reading::Samples(samples)) => PerPod {
                resource: None,
                container: None,
                target: PodTarget::AverageValue(mean),
            }
            .propose(samples, ask),
            (Self::Object(target), Reading::Values(found)) => values::object(*target, found, ask),
            (Self::External(target), Reading::Values(found)) => {
                values::external(*target, found, ask)
            }
            (_, Reading::Samples(_) | Reading::Values(_)) => {
                panic!("metrics of pods are read from samples, others from values")
            }
        }
    }
}
