//! The simulator against closed forms and exact numerics.
//!
//! Each case of `tests/conformance/queueing` states a model by its parameters and the exact values of its
//! metrics. The parameters are translated into a scenario, family by family; the run is as long as the
//! case asks for its tolerances (up to a limit, above which the tolerances are widened accordingly).
//! A value passes if it is within its tolerance *and* within the limit of significance. How many values
//! each family compares is stated here, so that none is left out unnoticed.

mod attempts;
mod caches;
mod callers;
mod closed;
mod harness;
mod impatience;
mod laws;
mod limits;
mod lines;
mod retries;
mod stations;
mod storms;

macro_rules! families {
    ($($(#[doc = $doc:literal])* $name:ident: $n:literal = $check:expr;)*) => {
        $(
            $(#[doc = $doc])*
            #[test]
            fn $name() {
                $check(stringify!($name)).assert($n);
            }
        )*

        /// Holds one case of a family against the simulator; says what is wrong.
        pub(crate) fn check_case(family: &str, case: &serde_json::Value) -> Result<(), String> {
            let check: fn(&str) -> harness::Checked = match family {
                $( stringify!($name) => $check, )*
                _ => return Err(format!("nothing checks the family `{family}`")),
            };
            laws::with_case(case, || check(family).verdict())
        }
    };
}

families! {
    /// M/M/1.
    mm1: 22 = stations::check_family;
    /// M/M/c.
    mmc: 33 = stations::check_family;
    /// M/M/c/K: waiting places run out.
    mmck: 39 = stations::check_family;
    /// M/G/c/c: no waiting place at all; the blocking does not depend on the service law.
    erlang_b: 12 = stations::check_family;
    /// M/D/1.
    md1: 33 = stations::check_family;
    /// M/D/c.
    mdc: 33 = stations::check_family;
    /// M/G/1 with log-normal, hyperexponential and discrete service.
    mg1: 55 = stations::check_family;
    /// GI/M/c: arrivals that are not Poisson.
    gmc: 44 = stations::check_family;
    /// MMPP/M/c: Poisson arrivals whose rate jumps between two levels.
    mmpp: 22 = stations::check_family;
    /// M^X/G/1: several requests at a time.
    batch: 22 = stations::check_family;
    /// Processor sharing on one core and on several.
    ps: 31 = stations::check_family;
    /// Stations in tandem.
    slo: 8 = stations::check_family;
    /// A worker that is held while its request waits for a pooled connection.
    nested: 9 = stations::check_family;

    /// Users who pause and wait for their answers: M/M/c//N, and two groups over two shared stations.
    closed: 102 = closed::check_family;
    /// M/M/c+M: requests that do not wait for a worker longer than an exponential time.
    erlang_a: 32 = impatience::check_queue_timeouts;
    /// M/M/c+D, M/M/c+G: other limits of that wait.
    mmc_patience: 86 = impatience::check_queue_timeouts;
    /// Clients who give up, with servers that notice and servers that do not.
    deadline: 36 = impatience::check_deadlines;
    /// Clients who leave after an exponential time, even in service: a birth-and-death process.
    patience: 10 = impatience::check_patience;
    /// Failures that are independent of each other, and retries within retries.
    retry: 10 = retries::check_failures;
    /// M/M/c/K with retries of what was turned away.
    retrial: 26 = retries::check_rejections;
    /// Timeouts, deadlines, patience and retries together, without any queue.
    attempts: 159 = attempts::check_all;
    /// A second copy of what is late.
    hedge: 12 = retries::check_hedges;
    /// Retry storms that last, and those that pass.
    metastable: 15 = storms::check_family;

    /// Token buckets, a leaky bucket that makes wait, windows.
    rate_limit: 19 = limits::check_family;

    /// Caches that replace what was used least recently.
    cache_lru: 8 = caches::check_bounded;
    /// Caches that replace what came first, or anything: their hit ratios are the same.
    cache_other: 2 = caches::check_bounded;
    /// Times to live, fixed and renewed by hits, in one layer and in two; fills that come late.
    cache_ttl: 13 = caches::check_ttl;
    /// Least recently used with a time to live.
    cache_lru_ttl: 2 = caches::check_lru_ttl;
    /// A cache behind a cache.
    cache_two_level: 3 = caches::check_two_level;
}
