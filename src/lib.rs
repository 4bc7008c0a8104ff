//! capsim: a capacity-planning simulator for web systems.
#![forbid(unsafe_code)]

pub mod autoscaler;
pub mod component;
pub mod diag;
pub mod dist;
pub mod engine;
pub mod experiment;
pub mod math;
pub mod objective;
pub mod scenario;
pub mod metrics;
pub mod policy;
pub mod rng;
pub mod spec;
pub mod stats;
pub mod traffic;
pub mod units;
