//! How many retries a caller may add to its requests.
//!
//! `token_bucket` is Finagle's `RetryBudget` (over the leaky `TokenBucket` of twitter/util). In whole
//! numbers, as there: a request deposits 1000, a retry takes `1000 / percent`, rounded down, and may do so
//! if the balance covers it. The balance is the sum of deposits less withdrawals over a sliding window of
//! ten slices of `ttl / 10`, plus a reserve that is there at any time: `min_per_second * ttl` retries,
//! `ttl` in whole seconds. So the reserve is not refilled at a rate; what was taken from it comes back when
//! its slice leaves the window. A slice begins with the first event after the last one's end.
//!
//! `concurrent` is Envoy's `retry_budget` without an interval: retries under way are at most
//! `max(min_concurrent, percent * active)`, rounded down, where active requests include retries and those
//! that still wait for a connection.

use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Definitions, Node, Spec as _, Value};
use crate::units::{Fraction, SimDuration, SimTime};
use crate::{choice, spec};

choice! {
    /// How many retries a caller may add to its requests. A plain percentage means: a token bucket with
    /// that percentage.
    pub enum BudgetSpec {
        /// Requests pay in, retries take out.
        TokenBucket(TokenBucket) = "token_bucket",
        /// A share of what is under way may be retries.
        Concurrent(ConcurrentRetries) = "concurrent",
    }
    or(read_percent, schema_of_percent)
}

spec! {
    /// Requests pay in, retries take out, and what is paid in expires (Finagle).
    pub struct TokenBucket {
        /// Retries per request, over and above the reserve.
        pub percent: Fraction = Fraction::percent(20),
        /// How long a payment counts: from 1 s to 60 s.
        pub ttl: At<SimDuration> = At::built_in(SimDuration::from_secs(10)),
        /// Retries per second that need no payment, for callers with few requests. Over `ttl`, as a
        /// total: they may come all at once.
        pub min_per_second: u32 = 10,
    }
    check(Self::check)
}

spec! {
    /// A share of what is under way may be retries (Envoy).
    pub struct ConcurrentRetries {
        /// The share of active requests.
        pub percent: Fraction = Fraction::percent(20),
        /// This many may be under way, however little else is.
        pub min_concurrent: u32 = 3,
    }
}

impl TokenBucket {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let range = SimDuration::from_secs(1)..=SimDuration::from_secs(60);
        if !range.contains(&self.ttl.value) {
            let problem = format!(
                "a payment must count for 1 s to 60 s, found {}",
                self.ttl.value
            );
            out.push(Diagnostic::error(self.ttl.origin, problem));
        }
    }
}

#[expect(
    clippy::option_option,
    reason = "not a shorthand; a shorthand that is wrong; one that is right"
)]
fn read_percent(node: &Node, out: &mut Diagnostics) -> Option<Option<BudgetSpec>> {
    let Value::Text(text) = &node.value else {
        return None;
    };
    // Anything without a digit is a misspelt word.
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let percent = Fraction::read(node, out);
    Some(percent.map(|percent| {
        BudgetSpec::TokenBucket(TokenBucket {
            percent,
            ttl: At::built_in(SimDuration::from_secs(10)),
            min_per_second: 10,
        })
    }))
}

fn schema_of_percent(definitions: &mut Definitions) -> serde_json::Value {
    let mut schema = Fraction::schema(definitions);
    schema["description"] = json!("A token bucket with this percentage.");
    schema
}

impl BudgetSpec {
    /// The budget of one caller, at the start.
    pub fn start(&self) -> Budget {
        Budget(match self {
            Self::TokenBucket(own) => Rule::Tokens(Tokens::new(own)),
            Self::Concurrent(own) => Rule::Concurrent {
                percent: own.percent.get(),
                least: own.min_concurrent,
                under_way: 0,
            },
        })
    }
}

/// A retry budget at work: one for each caller that keeps its own.
#[derive(Debug, Clone)]
pub struct Budget(Rule);

#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a caller has one, and asks it for every request"
)]
enum Rule {
    Tokens(Tokens),
    Concurrent {
        percent: f64,
        least: u32,
        under_way: u32,
    },
}

impl Budget {
    /// A request is sent for the first time. Not to be called for its retries.
    pub fn deposit(&mut self, now: SimTime) {
        if let Rule::Tokens(tokens) = &mut self.0 {
            tokens.window.add(now, tokens.paid_in);
        }
    }

    /// May a retry be sent, and if so, takes it from the budget. `active` is the number of requests of
    /// this caller that are under way at this moment, retries included.
    pub fn withdraw(&mut self, now: SimTime, active: u32) -> bool {
        match &mut self.0 {
            Rule::Tokens(tokens) => {
                let granted = tokens.window.sum(now) + tokens.reserve >= tokens.taken_out;
                if granted {
                    tokens.window.add(now, -tokens.taken_out);
                }
                granted
            }
            Rule::Concurrent {
                percent,
                least,
                under_way,
            } => {
                let share = (*percent * f64::from(active)) as u32;
                let granted = *under_way < share.max(*least);
                *under_way += u32::from(granted);
                granted
            }
        }
    }

    /// A retry that the budget granted is over, however it ended.
    pub fn retry_over(&mut self) {
        if let Rule::Concurrent { under_way, .. } = &mut self.0 {
            *under_way = under_way.saturating_sub(1);
        }
    }
}

#[derive(Debug, Clone)]
struct Tokens {
    window: Window,
    /// By each request.
    paid_in: i128,
    /// By each retry.
    taken_out: i128,
    reserve: i128,
}

impl Tokens {
    fn new(spec: &TokenBucket) -> Self {
        const SCALE: i128 = 1000;
        let percent = spec.percent.get();
        // Without a percentage, everything comes from the reserve.
        let (paid_in, taken_out) = if percent > 0.0 {
            (SCALE, (SCALE as f64 / percent) as i64)
        } else {
            (0, 1)
        };
        let taken_out = i128::from(taken_out);
        let seconds = i128::from(spec.ttl.as_nanos() / 1_000_000_000);
        Self {
            window: Window::new(spec.ttl.value),
            paid_in,
            taken_out,
            reserve: i128::from(spec.min_per_second) * seconds * taken_out,
        }
    }
}

/// How many past slices are kept beside the present one.
const PAST: usize = 9;

/// A sum over the last ten slices of time.
#[derive(Debug, Clone)]
struct Window {
    slice: u64,
    /// When the present slice began.
    since: SimTime,
    present: i128,
    past: [i128; PAST],
    /// The oldest of the past.
    oldest: usize,
}

impl Window {
    fn new(length: SimDuration) -> Self {
        Self {
            slice: length.as_nanos() / (PAST as u64 + 1),
            since: SimTime::ZERO,
            present: 0,
            past: [0; PAST],
            oldest: 0,
        }
    }

    fn move_to(&mut self, now: SimTime) {
        let slices = now.since(self.since).as_nanos() / self.slice;
        if slices == 0 {
            return;
        }
        // The present one becomes the newest of the past; slices in which nothing happened are empty.
        for _ in 0..slices.min(PAST as u64 + 1) {
            self.past[self.oldest] = std::mem::take(&mut self.present);
            self.oldest = (self.oldest + 1) % PAST;
        }
        self.since = now;
    }

    fn add(&mut self, now: SimTime, amount: i128) {
        self.move_to(now);
        self.present += amount;
    }

    fn sum(&mut self, now: SimTime) -> i128 {
        self.move_to(now);
        self.present + self.past.iter().sum::<i128>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{problems, read};
    use super::*;

    fn ms(ms: u64) -> SimTime {
        SimTime::from_nanos(ms * 1_000_000)
    }

    fn bucket(text: &str) -> Budget {
        read::<BudgetSpec>(text).start()
    }

    /// 1000 requests per second for a minute, every attempt fails, and every failure wants a retry: the
    /// load is 1 + b. Without the budget it would be the number of attempts.
    #[test]
    fn under_total_failure_the_load_is_one_plus_the_percentage() {
        for (text, per_thousand) in [("10%", 100), ("20%", 200), ("100%", 1000)] {
            let table =
                format!("{{ token_bucket = {{ percent = \"{text}\", min_per_second = 0 }} }}");
            let mut budget = bucket(&table);
            let mut retries = 0;
            for at in 0..60_000 {
                budget.deposit(ms(at));
                // The request, then its retries, as often as the budget lets it.
                while budget.withdraw(ms(at), 1) {
                    retries += 1;
                }
            }
            assert_eq!(retries, 60 * per_thousand, "{text}");
        }
    }

    /// The reserve of 10/s over 10 s is 100 retries, and all of them may be taken at once. They come back
    /// when the slice in which they were taken has left the window: ten slices of 1 s later.
    #[test]
    fn the_reserve_is_a_total_over_the_window() {
        let mut budget = bucket("\"10%\"");
        let drain = |budget: &mut Budget, at| (0..1000).filter(|_| budget.withdraw(at, 0)).count();
        assert_eq!(drain(&mut budget, ms(500)), 100);
        assert_eq!(drain(&mut budget.clone(), ms(9_999)), 0);
        assert_eq!(drain(&mut budget, ms(10_500)), 100);
        // Thirty requests are worth three more retries.
        (0..30).for_each(|_| budget.deposit(ms(10_600)));
        assert_eq!(drain(&mut budget, ms(10_700)), 3);
        // Without a percentage there is just the reserve; without either, nothing.
        assert_eq!(
            drain(
                &mut bucket("{ token_bucket = { percent = \"0%\" } }"),
                ms(1)
            ),
            100
        );
        let nothing = "{ token_bucket = { percent = \"0%\", min_per_second = 0 } }";
        assert_eq!(drain(&mut bucket(nothing), ms(1)), 0);
        // One and a half seconds count as one, as in Finagle.
        let short = "{ token_bucket = { ttl = \"1500ms\", min_per_second = 7 } }";
        assert_eq!(drain(&mut bucket(short), ms(1)), 7);
    }

    /// Deposits expire slice by slice: five requests in each of the first ten seconds are one retry each;
    /// at 12 s those of the first three seconds are gone.
    #[test]
    fn deposits_expire() {
        let mut budget = bucket("{ token_bucket = { min_per_second = 0 } }");
        for second in 0..10 {
            (0..5).for_each(|_| budget.deposit(ms(1000 * second)));
        }
        let mut late = budget.clone();
        let granted = |budget: &mut Budget, at| (0..99).filter(|_| budget.withdraw(at, 0)).count();
        assert_eq!(granted(&mut budget, ms(9_500)), 10);
        assert_eq!(granted(&mut late, ms(12_000)), 7);
        assert_eq!(granted(&mut late, ms(40_000)), 0);
    }

    /// Envoy: max(3, 20 % of active), so 3 up to 19 active requests and 4 from 20 on.
    #[test]
    fn concurrent_retries_are_a_share_of_what_is_active() {
        let mut budget = bucket("\"concurrent\"");
        let mut take = |active| {
            let granted = (0..99).filter(|_| budget.withdraw(ms(0), active)).count();
            (0..granted).for_each(|_| budget.retry_over());
            granted
        };
        assert_eq!(
            [0, 1, 15, 19, 20, 24, 25, 100].map(&mut take),
            [3, 3, 3, 3, 4, 4, 5, 20]
        );
        let mut budget = bucket("{ concurrent = { percent = \"50%\", min_concurrent = 0 } }");
        assert!(!budget.withdraw(ms(0), 1));
        assert!(budget.withdraw(ms(0), 2) && !budget.withdraw(ms(0), 2));
        budget.retry_over();
        assert!(budget.withdraw(ms(0), 2));
    }

    #[test]
    fn extremes_neither_overflow_nor_pass_unseen() {
        let mut tiny = bucket(
            "{ token_bucket = { percent = \"0.000000000000000001%\", min_per_second = 4294967295, ttl = \"60s\" } }",
        );
        (0..100).for_each(|_| tiny.deposit(SimTime::NEVER));
        assert!(tiny.withdraw(SimTime::NEVER, u32::MAX));
        let about = |text| problems::<BudgetSpec>(text).join("; ");
        assert!(about("{ token_bucket = { ttl = \"0s\" } }").contains("1 s to 60 s"));
        assert!(about("{ token_bucket = { ttl = \"2m\" } }").contains("1 s to 60 s"));
        assert!(about("\"120%\"").contains("between 0% and 100%"));
        assert!(about("\"concurent\"").contains("unknown choice"));
    }
}
