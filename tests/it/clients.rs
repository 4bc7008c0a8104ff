//! Who clients are, what their browsers keep, and the way to them, against what must come out.

use std::path::Path;

use capsim::experiment::Findings;
use capsim::metrics::Metric;
use capsim::report::words;
use capsim::scenario::{self, Disk};

use crate::support::{load, run, share};

fn figure(findings: &Findings, metric: Metric) -> f64 {
    findings.figure(metric).expect("there is data").value
}

fn near(found: f64, expected: f64, relative: f64) {
    assert!(
        (found - expected).abs() <= relative * expected.abs(),
        "{found}, expected {expected}"
    );
}

/// A system that answers at once, and one source `u` with these keys.
fn at_once(source: &str) -> String {
    format!(
        "[run]\nhorizon = \"2000s\"\nreplications = 4\n[sources.u]\nenters = \"web\"\n{source}\n\
         [components.web]\nkind = \"service\"\nworkers = {{ count = 1000 }}\n\
         operations.default.steps = [{{ wait = \"0s\" }}]\n\
         [keys.page]\ncount = 1\npopularity = \"uniform\"\n"
    )
}

/// A copy is good for a fixed time from when it came, and is asked for at random: the renewal argument gives
/// a hit ratio of λT / (1 + λT). Each of 100 clients asks once in 20 s on average; T is 60 s.
#[test]
fn browsers_answer_what_they_still_have() {
    let source = "arrivals = \"poisson\"\nrate = \"5/s\"\nclients = { population = 100, browser_cache = \
                  { keys = \"page\", max_age = \"60s\", etag = false } }";
    let findings = run(&load(&at_once(source)).scenario);
    let asked = 1.0 / 20.0 * 60.0;
    near(
        share(&findings, "browser_cache"),
        asked / (1.0 + asked),
        0.02,
    );
    // What is answered there is never sent.
    near(
        figure(&findings, Metric::AttemptsPerRequest),
        1.0 / (1.0 + asked),
        0.05,
    );
}

/// With an entity tag what was asked for again is 304, but for the first time, and for what has changed meanwhile:
/// a copy lasts 60 s, then the next request comes after 20 s on average, and things change once in an hour.
#[test]
fn what_has_not_changed_is_not_sent_again() {
    let source = "arrivals = \"poisson\"\nrate = \"5/s\"\nclients = { population = 100, browser_cache = \
                  { keys = \"page\", max_age = \"60s\", changes_every = \"1h\" } }";
    let findings = run(&load(&at_once(source)).scenario);
    let (full, unchanged) = (share(&findings, "served"), share(&findings, "not_modified"));
    // 100 first requests of 10,000, and of the others E[1 - exp(-age/3600 s)] with ages of 60 s + Exp(20 s).
    let changed = 1.0 - (-60.0f64 / 3600.0).exp() / (1.0 + 20.0 / 3600.0);
    near(full - 0.01, changed * unchanged / (1.0 - changed), 0.25);
}

/// While the old copy is shown nobody waits: requests in the background are attempts without a request.
#[test]
fn stale_copies_are_renewed_in_the_background() {
    let with = |stale: &str| {
        let source = format!(
            "arrivals = \"poisson\"\nrate = \"5/s\"\nclients = {{ population = 100, browser_cache = \
             {{ keys = \"page\", max_age = \"60s\", stale_while_revalidate = \"{stale}\" }} }}"
        );
        run(&load(&at_once(&source)).scenario)
    };
    let (without, with) = (with("0s"), with("10h"));
    assert!(share(&with, "browser_cache") > 0.98, "all but the first");
    let attempts = |findings: &Findings| figure(findings, Metric::AttemptsPerRequest);
    near(attempts(&with), attempts(&without), 0.03);
}

/// A browser that shows its old copy asks in the background whether it is still good, which costs nothing here;
/// without entity tags it can only ask for the whole again, and the CPU is as busy as the attempts make it.
#[test]
fn without_entity_tags_what_is_renewed_is_sent_whole() {
    let busy = |etag: bool| {
        let source = format!(
            "arrivals = \"poisson\"\nrate = \"5/s\"\nclients = {{ population = 100, browser_cache = \
             {{ keys = \"page\", max_age = \"60s\", stale_while_revalidate = \"10h\", etag = {etag} }} }}"
        );
        let steps = "operations.default = { steps = [{ cpu = \"20ms\" }], not_modified = [{ wait = \"0s\" }] }";
        let text = at_once(&source).replace(
            "operations.default.steps = [{ wait = \"0s\" }]",
            &format!("vcpu = 1\n{steps}"),
        );
        let findings = run(&load(&text).scenario);
        let cpu = findings.resources.iter().find(|own| own.what == "CPU");
        let busy = cpu.and_then(|own| own.utilization).expect("a CPU");
        (busy.value, figure(&findings, Metric::AttemptsPerRequest))
    };
    let (whole, attempts) = busy(false);
    near(whole, 5.0 * attempts * 0.02, 0.03);
    // Only the first request of each of the 100 clients, in 2000 s.
    let (asked, _) = busy(true);
    assert!(asked < 0.002, "{asked}");
}

/// 40 ms round trips, TLS 1.3, 1 MB at 80 Mbit/s: the first request of a connection takes 3 round trips to
/// the first byte, slow start 6 more (ceil(log2(1e6/14600 + 1)) = 7 flights), and 100 ms for the bytes; those
/// that follow, one round trip and the bytes.
#[test]
fn the_way_to_a_client_takes_what_it_takes() {
    let text = |think: &str| {
        format!(
            "[run]\nhorizon = \"1000s\"\nreplications = 2\n[sources.u]\nkind = \"users\"\nusers = 1\n\
             think = \"{think}\"\nenters = \"web\"\nnetwork = {{ rtt = \"40ms\", bandwidth = \"80Mbit/s\", \
             request = \"0B\", keep_alive = \"60s\" }}\n[components.web]\nkind = \"service\"\n\
             workers = {{ count = 1 }}\noperations.default = {{ steps = [{{ wait = \"0s\" }}], response = \"1MB\" }}\n"
        )
    };
    let latency = |think: &str| {
        let findings = run(&load(&text(think)).scenario);
        figure(&findings, Metric::LatencyP50)
    };
    near(latency("10s"), 0.04 + 0.1, 0.01);
    near(latency("70s"), 0.12 + 0.24 + 0.1, 0.01);
}

/// The terminating service pays for every new connection: 10/s of 2 ms are 2 % of a CPU.
#[test]
fn new_connections_cost_cpu() {
    let text = "[run]\nhorizon = \"1000s\"\nreplications = 2\n[sources.u]\narrivals = \"poisson\"\n\
        rate = \"20/s\"\nenters = \"web\"\nnetwork = { rtt = \"10ms\", reuse = \"50%\" }\n\
        [components.web]\nkind = \"service\"\nvcpu = 1\nhandshake = \"2ms\"\nworkers = { count = 1 }\n\
        operations.default.steps = [{ wait = \"1ms\" }]\n";
    let findings = run(&load(text).scenario);
    let cpu = findings.resources.iter().find(|own| own.what == "CPU");
    let busy = cpu.and_then(|own| own.utilization).expect("a CPU");
    near(busy.value, 0.02, 0.03);
}

/// Two instances that each cache 50 of 100 keys, and clients who each want one key of their own: where
/// clients come back to their instance its cache holds all that they want, else half.
#[test]
fn sticky_clients_find_what_they_left() {
    let hits = |sticky: &str, per_address: &str| {
        let text = format!(
            "[run]\nhorizon = \"2000s\"\nwarm_up = \"500s\"\nreplications = 2\n[sources.u]\narrivals = \"poisson\"\n\
             rate = \"20/s\"\nenters = \"lb\"\nclients = {{ population = 80, per_address = {per_address} }}\n\
             [components.lb]\nkind = \"balancer\"\npolicy = \"round_robin\"\nto = \"web\"\n{sticky}\n\
             [components.web]\nkind = \"service\"\ncount = 2\nworkers = {{ count = 10 }}\n\
             operations.default.steps = [{{ cache = \"c\", keys = \"own\", on_miss = [{{ wait = \"1ms\" }}] }}]\n\
             [components.c]\nkind = \"cache\"\nscope = \"instance\"\ncapacity = 50\n\
             [keys.own]\ncount = 1\npopularity = \"uniform\"\nvary = \"client\"\n"
        );
        run(&load(&text).scenario).hit_ratios["c"].value
    };
    assert!(hits("sticky = \"client\"", "1") > 0.99);
    assert!(hits("", "1") < 0.75);
    // Behind a single address all clients go to one instance, whose cache is too small for them.
    assert!(hits("sticky = \"address\"", "1") > 0.8);
    assert!(hits("sticky = \"address\"", "1000") < 0.75);
}

/// Rejected clients stay away as long as they are told: with 2 s instead of 100 ms there are fewer attempts.
#[test]
fn callers_heed_retry_after() {
    let attempts = |key: &str, heeds: bool| {
        let text = format!(
            "[run]\nhorizon = \"300s\"\nreplications = 2\n[sources.u]\narrivals = \"poisson\"\nrate = \"30/s\"\n\
             enters = \"web\"\ndeadline = \"4s\"\n\
             retry = {{ attempts = \"unlimited\", backoff = \"100ms\", retry_after = {heeds} }}\n\
             [components.web]\nkind = \"service\"\nworkers = {{ count = 1 }}\nbacklog = 0\n{key}\n\
             operations.default.steps = [{{ wait = \"50ms\" }}]\n"
        );
        figure(&run(&load(&text).scenario), Metric::AttemptsPerRequest)
    };
    let usual = attempts("", true);
    assert!(usual > 5.0);
    assert!(attempts("retry_after = \"2s\"", true) < 2.5);
    near(attempts("retry_after = \"2s\"", false), usual, 1e-9);
}

/// A page of 7 objects over 3 connections takes its document and three rounds of objects.
#[test]
fn pages_fetch_their_objects_a_few_at_a_time() {
    let text = "[run]\nhorizon = \"100s\"\nreplications = 2\n[sources.u]\narrivals = \"regular\"\n\
        rate = \"1/s\"\nenters = \"web\"\nflow = [{ page = \"doc\", objects = 7, of = \"object\", connections = 3 }]\n\
        [components.web]\nkind = \"service\"\nworkers = { count = 100 }\n\
        operations.default.steps = [{ wait = \"10ms\" }]\n";
    let findings = run(&load(text).scenario);
    let rounds = findings.sources[0].rounds.expect("pages were loaded");
    near(rounds.mean_s.value, 0.04, 1e-6);
    near(figure(&findings, Metric::Offered), 8.0 * 0.99, 0.011);
}

/// A closed loop that stalls for a second now and then sends nothing meanwhile: the tool sees one slow
/// answer where independent clients would have seen many.
#[test]
fn a_stall_is_one_slow_answer_to_a_closed_loop() {
    let text = "[run]\nhorizon = \"1000s\"\nreplications = 2\n[sources.u]\nkind = \"users\"\nusers = 1\n\
        enters = \"web\"\n[components.web]\nkind = \"service\"\nworkers = { count = 1 }\n\
        operations.default.steps = [{ wait = { mixture = [{ share = \"99.9%\", law = \"1ms\" }, { share = \"0.1%\", law = \"1s\" }] } }]\n";
    let findings = run(&load(text).scenario);
    let source = &findings.sources[0];
    let (seen, felt) = (
        source.answers.expect("answers"),
        source.corrected.expect("corrected"),
    );
    near(seen.p99_s.value, 0.001, 0.01);
    // Half of all time is a stall, so one in a hundred independent clients waits for nearly all of one.
    assert!(felt.p99_s.value > 0.95, "{}", felt.p99_s.value);
}

/// The repository's retry storm goes down and stays down, by its own clients' doing; the same clients with a
/// budget come back.
#[test]
fn a_retry_storm_stays_down_and_a_budget_brings_it_back() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/retry-storm.toml");
    let recovery = |set: &[&str]| {
        let sets: Vec<String> = ["run.replications=2"]
            .iter()
            .chain(set)
            .map(|s| (*s).to_owned())
            .collect();
        let loaded = scenario::load(&Disk, &path, &sets).expect("the scenario is fine");
        run(&loaded.scenario)
            .recovery
            .expect("a burst takes it down")
    };
    let storm = recovery(&[]);
    assert!(storm.is_metastable(), "{storm:?}");
    near(storm.attempts_per_request, 2.0, 0.01);
    let with_budget = recovery(&["sources.clients.retry.budget=10%"]);
    assert!(!with_budget.is_metastable(), "{with_budget:?}");
    assert!(with_budget.recovered_s.is_some(), "{with_budget:?}");
}

/// 10,000 connections that never pause cannot send 5,000 requests per second and wait 400 ms for each; 100
/// users who think for 1 s can send 50 per second and wait 1 s.
#[test]
fn what_contradicts_itself_is_told() {
    let stated = |source: &str| {
        let text = format!(
            "[run]\nhorizon = \"2s\"\nreplications = 1\n[sources.test]\nenters = \"web\"\n{source}\n\
             [components.web]\nkind = \"service\"\nworkers = {{ count = 100 }}\n\
             operations.default.steps = [{{ wait = \"10ms\" }}]\n"
        );
        let findings = run(&load(&text).scenario);
        words::stated(&findings.stated[0])
    };
    insta::assert_snapshot!(stated(
        "kind = \"wrk\"\nthreads = 12\nconnections = 10000\nduration = 2\n\
         measured = { rate = \"5000/s\", latency = \"400ms\" }"
    ), @"test: 5 k/s at 400 ms is inconsistent: 9,996 users at 5 k/s wait 2 s each by Little's law; at 400 ms they would send 25 k/s");
    insta::assert_snapshot!(stated(
        "kind = \"users\"\nusers = 100\nthink = \"1s\"\nmeasured = { rate = \"50/s\", latency = \"1s\" }"
    ), @"test: 50/s at 1 s is what 100 users that pause for 1 s have by Little's law");
}
