//! Reports: text for people, files for programs, charts.
//!
//! Everything here is made from [`Findings`](crate::experiment::Findings) alone, so that a stored result
//! can be shown again without running anything. Files are written in one place, [`output_dir`].

pub mod backtest;
#[cfg(feature = "charts")]
pub mod chart;
pub mod comparison;
pub mod csv;
pub mod manifest;
pub mod markdown;
pub mod output_dir;
pub mod planning;
pub mod reference;
pub mod summary;
mod sweep_view;
mod tables;
pub mod text;
pub mod tools;
pub mod words;

pub use comparison::CompareView;
pub use planning::PlanView;
pub use sweep_view::SweepView;
