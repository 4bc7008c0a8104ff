//! Curves against their integrals.

use super::*;
use crate::math;
use crate::spec::{Column, Node, Spec as _, Value};

struct Recording;

impl Data for Recording {
    fn column(&mut self, _: &Column<'_>, _: &mut Diagnostics) -> Option<Vec<f64>> {
        Some(vec![60.0, 0.0, 240.0])
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

fn weekly(zone: &str, starts: &str, over: &str) -> weekly::Weekly {
    let text = |text: &str| Node {
        value: Value::Text(text.to_owned()),
        origin: crate::diag::Origin::BUILT_IN,
    };
    let mut out = Diagnostics::default();
    let weekdays = weekly::Weekdays::read(&Node::empty_table(text("").origin), &mut out);
    weekly::Weekly {
        weekly: weekly::Weekdays {
            sun: At::built_in(0.5),
            ..weekdays.expect("all have defaults")
        },
        swing: At::built_in(Fraction::percent(60)),
        peak_at: span("20h"),
        second: At::built_in(Fraction::percent(20)),
        second_peak_at: Some(span("12h")),
        zone: At::read(&text(zone), &mut out).expect(zone),
        starts: At::read(&text(starts), &mut out).expect(starts),
        over: span(over),
    }
}

fn new_pieces() -> [CurvePiece; 5] {
    let change = |percent| At::built_in(growth::Change::percent(percent).expect("a change"));
    let growth = |percent| growth::Growth {
        growth: change(percent),
        per: span("1h"),
        over: span("3h"),
    };
    [
        CurvePiece::FlashCrowd(flash_crowd::FlashCrowd {
            flash_crowd: At::built_in(20.0),
            time_to_peak: span("30s"),
            plateau: span("2m"),
            half_life: span("5m"),
            over: Some(span("1h")),
        }),
        CurvePiece::Growth(growth(15.0)),
        CurvePiece::Growth(growth(1e-9)),
        CurvePiece::Growth(growth(-90.0)),
        CurvePiece::Weekly(weekly("Europe/Berlin", "2026-10-24T21:30", "30h")),
    ]
}

/// Each new piece by itself: its rate against its integral, from one stop of the cursor to the next.
#[test]
fn integrals_of_new_pieces_are_those_of_their_rates() {
    for piece in new_pieces() {
        let curve = curve(std::slice::from_ref(&piece), "30h");
        let step = curve.expected() / 997.3;
        let mut cursor = curve.walk();
        let (mut last, mut n, mut right) = (SimTime::ZERO, 0u32, 0u32);
        while let Some(at) = cursor.advance(step) {
            const PARTS: u32 = 100;
            let width = at.since(last).as_nanos() as f64 / f64::from(PARTS);
            let rate = |part: u32| {
                let x = last.as_nanos() as f64 + width * f64::from(part);
                curve.rate_at(SimTime::from_nanos(x as u64)).as_per_second() / 1e9
            };
            let sum: f64 = (0..PARTS)
                .step_by(2)
                .map(|part| rate(part) + 4.0 * rate(part + 1) + rate(part + 2))
                .sum();
            n += 1;
            right += u32::from((sum * width / 3.0 / step - 1.0).abs() < 1e-6);
            last = at;
        }
        // Those with a jump or a bend between them are integrated badly by Simpson's rule.
        assert!(n == 997 && right > 990, "{right} of {n}: {piece:?}");
    }
}

/// Stopping the cursor on the way, wherever, changes nothing about where arrivals are.
#[test]
fn a_cursor_that_is_stopped_goes_on_as_if_it_had_not_been() {
    for piece in new_pieces() {
        let curve = curve(&[piece], "30h");
        let (mut free, mut stopped) = (curve.walk(), curve.walk());
        let (mut until, mut n) = (0.0, 0);
        loop {
            let wanted = 17.3;
            let (at, mut left, mut passed) = (free.advance(wanted), wanted, 0.0);
            let found = loop {
                match stopped.advance_until(left, until) {
                    Met::Arrival(at) => break Some(at),
                    Met::End => break None,
                    Met::Until(so_far) => {
                        passed += so_far;
                        left = wanted - passed;
                        until += 333e9;
                    }
                }
            };
            let apart = |at: SimTime| found.map(|found| found.as_nanos().abs_diff(at.as_nanos()));
            assert!(
                at.map_or(found.is_none(), |at| apart(at) < Some(1000)),
                "{at:?} {found:?}"
            );
            n += 1;
            if found.is_none() {
                break;
            }
        }
        assert!(n > 500, "{n}");
    }
}

#[test]
fn a_flash_crowd_rises_stays_and_fades() {
    let [crowd, ..] = new_pieces();
    let pieces = [
        CurvePiece::Step(step::Step {
            step_to: At::built_in(2.0),
        }),
        crowd,
    ];
    let curve = curve(&pieces, "2h");
    let at = |text: &str| {
        let at = SimTime::ZERO + span(text).value;
        curve.rate_at(at).as_per_second()
    };
    // Half of the way up at half of the time; then 400 at the peak, and back to 20.
    for (when, rate) in [
        ("0s", 20.0),
        ("15s", 210.0),
        ("30s", 400.0),
        ("149s", 400.0),
    ] {
        assert!(
            (at(when) - rate).abs() < 1e-9 * rate,
            "{when}: {}",
            at(when)
        );
    }
    assert!((at("7m30s") - 210.0).abs() < 1e-9 && (at("1h1s") - 20.0).abs() < 1e-9);
    assert!((curve.highest().as_per_second() - 400.0).abs() < 1e-9);
}

#[test]
fn growth_compounds() {
    let [_, growth, ..] = new_pieces();
    let curve = curve(&[growth], "4h");
    let at = |text: &str| {
        let at = SimTime::ZERO + span(text).value;
        curve.rate_at(at).as_per_second()
    };
    assert!((at("1h") - 11.5).abs() < 1e-9 && (at("2h") - 13.225).abs() < 1e-9);
    assert!((at("3h30m") - 15.208_75).abs() < 1e-9, "kept afterwards");
}

/// The clock goes back from 3:00 to 2:00 on 2026-10-25, a Sunday, and forward on 2026-03-29.
#[test]
fn a_week_goes_by_the_local_clock() {
    // Hours since the start, the first being Saturday 0:00; the local hour, the factor of the day.
    let autumn = (
        "2026-10-24T00:00",
        [
            (20, 20.0, 1.0),
            (44, 19.0, 0.5),
            (45, 20.0, 0.5),
            (68, 19.0, 1.0),
        ],
    );
    let spring = (
        "2026-03-28T00:00",
        [
            (20, 20.0, 1.0),
            (43, 20.0, 0.5),
            (26, 3.0, 0.5),
            (67, 20.0, 1.0),
        ],
    );
    for (starts, instants) in [autumn, spring] {
        let week = CurvePiece::Weekly(weekly("Europe/Berlin", starts, "100h"));
        let curve = curve(&[week], "100h");
        for (hours, clock, factor) in instants {
            let turn = |peak: f64| std::f64::consts::TAU * (clock - peak) / 24.0;
            let day = 1.0 + 0.6 * math::cos(turn(20.0)) + 0.2 * math::cos(2.0 * turn(12.0));
            let expected = 10.0 * factor * day;
            let at = SimTime::ZERO + SimDuration::from_secs(hours * 3600);
            let found = curve.rate_at(at).as_per_second();
            assert!(
                (found - expected).abs() < 1e-9,
                "{starts} + {hours} h: {found}, not {expected}"
            );
        }
    }
    // A whole week of 7 days at 10/s, one of which has half of it.
    let week = CurvePiece::Weekly(weekly("+05:30", "2026-06-03T07:00", "168h"));
    let expected = curve(&[week], "168h").expected();
    assert!(
        (expected / (10.0 * 86_400.0 * 6.5) - 1.0).abs() < 1e-12,
        "{expected}"
    );
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
