//! Traffic: how much (a rate over time) and with what randomness (an arrival process over it).
//!
//! The two are separate on purpose: any process goes with any curve. A process draws its gaps in units
//! of "expected arrivals", and the curve turns these into time, so that a Poisson process stays Poisson,
//! a regular one regular, whatever the rate does, and a change of rate takes effect at its instant.
//!
//! Load-testing tools have schedules of their own, in their own words: [`tools`].

pub mod arrivals;
pub mod curve;
pub mod hashed;
pub mod recording;
pub mod tools;
