//! Metrics that are measured pod by pod (`GetResourceReplicas`, `calcPlainMetricReplicas`).
//!
//! What counts is the pods that are ready and measured. Those of which nothing is known are filled in so that they
//! hold back what the others ask for: as idle where more would be added, as busy where some would be taken away;
//! and those that do not work yet as idle where more would be added. If that turns the answer round, nothing is
//! done.

use super::metric::{Ask, MetricError, PodTarget, Proposal};
use super::pods::{Class, Classifier, Pod};
use super::quantity::{Milli, replicas};
use super::requests::{ContainerId, Resource};
use super::samples::{Sample, paired};

/// A metric that is measured pod by pod.
#[derive(Debug, Clone, Copy)]
pub(super) struct PerPod {
    /// Which resource; nothing for anything else.
    pub(super) resource: Option<Resource>,
    /// Of which container; of all of them, if of none.
    pub(super) container: Option<ContainerId>,
    /// What it should be.
    pub(super) target: PodTarget,
}

/// What pods of one class come to.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    n: u32,
    request: Milli,
    /// What they use: measured, or as much as fills them in as busy.
    usage: Milli,
}

impl Group {
    fn adds(&mut self, request: Milli, usage: Milli) {
        self.n += 1;
        self.request = self.request.plus(request);
        self.usage = self.usage.plus(usage);
    }

    /// Together with others, that use so much.
    fn with(self, others: Self, usage: Milli) -> Self {
        Self {
            n: self.n + others.n,
            request: self.request.plus(others.request),
            usage: self.usage.plus(usage),
        }
    }
}

/// The pods and samples of one metric, sorted.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    ready: Group,
    unready: Group,
    missing: Group,
    /// Samples whose pods are not there. They have no request.
    strays: Group,
}

/// How far a metric is from its target.
#[derive(Debug, Clone, Copy)]
struct Measured {
    ratio: f64,
    usage: Milli,
    utilization_percent: Option<i32>,
}

impl PodTarget {
    /// What a pod of which nothing is known is taken to use where pods would be taken away: all that it requests,
    /// or the target if that is more.
    fn busy(self, request: Milli) -> Milli {
        match self {
            Self::Utilization(percent) => request.percent(percent.max(100)),
            Self::AverageValue(mean) => mean,
        }
    }

    /// How far these are from the target (`GetResourceUtilizationRatio`, `GetMetricUsageRatio`). Samples without a
    /// pod are part of a mean, but of no utilisation.
    fn measure(self, pods: Group, strays: Group) -> Result<Measured, MetricError> {
        match self {
            Self::Utilization(target) => {
                if pods.request == Milli::ZERO {
                    return Err(MetricError::NoMetricsMatchedKnownPods);
                }
                let hundredfold = i128::from(pods.usage.get()) * 100;
                let percent = hundredfold / i128::from(pods.request.get());
                let percent = percent.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
                Ok(Measured {
                    ratio: f64::from(percent) / f64::from(target),
                    usage: pods.usage.divided(pods.n.into()),
                    utilization_percent: Some(percent),
                })
            }
            Self::AverageValue(target) => {
                let all = pods.with(strays, strays.usage);
                let mean = all.usage.divided(all.n.into());
                Ok(Measured {
                    ratio: mean.as_f64() / target.as_f64(),
                    usage: mean,
                    utilization_percent: None,
                })
            }
        }
    }
}

impl PerPod {
    /// What it asks for, by these samples.
    pub(super) fn propose(
        &self,
        samples: &[Sample],
        ask: &Ask<'_>,
    ) -> Result<Proposal, MetricError> {
        if samples.is_empty() {
            return Err(MetricError::NoMetricsReturned);
        }
        if ask.seen.pods.is_empty() {
            return Err(MetricError::NoPods);
        }
        let tally = self.tally(samples, ask)?;
        let measured = self.target.measure(tally.ready, tally.strays)?;
        Ok(Proposal {
            replicas: self.replicas(&tally, measured.ratio, ask)?,
            usage: Some(measured.usage),
            utilization_percent: measured.utilization_percent,
        })
    }

    /// What this pod requests, if that matters.
    fn request(&self, pod: &Pod, ask: &Ask<'_>) -> Result<Milli, MetricError> {
        match (self.target, self.resource) {
            (PodTarget::Utilization(_), Some(resource)) => {
                ask.seen.templates[pod.template as usize].request(resource, self.container)
            }
            _ => Ok(Milli::ZERO),
        }
    }

    fn tally(&self, samples: &[Sample], ask: &Ask<'_>) -> Result<Tally, MetricError> {
        let classifier = Classifier {
            resource: self.resource,
            timing: ask.timing,
            now: ask.seen.now,
        };
        let mut tally = Tally::default();
        // A single pod without a request makes the metric fail, also one that is ignored; but only if there is
        // something to be measured against it.
        let mut without_request = None;
        for (pod, sample) in paired(ask.seen.pods, samples) {
            let value = sample.and_then(|sample| sample.value);
            let Some(pod) = pod else {
                if let Some(value) = value {
                    tally.strays.adds(Milli::ZERO, value);
                }
                continue;
            };
            let request = self.request(pod, ask).unwrap_or_else(|error| {
                without_request.get_or_insert(error);
                Milli::ZERO
            });
            match classifier.class(pod, sample) {
                Class::Ignored => {}
                Class::Unready => tally.unready.adds(request, Milli::ZERO),
                Class::Missing => tally.missing.adds(request, self.target.busy(request)),
                Class::Ready => {
                    let value = value.expect("a pod without a value is missing");
                    tally.ready.adds(request, value);
                }
            }
        }
        if tally.ready.n + tally.strays.n == 0 {
            return Err(MetricError::NoMetricsForReadyPods);
        }
        without_request.map_or(Ok(tally), Err)
    }

    fn replicas(&self, tally: &Tally, ratio: f64, ask: &Ask<'_>) -> Result<u32, MetricError> {
        let current = ask.seen.spec_replicas;
        let grows_with_unready = tally.unready.n > 0 && ratio > 1.0;
        if !grows_with_unready && tally.missing.n == 0 {
            return Ok(if ask.tolerance.holds(ratio) {
                current
            } else {
                replicas(ratio * f64::from(tally.ready.n))
            });
        }
        let mut pods = tally.ready;
        if ratio < 1.0 {
            pods = pods.with(tally.missing, tally.missing.usage);
        } else if ratio > 1.0 {
            pods = pods.with(tally.missing, Milli::ZERO);
        }
        if grows_with_unready {
            pods = pods.with(tally.unready, Milli::ZERO);
        }
        let filled = self.target.measure(pods, tally.strays)?.ratio;
        let is_turned = ratio < 1.0 && filled > 1.0 || ratio > 1.0 && filled < 1.0;
        if ask.tolerance.holds(filled) || is_turned {
            return Ok(current);
        }
        let wanted = replicas(filled * f64::from(pods.n + tally.strays.n));
        let is_turned = filled < 1.0 && wanted > current || filled > 1.0 && wanted < current;
        Ok(if is_turned { current } else { wanted })
    }
}
