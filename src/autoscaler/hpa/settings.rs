//! The settings that a sync goes by.

use super::behavior::Behavior;
use super::limits::{Bounds, LegacyPace};
use super::metric::Metric;
use super::pods::Timing;
use super::stabilize::Windows;
use super::tolerance::Tolerance;
use crate::units::SimDuration;

/// What is set for the controller, and so for all HPAs of a cluster (flags of `kube-controller-manager`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Controller {
    /// How often it looks at each HPA.
    pub sync_period: SimDuration,
    /// How far off is near enough, 0.1 being a tenth; not negative.
    pub tolerance: f64,
    /// For how long fewer must have been wished, where the HPA does not say it itself.
    pub downscale_stabilization: SimDuration,
    /// For how long new pods are distrusted.
    pub timing: Timing,
    /// How fast an HPA without a `behavior` section may grow. Not a flag, but a constant.
    pub legacy_pace: LegacyPace,
}

impl Controller {
    /// What it has unless told otherwise: every 15 s, a tenth, 300 s.
    pub const DEFAULT: Self = Self {
        sync_period: SimDuration::from_secs(15),
        tolerance: 0.1,
        downscale_stabilization: SimDuration::from_secs(300),
        timing: Timing::DEFAULT,
        legacy_pace: LegacyPace::DEFAULT,
    };
}

/// An HPA.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The fewest pods (from 0) and the most.
    pub bounds: Bounds,
    /// What it looks at; at least one.
    pub metrics: Vec<Metric>,
    /// How it goes up and down; nothing for the rules from before there was such a section.
    pub behavior: Option<Behavior>,
    /// What is set for the controller.
    pub controller: Controller,
}

impl Config {
    /// How far off is near enough in each direction: what the HPA says, or else the controller's
    /// (`tolerancesForHpa`).
    pub fn tolerance(&self) -> Tolerance {
        let common = Tolerance::both(self.controller.tolerance);
        self.behavior.as_ref().map_or(common, |own| Tolerance {
            down: own.down.tolerance.unwrap_or(common.down),
            up: own.up.tolerance.unwrap_or(common.up),
        })
    }
}

impl Behavior {
    /// How far back is looked in each direction.
    pub fn windows(&self) -> Windows {
        Windows {
            up: self.up.stabilization_window,
            down: self.down.stabilization_window,
        }
    }
}
