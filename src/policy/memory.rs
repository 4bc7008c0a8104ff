//! What an instance's memory is used for, and what happens when it is used up.
//!
//! Sources: Heroku's R14 and R15 (swap beyond the quota, killed at twice of it on shared dynos), the kernel's
//! out-of-memory killer for containers (exit code 137), V8's heap limit, which aborts the process. How much slower
//! an instance gets that swaps is not published: 2 to 10 times is inferred.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, number_text};
use crate::units::Bytes;
use crate::{choice, spec};

spec! {
    /// What an instance's memory is used for: `{ limit = "512MiB", base = "80MB", per_request = "1MB" }`.
    pub struct MemorySpec {
        /// How much there is; that of the instance type unless given.
        pub limit: Option<At<Bytes>>,
        /// What each process takes without a request: 50 to 100 MB for Node, 60 to 150 for Python, 150 to 300 for
        /// Rails, 200 to 500 for a JVM.
        pub base: At<Bytes> = At::built_in(Bytes::ZERO),
        /// What each request takes while it is in the instance: 0.1 to 2 MB and its buffered bodies.
        pub per_request: At<Bytes> = At::built_in(Bytes::ZERO),
        /// What each request leaves behind for ever.
        pub leak_per_request: At<Bytes> = At::built_in(Bytes::ZERO),
        /// What each process loses in an hour.
        pub leak_per_hour: At<Bytes> = At::built_in(Bytes::ZERO),
        /// How much each process may take beyond its base before its runtime ends it
        /// (`--max-old-space-size`); there is no such limit unless given.
        pub heap_limit: Option<At<Bytes>>,
        /// What happens when more is used than there is.
        pub over: Over = Over::Kill(Kill {}),
    }
    check(Self::check)
}

choice! {
    /// What happens when more memory is used than there is.
    pub enum Over {
        /// The instance is killed (out of memory, exit code 137), and starts again.
        Kill(Kill) = "kill",
        /// It swaps: everything on its CPUs takes longer, the longer the more is used; in the end it is killed.
        Swap(Swap) = "swap",
    }
}

spec! {
    /// The instance is killed (out of memory, exit code 137), and starts again.
    pub struct Kill {}
}

spec! {
    /// It swaps: everything on its CPUs takes longer, the longer the more is used; in the end it is killed.
    pub struct Swap {
        /// How many times as long work takes just before it is killed; in between in proportion to what is
        /// swapped.
        pub slowdown: At<f64> = At::built_in(10.0),
        /// It is killed when so many times the memory is used that there is (Heroku's R15: 2 on shared dynos).
        pub kill_at: At<f64> = At::built_in(2.0),
    }
    check(Self::check)
}

impl MemorySpec {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let over = |size: &At<Bytes>| self.limit.is_some_and(|limit| size.value > limit.value);
        if over(&self.base) {
            out.push(Diagnostic::error(
                self.base.origin,
                "a process takes more memory than there is before it has done anything",
            ));
        }
        if self.limit.is_some_and(|limit| limit.value == Bytes::ZERO) {
            let origin = self.limit.map_or(Origin::BUILT_IN, |limit| limit.origin);
            out.push(Diagnostic::error(origin, "an instance has some memory"));
        }
    }
}

impl Swap {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        for (number, least) in [(&self.slowdown, 1.0), (&self.kill_at, 1.0)] {
            if !(least..=1000.0).contains(&number.value) {
                let found = number_text(number.value);
                let problem = format!("expected a factor between 1 and 1000, found {found}");
                out.push(Diagnostic::error(number.origin, problem));
            }
        }
    }
}

/// What becomes of an instance that uses this much memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pressure {
    /// It runs, so many times slower than with enough memory.
    Runs(f64),
    /// It is killed.
    Killed,
}

impl Over {
    /// What becomes of an instance that uses `used` of `limit`.
    pub fn pressure(&self, used: f64, limit: f64) -> Pressure {
        if used <= limit {
            return Pressure::Runs(1.0);
        }
        match self {
            Self::Swap(swap) if used < swap.kill_at.value * limit => {
                let share = (used / limit - 1.0) / (swap.kill_at.value - 1.0);
                Pressure::Runs(1.0 + (swap.slowdown.value - 1.0) * share)
            }
            Self::Kill(_) | Self::Swap(_) => Pressure::Killed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_is_swapped_the_slower_until_it_is_killed() {
        let swap = Over::Swap(Swap {
            slowdown: At::built_in(10.0),
            kill_at: At::built_in(2.0),
        });
        let at = |used| swap.pressure(used, 100.0);
        assert_eq!(at(100.0), Pressure::Runs(1.0));
        assert_eq!(at(150.0), Pressure::Runs(5.5));
        assert_eq!(at(200.0), Pressure::Killed);
        assert_eq!(Over::Kill(Kill {}).pressure(100.5, 100.0), Pressure::Killed);
    }
}
