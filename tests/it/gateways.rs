//! Gateways: what they let pass is what it would be without them, and what they hold they give back.

use capsim::experiment::Findings;

use crate::support::{load, run, share};

/// Clients with browsers and a network, retries, and a service that calls another: the same to the bit,
/// whether they come through gateways that let everything pass or not.
#[test]
fn what_passes_is_what_it_would_be_without() {
    let text = |enters: &str, called: &str| {
        format!(
            "[run]
            horizon = \"60s\"
            replications = 2
            [sources.load]
            arrivals = \"poisson\"
            rate = \"50/s\"
            enters = \"{enters}\"
            timeout = \"80ms\"
            retry = {{ attempts = 2 }}
            network = {{ rtt = \"20ms\" }}
            clients = {{ population = 100, browser_cache = {{ keys = \"urls\", max_age = \"5s\" }} }}
            [keys.urls]
            count = 50
            popularity = \"uniform\"
            [components.cdn]
            kind = \"rate_limiter\"
            to = \"edge\"
            limits = [{{ concurrency = {{ max = 1_000_000, key = \"client\" }} }}]
            [components.edge]
            kind = \"rate_limiter\"
            to = \"lb\"
            limits = [{{ concurrency = {{ max = 1_000_000 }} }}]
            [components.inner]
            kind = \"rate_limiter\"
            to = \"api\"
            limits = [{{ concurrency = {{ max = 1_000_000, key = \"address\" }} }}]
            [components.lb]
            policy = \"random\"
            kind = \"balancer\"
            to = \"web\"
            [components.web]
            kind = \"service\"
            count = 2
            workers = {{ count = 3 }}
            abandoned = \"stop\"
            handshake = \"1ms\"
            operations.default.steps = [
                {{ cpu = {{ exponential = \"20ms\" }} }},
                {{ call = \"{called}\" }},
            ]
            operations.default.response = \"40kB\"
            operations.default.not_modified = [{{ cpu = \"1ms\" }}]
            [components.api]
            kind = \"service\"
            count = 2
            workers = {{ count = 2 }}
            operations.default.steps = [{{ cpu = {{ exponential = \"30ms\" }} }}]
            operations.default.not_modified = []"
        )
    };
    let without = run(&load(&text("lb", "api")).scenario);
    let with = run(&load(&text("cdn", "inner")).scenario);
    assert_eq!(without.figures, with.figures);
    assert_eq!(without.outcomes, with.outcomes);
    assert!(
        share(&with, "not_modified") > 0.02 && share(&with, "client_timeout") > 0.0,
        "{:?}",
        with.outcomes
    );
}

/// A service of a hundred workers behind a limit: what is said of the run, of the source, the limit, and the service.
fn limited(runs: &str, source: &str, limit: &str, web: &str) -> Findings {
    let text = format!(
        "[run]
        {runs}
        [sources.load]
        {source}
        enters = \"edge\"
        [components.edge]
        kind = \"rate_limiter\"
        to = \"web\"
        limits = [{{ {limit} }}]
        [components.web]
        kind = \"service\"
        workers = {{ count = 100 }}
        {web}"
    );
    run(&load(&text).scenario)
}

/// A limit of `c` requests in front of a service with as many workers as anybody could want is Erlang's
/// loss system: with Poisson arrivals, the share turned away is his formula B, whatever the law of service.
#[test]
fn a_limit_of_concurrency_loses_what_erlang_says() {
    let (servers, load_offered) = (8, 6.0);
    let b = (1..=servers).fold(1.0, |b, n| {
        load_offered * b / (f64::from(n) + load_offered * b)
    });
    let findings = limited(
        "horizon = \"2h\"\nwarm_up = \"10s\"\nreplications = 4",
        "arrivals = \"poisson\"\nrate = \"60/s\"",
        &format!("concurrency = {{ max = {servers} }}"),
        "operations.default.steps = [{ wait = { lognormal = { mean = \"100ms\", cv = 1 } } }]",
    );
    let lost = share(&findings, "concurrency_limit");
    assert!((lost - b).abs() < 0.003, "{lost} lost, {b} expected");
}

/// A client that leaves is no longer counted by the limit in front, though the service goes on for it.
#[test]
fn whoever_has_left_is_not_counted() {
    // Each holds its place for 150 ms, not for 900: there are never more than two.
    for abandoned in ["serve", "cancel"] {
        let findings = limited(
            "horizon = \"60s\"\nreplications = 2",
            "arrivals = \"regular\"\nrate = \"10/s\"\ntimeout = \"150ms\"",
            "concurrency = { max = 2 }",
            &format!(
                "abandoned = \"{abandoned}\"\noperations.default.steps = [{{ wait = \"900ms\" }}]"
            ),
        );
        assert!(share(&findings, "client_timeout") > 0.999, "{abandoned}");
        assert!(share(&findings, "concurrency_limit") == 0.0, "{abandoned}");
    }
}

/// Clients that are known, but do nothing more than wait for one answer: the limits see who they are, as they
/// do where their requests are errands.
#[test]
fn limits_know_plain_clients_too() {
    let text = |more: &str| {
        format!(
            "[run]
            horizon = \"5m\"
            replications = 2
            [sources.load]
            arrivals = \"poisson\"
            rate = \"40/s\"
            enters = \"edge\"
            timeout = \"700ms\"
            clients = {{ population = 60, per_address = 6, authenticated = \"30%\" }}
            {more}
            [components.edge]
            kind = \"rate_limiter\"
            to = \"lb\"
            limits = [
                {{ limit_req = {{ rate = \"4/s\", burst = 3, delay = 1 }} }},
                {{ limit_conn = {{ max = 3 }} }},
                {{ fixed_window = {{ max = 20, window = \"30s\", key = \"client\" }} }},
            ]
            [components.lb]
            kind = \"balancer\"
            to = \"web\"
            policy = \"random\"
            sticky = \"client\"
            [components.web]
            kind = \"service\"
            count = 4
            workers = {{ count = 4 }}
            operations.default.steps = [{{ wait = {{ exponential = \"200ms\" }} }}]"
        )
    };
    let plain = run(&load(&text("")).scenario);
    let errands = run(&load(&text("patience = \"1h\"")).scenario);
    assert_eq!(plain.outcomes, errands.outcomes);
    assert_eq!(
        plain.figures["latency_mean"],
        errands.figures["latency_mean"]
    );
    for outcome in ["rate_limited", "connection_limit", "client_timeout"] {
        assert!(share(&plain, outcome) > 0.0, "{:?}", plain.outcomes);
    }
}

/// A worker with ten connections proxies five requests at a time.
#[test]
fn a_proxied_request_takes_two_connections() {
    let under = |limit: &str| {
        limited(
            "horizon = \"5m\"\nreplications = 2",
            "arrivals = \"poisson\"\nrate = \"60/s\"",
            limit,
            "operations.default.steps = [{ wait = { exponential = \"100ms\" } }]",
        )
    };
    let slots = under("worker_connections = { max = 5, workers = 2 }");
    let requests = under("concurrency = { max = 5 }");
    let lost = share(&slots, "connection_limit");
    let same = share(&requests, "concurrency_limit");
    assert!(lost > 0.1 && (lost - same).abs() < 1e-12, "{lost}, {same}");
}
