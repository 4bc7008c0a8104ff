//! The `behavior` section of an HPA: how fast it may go in each direction, and how long it waits.

use super::events::Changes;
use crate::units::SimDuration;

/// What a policy counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// Pods.
    Pods,
    /// Percent of the pods at the beginning of the period.
    Percent,
}

/// One bound on how fast the count of pods changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What it counts in.
    pub kind: PolicyKind,
    /// How much is allowed in one period; more than 0.
    pub value: u32,
    /// How far back it looks: 1 to 1800 s.
    pub period: SimDuration,
}

/// Which of several policies holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: there are no changes in this direction.
    Disabled,
}

/// How it goes in one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// For how long a wish must have lasted: 0 to 3600 s.
    pub stabilization_window: SimDuration,
    /// Which of the policies holds.
    pub select: Select,
    /// How fast it may go; at least one.
    pub policies: Vec<Policy>,
    /// How far off in this direction is near enough; what the controller has, if nothing else is given.
    pub tolerance: Option<f64>,
}

/// The `behavior` section, complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Behavior {
    /// More pods.
    pub up: Rules,
    /// Fewer pods.
    pub down: Rules,
}

impl Rules {
    /// How it grows where nothing is given: at once, by the larger of 4 pods and 100 % per 15 s
    /// (`GenerateHPAScaleUpRules`).
    pub fn default_up() -> Self {
        Self {
            stabilization_window: SimDuration::ZERO,
            select: Select::Max,
            policies: vec![
                Policy::per_15_s(PolicyKind::Pods, 4),
                Policy::per_15_s(PolicyKind::Percent, 100),
            ],
            tolerance: None,
        }
    }

    /// How it shrinks where nothing is given: after a while that is set for the controller, without a bound
    /// (`GenerateHPAScaleDownRules`, `maybeInitScaleDownStabilizationWindow`).
    pub fn default_down(stabilization_window: SimDuration) -> Self {
        Self {
            stabilization_window,
            select: Select::Max,
            policies: vec![Policy::per_15_s(PolicyKind::Percent, 100)],
            tolerance: None,
        }
    }

    /// To how many pods it may grow, whatever the bounds (`calculateScaleUpLimitWithScalingRules`). It may be fewer
    /// than there are, if there was more growth than a policy allows.
    ///
    /// Percentages are taken in double precision and rounded up as they come out, so that 10 % more than 100 are
    /// 111.
    pub fn growth_limit(&self, current: u32, changes: &Changes<'_>) -> i32 {
        let limits = self.policies.iter().map(|policy| {
            let base = changes.base(current, policy.period);
            match policy.kind {
                PolicyKind::Pods => fitting(base + i64::from(policy.value)),
                PolicyKind::Percent => (base as f64 * (1.0 + policy.share())).ceil() as i32,
            }
        });
        match self.select {
            Select::Max => limits.fold(i32::MIN, i32::max),
            Select::Min => limits.fold(i32::MAX, i32::min),
            Select::Disabled => fitting(current.into()),
        }
    }

    /// To how many pods it may shrink, whatever the bounds (`calculateScaleDownLimitWithBehaviors`). It may be fewer
    /// than none, or more than there are. The largest change is the smallest count.
    ///
    /// Percentages are taken in double precision and truncated as they come out, so that 80 % less than 100 are 19.
    pub fn shrink_limit(&self, current: u32, changes: &Changes<'_>) -> i32 {
        let limits = self.policies.iter().map(|policy| {
            let base = changes.base(current, policy.period);
            match policy.kind {
                PolicyKind::Pods => fitting(base - i64::from(policy.value)),
                PolicyKind::Percent => (base as f64 * (1.0 - policy.share())) as i32,
            }
        });
        match self.select {
            Select::Max => limits.fold(i32::MAX, i32::min),
            Select::Min => limits.fold(i32::MIN, i32::max),
            Select::Disabled => fitting(current.into()),
        }
    }

    /// How far back the policies look.
    pub fn longest_period(&self) -> SimDuration {
        let periods = self.policies.iter().map(|policy| policy.period);
        periods.max().unwrap_or(SimDuration::ZERO)
    }
}

impl Policy {
    const fn per_15_s(kind: PolicyKind, value: u32) -> Self {
        Self {
            kind,
            value,
            period: SimDuration::from_secs(15),
        }
    }

    /// Its percentage as a share. The order of operations decides about the last bit, and that about a pod.
    fn share(&self) -> f64 {
        f64::from(self.value) / 100.0
    }
}

/// What is left of a count that may be out of range.
fn fitting(count: i64) -> i32 {
    count.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}
