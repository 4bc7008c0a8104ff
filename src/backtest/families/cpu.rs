//! Processes that contend for a core.

use super::{Source, millis};
use crate::backtest::truth::{Problem, Repetition, Truth};

/// Worker processes that take from one line and share a core, perhaps less than a core.
pub(super) fn processes(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let workers = config.whole("workers", 1)?;
    let cpu = truth.server_cpu_ms();
    let source = Source {
        overhead: truth.overhead()?.less(cpu),
        ..Source::new(truth, repetition, "server")?
    };
    let quota = match (
        config.maybe("quota_ms", 1.0)?,
        config.maybe("period_ms", 1.0)?,
    ) {
        (Some(quota), period) => {
            let period = period.unwrap_or(100.0);
            format!(
                "quota = {{ cpus = {:?}, period = {} }}\n",
                quota / period,
                millis(period)
            )
        }
        _ => String::new(),
    };
    Ok(format!(
        "{}[components.server]\nkind = \"service\"\nvcpu = 1\n{quota}workers = {{ runtime = \"processes\", count = {workers}, threads = 1, accept = \"central\" }}\nbacklog = \"unbounded\"\n\n[components.server.operations.default]\nsteps = [\n  {{ cpu = {} }},    # HTTP itself\n  {{ cpu = {{ recorded = \"demand\" }} }},\n]\n",
        source.tables()?,
        millis(cpu)
    ))
}
