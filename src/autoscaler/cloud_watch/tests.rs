//! Alarms over groups of instances whose use is laid down minute by minute.

use super::*;
use crate::autoscaler::RequestTime;
use crate::spec::{At, Count};

const fn at(seconds: u64) -> SimTime {
    SimTime::from_nanos(seconds * 1_000_000_000)
}

fn alarm(metric: AwsMetric, above: f64, period: u64, n: u32) -> AwsAlarm {
    AwsAlarm {
        metric: At::built_in(metric),
        queue: None,
        statistic: None,
        above: Some(At::built_in(above)),
        at_least: None,
        below: None,
        at_most: None,
        period: At::built_in(SimDuration::from_secs(period)),
        evaluation_periods: At::built_in(Count::new(n)),
        datapoints_to_alarm: None,
        missing_data: AwsMissingData::Missing,
        resolution: At::built_in(MINUTE),
    }
}

/// Instances that have used so many seconds of their one vCPU each, and done so many requests.
fn read<T>(
    second: u64,
    instances: &[(u64, u64)],
    responses: &Histogram,
    to: impl FnOnce(&Group<'_>) -> T,
) -> T {
    let own = instances.iter().enumerate();
    let own: Vec<_> = own
        .map(|(place, (cpu, n_done))| Reading {
            place: place as u32,
            asked: SimTime::ZERO,
            phase: Phase::InService,
            started: Some(SimTime::ZERO),
            changed: Some(SimTime::ZERO),
            cpu: SimDuration::from_secs(*cpu),
            in_flight: RequestTime::default(),
            n_done: *n_done,
            memory: None,
        })
        .collect();
    to(&Group {
        now: at(second),
        desired: own.len() as u32,
        instances: &own,
        cpus: 1.0,
        memory: None,
        responses,
        ended: 0,
        failed: 0,
        backlogs: &[],
        held: 0,
        foresight: None,
    })
}

/// CPU of one instance in whole percent, minute by minute; then the alarm as it is at a second.
fn watch(alarm: &AwsAlarm, delay: u64, percent: &[u64]) -> Watch {
    let mut watch = alarm.start(0, SimDuration::from_secs(delay));
    let mut used = 0;
    for (minute, percent) in std::iter::once(&0).chain(percent).enumerate() {
        used += percent * 60 / 100;
        let second = minute as u64 * 60;
        read(second, &[(used, 0)], &Histogram::default(), |group| {
            watch.report(group, Counted::Running);
        });
    }
    watch
}

#[test]
fn a_report_is_seen_when_it_has_ended_and_come_in() {
    let mut own = watch(&alarm(AwsMetric::Cpu, 70.0, 60, 2), 30, &[50, 80, 90]);
    // The third minute has ended at 180 s, and comes in at 210 s.
    assert_eq!(own.evaluate(at(150)).metric, Some(80.0));
    let before = own.evaluate(at(209));
    assert_eq!((before.says, before.metric), (AlarmState::Ok, Some(80.0)));
    let after = own.evaluate(at(210));
    assert_eq!((after.says, after.metric), (AlarmState::Alarm, Some(90.0)));
}

#[test]
fn actions_are_repeated_every_minute_and_at_once_when_it_comes_back() {
    let mut own = watch(&alarm(AwsMetric::Cpu, 70.0, 60, 1), 0, &[90, 90, 10, 90]);
    let acts = [60, 90, 120, 180, 240].map(|second| own.evaluate(at(second)).acts);
    assert_eq!(acts, [true, false, true, false, true]);
}

/// Periods of five minutes slide along minute by minute: with 90 % in two of five minutes it is 42 % on average.
#[test]
fn long_periods_slide_by_the_minute() {
    let own = alarm(AwsMetric::Cpu, 40.0, 300, 1);
    let minutes = [10, 10, 10, 90, 90, 10];
    let mut own = watch(&own, 0, &minutes);
    let seen = [240, 300, 360].map(|second| own.evaluate(at(second)).metric);
    assert_eq!(seen, [Some(30.0), Some(42.0), Some(42.0)]);
    // With basic monitoring there is one report in five minutes, and it counts until the next is there.
    let basic = AwsAlarm {
        resolution: At::built_in(SimDuration::from_secs(300)),
        ..alarm(AwsMetric::Cpu, 40.0, 300, 1)
    };
    let mut own = watch(&basic, 0, &[10, 10, 10, 90, 90, 10, 10]);
    let seen = [240, 300, 420].map(|second| own.evaluate(at(second)));
    assert_eq!(seen.map(|own| own.metric), [None, Some(42.0), Some(42.0)]);
    assert_eq!(seen[2].says, AlarmState::Alarm);
}

#[test]
fn statistics_are_over_all_reports_of_a_period() {
    let last = |statistic| {
        let own = AwsAlarm {
            statistic: Some(At::built_in(statistic)),
            ..alarm(AwsMetric::Cpu, 0.0, 120, 1)
        };
        let mut own = own.start(0, SimDuration::ZERO);
        // Two instances: 20 % and 40 %, then 60 % and 100 %.
        for (second, used) in [(0, [0, 0]), (60, [12, 24]), (120, [48, 84])] {
            let used = used.map(|seconds| (seconds, 0));
            read(second, &used, &Histogram::default(), |group| {
                own.report(group, Counted::Running);
            });
        }
        own.evaluate(at(120)).metric.map(f64::round)
    };
    let all = [
        AwsStatistic::Average,
        AwsStatistic::Minimum,
        AwsStatistic::Maximum,
        AwsStatistic::Sum,
    ];
    assert_eq!(all.map(last), [55.0, 20.0, 100.0, 220.0].map(Some));
}

#[test]
fn without_requests_nothing_is_reported() {
    let mut own = alarm(AwsMetric::RequestsPerTarget, 50.0, 60, 1).start(0, SimDuration::ZERO);
    let mut slow = AwsAlarm {
        statistic: Some(At::built_in(AwsStatistic::P90)),
        ..alarm(AwsMetric::ResponseTime, 0.4, 60, 1)
    }
    .start(0, SimDuration::ZERO);
    let mut responses = Histogram::default();
    for (second, done) in [(0, [0, 0]), (60, [70, 50]), (120, [70, 50])] {
        responses.clear();
        if second == 60 {
            responses.record_many(SimDuration::from_nanos(100_000_000), 80);
            responses.record_many(SimDuration::from_nanos(500_000_000), 20);
        }
        let done = done.map(|n| (0, n));
        read(second, &done, &responses, |group| {
            own.report(group, Counted::Running);
            slow.report(group, Counted::Running);
        });
    }
    let first = own.evaluate(at(60));
    assert_eq!((first.says, first.metric), (AlarmState::Alarm, Some(60.0)));
    let tail = slow.evaluate(at(60)).metric.expect("there were answers");
    assert!((tail / 0.5 - 1.0).abs() < 0.02, "{tail}");
    // The minute without any is missing, and the last one that was not still counts.
    assert_eq!(own.evaluate(at(120)).metric, Some(60.0));
    assert_eq!(own.evaluate(at(240)).says, AlarmState::InsufficientData);
}

#[test]
fn instances_that_warm_up_are_not_reported() {
    let own = |since: u64| Reading {
        place: 0,
        asked: at(100),
        phase: Phase::InService,
        started: Some(at(100)),
        changed: Some(at(since)),
        cpu: SimDuration::ZERO,
        in_flight: RequestTime::default(),
        n_done: 0,
        memory: None,
    };
    let warm = Counted::Warm(MINUTE);
    assert!(!warm.has(&own(130), at(189)));
    assert!(warm.has(&own(130), at(190)));
    assert!(Counted::Running.has(&own(130), at(131)));
    let there_before = Reading {
        asked: SimTime::ZERO,
        ..own(0)
    };
    assert!(warm.has(&there_before, at(1)));
}

#[test]
fn what_was_reported_counts_on_when_the_threshold_is_another() {
    let mut own = watch(&alarm(AwsMetric::Cpu, 95.0, 60, 2), 0, &[80, 90]);
    assert_eq!(own.evaluate(at(120)).says, AlarmState::Ok);
    own.adopts(alarm(AwsMetric::Cpu, 70.0, 60, 2).start(0, SimDuration::ZERO));
    assert_eq!(own.evaluate(at(121)).says, AlarmState::Alarm);
    // Of something else it has seen nothing yet.
    own.adopts(alarm(AwsMetric::ErrorRate, 1.0, 60, 2).start(0, SimDuration::ZERO));
    let fresh = own.evaluate(at(122));
    assert_eq!(
        (fresh.says, fresh.metric),
        (AlarmState::InsufficientData, None)
    );
}
