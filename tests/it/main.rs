//! Integration tests, in one binary so that it links once.

mod cli;
mod docs;
mod floors;
mod invalid;
mod properties;
mod random_scenario;
mod scenarios;
mod support;
mod theory;
