//! Comparisons: paired differences with a known truth, and what is said of two configurations.

use capsim::engine::Watch;
use capsim::experiment::{Comparison, Counters, Session, Word, compare};
use capsim::scenario::{Loaded, Scenario, changes};
use capsim::stats::{Confidence, Paired, Sample};
use capsim::units::Fraction;

use crate::support::load;

/// One worker that takes 10 ms on average: M/M/1.
const STATION: &str = r#"
[run]
horizon = "25s"
warm_up = "5s"
window = "5s"
replications = 8
[sources.users]
arrivals = "poisson"
rate = "50/s"
enters = "web"
[components.web]
kind = "service"
vcpu = 1
workers = { count = 1, backlog = 100000 }
operations.default.steps = [{ cpu = { exponential = "10ms" } }]
"#;

fn compared(a: &Scenario, b: &Scenario) -> Comparison {
    let (watch, counters) = (Watch::default(), Counters::default());
    let session = Session {
        watch: &watch,
        counters: &counters,
    };
    compare(a, b, Fraction::percent(1), &session).expect("nobody interrupts")
}

fn with(text: &str, from: &str, to: &str) -> Loaded {
    assert!(text.contains(from), "{from}");
    load(&text.replace(from, to))
}

/// Work of 10 ms against work of 8 ms, at 50 requests per second: sojourns in M/M/1 are exponential with the
/// rate μ - λ, so their means are 20 and 40/3 ms and their 95th percentiles ln 20 times that. Of intervals at
/// 95 % (those of the main figures hold together, and at more by themselves) about that many contain it.
#[test]
fn intervals_of_differences_cover_the_truth() {
    const TIMES: u64 = 150;
    let truth = 1.0 / 75.0 - 1.0 / 50.0;
    let (mut mean, mut p95, mut saved) = (0, 0, 0.0);
    for seed in 1..=TIMES {
        let seeded = STATION.replace(
            "replications = 8",
            &format!("replications = 8\nseed = {seed}"),
        );
        let (a, b) = (load(&seeded), with(&seeded, "\"10ms\"", "\"8ms\""));
        let found = compared(&a.scenario, &b.scenario);
        let of = |name: &str| found.figure(name).expect("a figure").clone();
        let has = |name: &str, truth: f64| {
            let interval = of(name).difference.and_then(|own| own.interval);
            interval.is_some_and(|(low, high)| low <= truth && truth <= high)
        };
        mean += u64::from(has("latency_mean", truth));
        p95 += u64::from(has("latency_p95", truth * 20.0_f64.ln()));
        saved += of("latency_mean").saved.expect("both vary") / TIMES as f64;
    }
    // Of 150 intervals at 95 %, fewer than 134 or none missing happens once in a thousand times.
    assert!(
        (134..150).contains(&mean),
        "{mean} of {TIMES} contain the difference of the means"
    );
    // p95 is a main figure: at 1 - 5 %/4 by itself; in short runs quantiles are biased a little.
    assert!(p95 >= 140, "{p95} of {TIMES} contain the difference of p95");
    assert!(
        saved > 3.0,
        "common random numbers save a factor of {saved}"
    );
}

/// The same configuration under two names: not one figure differs, in any replication.
#[test]
fn a_configuration_does_not_differ_from_itself() {
    let a = load(STATION);
    let found = compared(&a.scenario, &load(STATION).scenario);
    assert!(changes(&a.scenario, &a.scenario).is_empty());
    let other: Vec<_> = found
        .figures
        .iter()
        .filter(|own| own.word != Word::Same)
        .collect();
    assert!(other.is_empty() && found.figures.len() > 15, "{other:?}");
    assert!(!found.is_worse() && !found.is_undecided());
    assert_eq!(found.same_requests, Some(1003.0));
}

/// Twice the workers see the same requests and the same work, and are known to be better; a change that does
/// nothing to the system is known to do nothing.
#[test]
fn words_are_the_right_way_round() {
    let (a, b) = (
        load(STATION),
        with(
            STATION,
            "vcpu = 1\nworkers = { count = 1",
            "vcpu = 2\nworkers = { count = 2",
        ),
    );
    let found = compared(&a.scenario, &b.scenario);
    let word = |found: &Comparison, name: &str| found.figure(name).expect(name).word;
    assert_eq!(word(&found, "latency_p95"), Word::Better);
    assert_eq!(word(&found, "web.workers.utilization"), Word::Lower);
    assert!(found.same_requests.is_some() && !found.is_worse());
    let back = compared(&b.scenario, &a.scenario);
    assert_eq!(word(&back, "latency_p95"), Word::Worse);
    assert!(back.is_worse());
    let (forth, back) = (found.figure("latency_p95"), back.figure("latency_p95"));
    let (forth, back) = (forth.expect("p95"), back.expect("p95"));
    assert_eq!(
        forth.difference,
        back.difference.map(|own| own.map(|own| -own))
    );
}

/// Pairs are added until the differences are as precise as was asked, and not for ever.
#[test]
fn pairs_are_added_until_the_differences_are_precise() {
    let rule = |rule: &str| STATION.replace("replications = 8", &format!("replications = {rule}"));
    let of = |text: &str| {
        compared(
            &load(text).scenario,
            &with(text, "\"10ms\"", "\"9ms\"").scenario,
        )
    };
    let found = of(&rule("{ at_least = 5, at_most = 200, precision = \"5%\" }"));
    assert!(
        found.pairs > 5 && found.pairs < 200,
        "{} pairs",
        found.pairs
    );
    for own in found.main().filter(|own| own.word != Word::Same) {
        let half = own
            .difference
            .and_then(|d| d.half_width())
            .expect("an interval");
        let larger = own.a.expect("data").value.max(own.b.expect("data").value);
        assert!(half <= 0.05 * larger, "{} is known to {half}", own.name);
    }
    let capped = of(&rule("{ at_least = 5, at_most = 7, precision = \"0.1%\" }"));
    assert_eq!(
        (capped.pairs, capped.stop),
        (7, capsim::experiment::Stop::AtMost)
    );
}

/// B runs on A's seed and by A's rule, whatever it says itself.
#[test]
fn both_are_drawn_alike() {
    let a = load(STATION);
    let b = with(STATION, "replications = 8", "replications = 3\nseed = 99");
    let of_b = b.scenario.drawn_like(&a.scenario);
    assert_eq!(of_b.resolved(), a.scenario.resolved());
    assert_eq!(of_b.seed(), 1);
    let paths: Vec<_> = changes(&a.scenario, &b.scenario)
        .into_iter()
        .map(|own| own.path)
        .collect();
    assert_eq!(
        paths,
        [
            "run.seed",
            "run.replications.at_least",
            "run.replications.at_most"
        ]
    );
}

/// What a table of another kind says is one change, what a list says is one for each item.
#[test]
fn changes_are_told_key_by_key() {
    let a = load(STATION);
    let b = load(
        &STATION
            .replace("{ exponential = \"10ms\" }", "{ constant = \"10ms\" }")
            .replace("vcpu = 1", "vcpu = 2\ncost = \"$1/h\""),
    );
    let told: Vec<_> = changes(&a.scenario, &b.scenario)
        .into_iter()
        .map(|own| {
            format!(
                "{}: {} -> {}",
                own.path,
                own.a.unwrap_or_default(),
                own.b.unwrap_or_default()
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// Without common random numbers the truth is covered all the same: pairs that have nothing in common.
#[test]
fn independent_pairs_are_covered_too() {
    let mut state = 1_u64;
    let mut draw = || {
        // A sum of twelve uniform numbers is close to normal.
        (0..12)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1_u64 << 53) as f64
            })
            .sum::<f64>()
            - 6.0
    };
    let level = Confidence::new(0.95).expect("a level");
    let (mut differences, mut ratios) = (0, 0);
    for _ in 0..2000 {
        let sample = |mean: f64, draw: &mut dyn FnMut() -> f64| {
            Sample::mean((0..6).map(|_| Some(mean + draw())).collect()).expect("data")
        };
        let (a, b) = (sample(10.0, &mut draw), sample(13.0, &mut draw));
        let paired = Paired::new(&a, &b, level);
        let has = |own: Option<(f64, f64)>, truth: f64| {
            own.is_some_and(|(low, high)| low <= truth && truth <= high)
        };
        differences += u32::from(has(paired.difference.interval, 3.0));
        ratios += u32::from(has(paired.relative.and_then(|own| own.interval), 0.3));
    }
    // 1900 ± 32 is what 2000 intervals at 95 % do in 999 of 1000 cases.
    for covered in [differences, ratios] {
        assert!((1868..=1932).contains(&covered), "{covered} of 2000");
    }
}
