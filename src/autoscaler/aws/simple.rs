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

#[cfg(test)]
mod tests {
    use super::super::adjustment::Kind;
    use super::*;

    #[test]
    fn a_change_that_there_is_none_of_starts_no_cooldown() {
        let config = Config {
            adjustment: Adjustment {
                kind: Kind::Change,
                amount: 2,
            },
            cooldown: SimDuration::from_secs(300),
            bounds: Bounds { min: 1, max: 4 },
        };
        let mut state = State::default();
        let at = |seconds| SimTime::ZERO + SimDuration::from_secs(seconds);
        let full = state.alarm(&config, Group::settled(4), at(0));
        assert_eq!((full.wish, full.reason), (6, Reason::AtMax));
        let mut reason = |n, now| state.alarm(&config, Group::settled(n), now).reason;
        assert_eq!(reason(3, at(60)), Reason::AtMax);
        assert_eq!(reason(4, at(120)), Reason::Activity);
        state.carried_out(&config, at(150));
        let mut reason = |n, now| state.alarm(&config, Group::settled(n), now).reason;
        assert_eq!(reason(2, at(449)), Reason::Cooldown);
        assert_eq!(reason(2, at(450)), Reason::AsWished);
    }
}
