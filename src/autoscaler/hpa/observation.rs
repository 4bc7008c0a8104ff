//! What the controller is shown at a sync.

use super::pods::Pod;
use super::quantity::Milli;
use super::requests::PodTemplate;
use super::samples::Sample;
use crate::units::SimTime;

/// What a metrics API says of one metric.
#[derive(Debug, Clone, Copy)]
pub enum Reading<'a> {
    /// Nothing: it cannot be reached, or does not know the metric.
    Failed,
    /// An entry for each of some pods, in the order of their ids, one of each: for resources, and for what else
    /// pods report.
    Samples(&'a [Sample]),
    /// Numbers: one of an object, one for each series of an external metric.
    Values(&'a [Milli]),
}

/// The workload as the controller sees it at one sync.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The present instant.
    pub now: SimTime,
    /// How many pods the workload is meant to have: what an HPA calls the current number.
    pub spec_replicas: u32,
    /// How many pods there are.
    pub status_replicas: u32,
    /// The pods, those included that are going, in the order of their ids.
    pub pods: &'a [Pod],
    /// What they were made from.
    pub templates: &'a [PodTemplate],
    /// A reading for each metric, in the order of the settings.
    pub readings: &'a [Reading<'a>],
}
