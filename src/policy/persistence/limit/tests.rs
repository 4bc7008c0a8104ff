//! The rules against steps computed by hand.

use rand::SeedableRng as _;

use super::super::testing::{problems, read};
use super::*;

/// A limit that is shown calls of so many milliseconds.
struct Shown {
    limit: Limit,
    draw: Draw,
    now: SimTime,
}

impl Shown {
    fn new(text: &str) -> Self {
        Self {
            limit: read::<LimitSpec>(text).start(),
            draw: Draw::seed_from_u64(7),
            now: SimTime::ZERO,
        }
    }

    fn call(&mut self, rtt_ms: u64, inflight: u32, dropped: bool) -> u32 {
        self.now += SimDuration::from_nanos(1_000_000);
        let sample = Sample {
            now: self.now,
            rtt: SimDuration::from_nanos(rtt_ms * 1_000_000),
            inflight,
            dropped,
        };
        self.limit.sample(&sample, &mut self.draw);
        self.limit.limit()
    }

    fn ok(&mut self, rtt_ms: u64, inflight: u32) -> u32 {
        self.call(rtt_ms, inflight, false)
    }

    fn drop(&mut self, rtt_ms: u64) -> u32 {
        self.call(rtt_ms, 0, true)
    }
}

#[test]
fn a_call_is_refused_when_as_many_are_in_flight() {
    let limit = read::<LimitSpec>("8").start();
    assert!(limit.admit(7) && !limit.admit(8) && !limit.admit(9));
    let mut fixed = Shown::new("{ fixed = 8 }");
    assert_eq!([fixed.ok(1, 8), fixed.drop(9_000)], [8, 8]);
}

/// Up by one where at least half of it was in flight; down to floor(0.9 L): 25, 22, 19.8 -> 20.
#[test]
fn aimd_adds_one_and_takes_a_tenth() {
    let mut aimd = Shown::new("\"aimd\"");
    assert_eq!(
        [aimd.ok(1, 9), aimd.ok(1, 10), aimd.ok(1, 10)],
        [20, 21, 21]
    );
    let grown: Vec<_> = (0..7).map(|_| aimd.ok(5_000, 50)).collect();
    assert_eq!(
        grown,
        [22, 23, 24, 25, 26, 27, 28],
        "5 s is not longer than 5 s"
    );
    assert_eq!(aimd.ok(5_001, 0), 25, "too slow is dropped: 25.2");
    assert_eq!([aimd.drop(1), aimd.drop(1), aimd.drop(1)], [22, 20, 20]);
    let mut low = Shown::new("{ aimd = { initial = 3, min = 1, max = 4 } }");
    assert_eq!([low.ok(1, 9), low.ok(1, 9)], [4, 4]);
    assert_eq!(
        [low.drop(1), low.drop(1), low.drop(1), low.drop(1)],
        [3, 2, 1, 1]
    );
}

/// Steady response times: gradient 1, so every sample adds 0.2 * 4: 20.8, 21.6, ... After ten samples of
/// 100 ms, at 28, one of 1 s: the factor is 2/601, long = 100 + 900 * 2/601 = 102.995 ms, the gradient
/// 1.5 * 0.102995 is below 0.5, so 0.8 * 28 + 0.2 * (14 + 4) = 26; then 24.2 and 22.58.
#[test]
fn gradient2_steps() {
    let mut gradient = Shown::new("\"gradient2\"");
    let steady: Vec<_> = (0..10).map(|_| gradient.ok(100, 20)).collect();
    assert_eq!(steady, [20, 21, 22, 23, 24, 24, 25, 26, 27, 28]);
    assert_eq!(
        [
            gradient.ok(1000, 28),
            gradient.ok(1000, 28),
            gradient.ok(1000, 28)
        ],
        [26, 24, 22]
    );
    assert_eq!(
        gradient.ok(1000, 10),
        22,
        "10 in flight is below half of 22.58"
    );
    assert_eq!(gradient.drop(1000), 22, "a drop says nothing by itself");
}

/// Between: response times of 100 ms, then 200 ms in the warm-up: long = (5 * 100 + 200) / 6 = 116.667,
/// gradient = 1.5 * 116.667 / 200 = 0.875, and 24 becomes 19.2 + 0.2 * (21 + 4) = 24.2. Seen through a
/// minimum of 1 and a queue of 0: 20 becomes 16 + 0.2 * 17.5 = 19.5; then long = 900/7 = 128.571, the
/// gradient 0.964286: 15.6 + 0.2 * 18.803571 = 19.360714.
#[test]
fn gradient2_shrinks_by_the_gradient() {
    let mut gradient =
        Shown::new("{ gradient2 = { min = 1, initial = 200, max = 200, queue_size = 0 } }");
    for _ in 0..5 {
        assert_eq!(gradient.ok(100, 200), 200);
    }
    // Ten times the numbers above.
    assert_eq!([gradient.ok(200, 200), gradient.ok(200, 200)], [195, 193]);
}

/// After ten samples of 100 ms, one of 200 ms: no plain mean any more, but 100 + 100 * 2/601 = 100.333 ms;
/// the gradient is 0.752496, and 200 becomes 160 + 0.2 * 150.499 = 190.1. (The mean of all eleven would
/// make it 192.7.)
#[test]
fn gradient2_averages_ten_samples_and_then_follows_slowly() {
    let mut gradient =
        Shown::new("{ gradient2 = { min = 1, initial = 200, max = 200, queue_size = 0 } }");
    assert_eq!((0..10).map(|_| gradient.ok(100, 200)).last(), Some(200));
    assert_eq!(gradient.ok(200, 200), 190);
}

/// After a long overload the long-term response time is cut by 5 % a sample: ten samples of 1 s, then
/// 100 ms until an intermediate one of 500 ms is slow again. Without the cut, long would still be
/// 1000 * (1 - 2/601)^40 + ... = 887 ms, and 500 ms would pass for quick (gradient 1, the limit grows);
/// with it, long is below 2 * 100 ms after 40 samples, and 1.5 * 200 / 500 makes it shrink.
#[test]
fn gradient2_forgets_an_overload() {
    let mut gradient = Shown::new("\"gradient2\"");
    (0..10).for_each(|_| {
        gradient.ok(1000, 20);
    });
    (0..40).for_each(|_| {
        gradient.ok(100, 60);
    });
    let before = gradient.limit.limit();
    assert!(gradient.ok(500, 60) < before);
}

/// Start 50: queue = max(4, 7) = 7. At the shortest response time: 57, 64 (queue 7), 72 (queue 8). A
/// response time four times the shortest: gradient 2/4 = 0.5: 36 + 8 = 44, smoothed 0.8 * 72 + 0.2 * 44 =
/// 66.4. A drop: 0.8 * 66.4 + 0.2 * 0.9 * 66.4 = 65.072. Below half of it in flight: unchanged.
#[test]
fn gradient_steps() {
    let mut gradient = Shown::new("\"gradient\"");
    assert_eq!(
        [
            gradient.ok(10, 50),
            gradient.ok(20, 50),
            gradient.ok(10, 64)
        ],
        [57, 64, 72]
    );
    assert_eq!(
        [gradient.ok(40, 72), gradient.drop(10), gradient.ok(10, 32)],
        [66, 65, 65]
    );
}

/// With an interval of 100 the first probe comes after 100 to 199 samples, and sets the limit to the queue:
/// sqrt(1000) = 31. The shortest response time is forgotten with it, so 80 ms is short now.
#[test]
fn gradient_probes() {
    let mut gradient = Shown::new("{ gradient = { probe_interval = 100 } }");
    let first = (1..=300)
        .find(|_| gradient.ok(10, 1000) == 31)
        .expect("a probe");
    assert!((101..=200).contains(&first), "{first}");
    assert_eq!(gradient.ok(80, 31), 36, "31 + floor(sqrt(31))");
}

/// The first sample is the shortest, 10 ms. Limit 20, L = 1. 10 ms: queue 0: + 6. 10.5 ms: queue
/// ceil(26 * 0.0476) = 2: above L, below 3 L: + 1. 12 ms: ceil(27 / 6) = 5: from 3 to 6: unchanged.
/// 20 ms: ceil(13.5) = 14: - 1. A drop: - 1. Twelve in flight: unchanged.
#[test]
fn vegas_steps() {
    let mut vegas = Shown::new("{ vegas = { probe_multiplier = 1000 } }");
    assert_eq!(vegas.ok(20, 20), 20, "the first");
    assert_eq!(vegas.ok(10, 20), 20, "shorter than the first");
    assert_eq!(vegas.ok(10, 20), 26);
    let mut call = |rtt_us: u64, inflight, dropped| {
        let sample = Sample {
            now: SimTime::ZERO,
            rtt: SimDuration::from_nanos(rtt_us * 1000),
            inflight,
            dropped,
        };
        vegas.limit.sample(&sample, &mut vegas.draw);
        vegas.limit.limit()
    };
    assert_eq!([call(10_500, 26, false), call(12_000, 27, false)], [27, 27]);
    assert_eq!([call(20_000, 27, false), call(10_000, 0, true)], [26, 25]);
    assert_eq!([call(10_000, 12, false), call(10_000, 13, false)], [25, 31]);
}

/// From 100 on steps are twice as large: 98, 104, 116 (L = 2), ... up to the highest.
#[test]
fn vegas_takes_larger_steps_at_larger_limits() {
    let mut vegas = Shown::new("{ vegas = { initial = 98, max = 120, probe_multiplier = 1000 } }");
    let grown = [0; 4].map(|_| vegas.ok(10, 200));
    assert_eq!(grown, [98, 104, 116, 120]);
    assert_eq!(vegas.drop(10), 118);
}

/// The shortest response time is taken anew after 15 to 30 times the limit of 20 (which cannot move, for
/// nothing is in flight): after 300 to 600 samples. From then on 20 ms is short, and the limit grows.
#[test]
fn vegas_probes() {
    let mut vegas = Shown::new("\"vegas\"");
    vegas.ok(10, 0);
    let mut n = 1;
    loop {
        n += 1;
        vegas.ok(20, 0);
        // What would it do at its limit?
        let mut copy = vegas.limit.clone();
        let now = vegas.now;
        let sample = Sample {
            now,
            rtt: SimDuration::from_nanos(20_000_000),
            inflight: 20,
            dropped: false,
        };
        copy.sample(&sample, &mut vegas.draw.clone());
        if copy.limit() > 20 {
            break;
        }
        assert!(n < 1000, "never");
    }
    assert!((300..=600).contains(&n), "{n}");
}

/// Calls come every millisecond, the first at 1 ms; those below 100 µs are not seen. The second ends a window
/// of one call, too few to count. The next window ends with the first call after 1002 ms, the one after
/// that with the first after 2003 ms.
#[test]
fn a_window_puts_calls_together() {
    let mut aimd = Shown::new("{ aimd = { initial = 30, window = \"1s\" } }");
    let limits: Vec<_> = (1..=2000)
        .map(|ms| aimd.ok(if ms == 1 { 0 } else { 2 }, 20))
        .collect();
    let changes: Vec<_> = (1..2000).filter(|i| limits[*i] != limits[*i - 1]).collect();
    assert_eq!((changes, limits[1999]), (vec![1002], 31), "at 1003 ms");
    // One drop among many makes the sample a drop: floor(0.9 * 31).
    let limits: Vec<_> = (2001..=2010)
        .map(|ms| aimd.call(2, 20, ms == 2002))
        .collect();
    assert_eq!(limits, [31, 31, 31, 27, 27, 27, 27, 27, 27, 27]);
}

/// Whatever it is shown, a limit stays in its range, and is a number.
#[test]
fn extremes_stay_in_range() {
    for word in ["aimd", "gradient2", "gradient", "vegas"] {
        let mut limit = read::<LimitSpec>(&format!("\"{word}\"")).start();
        let mut draw = Draw::seed_from_u64(5);
        for i in 0u64..20_000 {
            let rtt = [0, 1, u64::MAX, 1_000_000, i][(i % 5) as usize];
            let sample = Sample {
                now: SimTime::from_nanos(i),
                rtt: SimDuration::from_nanos(rtt),
                inflight: if i % 7 == 0 { 0 } else { u32::MAX },
                dropped: i % 11 == 0,
            };
            limit.sample(&sample, &mut draw);
            assert!(
                (1..=1000).contains(&limit.limit()),
                "{word}: {}",
                limit.limit()
            );
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let about = |text: &str| problems::<LimitSpec>(text).join("; ");
    assert!(about("0").contains("at least 1"));
    assert_eq!(
        about("{ aimd = { min = 50, max = 5 } }"),
        "2 the highest limit is below the lowest"
    );
    assert!(about("{ gradient2 = { initial = 10 } }").contains("outside its range of 20 to 200"));
    assert!(about("{ vegas = { initial = 2000 } }").contains("outside its range of 1 to 1000"));
    assert!(about("{ aimd = { backoff_ratio = \"100%\" } }").contains("below 100%"));
    assert!(about("{ gradient = { rtt_tolerance = 0.5 } }").contains("between 1 and 1000"));
    assert!(about("{ vegas = { window = \"1ms\" } }").contains("at least 100 ms"));
    assert!(about("\"vegan\"").contains("unknown choice"));
}
