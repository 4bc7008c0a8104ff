//! Clients that give up and try again.

use super::{NODE_TIMER_MS, Slots, Source, millis};
use crate::backtest::truth::{Problem, Repetition, Truth};

/// One Node process with slots; clients with a timeout that close the connection and try again, while the
/// server goes on.
pub(super) fn retries(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (slots, mean) = (config.whole("slots", 1)?, config.number("mean", 0.0)?);
    let (timeout, retries) = (
        config.number("timeout_ms", 1.0)?,
        config.whole("retries", 0)?,
    );
    let base = config.maybe("backoff", 0.0)?.unwrap_or(0.0);
    let backoff = if base > 0.0 {
        format!(
            "{{ exponential = {}, factor = 2.0, cap = \"2s\", jitter = \"full\" }}",
            millis(base)
        )
    } else {
        "\"0s\"".to_owned()
    };
    let mut more = format!("timeout = {}\n", millis(timeout));
    if retries > 0 {
        more.push_str(&format!(
            "retry = {{ attempts = {}, backoff = {backoff} }}\n",
            retries + 1
        ));
    }
    let cpu = truth.server_cpu_ms();
    let source = Source {
        overhead: truth.overhead()?.less(cpu),
        late_ms: NODE_TIMER_MS,
        more,
        ..Source::new(truth, repetition, "node")?
    };
    let again = match repetition.attempt_seed {
        Some(seed) => format!(
            "hashed = {{ seed = {seed}, mean = {} }}",
            millis(mean * 1e3)
        ),
        None => format!("otherwise = {{ exponential = {} }}", millis(mean * 1e3)),
    };
    let step = format!("{{ wait = {{ recorded = \"demand\", {again} }} }}");
    Ok(format!(
        "{}{}",
        source.tables()?,
        Slots {
            name: "node",
            at_a_time: slots,
            cpu_ms: cpu,
            step: &step,
            more: "",
        }
        .tables()
    ))
}
