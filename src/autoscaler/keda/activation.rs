//! One polling round: none, the idle count, the minimum, or as it is.
//!
//! Source: `pkg/scaling/executor/scale_scaledobjects.go`.

use crate::autoscaler::outcome::reasons;
use crate::units::{SimDuration, SimTime};

/// What the switch between none and some goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The fewest replicas while there is something to do.
    pub min: u32,
    /// The replicas while there is nothing to do, if that is not the minimum.
    pub idle: Option<u32>,
    /// How long after the last activity the replicas stay.
    pub cooldown: SimDuration,
    /// How long after its creation they stay if there never was any activity.
    pub initial_cooldown: SimDuration,
    /// The replicas of the fallback, if there is one (see [`super::fallback`]).
    pub fallback: Option<u32>,
    /// Whether going down to none or the idle count is suspended.
    pub is_scale_in_paused: bool,
    /// Whether going up from there is suspended.
    pub is_scale_out_paused: bool,
    /// Whether it counts as active whatever the triggers say.
    pub is_activation_forced: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            min: 0,
            idle: None,
            cooldown: SimDuration::from_secs(300),
            initial_cooldown: SimDuration::ZERO,
            fallback: None,
            is_scale_in_paused: false,
            is_scale_out_paused: false,
            is_activation_forced: false,
        }
    }
}

/// What a polling round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// The present instant.
    pub now: SimTime,
    /// The replicas that the workload is meant to have.
    pub replicas: u32,
    /// Whether any trigger is active.
    pub is_active: bool,
    /// Whether any trigger could not be read.
    pub has_error: bool,
}

reasons! {
    /// What decided.
    Reason {
        Activated = "active: up to the minimum",
        Hpa = "active: left to the HPA",
        ScaleOutPaused = "active, but scaling out is paused",
        PartialError = "active, but not every trigger can be read",
        TriggerError = "no trigger is active, and not every one can be read",
        FallbackExpected = "no trigger can be read; the HPA will use the fallback",
        Deactivated = "inactive for the cooldown: down to none or idle",
        Cooldown = "inactive, but not for the cooldown yet",
        ScaleInPaused = "inactive, but scaling in is paused",
        BelowMin = "inactive and below the minimum: up to it",
        AsIs = "inactive, as it should be",
    }
}

/// What a polling round does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The replicas; the present ones if they are left to the HPA.
    pub replicas: u32,
    /// Why.
    pub reason: Reason,
}

/// What is remembered between polling rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// When it was created.
    pub created: SimTime,
    /// When it was last active, if ever.
    pub last_active: Option<SimTime>,
}

impl State {
    /// At its creation.
    pub fn start(now: SimTime) -> Self {
        Self {
            created: now,
            last_active: None,
        }
    }

    /// Decides after a polling round.
    pub fn decide(&mut self, config: &Config, seen: &Observation) -> Decision {
        let (replicas, reason) = if seen.is_active || config.is_activation_forced {
            self.active(config, seen)
        } else {
            self.inactive(config, seen)
        };
        Decision { replicas, reason }
    }

    fn active(&mut self, config: &Config, seen: &Observation) -> (u32, Reason) {
        let is_idle = config.idle.is_some() && seen.replicas < config.min;
        if seen.replicas == 0 || is_idle {
            if config.is_scale_out_paused {
                return (seen.replicas, Reason::ScaleOutPaused);
            }
            self.last_active = Some(seen.now);
            return (config.min.max(1), Reason::Activated);
        }
        if seen.has_error {
            // The source does not take note of the activity then.
            return (seen.replicas, Reason::PartialError);
        }
        self.last_active = Some(seen.now);
        (seen.replicas, Reason::Hpa)
    }

    fn inactive(&self, config: &Config, seen: &Observation) -> (u32, Reason) {
        let as_is = |reason| (seen.replicas, reason);
        match config.fallback {
            None if seen.has_error => return as_is(Reason::TriggerError),
            // A fallback to no replicas is not waited for: there is nothing to keep.
            Some(1..) if seen.has_error => return as_is(Reason::FallbackExpected),
            _ => {}
        }
        let is_above_idle = config.idle.is_some_and(|idle| seen.replicas > idle);
        if is_above_idle || (seen.replicas > 0 && config.min == 0) {
            if config.is_scale_in_paused {
                return as_is(Reason::ScaleInPaused);
            }
            if !self.has_cooled_down(config, seen.now) {
                return as_is(Reason::Cooldown);
            }
            return (config.idle.unwrap_or(config.min), Reason::Deactivated);
        }
        if seen.replicas < config.min && config.idle.is_none() {
            return (config.min, Reason::BelowMin);
        }
        as_is(Reason::AsIs)
    }

    /// Whether more than the cooldown has passed, not just all of it.
    fn has_cooled_down(&self, config: &Config, now: SimTime) -> bool {
        match self.last_active {
            None => self.created + config.initial_cooldown < now,
            Some(last) => last + config.cooldown < now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour after the start of time, with nothing active before.
    fn round(
        config: &Config,
        replicas: u32,
        is_active: bool,
        has_error: bool,
    ) -> (Decision, State) {
        let mut state = State::start(SimTime::ZERO);
        let seen = Observation {
            now: SimTime::ZERO + SimDuration::from_secs(3600),
            replicas,
            is_active,
            has_error,
        };
        (state.decide(config, &seen), state)
    }

    #[test]
    fn activity_beside_an_error_is_not_noted_and_a_fallback_to_none_is_not_waited_for() {
        let config = Config::default();
        assert_eq!(round(&config, 3, true, true).1.last_active, None);
        assert!(round(&config, 0, true, true).1.last_active.is_some());
        assert_eq!(round(&config, 3, false, true).0.replicas, 3);
        for (fallback, replicas) in [(0, 0), (2, 3)] {
            let config = Config {
                fallback: Some(fallback),
                ..config
            };
            assert_eq!(round(&config, 3, false, true).0.replicas, replicas);
        }
    }

    #[test]
    fn idle_and_minimum_are_two_things() {
        let config = Config {
            min: 4,
            idle: Some(1),
            ..Config::default()
        };
        let of = |replicas, is_active| round(&config, replicas, is_active, false).0;
        assert_eq!(of(1, true), decided(4, Reason::Activated));
        assert_eq!(of(6, false), decided(1, Reason::Deactivated));
        assert_eq!(of(1, false), decided(1, Reason::AsIs));
        let paused = Config {
            is_scale_out_paused: true,
            idle: None,
            ..config
        };
        // Only the way up from none is paused, not the way to the minimum.
        let inactive = round(&paused, 1, false, false).0;
        assert_eq!(inactive, decided(4, Reason::BelowMin));
    }

    fn decided(replicas: u32, reason: Reason) -> Decision {
        Decision { replicas, reason }
    }
}
