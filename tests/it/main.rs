//! Integration tests, in one binary so that it links once.

#![expect(
    clippy::disallowed_methods,
    reason = "tests look at files and are told how much to do"
)]

mod autoscalers;
mod backtests;
mod balancers;
mod breakers;
mod caches;
mod callers;
mod cdns;
mod cli;
mod clients;
mod comparisons;
mod conformance;
mod costs;
mod databases;
mod docs;
mod floors;
mod gateways;
mod health;
mod http_caches;
mod invalid;
mod load_tests;
mod operations;
mod plans;
mod properties;
mod queues;
mod random_scenario;
mod runtime;
mod scenarios;
mod support;
mod theory;
