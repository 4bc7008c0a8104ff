//! capsim: a capacity-planning simulator for web systems.
#![forbid(unsafe_code)]

pub mod autoscaler;
pub mod backtest;
pub mod cli;
pub mod component;
pub mod diag;
pub mod dist;
pub mod engine;
pub mod experiment;
pub mod math;
pub mod metrics;
pub mod objective;
pub mod policy;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod spec;
pub mod stats;
pub mod theory;
pub mod traffic;
pub mod units;
