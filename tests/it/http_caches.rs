//! HTTP caches in front of services: what they answer, what they let through, and for whom they go on.

use capsim::experiment::Findings;
use capsim::metrics::Metric;

use crate::support::{load, run, share};

/// The share of requests of which this became in the cache.
fn status(findings: &Findings, what: &str) -> f64 {
    let shares = findings.cache_shares.get("edge");
    let share = shares.and_then(|shares| shares.get(what));
    share.map_or(0.0, |share| share.value)
}

fn figure(findings: &Findings, metric: Metric) -> f64 {
    findings.figure(metric).expect("there were requests").value
}

/// Which share of the requests went to the service, and waited for it.
fn passed(findings: &Findings) -> f64 {
    1.0 - findings.hit_ratios["edge"].value - status(findings, "coalesced")
}

/// `edge` in front of a service whose operations do `steps`, asked by `rate` for one of `keys` pages.
fn system(rate: &str, keys: u32, edge: &str, steps: &str) -> Findings {
    run(&load(&text(rate, keys, edge, steps)).scenario)
}

fn text(rate: &str, keys: u32, edge: &str, steps: &str) -> String {
    format!(
        "[run]
        horizon = \"2000s\"
        replications = 3
        [sources.load]
        arrivals = \"poisson\"
        rate = \"{rate}\"
        enters = \"edge\"
        timeout = \"5s\"
        [components.web]
        kind = \"service\"
        workers = {{ count = 2000 }}
        vcpu = 4
        abandoned = \"cancel\"
        operations.default.steps = [{steps}]
        operations.default.not_modified = [{{ wait = \"1ms\" }}]
        [keys.pages]
        count = {keys}
        popularity = \"uniform\"
        [components.origin]
        kind = \"dependency\"
        latency = \"100ms\"
        [components.flaky]
        kind = \"dependency\"
        latency = \"100ms\"
        errors = \"50%\"
        [components.edge]
        kind = \"http_cache\"
        to = \"web\"
        keys = \"pages\"
        {edge}"
    )
}

/// Stored in second `s` for `v` seconds, a page is good through second `s + v`. It is stored by the first request
/// after it has expired, at the beginning of a second; how far into a second that comes, if they come at rate `l`,
/// is on average `1/l - 1/(e^l - 1)`. What is left of the second counts on top of `v`.
#[test]
fn whole_seconds_are_good_for_longer() {
    let findings = system("0.2/s", 1, "valid = \"9s\"", "{ wait = \"0s\" }");
    let (rate, valid) = (0.2f64, 9.0);
    let into = 1.0 / rate - 1.0 / (rate.exp() - 1.0);
    let hits = rate * (valid + 1.0 - into);
    let (found, expected) = (findings.hit_ratios["edge"], hits / (1.0 + hits));
    let off = (found.value - expected).abs();
    assert!(off < 0.025, "{} is not {expected}", found.value);
}

/// nginx's limits answer 503, those of programs 429; a cache in front gives out what has expired instead of the one or
/// of the other.
#[test]
fn limits_behind_a_cache_answer_as_their_software_does() {
    let with = |limit: &str, case: &str| {
        let edge = format!(
            "valid = \"1s\"\nuse_stale = [\"{case}\"]
            [components.limiter]
            kind = \"rate_limiter\"
            to = \"web\"
            limits = [{{ {limit} }}]"
        );
        let text = text("50/s", 1, &edge, "{ wait = \"0s\" }");
        let text = text.replace(
            "to = \"web\"\n        keys",
            "to = \"limiter\"\n        keys",
        );
        share(&run(&load(&text).scenario), "served")
    };
    let (nginx, window) = (
        "limit_req = { rate = \"6/m\" }",
        "fixed_window = { max = 1, window = \"10s\" }",
    );
    assert!(with(nginx, "http_503") > 0.999);
    assert!(with(nginx, "http_429") < 0.5);
    assert!(with(window, "http_429") > 0.999);
    assert!(with(window, "http_503") < 0.5);
}

/// That no server could be asked is remembered where it is said for how long, and spares everybody the wait; for
/// whoever asks through the cache, be it a client or a service, it is an error all the same.
#[test]
fn an_error_of_its_own_is_kept_and_stays_an_error() {
    let with = |valid: &str, enters: &str| {
        let edge = format!(
            "valid = [{{ time = \"1s\" }}{valid}]
            [components.front]
            kind = \"service\"
            workers = {{ count = 1000 }}
            operations.default.steps = [{{ call = \"edge\" }}]
            [components.limiter]
            kind = \"rate_limiter\"
            to = \"web\"
            limits = [{{ worker_connections = {{ max = 2 }} }}]"
        );
        // The first has the only slot, and keeps it.
        let text = text("50/s", 1, &edge, "{ wait = \"5000s\" }")
            .replace(
                "to = \"web\"\n        keys",
                "to = \"limiter\"\n        keys",
            )
            .replace("enters = \"edge\"", &format!("enters = \"{enters}\""));
        run(&load(&text).scenario)
    };
    for enters in ["edge", "front"] {
        let (kept, not) = (
            with(", { codes = [502], time = \"60s\" }", enters),
            with("", enters),
        );
        for findings in [&kept, &not] {
            let failed = share(findings, "connection_limit");
            assert!(failed > 0.99, "{enters}: {failed}");
        }
        assert!(kept.hit_ratios["edge"].value > 0.99);
        assert!(not.hit_ratios["edge"].value < 0.001);
    }
}

/// One page, 100 times a second, that takes 100 ms and is good for 2 to 3 s. A bare cache lets all through who come
/// meanwhile, and a lock does so, too, but for the first time. With `updating` only one goes, and with an update
/// in the background nobody waits.
#[test]
fn a_lock_is_no_help_against_what_has_expired() {
    let with = |more: &str| {
        let edge = format!("valid = \"2s\"\n{more}");
        system("100/s", 1, &edge, "{ call = \"origin\" }")
    };
    let updating = "use_stale = [\"updating\"]";
    let [bare, lock, one, background] = [
        "",
        "lock = true",
        updating,
        &format!("{updating}\nbackground_update = true\nlock = true"),
    ]
    .map(with);
    // 10 in 100 ms, every 3 s: stored early in a second, it is good for almost 3.
    let of_bare = passed(&bare);
    assert!((of_bare - 11.0 / 300.0).abs() < 0.004, "{of_bare}");
    assert!((passed(&lock) - of_bare).abs() < 0.002, "{}", passed(&lock));
    assert!(
        (passed(&one) - of_bare / 11.0).abs() < 0.001,
        "{}",
        passed(&one)
    );
    assert!(passed(&background) < 0.000_02, "{}", passed(&background));
    assert!((status(&background, "refreshes") - 1.0 / 300.0).abs() < 0.000_5);
    assert!(figure(&background, Metric::LatencyP999) < 0.001);
    assert!(figure(&one, Metric::LatencyP999) > 0.09);
}

/// Whoever waits for the lock looks again after 500 ms, however long it took; who has waited for long enough
/// goes, and what it gets is not stored.
#[test]
fn whoever_waits_for_the_lock_waits_for_half_a_second() {
    let with = |lock: &str| {
        let edge = format!("valid = \"2s\"\ninactive = \"1s\"\nlock = {lock}");
        system("20/s", 400, &edge, "{ wait = \"300ms\" }")
    };
    let (patient, hasty) = (with("true"), with("{ timeout = \"200ms\" }"));
    // Each page is asked for every 20 s: while somebody has gone for it, for 300 ms, by 0.015 others.
    let missed = passed(&patient) - status(&patient, "expired");
    let waited = status(&patient, "coalesced") / missed;
    assert!((waited - 0.015).abs() < 0.0015, "{waited} of {missed}");
    let longest = figure(&patient, Metric::LatencyP999);
    assert!((0.49..0.51).contains(&longest), "{longest}");
    // Those of the last 200 ms find it there when they look again; the others go.
    let went = passed(&hasty) - status(&hasty, "expired");
    let waited = status(&hasty, "coalesced") / went;
    assert!((waited - 0.01 / 1.005).abs() < 0.0015, "{waited} of {went}");
    let longest = figure(&hasty, Metric::LatencyP999);
    assert!((0.48..0.51).contains(&longest), "{longest}");
}

/// Half of the answers are errors. What there is is given out instead where that is asked for, and errors are
/// kept as well where their code is.
#[test]
fn errors_are_made_up_for_or_kept() {
    let with = |more: &str| {
        let edge = format!("valid = {more}");
        system("20/s", 1, &edge, "{ call = \"flaky\" }")
    };
    let shown = with("\"1s\"");
    let made_up = with("\"1s\"\nuse_stale = [\"http_500\"]");
    let kept = with("[{ time = \"1s\" }, { codes = [500], time = \"9s\" }]");
    let errors = |own: &Findings| share(own, "dependency_error");
    assert!(errors(&shown) > 0.02, "{}", errors(&shown));
    assert!(errors(&made_up) < 0.001, "{}", errors(&made_up));
    assert!(status(&made_up, "rescued") > 0.02);
    assert!(errors(&kept) > 0.5, "{}", errors(&kept));
    assert!(kept.hit_ratios["edge"].value > shown.hit_ratios["edge"].value);
}

/// Once under way for something that is to be stored, a request goes on without its client: those who come
/// later find it. What the service hears of clients who leave is nothing.
#[test]
fn what_is_to_be_stored_is_got_without_its_client() {
    let with = |valid: &str| {
        let edge = format!("valid = \"{valid}\"");
        system("1/s", 1, &edge, "{ wait = \"8s\" }")
    };
    let (stored, not) = (with("600s"), with("0s"));
    assert!(share(&stored, "served") > 0.97, "{:?}", stored.outcomes);
    assert!(share(&not, "client_timeout") > 0.99, "{:?}", not.outcomes);
}

/// Asking only whether what there is is still good takes a 304, and no page is made.
#[test]
fn what_is_still_good_is_not_made_again() {
    let with = |more: &str| {
        let edge = format!("valid = \"1s\"\n{more}");
        system("0.2/s", 1, &edge, "{ wait = \"100ms\" }")
    };
    let half = with("revalidate = true\nunchanged = \"50%\"");
    let (plain, asks) = (with(""), with("revalidate = true"));
    let mean = |own: &Findings| figure(own, Metric::LatencyMean);
    assert!(
        (mean(&asks) / mean(&plain) - 0.01).abs() < 0.01,
        "{}",
        mean(&asks)
    );
    let between = f64::midpoint(mean(&plain), mean(&asks));
    assert!((mean(&half) / between - 1.0).abs() < 0.1, "{}", mean(&half));
    assert!(status(&half, "revalidated") > 0.3);
}

/// What writes is not kept, unless it is named: an order that is answered from a cache is never made.
#[test]
fn what_writes_is_not_kept() {
    let order = "{ query = \"pg\", time = \"1ms\", access = \"write\" }";
    let hits = |edge: &str| {
        let database = "[components.pg]\nkind = \"database\"\ncores = 4";
        let findings = system("10/s", 1, &format!("{edge}\n{database}"), order);
        findings.hit_ratios.get("edge").map_or(0.0, |own| own.value)
    };
    assert!(hits("valid = \"1h\"") < 1e-9);
    assert!(hits("valid = \"1h\"\ncacheable = [\"default\"]") > 0.99);
}
