//! Integration tests, in one binary so that it links once.

mod cli;
mod invalid;
mod properties;
mod random_scenario;
mod support;
mod theory;
