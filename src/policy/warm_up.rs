//! How much slower a process is that has just started.
//!
//! A runtime that compiles as it goes takes `1 + (factor - 1) exp(-n / requests)` times as long for the request
//! after the `n`th; one that only has to load its code is slow for the first few. The figures of the reference
//! are assumed: a JVM 3 to 10 over 2,000 to 10,000 requests, Node 1.5 to 3 over 200 to 1,000.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::math;
use crate::spec;
use crate::spec::{At, number_text};

spec! {
    /// How much slower a process is that has just started: `{ factor = 5, requests = 5000 }`.
    pub struct WarmUp {
        /// How many times as long the first request takes on the CPU.
        pub factor: At<f64>,
        /// After so many requests the excess has fallen to a third (1/e).
        pub requests: At<f64>,
        /// Each of the first few requests takes at least `first_factor` times as long: code is loaded. How many.
        pub first: At<u32> = At::built_in(0),
        /// How many times as long they take.
        pub first_factor: At<f64> = At::built_in(10.0),
    }
    check(Self::check)
}

impl WarmUp {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        for (number, range) in [
            (&self.factor, 1.0..=1000.0),
            (&self.requests, 1.0..=1e9),
            (&self.first_factor, 1.0..=1000.0),
        ] {
            if !range.contains(&number.value) {
                let problem = format!(
                    "expected a number between {} and {}, found {}",
                    number_text(*range.start()),
                    number_text(*range.end()),
                    number_text(number.value)
                );
                out.push(Diagnostic::error(number.origin, problem));
            }
        }
    }

    /// How many times as long a request takes in a process that has had `n` before it.
    pub fn multiplier(&self, n: u64) -> f64 {
        let compiled =
            1.0 + (self.factor.value - 1.0) * math::exp(-(n as f64) / self.requests.value);
        if n < u64::from(self.first.value) {
            compiled.max(self.first_factor.value)
        } else {
            compiled
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_excess_falls_to_a_third() {
        let warm_up = WarmUp {
            factor: At::built_in(5.0),
            requests: At::built_in(1000.0),
            first: At::built_in(3),
            first_factor: At::built_in(10.0),
        };
        assert!((warm_up.multiplier(0) - 10.0).abs() < 1e-12);
        let excess = (warm_up.multiplier(1000) - 1.0) / 4.0;
        assert!((excess - math::exp(-1.0)).abs() < 1e-12);
        assert!(warm_up.multiplier(100_000) < 1.0 + 1e-12);
    }
}
