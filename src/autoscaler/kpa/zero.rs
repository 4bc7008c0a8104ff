//! From the decider's wish to the workload: bounds, and the way to zero pods.
//!
//! Source: `pkg/reconciler/autoscaling/kpa/scaler.go`.

use crate::autoscaler::count::{Bound, Bounds};
use crate::autoscaler::outcome::reasons;
use crate::units::SimDuration;

/// What the way from wish to workload goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Bounds of the revision.
    pub bounds: Bounds,
    /// How many pods a new revision must have had once (see [`initial_scale`]).
    pub initial_scale: u32,
    /// Whether any route leads to the revision. If none does, the lower bound, the initial scale and the
    /// retention do not count.
    pub is_reachable: bool,
    /// Whether there may be no pods at all.
    pub is_zero_allowed: bool,
    /// For how long an active revision must have been so before it becomes inactive.
    pub stable_window: SimDuration,
    /// How long the activator must have been in the path, or the revision inactive, before the last pod
    /// goes.
    pub grace: SimDuration,
    /// How long the last pod stays after the revision became inactive.
    pub pod_retention: SimDuration,
    /// How long a revision may take to become ready, and the source's allowance on top of it.
    pub progress_deadline: SimDuration,
    /// That allowance.
    pub activation_timeout_buffer: SimDuration,
    /// Whether the activator is in the path at all times (a target burst capacity of -1), so that nobody
    /// has to ask.
    pub is_activator_always_in_path: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bounds: Bounds {
                min: 0,
                max: Bounds::UNLIMITED,
            },
            initial_scale: 1,
            is_reachable: true,
            is_zero_allowed: true,
            stable_window: SimDuration::from_secs(60),
            grace: SimDuration::from_secs(30),
            pod_retention: SimDuration::ZERO,
            progress_deadline: SimDuration::from_secs(600),
            activation_timeout_buffer: SimDuration::from_secs(30),
            is_activator_always_in_path: false,
        }
    }
}

/// The initial scale of a revision: its own, if it has one that the cluster lets it have, else the
/// cluster's.
pub fn initial_scale(cluster: u32, revision: Option<u32>, is_zero_allowed: bool) -> u32 {
    match revision {
        Some(own) if own > 0 || is_zero_allowed => own,
        _ => cluster,
    }
}

/// What becomes of requests to the revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It is being made ready for them.
    Activating,
    /// It serves them.
    Active,
    /// It has none.
    Inactive,
}

/// What is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// What the decider wishes for; nothing if it does not know yet.
    pub wish: Option<u32>,
    /// Pods that the workload is meant to have.
    pub pods: u32,
    /// What the revision is at.
    pub activity: Activity,
    /// For how long it has been.
    pub activity_for: SimDuration,
    /// Whether it once had its initial scale.
    pub is_initial_scale_reached: bool,
    /// Whether a probe was answered by the activator. Not looked at where it is in the path at all times.
    pub is_activator_answering: bool,
    /// For how long the activator has been in the path.
    pub activator_in_path: SimDuration,
}

reasons! {
    /// What decided.
    Reason {
        Unknown = "no measurement yet",
        AsWished = "as wished",
        AtMin = "at the fewest pods",
        AtInitialScale = "at the initial scale",
        AtMax = "at the most pods",
        ZeroForbidden = "scaling to zero is switched off",
        ActivationTimedOut = "not ready in time, given up",
        Activating = "still being made ready",
        BecomesInactive = "idle for the stable window, becomes inactive",
        NotIdleForLong = "not idle for the stable window yet",
        Idle = "idle, the activator has taken over",
        ActivatorNotInPath = "the activator has not taken over yet",
        PodRetained = "the last pod is retained",
        Grace = "the activator has not been in the path for long enough",
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The number of pods that was arrived at; nothing if it is not known.
    pub pods: Option<u32>,
    /// Whether the workload is set to it: not if it has them already, nor if it is not time yet (zero pods
    /// that are not applied make the revision inactive, or keep it so).
    pub is_applied: bool,
    /// Why.
    pub reason: Reason,
}

/// Brings a wish to the workload. All that is remembered is part of what is seen.
pub fn decide(config: &Config, seen: &Observation) -> Decision {
    if seen.wish.is_none() && seen.activity != Activity::Activating {
        return Decision {
            pods: None,
            is_applied: false,
            reason: Reason::Unknown,
        };
    }
    // Of a revision that is being made ready nothing is known yet; it is no reason for pods.
    let wish = seen.wish.unwrap_or(0);
    let (bounds, has_initial) = bounds(config, seen);
    let (pods, bound) = bounds.clamp(i64::from(wish));
    let (pods, is_due, reason) = if pods == 0 {
        towards_zero(config, seen)
    } else {
        let reason = match bound {
            None => Reason::AsWished,
            Some(Bound::Max) => Reason::AtMax,
            Some(Bound::Min) if has_initial => Reason::AtInitialScale,
            Some(Bound::Min) => Reason::AtMin,
        };
        (Some(pods), true, reason)
    };
    Decision {
        pods,
        is_applied: is_due && pods != Some(seen.pods),
        reason,
    }
}

/// The bounds that count, and whether the lower one is the initial scale. An initial scale of 1 is none:
/// the pod that it asks for may go as soon as any.
fn bounds(config: &Config, seen: &Observation) -> (Bounds, bool) {
    let max = config.bounds.max;
    if !config.is_reachable {
        return (Bounds { min: 0, max }, false);
    }
    let min = config.bounds.min;
    let has_initial = config.initial_scale > min.max(1) && !seen.is_initial_scale_reached;
    let min = if has_initial {
        config.initial_scale
    } else {
        min
    };
    (Bounds { min, max }, has_initial)
}

/// Which number zero becomes, whether it is time for it, and why.
fn towards_zero(config: &Config, seen: &Observation) -> (Option<u32>, bool, Reason) {
    if !config.is_zero_allowed {
        return (Some(1), true, Reason::ZeroForbidden);
    }
    match seen.activity {
        Activity::Activating => {
            let timeout = config.progress_deadline + config.activation_timeout_buffer;
            if seen.activity_for > timeout {
                (Some(0), true, Reason::ActivationTimedOut)
            } else {
                (None, false, Reason::Activating)
            }
        }
        Activity::Active if seen.activity_for >= config.stable_window => {
            (Some(0), false, Reason::BecomesInactive)
        }
        Activity::Active => (Some(1), true, Reason::NotIdleForLong),
        Activity::Inactive => {
            let (is_due, reason) = last_pod(config, seen);
            (Some(0), is_due, reason)
        }
    }
}

/// Whether the last pod of an inactive revision goes.
fn last_pod(config: &Config, seen: &Observation) -> (bool, Reason) {
    if !config.is_activator_always_in_path && !seen.is_activator_answering {
        return (false, Reason::ActivatorNotInPath);
    }
    let retention = if config.is_reachable {
        config.pod_retention
    } else {
        SimDuration::ZERO
    };
    if seen.activity_for >= config.grace.max(retention) {
        (true, Reason::Idle)
    } else if seen.activity_for < retention {
        (false, Reason::PodRetained)
    } else if seen.activator_in_path >= config.grace {
        (true, Reason::Idle)
    } else {
        (false, Reason::Grace)
    }
}
