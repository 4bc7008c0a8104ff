//! Simple scaling: one adjustment per alarm, then nothing until it is carried out and has cooled down.
//!
//! Source: `ec2-auto-scaling-scaling-cooldowns.md`.

use super::adjustment::{Adjustment, adjust};
use super::{Group, Reason};
use crate::autoscaler::count::Bounds;
use crate::autoscaler::outcome::Outcome;
use crate::units::{SimDuration, SimTime};

/// A policy of simple scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// What it does.
    pub adjustment: Adjustment,
    /// How long it waits after the change has been carried out; 300 s unless configured otherwise.
    pub cooldown: SimDuration,
    /// Of the group.
    pub bounds: Bounds,
}

/// Whether a group listens to the alarms of simple scaling. It is one for all such policies of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// It does.
    #[default]
    Idle,
    /// A change is being carried out.
    Activity,
    /// It does from an instant on.
    Cooldown {
        /// That instant.
        until: SimTime,
    },
}

impl State {
    /// An alarm. A change that there is none of, such as one beyond the bounds, starts no cooldown.
    pub fn alarm(&mut self, config: &Config, group: Group, now: SimTime) -> Outcome<Reason> {
        let wish = config
            .adjustment
            .kind
            .adjusted(group.desired, config.adjustment.amount);
        match *self {
            Self::Activity => return group.held(wish, Reason::Activity),
            Self::Cooldown { until } if now < until => return group.held(wish, Reason::Cooldown),
            Self::Idle | Self::Cooldown { .. } => {}
        }
        let Some(outcome) = adjust(group.desired, &[config.adjustment], config.bounds) else {
            return group.held(wish, Reason::Right);
        };
        *self = if outcome.instances == group.desired {
            Self::Idle
        } else {
            Self::Activity
        };
        outcome
    }

    /// The last instance of the change has been launched or terminated.
    pub fn carried_out(&mut self, config: &Config, now: SimTime) {
        *self = Self::Cooldown {
            until: now + config.cooldown,
        };
    }
}
