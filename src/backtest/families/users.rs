//! Closed loops: users who think, and wrk.

use super::{NODE_TIMER_MS, Slots, millis, seconds, way};
use crate::backtest::truth::{Problem, Repetition, Truth};

/// Users who wait for their answers, or wrk, in front of one Node process with slots.
pub(super) fn closed(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (slots, mean) = (config.whole("slots", 1)?, config.number("mean", 0.0)? * 1e3);
    let cpu = truth.server_cpu_ms();
    let realised = truth.json["realised_demand"]["mean_ms"].as_f64();
    let realised = realised.unwrap_or(mean + NODE_TIMER_MS).max(0.001);
    let mut demand = format!("{{ wait = {{ exponential = {} }} }}", millis(realised));
    let source = match (config.maybe("users", 1.0)?, repetition.attempt_seed) {
        (Some(_), seed) => {
            let think = seconds(config.number("think", 0.0)?);
            let think = match seed {
                Some(seed) => {
                    demand = format!(
                        "{{ wait = {{ hashed = {{ seed = {seed}, mean = {} }} }} }}",
                        millis(mean)
                    );
                    format!("drawn = {{ seed = {seed}, think = {think} }}")
                }
                None => format!("think = {{ exponential = {think} }}"),
            };
            format!(
                "kind = \"users\"\nusers = {}\n{think}\n",
                config.whole("users", 1)?
            )
        }
        (None, _) => format!(
            "kind = \"wrk\"\nthreads = 1\nconnections = {}\nduration = {}\n",
            config.whole("c", 1)?,
            seconds(repetition.duration_s)
        ),
    };
    Ok(format!(
        "[sources.clients]\nenters = \"node\"\n{source}{}\n{}",
        way(truth.overhead()?.less(cpu), false),
        Slots {
            name: "node",
            at_a_time: slots,
            cpu_ms: cpu,
            step: &demand,
            more: "",
        }
        .tables()
    ))
}
