//! Processes against what is known of them.

use super::batches::Size;
use super::*;
use crate::rng::Streams;
use crate::spec::{At, Column, Count};
use crate::traffic::curve::{self, CurvePiece};
use crate::units::SimDuration;

struct NoData;

impl Data for NoData {
    fn column(&mut self, _: &Column<'_>, _: &mut Diagnostics) -> Option<Vec<f64>> {
        None
    }

    fn labels(
        &mut self,
        _: &At<String>,
        _: &At<String>,
        _: &mut Diagnostics,
    ) -> Option<(Vec<u32>, Vec<String>)> {
        None
    }
}

fn span(text: &str) -> At<SimDuration> {
    At::built_in(text.parse().expect(text))
}

fn rate(text: &str) -> Rate {
    text.parse().expect(text)
}

fn curve_of(per_second: &str, pieces: &[CurvePiece], horizon: &str) -> Curve {
    let mut out = Diagnostics::default();
    let horizon = span(horizon).value;
    curve::build(rate(per_second), pieces, horizon, &mut NoData, &mut out).expect("a curve")
}

/// All arrivals of `process` along `curve`, which are in order.
fn instants(process: &ArrivalProcess, per_second: &str, curve: &Curve) -> Vec<SimTime> {
    let mut out = Diagnostics::default();
    let setting = Setting {
        rate: rate(per_second),
        curve: Some(curve),
    };
    let gaps = process.start(setting, &mut NoData, &mut out);
    let stream = Streams::new(7, 0).stream("users", "arrivals");
    let mut arrivals = Arrivals::new(gaps.expect("no problem"), curve, stream);
    let mut all = Vec::new();
    let mut times = [SimTime::ZERO; 64];
    loop {
        arrivals.fill(&mut times);
        let come = times.iter().copied().filter(|at| *at != SimTime::NEVER);
        let before = all.len();
        all.extend(come);
        if all.len() < before + times.len() {
            break;
        }
    }
    assert!(all.is_sorted());
    all
}

fn states(states: &[(f64, &str)]) -> ArrivalProcess {
    let state = |(level, lasts): &(f64, &str)| mmpp::State {
        level: At::built_in(*level),
        lasts: span(lasts),
    };
    ArrivalProcess::Mmpp(mmpp::Mmpp {
        states: states.iter().map(state).collect(),
        burstiness: None,
        lasts: None,
    })
}

fn bursty(burstiness: f64, lasts: &str) -> ArrivalProcess {
    ArrivalProcess::Mmpp(mmpp::Mmpp {
        states: Vec::new(),
        burstiness: Some(At::built_in(burstiness)),
        lasts: Some(span(lasts)),
    })
}

fn batches(size: Option<Size>, every: Option<&str>, over: Option<&str>) -> ArrivalProcess {
    ArrivalProcess::Batches(batches::Batches {
        size,
        every: every.map(span),
        over: over.map(span),
    })
}

fn fixed(n: u32) -> Size {
    Size::Fixed(At::built_in(Count::new(n)))
}

/// How many arrivals fall into each window of so many seconds.
fn counts(all: &[SimTime], window: f64, n: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n];
    for at in all {
        if let Some(count) = counts.get_mut((at.as_secs_f64() / window) as usize) {
            *count += 1.0;
        }
    }
    counts
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = |value: &f64| (value - mean) * (value - mean);
    (mean, values.iter().map(square).sum::<f64>() / (n - 1.0))
}

fn launch() -> Vec<CurvePiece> {
    vec![
        CurvePiece::Hold(curve::hold::Hold { hold: span("50s") }),
        CurvePiece::Ramp(curve::ramp::Ramp {
            ramp_to: At::built_in(20.0),
            over: span("20s"),
        }),
        CurvePiece::Decay(curve::decay::Decay {
            decay_to: At::built_in(0.0),
            half_life: span("30s"),
            over: None,
        }),
        CurvePiece::Hold(curve::hold::Hold { hold: span("20s") }),
        CurvePiece::Step(curve::step::Step {
            step_to: At::built_in(2.0),
        }),
    ]
}

/// With levels that are all the same, only the way to compute them differs from Poisson arrivals.
#[test]
fn modulation_that_does_nothing_is_poisson_to_the_nanosecond() {
    let curve = curve_of("100/s", &launch(), "10m");
    let poisson = instants(
        &ArrivalProcess::Poisson(poisson::Poisson {}),
        "100/s",
        &curve,
    );
    let modulated = instants(
        &states(&[(0.7, "13ms"), (0.7, "170us"), (0.7, "2s")]),
        "100/s",
        &curve,
    );
    assert_eq!(poisson.len(), modulated.len());
    assert!(poisson.len() > 80_000);
    let apart = |(one, other): (&SimTime, &SimTime)| one.as_nanos().abs_diff(other.as_nanos());
    let furthest = poisson.iter().zip(&modulated).map(apart).max();
    // Where the rate is next to nothing, so is what a rounded sum of expected arrivals can tell.
    let near = poisson.iter().zip(&modulated).filter(|own| apart(*own) > 2);
    assert!(
        near.count() < 100 && furthest < Some(100_000),
        "{furthest:?}"
    );
}

#[test]
fn counts_disperse_by_the_index() {
    let (per_second, window, n) = ("20/s", 100.0, 3000);
    let curve = curve_of(per_second, &[], "300000s");
    let two = [(0.2, "4s"), (3.0, "1s")];
    let three = [(0.0, "2s"), (1.0, "3s"), (5.0, "500ms")];
    for chosen in [&two[..], &three[..]] {
        let all = instants(&states(chosen), per_second, &curve);
        let (mean, variance) = mean_and_variance(&counts(&all, window, n));
        let spans: Vec<_> = chosen
            .iter()
            .map(|(level, lasts)| (*level, span(lasts).value))
            .collect();
        let index = mmpp::index_of_dispersion(rate(per_second), &spans);
        assert!(index > 10.0);
        // Three thousand windows tell a variance to 2.6 % (one standard error).
        let found = variance / mean;
        assert!((found / index - 1.0).abs() < 0.1, "{found} for {index}");
        let error = (index * mean / n as f64).sqrt();
        assert!((mean - 2000.0).abs() < 4.0 * error, "{mean} ± {error}");
    }
}

/// Both fits, from levels on either side of the mean and from bursts out of silence.
#[test]
fn what_is_fitted_is_as_bursty_as_asked_for() {
    let (window, n) = (200.0, 2000);
    let curve = curve_of("10/s", &[], "400000s");
    for (burstiness, lasts) in [(8.0, "2s"), (40.0, "1s"), (1.0, "1s")] {
        let all = instants(&bursty(burstiness, lasts), "10/s", &curve);
        let (mean, variance) = mean_and_variance(&counts(&all, window, n));
        let found = variance / mean;
        assert!(
            (found / burstiness - 1.0).abs() < 0.13,
            "{found} for {burstiness}"
        );
    }
}

/// The formula of Fischer and Meier-Hellstern for two states.
#[test]
fn the_index_is_the_known_one_for_two_states() {
    let (r1, r2, q1, q2) = (10.0, 80.0, 0.2, 1.0);
    let mean = (r1 * q2 + r2 * q1) / (q1 + q2);
    let known =
        1.0 + 2.0 * q1 * q2 * (r1 - r2) * (r1 - r2) / ((q1 + q2) * (q1 + q2) * mean * (q1 + q2));
    let states = [
        (r1, SimDuration::from_secs(5)),
        (r2, SimDuration::from_secs(1)),
    ];
    let rate = Rate::per_second(mean).expect("a rate");
    let index = mmpp::index_of_dispersion(rate, &states);
    assert!((index / known - 1.0).abs() < 1e-12, "{index} {known}");
}

/// Rate and level multiply: along a curve the mean follows it, whatever the states do.
#[test]
fn modulated_arrivals_follow_the_curve() {
    let curve = curve_of("100/s", &launch(), "10m");
    let expected = curve.expected();
    let all = instants(&states(&[(0.0, "300ms"), (4.0, "100ms")]), "100/s", &curve);
    assert!((all.len() as f64 / expected - 1.0).abs() < 0.05);
    let ramp = all
        .iter()
        .filter(|at| (50.0..70.0).contains(&at.as_secs_f64()));
    assert!((ramp.count() as f64 / (100.0 * 20.0 * 10.5) - 1.0).abs() < 0.15);
}

#[test]
fn absurd_levels_are_scaled_like_any_other() {
    let curve = curve_of("100/s", &[], "100s");
    let all = instants(
        &states(&[(1e308, "1s"), (1e308, "1s"), (1e-300, "1ms")]),
        "100/s",
        &curve,
    );
    assert!((all.len() as f64 - 10_000.0).abs() < 500.0);
}

#[test]
fn batches_come_at_once_and_keep_the_rate() {
    let curve = curve_of("100/s", &launch(), "10m");
    let all = instants(&batches(Some(fixed(5)), None, None), "100/s", &curve);
    assert!(
        all.chunks(5)
            .all(|batch| batch.len() == 5 && batch[0] == batch[4])
    );
    assert!((all.len() as f64 / curve.expected() - 1.0).abs() < 0.03);
    let plain = curve_of("100/s", &[], "5000s");
    let geometric = Some(Size::Geometric(At::built_in(4.0)));
    let all = instants(&batches(geometric, None, None), "100/s", &plain);
    let sizes: Vec<_> = all
        .chunk_by(|a, b| a == b)
        .map(|batch| batch.len() as f64)
        .collect();
    let (mean, variance) = mean_and_variance(&sizes);
    // Geometric with p = 1/4: the variance is (1 - p) / p² = 12.
    assert!(
        (mean - 4.0).abs() < 0.05 && (variance - 12.0).abs() < 0.5,
        "{mean} {variance}"
    );
    assert!((all.len() as f64 / 500_000.0 - 1.0).abs() < 0.02);
}

/// Batches that are spread out are at once ordered, complete, and, over more than their gaps, smooth.
#[test]
fn batches_can_be_spread_out() {
    let curve = curve_of("100/s", &[], "5000s");
    let at_once = instants(&batches(Some(fixed(50)), None, None), "100/s", &curve);
    for over in ["200ms", "30s"] {
        let spread = instants(&batches(Some(fixed(50)), None, Some(over)), "100/s", &curve);
        // The same batches, each later by half the time on average; the last ones may come after the end.
        assert_eq!(spread.len(), at_once.len());
        let seconds = |all: &[SimTime]| all.iter().map(|at| at.as_secs_f64()).sum::<f64>();
        let later = (seconds(&spread) - seconds(&at_once)) / spread.len() as f64;
        let half = span(over).as_secs_f64() / 2.0;
        assert!((later / half - 1.0).abs() < 0.01, "{later}");
    }
    let smooth = instants(
        &batches(Some(fixed(50)), None, Some("30s")),
        "100/s",
        &curve,
    );
    let (mean, variance) = mean_and_variance(&counts(&smooth, 0.1, 50_000));
    assert!(variance / mean < 1.5, "{variance} {mean}");
}

#[test]
fn batches_at_regular_instants_bring_what_was_expected() {
    let pieces = [CurvePiece::Ramp(curve::ramp::Ramp {
        ramp_to: At::built_in(3.0),
        over: span("10m"),
    })];
    let curve = curve_of("1/s", &pieces, "10m1s");
    let all = instants(&batches(None, Some("1m"), None), "1/s", &curve);
    let sizes: Vec<_> = all.chunk_by(|a, b| a == b).map(<[_]>::len).collect();
    assert_eq!(sizes, [66, 78, 90, 102, 114, 126, 138, 150, 162, 174]);
    assert_eq!(all[0].as_nanos(), 60_000_000_000);
    // A third of a request per instant: every third brings one.
    let slow = curve_of("20/min", &[], "1m");
    let all = instants(&batches(None, Some("1s"), None), "20/min", &slow);
    let seconds: Vec<_> = all.iter().map(|at| at.as_nanos() / 1_000_000_000).collect();
    assert_eq!(seconds, (1..20).map(|n| 3 * n).collect::<Vec<_>>());
}
