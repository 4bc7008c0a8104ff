//! What holds for every system, over random valid scenarios.
//!
//! Conservation needs no line here: every replication ends with an audit of all requests and all held
//! resources against each other, in release builds, too, and panics if anything was lost or held twice.

use capsim::experiment::Findings;
use capsim::metrics::Metric;

use crate::random_scenario::Generator;
use crate::support::{load, on_threads, run};

/// Scenarios per test; `CAPSIM_TEST_SCENARIOS` asks for more (or fewer).
fn n_scenarios(usual: u64) -> u64 {
    std::env::var("CAPSIM_TEST_SCENARIOS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(usual)
}

/// Where the numbers of the scenarios begin: `CAPSIM_TEST_SEED` goes on where another run stopped.
fn first_seed() -> u64 {
    std::env::var("CAPSIM_TEST_SEED")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

fn check_bounds(findings: &Findings, seed: u64) {
    for resource in &findings.resources {
        let name = format!("seed {seed}: {} {}", resource.component, resource.what);
        for share in [
            resource.utilization.map(|u| u.value),
            resource.utilization_peak,
        ] {
            assert!(
                share.is_none_or(|share| (0.0..=1.0 + 1e-9).contains(&share)),
                "{name}: {share:?}"
            );
        }
        assert!(
            resource.waiting.is_none_or(|waiting| waiting.value >= 0.0),
            "{name}"
        );
    }
    let shares: f64 = findings
        .outcomes
        .iter()
        .map(|outcome| outcome.share.value)
        .sum();
    assert!(
        findings.outcomes.is_empty() || (shares - 1.0).abs() < 1e-9,
        "seed {seed}: {shares}"
    );
    let quantiles = [
        Metric::LatencyP50,
        Metric::LatencyP90,
        Metric::LatencyP95,
        Metric::LatencyP99,
    ];
    let values: Vec<f64> = quantiles
        .iter()
        .filter_map(|m| findings.figure(*m))
        .map(|e| e.value)
        .collect();
    assert!(values.is_sorted(), "seed {seed}: quantiles {values:?}");
    let figure = |metric| findings.figure(metric).map_or(0.0, |e| e.value);
    // Whoever is answered has arrived; after a warm-up, those who arrived in it may be answered later.
    if findings.series.warm_up_s == 0.0 {
        let bound = |metric| figure(metric) * (1.0 + 1e-9);
        let goodput = figure(Metric::Goodput);
        assert!(goodput <= bound(Metric::Offered), "seed {seed}");
        // With retries, a request may be answered several times, all but once in vain.
        let throughput = figure(Metric::Throughput);
        assert!(throughput <= bound(Metric::Attempts), "seed {seed}");
    }
}

#[test]
fn every_scenario_conserves_and_stays_in_bounds() {
    let mut failed = Vec::new();
    for seed in first_seed()..first_seed() + n_scenarios(250) {
        let began = std::time::Instant::now();
        let outcome = std::panic::catch_unwind(|| {
            let text = Generator::new(seed).scenario();
            let loaded = load(&text);
            let findings = run(&loaded.scenario);
            check_bounds(&findings, seed);
        });
        if outcome.is_err() {
            failed.push(seed);
        }
        if began.elapsed().as_secs() >= 10 {
            eprintln!("seed {seed} took {:?}", began.elapsed());
        }
    }
    assert!(failed.is_empty(), "seeds {failed:?} failed: see above");
}

/// The same seed gives the same bytes, on one thread and on eight, and from the scenario written back.
#[test]
fn results_do_not_depend_on_threads_or_on_how_the_scenario_was_written() {
    for seed in 1000 + first_seed()..1000 + first_seed() + n_scenarios(25) {
        let text = Generator::new(seed).scenario();
        let loaded = load(&text);
        let bytes =
            |scenario| serde_json::to_string(&run(scenario)).expect("findings can be written");
        let one = on_threads(1, || bytes(&loaded.scenario));
        let eight = on_threads(8, || bytes(&loaded.scenario));
        assert_eq!(one, eight, "seed {seed}");
        let written = load(loaded.scenario.resolved());
        assert_eq!(
            written.scenario.resolved(),
            loaded.scenario.resolved(),
            "seed {seed}"
        );
        assert_eq!(bytes(&written.scenario), one, "seed {seed}");
    }
}

/// A lone station: first come, first served, nothing behind it. With the same arrivals and the same work,
/// more servers serve no fewer requests; for whole systems this is no law, since a larger front can
/// drown what is behind it.
#[test]
fn more_servers_at_a_lone_station_never_serve_fewer() {
    for (seed, load_percent) in (0..12).zip([30, 60, 90, 99, 110, 200].iter().cycle()) {
        let throughput = |workers: u32| {
            let rate = 4 * load_percent;
            let text = format!(
                "[run]\nhorizon = \"60s\"\nreplications = 3\nseed = {seed}\n\
                 [sources.load]\narrivals = \"poisson\"\nrate = \"{rate}/s\"\nenters = \"station\"\n\
                 [components.station]\nkind = \"service\"\nbacklog = 20\nworkers = {{ count = {workers} }}\n\
                 operations.default.steps = [{{ wait = {{ lognormal = {{ mean = \"10ms\", cv = 2 }} }} }}]\n"
            );
            let findings = run(&load(&text).scenario);
            findings
                .figure(Metric::Throughput)
                .expect("requests were served")
                .value
        };
        let served: Vec<f64> = (1..=8).map(throughput).collect();
        assert!(
            served.is_sorted_by(|a, b| *b >= *a - 1e-9),
            "seed {seed}, {load_percent} %: {served:?}"
        );
    }
}

/// Two configurations see the same requests: the same arrivals, classes, keys and work. So a parameter
/// that does not matter changes nothing at all.
#[test]
fn configurations_share_their_random_numbers() {
    let base = "[run]\nhorizon = \"60s\"\nreplications = 2\n\
        [sources.users]\narrivals = \"poisson\"\nrate = \"50/s\"\nenters = \"web\"\nmix = { page = \"70%\", api = \"30%\" }\n\
        [components.web]\nkind = \"service\"\ncount = 3\nworkers = { count = 100 }\n\
        operations.default.steps = [{ wait = { exponential = \"20ms\" } }, { query = \"pg\", time = { exponential = \"5ms\" } }]\n\
        [components.pg]\nkind = \"database\"\ncores = 64\n";
    let figures = |text: &str| {
        let findings = run(&load(text).scenario);
        serde_json::to_string(&(findings.figures, findings.classes))
            .expect("findings can be written")
    };
    // With plenty of everything no request waits for another, whoever executes it.
    let same = figures(base);
    for change in [
        ("count = 3", "count = 5"),
        ("count = 100", "count = 200"),
        ("cores = 64", "cores = 128"),
    ] {
        let changed = figures(&base.replace(change.0, change.1));
        let strip = |text: &str| {
            let mut value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            value[0]
                .as_object_mut()
                .expect("figures")
                .remove("instances_peak");
            value
        };
        assert_eq!(strip(&same), strip(&changed), "{change:?}");
    }
    assert_ne!(
        same,
        figures(&base.replace("[run]", "[run]\nseed = 2")),
        "another seed is another world"
    );
}

/// How clients and services persist changes nothing as long as nothing goes wrong: the requests are the
/// same, and so is the work of their first attempts. That holds for a source's clients and for every step
/// with rules of its own.
#[test]
fn rules_that_never_apply_change_nothing() {
    let base = |source: &str, rules: &str| {
        format!(
            "[run]\nhorizon = \"60s\"\nreplications = 2\n\
             [sources.users]\nenters = \"lb\"\nmix = {{ page = \"70%\", api = \"30%\" }}\n{source}\n\
             [components.lb]\nkind = \"balancer\"\nto = \"web\"\npolicy = \"random\"\n\
             [components.web]\nkind = \"service\"\ncount = 3\nworkers = {{ count = 9 }}\n\
             operations.default.steps = [{{ cache = \"c\", keys = \"urls\", on_miss = \
             [{{ query = \"pg\", pool = \"db\", time = {{ exponential = \"20ms\" }}{rules} }}] }}, \
             {{ call = \"inner\"{rules} }}, {{ cpu = {{ exponential = \"4ms\" }} }}]\n\
             pools.db = {{ to = \"pg\", max = 4, connect = {{ exponential = \"3ms\" }} }}\n\
             [components.inner]\nkind = \"service\"\nworkers = {{ count = 5 }}\n\
             operations.default.steps = [{{ wait = {{ exponential = \"9ms\" }}, probability = \"60%\" }}]\n\
             [components.c]\nkind = \"cache\"\ncapacity = 50\n\
             [keys.urls]\ncount = 500\npopularity = {{ zipf = 0.8 }}\n\
             [components.pg]\nkind = \"database\"\ncores = 2\n"
        )
    };
    let figures = |source: &str, rules: &str| {
        let findings = run(&load(&base(source, rules)).scenario);
        assert!(findings.requests > 1000, "{} requests", findings.requests);
        let shown = (findings.figures, findings.classes, findings.outcomes);
        serde_json::to_string(&shown).expect("findings can be written")
    };
    let rules = [
        "timeout = \"1h\"",
        "deadline = \"1h\"",
        "retry = { attempts = 9, backoff = \"10ms\" }",
        "timeout = \"1h\", retry = { budget = \"20%\" }, hedge = { after = \"59m\", copies = 3 }",
        "breaker = { slow_call_duration = \"1h\" }",
        "limit = 1000000",
    ];
    for source in [
        "arrivals = \"poisson\"\nrate = \"50/s\"",
        "kind = \"users\"\nusers = 30\nthink = { exponential = \"600ms\" }",
        "kind = \"k6\"\nexecutor = \"constant-arrival-rate\"\nrate = 40\nduration = \"50s\"\npreAllocatedVUs = 500",
    ] {
        let without = figures(source, "");
        for own in rules {
            let of_source = format!(
                "{source}\n{}",
                own.replace(", retry", "\nretry")
                    .replace(", hedge", "\nhedge")
            );
            assert_eq!(figures(&of_source, ""), without, "{of_source}");
            assert_eq!(
                figures(source, &format!(", {own}")),
                without,
                "steps, {own}"
            );
        }
    }
}

/// A key of one catalogue is never taken for one of another that is kept in the same cache.
#[test]
fn keys_of_different_catalogues_are_different_keys() {
    let ratio = |second: &str| {
        let text = format!(
            "[run]\nhorizon = \"10s\"\nreplications = 1\n\
             [sources.users]\narrivals = \"regular\"\nrate = \"1/s\"\nenters = \"web\"\n\
             [components.web]\nkind = \"service\"\nworkers = {{ count = 1 }}\n\
             operations.default.steps = [{{ cache = \"c\", keys = \"a\" }}, {{ cache = \"c\", keys = \"{second}\" }}]\n\
             [components.c]\nkind = \"cache\"\ncapacity = 9\n\
             [keys.a]\ncount = 1\npopularity = \"uniform\"\n[keys.b]\ncount = 1\npopularity = \"uniform\"\n"
        );
        let findings = run(&load(&text).scenario);
        findings.hit_ratios["c"].value * findings.requests as f64 * 2.0
    };
    // With one catalogue of one key a single look-up misses, with two of them two do.
    let (one, two) = (ratio("a"), ratio("b"));
    assert!((one - two - 1.0).abs() < 1e-6, "hits: {one} and {two}");
}
