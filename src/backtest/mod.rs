//! Backtests: recordings of real stacks, predicted.
//!
//! ```text
//! ID.json ─truth─▶ Truth ─families─▶ scenario text ─scenario::load, replicate─▶ Prediction ─compare─▶ Comparison
//! ```
//!
//! A recording says which software ran with which settings, which work was asked of it and when, and what
//! came of it. Its *family* turns the first three into a scenario in the public language: nothing is known of
//! the result before it is compared, and nothing is fitted. A recording of a known family with other settings
//! needs no code.

mod compare;
mod families;
mod predict;
mod shape;
mod truth;

pub use compare::{Comparison, ErrorSummary, Pair, Summary, Verdict, compare, summarize};
pub use families::{FAMILIES, Family, scenario_text};
pub use predict::{Failed, Predicted, Prediction, Second, predict};
pub use shape::{Instances, Recovery, Shape};
pub use truth::{Measured, Overhead, Problem, Repetition, Truth, read, recordings_in};
