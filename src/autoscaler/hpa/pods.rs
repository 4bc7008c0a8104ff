//! Pods, and which of them count for a metric.

use super::requests::Resource;
use super::samples::Sample;
use crate::units::{SimDuration, SimTime};

/// Which pod: a number that stands for its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodId(pub u32);

/// How far a pod has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It waits for a node, for its image, or for its init containers.
    Pending,
    /// At least one of its containers runs.
    Running,
    /// All its containers have ended well. It still counts.
    Succeeded,
    /// All its containers have ended, one of them badly.
    Failed,
    /// Its node does not answer.
    Unknown,
}

/// The readiness condition of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// True if it gets requests.
    pub is_ready: bool,
    /// Since when that is so.
    pub since: SimTime,
}

/// A pod of the workload, as the API server shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pod {
    /// Which one.
    pub id: PodId,
    /// How far it has come.
    pub phase: Phase,
    /// When its node took it; nothing before.
    pub started: Option<SimTime>,
    /// Whether it is ready; nothing if nobody has said so far.
    pub readiness: Option<Readiness>,
    /// True from the moment its end is asked for, while it drains, too.
    pub is_deleting: bool,
    /// Which of the observation's templates it was made from, by position.
    pub template: u32,
}

impl Pod {
    /// True if it runs and is ready: what counts for a value that is not measured pod by pod, whether it is
    /// being deleted or not (`getReadyPodsCount`).
    pub fn is_serving(&self) -> bool {
        self.phase == Phase::Running && self.readiness.is_some_and(|own| own.is_ready)
    }
}

/// For how long the controller distrusts a pod that has just started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// After its start, so long, a pod's CPU counts only if it is ready and was for the whole window of the
    /// sample (`--horizontal-pod-autoscaler-cpu-initialization-period`).
    pub cpu_initialization_period: SimDuration,
    /// A pod that became unready within so long after its start has never been ready
    /// (`--horizontal-pod-autoscaler-initial-readiness-delay`).
    pub initial_readiness_delay: SimDuration,
}

impl Timing {
    /// What the controller has unless told otherwise: 300 s and 30 s.
    pub const DEFAULT: Self = Self {
        cpu_initialization_period: SimDuration::from_secs(300),
        initial_readiness_delay: SimDuration::from_secs(30),
    };
}

/// What a pod is for one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It is going or has failed: it is left out.
    Ignored,
    /// It does not work yet: its sample is left out.
    Unready,
    /// There is no sample of it.
    Missing,
    /// Its sample counts.
    Ready,
}

/// Sorts pods for one metric (`groupPods`).
#[derive(Debug, Clone, Copy)]
pub struct Classifier {
    /// The resource that is measured; nothing if it is something else that pods report.
    pub resource: Option<Resource>,
    /// For how long new pods are distrusted.
    pub timing: Timing,
    /// The present instant.
    pub now: SimTime,
}

impl Classifier {
    /// What this pod is, with the sample that there is of it.
    pub fn class(&self, pod: &Pod, sample: Option<&Sample>) -> Class {
        if pod.is_deleting || pod.phase == Phase::Failed {
            return Class::Ignored;
        }
        if pod.phase == Phase::Pending {
            return Class::Unready;
        }
        let Some(sample) = sample.filter(|sample| sample.value.is_some()) else {
            return Class::Missing;
        };
        if self.resource == Some(Resource::Cpu) && self.is_unready(pod, sample) {
            return Class::Unready;
        }
        Class::Ready
    }

    /// True if a pod's CPU says nothing about the load yet. Only CPU is looked at like this, because starting
    /// takes CPU.
    fn is_unready(&self, pod: &Pod, sample: &Sample) -> bool {
        let (Some(started), Some(readiness)) = (pod.started, pod.readiness) else {
            return true;
        };
        if started + self.timing.cpu_initialization_period > self.now {
            return !readiness.is_ready || sample.at < readiness.since + sample.window;
        }
        // Later, a pod that has lost its readiness still counts; one that never had it does not.
        !readiness.is_ready && started + self.timing.initial_readiness_delay > readiness.since
    }
}
