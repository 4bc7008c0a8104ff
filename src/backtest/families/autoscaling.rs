//! Servers behind nginx, added and removed by a rule.

use super::{NODE_TIMER_MS, Source, millis, seconds};
use crate::backtest::truth::{Problem, Repetition, Truth};

/// How long Node takes to start, and how long it takes on average to see that its port is open and to tell
/// nginx: it is looked at every 100 ms, and nginx takes up its new list within some 10 ms.
const SEEN_AFTER_MS: f64 = 150.0;

/// A rule that goes by how busy the slots of the servers were since it looked last.
///
/// A slot is as good as a core that one request has to itself: so the work of a request is CPU here, and what
/// the script takes for the use of CPUs is that of slots.
pub(super) fn script(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let slots = config.whole("slots", 1)?;
    let (min, max) = (config.whole("min", 1)?, config.whole("max", 1)?);
    let (up, down) = (config.whole("up_by", 1)?, config.whole("down_by", 1)?);
    let share = |key| -> Result<String, Problem> {
        Ok(format!(
            "\"{}%\"",
            (config.number(key, 0.0)? * 1e6).round() / 1e4
        ))
    };
    let source = Source {
        late_ms: truth.lateness_ms(NODE_TIMER_MS),
        ..Source::new(truth, repetition, "nginx")?
    };
    Ok(format!(
        "{}[components.nginx]\nkind = \"balancer\"\nmodel = \"nginx\"\nto = \"node\"\npolicy = \"round_robin\"\n\n[components.node]\nkind = \"service\"\ncount = {min}\nvcpu = {slots}\nworkers = {{ runtime = \"threads\", count = {slots} }}\nbacklog = \"unbounded\"\nboot = {}\ndrain = {}\n\n[components.node.operations.default]\nsteps = [{{ cpu = {{ recorded = \"demand\" }} }}]\n\n[components.node.autoscaler]\nkind = \"script\"\nmin = {min}\nmax = {max}\ninterval = {}\nfirst_look = {}\nmeasured = \"since_last_look\"\nready_only = true\ncpu_above = {}\ncpu_below = {}\nadd = {up}\nremove = {down}\n",
        source.tables()?,
        millis(config.number("boot_ms", 0.0)? + SEEN_AFTER_MS),
        millis(config.maybe("drain_ms", 0.0)?.unwrap_or(2000.0) + 500.0),
        seconds(config.number("every", 0.1)?),
        seconds(config.number("every", 0.1)?),
        share("high")?,
        share("low")?,
    ))
}
