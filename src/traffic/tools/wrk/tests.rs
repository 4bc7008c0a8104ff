//! wrk's own numbers.

use super::*;
use crate::traffic::tools::testing::{plan, secs, wrong};

#[test]
fn twelve_threads_and_ten_thousand_connections_are_9996() {
    let plan = plan("[wrk]\nthreads = 12\nconnections = 10000\nduration = 30");
    let Load::Crew(crew) = plan.load else {
        panic!("a crew");
    };
    let at = SimTime::ZERO;
    assert_eq!(crew.collect::<Vec<_>>(), [Step { at, users: 9996 }]);
    assert_eq!((plan.end, plan.grace), (SimTime::ZERO + secs(30), secs(0)));
    assert_eq!(plan.timeout, Timeout::Counts(secs(2)));
}

#[test]
fn what_wrk_refuses_is_refused() {
    assert_eq!(
        wrong("[wrk]\nthreads = 8\nconnections = 7"),
        ["/wrk/connections: fewer connections (7) than threads (8)"]
    );
    assert_eq!(
        wrong("[wrk]\nduration = 0"),
        ["/wrk/duration: `duration` must be longer than 0"]
    );
    assert_eq!(
        wrong("[wrk]\nthreads = 0"),
        ["/wrk/threads: expected at least 1, found the number 0"]
    );
}

/// 30 s, 10,000 connections, 150,000 requests: 15 each, one every 2 s.
#[test]
fn the_expected_interval_is_in_whole_requests() {
    assert_eq!(expected_interval(secs(30), 150_000, 10_000), Some(secs(2)));
    assert_eq!(expected_interval(secs(30), 159_999, 10_000), Some(secs(2)));
    assert_eq!(expected_interval(secs(30), 9_999, 10_000), None);
    assert_eq!(expected_interval(secs(30), 1, 0), None);
    let seventh = SimDuration::from_nanos(1_428_571_000);
    assert_eq!(expected_interval(secs(10), 7, 1), Some(seventh));
}

/// Worked out by hand: 1000 is expected every 300, so 700 and 400 are missing; 600 is twice 300, of
/// which 300 is not more than one interval.
#[test]
fn slow_answers_stand_for_those_that_were_never_asked() {
    let micros = |n: u64| SimDuration::from_nanos(n * 1000);
    let missing = |latency, interval| {
        let found = correction(micros(latency), micros(interval));
        found.map(|span| span.as_nanos() / 1000).collect::<Vec<_>>()
    };
    assert_eq!(missing(1000, 300), [700, 400]);
    assert_eq!(missing(900, 300), [600]);
    assert_eq!(missing(601, 300), [301]);
    assert_eq!(missing(600, 300), [] as [u64; 0]);
    assert_eq!(missing(299, 300), [] as [u64; 0]);
    assert_eq!(missing(5, 0), [] as [u64; 0]);
    let mut all = Vec::new();
    let latencies = [(micros(1000), 2), (micros(100), 5)];
    corrected(latencies, micros(300), |latency, times| {
        all.push((latency.as_nanos() / 1000, times));
    });
    assert_eq!(all, [(1000, 2), (700, 2), (400, 2), (100, 5)]);
}
