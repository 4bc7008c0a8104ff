//! Content delivery networks: what their edges keep, what a shield spares the origin, who waits for whom.

use capsim::experiment::Findings;
use capsim::metrics::Metric;

use crate::support::{load, run};

fn figure(findings: &Findings, metric: Metric) -> f64 {
    findings.figure(metric).expect("there were requests").value
}

fn status(findings: &Findings, what: &str) -> f64 {
    let shares = findings.cache_shares.get("cdn");
    let share = shares.and_then(|shares| shares.get(what));
    share.map_or(0.0, |share| share.value)
}

/// Requests per second that the origin works on, each for 100 ms.
fn origin_rate(findings: &Findings) -> f64 {
    let workers = findings.resources.iter().find(|own| own.what == "workers");
    let used = workers.and_then(|own| own.used).expect("it has workers");
    used.value / 0.1
}

/// A network in front of an origin that takes 100 ms, asked `rate` times a second for one of `keys` assets that say
/// `control` of themselves.
fn system(rate: &str, keys: u32, control: &str, cdn: &str, step: &str) -> Findings {
    run(&load(&text(rate, keys, control, cdn, step)).scenario)
}

fn text(rate: &str, keys: u32, control: &str, cdn: &str, step: &str) -> String {
    format!(
        "[run]
        horizon = \"1000s\"
        replications = 3
        warm_up = \"100s\"
        [sources.load]
        arrivals = \"poisson\"
        rate = \"{rate}\"
        enters = \"cdn\"
        [components.origin]
        kind = \"service\"
        workers = {{ count = 1000 }}
        [components.origin.operations.default]
        steps = [{step}]
        cache_control = \"{control}\"
        response = \"1MB\"
        [keys.assets]
        count = {keys}
        popularity = \"uniform\"
        [components.flaky]
        kind = \"dependency\"
        latency = \"100ms\"
        errors = \"50%\"
        [components.cdn]
        kind = \"cdn\"
        keys = \"assets\"
        capacity = 100_000
        transfer = \"$1/GB\"
        {cdn}"
    )
}

const WAIT: &str = "{ wait = \"100ms\" }";

/// One asset, 100 times a second, that is good for 2 s: with collapsing one request goes to the origin every 2.1 s
/// and ten wait for it, without it eleven go.
#[test]
fn one_goes_for_all_of_an_edge() {
    let with = |collapse: bool| {
        let cdn = format!("to = \"origin\"\ncollapse = {collapse}");
        system("100/s", 1, "s-maxage=2", &cdn, WAIT)
    };
    let (one, all) = (with(true), with(false));
    // The next one comes 10 ms after the other has expired, on average.
    let expected = 1.0 / 2.11;
    assert!(
        (origin_rate(&one) / expected - 1.0).abs() < 0.02,
        "{}",
        origin_rate(&one)
    );
    let waited = status(&one, "coalesced");
    assert!((waited / (10.0 / 211.0) - 1.0).abs() < 0.05, "{waited}");
    // Each one that comes back makes it good for longer.
    let expected = 11.0 / 2.21;
    assert!(
        (origin_rate(&all) / expected - 1.0).abs() < 0.03,
        "{}",
        origin_rate(&all)
    );
}

/// Twenty edges each ask for themselves; with a shield the origin hears of each asset once in its lifetime. What an
/// edge gets from the shield is as old as it is there: if edges kept it for a whole lifetime more, the origin would
/// hear of it half as often.
#[test]
fn a_shield_asks_once_for_all_edges() {
    let edges = "edges = 20\nspread = \"uniform\"";
    let shield = "[components.shield]
        kind = \"cdn\"
        to = \"origin\"
        keys = \"assets\"
        capacity = 100_000";
    let with = |cdn: &str| system("200/s", 100, "max-age=20", cdn, "{ wait = \"100ms\" }");
    let alone = with(&format!("to = \"origin\"\n{edges}"));
    let shielded = with(&format!("to = \"shield\"\n{edges}\n{shield}"));
    // Each edge gets a tenth of a request per second for each asset; all of them two.
    let asks = |rate: f64| 1.0 / (20.0 + 0.1 + 1.0 / rate);
    let (by_edge, together) = (100.0 * 20.0 * asks(0.1), 100.0 * asks(2.0));
    let off = origin_rate(&alone) / by_edge - 1.0;
    assert!(off.abs() < 0.02, "{} is not {by_edge}", origin_rate(&alone));
    let off = origin_rate(&shielded) / together - 1.0;
    assert!(
        off.abs() < 0.03,
        "{} is not {together}",
        origin_rate(&shielded)
    );
}

/// Past its time something is given out while a new one is got, or if none can be got.
#[test]
fn what_is_past_its_time_is_better_than_to_wait_or_to_fail() {
    let with = |control: &str, step: &str| system("20/s", 1, control, "to = \"origin\"", step);
    let plain = with("max-age=1", WAIT);
    let renewed = with("max-age=1, stale-while-revalidate=5", WAIT);
    assert!(figure(&plain, Metric::LatencyP99) > 0.09);
    assert!(figure(&renewed, Metric::LatencyP999) < 0.001);
    assert!(status(&renewed, "refreshes") > 0.04);
    // What is got in the background goes out to nobody.
    let paid = |own: &Findings| own.costs.iter().map(|part| part.usd.value).sum::<f64>();
    let (all, same) = (paid(&plain), paid(&renewed));
    assert!(
        all > 15.0 && (same / all - 1.0).abs() < 1e-3,
        "{all}, {same}"
    );
    let flaky = "{ call = \"flaky\" }";
    let shown = with("max-age=1", flaky);
    let made_up = with("max-age=1, stale-if-error=1000", flaky);
    let failed = |own: &Findings| figure(own, Metric::ErrorRate);
    assert!(failed(&shown) > 0.02, "{}", failed(&shown));
    assert!(failed(&made_up) <= 0.0, "{}", failed(&made_up));
    assert!(status(&made_up, "rescued") > 0.01);
}

/// That something does not exist is not remembered for as long as what does: 10 s, as by `CloudFront`, instead of a day.
#[test]
fn what_is_missing_is_asked_for_again_soon() {
    let text = text("100/s", 1, "public", "to = \"origin\"", WAIT);
    let text = text.replace("count = 1\n", "count = 1\nmissing = \"100%\"\n");
    let rate = origin_rate(&run(&load(&text).scenario));
    let expected = 1.0 / 10.11;
    assert!((rate / expected - 1.0).abs() < 0.02, "{rate}");
}

/// The client is 10 ms from its edge, the edge 50 ms from the origin, which takes 100 ms.
#[test]
fn who_finds_it_at_the_edge_waits_for_the_way_there_alone() {
    let cdn = "to = \"origin\"\nclient_rtt = \"10ms\"\norigin_rtt = \"50ms\"";
    let findings = system("10/s", 1000, "max-age=100", cdn, WAIT);
    let hits = findings.hit_ratios["cdn"].value;
    let expected = 0.010 + (1.0 - hits) * 0.150;
    let mean = figure(&findings, Metric::LatencyMean);
    assert!(
        (mean / expected - 1.0).abs() < 0.01,
        "{mean} is not {expected}"
    );
    // An asset is asked for every 100 s.
    assert!((hits - 0.5).abs() < 0.03, "{hits}");
    // Those who find it come at any time of its life.
    let age = findings.served_ages["cdn"].mean_s.value;
    assert!((age / 50.0 - 1.0).abs() < 0.03, "{age}");
}
