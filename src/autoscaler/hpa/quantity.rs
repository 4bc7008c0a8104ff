//! Quantities as the controller computes with them.

/// A quantity in thousandths of its unit: of a core, of a byte, of whatever a metric counts.
///
/// 64 bits with sign, as `Quantity.MilliValue` gives. Sums stop at the ends of that range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Milli(i64);

impl Milli {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest quantity.
    pub const MAX: Self = Self(i64::MAX);

    /// So many thousandths.
    pub const fn new(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// So many units, rounded to the nearest thousandth.
    pub fn from_units(units: f64) -> Self {
        Self((units * 1000.0).round() as i64)
    }

    /// The thousandths.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The thousandths in double precision: to the nearest that there is.
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// The sum; no more than the largest quantity, and no less than the smallest.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// So many percent of it, truncated.
    #[must_use]
    pub fn percent(self, percent: u32) -> Self {
        Self::fitting(i128::from(self.0) * i128::from(percent) / 100)
    }

    /// An `n`-th of it, truncated. `n` must not be 0.
    #[must_use]
    pub(super) const fn divided(self, n: i64) -> Self {
        Self(self.0 / n)
    }

    /// What is left of a result that may be out of range.
    fn fitting(thousandths: i128) -> Self {
        Self(thousandths.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

/// A computed number of replicas: whole, from 0 to 2³¹−1.
///
/// A number that is none (nothing divided by nothing) becomes 0, as does what is negative: the controller
/// starts from 0 when it looks for the largest proposal.
pub(super) fn replicas(computed: f64) -> u32 {
    computed.ceil().clamp(0.0, f64::from(i32::MAX)) as u32
}
