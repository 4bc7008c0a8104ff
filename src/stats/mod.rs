//! Estimators: from what was recorded to figures with intervals.

pub mod elasticity;
mod estimate;
mod histogram;
mod level;

pub use estimate::{Confidence, Estimate};
pub use histogram::{Buckets, Histogram};
pub use level::Level;
