//! What is recorded of a run, and what it is called.

mod catalog;
mod outcome;
mod recorder;

pub use catalog::{Good, Metric, Unit};
pub use outcome::{Group, Outcome};
pub use recorder::{CounterId, LevelId, Recorder, SampleId, Shape, WaitId, Windows};
