//! Estimators: from what was recorded to figures with intervals.

pub mod elasticity;
mod estimate;
mod feasibility;
mod histogram;
mod level;
mod paired;
mod sample;

pub use estimate::{Confidence, Estimate};
pub use feasibility::{Answer, Feasibility, unspread_share};
pub use histogram::{Buckets, Histogram};
pub use level::Level;
pub use paired::Paired;
pub use sample::Sample;
