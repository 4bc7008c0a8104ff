//! Counts of instances: how many a load needs, and the bounds around them.

/// The fewest and the most instances, both included.
///
/// Whether the fewest are not more than the most is checked where a configuration is read. A rule may
/// raise the lower bound over the upper one for a while; then what is below the lower one is raised to it,
/// and anything else is held to the upper one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The fewest.
    pub min: u32,
    /// The most; [`Bounds::UNLIMITED`] if there is no such bound.
    pub max: u32,
}

/// One of the two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The fewest.
    Min,
    /// The most.
    Max,
}

impl Bounds {
    /// As many as one likes.
    pub const UNLIMITED: u32 = u32::MAX;

    /// No bounds at all.
    pub const NONE: Self = Self {
        min: 0,
        max: Self::UNLIMITED,
    };

    /// Within both: where they contradict each other, the lower bound counts.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            min: if self.min > other.min {
                self.min
            } else {
                other.min
            },
            max: if self.max < other.max {
                self.max
            } else {
                other.max
            },
        }
    }

    /// The count held to the bounds, and the bound that it ran into.
    pub fn clamp(self, count: i64) -> (u32, Option<Bound>) {
        if count < i64::from(self.min) {
            (self.min, Some(Bound::Min))
        } else if count > i64::from(self.max) {
            (self.max, Some(Bound::Max))
        } else {
            (count as u32, None)
        }
    }
}

/// How many instances a load needs if each bears `each` of it: the quotient, rounded up. 0 without a load.
///
/// For rules that are known from a description. A quotient that is a whole number but for its last bits is
/// that number, so that 1.8 / (3 · 0.6) is 1 and not 2. Rules whose source is open round as that does.
pub fn needed(load: f64, each: f64) -> u32 {
    let exact = load / each;
    let nearest = exact.round();
    if (exact - nearest).abs() <= 1e-9 * nearest {
        nearest as u32
    } else {
        exact.ceil() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_quotient_is_not_rounded_up() {
        // The quotient of the two is 1.0000000000000002.
        assert_eq!(needed(1.8, 3.0 * 0.6), 1);
        assert_eq!(needed(1.801, 3.0 * 0.6), 2);
        assert_eq!(needed(0.0, 0.6), 0);
        assert_eq!(needed(1e-6, 0.6), 1);
    }

    #[test]
    fn the_lower_bound_is_looked_at_first() {
        let raised = Bounds { min: 5, max: 3 };
        assert_eq!(raised.clamp(4), (5, Some(Bound::Min)));
        assert_eq!(raised.clamp(6), (3, Some(Bound::Max)));
    }
}
