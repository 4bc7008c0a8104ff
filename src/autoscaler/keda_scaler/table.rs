//! KEDA as a scenario describes it: a `ScaledObject`, in this program's spelling.

use super::{Figure, Source};
use crate::autoscaler::hpa::{
    Controller, ExternalMetric, HpaBehavior, HpaMetric, KubernetesHpa, Milli, ResourceTarget,
    UtilizationTarget,
};
use crate::autoscaler::keda::trigger::TargetType;
use crate::autoscaler::keda::{POLLING_INTERVAL, activation, fallback};
use crate::autoscaler::{check_range_from_zero, check_window};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};
use crate::{leads, spec, words};

/// How old what the metrics server is told is already, as for an HPA.
const METRICS_AGE: SimDuration = SimDuration::from_secs(6);

leads! {
    /// What KEDA goes by.
    pub enum KedaTrigger {
        /// The messages that wait in a queue.
        Queue(KedaQueue) = "queue",
        /// Requests that are done in a second.
        Requests(KedaRequests) = "requests_per_second",
        /// Requests that are inside.
        InFlight(KedaInFlight) = "in_flight",
        /// The CPU that pods use: the HPA's affair.
        Cpu(KedaCpu) = "cpu",
        /// The memory that pods use: the HPA's affair.
        Memory(KedaMemory) = "memory",
    }
}

words! {
    /// How the HPA reads a metric.
    pub enum KedaMetricType {
        /// Its total, to be shared by the pods.
        AverageValue = "average_value",
        /// As it is: there are as many times the ready pods as it is too large.
        Value = "value",
    }
}

spec! {
    /// The messages that wait in a queue: `{ queue = "jobs", target = 5 }`.
    pub struct KedaQueue {
        /// Which queue.
        pub queue: At<String>,
        /// How many should wait for each pod.
        pub target: At<f64> = At::built_in(5.0),
        /// With more than this there is something to do; only then are pods started from none.
        pub activation: At<f64> = At::built_in(0.0),
        /// How the HPA reads it.
        pub metric_type: KedaMetricType = KedaMetricType::AverageValue,
        /// Whether the HPA is given what the last polling found, and not asked anew.
        pub cached: bool = false,
        /// When it cannot be read.
        pub lost: Vec<KedaOutage>,
    }
    check(Self::check)
}

spec! {
    /// Requests that are done in a second: `{ requests_per_second = 20 }`.
    pub struct KedaRequests {
        /// How many each pod should do.
        pub requests_per_second: At<f64>,
        /// With more than this there is something to do.
        pub activation: At<f64> = At::built_in(0.0),
        /// How the HPA reads it.
        pub metric_type: KedaMetricType = KedaMetricType::AverageValue,
        /// Whether the HPA is given what the last polling found, and not asked anew.
        pub cached: bool = false,
        /// Over how long they are counted.
        pub window: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// When it cannot be read.
        pub lost: Vec<KedaOutage>,
    }
    check(Self::check)
}

spec! {
    /// Requests that are inside: `{ in_flight = 10 }`.
    pub struct KedaInFlight {
        /// How many each pod should have.
        pub in_flight: At<f64>,
        /// With more than this there is something to do.
        pub activation: At<f64> = At::built_in(0.0),
        /// How the HPA reads it.
        pub metric_type: KedaMetricType = KedaMetricType::AverageValue,
        /// Whether the HPA is given what the last polling found, and not asked anew.
        pub cached: bool = false,
        /// Over how long they are averaged.
        pub window: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// When it cannot be read.
        pub lost: Vec<KedaOutage>,
    }
    check(Self::check)
}

spec! {
    /// The CPU that pods use: `{ cpu = 80 }`.
    pub struct KedaCpu {
        /// In percent of what they request.
        pub cpu: At<Count>,
    }
}

spec! {
    /// The memory that pods use: `{ memory = 80 }`.
    pub struct KedaMemory {
        /// In percent of what they request.
        pub memory: At<Count>,
    }
}

spec! {
    /// A time in which a metric cannot be read.
    pub struct KedaOutage {
        /// When it begins.
        pub at: SimDuration,
        /// How long it lasts.
        pub lasts: SimDuration,
    }
}

words! {
    /// How the pods of a fallback go together with those that there are.
    pub enum KedaFallbackBehavior {
        /// Those of the fallback.
        Static = "static",
        /// Those that there are.
        CurrentReplicas = "current_replicas",
        /// Whichever are more.
        CurrentReplicasIfHigher = "current_replicas_if_higher",
        /// Whichever are fewer.
        CurrentReplicasIfLower = "current_replicas_if_lower",
    }
}

spec! {
    /// What the HPA is given while a metric cannot be read.
    pub struct KedaFallback {
        /// How many failures in a row are put up with; the one after them falls back.
        pub failure_threshold: u32 = 3,
        /// How many pods it stands for.
        pub replicas: u32,
        /// How they go together with those that there are.
        pub behavior: KedaFallbackBehavior = KedaFallbackBehavior::Static,
    }
}

spec! {
    /// KEDA: wakes a workload when there is something to do and lets it sleep when there is not, and has an HPA for the
    /// rest.
    pub struct Keda {
        /// The fewest pods; with none at all it sleeps while there is nothing to do.
        pub min: At<u32> = At::built_in(0),
        /// The most pods.
        pub max: At<Count> = At::built_in(Count::new(100)),
        /// How many there are while there is nothing to do, if that is fewer than `min`.
        pub idle: Option<At<u32>>,
        /// What it goes by; the largest answer counts.
        pub triggers: Vec<KedaTrigger>,
        /// How often it asks whether there is something to do.
        pub polling_interval: At<SimDuration> = At::built_in(POLLING_INTERVAL),
        /// How long there must have been nothing to do before it sleeps. Down to one it is the HPA's affair.
        pub cooldown: At<SimDuration> = At::built_in(SimDuration::from_secs(300)),
        /// The same after its creation, if there never was anything to do.
        pub initial_cooldown: SimDuration = SimDuration::ZERO,
        /// What holds while a metric cannot be read; nothing unless given.
        pub fallback: Option<KedaFallback>,
        /// How long requests are held while there are no pods, by the interceptor of the HTTP add-on, which also wakes
        /// KEDA at once. Nobody does that unless given; a queue holds its messages by itself.
        pub hold: Option<At<SimDuration>>,
        /// How fast the HPA goes up and down, as in an HPA's own `behavior`.
        pub behavior: Option<HpaBehavior>,
        /// How often the HPA looks.
        pub sync_period: At<SimDuration> = At::built_in(SimDuration::from_secs(15)),
        /// How often pods are scraped, for all figures but those of queues.
        pub metrics_resolution: At<SimDuration> = At::built_in(SimDuration::from_secs(15)),
    }
    check(Self::check)
}

impl KedaQueue {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_levels(self.target, self.activation, out);
    }
}

impl KedaRequests {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_levels(self.requests_per_second, self.activation, out);
    }
}

impl KedaInFlight {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_levels(self.in_flight, self.activation, out);
    }
}

fn check_levels(target: At<f64>, activation: At<f64>, out: &mut Diagnostics) {
    if Milli::from_units(target.value) <= Milli::ZERO {
        let problem = "a target is at least a thousandth";
        out.push(Diagnostic::error(target.origin, problem).label("too small"));
    }
    if activation.value < 0.0 {
        let problem = "no metric is below 0: there would always be something to do";
        out.push(Diagnostic::error(activation.origin, problem));
    }
}

impl KedaTrigger {
    /// The window over which it averages, if it does.
    fn window(&self) -> Option<At<SimDuration>> {
        match self {
            Self::Requests(own) => Some(own.window),
            Self::InFlight(own) => Some(own.window),
            Self::Queue(_) | Self::Cpu(_) | Self::Memory(_) => None,
        }
    }

    /// What the HPA has of it.
    fn metric(&self) -> HpaMetric {
        let utilization = |percent| {
            ResourceTarget::Utilization(UtilizationTarget {
                average_utilization: percent,
            })
        };
        let external = |own: &Source| {
            let target = Some(At::built_in(own.target));
            let is_value = own.target_type == TargetType::Value;
            HpaMetric::External(ExternalMetric {
                queue: At::built_in(String::new()),
                value: target.filter(|_| is_value),
                average_value: target.filter(|_| !is_value),
            })
        };
        match self {
            Self::Cpu(own) => HpaMetric::Cpu(utilization(own.cpu)),
            Self::Memory(own) => HpaMetric::Memory(utilization(own.memory)),
            Self::Queue(_) | Self::Requests(_) | Self::InFlight(_) => {
                external(&self.source(0).expect("what KEDA reads itself has a source"))
            }
        }
    }

    /// Where KEDA reads it, unless the HPA does that itself; `n_queues` are read by those before it.
    fn source(&self, n_queues: usize) -> Option<Source> {
        let (figure, window, target, activation, metric_type, is_cached, lost) = match self {
            Self::Cpu(_) | Self::Memory(_) => return None,
            Self::Queue(own) => (
                Figure::Queue(n_queues),
                SimDuration::ZERO,
                own.target,
                own.activation,
                own.metric_type,
                own.cached,
                &own.lost,
            ),
            Self::Requests(own) => (
                Figure::RequestsPerSecond,
                own.window.value,
                own.requests_per_second,
                own.activation,
                own.metric_type,
                own.cached,
                &own.lost,
            ),
            Self::InFlight(own) => (
                Figure::InFlight,
                own.window.value,
                own.in_flight,
                own.activation,
                own.metric_type,
                own.cached,
                &own.lost,
            ),
        };
        let lost = lost.iter();
        let lost = lost.map(|own| (SimTime::ZERO + own.at, SimTime::ZERO + own.at + own.lasts));
        Some(Source {
            figure,
            window,
            target: target.value,
            activation: activation.value,
            target_type: match metric_type {
                KedaMetricType::AverageValue => TargetType::AverageValue,
                KedaMetricType::Value => TargetType::Value,
            },
            is_cached,
            lost: lost.collect(),
            failures: fallback::State::default(),
            polled: None,
        })
    }
}

impl Keda {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        check_range_from_zero(self.min, self.max, out);
        if let Some(idle) = self.idle
            && idle.value >= self.min.value
        {
            let problem = "while there is nothing to do there are fewer than the fewest otherwise";
            let min = format!("minimum is {}", self.min.value);
            out.push(Diagnostic::error(idle.origin, problem).related(self.min.origin, min));
        }
        if self.triggers.is_empty() {
            let problem = "KEDA needs something to go by";
            out.push(Diagnostic::error(table, problem).label("needs `triggers`"));
        } else if (self.min.value == 0 || self.idle.is_some())
            && self.triggers.iter().all(|own| own.source(0).is_none())
        {
            let problem = "without pods there is no CPU or memory that would bring them back";
            out.push(Diagnostic::error(self.min.origin.or(table), problem).label("at least 1"));
        }
        self.check_sleep(table, out);
        self.check_spans(out);
    }

    /// Whether somebody holds requests where there may be no pods.
    fn check_sleep(&self, table: Origin, out: &mut Diagnostics) {
        let sleeps = self.min.value == 0 || self.idle.is_some_and(|idle| idle.value == 0);
        let counts_requests = |own: &KedaTrigger| own.window().is_some();
        if let Some(hold) = self.hold.filter(|_| !sleeps) {
            let problem = "there are always pods: nothing is ever held";
            let label = format!("minimum is {}", self.min.value);
            out.push(Diagnostic::error(hold.origin, problem).related(self.min.origin, label));
        } else if sleeps && self.hold.is_none() && self.triggers.iter().any(counts_requests) {
            let problem =
                "while there are no pods nobody counts requests, and none would bring them back";
            out.push(
                Diagnostic::warning(self.min.origin.or(table), problem)
                    .help("set `hold`: the HTTP add-on holds requests and counts them"),
            );
        }
    }

    /// How often is asked and looked, and what is too short to matter.
    fn check_spans(&self, out: &mut Diagnostics) {
        for (span, what) in [
            (self.polling_interval, "KEDA asks every second at most"),
            (self.sync_period, "the HPA looks every second at most"),
            (
                self.metrics_resolution,
                "pods are scraped every second at most",
            ),
        ] {
            if span.value < SimDuration::from_secs(1) {
                out.push(Diagnostic::error(span.origin, what).label("at least 1 s"));
            }
        }
        if self.cooldown.value > SimDuration::ZERO
            && self.cooldown.value < self.polling_interval.value
        {
            let problem = "this cooldown is shorter than the time between two pollings";
            let every = format!("it asks every {}", self.polling_interval.value);
            out.push(
                Diagnostic::warning(
                    self.cooldown.origin.or(self.polling_interval.origin),
                    problem,
                )
                .related(self.polling_interval.origin, every),
            );
        }
        for window in self.triggers.iter().filter_map(KedaTrigger::window) {
            check_window(window, self.metrics_resolution, out);
        }
    }

    /// The HPA that it makes.
    pub(super) fn hpa(&self) -> KubernetesHpa {
        let Controller {
            tolerance,
            downscale_stabilization,
            timing,
            ..
        } = Controller::DEFAULT;
        KubernetesHpa {
            min: At::built_in(self.min.value.max(1)),
            max: self.max,
            metrics: self.triggers.iter().map(KedaTrigger::metric).collect(),
            behavior: self.behavior.clone(),
            tolerance: At::built_in(tolerance),
            sync_period: self.sync_period,
            downscale_stabilization,
            cpu_initialization_period: timing.cpu_initialization_period,
            initial_readiness_delay: timing.initial_readiness_delay,
            cpu_request: None,
            metrics_resolution: self.metrics_resolution,
            metrics_age: At::built_in(METRICS_AGE),
        }
    }

    /// What is asked by KEDA itself, in the order of its triggers.
    pub(super) fn sources(&self) -> Vec<Source> {
        let mut n_queues = 0;
        let source = |own: &KedaTrigger| {
            let source = own.source(n_queues)?;
            n_queues += usize::from(matches!(own, KedaTrigger::Queue(_)));
            Some(source)
        };
        self.triggers.iter().filter_map(source).collect()
    }

    /// Where it goes by memory.
    pub(super) fn memory_origin(&self) -> Option<Origin> {
        self.triggers.iter().find_map(|own| match own {
            KedaTrigger::Memory(own) => Some(own.memory.origin),
            _ => None,
        })
    }

    /// The queues that it looks at, in the order of its triggers.
    pub(super) fn looked_at(&self) -> Vec<&At<String>> {
        let queues = self.triggers.iter().filter_map(|own| match own {
            KedaTrigger::Queue(own) => Some(&own.queue),
            _ => None,
        });
        queues.collect()
    }

    /// The rules of the switch between none and some.
    pub(super) fn activation(&self) -> activation::Config {
        activation::Config {
            min: self.min.value,
            idle: self.idle.map(|own| own.value),
            cooldown: self.cooldown.value,
            initial_cooldown: self.initial_cooldown,
            fallback: self.fallback.as_ref().map(|own| own.replicas),
            ..activation::Config::default()
        }
    }
}

impl KedaFallback {
    /// The rule.
    pub(super) fn config(&self) -> fallback::Config {
        use KedaFallbackBehavior as Own;
        fallback::Config {
            failure_threshold: self.failure_threshold,
            replicas: self.replicas,
            behavior: match self.behavior {
                Own::Static => fallback::Behavior::Static,
                Own::CurrentReplicas => fallback::Behavior::CurrentReplicas,
                Own::CurrentReplicasIfHigher => fallback::Behavior::CurrentReplicasIfHigher,
                Own::CurrentReplicasIfLower => fallback::Behavior::CurrentReplicasIfLower,
            },
        }
    }
}
