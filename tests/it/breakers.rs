//! Balancers with ceilings on what is under way, retries that wait, and an end to patience, in whole systems.

use capsim::experiment::Findings;

use crate::support::{load, run};

/// A balancer with these rules in front of four servers.
fn findings((rate, policy): (u32, &str), rules: &str, services: &str) -> Findings {
    let text = format!(
        "[run]\nhorizon = \"2m\"\nreplications = 4\n\
         [sources.load]\narrivals = \"poisson\"\nrate = \"{rate}/s\"\nenters = \"lb\"\n\
         [components.lb]\nkind = \"balancer\"\nto = \"web\"\npolicy = \"{policy}\"\n{rules}\n\
         [components.web]\nkind = \"service\"\ncount = 4\nworkers = {{ count = 500 }}\n{services}"
    );
    run(&load(&text).scenario)
}

fn share(findings: &Findings, outcome: &str) -> f64 {
    let own = findings.outcomes.iter().find(|own| own.name == outcome);
    own.map_or(0.0, |own| own.share.value)
}

/// The chance that an arrival finds `places` full in an M/M/c/K queue.
fn loss(erlangs: f64, servers: u32, places: u32) -> f64 {
    let mut weights = vec![1.0];
    for n in 1..=places {
        let last = weights.last().copied().unwrap_or(1.0);
        weights.push(last * erlangs / f64::from(n.min(servers)));
    }
    weights.last().copied().unwrap_or(0.0) / weights.iter().sum::<f64>()
}

/// Connections are the servers of an M/M/c/K queue, and pending requests its waiting room, whichever server each
/// goes to.
#[test]
fn connections_and_pending_requests_are_a_loss_system() {
    let wait = "operations.default.steps = [{ wait = { exponential = \"200ms\" } }]";
    for (policy, pending) in [("random", 0), ("least_request", 5), ("round_robin", 20)] {
        let rules = format!(
            "circuit_breakers = {{ max_connections = 10, max_pending_requests = {pending} }}"
        );
        let lost = share(&findings((50, policy), &rules, wait), "shed");
        let expected = loss(10.0, 10, 10 + pending);
        assert!(
            (lost - expected).abs() < 0.02,
            "{policy}: {lost}, not {expected}"
        );
    }
    // Those who wait for the server of their client count like any other.
    let known = format!("{wait}\n[sources.load.clients]\npopulation = 1000\n");
    let rules = "sticky = \"client\"\n\
                 circuit_breakers = { max_connections = 10, max_pending_requests = 5 }";
    let lost = share(&findings((50, "random"), rules, &known), "shed");
    assert!((lost - loss(10.0, 10, 15)).abs() < 0.02, "{lost}");
    // Fewer requests than connections.
    let rules = "circuit_breakers = { max_requests = 8, max_pending_requests = 0 }";
    let lost = share(&findings((50, "random"), rules, wait), "shed");
    assert!((lost - loss(10.0, 8, 8)).abs() < 0.02, "{lost}");
}

/// One request at a time may be under way, retries included: a server that has room for one never refuses another.
#[test]
fn retries_count_as_requests() {
    let text = "[run]\nhorizon = \"2m\"\nreplications = 1\n\
                [sources.load]\narrivals = \"poisson\"\nrate = \"5/s\"\nenters = \"lb\"\n\
                [components.lb]\nkind = \"balancer\"\nto = \"web\"\npolicy = \"random\"\n\
                next_upstream = { on = [\"http_500\"], tries = 2, anywhere = true, backoff = \"200ms\" }\n\
                circuit_breakers = { max_requests = 1, max_retries = 1000 }\n\
                [components.web]\nkind = \"service\"\nworkers = { count = 1 }\nbacklog = 0\n";
    let findings = run(&load(&format!("{text}{HALF}")).scenario);
    assert!(share(&findings, "shed") > 0.1);
    let refused = share(&findings, "queue_full");
    assert!(refused < 1e-9, "{refused}");
}

/// Half of the answers of every server are errors, after 100 ms.
const HALF: &str = "operations.default.steps = [{ call = \"disk\" }]\n\
                    [components.disk]\nkind = \"dependency\"\nlatency = \"100ms\"\nerrors = \"50%\"\n";

/// A second try anywhere leaves a quarter of the requests with an error; a ceiling of three retries at a time lets
/// 30 per second of the 100 that are wanted happen; a budget of 20 % allows about a sixth of what is under way.
#[test]
fn retries_have_a_ceiling() {
    let again = "next_upstream = { on = [\"http_500\"], tries = 2, anywhere = true }";
    let failed = |breakers: &str| {
        let rules = format!("{again}\n{breakers}");
        share(&findings((200, "random"), &rules, HALF), "dependency_error")
    };
    let free = failed("");
    assert!((free - 0.25).abs() < 0.01, "{free}");
    // A loss system with ten erlangs and three places.
    let three = failed("circuit_breakers = { max_retries = 3 }");
    let made = 1.0 - loss(10.0, 3, 3);
    assert!((three - (0.5 - 0.25 * made)).abs() < 0.01, "{three}");
    let none = failed("circuit_breakers = { max_retries = 0 }");
    assert!((none - 0.5).abs() < 0.01, "{none}");
    let budget = failed("circuit_breakers = { retry_budget = { budget_percent = \"20%\" } }");
    assert!((0.30..0.45).contains(&budget) && budget < three, "{budget}");
}

/// A retry waits: with a base of 2 s for a second on average before the first, three before the second.
#[test]
fn retries_wait() {
    let mean = |rules: &str| {
        let rules =
            format!("next_upstream = {{ on = [\"http_500\"], tries = 3, anywhere = true{rules} }}");
        let own = findings((20, "random"), &rules, HALF);
        own.figures["latency_mean"].value
    };
    let (at_once, later) = (mean(""), mean(", backoff = \"2s\""));
    let expected = 0.5 * 1.0 + 0.25 * 3.0;
    assert!(
        (later - at_once - expected).abs() < 0.05,
        "{at_once} {later}"
    );
}

/// Tries of 2 s each of a server that needs 60 are cut off after 5 s in all, in the middle of the third, or while
/// the request waits for it.
#[test]
fn all_tries_together_take_only_so_long() {
    let slow = "operations.default.steps = [{ wait = \"60s\" }]";
    for wait in ["", ", backoff = \"1500ms\""] {
        let rules = format!(
            "read_timeout = \"2s\"\ntotal_timeout = \"5s\"\n\
             next_upstream = {{ on = [\"timeout\"], tries = 10, anywhere = true{wait} }}"
        );
        let own = findings((5, "round_robin"), &rules, slow);
        assert!(share(&own, "backend_timeout") > 0.999_999);
        let (p50, p99) = (&own.figures["latency_p50"], &own.figures["latency_p99"]);
        let is_five = |secs: f64| (4.9..5.1).contains(&secs);
        assert!(
            is_five(p50.value) && is_five(p99.value),
            "{wait}: {} {}",
            p50.value,
            p99.value
        );
    }
}

/// Two requests at a time to one server, and what becomes of them within 5 s.
fn pairs(rules: &str, web: &str) -> Findings {
    let text = format!(
        "[run]\nhorizon = \"5m\"\ndrain = \"2m\"\nreplications = 1\n\
         [sources.load]\nrate = \"0.1/s\"\nenters = \"lb\"\n\
         arrivals = {{ batches = {{ every = \"20s\" }} }}\n\
         [components.lb]\nkind = \"balancer\"\npolicy = \"round_robin\"\nto = \"web\"\n\
         total_timeout = \"5s\"\n{rules}\n\
         [components.web]\nkind = \"service\"\n{web}\n"
    );
    run(&load(&text).scenario)
}

/// Of two requests one waits for 4 s until the other is answered, and would be answered after 8: whether it waits for
/// a connection of the balancer's, or asks for one that the server's kernel does not take, or looks for a server.
/// Its 5 s begin when it comes, and begin once.
#[test]
fn waiting_counts_as_part_of_the_time_in_all() {
    let slow = "operations.default.steps = [{ wait = \"4s\" }]";
    let one = "workers = { count = 1 }\nbacklog = 0\nwhen_full = \"drop\"";
    for (rules, web) in [
        (
            "circuit_breakers = { max_connections = 1 }",
            "workers = { count = 9 }",
        ),
        ("", one),
        ("max_conns = 1\nqueue = {}", "workers = { count = 9 }"),
        (
            "max_conns = 1\nwait_for_server = \"75s\"",
            "workers = { count = 9 }",
        ),
    ] {
        let own = pairs(rules, &format!("{web}\n{slow}"));
        let late = share(&own, "backend_timeout");
        assert!((late - 0.5).abs() < 1e-9, "{rules}: {late}");
        let p99 = own.figures["latency_p99"].value;
        assert!((4.9..5.1).contains(&p99), "{rules}: {p99}");
    }
}

/// Whoever waits still when the time is over has waited in vain, wherever that is: in line, at the door of a server,
/// or for its second look at one.
#[test]
fn those_who_wait_until_the_end_fail_then() {
    let slow = "operations.default.steps = [{ wait = \"1h\" }]";
    let full = "workers = { count = 1 }\nbacklog = 0\nwhen_full = \"drop\"";
    let many = "workers = { count = 99 }";
    for (rules, web) in [
        ("circuit_breakers = { max_connections = 1 }", many),
        ("", full),
        (
            "connect_timeout = \"2s\"\nretries = { max = 9, on = [\"connect_failure\"] }",
            full,
        ),
        (
            "connect_timeout = \"2s\"\nnext_upstream = { on = [\"timeout\"], tries = 9, anywhere = true, backoff = \"9s\" }",
            full,
        ),
        ("max_conns = 1\nwait_for_server = \"75s\"", many),
    ] {
        let own = pairs(rules, &format!("{web}\n{slow}"));
        let late = share(&own, "backend_timeout");
        assert!(late > 0.999_999, "{rules}: {late}");
        let p50 = own.figures["latency_p50"].value;
        assert!((4.9..5.1).contains(&p50), "{rules}: {p50}");
    }
}

/// Instances are replaced every 20 s, and what they do takes 8. They would have time to finish; the balancer waits
/// for 3 s and closes its connections.
#[test]
fn what_a_leaving_server_has_in_flight_is_cut_off() {
    let replaced = "drain = \"1m\"\ncycle = { every = \"20s\" }\n\
                    operations.default.steps = [{ wait = \"8s\" }]";
    let killed = |rules: &str| share(&findings((40, "round_robin"), rules, replaced), "killed");
    assert!(killed("") < 1e-9);
    // Of the requests of 20 s, those of the last 5 but for the 3 that are waited for.
    let cut = killed("deregistration_delay = \"3s\"");
    assert!((cut - 5.0 / 20.0).abs() < 0.03, "{cut}");
}
