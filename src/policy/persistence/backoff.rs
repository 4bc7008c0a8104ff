//! How long to wait before a retry.
//!
//! The jitters are those of Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). With
//! `v = min(cap, base * factor^(k - 1))` before retry `k`:
//!
//! ```text
//! none          v
//! full          U(0, v)
//! equal         v/2 + U(0, v/2)
//! decorrelated  min(cap, U(base, 3 * previous wait)), the wait before the first one being base
//! ```
//!
//! There the factor is 2 and the first retry draws from up to `base`.

use rand::Rng as _;
use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::{Law, Sampler};
use crate::math;
use crate::rng::Draw;
use crate::spec::{At, Data, Definitions, Node, Spec as _, Value, number_text};
use crate::units::SimDuration;
use crate::{leads, spec, words};

leads! {
    /// How long to wait before a retry. A plain duration means: always this.
    pub enum BackoffSpec {
        /// Always the same.
        Fixed(FixedBackoff) = "fixed",
        /// Longer and longer.
        Exponential(ExponentialBackoff) = "exponential",
        /// Drawn from a law, the same one before every retry.
        Law(LawBackoff) = "law",
    }
    or(read_fixed, schema_of_fixed)
}

spec! {
    /// A wait that is always the same.
    pub struct FixedBackoff {
        /// The wait. None at all means: retry at once.
        pub fixed: At<SimDuration>,
    }
}

spec! {
    /// A wait that grows from retry to retry.
    pub struct ExponentialBackoff {
        /// The wait before the first retry, before jitter.
        pub exponential: At<SimDuration>,
        /// By how much it grows from one retry to the next, from 1 to 100.
        pub factor: At<f64> = At::built_in(2.0),
        /// The longest wait.
        pub cap: At<SimDuration> = At::built_in(SimDuration::from_secs(20)),
        /// How it is spread, so that those who failed together do not come back together: not at all
        /// ("none"); evenly between nothing and the wait ("full"); evenly between half of the wait and all
        /// of it ("equal"); evenly between the first wait and three times the previous one, at most the cap,
        /// whatever the factor ("decorrelated").
        pub jitter: Jitter = Jitter::Full,
    }
    check(Self::check)
}

spec! {
    /// A wait that is drawn from a law.
    pub struct LawBackoff {
        /// The law.
        pub law: Law,
    }
}

words! {
    /// How a wait is spread.
    pub enum Jitter {
        /// Not at all.
        None = "none",
        /// Evenly between nothing and the wait.
        Full = "full",
        /// Evenly between half of the wait and all of it.
        Equal = "equal",
        /// Evenly between the first wait and three times the previous one, at most the cap; the factor
        /// plays no part.
        Decorrelated = "decorrelated",
    }
}

impl BackoffSpec {
    /// Full jitter from 100 ms, doubling, up to 20 s.
    pub(super) const fn usual() -> Self {
        Self::Exponential(ExponentialBackoff {
            exponential: At::built_in(SimDuration::from_nanos(100_000_000)),
            factor: At::built_in(2.0),
            cap: At::built_in(SimDuration::from_secs(20)),
            jitter: Jitter::Full,
        })
    }

    /// The checked rule; nothing if a law needs a data file that is not there or not right, which is
    /// reported.
    pub fn plan(&self, data: &mut dyn Data, out: &mut Diagnostics) -> Option<Backoff> {
        Some(Backoff(match self {
            Self::Fixed(own) => Rule::Fixed(own.fixed.value),
            Self::Exponential(own) => Rule::Exponential {
                base: own.exponential.value,
                factor: own.factor.value,
                cap: own.cap.value,
                jitter: own.jitter,
            },
            Self::Law(own) => match &own.law {
                Law::Constant(constant) => Rule::Fixed(constant.0.value),
                law => Rule::Law(law.sampler(data, out)?),
            },
        }))
    }
}

impl ExponentialBackoff {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.exponential.value == SimDuration::ZERO {
            let problem = "the first wait must be longer than 0";
            out.push(
                Diagnostic::error(self.exponential.origin, problem)
                    .help("to retry at once, write { fixed = \"0s\" }"),
            );
        }
        if !(1.0..=100.0).contains(&self.factor.value) {
            let found = number_text(self.factor.value);
            let problem = format!("the factor must be between 1 and 100, found {found}");
            out.push(Diagnostic::error(self.factor.origin, problem));
        }
        if self.cap.value < self.exponential.value {
            let (first, cap) = (self.exponential.value, self.cap.value);
            let at = if self.cap.origin.is_built_in() {
                self.exponential.origin
            } else {
                self.cap.origin
            };
            out.push(
                Diagnostic::error(at, "the longest wait is below the first one")
                    .label(format!("the longest wait is {cap}"))
                    .related(
                        self.exponential.origin,
                        format!("the first wait is {first}"),
                    )
                    .help("write `cap` with at least the first wait"),
            );
        }
    }
}

#[expect(
    clippy::option_option,
    reason = "not a shorthand; a shorthand that is wrong; one that is right"
)]
fn read_fixed(node: &Node, out: &mut Diagnostics) -> Option<Option<BackoffSpec>> {
    if !matches!(node.value, Value::Text(_)) {
        return None;
    }
    let span = At::<SimDuration>::read(node, out);
    Some(span.map(|fixed| BackoffSpec::Fixed(FixedBackoff { fixed })))
}

fn schema_of_fixed(definitions: &mut Definitions) -> serde_json::Value {
    let mut schema = SimDuration::schema(definitions);
    schema["description"] = json!("Always this duration.");
    schema
}

/// How long to wait before each retry.
#[derive(Debug, Clone)]
pub struct Backoff(Rule);

#[derive(Debug, Clone)]
enum Rule {
    Fixed(SimDuration),
    Exponential {
        base: SimDuration,
        factor: f64,
        cap: SimDuration,
        jitter: Jitter,
    },
    Law(Sampler),
}

impl Backoff {
    /// The wait before retry number `retry` (the first is 1) of a request whose previous wait was
    /// `previous`, which counts from the second retry on. `draw` is used where there is chance.
    pub fn wait(&self, retry: u32, previous: SimDuration, draw: &mut Draw) -> SimDuration {
        match &self.0 {
            Rule::Fixed(wait) => *wait,
            Rule::Law(law) => law.sample(draw),
            Rule::Exponential {
                base,
                factor,
                cap,
                jitter,
            } => {
                let grown = || grown(*base, *factor, *cap, retry);
                match jitter {
                    Jitter::None => grown(),
                    Jitter::Full => between(SimDuration::ZERO, grown(), draw),
                    Jitter::Equal => {
                        let wait = grown();
                        between(SimDuration::from_nanos(wait.as_nanos() / 2), wait, draw)
                    }
                    Jitter::Decorrelated => {
                        let previous = if retry <= 1 {
                            *base
                        } else {
                            previous.max(*base)
                        };
                        let high = SimDuration::from_nanos(previous.as_nanos().saturating_mul(3));
                        between(*base, high, draw).min(*cap)
                    }
                }
            }
        }
    }

    /// The wait, if it is the same before every retry.
    pub fn constant(&self) -> Option<SimDuration> {
        match &self.0 {
            Rule::Fixed(wait) => Some(*wait),
            Rule::Exponential {
                base,
                factor,
                cap,
                jitter: Jitter::None,
            } => (*factor <= 1.0 || base == cap).then_some(*base),
            Rule::Exponential { .. } | Rule::Law(_) => None,
        }
    }

    /// A wait as it is early on, before jitter: what a retry can be expected to take at least.
    pub(super) fn typical(&self) -> SimDuration {
        match &self.0 {
            Rule::Fixed(wait) => *wait,
            Rule::Exponential { base, .. } => *base,
            Rule::Law(law) => law.mean(),
        }
    }
}

/// `min(cap, base * factor^(retry - 1))`.
fn grown(base: SimDuration, factor: f64, cap: SimDuration, retry: u32) -> SimDuration {
    let power = math::powf(factor, f64::from(retry.saturating_sub(1)));
    let nanos = base.as_nanos() as f64 * power;
    if nanos >= cap.as_nanos() as f64 {
        cap
    } else {
        SimDuration::from_nanos_f64(nanos)
    }
}

/// A whole number of nanoseconds from `low` to `high`, both included; `low` if `high` is below it.
fn between(low: SimDuration, high: SimDuration, draw: &mut Draw) -> SimDuration {
    let n = u128::from((high - low).as_nanos()) + 1;
    let above = (u128::from(draw.next_u64()) * n) >> 64;
    low + SimDuration::from_nanos(above as u64)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::super::testing::{NoData, problems, read};
    use super::*;

    fn backoff(text: &str) -> Backoff {
        read::<BackoffSpec>(text)
            .plan(&mut NoData, &mut Diagnostics::default())
            .expect("no file is needed")
    }

    fn ms(ms: u64) -> SimDuration {
        SimDuration::from_nanos(ms * 1_000_000)
    }

    fn waits(backoff: &Backoff, n: u32, seed: u64) -> Vec<SimDuration> {
        let mut previous = SimDuration::ZERO;
        let draws = (1..=n).map(|retry| {
            let mut draw = Draw::seed_from_u64(seed ^ (u64::from(retry) << 40));
            previous = backoff.wait(retry, previous, &mut draw);
            previous
        });
        draws.collect()
    }

    #[test]
    fn without_jitter_it_doubles_up_to_the_cap() {
        let spec = "{ exponential = \"200ms\", cap = \"1s\", jitter = \"none\" }";
        let expected = [200, 400, 800, 1000, 1000].map(ms);
        assert_eq!(waits(&backoff(spec), 5, 1), expected);
        let triple = "{ exponential = \"10ms\", factor = 1.5, cap = \"20s\", jitter = \"none\" }";
        assert_eq!(
            waits(&backoff(triple), 4, 1).last(),
            Some(&SimDuration::from_nanos(33_750_000)),
            "10 * 1.5^3"
        );
    }

    /// Bounds, and that they are reached: of 4000 draws, the extremes lie within a percent of the range.
    #[test]
    fn jitter_fills_its_range() {
        for (jitter, low, high) in [
            ("full", 0, 400),
            ("equal", 200, 400),
            ("decorrelated", 100, 300),
        ] {
            let text = format!("{{ exponential = \"100ms\", jitter = \"{jitter}\" }}");
            let (backoff, retry) = (backoff(&text), if jitter == "decorrelated" { 1 } else { 3 });
            let draws: Vec<_> = (0..4000)
                .map(|seed| backoff.wait(retry, ms(77), &mut Draw::seed_from_u64(seed)))
                .collect();
            let (least, most) = (draws.iter().min(), draws.iter().max());
            let slack = ms((high - low) / 100);
            assert!(
                least >= Some(&ms(low)) && least <= Some(&(ms(low) + slack)),
                "{jitter}"
            );
            assert!(
                most <= Some(&ms(high)) && most >= Some(&(ms(high) - slack)),
                "{jitter}"
            );
            let mean = draws.iter().map(|d| d.as_nanos()).sum::<u64>() / 4000;
            let expected = ms(low + high).as_nanos() / 2;
            assert!(
                mean.abs_diff(expected) < ms(high - low).as_nanos() / 50,
                "{jitter}: {mean}"
            );
        }
    }

    /// Each wait lies between the base and three times its predecessor, and below the cap; and most series
    /// grow, for the mean logarithm of U(0, 3) is ln 3 - 1, above 0.
    #[test]
    fn decorrelated_waits_follow_from_one_another() {
        let backoff =
            backoff("{ exponential = \"10ms\", cap = \"3s\", jitter = \"decorrelated\" }");
        let mut n_grown = 0;
        for seed in 0..200 {
            let waits = waits(&backoff, 30, seed);
            assert!(waits[0] <= ms(30));
            for pair in waits.windows(2) {
                let high = SimDuration::from_nanos(3 * pair[0].as_nanos()).min(ms(3000));
                assert!(ms(10) <= pair[1] && pair[1] <= high);
            }
            n_grown += usize::from(waits.iter().max() > Some(&ms(100)));
        }
        assert!(n_grown > 190, "{n_grown} of 200");
    }

    #[test]
    fn the_longest_durations_and_the_latest_retries_are_waited_for() {
        let most = SimDuration::from_nanos(i64::MAX as u64);
        let longest = most.to_text();
        for jitter in Jitter::WORDS {
            let text = format!(
                "{{ exponential = \"{longest}\", factor = 100, cap = \"{longest}\", jitter = \"{jitter}\" }}"
            );
            let backoff = backoff(&text);
            for retry in [0, 1, 2, u32::MAX] {
                let wait = backoff.wait(retry, SimDuration::MAX, &mut Draw::seed_from_u64(3));
                assert!(wait <= most, "{jitter} {retry}");
            }
        }
    }

    #[test]
    fn who_is_constant() {
        let constant = |text| backoff(text).constant();
        assert_eq!(constant("\"200ms\""), Some(ms(200)));
        assert_eq!(constant("{ fixed = \"0s\" }"), Some(SimDuration::ZERO));
        assert_eq!(constant("{ law = \"7ms\" }"), Some(ms(7)));
        assert_eq!(constant("{ law = { exponential = \"7ms\" } }"), None);
        assert_eq!(constant("{ exponential = \"7ms\" }"), None);
        let flat = "{ exponential = \"7ms\", factor = 1, jitter = \"none\" }";
        assert_eq!(constant(flat), Some(ms(7)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let about = |text| problems::<BackoffSpec>(text).join("; ");
        assert!(about("{ exponential = \"0s\" }").contains("longer than 0"));
        assert!(about("{ exponential = \"1s\", factor = 0.5 }").contains("between 1 and 100"));
        assert!(about("{ exponential = \"30s\" }").contains("below the first"));
        assert!(about("{ exponential = \"1s\", fixed = \"1s\" }").contains("several things"));
        assert!(about("\"soon\"").contains("not a duration"));
    }
}
