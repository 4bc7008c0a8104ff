//! What is recorded of a run, and what it is called.

mod catalog;
mod log;
mod outcome;
mod recorder;

pub use catalog::{Good, Metric, Unit};
pub use log::{Entry, Happened, Log};
pub use outcome::{Group, Outcome};
pub use recorder::{CounterId, LevelId, Recorder, SampleId, Shape, WaitId, Windows};
