//! Experiments: replications, what they say together, sweeps over points.
//!
//! ```text
//! Scenario ─replicate─▶ Record (one replication) ─estimate─▶ Findings (with intervals)
//! ```
//!
//! A replication is single-threaded; replications and points run side by side, and are put together by
//! their numbers, so that no byte of a result depends on the number of threads.

mod backlog;
mod bottleneck;
mod compare;
mod estimate;
mod findings;
mod flapping;
pub mod plan;
mod record;
mod recovery;
mod run;
mod sweep;

pub use crate::scenario::sets_traffic;
pub use backlog::Backlog;
pub use bottleneck::{Bottleneck, Full};
pub use compare::{Compared, Comparison, Word, compare};
pub use estimate::measured::About;
pub use findings::{
    Advisory, CallerFindings, ClassFindings, Column, CostPart, ElasticityFindings, Findings,
    LogLine, Look, ObjectiveFindings, OutcomeShare, QueueFindings, ResourceFindings, Series,
    SourceFindings, Spread, StatedFindings, Stop, Times, Violation,
};
pub use record::{Record, WindowRecord, keep, replicate};
pub use recovery::Recovery;
pub use run::{Counters, Session, findings_of, run};
pub use sweep::{Choice, Load, choose, offered_by, sweep};
