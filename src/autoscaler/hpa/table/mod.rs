//! An HPA as a scenario describes it: Kubernetes' settings and defaults, in this program's spelling.

mod behavior;
mod metrics;

pub use behavior::{HpaBehavior, HpaPolicy, HpaRules, HpaSelect, PercentPolicy, PodsPolicy};
pub use metrics::{
    ExternalMetric, HpaFigure, HpaMetric, MeanTarget, ObjectMetric, PodFigure, PodsMetric,
    ResourceTarget, UtilizationTarget,
};

use super::limits::{Bounds, LegacyPace};
use super::metric::{Metric, PodTarget};
use super::pods::Timing;
use super::requests::Resource;
use super::settings::{Config, Controller};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimDuration;

/// What Kubernetes wants of the CPU where nothing is said: this percentage of what is requested.
const DEFAULT_CPU_PERCENT: u32 = 80;

spec! {
    /// Kubernetes' horizontal pod autoscaler (`autoscaling/v2`).
    pub struct KubernetesHpa {
        /// The fewest pods. None at all only with an `object` or `external` metric.
        pub min: At<u32> = At::built_in(1),
        /// The most pods.
        pub max: At<Count>,
        /// What it looks at; the largest answer counts. Without any, CPU at 80 percent of what is requested.
        pub metrics: Vec<HpaMetric>,
        /// How fast it goes up and down. With this section, and be it empty, what is not given has Kubernetes'
        /// defaults. Without it, the rules from before there was one hold: at most twice as many pods, or 4, at a
        /// time; and fewer only when fewer have been wished for all of `downscale_stabilization`.
        pub behavior: Option<HpaBehavior>,
        /// How far off a target is near enough, 0.1 being a tenth.
        pub tolerance: At<f64> = At::built_in(Controller::DEFAULT.tolerance),
        /// How often the controller looks.
        pub sync_period: At<SimDuration> = At::built_in(Controller::DEFAULT.sync_period),
        /// For how long fewer pods must have been wished before there are fewer, where `behavior` does not say it.
        pub downscale_stabilization: SimDuration = Controller::DEFAULT.downscale_stabilization,
        /// After its start, so long, a pod's CPU counts only if the pod is ready and was for the whole window of the
        /// sample.
        pub cpu_initialization_period: SimDuration = Timing::DEFAULT.cpu_initialization_period,
        /// A pod that became unready within so long after its start has never been ready.
        pub initial_readiness_delay: SimDuration = Timing::DEFAULT.initial_readiness_delay,
        /// How many vCPUs a pod requests, of which utilization is a share: those that it may use unless given. Less
        /// than that is usual, and then a pod can use more than 100 percent.
        pub cpu_request: Option<At<f64>>,
        /// How often the metrics server looks at the pods: 15 s as it is shipped.
        pub metrics_resolution: At<SimDuration> = At::built_in(SimDuration::from_secs(15)),
        /// How old what it is told is already: the kubelets look every 10 to 15 s themselves.
        pub metrics_age: At<SimDuration> = At::built_in(SimDuration::from_secs(6)),
    }
    check(Self::check)
}

/// Refuses a tolerance below 0.
fn check_tolerance(tolerance: At<f64>, out: &mut Diagnostics) {
    if tolerance.value < 0.0 {
        let problem = "a tolerance is not negative";
        out.push(Diagnostic::error(tolerance.origin, problem));
    }
}

impl KubernetesHpa {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        crate::autoscaler::check_range_from_zero(self.min, self.max, out);
        if self.min.value == 0 && !self.metrics.iter().any(HpaMetric::is_there_without_pods) {
            let problem = "without pods there is nothing that would bring them back";
            out.push(
                Diagnostic::error(self.min.origin, problem)
                    .label("at least 1")
                    .help("a minimum of 0 needs an `object` or `external` metric"),
            );
        }
        check_tolerance(self.tolerance, out);
        if let Some(request) = self.cpu_request
            && request.value < 0.001
        {
            let problem = "a pod requests a thousandth of a vCPU at least";
            out.push(Diagnostic::error(request.origin, problem).label("too small"));
        }
        self.check_spans(out);
    }

    /// How often is looked and measured, and what is too short to matter.
    fn check_spans(&self, out: &mut Diagnostics) {
        if self.sync_period.value < SimDuration::from_secs(1) {
            let problem = "the controller does not look more often than every second";
            out.push(Diagnostic::error(self.sync_period.origin, problem).label("at least 1 s"));
        }
        if self.metrics_resolution.value < SimDuration::from_secs(1) {
            let problem = "the metrics server does not look more often than every second";
            let origin = self.metrics_resolution.origin;
            out.push(Diagnostic::error(origin, problem).label("at least 1 s"));
        } else if self.metrics_resolution.value > self.sync_period.value
            && !self.reads_queues_only()
        {
            let problem = "the controller looks more often than there is something new to see";
            let every = format!("it looks every {}", self.sync_period.value);
            let origin = self.metrics_resolution.origin.or(self.sync_period.origin);
            let warning = Diagnostic::warning(origin, problem);
            out.push(warning.related(self.sync_period.origin, every));
        }
        let rules = self.behavior.iter();
        let rules = rules.flat_map(|own| [&own.scale_up, &own.scale_down]);
        let windows = rules.flatten().filter_map(|own| own.stabilization_window);
        for window in windows.filter(|own| own.value > SimDuration::ZERO) {
            if window.value < self.sync_period.value {
                let problem = "this window is shorter than the time between two looks";
                let every = format!("the controller looks every {}", self.sync_period.value);
                out.push(
                    Diagnostic::warning(window.origin, problem)
                        .label("it holds nothing back")
                        .related(self.sync_period.origin, every),
                );
            }
        }
    }

    /// True if it goes by the length of queues alone, which is asked for anew each time.
    fn reads_queues_only(&self) -> bool {
        let is_queue = |own: &HpaMetric| matches!(own, HpaMetric::External(_));
        !self.metrics.is_empty() && self.metrics.iter().all(is_queue)
    }

    /// Where it goes by memory.
    pub(in crate::autoscaler) fn memory_origin(&self) -> Option<Origin> {
        self.metrics.iter().find_map(HpaMetric::memory_origin)
    }

    /// Where the figures of its metrics come from, in their order.
    pub(in crate::autoscaler) fn figures(&self) -> Vec<HpaFigure> {
        if self.metrics.is_empty() {
            return vec![HpaFigure::Cpu];
        }
        let mut n_queues = 0;
        let figure = |metric: &HpaMetric| {
            let figure = metric.figure(n_queues);
            n_queues += u16::from(matches!(figure, HpaFigure::Backlog(_)));
            figure
        };
        self.metrics.iter().map(figure).collect()
    }

    /// The queues that it looks at, in the order of its metrics.
    pub(in crate::autoscaler) fn looked_at(&self) -> Vec<&At<String>> {
        let queues = self.metrics.iter().filter_map(|metric| match metric {
            HpaMetric::External(own) => Some(&own.queue),
            _ => None,
        });
        queues.collect()
    }

    /// The settings that a sync goes by, complete; metrics in the order of the table.
    pub fn config(&self) -> Config {
        let metrics = if self.metrics.is_empty() {
            vec![Metric::Resource {
                resource: Resource::Cpu,
                container: None,
                target: PodTarget::Utilization(DEFAULT_CPU_PERCENT),
            }]
        } else {
            self.metrics.iter().map(HpaMetric::metric).collect()
        };
        let behavior = self.behavior.as_ref();
        Config {
            bounds: Bounds {
                min: self.min.value,
                max: self.max.get(),
            },
            metrics,
            behavior: behavior.map(|own| own.complete(self.downscale_stabilization)),
            controller: Controller {
                sync_period: self.sync_period.value,
                tolerance: self.tolerance.value,
                downscale_stabilization: self.downscale_stabilization,
                timing: Timing {
                    cpu_initialization_period: self.cpu_initialization_period,
                    initial_readiness_delay: self.initial_readiness_delay,
                },
                legacy_pace: LegacyPace::DEFAULT,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::hpa::Rules;
    use crate::spec::{Entry, Node, Spec as _, Table, Value};

    fn node(value: &toml::Value) -> Node {
        let value = match value {
            toml::Value::String(text) => Value::Text(text.clone()),
            toml::Value::Integer(number) => Value::Whole(*number),
            toml::Value::Float(number) => Value::Real(*number),
            toml::Value::Boolean(truth) => Value::Truth(*truth),
            toml::Value::Datetime(date) => Value::Date(date.to_string()),
            toml::Value::Array(items) => Value::List(items.iter().map(node).collect()),
            toml::Value::Table(table) => {
                let entry = |(key, value): (&String, &toml::Value)| Entry {
                    key: key.clone(),
                    key_origin: Origin::BUILT_IN,
                    node: node(value),
                };
                Value::Table(Table {
                    entries: table.iter().map(entry).collect(),
                })
            }
        };
        Node {
            value,
            origin: Origin::BUILT_IN,
        }
    }

    fn read(text: &str) -> Result<KubernetesHpa, Vec<String>> {
        let table: toml::Table = text.parse().expect(text);
        let mut out = Diagnostics::default();
        let read = KubernetesHpa::read(&node(&toml::Value::Table(table)), &mut out);
        let problems = out.sorted().into_iter().map(|own| own.message.clone());
        read.ok_or_else(|| problems.collect())
    }

    #[test]
    fn what_is_not_given_is_as_kubernetes_has_it() {
        let plain = read("max = 10").expect("all there").config();
        assert_eq!(plain.bounds, Bounds { min: 1, max: 10 });
        assert_eq!(plain.controller, Controller::DEFAULT);
        assert!(plain.behavior.is_none() && plain.metrics.len() == 1);

        // A section that says something about one direction completes both.
        let half =
            read("max = 10\ndownscale_stabilization = '60s'\nbehavior.scale_up.tolerance = 0.0");
        let half = half.expect("all there").config();
        let tolerance = half.tolerance();
        assert_eq!(
            (tolerance.down.to_bits(), tolerance.up.to_bits()),
            (0.1_f64.to_bits(), 0)
        );
        let behavior = half.behavior.expect("it is given");
        let up = Rules {
            tolerance: Some(0.0),
            ..Rules::default_up()
        };
        assert_eq!(behavior.up, up);
        assert_eq!(
            behavior.down,
            Rules::default_down(SimDuration::from_secs(60))
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let problem = |text: &str| read(text).expect_err(text).join("; ");
        let backlog = "metrics = [{ external = { queue = 'jobs', average_value = 5 } }]";
        assert!(read(&format!("min = 0\nmax = 3\n{backlog}")).is_ok());
        let cases = [
            ("min = 5\nmax = 3", "maximum is below its minimum"),
            ("min = 0\nmax = 3", "nothing that would bring them back"),
            ("max = 3\ntolerance = -0.1", "not negative"),
            (
                "max = 3\nsync_period = '10ms'",
                "more often than every second",
            ),
            (
                "max = 3\nmetrics = [{ pods = { metric = 'in_flight', average_value = 0 } }]",
                "at least a thousandth",
            ),
            (
                "max = 3\nmetrics = [{ cpu = {} }]",
                "does not say what it is",
            ),
            (
                "max = 3\nbehavior.scale_down.stabilization_window = '2h'",
                "an hour at most",
            ),
            (
                "max = 3\nbehavior.scale_up.policies = [{ pods = 4, period = '31m' }]",
                "1 s to 30 minutes",
            ),
            (
                "max = 3\nbehavior.scale_up.policies = [{ percent = 0, period = '1m' }]",
                "at least 1",
            ),
        ];
        for (text, wanted) in cases {
            let found = problem(text);
            assert!(found.contains(wanted), "{text}: {found}");
        }
    }
}
