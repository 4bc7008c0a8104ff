//! Knative's autoscaler (KPA): concurrency or requests per second over a stable and a panic window.
//!
//! The way of a figure: the pods' proxies and the activator are scraped ([`sensor`]), what they say is
//! put into buckets and averaged ([`window`]), held against a target ([`target`]), decided every two
//! seconds ([`decide`]; [`max_window`] delays shrinking), and brought within the bounds, down to zero
//! and up from it ([`zero`]).
//!
//! Source: the code of knative/serving as of 98e5ef90.

pub mod decide;
pub mod max_window;
pub mod sensor;
pub mod target;
pub mod window;
pub mod zero;
