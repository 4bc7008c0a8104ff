//! Every kind of phase against Artillery's documented schedule, by literal numbers.

use super::*;
use crate::traffic::tools::testing::{plan, read, secs, stream, ticks, wrong};
use crate::traffic::tools::{Tick, Tool};

const MS: u64 = 1_000_000;

fn visits(text: &str) -> (Due, Limits) {
    match plan(&format!("[artillery]\n{text}")).load {
        Load::Visits { due, most } => (due, most),
        other => panic!("{text}: {other:?}"),
    }
}

/// The instants in milliseconds with their phases.
fn millis(text: &str) -> Vec<(u64, u32)> {
    let all = ticks(&mut visits(text).0, 100_000);
    all.into_iter()
        .map(|(at, phase)| (at / MS, phase))
        .collect()
}

/// The second seed's spike: 60 s at 10/s, 30 s at 200/s, 60 s at 10/s.
#[test]
fn the_spike_test_of_a_plan() {
    let spike = "phases = [{ duration = 60, arrivalRate = 10 }, { duration = 30, arrivalRate = 200 }, \
                 { duration = 60, arrivalRate = 10 }]";
    let all = millis(spike);
    assert_eq!(all.len(), 600 + 6000 + 600);
    assert_eq!(all[..3], [(100, 0), (200, 0), (300, 0)]);
    assert_eq!(
        all[598..603],
        [
            (59_900, 0),
            (60_000, 0),
            (60_005, 1),
            (60_010, 1),
            (60_015, 1)
        ]
    );
    assert_eq!(
        all[6598..6602],
        [(89_995, 1), (90_000, 1), (90_100, 2), (90_200, 2)]
    );
    assert_eq!(all[7199], (150_000, 2));
    let plan = plan(&format!("[artillery]\n{spike}"));
    assert_eq!(plan.end, SimTime::ZERO + secs(150));
    assert_eq!(plan.timeout, Timeout::Aborts(secs(10)));
    assert_eq!(plan.grace, SimDuration::MAX);
}

/// 3 per second: every 333333 us, so 6 in 2 s, and the next phase starts with the last of them.
#[test]
fn gaps_are_cut_to_microseconds() {
    let text =
        "phases = [{ duration = \"2s\", arrivalRate = 3 }, { duration = 1, arrivalRate = 1 }]";
    assert_eq!(
        ticks(&mut visits(text).0, 99),
        [
            (333_333_000, 0),
            (666_666_000, 0),
            (999_999_000, 0),
            (1_333_332_000, 0),
            (1_666_665_000, 0),
            (1_999_998_000, 0),
            (2_999_998_000, 1),
        ]
    );
}

/// 1 to 5 in 3 s: 1, 3, 5 users, every 1000, 333 and 200 ms.
#[test]
fn a_ramp_goes_second_by_second() {
    let text = "phases = [{ duration = 3, arrivalRate = 1, rampTo = 5 }, { pause = 2 }, \
                { duration = 1, arrivalRate = 1 }]";
    assert_eq!(
        millis(text),
        [
            (1000, 0),
            (1333, 0),
            (1666, 0),
            (1999, 0),
            (2200, 0),
            (2400, 0),
            (2600, 0),
            (2800, 0),
            (3000, 0),
            (6000, 2),
        ]
    );
}

/// 2 to 0 in 5 s: 2, 1.5, 1, 0.5, 0 per second; what is cut off is rounded, so 2, 2, 1, 1, 0.
#[test]
fn a_ramp_may_go_down_and_rounds_what_it_cuts() {
    let text = "phases = [{ duration = 5, arrivalRate = 2, rampTo = 0 }]";
    assert_eq!(
        millis(text),
        [
            (500, 0),
            (1000, 0),
            (1500, 0),
            (2000, 0),
            (3000, 0),
            (4000, 0)
        ]
    );
}

/// 2 to 6 in one second is the mean, 4, as fast as timers go.
#[test]
fn a_ramp_of_one_second_is_a_burst() {
    let text = "phases = [{ duration = 1, arrivalRate = 2, rampTo = 6 }]";
    assert_eq!(millis(text), [(1, 0), (2, 0), (3, 0), (4, 0)]);
}

#[test]
fn counts_and_pauses() {
    let text = "phases = [{ pause = \"1m\" }, { duration = 10, arrivalCount = 4 }, \
                { duration = 5, arrivalRate = 0 }, { duration = 1, arrivalRate = 2 }]";
    assert_eq!(
        millis(text),
        [
            (62_500, 1),
            (65_000, 1),
            (67_500, 1),
            (70_000, 1),
            (75_500, 3),
            (76_000, 3)
        ]
    );
}

fn by_worker(text: &str) -> Vec<(u64, u32, u32)> {
    let (mut due, mut stream) = (visits(text).0, stream());
    std::iter::from_fn(|| due.next(&mut stream))
        .map(|tick| (tick.at.as_nanos() / MS, tick.phase, tick.worker))
        .collect()
}

/// 5 per second on 3 workers is 2, 2 and 1, each by its own clock: bunches.
#[test]
fn workers_share_a_rate_in_whole_users() {
    let text = "workers = 3\nphases = [{ duration = 1, arrivalRate = 5, maxVusers = 10 }]";
    assert_eq!(
        by_worker(text),
        [
            (500, 0, 0),
            (500, 0, 1),
            (1000, 0, 0),
            (1000, 0, 1),
            (1000, 0, 2)
        ]
    );
    let limits = visits(text).1;
    let most: Vec<_> = (0..4).map(|worker| limits.most(worker, 0)).collect();
    assert_eq!(most, [Some(4), Some(3), Some(3), None]);
    // Fewer users per second than workers: only so many workers are started.
    let few = "workers = 7\nphases = [{ duration = 2, arrivalRate = 2, maxVusers = 1 }]";
    assert_eq!(by_worker(few), [(1000, 0, 0), (2000, 0, 0)]);
}

/// A count is the first worker's; the others pause meanwhile. A ramp is shared in fractions: 4 per second
/// on 3 workers is 1.33 each, and the third of a user that each of the three loses makes one more.
#[test]
fn workers_share_counts_and_ramps() {
    let text = "workers = 3\nphases = [{ duration = 1, arrivalCount = 2 }, \
                { duration = 2, arrivalRate = 4, rampTo = 4 }]";
    assert_eq!(
        by_worker(text),
        [
            (500, 0, 0),
            (1000, 0, 0),
            (1500, 1, 0),
            (2000, 1, 0),
            (2000, 1, 1),
            (2000, 1, 2),
            (2500, 1, 0),
            (3000, 1, 0),
            (3000, 1, 1),
            (3000, 1, 2),
        ]
    );
}

/// Exponential gaps: about as many as expected, spread as a Poisson process is; the phase that follows
/// starts with the one who would have come too late.
#[test]
fn poisson_users_come_by_chance() {
    let text = "phases = [{ duration = 1000, arrivalRate = 50, mode = \"poisson\" }, \
                { duration = 1, arrivalRate = 1 }]";
    let all = ticks(&mut visits(text).0, 100_000);
    let (first, last): (Vec<_>, Vec<_>) = all.iter().partition(|(_, phase)| *phase == 0);
    let n = first.len() as f64;
    assert!((n - 50_000.0).abs() < 5.0 * 50_000_f64.sqrt(), "{n}");
    assert!(first.is_sorted() && first.iter().all(|(at, _)| *at < 1_000_000 * MS));
    assert!(last.len() == 1 && (1_001_000 * MS..1_002_000 * MS).contains(&last[0].0));
    let gaps: Vec<_> = first
        .windows(2)
        .map(|w| (w[1].0 - w[0].0) as f64 / 2e7)
        .collect();
    let variance = gaps
        .iter()
        .map(|gap| (gap - 1.0) * (gap - 1.0))
        .sum::<f64>()
        / n;
    assert!((variance - 1.0).abs() < 0.1, "{variance}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// Instants never go back; a ramp brings what all its seconds add up to, rounded second by second,
    /// however many workers share it.
    #[test]
    fn a_ramp_brings_what_its_seconds_add_up_to(
        from in 0u32..100, to in 1u32..100, seconds in 2u32..40, workers in 1u32..9,
    ) {
        let text = format!(
            "workers = {workers}\nphases = [{{ duration = {seconds}, arrivalRate = {from}, \
             rampTo = {to} }}]"
        );
        let all = by_worker(&text);
        assert!(all.is_sorted_by_key(|tick| tick.0));
        let area = f64::from(from + to) / 2.0 * f64::from(seconds);
        assert!((all.len() as f64 - area).abs() <= 0.5 * f64::from(seconds) + 1.0);
    }
}

/// A phase, and what is said of it.
const REFUSED: &[(&str, &str)] = &[
    (
        "{ duration = 60 }",
        "/0/duration: this phase does not say who comes",
    ),
    ("{ name = \"x\" }", ": a phase does not say who comes"),
    (
        "{ arrivalRate = 5 }",
        "/0/arrivalRate: `arrivalRate` without `duration`",
    ),
    (
        "{ duration = 60, arrivalRate = 5, arrivalCount = 9 }",
        "/0/arrivalRate: `arrivalRate` and `arrivalCount` do not go together",
    ),
    (
        "{ duration = 60, rampTo = 5 }",
        "/0/rampTo: `rampTo` without `arrivalRate`",
    ),
    (
        "{ pause = 5, arrivalRate = 5 }",
        "/0/arrivalRate: `arrivalRate` and `pause` do not go together",
    ),
    (
        "{ duration = 0, arrivalRate = 5 }",
        "/0/duration: `duration` must be longer than 0",
    ),
    ("{ pause = 0 }", "/0/pause: `pause` must be longer than 0"),
    (
        "{ duration = 60, arrivalRate = 1.5 }",
        "/0/arrivalRate: `arrivalRate` must be a whole number, not 1.5",
    ),
    (
        "{ duration = 60, arrivalRate = -2 }",
        "/0/arrivalRate: `arrivalRate` cannot be negative",
    ),
    (
        "{ duration = 60, arrivalCount = 0 }",
        "/0/arrivalCount: `arrivalCount` must be above 0",
    ),
    (
        "{ duration = 2.5, arrivalRate = 1, rampTo = 5 }",
        "/0/duration: a ramp goes second by second",
    ),
    (
        "{ duration = 60, arrivalRate = 1, rampTo = 5000 }",
        "/0/rampTo: at most 1000 users per second and worker in a ramp",
    ),
    (
        "{ duration = \"500ms\", arrivalRate = 1 }",
        "/0/duration: this phase is shorter than the gap between two users",
    ),
    (
        "{ duration = 60, arrivalRate = 1e18 }",
        "/0/arrivalRate: at most 1000000 users per second and worker",
    ),
    (
        "{ duration = 1, arrivalCount = 2000000 }",
        "/0/arrivalCount: `arrivalCount` is more than one user per microsecond",
    ),
    (
        "{ duration = 60, arrivalRate = 5, maxVusers = 0 }",
        "/0/maxVusers: expected at least 1, found the number 0",
    ),
    (
        "{ duration = 60, arrivalrate = 5 }",
        "/0: unknown key `arrivalrate`",
    ),
];

#[test]
fn phases_that_do_not_add_up() {
    for (phase, problem) in REFUSED {
        let said = wrong(&format!("[artillery]\nphases = [{phase}]"));
        assert_eq!(said, [format!("/artillery/phases{problem}")], "{phase}");
    }
    assert_eq!(
        wrong("[artillery]\nphases = []"),
        ["/artillery/phases: at least one phase is needed"]
    );
}

/// Phases of centuries and workers without number neither hang nor panic.
#[test]
fn absurd_numbers_do_no_harm() {
    for text in [
        "workers = 1000\nphases = [{ duration = 18000000000, arrivalRate = 0, rampTo = 1 }]",
        "phases = [{ duration = 18000000000, arrivalRate = 1e-300, rampTo = 1e-300 }]",
        "phases = [{ pause = 18000000000 }, { duration = 18000000000, arrivalRate = 1000000 }]",
    ] {
        let (mut due, mut stream) = (visits(text).0, stream());
        let found: Vec<Tick> = std::iter::from_fn(|| due.next(&mut stream))
            .take(2000)
            .collect();
        assert!(found.is_sorted_by_key(|tick| tick.at));
    }
    assert!(read::<Tool>("[artillery]\nworkers = 4000000000\nphases = [{ pause = 1 }]").is_err());
}
