//! Every executor against k6's documented schedule, by literal numbers.

use super::*;
use crate::traffic::tools::testing::{plan, secs, ticks, wrong};

const MS: u64 = 1_000_000;

fn due(text: &str) -> Due {
    match plan(text).load {
        Load::Paced { due, .. } => due,
        other => panic!("{text}: {other:?}"),
    }
}

fn crew(text: &str) -> Vec<(u64, u32)> {
    match plan(text).load {
        Load::Crew(crew) => crew
            .take(100_000)
            .map(|step| (step.at.as_nanos() / MS, step.users))
            .collect(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn iterations_by_counter_or_by_user() {
    let shared = plan("[k6]\nexecutor = \"shared-iterations\"\nvus = 10\niterations = 200");
    assert!(matches!(
        shared.load,
        Load::Iterations {
            vus: 10,
            iterations: 200,
            shared: true
        }
    ));
    assert_eq!(shared.end, SimTime::ZERO + secs(600));
    assert_eq!(
        (shared.grace, shared.timeout),
        (secs(30), Timeout::Aborts(secs(60)))
    );
    let each = plan(
        "[k6]\nexecutor = \"per-vu-iterations\"\nmaxDuration = \"30s\"\nstartTime = \"10s\"\n\
         gracefulStop = \"0s\"",
    );
    assert!(matches!(
        each.load,
        Load::Iterations {
            vus: 1,
            iterations: 1,
            shared: false
        }
    ));
    assert_eq!(
        (each.start, each.end, each.grace),
        (SimTime::ZERO + secs(10), SimTime::ZERO + secs(40), secs(0))
    );
}

#[test]
fn constant_vus_are_there_at_once() {
    let text = "[k6]\nexecutor = \"constant-vus\"\nvus = 7\nduration = \"30s\"\nstartTime = 2500";
    assert_eq!(crew(text), [(2500, 7)]);
    assert_eq!(plan(text).end.as_nanos(), 32_500 * MS);
}

/// 0 to 4 in 8 s: one every 2 s, the first after 2 s. Hold. 4 to 1 in 6 s: one every 2 s, the last at
/// the end. Jump to 3. Down to 0 in 3 s.
#[test]
fn ramping_vus_come_and_go_one_by_one() {
    let stages = "startVUs = 0\nstages = [{ target = 4, duration = \"8s\" }, { target = 4, duration \
                  = \"2s\" }, { target = 1, duration = \"6s\" }, { target = 3, duration = \"0s\" }, \
                  { target = 0, duration = \"3s\" }]";
    let text = format!("[k6]\nexecutor = \"ramping-vus\"\n{stages}");
    assert_eq!(
        crew(&text),
        [
            (2000, 1),
            (4000, 2),
            (6000, 3),
            (8000, 4),
            (12_000, 3),
            (14_000, 2),
            (16_000, 1),
            (16_000, 3),
            (17_000, 2),
            (18_000, 1),
            (19_000, 0),
        ]
    );
    let plan = plan(&text);
    assert_eq!(plan.end.as_nanos(), 19_000 * MS);
    assert_eq!(plan.ramp_down_grace, secs(30));
}

/// 1 to 4 in 1 s: at 1/3 and 2/3, the share that is left cut to whole nanoseconds.
#[test]
fn ramping_vus_round_as_k6_does() {
    let text = "[k6]\nexecutor = \"ramping-vus\"\nstages = [{ target = 4, duration = \"1s\" }]";
    let Load::Crew(crew) = plan(text).load else {
        panic!("a crew");
    };
    let steps: Vec<_> = crew.map(|step| (step.at.as_nanos(), step.users)).collect();
    assert_eq!(
        steps,
        [
            (0, 1),
            (333_333_334, 2),
            (666_666_667, 3),
            (1_000_000_000, 4)
        ]
    );
}

#[test]
fn a_constant_rate_starts_at_once() {
    let text = "[k6]\nexecutor = \"constant-arrival-rate\"\nrate = 3\nduration = \"1s\"\n\
                preAllocatedVUs = 2\nmaxVUs = 5";
    let mut thirds = due(text);
    assert_eq!(
        ticks(&mut thirds, 9),
        [(0, 0), (333_333_333, 0), (666_666_666, 0)]
    );
    assert!(matches!(
        plan(text).load,
        Load::Paced {
            pre_allocated: 2,
            max: 5,
            ..
        }
    ));
    let per_minute = "[k6]\nexecutor = \"constant-arrival-rate\"\nrate = 90\ntimeUnit = \"1m\"\n\
                      duration = \"2s\"\npreAllocatedVUs = 1\nstartTime = \"5s\"";
    assert_eq!(
        ticks(&mut due(per_minute), 9),
        [(5_000_000_000, 0), (5_666_666_666, 0), (6_333_333_333, 0)]
    );
}

/// 10^9 iterations later there is still no error: 7 per second, number 7 * 10^9 after 10^9 seconds.
#[test]
fn nothing_adds_up() {
    let mut even = Even::new(SimTime::ZERO, 7, secs(1), secs(2_000_000_000));
    even.n = 7_000_000_001;
    let at = |even: &mut Even| even.next().map(|tick| tick.at.as_nanos());
    assert_eq!(at(&mut even), Some(1_000_000_000_142_857_142));
}

const RAMP: &str = "[k6]\nexecutor = \"ramping-arrival-rate\"\npreAllocatedVUs = 1\n";

/// 0 to 2 per second in 4 s: the integral t*t/4 reaches 1, 2, 3, 4 at 2, sqrt 8, sqrt 12 and 4 s.
/// Then 2 per second for 1.25 s: 2.5 iterations, of which half a one is left. Then a jump to 0, and
/// nothing for 10 s. Then a jump to 1 per second: what was left comes after half a second.
#[test]
fn a_ramping_rate_starts_where_its_integral_is_whole() {
    let stages = "stages = [{ target = 2, duration = \"4s\" }, { target = 2, duration = 1250 }, \
                  { target = 0, duration = 0 }, { target = 0, duration = \"10s\" }, \
                  { target = 1, duration = 0 }, { target = 1, duration = \"2s\" }]";
    assert_eq!(
        ticks(&mut due(&format!("{RAMP}{stages}")), 99),
        [
            (2_000_000_000, 0),
            (2_828_427_124, 0),
            (3_464_101_615, 0),
            (4_000_000_000, 0),
            (4_500_000_000, 1),
            (5_000_000_000, 1),
            (15_750_000_000, 5),
            (16_750_000_000, 5),
        ]
    );
}

/// 4 to 0 per second in 2 s: 4t - t*t is 1, 2, 3, 4 at 2 - sqrt 3, 2 - sqrt 2, 1 and 2 s.
#[test]
fn a_rate_that_goes_down_ends_on_the_dot() {
    let text = format!("{RAMP}startRate = 4\nstages = [{{ target = 0, duration = \"2s\" }}]");
    assert_eq!(
        ticks(&mut due(&text), 99),
        [
            (267_949_192, 0),
            (585_786_437, 0),
            (1_000_000_000, 0),
            (2_000_000_000, 0)
        ]
    );
}

fn ramp(rate: u64, stages: &[(u64, u64)]) -> RampingRate {
    let stages: Vec<_> = stages
        .iter()
        .map(|&(target, millis)| K6Stage {
            target: At::built_in(target),
            duration: At::built_in(Millis::new(SimDuration::from_nanos(millis * MS))),
        })
        .collect();
    RampingRate::new(SimTime::ZERO, rate, secs(1), &stages)
}

fn all(mut ramp: RampingRate) -> Vec<u64> {
    std::iter::from_fn(|| ramp.next())
        .map(|tick| tick.at.as_nanos())
        .collect()
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// As many as the integral says, in order, within the stages, each where k6's formula has it.
    #[test]
    fn a_ramp_keeps_its_integral(
        rate in 0u64..300,
        stages in proptest::collection::vec((0u64..300, 0u64..5_000), 1..6),
    ) {
        let found = all(ramp(rate, &stages));
        let (mut from, mut area) = (rate, 0);
        for &(to, millis) in &stages {
            area += (from + to) * millis;
            from = to;
        }
        assert_eq!(found.len() as u64, area / 2000);
        assert!(found.is_sorted());
        let (mut i, mut done, mut began, mut from) = (1.0, 0.0, 0.0, rate as f64 / 1e9);
        let mut instants = found.iter();
        for &(to, millis) in &stages {
            let (g, d) = (to as f64 / 1e9, (millis * MS) as f64);
            let end = done + d * f64::midpoint(from, g);
            while i <= end - 1e-6 {
                let under = d * (from * from * d + 2.0 * (i - done) * (g - from));
                let x = if (to as f64 / 1e9 - from).abs() <= 0.0 {
                    (i - done) / g
                } else {
                    (from * d - f64::max(0.0, under).sqrt()) / (from - g)
                };
                let at = *instants.next().expect("as many") as f64;
                assert!((at - began - x).abs() < 1e3, "{at} is not {began} + {x}");
                i += 1.0;
            }
            // An iteration on the very edge may be counted to either side by floating point.
            if i <= end + 1e-6 {
                instants.next();
                i += 1.0;
            }
            (done, began, from) = (end, began + d, g);
        }
    }

    /// A staircase is its steps, one after the other, if each has a whole number of iterations.
    #[test]
    fn a_staircase_is_its_steps(steps in proptest::collection::vec((0u64..50, 1u64..20), 1..5)) {
        let mut stages = Vec::new();
        let mut parts = Vec::new();
        let mut began = 0;
        for &(rate, seconds) in &steps {
            stages.extend([(rate, 0), (rate, seconds * 1000)]);
            let part = all(ramp(rate, &[(rate, seconds * 1000)]));
            parts.extend(part.into_iter().map(|at| at + began));
            began += seconds * 1_000_000_000;
        }
        assert_eq!(all(ramp(0, &stages)), parts);
    }

    /// The number of users changes by one at a time, in order, and ends at the last target.
    #[test]
    fn a_crew_goes_where_it_should(
        start in 0u32..50,
        stages in proptest::collection::vec((0u64..50, 1u64..9_000_000_000), 1..6),
    ) {
        let stages: Vec<_> = stages
            .iter()
            .map(|&(target, nanos)| K6Stage {
                target: At::built_in(target),
                duration: At::built_in(Millis::new(SimDuration::from_nanos(nanos))),
            })
            .collect();
        let mut ramp = RampingVus::new(SimTime::ZERO, start, &stages);
        let steps: Vec<_> = std::iter::from_fn(|| ramp.next()).collect();
        assert!(steps.is_sorted_by_key(|step| step.at));
        let ends: Vec<_> = steps.iter().map(|step| step.users).collect();
        assert!(ends.windows(2).all(|pair| pair[0].abs_diff(pair[1]) == 1));
        let last = ends.last().copied().unwrap_or(0);
        assert_eq!(u64::from(last), stages.last().map_or(0, |stage| stage.target.value));
    }
}

#[test]
fn every_executor_has_its_own_fields() {
    assert_eq!(
        wrong("[k6]\nexecutor = \"ramping-vus\"\nrate = 5\nvus = 3"),
        [
            "/k6: missing key `stages`",
            "/k6/rate: `ramping-vus` has no `rate`",
            "/k6/vus: `ramping-vus` has no `vus`",
        ]
    );
    assert_eq!(
        wrong("[k6]\nexecutor = \"constant-arrival-rate\""),
        [
            "/k6: missing key `duration`",
            "/k6: missing key `preAllocatedVUs`",
            "/k6: missing key `rate`",
        ]
    );
    assert_eq!(
        wrong("[k6]\nexecutor = \"externally-controlled\""),
        ["/k6/executor: `externally-controlled` was removed in k6 2.0"]
    );
    assert_eq!(
        wrong("[k6]\nexecutor = \"constant-vus\"\npreAllocatedVus = 1"),
        ["/k6: unknown key `preAllocatedVus`"]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of messages")]
fn what_k6_refuses_is_refused() {
    let cases = [
        (
            "executor = \"shared-iterations\"\nvus = 10\niterations = 5",
            "/k6/iterations: fewer iterations (5) than users to share them (10)",
        ),
        (
            "executor = \"shared-iterations\"\nvus = 10",
            "/k6/vus: fewer iterations (1) than users to share them (10)",
        ),
        (
            "executor = \"per-vu-iterations\"\niterations = 0",
            "/k6/iterations: `iterations` must be above 0",
        ),
        (
            "executor = \"constant-vus\"\nvus = 0\nduration = \"1m\"",
            "/k6/vus: `vus` must be above 0",
        ),
        (
            "executor = \"constant-vus\"\nduration = 60",
            "/k6/duration: `duration` must be at least 1s, not 60 ms",
        ),
        (
            "executor = \"constant-vus\"\nvus = 1000000000000000000\nduration = \"1m\"",
            "/k6/vus: expected at most 4294967295, found the number 1000000000000000000",
        ),
        (
            "executor = \"constant-vus\"\nvus = 4000000000\nduration = \"1m\"",
            "/k6/vus: `vus` is 4000000000, but k6 has at most 100000000 users",
        ),
        (
            "executor = \"ramping-vus\"\nstages = []",
            "/k6/stages: at least one stage is needed",
        ),
        (
            "executor = \"ramping-vus\"\nstartVUs = 0\nstages = [{ target = 0, duration = 9 }]",
            "/k6/stages: `startVUs` or one of the targets must be above 0",
        ),
        (
            "executor = \"ramping-vus\"\nstages = [{ target = 5, duration = 0 }]",
            "/k6/stages: these stages are over at once",
        ),
        (
            "executor = \"ramping-vus\"\nstages = [{ duration = \"1s\" }]",
            "/k6/stages/0: missing key `target`",
        ),
        (
            "executor = \"constant-arrival-rate\"\nrate = 0\nduration = \"1m\"\npreAllocatedVUs = 1",
            "/k6/rate: `rate` must be above 0",
        ),
        (
            "executor = \"constant-arrival-rate\"\nrate = 1.5\nduration = \"1m\"\npreAllocatedVUs = 1",
            "/k6/rate: expected a whole number, found the number 1.5",
        ),
        (
            "executor = \"constant-arrival-rate\"\nrate = 1\ntimeUnit = \"0ns\"\nduration = \"1m\"\n\
             preAllocatedVUs = 1",
            "/k6/timeUnit: `timeUnit` must be longer than 0",
        ),
        (
            "executor = \"constant-arrival-rate\"\nrate = 1\nduration = \"1m\"\npreAllocatedVUs = 3\n\
             maxVUs = 2",
            "/k6/maxVUs: `maxVUs` (2) is below `preAllocatedVUs` (3)",
        ),
        (
            "executor = \"constant-arrival-rate\"\nrate = 1\nduration = \"1m\"\npreAllocatedVUs = 0",
            "/k6/preAllocatedVUs: nobody is there to run iterations",
        ),
        (
            "executor = \"ramping-arrival-rate\"\nstages = [{ target = 0, duration = \"1s\" }]\n\
             preAllocatedVUs = 1",
            "/k6/stages: `startRate` or one of the targets must be above 0",
        ),
    ];
    for (text, problem) in cases {
        assert_eq!(wrong(&format!("[k6]\n{text}")), [problem], "{text}");
    }
}

/// Stages of centuries, rates beyond any clock, ramps that hardly rise.
#[test]
fn absurd_numbers_do_no_harm() {
    const YEAR: u64 = 365 * 86_400_000;
    for (rate, stages) in [
        (0, vec![(1, 100 * YEAR)]),
        (
            i64::MAX as u64,
            vec![(0, 100 * YEAR), (i64::MAX as u64, 584 * YEAR / 2)],
        ),
        (1_000_000_000, vec![(1_000_000_001, 100 * YEAR)]),
        (0, vec![(0, 100 * YEAR), (u64::MAX, 1)]),
        (1, vec![(0, u64::MAX / MS), (1, u64::MAX / MS)]),
    ] {
        let mut ramp = ramp(rate, &stages);
        let found: Vec<_> = std::iter::from_fn(|| ramp.next()).take(10_000).collect();
        assert!(found.is_sorted_by_key(|tick| tick.at));
        assert!(!found.is_empty());
    }
    let units = [
        SimDuration::ZERO,
        SimDuration::from_nanos(1),
        SimDuration::MAX,
    ];
    for unit in units {
        let mut even = Even::new(SimTime::ZERO, u64::MAX, unit, SimDuration::MAX);
        let found: Vec<_> = std::iter::from_fn(|| even.next()).take(1000).collect();
        assert!(found.is_sorted_by_key(|tick| tick.at));
        assert_eq!(found.is_empty(), unit == SimDuration::ZERO);
    }
}
