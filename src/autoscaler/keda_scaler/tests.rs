//! KEDA and its HPA over a group whose queue and requests are laid down.

use super::*;
use crate::autoscaler::{Reading, RequestTime};
use crate::spec::Count;
use crate::stats::Histogram;

const fn span(seconds: u64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

fn queue(target: f64, activation: f64) -> KedaQueue {
    KedaQueue {
        queue: At::built_in("jobs".to_owned()),
        target: At::built_in(target),
        activation: At::built_in(activation),
        metric_type: KedaMetricType::AverageValue,
        cached: false,
        lost: Vec::new(),
    }
}

fn keda(min: u32, triggers: Vec<KedaTrigger>, fallback: Option<KedaFallback>) -> State {
    Keda {
        min: At::built_in(min),
        max: At::built_in(Count::new(30)),
        idle: None,
        triggers,
        polling_interval: At::built_in(span(30)),
        cooldown: At::built_in(span(60)),
        initial_cooldown: SimDuration::ZERO,
        fallback,
        hold: None,
        behavior: None,
        sync_period: At::built_in(span(15)),
        metrics_resolution: At::built_in(span(15)),
    }
    .start()
}

/// What it comes to from its first look on, whenever that changes: pods that are asked for are there at once.
fn run(
    state: &mut State,
    from: u32,
    seconds: u64,
    waiting: impl Fn(u64) -> u64,
) -> Vec<(u64, u32)> {
    let responses = Histogram::default();
    let (mut desired, mut changes) = (from, Vec::new());
    let mut next = SimTime::ZERO + span(1);
    for second in 0..=seconds {
        let pods: Vec<_> = (0..desired).map(Reading::serving).collect();
        let group = Group {
            now: SimTime::ZERO + span(second),
            desired,
            instances: &pods,
            backlogs: &[waiting(second)],
            ..Group::empty(&responses)
        };
        if second % 15 == 0 {
            state.scrape(&group);
        }
        if group.now >= next {
            let said = state.decide(&group);
            next = state.next(group.now);
            if said.instances != desired {
                desired = said.instances;
                changes.push((second, desired));
            }
        }
    }
    changes
}

#[test]
fn a_queue_wakes_it_and_an_empty_one_lets_it_sleep() {
    let trigger = || KedaTrigger::Queue(queue(5.0, 10.0));
    // Nothing below the activation; 40 at 100 s: the polling at 121 s wakes one, the sync 15 s later wants eight, and
    // gets four at most.
    let waiting = |second| match second {
        0..50 => 10,
        50..100 => 0,
        100..300 => 40,
        _ => 0,
    };
    let changes = run(&mut keda(0, vec![trigger()], None), 0, 700, waiting);
    assert_eq!(changes[..3], [(121, 1), (136, 4), (151, 8)]);
    // Active last at 271 s: more than 60 s later, at 361 s, it sleeps, whatever the HPA would like to keep.
    assert_eq!(changes[3..], [(361, 0)]);
    // With a minimum activation is of no account, and down to it is the HPA's affair: after its 300 s.
    let changes = run(&mut keda(1, vec![trigger()], None), 1, 700, waiting);
    assert_eq!(changes.last(), Some(&(601, 1)), "{changes:?}");
}

#[test]
fn a_lost_metric_falls_back_after_enough_failures() {
    let lost = |fallback| {
        let own = KedaQueue {
            lost: vec![KedaOutage {
                at: span(100),
                lasts: span(200),
            }],
            ..queue(5.0, 0.0)
        };
        run(
            &mut keda(2, vec![KedaTrigger::Queue(own)], fallback),
            2,
            290,
            |_| 20,
        )
    };
    // 20 with five each are four; what cannot be read leaves it at that.
    assert_eq!(lost(None), [(1, 4)]);
    // Read at 91 s; failures at 106, 121 and 136 s are put up with, the fourth is not.
    let fallback = KedaFallback {
        failure_threshold: 3,
        replicas: 7,
        behavior: KedaFallbackBehavior::Static,
    };
    assert_eq!(lost(Some(fallback)), [(1, 4), (151, 7)]);
}

#[test]
fn a_cached_metric_is_that_of_the_last_polling() {
    let of = |cached| {
        let own = KedaQueue {
            cached,
            ..queue(5.0, 0.0)
        };
        // It rises just after the polling at 31 s.
        let waiting = |second| if second < 40 { 10 } else { 20 };
        run(
            &mut keda(1, vec![KedaTrigger::Queue(own)], None),
            2,
            100,
            waiting,
        )
    };
    assert_eq!(of(false), [(46, 4)]);
    assert_eq!(of(true), [(61, 4)]);
}

/// 30 requests a second and 6 inside, as Prometheus has them over its window; those that are held count, too.
#[test]
fn prometheus_averages_over_its_window() {
    let responses = Histogram::default();
    let of = |trigger: KedaTrigger, held: u64| {
        let mut state = keda(1, vec![trigger], None);
        let mut said = None;
        for second in (0..=60_u64).step_by(15) {
            let pod = Reading {
                in_flight: RequestTime::from_request_nanos(6_000_000_000 * second),
                n_done: 30 * second,
                ..Reading::serving(0)
            };
            let group = Group {
                now: SimTime::ZERO + span(second),
                desired: 1,
                instances: &[pod],
                held,
                ..Group::empty(&responses)
            };
            state.scrape(&group);
            said = Some(state.decide(&group));
        }
        let sight = said.and_then(|said| said.sight).expect("it saw something");
        (sight.value.expect("there are scrapes"), sight.target)
    };
    let requests = KedaTrigger::Requests(KedaRequests {
        requests_per_second: At::built_in(10.0),
        activation: At::built_in(0.0),
        metric_type: KedaMetricType::AverageValue,
        cached: false,
        window: At::built_in(span(30)),
        lost: Vec::new(),
    });
    assert_eq!(of(requests, 0), (30.0, 10.0));
    let in_flight = KedaTrigger::InFlight(KedaInFlight {
        in_flight: At::built_in(2.0),
        activation: At::built_in(0.0),
        metric_type: KedaMetricType::AverageValue,
        cached: false,
        window: At::built_in(span(30)),
        lost: Vec::new(),
    });
    assert_eq!(of(in_flight, 4), (10.0, 2.0));
}
