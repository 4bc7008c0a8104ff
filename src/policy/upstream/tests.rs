//! Rules of HAProxy, worked out by hand. Those of nginx are held against its recorded decisions elsewhere.

use super::*;
use crate::diag::{Diagnostics, Origin};
use crate::rng::Salt;
use crate::spec::{At, Node, Spec as _, Value};

fn method(word: &str) -> Method {
    let node = Node {
        value: Value::Text(word.to_owned()),
        origin: Origin::BUILT_IN,
    };
    Method::read(&node, &mut Diagnostics::default()).expect("a method by its bare name")
}

const ANY: LineRules = LineRules {
    most: None,
    most_bound: None,
    most_in_all: None,
};

/// Servers with these weights and limits, all of them there.
fn group(word: &str, servers: &[(u32, u32)]) -> Group {
    let servers: Vec<_> = servers
        .iter()
        .map(|(weight, max_conns)| Server {
            weight: *weight,
            max_conns: *max_conns,
            max_fails: 0,
            ..Server::default()
        })
        .collect();
    let mut group = Group::new(&servers, &method(word), NextRules::new([], 0, None));
    (0..servers.len() as u32).for_each(|peer| group.join(peer));
    group
}

/// Picks for the request with this number, which comes from the address with this number.
fn pick(group: &mut Group, trial: &mut Trial, number: u64) -> Option<u32> {
    let [a, b, c, ..] = (number as u32).rotate_right(24).to_le_bytes();
    group.begins(trial, SimTime::ZERO);
    group.pick(&mut Ask {
        now: SimTime::ZERO,
        address: Address::V4([c, b, a]),
        trial,
        draw: Salt::new("test", "pick").draw(number),
    })
}

fn picks(group: &mut Group, n: u64) -> Vec<Option<u32>> {
    let mut trial = Trial::default();
    (0..n).map(|at| pick(group, &mut trial, at)).collect()
}

/// Idle servers first, whatever their weights; then (requests + 1) / weight, in whole numbers: 512 for one
/// request at weight 1, 256, 384, 512, 640 for one to four at weight 2. Of equals the one that has been so for
/// the longest.
#[test]
fn leastconn_counts_one_more() {
    let mut group = group("leastconn", &[(1, 0), (2, 0)]);
    let picked: Vec<_> = picks(&mut group, 8).into_iter().flatten().collect();
    assert_eq!(picked, [0, 1, 1, 1, 0, 1, 1, 0]);
}

/// Of equals, whoever has just got rid of a request is behind those who had as few before.
#[test]
fn leastconn_takes_turns() {
    let mut group = group("leastconn", &[(1, 0), (1, 0), (1, 0)]);
    assert_eq!(picks(&mut group, 3), [Some(0), Some(1), Some(2)]);
    for peer in [1, 2, 0] {
        group.is_served(peer);
    }
    assert_eq!(picks(&mut group, 3), [Some(1), Some(2), Some(0)]);
}

/// Those who wait for a server count as if they were there.
#[test]
fn leastconn_counts_those_who_wait() {
    let mut group = group("leastconn", &[(1, 4), (1, 4)]).with_lines(0, ANY);
    let mut queue = Queue::new(1, 2);
    for who in 0..2 {
        group.waits(&mut queue, Some(0), (who, SimTime::ZERO));
    }
    let picked: Vec<_> = picks(&mut group, 2).into_iter().flatten().collect();
    assert_eq!(picked, [1, 1]);
}

/// Between 2 and 10 in proportion to what there is, of which 20 is full.
#[test]
fn the_limit_grows_with_the_load() {
    let server = Server {
        max_conns: 10,
        min_conns: 2,
        max_fails: 0,
        ..Server::default()
    };
    let rules = NextRules::new([], 0, None);
    let mut group = Group::new(&[server], &method("round_robin"), rules)
        .with_full_conns(20)
        .with_lines(0, ANY);
    group.join(0);
    let (mut queue, mut trial) = (Queue::new(1, 1), Trial::default());
    let mut at_once = 0;
    for who in 0..19 {
        match pick(&mut group, &mut trial, who) {
            Some(_) => at_once += 1,
            None => {
                let place = group.waits(&mut queue, None, (who as u32, SimTime::ZERO));
                assert!(place.is_some());
            }
        }
    }
    assert_eq!((at_once, queue.n_waiting()), (2, 17));
    // One is done: 18 are left, of which 18 · 10 / 20 may be under way.
    group.is_served(0);
    let next = |group: &mut Group, queue: &mut Queue| {
        let next = std::iter::from_fn(|| group.takes_next(queue, 0, SimTime::ZERO));
        next.map(|next| next.who).collect::<Vec<_>>()
    };
    assert_eq!(next(&mut group, &mut queue), [2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(group.active(0), 9);
}

/// Nobody overtakes those who wait, though a server has room; whoever is bound to a server with room for
/// another does not overtake those who are bound to it, too.
#[test]
fn nobody_overtakes() {
    let mut own = group("round_robin", &[(1, 1), (1, 1)]).with_lines(0, ANY);
    let (mut queue, mut trial) = (Queue::new(1, 2), Trial::default());
    assert_eq!(picks(&mut own, 3), [Some(0), Some(1), None]);
    own.waits(&mut queue, None, (2, SimTime::ZERO));
    own.is_served(0);
    assert_eq!(pick(&mut own, &mut trial, 3), None);
    assert_eq!(own.may_wait(None, &trial, SimTime::ZERO), MayWait::Yes);
    own.waits(&mut queue, Some(1), (3, SimTime::ZERO));
    own.is_served(1);
    assert_eq!(own.pick_bound(1, SimTime::ZERO), Bound::Waits);
    let next = own.takes_next(&mut queue, 1, SimTime::ZERO);
    assert_eq!(next.map(|next| next.who), Some(2));
    // With nobody up, those who wait are sent away.
    own.leave(0);
    assert_eq!(own.sends_away(&mut queue, 0, SimTime::ZERO), None);
    own.leave(1);
    let away = own.sends_away(&mut queue, 1, SimTime::ZERO);
    assert_eq!(away.map(|away| away.who), Some(3));
    assert_eq!(own.may_wait(None, &trial, SimTime::ZERO), MayWait::Nobody);
}

/// Addresses go to the servers that are up, modulo their weights. When one of three goes down, half of those
/// that were on the others move as well.
#[test]
fn source_moves_many() {
    let mut group = group("source", &[(1, 0), (1, 0), (1, 0)]);
    let before = picks(&mut group, 600);
    assert_eq!(before[..4], [Some(0), Some(1), Some(2), Some(0)]);
    group.leave(2);
    let after = picks(&mut group, 600);
    let stayed = before.iter().zip(&after).filter(|(a, b)| a == b).count();
    assert_eq!(stayed, 200);
}

/// A server at its limit is drawn nevertheless: then the request waits, though the other has room.
#[test]
fn random_draws_may_draw_twice() {
    let mut busy = group("random_draws", &[(1, 0), (1, 0)]);
    (0..500).for_each(|_| assert!(busy.pick_this(0, SimTime::ZERO)));
    let picked = picks(&mut busy, 400);
    // Both draws are the busy one: a quarter. 400 tries spread by 9.
    let on_busy = picked.iter().filter(|own| **own == Some(0)).count();
    assert!((60..140).contains(&on_busy), "{on_busy}");
    let mut full = group("random_draws", &[(1, 1), (1, 0)]).with_lines(0, ANY);
    assert!(full.pick_this(0, SimTime::ZERO));
    let mut trial = Trial::default();
    let mut picked = (0..400).map(|at| {
        let own = pick(&mut full, &mut trial, at);
        if let Some(own) = own {
            full.is_served(own);
        }
        own
    });
    assert!(
        picked.any(|own| own.is_none()),
        "both draws were the full one"
    );
}

#[test]
fn first_fills_up() {
    let mut group = group("first", &[(1, 2), (9, 1), (1, 0)]);
    let picked: Vec<_> = picks(&mut group, 5).into_iter().flatten().collect();
    assert_eq!(picked, [0, 0, 1, 2, 2]);
}

/// Where a request goes after each failure, until it has failed.
fn course(redispatch: Redispatch, (word, n): (&str, usize), ending: Ending) -> Vec<Next> {
    let retries = Retries {
        max: At::built_in(3),
        on: vec![At::built_in(Condition::ConnectFailure)],
        redispatch,
    };
    let rules = NextRules::retrying(retries.rules(Some(SimDuration::from_secs(5))));
    let server = Server {
        max_fails: 0,
        ..Server::default()
    };
    let servers = vec![server; n];
    let mut group = Group::new(&servers, &method(word), rules);
    (0..n as u32).for_each(|peer| group.join(peer));
    let (mut trial, mut next) = (Trial::default(), Vec::new());
    let mut at = pick(&mut group, &mut trial, 0);
    while let Some(peer) = at {
        let asked = Asked {
            is_idempotent: true,
            is_bound: false,
        };
        let own = group.ends(peer, (ending, asked), (&mut trial, SimTime::ZERO));
        next.push(own);
        at = match own {
            Next::Same(_) => Some(peer),
            Next::Nowhere => None,
            Next::Elsewhere => {
                let other = group.pick(&mut Ask {
                    now: SimTime::ZERO,
                    address: Address::V4([0, 0, 0]),
                    trial: &mut trial,
                    draw: Salt::new("test", "pick").draw(1),
                });
                assert!(n == 1 || other != Some(peer), "another, if there is one");
                other
            }
        };
    }
    assert_eq!(group.active, 0, "every place is given back");
    next
}

/// Three retries at the same server, a second apart if it refuses; with `redispatch`, the last goes to another,
/// and all do where any server is as good.
#[test]
fn retries_stay_or_go_on() {
    use Next::{Elsewhere, Nowhere};
    let pause = Next::Same(SimDuration::from_secs(1));
    let at_once = Next::Same(SimDuration::ZERO);
    let never = course(Redispatch::Never, ("round_robin", 2), Ending::Refused);
    assert_eq!(never, [pause, pause, pause, Nowhere]);
    let slow = course(Redispatch::Never, ("leastconn", 2), Ending::NotConnected);
    assert_eq!(slow, [at_once, at_once, at_once, Nowhere]);
    let last = course(Redispatch::Last, ("leastconn", 2), Ending::Refused);
    assert_eq!(last, [pause, pause, Elsewhere, Nowhere]);
    let alone = course(Redispatch::Last, ("round_robin", 1), Ending::Refused);
    assert_eq!(alone, [pause, pause, Elsewhere, Nowhere]);
    let any = course(Redispatch::Last, ("round_robin", 2), Ending::Refused);
    assert_eq!(any, [Elsewhere, Elsewhere, Elsewhere, Nowhere]);
    let answered = course(Redispatch::Each, ("leastconn", 2), Ending::Answered(503));
    assert_eq!(answered, [Nowhere]);
}

/// AWS spares a server only beside one that has its full share, which the other has got though nobody has asked for
/// it since.
#[test]
fn a_full_share_needs_no_requests() {
    use crate::policy::health::{Panic, SlowStartRules};
    let at = |secs: u64| SimTime::ZERO + SimDuration::from_secs(secs);
    let rules = SlowStartRules {
        beside_others: true,
        ..SlowStartRules::default()
    };
    let mut group = group("round_robin", &[(1, 0), (1, 0), (1, 0)]).with_health(&HealthRules {
        panic: Panic::NEVER,
        outliers: None,
        slow_start: Some(rules.over(SimDuration::from_secs(30))),
    });
    group.begins_with(0, true, at(0));
    group.begins_with(1, true, at(0));
    group.begins_with(1, true, at(10));
    group.leave(0);
    group.forgets(0);
    group.begins_with(2, false, at(10));
    group.is_checked(2, true, at(50));
    assert!(group.share_of(2) < 0.1, "{}", group.share_of(2));
    let full = group.share_of(1);
    assert!(full > 0.99, "{full}");
}

/// Half-way through its slow start a server may have half of its requests, where the limit grows with the share.
#[test]
fn the_limit_grows_in_a_slow_start() {
    use crate::policy::health::{Panic, SlowStartRules};
    let at = |secs: u64| SimTime::ZERO + SimDuration::from_secs(secs);
    let most_at = |limits_too: bool, now: SimTime| {
        let rules = SlowStartRules {
            in_steps: true,
            limits_too,
            ..SlowStartRules::default()
        };
        let server = Server {
            max_conns: 10,
            ..Server::default()
        };
        let mut group = Group::new(&[server], &method("leastconn"), NextRules::new([], 0, None))
            .with_health(&HealthRules {
                panic: Panic::NEVER,
                outliers: None,
                slow_start: Some(rules.over(SimDuration::from_secs(60))),
            });
        group.join(0);
        group.begins_with(0, true, at(100));
        let mut trial = Trial::default();
        group.begins(&mut trial, now);
        let picks = std::iter::from_fn(|| {
            group.pick(&mut Ask {
                now,
                address: Address::V4([0, 0, 0]),
                trial: &mut trial,
                draw: Salt::new("test", "pick").draw(1),
            })
        });
        picks.take(20).count()
    };
    let times = [at(100), at(130), at(145), at(161)];
    assert_eq!(times.map(|now| most_at(true, now)), [1, 5, 7, 10]);
    assert_eq!(times.map(|now| most_at(false, now)), [10; 4]);
}

/// A request is not sent again to a server that did not take it, for as long as that is in quarantine; when it is
/// over, and the others are, that one is as good as any.
#[test]
fn a_quarantine_is_for_as_long_as_it_says() {
    let at = |secs: u64| SimTime::ZERO + SimDuration::from_secs(secs);
    let rules = NextRules::new([Condition::ConnectFailure], 10, None);
    let server = Server {
        max_fails: 0,
        ..Server::default()
    };
    let mut group = Group::new(&[server; 3], &method("round_robin"), rules)
        .with_quarantine(Some(SimDuration::from_secs(5)));
    (0..3).for_each(|peer| group.join(peer));
    let asked = Asked {
        is_idempotent: true,
        is_bound: false,
    };
    let picks = |group: &mut Group, trial: &mut Trial, now: u64| {
        group.pick(&mut Ask {
            now: at(now),
            address: Address::V4([0, 0, 0]),
            trial,
            draw: Salt::new("test", "pick").draw(1),
        })
    };
    let refused = |group: &mut Group, trial: &mut Trial, now: u64| {
        let peer = picks(group, trial, now).expect("somebody is not in quarantine");
        (
            peer,
            group.ends(peer, (Ending::Refused, asked), (trial, at(now))),
        )
    };
    let (mut own, mut other) = (Trial::default(), Trial::default());
    group.begins(&mut own, at(0));
    assert_eq!(refused(&mut group, &mut own, 0), (0, Next::Elsewhere));
    group.begins(&mut other, at(3));
    assert_eq!(refused(&mut group, &mut other, 3), (1, Next::Elsewhere));
    assert_eq!(refused(&mut group, &mut other, 3), (2, Next::Elsewhere));
    assert_eq!(picks(&mut group, &mut own, 4), None);
    assert_eq!(picks(&mut group, &mut own, 6), Some(0));
}

/// A retry goes on at once only where another server is up: one that fails its checks, or stands in for others, is
/// none. Until then the same one is asked again, after a moment.
#[test]
fn a_retry_goes_on_at_once_only_where_another_is_up() {
    use crate::policy::health::Panic;
    let retries = Retries {
        max: At::built_in(3),
        on: vec![At::built_in(Condition::ConnectFailure)],
        redispatch: Redispatch::Last,
    };
    let own = Server {
        max_fails: 0,
        ..Server::default()
    };
    let backup = Server {
        backup: true,
        ..own
    };
    let rules = NextRules::retrying(retries.rules(None));
    let mut group = Group::new(&[own, own, backup], &method("round_robin"), rules);
    group = group.with_health(&HealthRules {
        panic: Panic::NEVER,
        outliers: None,
        slow_start: None,
    });
    for peer in 0..3 {
        group.join(peer);
        group.begins_with(peer, peer != 1, SimTime::ZERO);
    }
    let mut trial = Trial::default();
    assert_eq!(pick(&mut group, &mut trial, 0), Some(0));
    let asked = Asked {
        is_idempotent: true,
        is_bound: false,
    };
    let mut refused =
        |group: &mut Group| group.ends(0, (Ending::Refused, asked), (&mut trial, SimTime::ZERO));
    let pause = Next::Same(SimDuration::from_secs(1));
    assert_eq!(refused(&mut group), pause);
    group.is_checked(1, true, SimTime::ZERO);
    assert_eq!(refused(&mut group), Next::Elsewhere);
}
