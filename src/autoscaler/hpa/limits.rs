//! Rates and bounds: the last thing that a wish goes through.

use super::behavior::Behavior;
use super::events::Changes;

/// The fewest and the most pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The fewest.
    pub min: u32,
    /// The most, at least the fewest.
    pub max: u32,
}

/// What a wish ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Nothing.
    WithinRange,
    /// The fewest pods that there may be.
    Minimum,
    /// The most pods that there may be.
    Maximum,
    /// How fast it may grow.
    GrowthRate,
    /// How fast it may shrink.
    ShrinkRate,
}

impl Limit {
    /// How Kubernetes says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::WithinRange => "DesiredWithinRange",
            Self::Minimum => "TooFewReplicas",
            Self::Maximum => "TooManyReplicas",
            Self::GrowthRate => "ScaleUpLimit",
            Self::ShrinkRate => "ScaleDownLimit",
        }
    }
}

/// What a wish has become, and what it ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// How many pods.
    pub replicas: u32,
    /// Why not as wished.
    pub limit: Limit,
}

/// How fast an HPA without a `behavior` section may grow in one sync. It may shrink as fast as it wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LegacyPace {
    /// So many times the present count.
    pub factor: f64,
    /// Or to so many, if that is more.
    pub minimum: f64,
}

impl LegacyPace {
    /// What the controller has: twice the count, or 4 (`calculateScaleUpLimit`).
    pub const DEFAULT: Self = Self {
        factor: 2.0,
        minimum: 4.0,
    };

    /// What it makes of a count that is desired (`convertDesiredReplicasWithRules`).
    pub fn limit(&self, current: u32, desired: u32, bounds: Bounds) -> Limited {
        let pace = (self.factor * f64::from(current)).max(self.minimum) as u32;
        let cap = cap(pace, bounds.max);
        if desired < bounds.min {
            Limited {
                replicas: bounds.min,
                limit: Limit::Minimum,
            }
        } else if desired > cap.replicas {
            cap
        } else {
            within(desired)
        }
    }
}

impl Behavior {
    /// What it makes of a count that is desired, after what was changed before
    /// (`convertDesiredReplicasWithBehaviorRate`).
    ///
    /// In each direction only the bound there is looked at; a workload that is out of bounds already does not come
    /// here.
    pub fn limit(
        &self,
        current: u32,
        desired: u32,
        bounds: Bounds,
        changes: &Changes<'_>,
    ) -> Limited {
        if desired > current {
            // Whoever has grown too fast already stays, but does not go back.
            let pace = self.up.growth_limit(current, changes);
            let pace = u32::try_from(pace).unwrap_or(0).max(current);
            let cap = cap(pace, bounds.max);
            if desired > cap.replicas {
                return cap;
            }
        } else if desired < current {
            let pace = self.down.shrink_limit(current, changes);
            let pace = u32::try_from(pace).unwrap_or(0).min(current);
            let floor = if bounds.min < pace {
                Limited {
                    replicas: pace,
                    limit: Limit::ShrinkRate,
                }
            } else {
                Limited {
                    replicas: bounds.min,
                    limit: Limit::Minimum,
                }
            };
            if desired < floor.replicas {
                return floor;
            }
        }
        within(desired)
    }
}

/// The most that a rate and a bound allow.
const fn cap(pace: u32, max: u32) -> Limited {
    if max > pace {
        Limited {
            replicas: pace,
            limit: Limit::GrowthRate,
        }
    } else {
        Limited {
            replicas: max,
            limit: Limit::Maximum,
        }
    }
}

const fn within(desired: u32) -> Limited {
    Limited {
        replicas: desired,
        limit: Limit::WithinRange,
    }
}
