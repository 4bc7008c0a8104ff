//! What an HPA looks at, as a scenario says it.

use super::super::metric::{Metric, PodTarget, ValueTarget};
use super::super::quantity::Milli;
use super::super::requests::Resource;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::{choice, leads, spec, words};

choice! {
    /// What an HPA looks at.
    pub enum HpaMetric {
        /// The CPU that pods use, in cores.
        Cpu(ResourceTarget) = "cpu",
        /// The memory that pods use, in bytes.
        Memory(ResourceTarget) = "memory",
        /// A figure that every pod reports.
        Pods(PodsMetric) = "pods",
        /// A figure of the service as a whole, as its ingress reports it.
        Object(ObjectMetric) = "object",
        /// The messages that wait in a queue.
        External(ExternalMetric) = "external",
    }
}

leads! {
    /// What the use of a resource should be.
    pub enum ResourceTarget {
        /// A share of what is requested.
        Utilization(UtilizationTarget) = "average_utilization",
        /// A mean over the pods.
        Mean(MeanTarget) = "average_value",
    }
}

spec! {
    /// What share of their requests pods should use.
    pub struct UtilizationTarget {
        /// In percent, all pods together.
        pub average_utilization: At<Count>,
    }
}

spec! {
    /// How much of a resource a pod should use.
    pub struct MeanTarget {
        /// The mean over the pods: cores, or bytes.
        pub average_value: At<f64>,
    }
    check(Self::check)
}

words! {
    /// A figure that pods report.
    pub enum PodFigure {
        /// Requests that are done in a second.
        RequestsPerSecond = "requests_per_second",
        /// Requests that are inside, on average over the time between two scrapes.
        InFlight = "in_flight",
    }
}

spec! {
    /// What a figure that every pod reports should be on average.
    pub struct PodsMetric {
        /// Which figure.
        pub metric: At<PodFigure>,
        /// What its mean over the pods should be.
        pub average_value: At<f64>,
    }
    check(Self::check)
}

spec! {
    /// What a figure of the service as a whole should be: `value` itself, or `average_value` for each pod. With
    /// `value` there are as many times the ready pods as it is too large: for what becomes smaller with more pods.
    pub struct ObjectMetric {
        /// Which figure: the sum over the pods.
        pub metric: At<PodFigure>,
        /// What it should be.
        pub value: Option<At<f64>>,
        /// What it should be for each pod.
        pub average_value: Option<At<f64>>,
    }
    check(Self::check)
}

spec! {
    /// How many messages should wait in a queue: `value` in all, or `average_value` for each pod. With `value` there
    /// are as many times the ready pods as there are too many: what a shared backlog needs is `average_value`.
    pub struct ExternalMetric {
        /// Which queue.
        pub queue: At<String>,
        /// What should wait in all.
        pub value: Option<At<f64>>,
        /// What should wait for each pod.
        pub average_value: Option<At<f64>>,
    }
    check(Self::check)
}

/// Where a figure comes from that an HPA looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HpaFigure {
    /// CPU of the pods.
    Cpu,
    /// Memory of the pods.
    Memory,
    /// Requests that are done in a second.
    RequestsPerSecond,
    /// Requests that are inside.
    InFlight,
    /// What waits in a queue: its position among the queues that are looked at.
    Backlog(u16),
}

impl PodFigure {
    const fn figure(self) -> HpaFigure {
        match self {
            Self::RequestsPerSecond => HpaFigure::RequestsPerSecond,
            Self::InFlight => HpaFigure::InFlight,
        }
    }
}

/// Refuses a target that is nothing.
fn check_target(target: At<f64>, out: &mut Diagnostics) {
    if quantity(target) <= Milli::ZERO {
        let problem = "a target is at least a thousandth";
        out.push(Diagnostic::error(target.origin, problem).label("too small"));
    }
}

fn quantity(target: At<f64>) -> Milli {
    Milli::from_units(target.value)
}

impl MeanTarget {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_target(self.average_value, out);
    }
}

impl PodsMetric {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_target(self.average_value, out);
    }
}

impl ObjectMetric {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        check_one_target(self.value, self.average_value, table, out);
    }
}

impl ExternalMetric {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        check_one_target(self.value, self.average_value, table, out);
    }
}

/// Refuses no target, and two.
fn check_one_target(
    value: Option<At<f64>>,
    average: Option<At<f64>>,
    table: Origin,
    out: &mut Diagnostics,
) {
    match (value, average) {
        (Some(target), None) | (None, Some(target)) => check_target(target, out),
        (Some(value), Some(average)) => out.push(
            Diagnostic::error(average.origin, "a metric has one target")
                .related(value.origin, "the other")
                .help("give `value` or `average_value`"),
        ),
        (None, None) => out.push(
            Diagnostic::error(table, "what should it be?")
                .label("needs `value` or `average_value`"),
        ),
    }
}

fn target(value: Option<At<f64>>, average: Option<At<f64>>) -> ValueTarget {
    match (value, average) {
        (Some(value), _) => ValueTarget::Value(quantity(value)),
        (None, average) => ValueTarget::AverageValue(average.map_or(Milli::ZERO, quantity)),
    }
}

impl ResourceTarget {
    fn target(&self) -> PodTarget {
        match self {
            Self::Utilization(own) => PodTarget::Utilization(own.average_utilization.get()),
            Self::Mean(own) => PodTarget::AverageValue(quantity(own.average_value)),
        }
    }
}

impl HpaMetric {
    /// True if it can be measured where there are no pods.
    pub(super) fn is_there_without_pods(&self) -> bool {
        matches!(self, Self::Object(_) | Self::External(_))
    }

    /// Where it goes by memory, if it does.
    pub(super) fn memory_origin(&self) -> Option<Origin> {
        match self {
            Self::Memory(ResourceTarget::Utilization(own)) => Some(own.average_utilization.origin),
            Self::Memory(ResourceTarget::Mean(own)) => Some(own.average_value.origin),
            _ => None,
        }
    }

    /// What the controller makes of it.
    pub(super) fn metric(&self) -> Metric {
        let resource = |resource, own: &ResourceTarget| Metric::Resource {
            resource,
            container: None,
            target: own.target(),
        };
        match self {
            Self::Cpu(own) => resource(Resource::Cpu, own),
            Self::Memory(own) => resource(Resource::Memory, own),
            Self::Pods(own) => Metric::Pods(quantity(own.average_value)),
            Self::Object(own) => Metric::Object(target(own.value, own.average_value)),
            Self::External(own) => Metric::External(target(own.value, own.average_value)),
        }
    }

    /// Where it comes from; `n_queues` are looked at by those before it.
    pub(super) fn figure(&self, n_queues: u16) -> HpaFigure {
        match self {
            Self::Cpu(_) => HpaFigure::Cpu,
            Self::Memory(_) => HpaFigure::Memory,
            Self::Pods(own) => own.metric.value.figure(),
            Self::Object(own) => own.metric.value.figure(),
            Self::External(_) => HpaFigure::Backlog(n_queues),
        }
    }
}
