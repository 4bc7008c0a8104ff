//! Limits against what they promise, whatever comes.

use super::keyed::Order;
use super::*;
use crate::spec::{At, Count};
use crate::units::{Bytes, Rate};

const STRANGER: Sender = Sender {
    client: None,
    address: None,
};

fn from(address: u32) -> Sender {
    Sender {
        client: Some(address),
        address: Some(address),
    }
}

fn at(ms: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_nanos(ms * 1_000_000)
}

fn count(n: u32) -> At<Count> {
    At::built_in(Count::new(n))
}

fn limit_req(rate: &str, burst: u32, nodelay: bool) -> LimitReq {
    LimitReq {
        rate: At::built_in(rate.parse().expect("a rate")),
        burst: At::built_in(burst),
        delay: None,
        nodelay: At::built_in(nodelay),
        key: At::built_in(LimitKey::Address),
        zone_size: None,
    }
}

fn sliding(max: u32, by: SlidingCount) -> Limit {
    RequestLimit::SlidingWindow(SlidingWindowLimit {
        max: count(max),
        window: At::built_in(SimDuration::from_secs(1)),
        count: At::built_in(by),
        key: At::built_in(LimitKey::Address),
    })
    .start()
}

/// Requests of a few addresses, in order of time: gaps in milliseconds and who.
fn arrivals() -> impl proptest::prelude::Strategy<Value = Vec<(u64, u32)>> {
    proptest::collection::vec(
        (
            proptest::prop_oneof![proptest::prelude::Just(0), 0..40u64, 900..1100u64],
            0..3u32,
        ),
        1..300,
    )
}

/// When requests of each address were let pass.
fn passed(limit: &mut Limit, arrivals: &[(u64, u32)]) -> Vec<(u64, u32)> {
    let mut now = 0;
    let mut passed = Vec::new();
    for (gap, who) in arrivals {
        now += gap;
        if !matches!(limit.ask(from(*who), at(now)), Verdict::Reject(_)) {
            passed.push((now, *who));
        }
    }
    passed
}

proptest::proptest! {
    /// In no window of the length, wherever it begins, are there more of an address than the log allows; and
    /// nobody is turned away without need.
    #[test]
    fn a_sliding_log_holds_in_every_window(arrivals in arrivals()) {
        let mut limit = sliding(5, SlidingCount::Log);
        let mut now = 0;
        let mut log: Vec<(u64, u32)> = Vec::new();
        for (gap, who) in arrivals {
            now += gap;
            let recent = log.iter().filter(|(came, by)| *by == who && now - came < 1000).count();
            let verdict = limit.ask(from(who), at(now));
            proptest::prop_assert_eq!(verdict == Verdict::Pass, recent < 5);
            if verdict == Verdict::Pass {
                log.push((now, who));
            }
        }
    }

    /// Over any stretch of time, nginx lets no more of an address pass than its rate and its burst make, and
    /// one that is new.
    #[test]
    fn limit_req_holds_over_every_stretch(arrivals in arrivals(), burst in 0..8u32) {
        let mut limit = RequestLimit::LimitReq(limit_req("20/s", burst, true)).start();
        let passed = passed(&mut limit, &arrivals);
        for who in 0..3 {
            let own: Vec<u64> = passed.iter().filter(|p| p.1 == who).map(|p| p.0).collect();
            for (i, first) in own.iter().enumerate() {
                for (j, last) in own.iter().enumerate().skip(i) {
                    let most = (last - first) * 20 / 1000 + u64::from(burst) + 1;
                    proptest::prop_assert!((j - i + 1) as u64 <= most + 1);
                }
            }
        }
    }

    /// A bucket of tokens lets pass what a list of tokens, each with the time at which it falls in, would.
    #[test]
    fn a_bucket_holds_what_it_should(arrivals in arrivals(), burst in 1..6u32) {
        let mut limit = RequestLimit::TokenBucket(TokenBucketLimit {
            rate: At::built_in(Rate::per_second(8.0).expect("a rate")),
            burst: count(burst),
            max_wait: At::built_in(SimDuration::ZERO),
            refill_every: None,
            key: At::built_in(LimitKey::All),
        }).start();
        // In eighths of a millisecond a token takes 1000 of them: whole numbers.
        let (mut level, mut since, mut now) = (u64::from(burst) * 1000, 0, 0);
        for (gap, _) in arrivals {
            now += gap;
            level = (level + (now - since) * 8).min(u64::from(burst) * 1000);
            since = now;
            let has_token = level >= 1000;
            if has_token {
                level -= 1000;
            }
            proptest::prop_assert_eq!(limit.ask(STRANGER, at(now)) == Verdict::Pass, has_token);
        }
    }

    /// The order of those who came, against a list.
    #[test]
    fn the_oldest_is_who_came_first(steps in proptest::collection::vec((0..6u32, 0..4u8), 1..200)) {
        let mut order = Order::new(4);
        let mut list: Vec<u32> = Vec::new();
        for (number, what) in steps {
            list.retain(|own| *own != number);
            if what == 0 {
                order.goes(number);
            } else {
                order.comes(number);
                list.push(number);
            }
            proptest::prop_assert_eq!(order.oldest(), list.first().copied());
            proptest::prop_assert_eq!(order.is_full(), list.len() >= 4);
        }
    }
}

/// express-rate-limit with 3 per second: a window begins with the first request of an address, and across its
/// end twice as many get through.
#[test]
fn a_fixed_window_begins_with_the_first_request() {
    let mut limit = RequestLimit::FixedWindow(FixedWindowLimit {
        max: count(3),
        window: At::built_in(SimDuration::from_secs(1)),
        starts: At::built_in(WindowStart::FirstRequest),
        key: At::built_in(LimitKey::Address),
    })
    .start();
    let mut ask = |who, ms| limit.ask(from(who), at(ms));
    assert_eq!(ask(0, 400), Verdict::Pass);
    let late = [1390, 1391].map(|ms| ask(0, ms));
    assert_eq!(late, [Verdict::Pass; 2]);
    let wait = SimDuration::from_nanos(8_000_000);
    assert_eq!(ask(0, 1392), Verdict::Reject(Some(wait)));
    assert_eq!(ask(1, 1392), Verdict::Pass, "another address");
    let next = [1400, 1401, 1402].map(|ms| ask(0, ms));
    assert_eq!(next, [Verdict::Pass; 3], "six within 12 ms");
    assert!(matches!(ask(0, 2399), Verdict::Reject(_)));
    assert_eq!(ask(0, 2400), Verdict::Pass);
}

/// Half into a window, half of what came in the one before still counts.
#[test]
fn a_sliding_counter_weighs_the_window_before() {
    let mut limit = sliding(10, SlidingCount::Counter);
    assert_eq!(passed(&mut limit, &[(10, 0); 20]).len(), 10);
    let mut later = Vec::new();
    for _ in 0..10 {
        later.push(limit.ask(from(0), at(1500)) == Verdict::Pass);
    }
    assert_eq!(later.iter().filter(|passed| **passed).count(), 5);
    // Two windows later nothing counts any more.
    assert_eq!(limit.ask(from(0), at(3001)), Verdict::Pass);
}

/// A zone with room for two addresses: the third pushes out the one that came least recently, which then
/// begins anew.
#[test]
fn a_full_zone_forgets_the_least_recent() {
    // 8,000 keys per MiB.
    let mut spec = limit_req("1/s", 0, true);
    spec.zone_size = Some(At::built_in(Bytes::new((1 << 20) / 4000 + 1)));
    let mut limit = RequestLimit::LimitReq(spec).start();
    let mut passes = |who, ms| limit.ask(from(who), at(ms)) == Verdict::Pass;
    assert!(passes(0, 0) && passes(1, 1));
    assert!(!passes(0, 2), "still known, and now the more recent one");
    assert!(passes(2, 3), "pushes out 1");
    assert!(passes(1, 4), "which is new again, and pushes out 0");
    assert!(passes(0, 5), "which is new again");
}

/// A rate per minute is cut to thousandths per second.
#[test]
fn rates_are_cut_as_nginx_cuts_them() {
    let milli = |text: &str| text.parse().map(limit_req::WholeRate::milli);
    let cases = [
        ("5r/m", 83),
        ("100/min", 1666),
        ("7/min", 116),
        ("10/s", 10_000),
    ];
    for (text, expected) in cases {
        assert_eq!(milli(text), Ok(expected), "{text}");
    }
    for wrong in ["10", "0/s", "1.5/s", "10/h", "-1/s", "99999999999/s"] {
        assert!(milli(wrong).is_err(), "{wrong}");
    }
}

/// Whoever may wait for a token gets one in turn.
#[test]
fn a_bucket_hands_out_tokens_ahead_of_time() {
    let mut limit = RequestLimit::TokenBucket(TokenBucketLimit {
        rate: At::built_in(Rate::per_second(10.0).expect("a rate")),
        burst: count(1),
        max_wait: At::built_in(SimDuration::from_nanos(200_000_000)),
        refill_every: None,
        key: At::built_in(LimitKey::All),
    })
    .start();
    let verdicts = [0, 0, 0, 0].map(|ms| limit.ask(STRANGER, at(ms)));
    let wait = |ms: u64| Verdict::Delay(SimDuration::from_nanos(ms * 1_000_000));
    assert_eq!(verdicts[..3], [Verdict::Pass, wait(100), wait(200)]);
    assert!(matches!(verdicts[3], Verdict::Reject(Some(_))));
}
