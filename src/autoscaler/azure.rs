//! Azure Monitor autoscale: rules that add, rules that remove, and a look ahead against flapping.
//!
//! The engine is closed; these are the rules of the documentation (`autoscale-understanding-settings.md`,
//! `autoscale-best-practices.md`, `autoscale-flapping.md`). Ours is what it does not say: that percentages
//! are rounded toward more instances, and that a rule that would add holds back removal during its
//! cooldown, too.

use super::comparison::Comparison;
use super::count::{Bound, Bounds};
use super::outcome::{Outcome, reasons};
use crate::units::{SimDuration, SimTime};

/// In which direction a rule changes the number of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More.
    Out,
    /// Fewer.
    In,
}

/// By how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// So many instances.
    Count(u32),
    /// So many percent of those that there are, 0 or more.
    Percent(f64),
    /// To so many.
    Exact(u32),
}

/// A rule. Time grain, statistic and window are the business of whoever measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The metric, as a position among those observed.
    pub metric: usize,
    /// The relation between the metric and the threshold in which the rule fires.
    pub comparison: Comparison,
    /// In the metric's unit, per instance.
    pub threshold: f64,
    /// Whether it adds or removes.
    pub direction: Direction,
    /// How many.
    pub change: Change,
    /// How long after the last change, of whichever rule and direction, it does not fire.
    pub cooldown: SimDuration,
}

impl Rule {
    /// How many instances there are after it.
    fn result(&self, present: u32) -> i64 {
        let (n, sign) = match self.direction {
            Direction::Out => (i64::from(present), 1),
            Direction::In => (i64::from(present), -1),
        };
        match self.change {
            Change::Count(by) => n + sign * i64::from(by),
            Change::Percent(percent) => {
                let by = f64::from(present) * percent / 100.0;
                n + match self.direction {
                    Direction::Out => by.ceil() as i64,
                    Direction::In => -(by.floor() as i64),
                }
            }
            Change::Exact(to) => i64::from(to),
        }
    }
}

/// A profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The fewest and the most instances. A number outside of them is corrected at once.
    pub bounds: Bounds,
    /// How many there are at least while a metric cannot be read.
    pub default: u32,
    /// In any order.
    pub rules: Vec<Rule>,
}

/// A metric over the rules' window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// An average over the instances.
    Average(f64),
    /// A total that rules divide by the number of instances, such as the length of a queue.
    Total(f64),
}

impl Metric {
    /// Per instance, if the present load were on so many instances.
    fn on(self, n: u32, present: u32) -> f64 {
        match self {
            Self::Average(average) => average * f64::from(present) / f64::from(n),
            Self::Total(total) => total / f64::from(n),
        }
    }
}

/// What the engine sees when it runs (every 30 to 60 s).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation<'a> {
    /// The present instant.
    pub now: SimTime,
    /// Instances that there are meant to be.
    pub instances: u32,
    /// The metrics; nothing for one that cannot be read. One that is not there cannot, either.
    pub metrics: &'a [Option<Metric>],
}

reasons! {
    /// What decided.
    Reason {
        OutOfRange = "outside the range",
        ScaledOut = "a rule to add fires",
        ScaledIn = "all rules to remove fire",
        Flapping = "fewer would set off a rule to add",
        SmallerStep = "removes less than asked, so as not to set off a rule to add",
        NoData = "a metric cannot be read",
        ToDefault = "a metric cannot be read: up to the default",
        AtMin = "at the fewest instances",
        AtMax = "at the most instances",
        Cooldown = "too soon after the last change",
        Right = "no rule fires",
    }
}

/// What is remembered: when the number of instances was last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    last_change: Option<SimTime>,
}

/// How a rule stands.
#[derive(Clone, Copy, PartialEq)]
enum Standing {
    NoData,
    Quiet,
    Cooldown,
    Fires,
}

impl State {
    /// Decides.
    pub fn decide(&mut self, config: &Config, seen: &Observation<'_>) -> Outcome<Reason> {
        let outcome = self.outcome(config, seen);
        if outcome.instances != seen.instances {
            self.last_change = Some(seen.now);
        }
        outcome
    }

    fn standing(&self, rule: &Rule, seen: &Observation<'_>) -> Standing {
        let Some(Some(metric)) = seen.metrics.get(rule.metric) else {
            return Standing::NoData;
        };
        let value = metric.on(seen.instances, seen.instances);
        if !rule.comparison.holds(value, rule.threshold) {
            return Standing::Quiet;
        }
        match self.last_change {
            Some(last) if seen.now.since(last) < rule.cooldown => Standing::Cooldown,
            _ => Standing::Fires,
        }
    }

    fn outcome(&self, config: &Config, seen: &Observation<'_>) -> Outcome<Reason> {
        let present = seen.instances;
        let same = |reason| Outcome {
            wish: present,
            damped: present,
            instances: present,
            reason,
        };
        let (within, bound) = config.bounds.clamp(i64::from(present));
        if bound.is_some() {
            return Outcome {
                instances: within,
                ..same(Reason::OutOfRange)
            };
        }
        let towards = |direction| {
            let rules = config.rules.iter();
            rules.filter(move |rule| rule.direction == direction)
        };
        let any_out =
            |standing| towards(Direction::Out).any(|r| self.standing(r, seen) == standing);
        let fires = |rule: &&Rule| self.standing(rule, seen) == Standing::Fires;
        if any_out(Standing::Fires) {
            let results = towards(Direction::Out).filter(fires);
            let most = results.map(|rule| rule.result(present)).max();
            return scaled_out(config, present, most.unwrap_or(0));
        }
        let lacks_data = |rule: &Rule| self.standing(rule, seen) == Standing::NoData;
        if config.rules.iter().any(lacks_data) {
            return without_data(config, present);
        }
        if any_out(Standing::Cooldown) {
            return same(Reason::Cooldown);
        }
        let standings = || towards(Direction::In).map(|rule| self.standing(rule, seen));
        if standings().any(|own| own == Standing::Quiet) {
            return same(Reason::Right);
        }
        if standings().any(|own| own == Standing::Cooldown) {
            return same(Reason::Cooldown);
        }
        let results = towards(Direction::In).map(|rule| rule.result(present));
        match results.max() {
            Some(fewest) if fewest < i64::from(present) => scaled_in(config, seen, fewest),
            _ => same(Reason::Right),
        }
    }
}

/// Rules to add never remove, whatever exact number they name.
fn scaled_out(config: &Config, present: u32, most: i64) -> Outcome<Reason> {
    let wish = most.max(i64::from(present));
    let (instances, bound) = config.bounds.clamp(wish);
    Outcome {
        wish: wish.min(i64::from(u32::MAX)) as u32,
        damped: instances,
        instances,
        reason: match bound {
            Some(_) => Reason::AtMax,
            None => Reason::ScaledOut,
        },
    }
}

fn without_data(config: &Config, present: u32) -> Outcome<Reason> {
    let wish = config.default.max(present);
    let (instances, _) = config.bounds.clamp(i64::from(wish));
    Outcome {
        wish,
        damped: wish,
        instances,
        reason: if instances > present {
            Reason::ToDefault
        } else {
            Reason::NoData
        },
    }
}

/// Removes as many as the rules say, or as many fewer as it takes for no rule to add to fire at once.
fn scaled_in(config: &Config, seen: &Observation<'_>, fewest: i64) -> Outcome<Reason> {
    let present = seen.instances;
    let (target, bound) = config.bounds.clamp(fewest);
    let would_add = |n: u32| {
        let mut adding = config
            .rules
            .iter()
            .filter(|r| r.direction == Direction::Out);
        adding.any(|rule| {
            let metric = seen.metrics.get(rule.metric).copied().flatten();
            metric.is_some_and(|own| {
                let value = own.on(n, present);
                rule.comparison.holds(value, rule.threshold)
            })
        })
    };
    let found = (target..present).find(|n| !would_add(*n));
    let instances = found.unwrap_or(present);
    Outcome {
        wish: fewest.max(0) as u32,
        damped: instances,
        instances,
        reason: match (found, bound) {
            (None, _) if target == present => Reason::AtMin,
            (None, _) => Reason::Flapping,
            (Some(n), _) if n > target => Reason::SmallerStep,
            (Some(_), Some(Bound::Min)) => Reason::AtMin,
            (Some(_), _) => Reason::ScaledIn,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let rule = |comparison, threshold, direction| Rule {
            metric: 0,
            comparison,
            threshold,
            direction,
            change: Change::Count(1),
            cooldown: SimDuration::from_secs(300),
        };
        Config {
            bounds: Bounds { min: 2, max: 6 },
            default: 4,
            rules: vec![
                rule(Comparison::Above, 70.0, Direction::Out),
                rule(Comparison::Below, 30.0, Direction::In),
            ],
        }
    }

    fn look(state: &mut State, second: u64, n: u32, cpu: Option<f64>) -> (u32, Reason) {
        let outcome = state.decide(
            &config(),
            &Observation {
                now: SimTime::ZERO + SimDuration::from_secs(second),
                instances: n,
                metrics: &[cpu.map(Metric::Average)],
            },
        );
        (outcome.instances, outcome.reason)
    }

    #[test]
    fn any_change_starts_the_cooldown_of_every_rule() {
        let state = &mut State::default();
        assert_eq!(look(state, 0, 3, Some(80.0)), (4, Reason::ScaledOut));
        assert_eq!(look(state, 60, 4, Some(90.0)), (4, Reason::Cooldown));
        assert_eq!(look(state, 120, 4, Some(10.0)), (4, Reason::Cooldown));
        assert_eq!(look(state, 300, 4, Some(10.0)), (3, Reason::ScaledIn));
        assert_eq!(look(state, 600, 2, Some(10.0)), (2, Reason::AtMin));
    }

    #[test]
    fn without_data_there_are_no_fewer_and_the_default_at_least() {
        let state = &mut State::default();
        assert_eq!(look(state, 0, 3, None), (4, Reason::ToDefault));
        assert_eq!(look(state, 60, 5, None), (5, Reason::NoData));
        assert_eq!(look(state, 120, 9, None), (6, Reason::OutOfRange));
        assert_eq!(look(state, 120, 1, Some(10.0)), (2, Reason::OutOfRange));
    }
}
