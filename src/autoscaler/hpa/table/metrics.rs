//! What an HPA looks at, as a scenario says it.

use super::super::metric::{Metric, PodTarget, ValueTarget};
use super::super::quantity::Milli;
use super::super::requests::Resource;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::{choice, leads, spec};

choice! {
    /// What an HPA looks at.
    pub enum HpaMetric {
        /// The CPU that pods use, in cores.
        Cpu(ResourceTarget) = "cpu",
        /// The memory that pods use, in bytes.
        Memory(ResourceTarget) = "memory",
        /// A figure that every pod reports.
        Pods(AverageMetric) = "pods",
        /// A figure of something else in the cluster.
        Object(ValueOrAverage) = "object",
        /// A figure from outside of the cluster.
        External(ValueOrAverage) = "external",
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
        pub average_utilization: Count,
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

leads! {
    /// What a figure that is not measured pod by pod should be.
    pub enum ValueOrAverage {
        /// The figure itself.
        Value(ValueMetric) = "value",
        /// The figure divided by the pods.
        Average(AverageMetric) = "average_value",
    }
}

spec! {
    /// What a figure should be. There are as many times the ready pods as it is too large: for what becomes
    /// smaller with more pods.
    pub struct ValueMetric {
        /// Which figure.
        pub metric: At<String>,
        /// What it should be.
        pub value: At<f64>,
    }
    check(Self::check)
}

spec! {
    /// What a figure should be for each pod: as a mean, or as the part of each in what they share, such as a
    /// backlog.
    pub struct AverageMetric {
        /// Which figure.
        pub metric: At<String>,
        /// What it should be.
        pub average_value: At<f64>,
    }
    check(Self::check)
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

impl ValueMetric {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_target(self.value, out);
    }
}

impl AverageMetric {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_target(self.average_value, out);
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

impl ValueOrAverage {
    fn target(&self) -> ValueTarget {
        match self {
            Self::Value(own) => ValueTarget::Value(quantity(own.value)),
            Self::Average(own) => ValueTarget::AverageValue(quantity(own.average_value)),
        }
    }
}

impl HpaMetric {
    /// True if it can be measured where there are no pods.
    pub(super) fn is_there_without_pods(&self) -> bool {
        matches!(self, Self::Object(_) | Self::External(_))
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
            Self::Object(own) => Metric::Object(own.target()),
            Self::External(own) => Metric::External(own.target()),
        }
    }
}
