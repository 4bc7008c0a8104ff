//! Callers who persist: ends that only some of their rules lead to.

use crate::support::{load, run};

/// The run, and the beginning of the source.
const FRONT: &str = "
[run]
horizon = \"10s\"
replications = 2
[sources.load]
arrivals = \"poisson\"
rate = \"100/s\"
enters = \"web\"
";

/// An answer that comes before the copy would have been sent: the copy is taken back, and nothing else.
#[test]
fn a_copy_that_is_not_needed_was_no_retry() {
    for after in ["\"50ms\"", "\"200ms\""] {
        let text = format!(
            "{FRONT}hedge = {{ after = {after} }}\nretry = {{ attempts = 2 }}
            [components.web]
            kind = \"service\"
            workers = {{ count = 100 }}
            operations.default.steps = [{{ wait = {{ exponential = \"100ms\" }} }}]"
        );
        let findings = run(&load(&text).scenario);
        assert!(findings.callers[0].hedges.is_some_and(|n| n.value > 5.0));
        assert!(findings.callers[0].retries.is_some_and(|n| n.value < 1e-9));
        let waiting = findings.column("load", "in_backoff").expect("a column");
        let values = waiting.values.iter().flatten();
        assert!(values.copied().all(|waiting| waiting.value < 1e-9));
    }
}
