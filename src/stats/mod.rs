//! Estimators: from what was recorded to figures with intervals.

mod batches;
pub mod elasticity;
mod estimate;
mod feasibility;
mod histogram;
pub mod laws;
mod level;
mod paired;
mod proportions;
mod ranks;
mod ratios;
mod reference;
mod sample;
mod samples;
mod selection;
mod warm_up;

pub use batches::{Batches, OverlappingBatches};
pub use estimate::{Confidence, Estimate};
pub use feasibility::{Answer, Feasibility, unspread_share};
pub use histogram::{Buckets, Histogram};
pub use level::Level;
pub use paired::Paired;
pub use proportions::{acceptable_hits, clopper_pearson, wilson};
pub use ranks::Ranks;
pub use ratios::{jackknife_ratio, ratio};
pub use reference::{Autoregression, requests_for_mean_wait};
pub use sample::Sample;
pub use samples::{ChiSquare, Welch, chi_square, correlation, welch};
pub use selection::rinott;
pub use warm_up::Mser;
