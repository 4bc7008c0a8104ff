//! Locust's batches, shapes and waits, by literal numbers.

use super::*;
use crate::traffic::tools::testing::{plan, secs, wrong};

fn steps(text: &str) -> Vec<(u64, u32)> {
    match plan(&format!("[locust]\n{text}")).load {
        Load::Crew(crew) => crew
            .map(|step| (step.at.as_nanos() / 1_000_000, step.users))
            .collect(),
        other => panic!("{text}: {other:?}"),
    }
}

/// 2.5 per second: 2 at a time, every 0.8 s, the first at once, the last one alone.
#[test]
fn users_come_in_batches() {
    assert_eq!(
        steps("users = 7\nspawn_rate = 2.5"),
        [(0, 2), (800, 4), (1600, 6), (2400, 7)]
    );
    assert_eq!(
        steps("users = 3\nspawn_rate = 0.5"),
        [(0, 1), (2000, 2), (4000, 3)]
    );
    assert_eq!(steps("users = 10\nspawn_rate = 100"), [(0, 10)]);
    assert_eq!(steps(""), [(0, 1)]);
    assert_eq!(plan("[locust]").end, SimTime::NEVER);
    let plan = plan("[locust]\nrun_time = \"1h30m\"\nstop_timeout = 10");
    assert_eq!(
        (plan.end, plan.grace),
        (SimTime::ZERO + secs(5400), secs(10))
    );
}

/// 10 at 5/s until 60 s, 4 at 2/s until 90 s, 6 at 1/s until 91.5 s, which is noticed at 92 s.
#[test]
fn a_shape_goes_up_and_down() {
    let shape = "stages = [{ duration = 60, users = 10, spawn_rate = 5 }, { duration = 90, users = 4, \
                 spawn_rate = 2 }, { duration = 91.5, users = 6, spawn_rate = 1 }]";
    assert_eq!(
        steps(shape),
        [
            (0, 5),
            (1000, 10),
            (60_000, 8),
            (61_000, 6),
            (62_000, 4),
            (90_000, 5),
            (91_000, 6)
        ]
    );
    let end = plan(&format!("[locust]\n{shape}")).end;
    assert_eq!(end, SimTime::ZERO + secs(92));
}

/// A stage that wants something else before the last one has got there starts from what there is.
#[test]
fn a_new_stage_starts_from_what_there_is() {
    let shape = "stages = [{ duration = 3, users = 100, spawn_rate = 1 }, { duration = 9, users = 1, \
                 spawn_rate = 2 }]";
    assert_eq!(steps(shape), [(0, 1), (1000, 2), (2000, 3), (3000, 1)]);
}

#[test]
fn users_wait_as_they_are_told() {
    let wait = |text: &str| plan(&format!("[locust]\nwait_time = {text}")).wait;
    let half = 1 << 63;
    assert_eq!(
        wait("{ constant = 1.5 }").wait(secs(9), half).as_nanos(),
        1_500_000_000
    );
    let between = wait("{ between = [1, 5] }");
    let at = |draw| between.wait(secs(9), draw).as_nanos();
    assert_eq!(
        (at(0), at(half), at(u64::MAX)),
        (1_000_000_000, 3_000_000_000, 4_999_999_999)
    );
    let pacing = wait("{ constant_pacing = 10 }");
    assert_eq!(
        (pacing.wait(secs(4), 0), pacing.wait(secs(11), 0)),
        (secs(6), secs(0))
    );
    let throughput = wait("{ constant_throughput = 0.1 }");
    assert_eq!(throughput, Wait::Pacing(secs(10)));
    assert_eq!(plan("[locust]").wait.wait(secs(1), half), secs(0));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let cases = [
        ("users = 0", "users: `users` must be above 0"),
        ("spawn_rate = 0", "spawn_rate: `spawn_rate` must be above 0"),
        (
            "spawn_rate = -1",
            "spawn_rate: `spawn_rate` must be above 0",
        ),
        ("run_time = 0", "run_time: `run_time` must be longer than 0"),
        (
            "users = 3\nstages = [{ duration = 9, users = 1, spawn_rate = 1 }]",
            "users: `users` beside `stages`",
        ),
        ("stages = []", "stages: at least one stage is needed"),
        (
            "stages = [{ duration = 60, users = 1, spawn_rate = 1 }, { duration = 60, users = 2, \
             spawn_rate = 1 }]",
            "stages/1/duration: this stage is never reached",
        ),
        (
            "wait_time = { between = [5, 1] }",
            "wait_time: the longest wait is shorter than the shortest",
        ),
        (
            "wait_time = { between = [5] }",
            "wait_time/between: expected the shortest and the longest wait",
        ),
        (
            "wait_time = { constant_throughput = 0 }",
            "wait_time: `constant_throughput` must be above 0",
        ),
        (
            "wait_time = { constant = -1 }",
            "wait_time/constant: a duration cannot be negative: the number -1",
        ),
    ];
    for (text, problem) in cases {
        let said = wrong(&format!("[locust]\n{text}"));
        assert_eq!(said, [format!("/locust/{problem}")], "{text}");
    }
}

#[test]
fn absurd_numbers_do_no_harm() {
    for rate in ["1e300", "1e-300", "1e-320"] {
        let found = steps(&format!("users = 1000\nspawn_rate = {rate}"));
        assert!(found.is_sorted() && !found.is_empty());
    }
}
