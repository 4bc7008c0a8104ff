//! Curves against their integrals.

use super::*;
use crate::math;
use crate::spec::Column;

struct Recording;

impl Data for Recording {
    fn column(&mut self, _: &Column<'_>, _: &mut Diagnostics) -> Option<Vec<f64>> {
        Some(vec![60.0, 0.0, 240.0])
    }
}

fn span(text: &str) -> At<SimDuration> {
    At::built_in(text.parse().expect(text))
}

fn curve(pieces: &[CurvePiece], horizon: &str) -> Curve {
    let rate = "10/s".parse().expect("a rate");
    let mut out = Diagnostics::default();
    build(rate, pieces, span(horizon).value, &mut Recording, &mut out).expect("no problem")
}

fn launch() -> Vec<CurvePiece> {
    let (level, half_life) = (At::built_in, span("4m"));
    vec![
        CurvePiece::Hold(hold::Hold { hold: span("5m") }),
        CurvePiece::Ramp(ramp::Ramp {
            ramp_to: level(100.0),
            over: span("2m"),
        }),
        CurvePiece::Hold(hold::Hold { hold: span("20m") }),
        CurvePiece::Decay(decay::Decay {
            decay_to: level(1.0),
            half_life,
            over: None,
        }),
        CurvePiece::Spike(spike::Spike {
            spike_to: level(5.0),
            rise: span("10s"),
            stay: span("60s"),
            fall: span("10s"),
        }),
        CurvePiece::Step(step::Step {
            step_to: level(0.0),
        }),
    ]
}

#[test]
fn pieces_add_up() {
    let curve = curve(&launch(), "2h");
    let decay = 99.0 * 240.0 / math::ln(2.0) * (1.0 - 1.0 / 1024.0) + 2400.0;
    let spike = 5.0 * 60.0 + 2.0 * 10.0 * 3.0;
    let seconds = 300.0 + 120.0 * 50.5 + 1200.0 * 100.0 + decay + spike;
    assert!((curve.expected() - 10.0 * seconds).abs() < 1e-6 * curve.expected());
    let at = |text: &str| {
        curve
            .rate_at(SimTime::ZERO + span(text).value)
            .as_per_second()
    };
    assert!((at("6m") - 505.0).abs() < 1e-9);
    assert!((at("31m") - (10.0 + 990.0 / 2.0)).abs() < 1e-9);
    assert!(at("1h59m") == 0.0);
}

/// Walking by expected arrivals and integrating the rate are inverse to each other, over every form.
#[test]
fn walking_inverts_the_integral() {
    let share = Fraction::new(0.9).expect("a share");
    let day = diurnal::Diurnal {
        diurnal: At::built_in(share),
        peak_at: span("20m"),
        starts_at: span("3m"),
        day: span("30m"),
        over: span("45m"),
    };
    let mut pieces = launch();
    pieces.insert(1, CurvePiece::Diurnal(day));
    let curve = curve(&pieces, "2h");
    let step = 37.3;
    let mut cursor = curve.walk();
    let (mut last, mut total, mut n) = (SimTime::ZERO, 0.0, 0u32);
    while let Some(at) = cursor.advance(step) {
        // Simpson's rule, finely: between two stops lie `step` expected arrivals.
        const PARTS: u32 = 200;
        let width = at.since(last).as_nanos() as f64 / f64::from(PARTS);
        let rate = |part: u32| {
            let x = last.as_nanos() as f64 + width * f64::from(part);
            curve.rate_at(SimTime::from_nanos(x as u64)).as_per_second() / 1e9
        };
        let sum: f64 = (0..PARTS)
            .step_by(2)
            .map(|part| rate(part) + 4.0 * rate(part + 1) + rate(part + 2))
            .sum();
        // Stops next to a jump of the rate are integrated badly by Simpson; few are.
        n += u32::from((sum * width / 3.0 - step).abs() < 1e-3 * step);
        total += step;
        last = at;
    }
    let stops = (total / step).round();
    assert!((curve.expected() - total) < step && stops > 1000.0);
    assert!(f64::from(n) > 0.99 * stops, "{n} of {stops}");
}

#[test]
fn recorded_counts_are_followed_or_scaled() {
    let counts = |peak: Option<f64>| {
        CurvePiece::Counts(counts::Counts {
            counts: At::built_in("x.csv".to_owned()),
            column: At::built_in("requests".to_owned()),
            every: span("1m"),
            peak: peak.map(At::built_in),
            skip: span("0s"),
            over: None,
        })
    };
    let minute = |curve: &Curve, m: u64| {
        curve
            .rate_at(SimTime::from_nanos(m * 60_000_000_000))
            .as_per_second()
    };
    let plain = curve(&[counts(None)], "3m");
    assert!((plain.expected() - 300.0).abs() < 1e-9);
    assert!((minute(&plain, 0) - 1.0).abs() < 1e-12 && minute(&plain, 1) == 0.0);
    let scaled = curve(&[counts(Some(2.0))], "3m");
    assert!((minute(&scaled, 2) - 20.0).abs() < 1e-12 && (minute(&scaled, 0) - 5.0).abs() < 1e-12);
    // A silent minute is stepped over, not divided by.
    assert!(
        scaled.walk().advance(301.0).expect("within the curve")
            > SimTime::from_nanos(120_000_000_000)
    );
}

use crate::units::Fraction;
