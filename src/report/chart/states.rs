//! The states that findings can be in, for tests.

use super::samples::{Sample, Swept};
use crate::experiment::Findings;

/// What sets the traffic.
pub(super) const RATE: &str = "sources.visitors.rate";
/// What sets the instances.
pub(super) const COUNT: &str = "components.web.count";
const TARGET: &str = "components.web.autoscaler.target";

/// Runs in all states.
pub(super) fn runs() -> Vec<(&'static str, Findings)> {
    let own = plain()
        .into_iter()
        .map(|(name, own)| (name, own.findings()));
    own.chain(odd()).collect()
}

/// States that follow from what a system is like.
fn plain() -> Vec<(&'static str, Sample)> {
    let with = |change: fn(&mut Sample)| {
        let mut own = Sample::HOLDS;
        change(&mut own);
        own
    };
    vec![
        ("holds", Sample::HOLDS),
        ("fails", Sample::FAILS),
        (
            "undecided",
            with(|own| (own.capacity, own.spread) = (2_290.0, 0.2)),
        ),
        ("single replication", with(|own| own.replications = 1)),
        (
            "overflowed",
            with(|own| (own.capacity, own.overflow) = (1_300.0, true)),
        ),
        ("no objectives", with(|own| own.has_objectives = false)),
        (
            "microseconds",
            with(|own| (own.base_s, own.horizon_s) = (2e-6, 0.5)),
        ),
        (
            "hours",
            with(|own| {
                (own.base_s, own.horizon_s) = (400.0, 3e6);
                (own.peak, own.capacity) = (0.004, 0.003);
            }),
        ),
        (
            "millions",
            with(|own| (own.peak, own.capacity) = (4.2e6, 5e6)),
        ),
        (
            "many windows",
            with(|own| {
                (own.windows, own.horizon_s) = (8_640, 86_400.0);
                own.capacity = 1_300.0;
            }),
        ),
        ("one window", with(|own| own.windows = 1)),
        ("three services", with(|own| own.services = 3)),
        (
            "retry storm",
            with(|own| (own.capacity, own.insists) = (1_300.0, true)),
        ),
        ("one crew", with(|own| own.crews = 1)),
        (
            "a crew that drops",
            with(|own| (own.capacity, own.crews) = (1_300.0, 1)),
        ),
        (
            "three crews that drop",
            with(|own| (own.capacity, own.crews) = (1_300.0, 3)),
        ),
    ]
}

/// States that are made from others.
fn odd() -> Vec<(&'static str, Findings)> {
    let holds = Sample::HOLDS;
    let mut steady = holds.findings();
    for column in &mut steady.series.columns {
        let middle = column.values[100];
        column.values.fill(middle);
    }
    let mut short = holds.findings();
    short.objectives[1].violated = Sample::FAILS.findings().objectives[1].violated.clone();
    let mut spikes = short.clone();
    for column in &mut spikes.series.columns {
        if column.figure == "latency_p95_s" {
            for at in [60, 90, 120] {
                column.values[at] = column.values[at].map(|value| value.map(|s| s * 40.0));
            }
        }
    }
    let mut empty = holds.findings();
    empty.figures.clear();
    empty.latency_cdf.clear();
    for column in &mut empty.series.columns {
        column.values.fill(None);
    }
    vec![
        ("constant load", steady),
        ("met but passed for a while", short),
        ("met but for single windows", spikes),
        ("no data", empty),
    ]
}

/// Sweeps of all shapes.
pub(super) fn sweeps() -> Vec<(&'static str, Swept)> {
    let at = |rate: i64, count: i64| Sample {
        peak: rate as f64 * 100.0,
        capacity: count as f64 * 200.0,
        cost: count as f64 * 0.31,
        windows: 30,
        ..Sample::HOLDS
    };
    let rates: (&str, &[i64]) = (RATE, &[1, 5, 10, 20]);
    let counts: (&str, &[i64]) = (COUNT, &[3, 6, 12]);
    let none = |v: &[i64]| Sample {
        has_objectives: false,
        ..at(v[0], v[1])
    };
    let alike = |_: &[i64]| none(&[1, 3]);
    let once = |v: &[i64]| Sample {
        replications: 1,
        ..at(v[0], v[1])
    };
    let rough = |v: &[i64]| Sample {
        spread: 0.9,
        ..at(v[0], v[1])
    };
    let many: Vec<i64> = (1..=20).collect();
    let few: Vec<i64> = (3..=12).collect();
    let axes = [rates, counts];
    vec![
        ("two axes", Swept::product(&axes, |v| at(v[0], v[1]))),
        ("all fail", Swept::product(&axes, |v| at(v[0] + 50, v[1]))),
        ("all hold", Swept::product(&axes, |v| at(v[0], v[1] * 9))),
        ("undecided", Swept::product(&axes, rough)),
        ("no objectives", Swept::product(&axes, none)),
        ("no objectives, all alike", Swept::product(&[counts], alike)),
        ("single replication", Swept::product(&axes, once)),
        ("one axis", Swept::product(&[counts], |v| at(10, v[0]))),
        ("only traffic", Swept::product(&[rates], |v| at(v[0], 6))),
        (
            "one point",
            Swept::product(&[(COUNT, &[6])], |v| at(10, v[0])),
        ),
        (
            "three axes",
            Swept::product(&[rates, counts, (TARGET, &[300, 500])], |v| {
                at(v[0], v[1] + v[2] / 200)
            }),
        ),
        (
            "200 points",
            Swept::product(&[(RATE, &many), (COUNT, &few)], |v| at(v[0], v[1])),
        ),
        (
            "600 points",
            Swept::product(
                &[
                    (RATE, &many),
                    (COUNT, &[many.as_slice(), &few, &few].concat()),
                ],
                |v| at(v[0], v[1]),
            ),
        ),
    ]
}
