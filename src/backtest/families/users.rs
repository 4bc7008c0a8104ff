//! Closed loops: users who think, and wrk.

use super::{NODE_TIMER_MS, millis, node_slots, seconds};
use crate::backtest::truth::{Problem, Repetition, Truth};

/// Users who wait for their answers, or wrk, in front of one Node process with slots.
pub(super) fn closed(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (slots, mean) = (config.whole("slots", 1)?, config.number("mean", 0.0)? * 1e3);
    let overhead = truth.overhead_ms()?;
    let demand = format!(
        "{{ wait = {{ exponential = {} }} }}",
        millis((mean + NODE_TIMER_MS).max(0.001))
    );
    let source = match config.maybe("users", 1.0)? {
        Some(_) => format!(
            "users = {}\nthink = {{ exponential = {} }}\nkind = \"users\"\n",
            config.whole("users", 1)?,
            seconds(config.number("think", 0.0)?)
        ),
        None => format!(
            "kind = \"wrk\"\nthreads = 1\nconnections = {}\nduration = {}\n",
            config.whole("c", 1)?,
            seconds(repetition.duration_s)
        ),
    };
    Ok(format!(
        "[sources.clients]\nenters = \"node\"\n{source}# what a request takes that asks for nothing\nnetwork = {{ rtt = {}, tls = \"none\", reuse = \"100%\" }}\n\n{}",
        millis(overhead),
        node_slots("node", slots, &demand, "")
    ))
}
