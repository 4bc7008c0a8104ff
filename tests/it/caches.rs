//! Caches that several ask at a time, that go on with what has expired, and that do not answer.

use capsim::experiment::{Advisory, Findings};
use capsim::metrics::Metric;

use crate::support::{load, run, share};

fn status(findings: &Findings, what: &str) -> f64 {
    let shares = findings.cache_shares.get("c");
    let share = shares.and_then(|shares| shares.get(what));
    share.map_or(0.0, |share| share.value)
}

fn figure(findings: &Findings, metric: Metric) -> f64 {
    findings.figure(metric).expect("there were requests").value
}

/// A service `web` that does `steps`, with what else there is in `more`.
struct System<'a> {
    horizon: &'a str,
    rate: &'a str,
    /// `count` and whatever else there is to say of its instances.
    web: &'a str,
    steps: &'a str,
    /// `count` and popularity.
    keys: (u32, &'a str),
    /// Keys of the cache `c`, and more components.
    cache: &'a str,
}

impl System<'_> {
    fn runs(&self) -> Findings {
        let Self {
            horizon,
            rate,
            web,
            steps,
            keys: (count, popularity),
            cache,
        } = self;
        let text = format!(
            "[run]
            horizon = \"{horizon}\"
            replications = 3
            [sources.load]
            arrivals = \"poisson\"
            rate = \"{rate}\"
            enters = \"web\"
            [components.web]
            kind = \"service\"
            operations.default.steps = [{steps}]
            {web}
            [keys.urls]
            count = {count}
            popularity = {popularity}
            [components.c]
            kind = \"cache\"
            {cache}"
        );
        run(&load(&text).scenario)
    }
}

/// Four processes with a cache in front of what takes 100 ms.
fn system(keys: u32, cache: &str, on_miss: &str) -> Findings {
    System {
        horizon: "200s",
        rate: "200/s",
        web: "count = 4\nworkers = { count = 300 }",
        steps: &format!("{{ cache = \"c\", keys = \"urls\", on_miss = [{on_miss}] }}"),
        keys: (keys, "{ zipf = 0.8 }"),
        cache: &format!(
            "capacity = 10_000
            {cache}
            [components.origin]
            kind = \"dependency\"
            latency = \"100ms\"
            [components.flaky]
            kind = \"dependency\"
            latency = \"100ms\"
            errors = \"50%\""
        ),
    }
    .runs()
}

/// Nothing but look-ups.
const LOOK_UP: &str = "{ cache = \"c\", keys = \"urls\" }";

/// Which share of the look-ups went to the origin.
fn missed(findings: &Findings) -> f64 {
    1.0 - findings.hit_ratios["c"].value - status(findings, "coalesced")
}

/// One key, asked for 200 times a second, that expires every second and takes 100 ms to get: without
/// coordination 20 requests get it each time, with it one does, or one in each of the four processes.
#[test]
fn one_goes_and_the_others_wait() {
    let with = |more: &str| system(1, &format!("ttl = \"1s\"\n{more}"), "{ call = \"origin\" }");
    // 1.1 s from one filling to the next, 220 requests; what comes late makes it good for longer.
    let [alone, flight, lock] = [
        "",
        "on_concurrent_miss = \"single_flight\"",
        "on_concurrent_miss = { lock = { interval = \"30ms\" } }",
    ]
    .map(with);
    let near = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.06;
    assert!(missed(&alone) > 0.08, "{}", missed(&alone));
    // Each of four processes goes, some a little later than others.
    assert!(
        (1.0 / 220.0..5.0 / 200.0).contains(&missed(&flight)),
        "{}",
        missed(&flight)
    );
    assert!(near(missed(&lock), 1.0 / 221.0), "{}", missed(&lock));
    // Whoever waits for the lock looks again every 30 ms: up to 120 ms in all, instead of 100.
    let longest = |own: &Findings| figure(own, Metric::LatencyP999);
    assert!(
        (0.099..0.102).contains(&longest(&flight)),
        "{}",
        longest(&flight)
    );
    assert!(
        (0.110..0.125).contains(&longest(&lock)),
        "{}",
        longest(&lock)
    );
}

/// The error of whoever went is everybody's, unless there is something old to give out.
#[test]
fn errors_are_shared_or_made_up_for() {
    let with = |more: &str| {
        let cache = format!("ttl = \"1s\"\non_concurrent_miss = \"single_flight\"\n{more}");
        system(1, &cache, "{ call = \"flaky\" }")
    };
    let (shared, made_up) = (with(""), with("stale_if_error = \"1h\""));
    assert!(share(&shared, "dependency_error") > 0.02);
    // But for the first, before which there was nothing.
    assert!(share(&made_up, "dependency_error") < 0.005);
    assert!(status(&made_up, "rescued") > 0.0);
}

/// What has expired is given out at once while a new one is got, as long as it is not too old; so nobody
/// waits but for what is not asked for in time.
#[test]
fn nobody_waits_for_what_is_renewed_in_the_background() {
    let with = |more: &str| {
        system(
            30,
            &format!("ttl = \"2s\"\n{more}"),
            "{ call = \"origin\" }",
        )
    };
    let (plain, stale, early) = (
        with(""),
        with("stale_while_revalidate = \"1m\""),
        with("early_expiration = 1\non_concurrent_miss = \"single_flight\""),
    );
    assert!(figure(&plain, Metric::LatencyP95) > 0.05);
    assert!(figure(&stale, Metric::LatencyP99) < 0.001);
    assert!(status(&stale, "stale") > 0.02 && status(&stale, "refreshes") > 0.02);
    // Somebody goes before it expires, and the others do not notice.
    let waited = |own: &Findings| status(own, "coalesced");
    let flight = with("on_concurrent_miss = \"single_flight\"");
    assert!(waited(&early) < waited(&flight) / 2.0);
}

/// Whoever renews something dies with its instance, and its lock is left behind: when that has expired, somebody else
/// renews it.
#[test]
fn a_lock_that_was_left_behind_expires() {
    let findings = System {
        horizon: "200s",
        rate: "50/s",
        web: "count = 2
            workers = { count = 50 }
            crash_after = { exponential = \"5s\" }
            restart = { after = \"100ms\" }",
        steps: "{ cache = \"c\", keys = \"urls\", on_miss = [{ call = \"origin\" }] }",
        keys: (1, "\"uniform\""),
        cache: "capacity = 10
            ttl = \"100ms\"
            stale_while_revalidate = \"1h\"
            on_concurrent_miss = { lock = { lease = \"500ms\" } }
            [components.origin]
            kind = \"dependency\"
            latency = \"100ms\"",
    }
    .runs();
    // Five times a second, ten look-ups each.
    let refreshes = status(&findings, "refreshes");
    assert!(refreshes > 0.07, "{refreshes}");
}

/// Whoever finds something stale may be the one who is too much for the memory of its instance: what it has set going
/// dies at once, and somebody else renews it.
#[test]
fn a_renewal_that_dies_before_its_first_step_is_made_up_for() {
    let findings = System {
        horizon: "100s",
        rate: "50/s",
        web: "count = 2
            workers = { runtime = \"event_loop\", count = 1 }
            memory = { limit = \"200MB\", base = \"40MB\", leak_per_request = \"20MB\", over = \"kill\" }
            restart = { after = \"50ms\", at_most = \"50ms\" }",
        steps: "{ cache = \"c\", keys = \"urls\", on_miss = [{ wait = \"20ms\" }] }",
        keys: (1, "\"uniform\""),
        cache: "capacity = 10
            ttl = \"10ms\"
            stale_while_revalidate = \"1h\"",
    }
    .runs();
    let refreshes = status(&findings, "refreshes");
    assert!(refreshes > 0.2, "{refreshes}");
}

/// While it is down everybody falls through, or fails; then it is empty.
#[test]
fn who_gets_no_answer_goes_on_or_fails() {
    let with = |more: &str| {
        let down = "down = [{ from = \"100s\", lasts = \"20s\" }]\nerror_after = \"5ms\"\n";
        system(30, &format!("{down}{more}"), "{ call = \"origin\" }")
    };
    let (falls, fails) = (with(""), with("on_error = \"fail\""));
    assert!(
        (status(&falls, "errors") - 0.1).abs() < 0.01,
        "of the look-ups"
    );
    assert!(share(&falls, "served") > 0.999_999);
    assert!((share(&fails, "cache_error") - 0.1).abs() < 0.01);
}

/// What comes back while the cache is down, or when it refuses another command, cannot be put in; those who wait for
/// it get it all the same, and whoever gets it in the background is through. Held to by the books at the end, too.
#[test]
fn what_cannot_be_put_in_ends_the_wait_for_it() {
    let near = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.05;
    let outage = |n: u32| {
        format!(
            "{{ from = \"{}s\", lasts = \"50ms\", loses = false }}",
            5 * n
        )
    };
    let down = (1..40).map(outage).collect::<Vec<_>>().join(", ");
    for how in ["single_flight", "lock"] {
        for after in ["0s", "5ms"] {
            let cache = format!(
                "ttl = \"200ms\"\non_concurrent_miss = \"{how}\"\nerror_after = \"{after}\"\ndown = [{down}]"
            );
            let findings = system(1, &cache, "{ call = \"origin\" }");
            // 200 per second for 200 s.
            let served = figure(&findings, Metric::Throughput);
            assert!(near(served, 200.0), "{how} {after}: {served}");
            let slowest = figure(&findings, Metric::LatencyP999);
            assert!(slowest < 0.25, "{how} {after}: {slowest}");
        }
    }
    let busy = "ttl = \"100ms\"\nstale_while_revalidate = \"1h\"
        server = { command = \"2ms\", max_clients = 1 }";
    let findings = system(30, busy, "{ call = \"origin\" }");
    assert!(status(&findings, "errors") > 0.1);
    let refreshes = status(&findings, "refreshes");
    assert!(refreshes > 0.05, "{refreshes}");
}

/// What is got for one cache in the background passes another one that does not mind, and is put in where it was
/// wanted: what is behind is asked once for it, and what follows in the operation is not done for it.
#[test]
fn a_renewal_ends_at_its_own_cache() {
    let findings = System {
        horizon: "200s",
        rate: "50/s",
        web: "workers = { count = 50 }",
        steps: "{ cache = \"c\", keys = \"urls\", on_miss = [
                { cache = \"far\", keys = \"urls\" }
            ] }, { call = \"after\" }",
        keys: (1, "\"uniform\""),
        cache: "capacity = 10
            ttl = \"1s\"
            stale_while_revalidate = \"1h\"
            [components.after]
            kind = \"dependency\"
            latency = \"1ms\"
            [components.far]
            kind = \"cache\"
            capacity = 10
            ttl = \"500ms\"
            jitter = \"10%\"",
    }
    .runs();
    // Every second, fifty look-ups each.
    let refreshes = status(&findings, "refreshes");
    assert!((refreshes * 50.0 - 1.0).abs() < 0.1, "{refreshes}");
}

/// A server with one core is M/G/1: commands of 4 ms for half of the requests, hits and misses alike, at 100
/// per second and two commands for each miss.
#[test]
fn commands_wait_for_one_another() {
    let system = System {
        horizon: "2000s",
        rate: "150/s",
        web: "workers = { count = 500 }",
        steps: LOOK_UP,
        keys: (10, "\"uniform\""),
        cache: "capacity = 100
            time = \"1ms\"
            server = { command = { exponential = \"4ms\" } }",
    };
    let findings = system.runs();
    let server = findings.resources.iter().find(|own| own.what == "server");
    let server = server.expect("the cache has one");
    let busy = server.utilization.expect("it is one").value;
    let wait = server.wait_mean_s.expect("somebody waited").value;
    assert!((busy - 0.6).abs() < 0.01, "{busy}");
    // Pollaczek and Khinchine: rho / (1 - rho) times the mean.
    assert!((wait / 0.006 - 1.0).abs() < 0.05, "{wait}");
    // The network, the wait, and the command.
    let latency = figure(&findings, Metric::LatencyMean);
    assert!((latency / 0.011 - 1.0).abs() < 0.05, "{latency}");
}

/// Whatever else is counted in the system: instances that could crash and processes that could end stand
/// before the cache in the books.
#[test]
fn hits_are_those_of_the_cache_beside_counts_of_others() {
    let system = System {
        horizon: "100s",
        rate: "50/s",
        web: "workers = { count = 10 }\ncrash_after = \"1000d\"",
        steps: LOOK_UP,
        keys: (1, "\"uniform\""),
        cache: "capacity = 10",
    };
    let findings = system.runs();
    let hits = findings.hit_ratios["c"].value;
    assert!((0.999..1.0).contains(&hits), "all but the first: {hits}");
}

/// Without keys a cache hits as often as with them: in a shared one and in many small ones with less traffic each,
/// behind many others, with and without times to live, and while it fills. And it says so.
#[test]
fn ratio_mode_hits_as_often_as_keys_do() {
    let cases = [
        ("shared", "capacity = 500"),
        ("shared", "capacity = 500\npolicy = \"fifo\""),
        ("worker", "capacity = 100\nttl = \"20s\""),
        (
            "shared",
            "capacity = 800\nttl = \"4s\"\nrenewed_by_hits = true",
        ),
        ("shared", "capacity = 100_000\nttl = \"2s\""),
        ("shared", "capacity = 100_000\nflush_at = [\"40s\"]"),
    ];
    for (scope, cache) in cases {
        let with = |mode: &str| {
            let system = System {
                horizon: "60s",
                rate: "700/s",
                web: "count = 2\nworkers = { runtime = \"event_loop\", count = 4 }",
                steps: "{ cache = \"c\", keys = \"urls\", on_miss = [{ cache = \"far\", keys = \"urls\" }] }",
                keys: (5000, "{ zipf = 0.8 }"),
                cache: &format!(
                    "scope = \"{scope}\"
                    mode = \"{mode}\"
                    {cache}
                    [components.far]
                    kind = \"cache\"
                    mode = \"{mode}\"
                    capacity = 1500"
                ),
            };
            system.runs()
        };
        let (exact, ratio) = (with("exact"), with("ratio"));
        // What comes from one cache alone does not come at random: what it has just missed it has now.
        let is_far_known = scope == "worker";
        for name in ["c", "far"].into_iter().take(1 + usize::from(is_far_known)) {
            let (keys, chance) = (exact.hit_ratios[name], ratio.hit_ratios[name]);
            let off = (keys.value - chance.value).abs();
            assert!(
                off < 0.01,
                "{scope} {cache}: {name} {}, without keys {}",
                keys.value,
                chance.value
            );
        }
        let says = |own: &Findings| {
            let mut all = own.advisories.iter();
            all.any(|own| matches!(own, Advisory::RatioMode { component } if component == "far"))
        };
        assert!(says(&ratio) && !says(&exact));
    }
}

/// The first client of one source is not the first one of another: what is private is looked up twice, and missed
/// twice.
#[test]
fn clients_of_two_sources_share_nothing_private() {
    let source = |name: &str| {
        format!(
            "[sources.{name}]\narrivals = \"regular\"\nrate = \"1/s\"\nenters = \"web\"\n\
             clients = {{ population = 1 }}\n"
        )
    };
    let (one, other) = (source("one"), source("other"));
    let text = format!(
        "[run]\nhorizon = \"100s\"\nreplications = 1\n{one}{other}
        [components.web]
        kind = \"service\"
        workers = {{ count = 2 }}
        operations.default.steps = [{LOOK_UP}]
        [keys.urls]
        count = 1
        popularity = \"uniform\"
        vary = \"client\"
        [components.c]
        kind = \"cache\"
        capacity = 10"
    );
    let findings = run(&load(&text).scenario);
    let missed = (1.0 - findings.hit_ratios["c"].value) * findings.requests as f64;
    assert!((missed - 2.0).abs() < 1e-6, "{missed}");
}
