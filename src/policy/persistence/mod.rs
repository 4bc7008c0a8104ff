//! How a caller persists when an answer is late or bad: timeouts, retries, hedging, a circuit breaker, an
//! adaptive limit.
//!
//! Each is a table, and a state machine that is told the time and what happened and says what to do. What
//! they are told about, and where chance comes from, is the caller's business: they know neither requests
//! nor the event queue.

mod backoff;
mod breaker;
mod budget;
mod hedge;
mod limit;
mod retry;
#[cfg(test)]
mod testing;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::At;
use crate::units::SimDuration;

pub use backoff::{Backoff, BackoffSpec, ExponentialBackoff, FixedBackoff, Jitter, LawBackoff};
pub use breaker::{
    Breaker, BreakerSpec, LateResults, Permit, State as BreakerState, WindowSize, WindowType,
};
pub use budget::{Budget, BudgetSpec, ConcurrentRetries, TokenBucket};
pub use hedge::{Hedge, HedgeAfter, HedgePercentile, HedgeSpec};
pub use limit::{
    AimdLimit, FixedLimit, Gradient2Limit, GradientLimit, Limit, LimitSpec, Sample, VegasLimit,
};
pub use retry::{Attempts, Retry, RetrySpec, Trouble};

spec! {
    /// How a caller persists when an answer is late or bad.
    pub struct Persistence {
        /// How long it waits for the answer of one attempt. Without it, for ever, or until the deadline.
        pub timeout: Option<At<SimDuration>>,
        /// How long it waits in all, from when the request was due, retries included.
        pub deadline: Option<At<SimDuration>>,
        /// Whether an attempt that went wrong is followed by another. Without it, never.
        pub retry: Option<RetrySpec>,
        /// When to send another copy of a request that has no answer yet. Without it, never.
        pub hedge: Option<HedgeSpec>,
        /// A circuit breaker in front of the attempts.
        pub breaker: Option<BreakerSpec>,
        /// How many attempts may be in flight. Without it, any number.
        pub limit: Option<LimitSpec>,
    }
    check(Self::check)
}

impl Persistence {
    /// True if there is at most a timeout: nothing that has a state, or that makes more than one attempt.
    pub fn is_plain(&self) -> bool {
        let Self {
            timeout: _,
            deadline,
            retry,
            hedge,
            breaker,
            limit,
        } = self;
        deadline.is_none()
            && retry.is_none()
            && hedge.is_none()
            && breaker.is_none()
            && limit.is_none()
    }

    /// True if there are no rules at all.
    pub fn is_empty(&self) -> bool {
        self.timeout.is_none() && self.is_plain()
    }

    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let (timeout, deadline) = (self.timeout.as_ref(), self.deadline.as_ref());
        for (span, what) in [(timeout, "timeout"), (deadline, "deadline")] {
            if let Some(span) = span.filter(|span| span.value == SimDuration::ZERO) {
                let problem = format!("the {what} must be longer than 0");
                out.push(Diagnostic::error(span.origin, problem));
            }
        }
        if let (Some(timeout), Some(deadline)) = (timeout, deadline)
            && deadline.value < timeout.value
        {
            out.push(
                Diagnostic::error(
                    deadline.origin,
                    "the deadline is shorter than the timeout of one attempt",
                )
                .label(format!("the deadline is {}", deadline.value))
                .related(timeout.origin, format!("the timeout is {}", timeout.value))
                .help("the timeout could never be reached; did you swap them?"),
            );
        }
        if let Some(retry) = &self.retry
            && retry.attempts.value == Attempts::Unlimited
            && deadline.is_none()
        {
            out.push(
                Diagnostic::error(
                    retry.attempts.origin,
                    "unlimited attempts need a deadline, or they would go on for ever",
                )
                .help("write deadline = \"30s\", say, beside `retry`"),
            );
        }
        // The timeout is the earlier of the two.
        if let Some(hedge) = &self.hedge
            && let Some((end, what)) = timeout
                .map(|timeout| (timeout, "timeout"))
                .or(deadline.map(|deadline| (deadline, "deadline")))
            && hedge.shortest().value >= end.value
        {
            let wait = hedge.shortest();
            out.push(
                Diagnostic::error(
                    wait.origin,
                    format!("no copy would be sent before the {what}"),
                )
                .label(format!("the first copy after {}", wait.value))
                .related(end.origin, format!("the {what} is {}", end.value)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{problems, read};
    use super::*;
    use crate::spec::{Definitions, Spec as _};

    #[test]
    fn a_timeout_alone_is_plain() {
        for (text, plain) in [
            ("{}", true),
            ("{ timeout = \"1s\" }", true),
            ("{ deadline = \"1s\" }", false),
            ("{ retry = {} }", false),
            ("{ timeout = \"1s\", hedge = { after = \"500ms\" } }", false),
            ("{ breaker = {} }", false),
            ("{ limit = \"gradient2\" }", false),
        ] {
            assert_eq!(read::<Persistence>(text).is_plain(), plain, "{text}");
        }
    }

    /// Everything at once, as it is written beside other keys.
    #[test]
    fn all_of_it_reads_and_writes_back() {
        let all = read::<Persistence>(
            "{ timeout = \"1s\", deadline = \"5s\", \
             retry = { attempts = \"unlimited\", budget = \"10%\", on = [\"rejected\", \"timeout\"], \
             backoff = { exponential = \"50ms\", factor = 3, cap = \"2s\", jitter = \"equal\" } }, \
             hedge = { percentile = \"95%\", at_least = \"10ms\" }, \
             breaker = { sliding_window_type = \"time\", max_wait_in_half_open = \"9s\" }, \
             limit = { aimd = { initial = 30, max = 100 } } }",
        );
        assert!(all.retry.is_some_and(|retry| retry.budget.is_some()));
    }

    /// Every table has a schema of its own, and says of every key what it is.
    #[test]
    fn everything_is_described() {
        let mut definitions = Definitions::default();
        Persistence::schema(&mut definitions);
        let all = definitions.into_value();
        for (name, own) in all.as_object().expect("definitions by name") {
            assert!(own["description"].is_string(), "{name}");
            for (key, schema) in own["properties"].as_object().into_iter().flatten() {
                assert!(schema["description"].is_string(), "{name}.{key}");
            }
        }
        assert!(
            all["BackoffSpec"]["anyOf"]
                .as_array()
                .is_some_and(|ways| ways.len() == 4)
        );
        assert_eq!(all["RetrySpec"]["properties"]["attempts"]["default"], 3);
    }

    /// Each message points at the place, and at the other one that it is about.
    #[test]
    fn what_does_not_fit_together_is_said() {
        for (text, problem) in [
            (
                "{ timeout = \"0s\" }",
                "1 the timeout must be longer than 0",
            ),
            (
                "{ deadline = \"0s\" }",
                "1 the deadline must be longer than 0",
            ),
            (
                "{ timeout = \"5s\", deadline = \"1s\" }",
                "2 the deadline is shorter than the timeout of one attempt",
            ),
            (
                "{ timeout = \"5s\", retry = { attempts = \"unlimited\" } }",
                "1 unlimited attempts need a deadline, or they would go on for ever",
            ),
            (
                "{ timeout = \"1s\", hedge = { after = \"1s\" } }",
                "2 no copy would be sent before the timeout",
            ),
            (
                "{ deadline = \"1s\", hedge = { percentile = \"95%\", at_least = \"2s\" } }",
                "2 no copy would be sent before the deadline",
            ),
        ] {
            assert_eq!(problems::<Persistence>(text), [problem], "{text}");
        }
        let deadline = "{ timeout = \"1s\", deadline = \"1s\" }";
        assert!(!read::<Persistence>(deadline).is_plain(), "equal is fine");
    }
}
