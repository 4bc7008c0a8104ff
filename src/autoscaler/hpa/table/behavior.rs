//! The `behavior` section of an HPA, as a scenario says it.

use super::super::behavior::{Behavior, Policy, PolicyKind, Rules, Select};
use super::check_tolerance;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::units::SimDuration;
use crate::{leads, spec, words};

/// The longest period of a policy.
const LONGEST_PERIOD: SimDuration = SimDuration::from_secs(1800);
/// The longest stabilization window.
const LONGEST_WINDOW: SimDuration = SimDuration::from_secs(3600);

spec! {
    /// How fast an HPA goes up and down.
    pub struct HpaBehavior {
        /// More pods. Unless given: at once, by the larger of 4 pods and 100 percent in 15 s.
        pub scale_up: Option<HpaRules>,
        /// Fewer pods. Unless given: after `downscale_stabilization`, to any number.
        pub scale_down: Option<HpaRules>,
    }
}

spec! {
    /// How an HPA goes in one direction. What is not given is as if there were no rules for this direction.
    pub struct HpaRules {
        /// For how long it must have been wished, at most an hour.
        pub stabilization_window: Option<At<SimDuration>>,
        /// Which of several policies holds.
        pub select_policy: HpaSelect = HpaSelect::Max,
        /// How fast it may go.
        pub policies: Vec<HpaPolicy>,
        /// How far off a target is near enough in this direction, 0.1 being a tenth.
        pub tolerance: Option<At<f64>>,
    }
    check(Self::check)
}

words! {
    /// Which of several policies holds.
    pub enum HpaSelect {
        /// The one that allows the largest change.
        Max = "max",
        /// The one that allows the smallest change.
        Min = "min",
        /// None: there are no changes in this direction.
        Disabled = "disabled",
    }
}

leads! {
    /// One bound on how fast the count of pods changes.
    pub enum HpaPolicy {
        /// By so many pods in a period.
        Pods(PodsPolicy) = "pods",
        /// By so many percent in a period.
        Percent(PercentPolicy) = "percent",
    }
}

spec! {
    /// By so many pods in a period.
    pub struct PodsPolicy {
        /// How many.
        pub pods: Count,
        /// How long the period is, at most 30 minutes.
        pub period: At<SimDuration>,
    }
    check(Self::check)
}

spec! {
    /// By so many percent of the pods that there were at the beginning of a period.
    pub struct PercentPolicy {
        /// How many percent.
        pub percent: Count,
        /// How long the period is, at most 30 minutes.
        pub period: At<SimDuration>,
    }
    check(Self::check)
}

fn check_period(period: At<SimDuration>, out: &mut Diagnostics) {
    if !(SimDuration::from_secs(1)..=LONGEST_PERIOD).contains(&period.value) {
        let problem = "the period of a policy is 1 s to 30 minutes";
        out.push(Diagnostic::error(period.origin, problem).label(period.value.to_string()));
    }
}

impl PodsPolicy {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_period(self.period, out);
    }
}

impl PercentPolicy {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_period(self.period, out);
    }
}

impl HpaPolicy {
    fn policy(&self) -> Policy {
        let (kind, value, period) = match self {
            Self::Pods(own) => (PolicyKind::Pods, own.pods, own.period),
            Self::Percent(own) => (PolicyKind::Percent, own.percent, own.period),
        };
        Policy {
            kind,
            value: value.get(),
            period: period.value,
        }
    }
}

impl HpaSelect {
    fn select(self) -> Select {
        match self {
            Self::Max => Select::Max,
            Self::Min => Select::Min,
            Self::Disabled => Select::Disabled,
        }
    }
}

impl HpaRules {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if let Some(window) = self.stabilization_window
            && window.value > LONGEST_WINDOW
        {
            let problem = "a stabilization window is an hour at most";
            out.push(Diagnostic::error(window.origin, problem).label(window.value.to_string()));
        }
        if let Some(tolerance) = self.tolerance {
            check_tolerance(tolerance, out);
        }
    }

    /// These rules, with `usual` for what is not given.
    fn over(&self, usual: Rules) -> Rules {
        let window = self.stabilization_window.map(|own| own.value);
        Rules {
            stabilization_window: window.unwrap_or(usual.stabilization_window),
            select: self.select_policy.select(),
            policies: if self.policies.is_empty() {
                usual.policies
            } else {
                self.policies.iter().map(HpaPolicy::policy).collect()
            },
            tolerance: self.tolerance.map(|own| own.value),
        }
    }
}

impl HpaBehavior {
    /// The section with everything in it, `downscale_stabilization` being the controller's.
    pub(super) fn complete(&self, downscale_stabilization: SimDuration) -> Behavior {
        let over = |given: &Option<HpaRules>, usual: Rules| match given {
            Some(given) => given.over(usual),
            None => usual,
        };
        let usual_down = Rules::default_down(downscale_stabilization);
        Behavior {
            up: over(&self.scale_up, Rules::default_up()),
            down: over(&self.scale_down, usual_down),
        }
    }
}
