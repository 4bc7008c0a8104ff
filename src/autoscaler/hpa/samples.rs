//! What is measured of single pods.

use std::cmp::Ordering;

use super::pods::{Pod, PodId};
use super::quantity::Milli;
use super::requests::ContainerId;
use crate::units::{SimDuration, SimTime};

/// One pod's entry in the answer of a metrics API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Whose it is; it may be gone in the meantime.
    pub pod: PodId,
    /// The end of what was measured.
    pub at: SimTime,
    /// How long was measured, up to that instant.
    pub window: SimDuration,
    /// What was measured. Nothing if the entry lacks what is asked for; it is then as good as not there.
    pub value: Option<Milli>,
}

/// What a pod uses of a resource, by what each of its containers does: of all of them, or of the `selected` one
/// (`getPodMetrics`, `getContainerMetrics`).
///
/// Nothing if there is no container, if one of them does not report the resource, or if the selected one is not
/// there.
pub fn pod_usage(
    containers: &[(ContainerId, Option<Milli>)],
    selected: Option<ContainerId>,
) -> Option<Milli> {
    if let Some(selected) = selected {
        let own = containers.iter().find(|(id, _)| *id == selected)?;
        return own.1;
    }
    let own = containers.iter().map(|(_, usage)| *usage);
    own.reduce(|sum, usage| Some(sum?.plus(usage?))).flatten()
}

/// Pods and samples side by side: each pod with its sample, if there is one, and each sample whose pod is not
/// there by itself.
///
/// # Panics
/// If pods or samples are not in the order of the pods' ids, or one is there twice.
pub(super) fn paired<'a>(
    pods: &'a [Pod],
    samples: &'a [Sample],
) -> impl Iterator<Item = (Option<&'a Pod>, Option<&'a Sample>)> {
    assert!(
        pods.is_sorted_by(|a, b| a.id < b.id),
        "pods come in the order of their ids, each once"
    );
    assert!(
        samples.is_sorted_by(|a, b| a.pod < b.pod),
        "samples come in the order of their pods, one of each"
    );
    let (mut pods, mut samples) = (pods.iter().peekable(), samples.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (pods.peek(), samples.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(pod), Some(sample)) => pod.id.cmp(&sample.pod),
        };
        Some(match order {
            Ordering::Less => (pods.next(), None),
            Ordering::Equal => (pods.next(), samples.next()),
            Ordering::Greater => (None, samples.next()),
        })
    })
}
