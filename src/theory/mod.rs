//! Closed forms of queueing theory: what can be known of a system without running it.

mod markov;
mod storm;

pub use markov::MarkovStation;
pub use storm::Storm;
