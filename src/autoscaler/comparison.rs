//! How a rule holds a metric against its threshold.

/// A relation between a metric (left) and a threshold (right), both in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    /// Whether the relation holds.
    #[expect(
        clippy::float_cmp,
        reason = "the user asks whether a figure is exactly another"
    )]
    pub fn holds(self, metric: f64, threshold: f64) -> bool {
        match self {
            Self::Above => metric > threshold,
            Self::AtLeast => metric >= threshold,
            Self::Below => metric < threshold,
            Self::AtMost => metric <= threshold,
            Self::Equal => metric == threshold,
            Self::NotEqual => metric != threshold,
        }
    }
}
