//! Kubernetes' horizontal pod autoscaler over the instances of a service: its controller is in [`hpa`],
//! what feeds it is here.
//!
//! The metrics server scrapes all kubelets every `metrics_resolution` and keeps the last two points of each pod: CPU
//! is what was used between them, by how long that was, and a pod without a point before has none, unless it is
//! between 10 s and one resolution old, when it is measured from its start (kubernetes-sigs/metrics-server,
//! `pkg/storage/pod.go`). What a kubelet says is a little old itself (cAdvisor looks every 10 to 15 s):
//! `metrics_age`. Figures other than CPU and memory come the same way, as from an adapter of custom metrics with the
//! same resolution. Everything is asynchronous: syncs and scrapes have clocks of their own.

pub use super::hpa::KubernetesHpa;

use std::collections::VecDeque;

use super::hpa::{
    self, Config, Course, HpaFigure, Limit, Metric, Milli, Observation, Phase as PodPhase, Pod,
    PodId, PodTemplate, Proposal, Readiness, Requests, Sample, ValueTarget,
};
use super::sensor::{Snapshot, Use};
use super::{Clock, Decision, Describe, Group, Phase, Reading, Reason, Rule, Sight, Unit};
use crate::diag::Origin;
use crate::spec::At;
use crate::units::{SimDuration, SimTime};

/// A pod that is younger is not measured from its start.
const YOUNGEST: SimDuration = SimDuration::from_secs(10);

/// What is seen of a queue.
pub(super) const WAITING: &str = "messages waiting";

/// An HPA at work.
#[derive(Debug, Clone)]
pub struct State {
    config: Config,
    /// By metric: what it is read from.
    figures: Vec<HpaFigure>,
    memory: hpa::State,
    resolution: SimDuration,
    age: SimDuration,
    /// What a pod requests, if that is not all the CPU that it may use.
    cpu_request: Option<f64>,
    /// The last scrapes, the oldest first: two that can be seen, and those that are too young.
    scrapes: VecDeque<Snapshot>,
}

impl Describe for KubernetesHpa {
    type State = State;

    fn start(&self) -> State {
        State {
            config: self.config(),
            figures: self.figures(),
            memory: hpa::State::default(),
            resolution: self.metrics_resolution.value,
            age: self.metrics_age.value,
            cpu_request: self.cpu_request.map(|own| own.value),
            scrapes: VecDeque::new(),
        }
    }

    fn queues(&self) -> Vec<&At<String>> {
        self.looked_at()
    }

    fn needs_memory(&self) -> Option<Origin> {
        self.memory_origin()
    }
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: self.config.controller.sync_period,
            first: None,
            scrape: Some(self.resolution),
        }
    }

    fn adopts(&mut self, fresh: Self) {
        *self = Self {
            memory: std::mem::take(&mut self.memory),
            scrapes: std::mem::take(&mut self.scrapes),
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        (self.config.bounds.min, self.config.bounds.max)
    }

    fn scrape(&mut self, group: &Group<'_>) {
        let is_old = |own: &Snapshot| own.at + self.age <= group.now;
        // The last two that can be seen are needed.
        while self.scrapes.len() > 2 && self.scrapes.iter().skip(2).any(is_old) {
            self.scrapes.pop_front();
        }
        self.scrapes.push_back(Snapshot::of(group));
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let waiting = |at: usize| {
            let last = self.visible(group.now).last().copied();
            last.and_then(|last| last.backlogs.get(at).copied())
        };
        let n_queues = group.backlogs.len();
        let outside = (0..n_queues).map(|at| waiting(at).map(|own| Milli::from_units(own as f64)));
        let outside: Vec<_> = outside.collect();
        self.sync(group, &outside)
    }
}

impl State {
    /// One round of the controller; `outside` is what there is of each external metric, in their order.
    pub(super) fn sync(&mut self, group: &Group<'_>, outside: &[Option<Milli>]) -> Decision {
        let pods: Vec<Pod> = group
            .instances
            .iter()
            .map(|own| pod(own, group.now))
            .collect();
        let template = template(group, self.cpu_request);
        let visible = self.visible(group.now);
        let last = visible.last().copied();
        let before = visible.len().checked_sub(2).map(|at| visible[at]);
        let (mut samples, mut values) = (Vec::new(), Vec::new());
        for figure in &self.figures {
            samples.push(self.samples(*figure, last, before));
            values.push(match figure {
                HpaFigure::Backlog(at) => outside.get(usize::from(*at)).copied().flatten(),
                figure => value(*figure, last, before),
            });
        }
        let readings = self.config.metrics.iter().enumerate();
        let readings: Vec<_> = readings
            .map(|(at, metric)| match metric {
                Metric::Resource { .. } | Metric::Pods(_) => hpa::Reading::Samples(&samples[at]),
                _ => match &values[at] {
                    Some(value) => hpa::Reading::Values(std::slice::from_ref(value)),
                    None => hpa::Reading::Failed,
                },
            })
            .collect();
        let seen = Observation {
            now: group.now,
            spec_replicas: group.desired,
            status_replicas: pods.iter().filter(|pod| !pod.is_deleting).count() as u32,
            pods: &pods,
            templates: std::slice::from_ref(&template),
            readings: &readings,
        };
        let decision = hpa::sync(&self.config, &mut self.memory, &seen);
        let (wanted, reason) = explain(&decision);
        Decision {
            wanted,
            instances: decision.desired,
            reason,
            sight: self.sight(&decision),
        }
    }

    /// The scrapes that can be seen, the oldest first.
    fn visible(&self, now: SimTime) -> Vec<&Snapshot> {
        let visible = self.scrapes.iter();
        visible.filter(|own| own.at + self.age <= now).collect()
    }
}

/// What the API server says of an instance.
fn pod(own: &Reading, now: SimTime) -> Pod {
    let started = own.started.filter(|started| *started <= now);
    Pod {
        id: PodId(own.place),
        phase: match started {
            None => PodPhase::Pending,
            Some(_) => PodPhase::Running,
        },
        started,
        readiness: started.map(|started| Readiness {
            is_ready: matches!(own.phase, Phase::InService | Phase::Draining),
            since: own.changed.unwrap_or(started),
        }),
        is_deleting: own.phase == Phase::Draining,
        template: 0,
    }
}

/// What pods request: all the CPU and the memory that they may use, unless it is said how much CPU.
fn template(group: &Group<'_>, cpu: Option<f64>) -> PodTemplate {
    let memory = group.memory.map(|own| Milli::from_units(own.get() as f64));
    PodTemplate {
        pod_level: Requests {
            cpu: Some(Milli::from_units(cpu.unwrap_or(group.cpus))),
            memory,
        },
        ..PodTemplate::default()
    }
}

impl State {
    /// What the metrics API has of each pod, in the order of their places.
    fn samples(
        &self,
        figure: HpaFigure,
        last: Option<&Snapshot>,
        before: Option<&Snapshot>,
    ) -> Vec<Sample> {
        let Some(last) = last else { return Vec::new() };
        let sample = |own: &Reading| {
            let (window, value) = self.measure(figure, own, last, before)?;
            Some(Sample {
                pod: PodId(own.place),
                at: last.at,
                window,
                value: Some(value),
            })
        };
        last.instances.iter().filter_map(sample).collect()
    }

    /// How long a pod was measured, and what came of it; nothing if it has no point before.
    fn measure(
        &self,
        figure: HpaFigure,
        own: &Reading,
        last: &Snapshot,
        before: Option<&Snapshot>,
    ) -> Option<(SimDuration, Milli)> {
        let started = own.started?;
        if figure == HpaFigure::Memory {
            let held = own.memory?.get();
            return Some((self.resolution, Milli::from_units(held as f64)));
        }
        let earlier = before.and_then(|before| Some((before.at, before.find(own)?)));
        let earlier = earlier.filter(|(_, before)| before.started.is_some());
        let age = last.at.since(started);
        if earlier.is_none() && !(YOUNGEST..self.resolution).contains(&age) {
            return None;
        }
        let used = Use::since(earlier, own, last.at)?;
        let value = match figure {
            HpaFigure::Cpu => used.cpus,
            HpaFigure::RequestsPerSecond => used.requests_per_second,
            HpaFigure::InFlight => used.in_flight,
            HpaFigure::Memory | HpaFigure::Backlog(_) => return None,
        };
        Some((used.window, Milli::from_units(value)))
    }

    /// The figure of the metric that asked for the most.
    fn sight(&self, decision: &hpa::Decision) -> Option<Sight> {
        let all = decision.proposals.iter().enumerate();
        let good = all.filter_map(|(at, own)| own.as_ref().ok().map(|own| (at, own)));
        let (at, most) = good.max_by_key(|(at, own)| (own.replicas, usize::MAX - at))?;
        Some(sight(self.figures[at], &self.config.metrics[at], most))
    }
}

/// What is measured of the service as a whole: the sum over the pods.
fn value(figure: HpaFigure, last: Option<&Snapshot>, before: Option<&Snapshot>) -> Option<Milli> {
    let (last, before) = (last?, before?);
    let used =
        |own: &Reading| Use::since(before.find(own).map(|then| (before.at, then)), own, last.at);
    let sum: f64 = match figure {
        HpaFigure::RequestsPerSecond => {
            let rates = last.instances.iter().filter_map(used);
            rates.map(|own| own.requests_per_second).sum()
        }
        HpaFigure::InFlight => last
            .instances
            .iter()
            .filter_map(used)
            .map(|own| own.in_flight)
            .sum(),
        HpaFigure::Cpu | HpaFigure::Memory | HpaFigure::Backlog(_) => return None,
    };
    Some(Milli::from_units(sum))
}

fn sight(figure: HpaFigure, metric: &Metric, proposal: &Proposal) -> Sight {
    let thousandths = |own: Milli| own.as_f64() / 1000.0;
    let (what, unit) = match figure {
        HpaFigure::Cpu => ("CPU per pod", Unit::Count),
        HpaFigure::Memory => ("memory per pod in bytes", Unit::Count),
        HpaFigure::RequestsPerSecond => ("requests", Unit::PerSecond),
        HpaFigure::InFlight => ("requests in flight", Unit::Count),
        HpaFigure::Backlog(_) => (WAITING, Unit::Count),
    };
    let plain = |target: Milli| {
        (
            what,
            unit,
            proposal.usage.map(thousandths),
            thousandths(target),
        )
    };
    let (what, unit, value, target) = match metric {
        Metric::Resource {
            target: hpa::PodTarget::Utilization(percent),
            ..
        } => {
            let share = |percent: f64| percent / 100.0;
            let used = proposal
                .utilization_percent
                .map(|own| share(f64::from(own)));
            let what = if figure == HpaFigure::Cpu {
                "CPU utilization"
            } else {
                "memory utilization"
            };
            (what, Unit::Share, used, share(f64::from(*percent)))
        }
        Metric::Resource {
            target: hpa::PodTarget::AverageValue(target),
            ..
        }
        | Metric::Pods(target)
        | Metric::Object(ValueTarget::Value(target) | ValueTarget::AverageValue(target))
        | Metric::External(ValueTarget::Value(target) | ValueTarget::AverageValue(target)) => {
            plain(*target)
        }
        Metric::Unknown => plain(Milli::ZERO),
    };
    Sight {
        what,
        unit,
        value,
        target,
    }
}

/// What a sync wanted, and why it came out as it did.
fn explain(decision: &hpa::Decision) -> (u32, Reason) {
    let (current, desired) = (decision.current, decision.desired);
    match decision.course {
        Course::Disabled => (current, Reason::SwitchedOff),
        Course::OutOfBounds => (desired, Reason::OutOfRange),
        Course::NoMetric { .. } => (current, Reason::NoData),
        Course::Asked {
            wish,
            stabilized,
            limit,
            ..
        } => {
            let reason = match limit {
                Limit::GrowthRate | Limit::ShrinkRate => Reason::TooFast,
                Limit::Minimum | Limit::Maximum if desired == current => Reason::AtLimit,
                _ if desired > current => Reason::TooFew,
                _ if desired < current => Reason::TooMany,
                _ if stabilized != wish => Reason::NotYetSure,
                _ => Reason::Right,
            };
            (wish, reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Count;
    use crate::stats::Histogram;

    fn spec(cpu_request: Option<f64>) -> KubernetesHpa {
        let hpa::Controller {
            tolerance,
            sync_period,
            downscale_stabilization,
            timing,
            ..
        } = hpa::Controller::DEFAULT;
        KubernetesHpa {
            min: At::built_in(1),
            max: At::built_in(Count::new(20)),
            metrics: Vec::new(),
            behavior: None,
            tolerance: At::built_in(tolerance),
            sync_period: At::built_in(sync_period),
            downscale_stabilization,
            cpu_initialization_period: timing.cpu_initialization_period,
            initial_readiness_delay: timing.initial_readiness_delay,
            cpu_request: cpu_request.map(At::built_in),
            metrics_resolution: At::built_in(SimDuration::from_secs(15)),
            metrics_age: At::built_in(SimDuration::from_secs(6)),
        }
    }

    /// Two pods of two vCPUs that use one each, from the tenth minute on: long after their start.
    fn look(spec: &KubernetesHpa, seconds: u64) -> Decision {
        let mut state = spec.start();
        let responses = Histogram::default();
        let group = |second: u64, to: &mut dyn FnMut(&Group<'_>)| {
            let pod = |place| Reading {
                cpu: SimDuration::from_secs(second),
                ..Reading::serving(place)
            };
            to(&Group {
                now: SimTime::ZERO + SimDuration::from_secs(600 + second),
                desired: 2,
                instances: &[pod(0), pod(1)],
                cpus: 2.0,
                ..Group::empty(&responses)
            });
        };
        for second in (0..=seconds).step_by(15) {
            group(second, &mut |group| state.scrape(group));
        }
        let mut said = None;
        group(seconds, &mut |group| said = Some(state.decide(group)));
        said.expect("it has looked")
    }

    /// Utilization is a share of what is requested: of one vCPU all, of the two that it may use half, of a quarter four
    /// times as much.
    #[test]
    fn utilization_is_of_what_is_requested() {
        let seen = |request| {
            let said = look(&spec(request), 60);
            (said.sight.and_then(|own| own.value), said.wanted)
        };
        assert_eq!(seen(Some(1.0)), (Some(1.0), 3));
        assert_eq!(seen(None), (Some(0.5), 2));
        assert_eq!(seen(Some(0.25)), (Some(4.0), 10));
    }

    /// What was read less than 6 s ago cannot be seen yet, and one reading is no rate.
    #[test]
    fn two_readings_that_have_come_in_are_needed() {
        assert_eq!(look(&spec(None), 20).reason, Reason::NoData);
        assert_eq!(
            look(&spec(None), 21).sight.and_then(|own| own.value),
            Some(0.5)
        );
    }
}
