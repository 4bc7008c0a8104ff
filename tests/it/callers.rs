//! Callers who persist: ends that only some of their rules lead to.

use crate::support::{load, run, share};

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

/// A client that gives up while the service that works for it waits before a retry: nobody waits any more.
#[test]
fn a_retry_that_nobody_wants_is_waited_for_no_more() {
    let text = format!(
        "{FRONT}timeout = \"50ms\"
        [components.web]
        kind = \"service\"
        workers = {{ count = 100 }}
        abandoned = \"stop\"
        operations.default.steps = [{{ call = \"outside\", retry = {{ backoff = \"100ms\" }} }}]
        [components.outside]
        kind = \"dependency\"
        latency = \"10ms\"
        errors = \"100%\""
    );
    let findings = run(&load(&text).scenario);
    let caller = &findings.callers[0].name;
    let waiting = findings.column(caller, "in_backoff").expect("a column");
    let last = waiting.values.last().copied().flatten().expect("a window");
    // A hundred per second for 40 ms each.
    assert!((2.0..6.0).contains(&last.value), "{}", last.value);
}

/// What a caller does per second is what it does while requests come, not what follows after the horizon.
#[test]
fn retries_after_the_horizon_are_of_no_second() {
    let text = format!(
        "{FRONT}retry = {{ attempts = 2, backoff = \"8s\" }}
        [components.web]
        kind = \"service\"
        workers = {{ count = 100 }}
        operations.default.steps = [{{ call = \"outside\" }}]
        [components.outside]
        kind = \"dependency\"
        latency = \"10ms\"
        errors = \"100%\""
    );
    let findings = run(&load(&text).scenario);
    let caller = &findings.callers[0];
    let sent = caller.attempts_per_errand.expect("attempts").value;
    // Of those who wait 8 s in a run of 10 s, a fifth tries again within it.
    assert!((1.15..1.25).contains(&sent), "{sent}");
    let all = findings.figures["attempts_per_request"].value;
    assert!((sent - all).abs() < 0.02, "{sent} and {all}");
}

/// A concurrency limit in front of a system with room for all is a loss system: Erlang's B of 10 servers at 10
/// erlangs is 0.2146, at a client and at a service that calls.
#[test]
fn a_concurrency_limit_blocks_as_erlang_says() {
    let text = |client: &str, call: &str| {
        format!(
            "[run]\nhorizon = \"20000s\"\nwarm_up = \"100s\"\nreplications = 4\n\
             [sources.u]\narrivals = \"poisson\"\nrate = \"10/s\"\nenters = \"web\"\n{client}\n\
             [components.web]\nkind = \"service\"\nworkers = {{ count = 1000 }}\n\
             operations.default.steps = [{{ call = \"outside\"{call} }}]\n\
             [components.outside]\nkind = \"dependency\"\nlatency = {{ exponential = \"1s\" }}\n"
        )
    };
    for (client, call) in [("limit = 10", ""), ("", ", limit = 10")] {
        let findings = run(&load(&text(client, call)).scenario);
        let blocked = share(&findings, "concurrency_limit");
        assert!(
            (blocked - 0.2146).abs() < 0.004,
            "{client}{call}: {blocked}"
        );
    }
}

/// Where every call fails, a breaker lets ten through, then none for 10 s, then ten trial calls, and so on: of
/// 10 per second about 10 in 11 s get through.
#[test]
fn a_breaker_keeps_calls_from_what_is_down() {
    let text = "[run]\nhorizon = \"2000s\"\nreplications = 2\n\
        [sources.u]\narrivals = \"poisson\"\nrate = \"10/s\"\nenters = \"web\"\n\
        [components.web]\nkind = \"service\"\nworkers = { count = 1000 }\n\
        operations.default.steps = [{ call = \"outside\", breaker = { minimum_calls = 10, \
        sliding_window_size = 10, wait_in_open = \"10s\", permitted_calls_in_half_open = 10 } }]\n\
        [components.outside]\nkind = \"dependency\"\nlatency = \"1ms\"\nerrors = \"100%\"\n";
    let findings = run(&load(text).scenario);
    let through = share(&findings, "dependency_error");
    assert!((through - 1.0 / 11.0).abs() < 0.01, "{through}");
    assert!((share(&findings, "breaker_open") + through - 1.0).abs() < 1e-9);
}

/// Twice the load that a server can carry, and clients who wait for 300 ms. One that does not begin with those
/// who have left serves as many as it can; one that does serves nearly nobody. Whoever still waits is served,
/// in a line, too. With threads and with a loop.
#[test]
fn what_nobody_waits_for_is_not_begun() {
    for runtime in ["threads", "event_loop"] {
        let served = |abandoned: &str, rate: &str, timeout: &str| {
            let text = format!(
                "[run]\nhorizon = \"200s\"\nreplications = 2\n[sources.u]\narrivals = \"poisson\"\n\
                 rate = \"{rate}\"\ntimeout = \"{timeout}\"\nenters = \"web\"\n[components.web]\nkind = \"service\"\n\
                 backlog = \"unbounded\"\nabandoned = \"{abandoned}\"\n\
                 workers = {{ count = 1, runtime = \"{runtime}\" }}\n\
                 operations.default.steps = [{{ cpu = \"100ms\" }}]\n"
            );
            share(&run(&load(&text).scenario), "served")
        };
        // Who is begun with has waited for nearly 300 ms, too long to be served in time but now and then.
        let (skip, serve) = (
            served("skip", "20/s", "300ms"),
            served("serve", "20/s", "300ms"),
        );
        assert!(skip > 0.07, "{runtime}: {skip}");
        assert!(serve < 0.03, "{runtime}: {serve}");
        let patient = served("skip", "5/s", "60s");
        assert!(patient > 0.999, "{runtime}: {patient}");
    }
}
