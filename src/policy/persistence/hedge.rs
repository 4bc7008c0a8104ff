//! Sending a second copy of a request that has no answer yet, and taking whichever answer comes first
//! (Dean, Barroso, "The Tail at Scale", CACM 2013).
//!
//! The delay is fixed, or a percentile of the response times seen so far. The percentile is taken over all
//! of them, since the start, and anew after every 100; nothing is hedged before there are enough of them.
//! It is exact to the width of a histogram's bucket, 0.8 %.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::stats::Histogram;
use crate::units::{Fraction, SimDuration};
use crate::{leads, spec};

/// The most copies of one request.
const MOST_COPIES: u32 = 10;
/// A percentile is taken anew after so many response times.
const REFRESH: u64 = 100;

leads! {
    /// When to send another copy of a request that has no answer yet.
    pub enum HedgeSpec {
        /// After a fixed time.
        After(HedgeAfter) = "after",
        /// After a time that most requests have been answered within so far.
        Percentile(HedgePercentile) = "percentile",
    }
}

spec! {
    /// Another copy after a fixed time.
    pub struct HedgeAfter {
        /// How long to wait for an answer before each copy.
        pub after: At<SimDuration>,
        /// How many copies besides the first request, at most 10; one after the other.
        pub copies: At<Count> = At::built_in(Count::new(1)),
    }
    check(Self::check)
}

spec! {
    /// Another copy after a time that most requests have been answered within so far.
    pub struct HedgePercentile {
        /// The share of response times that are shorter. Above 0% and below 100%.
        pub percentile: At<Fraction>,
        /// The shortest wait.
        pub at_least: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// With fewer response times nothing is hedged.
        pub min_samples: Count = Count::new(100),
        /// How many copies besides the first request, at most 10; one after the other.
        pub copies: At<Count> = At::built_in(Count::new(1)),
    }
    check(Self::check)
}

fn check_copies(copies: &At<Count>, out: &mut Diagnostics) {
    if copies.get() > MOST_COPIES {
        let problem = format!("at most {MOST_COPIES} copies of a request can be sent");
        out.push(Diagnostic::error(copies.origin, problem));
    }
}

impl HedgeAfter {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_copies(&self.copies, out);
    }
}

impl HedgePercentile {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_copies(&self.copies, out);
        if self.percentile.value == Fraction::ZERO || self.percentile.value == Fraction::ONE {
            let problem = "this percentile must be above 0% and below 100%";
            out.push(Diagnostic::error(self.percentile.origin, problem).help("write 95%, say"));
        }
    }
}

impl HedgeSpec {
    /// The shortest wait that it can come to.
    pub(super) fn shortest(&self) -> At<SimDuration> {
        match self {
            Self::After(own) => own.after,
            Self::Percentile(own) => own.at_least,
        }
    }

    /// The hedging of one caller, having seen nothing.
    pub fn start(&self) -> Hedge {
        match self {
            Self::After(own) => Hedge {
                copies: own.copies.get(),
                rule: Rule::After(own.after.value),
            },
            Self::Percentile(own) => Hedge {
                copies: own.copies.get(),
                rule: Rule::Percentile(Percentile {
                    share: own.percentile.get(),
                    at_least: own.at_least.value,
                    enough: u64::from(own.min_samples.get()),
                    seen: Histogram::default(),
                    next: u64::from(own.min_samples.get()),
                    delay: None,
                }),
            },
        }
    }
}

/// Hedging at work: one for each caller that keeps its own response times.
#[derive(Debug, Clone)]
pub struct Hedge {
    copies: u32,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    After(SimDuration),
    Percentile(Percentile),
}

#[derive(Debug, Clone)]
struct Percentile {
    share: f64,
    at_least: SimDuration,
    enough: u64,
    seen: Histogram,
    /// The delay is computed anew with this many response times.
    next: u64,
    delay: Option<SimDuration>,
}

impl Hedge {
    /// An attempt was answered after this time.
    pub fn observe(&mut self, took: SimDuration) {
        let Rule::Percentile(own) = &mut self.rule else {
            return;
        };
        own.seen.record(took);
        if own.seen.n() >= own.next {
            let delay = own.seen.quantile(own.share);
            own.delay = delay.map(|delay| delay.max(own.at_least));
            own.next = own.seen.n().max(own.enough) + REFRESH;
        }
    }

    /// How long to wait for an answer before the next copy is sent; nothing if none is to be sent.
    pub fn delay(&self) -> Option<SimDuration> {
        match &self.rule {
            Rule::After(after) => Some(*after),
            Rule::Percentile(own) => own.delay,
        }
    }

    /// The wait, if it is always the same.
    pub fn constant(&self) -> Option<SimDuration> {
        match &self.rule {
            Rule::After(after) => Some(*after),
            Rule::Percentile(_) => None,
        }
    }

    /// How many copies of a request may be sent besides the first.
    pub fn copies(&self) -> u32 {
        self.copies
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{problems, read};
    use super::*;

    fn ms(ms: u64) -> SimDuration {
        SimDuration::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_fixed_delay_is_there_from_the_start() {
        let hedge = read::<HedgeSpec>("{ after = \"200ms\", copies = 2 }").start();
        assert_eq!(hedge.delay(), Some(ms(200)));
        assert_eq!((hedge.constant(), hedge.copies()), (Some(ms(200)), 2));
    }

    /// Response times of 1 to 100 ms, each once: the p95 is 95 ms. Then a hundred of 1 s: the p95 of two
    /// hundred is the 190th, 1 s. In between nothing changes.
    #[test]
    fn a_percentile_follows_what_was_seen_in_steps_of_a_hundred() {
        let mut hedge = read::<HedgeSpec>("{ percentile = \"95%\" }").start();
        let near = |found: Option<SimDuration>, wanted: SimDuration| {
            let found = found.expect("enough was seen").as_nanos();
            found.abs_diff(wanted.as_nanos()) <= wanted.as_nanos() / 125
        };
        for n in 1..=100 {
            assert_eq!(
                (hedge.delay(), hedge.constant()),
                (None, None),
                "after {} only",
                n - 1
            );
            hedge.observe(ms(n));
        }
        assert!(near(hedge.delay(), ms(95)));
        for _ in 0..99 {
            hedge.observe(ms(1000));
            assert!(near(hedge.delay(), ms(95)));
        }
        hedge.observe(ms(1000));
        assert!(near(hedge.delay(), ms(1000)));
    }

    #[test]
    fn the_delay_has_a_lower_bound_and_a_minimum_of_samples() {
        let spec = "{ percentile = \"50%\", at_least = \"10ms\", min_samples = 3 }";
        let mut hedge = read::<HedgeSpec>(spec).start();
        hedge.observe(ms(1));
        hedge.observe(ms(1));
        assert_eq!(hedge.delay(), None);
        hedge.observe(ms(1));
        assert_eq!(hedge.delay(), Some(ms(10)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let about = |text: &str| problems::<HedgeSpec>(text).join("; ");
        assert!(about("{ copies = 2 }").contains("does not say what it is"));
        assert!(about("{ after = \"1s\", percentile = \"95%\" }").contains("several things"));
        assert!(about("{ percentile = \"100%\" }").contains("below 100%"));
        assert!(about("{ after = \"1s\", copies = 11 }").contains("at most 10"));
    }
}
