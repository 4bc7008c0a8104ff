//! An event loop with a core of its own.

use std::fmt::Write as _;

use super::{NODE_TIMER_MS, Source, millis};
use crate::backtest::truth::{Problem, Repetition, Truth};

/// Node, one process on a core: a busy loop, perhaps a timer.
///
/// What an empty handler takes is CPU of that process, and happens before the answer.
pub(super) fn node(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let cpu = truth.server_cpu_ms();
    let waits = truth.config().maybe("wait_mean", 0.0)?.is_some();
    let source = Source {
        overhead: truth.overhead()?.less(cpu),
        wait_late_ms: NODE_TIMER_MS,
        ..Source::new(truth, repetition, "node")?
    };
    let mut steps = format!(
        "  {{ cpu = {} }},    # HTTP itself\n  {{ cpu = {{ recorded = \"demand\" }} }},\n",
        millis(cpu)
    );
    if waits {
        let _ = writeln!(steps, "  {{ wait = {{ recorded = \"wait\" }} }},");
        // The answer is written when the loop gets to the timer.
        let _ = writeln!(steps, "  {{ cpu = \"20us\" }},");
    }
    Ok(format!(
        "{}[components.node]\nkind = \"service\"\nvcpu = 1\nworkers = {{ runtime = \"event_loop\", count = 1 }}\nbacklog = \"unbounded\"\n\n[components.node.operations.default]\nsteps = [\n{steps}]\n",
        source.tables()?
    ))
}
