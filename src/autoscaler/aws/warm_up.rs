//! From when on a launched instance counts.
//!
//! Source: `ec2-auto-scaling-default-instance-warmup.md` and
//! `consolidated-view-of-warm-up-and-cooldown-settings.md`.

use crate::units::SimDuration;

/// The default cooldown of a group.
pub const COOLDOWN: SimDuration = SimDuration::from_secs(300);

/// The three settings that a warm-up can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Of the policy.
    pub policy: Option<SimDuration>,
    /// The group's default instance warm-up. That it is not set is not the same as 0.
    pub default_instance_warmup: Option<SimDuration>,
    /// The group's default cooldown, which stands in where neither is set.
    pub default_cooldown: SimDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: None,
            default_instance_warmup: None,
            default_cooldown: COOLDOWN,
        }
    }
}

impl Config {
    /// How long an instance warms up after it came into service: it is left out of the metric, and nothing
    /// is removed, until then.
    pub fn span(&self) -> SimDuration {
        let own = self.policy.or(self.default_instance_warmup);
        own.unwrap_or(self.default_cooldown)
    }
}
