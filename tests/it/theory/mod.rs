//! The simulator against closed forms and exact numerics.
//!
//! Each case of `tests/conformance/queueing` states a model by its parameters and the exact values of its
//! metrics. The parameters are translated into a scenario, family by family, so that a case with other
//! parameters needs no new code; the run is as long as the case asks for its tolerances (up to the limit of the
//! tier, above which the tolerances are widened accordingly, or the case is left to a later tier).
//! A value passes if it is within its tolerance *and* within the limit of significance; a metric for which the
//! simulator has no figure is a failure. What fails is repeated once, with fresh seeds and three times the
//! effort, before it counts.

mod attempts;
mod balancing;
mod caches;
mod callers;
mod closed;
mod figures;
mod harness;
mod impatience;
mod laws;
mod limits;
mod lines;
mod lives;
mod networks;
mod page;
mod retries;
mod staffing;
mod stations;
mod statistics;
mod storms;
mod traces;
mod transients;

macro_rules! families {
    ($($(#[doc = $doc:literal])* $name:ident = $check:expr;)*) => {
        $(
            $(#[doc = $doc])*
            #[test]
            fn $name() {
                twice(|| $check(stringify!($name))).assert();
            }
        )*

        /// Holds one case of a family against the simulator; nothing if nobody knows the family.
        pub(crate) fn check_case(family: &str, case: &serde_json::Value) -> Option<harness::Checked> {
            let check: fn(&str) -> harness::Checked = match family {
                $( stringify!($name) => $check, )*
                _ => return None,
            };
            Some(laws::with_case(case, || twice(|| check(family))))
        }
    };
}

/// Does something, and once more if values were wrong: with fresh seeds and more effort.
fn twice(check: impl Fn() -> harness::Checked) -> harness::Checked {
    let checked = check();
    if checked.is_wrong() {
        harness::again(check)
    } else {
        checked
    }
}

families! {
    /// M/M/1.
    mm1 = stations::check_family;
    /// M/M/c.
    mmc = stations::check_family;
    /// M/M/c/K: waiting places run out.
    mmck = stations::check_family;
    /// M/G/c/c: no waiting place at all; the blocking does not depend on the service law.
    erlang_b = stations::check_family;
    /// M/D/1.
    md1 = stations::check_family;
    /// M/D/c.
    mdc = stations::check_family;
    /// M/G/1 with log-normal, hyperexponential and discrete service.
    mg1 = stations::check_family;
    /// GI/M/c: arrivals that are not Poisson.
    gmc = stations::check_family;
    /// MMPP/M/c: Poisson arrivals whose rate jumps between two levels.
    mmpp = stations::check_family;
    /// `M/E_k/c`, `M/H_2/c`, and several classes in one line.
    mphc = stations::check_family;
    /// M/G/infinity: nobody waits.
    mginf = stations::check_family;
    /// M^X/G/1: several requests at a time.
    batch = stations::check_family;
    /// Processor sharing on one core and on several.
    ps = stations::check_family;
    /// A few workers that share the cores, and a line for them.
    lps = stations::check_family;
    /// Networks without feedback, end to end.
    slo = stations::check_family;
    /// A worker that is held while its request waits for a pooled connection.
    nested = stations::check_family;

    /// Several servers with a line each, and who is sent where.
    load_balancing = balancing::check_family;

    /// What is there at given instants: rates that rise and fall, with any number of workers.
    mt_infinite = transients::check_family;
    /// Rates that jump, and fewer workers than it takes.
    spike = transients::check_family;
    /// Workers that come late, or pause.
    scaling = transients::check_family;
    /// All at once, and nobody after.
    drain = transients::check_family;

    /// The procedures that make figures of what was recorded.
    statistics = statistics::check_family;

    /// Open networks with feedback.
    jackson = networks::check_jackson;
    /// Calls in parallel, without lines.
    fanout = networks::check_parallel;
    /// Lines in parallel, whose last answer counts.
    forkjoin = networks::check_parallel;
    /// Workers that are there only while there is work.
    setup = lives::check_setups;
    /// Instances that fail and are repaired.
    breakdown = lives::check_failures;
    /// Sample paths, to the instant.
    trace = traces::check_family;
    /// How many it takes, and what is cheapest.
    staffing = staffing::check_family;

    /// Users who pause and wait for their answers: M/M/c//N, and two groups over two shared stations.
    closed = closed::check_family;
    /// M/M/c+M: requests that do not wait for a worker longer than an exponential time.
    erlang_a = impatience::check_queue_timeouts;
    /// M/M/c+D, M/M/c+G: other limits of that wait.
    mmc_patience = impatience::check_queue_timeouts;
    /// Clients who give up, with servers that notice and servers that do not.
    deadline = impatience::check_deadlines;
    /// Clients who leave after an exponential time, even in service: a birth-and-death process.
    patience = impatience::check_patience;
    /// Failures that are independent of each other, and retries within retries.
    retry = retries::check_failures;
    /// M/M/c/K with retries of what was turned away.
    retrial = retries::check_rejections;
    /// Timeouts, deadlines, patience and retries together, without any queue.
    attempts = attempts::check_all;
    /// A second copy of what is late.
    hedge = retries::check_hedges;
    /// Retry storms that last, and those that pass.
    metastable = storms::check_family;

    /// Token buckets, a leaky bucket that makes wait, windows.
    rate_limit = limits::check_family;

    /// Caches that replace what was used least recently.
    cache_lru = caches::check_bounded;
    /// Caches that replace what came first, or anything: their hit ratios are the same.
    cache_other = caches::check_bounded;
    /// Times to live, fixed and renewed by hits, in one layer and in two; fills that come late.
    cache_ttl = caches::check_ttl;
    /// Least recently used with a time to live.
    cache_lru_ttl = caches::check_lru_ttl;
    /// A cache behind a cache.
    cache_two_level = caches::check_two_level;
}
