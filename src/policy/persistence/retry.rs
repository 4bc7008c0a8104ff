//! Whether an attempt that went wrong is followed by another.

use super::backoff::{Backoff, BackoffSpec};
use super::budget::BudgetSpec;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::metrics::Group;
use crate::rng::Draw;
use crate::spec::{At, Count, Data, Definitions, Node, Spec, Value};
use crate::units::SimDuration;
use crate::{spec, words};

/// The most attempts that can be counted out; more is "unlimited".
const MOST_ATTEMPTS: u32 = 1000;
/// With unlimited attempts, the shortest wait between them: without one, a request that is refused at once
/// would be repeated for ever at one instant.
const SHORTEST_WAIT: SimDuration = SimDuration::from_nanos(1_000_000);

spec! {
    /// Whether an attempt that went wrong is followed by another, and when.
    pub struct RetrySpec {
        /// How many attempts there are in all, the first one included: at most 1000, or "unlimited", which
        /// needs a deadline.
        pub attempts: At<Attempts> = At::built_in(Attempts::AtMost(Count::new(3))),
        /// How long to wait before each retry. Without it, exponential from 100 ms with full jitter.
        pub backoff: At<BackoffSpec> = At::built_in(BackoffSpec::usual()),
        /// What is retried: what was turned away at a door, full or limited or a breaker open
        /// ("rejected"); what was answered with an error, refused or killed ("failed"); what was not
        /// answered in time ("timeout"). Without it, all three.
        pub on: Vec<At<Trouble>> =
            [Trouble::Rejected, Trouble::Failed, Trouble::Timeout].map(At::built_in).to_vec(),
        /// How many retries there may be in relation to requests, whatever happens. Without it, any number.
        pub budget: Option<BudgetSpec>,
        /// Whether to wait at least as long as the other side asks for (Retry-After).
        pub retry_after: bool = true,
    }
    check(Self::check)
}

words! {
    /// How an attempt can go wrong.
    pub enum Trouble {
        /// Turned away at a door: full, limited, or a circuit breaker is open.
        Rejected = "rejected",
        /// An error for an answer, a connection refused, or killed on the way.
        Failed = "failed",
        /// No answer in time.
        Timeout = "timeout",
    }
}

/// How many attempts there are: a number (`3`), or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempts {
    /// In all, the first one included.
    AtMost(Count),
    /// Until the deadline.
    Unlimited,
}

const UNLIMITED: &str = "unlimited";

impl Spec for Attempts {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        match &node.value {
            Value::Whole(_) => Count::read(node, out).map(Self::AtMost),
            Value::Text(text) if text == UNLIMITED => Some(Self::Unlimited),
            _ => {
                let problem = format!(
                    "expected a number or \"{UNLIMITED}\", found {}",
                    node.describe()
                );
                out.push(
                    Diagnostic::error(node.origin, problem)
                        .label("expected the number of attempts, the first one included"),
                );
                None
            }
        }
    }
    fn write(&self) -> Option<toml::Value> {
        match self {
            Self::AtMost(n) => n.write(),
            Self::Unlimited => Some(toml::Value::String(UNLIMITED.to_owned())),
        }
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        serde_json::json!({ "anyOf": [Count::schema(definitions), { "const": UNLIMITED }] })
    }
}

impl RetrySpec {
    fn check(&self, at: Origin, out: &mut Diagnostics) {
        if let Attempts::AtMost(n) = self.attempts.value
            && n.get() > MOST_ATTEMPTS
        {
            out.push(
                Diagnostic::error(
                    self.attempts.origin,
                    format!("at most {MOST_ATTEMPTS} attempts can be counted out"),
                )
                .help("write \"unlimited\" and a deadline"),
            );
        }
        if self.on.is_empty() {
            out.push(
                Diagnostic::error(at, "nothing is retried")
                    .label("`on` is empty")
                    .help("leave out the whole of `retry` for that"),
            );
        }
        for (i, word) in self.on.iter().enumerate() {
            if let Some(first) = self.on[..i].iter().find(|earlier| *earlier == word) {
                let problem = format!("\"{}\" is listed twice", word.value.word());
                out.push(
                    Diagnostic::error(word.origin, problem).related(first.origin, "here first"),
                );
            }
        }
    }

    /// The checked plan; nothing if there is a problem that only shows now (a data file of a law, a wait
    /// that is too short), which is reported.
    pub fn plan(&self, data: &mut dyn Data, out: &mut Diagnostics) -> Option<Retry> {
        let backoff = self.backoff.plan(data, out)?;
        let attempts = match self.attempts.value {
            Attempts::AtMost(n) => n.get(),
            Attempts::Unlimited => u32::MAX,
        };
        if attempts == u32::MAX && backoff.typical() < SHORTEST_WAIT {
            out.push(
                Diagnostic::error(
                    self.backoff.origin,
                    format!("unlimited attempts need a backoff of at least {SHORTEST_WAIT}"),
                )
                .related(self.attempts.origin, "unlimited attempts"),
            );
            return None;
        }
        Some(Retry {
            attempts,
            backoff,
            on: self.on.iter().map(|word| word.value).collect(),
            budget: self.budget.clone(),
            heeds_retry_after: self.retry_after,
        })
    }
}

/// A checked plan for retries.
#[derive(Debug, Clone)]
pub struct Retry {
    /// The highest number means: unlimited.
    attempts: u32,
    backoff: Backoff,
    on: Vec<Trouble>,
    budget: Option<BudgetSpec>,
    heeds_retry_after: bool,
}

impl Retry {
    /// May an attempt that ended like this be followed by another, `attempts_so_far` having been made, this
    /// one included? (The budget, the deadline and the breaker have their own say.)
    #[inline]
    pub fn may(&self, attempts_so_far: u32, group: Group) -> bool {
        let trouble = match group {
            Group::Served => return false,
            Group::Shed => Trouble::Rejected,
            Group::Failed => Trouble::Failed,
            Group::GivenUp => Trouble::Timeout,
        };
        self.on.contains(&trouble) && (self.attempts == u32::MAX || attempts_so_far < self.attempts)
    }

    /// The wait before retry number `retry` (the first is 1), the previous one having been `previous`.
    /// `retry_after` is what the other side asked for, if it did.
    pub fn wait(
        &self,
        retry: u32,
        previous: SimDuration,
        retry_after: Option<SimDuration>,
        draw: &mut Draw,
    ) -> SimDuration {
        let own = self.backoff.wait(retry, previous, draw);
        match retry_after {
            Some(asked) if self.heeds_retry_after => own.max(asked),
            _ => own,
        }
    }

    /// How long to wait, without what the other side asks for.
    pub fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    /// The budget that every caller keeps, if there is one.
    pub fn budget(&self) -> Option<&BudgetSpec> {
        self.budget.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::super::testing::{NoData, problems, read};
    use super::*;

    fn plan(text: &str) -> Result<Retry, String> {
        let mut out = Diagnostics::default();
        let plan = read::<RetrySpec>(text).plan(&mut NoData, &mut out);
        plan.ok_or_else(|| out.sorted()[0].message.clone())
    }

    fn retry(text: &str) -> Retry {
        plan(text).expect(text)
    }

    #[test]
    fn three_attempts_are_two_retries_of_whatever_went_wrong() {
        let retry = retry("{}");
        for group in [Group::Shed, Group::Failed, Group::GivenUp] {
            let may = [1, 2, 3, 4].map(|so_far| retry.may(so_far, group));
            assert_eq!(may, [true, true, false, false]);
        }
        assert!(!retry.may(1, Group::Served));
        assert!(retry.budget().is_none());
    }

    #[test]
    fn only_what_is_listed_is_retried() {
        let may = |text: &str| {
            let retry = retry(text);
            [Group::Shed, Group::Failed, Group::GivenUp].map(|group| retry.may(1, group))
        };
        assert_eq!(may("{ on = [\"rejected\"] }"), [true, false, false]);
        assert_eq!(
            may("{ on = [\"timeout\", \"failed\"] }"),
            [false, true, true]
        );
        let unlimited = retry("{ attempts = \"unlimited\", on = [\"failed\"] }");
        assert!(unlimited.may(u32::MAX, Group::Failed) && !unlimited.may(1, Group::Shed));
        assert!(!retry("{ attempts = 1 }").may(1, Group::Failed));
    }

    #[test]
    fn what_the_other_side_asks_for_is_a_lower_bound() {
        let wait = |text: &str, asked: u64| {
            let mut draw = Draw::seed_from_u64(1);
            let asked = Some(SimDuration::from_secs(asked));
            let previous = SimDuration::ZERO;
            retry(text).wait(1, previous, asked, &mut draw).as_nanos() / 1_000_000_000
        };
        assert_eq!(wait("{ backoff = \"2s\" }", 5), 5);
        assert_eq!(wait("{ backoff = \"2s\" }", 1), 2);
        assert_eq!(wait("{ backoff = \"2s\", retry_after = false }", 5), 2);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let about = |text: &str| problems::<RetrySpec>(text).join("; ");
        assert_eq!(
            about("{ on = [\"failed\", \"timeout\", \"failed\"] }"),
            "2 \"failed\" is listed twice"
        );
        assert!(about("{ on = [] }").contains("nothing is retried"));
        assert!(about("{ attempts = 0 }").contains("at least 1"));
        assert!(about("{ attempts = 1001 }").contains("at most 1000"));
        assert!(about("{ attempts = \"many\" }").contains("or \"unlimited\""));
        for backoff in [
            "\"0s\"",
            "{ law = { exponential = \"10us\" } }",
            "{ exponential = \"1ns\" }",
        ] {
            let text = format!("{{ attempts = \"unlimited\", backoff = {backoff} }}");
            assert!(
                plan(&text).is_err_and(|problem| problem.contains("at least 1 ms")),
                "{backoff}"
            );
        }
    }
}
