//! Every law against its own moments and quantiles, and a pinned first draw.

use rand::SeedableRng as _;

use super::*;
use crate::diag::Origin;
use crate::rng::Draw;
use crate::spec::{Column, Entry, Table};

struct NoData;

impl Data for NoData {
    fn column(&mut self, _: &Column<'_>, _: &mut Diagnostics) -> Option<Vec<f64>> {
        Some(vec![30.0, 10.0, 20.0])
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

fn node(value: &toml::Value) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(number) => Value::Whole(*number),
        toml::Value::Float(number) => Value::Real(*number),
        toml::Value::Array(items) => Value::List(items.iter().map(node).collect()),
        toml::Value::Table(table) => Value::Table(Table {
            entries: table
                .iter()
                .map(|(key, value)| Entry {
                    key: key.clone(),
                    key_origin: Origin::BUILT_IN,
                    node: node(value),
                })
                .collect(),
        }),
        other => panic!("no law has a {other}"),
    };
    Node {
        value,
        origin: Origin::BUILT_IN,
    }
}

fn law(text: &str) -> Law {
    let table: toml::Table = format!("law = {text}").parse().expect(text);
    let mut out = Diagnostics::default();
    let law = Law::read(&node(&table["law"]), &mut out);
    law.unwrap_or_else(|| panic!("{text}: {:?}", out.sorted()))
}

fn sampler(text: &str) -> Sampler {
    law(text)
        .sampler(&mut NoData, &mut Diagnostics::default())
        .expect(text)
}

/// A law, its mean and its coefficient of variation, and P(X ≤ 10 ms).
const LAWS: [(&str, f64, f64, f64); 12] = [
    ("\"10ms\"", 10.0, 0.0, 1.0),
    ("{ exponential = \"10ms\" }", 10.0, 1.0, 0.632_120_559),
    (
        "{ lognormal = { mean = \"10ms\", cv = 0.8 } }",
        10.0,
        0.8,
        0.637_458,
    ),
    (
        "{ lognormal = { median = \"10ms\", p95 = \"30ms\" } }",
        12.498_84,
        0.749_81,
        0.5,
    ),
    (
        "{ gamma = { mean = \"10ms\", cv = 2 } }",
        10.0,
        2.0,
        0.743_678,
    ),
    (
        "{ erlang = { mean = \"10ms\", stages = 4 } }",
        10.0,
        0.5,
        0.566_529_880,
    ),
    (
        "{ hyperexponential = { mean = \"10ms\", cv = 2 } }",
        10.0,
        2.0,
        0.759_599,
    ),
    (
        "{ hyperexponential = { branches = [{ share = \"90%\", mean = \"5ms\" }, { share = \"10%\", mean = \"55ms\" }] } }",
        10.0,
        2.345_207_88,
        0.794_823,
    ),
    (
        "{ weibull = { mean = \"10ms\", shape = 2 } }",
        10.0,
        0.522_723_2,
        0.544_061_872,
    ),
    (
        "{ pareto = { mean = \"10ms\", alpha = 6 } }",
        10.0,
        0.204_124_1,
        0.665_102,
    ),
    (
        "{ uniform = { from = \"5ms\", to = \"15ms\" } }",
        10.0,
        0.288_675_1,
        0.5,
    ),
    (
        "{ mixture = [{ share = \"25%\", law = \"4ms\" }, { share = \"75%\", law = \"12ms\" }] }",
        10.0,
        0.346_410_16,
        0.25,
    ),
];

#[test]
fn every_law_has_its_mean_its_spread_and_its_quantile() {
    const N: u64 = 1_000_000;
    for (text, mean, cv, within) in LAWS {
        let sampler = sampler(text);
        let (mut sum, mut squares, mut short) = (0.0, 0.0, 0u64);
        for seed in 0..N {
            // One generator per draw, as requests have: this tests the seeding as well.
            let x = sampler.nanos(&mut Draw::seed_from_u64(seed.wrapping_mul(0x9E37_79B9))) / 1e6;
            sum += x;
            squares += x * x;
            short += u64::from(x <= 10.0);
        }
        let n = N as f64;
        let (found, deviation) = (
            sum / n,
            (squares / n - (sum / n) * (sum / n)).max(0.0).sqrt(),
        );
        assert!(
            (sampler.mean_nanos() / 1e6 - mean).abs() < 1e-3 * mean,
            "{text}: states {:?}",
            sampler.mean()
        );
        // Five standard errors of the mean; the spread of a heavy tail settles more slowly.
        assert!(
            (found - mean).abs() <= 5.0 * cv * mean / n.sqrt() + 1e-4,
            "{text}: mean {found}"
        );
        assert!(
            (deviation / found - cv).abs() <= 0.02 * cv + 1e-4,
            "{text}: cv {}",
            deviation / found
        );
        assert!(
            (short as f64 / n - within).abs() < 2.5e-3,
            "{text}: share {}",
            short as f64 / n
        );
    }
}

#[test]
fn measured_values_give_the_line_through_them() {
    let from_file = sampler("{ empirical = { file = \"x.csv\", column = \"ms\" } }");
    assert_eq!(from_file.mean(), SimDuration::from_nanos(20_000_000));
    let text = "{ empirical = { quantiles = { p0 = \"1ms\", p50 = \"3ms\", p100 = \"11ms\" } } }";
    assert_eq!(sampler(text).mean(), SimDuration::from_nanos(4_500_000));
    let draws: Vec<_> = (0..1000)
        .map(|seed| sampler(text).sample(&mut Draw::seed_from_u64(seed)))
        .collect();
    let below = draws.iter().filter(|x| x.as_nanos() <= 3_000_000).count();
    assert!(
        draws
            .iter()
            .all(|x| (1_000_000..=11_000_000).contains(&x.as_nanos()))
    );
    assert!((450..550).contains(&below), "{below}");
}

/// Values that the sampling crates may change in a minor release: a change here changes every result.
#[test]
fn first_draws_are_pinned() {
    let draws: Vec<u64> = LAWS
        .iter()
        .map(|law| {
            sampler(law.0)
                .sample(&mut Draw::seed_from_u64(1))
                .as_nanos()
        })
        .collect();
    insta::assert_debug_snapshot!(draws);
}

#[test]
fn laws_write_back_what_they_read() {
    for (text, ..) in LAWS {
        let written = law(text).write().expect("a law is never absent");
        let again = law(&written.to_string());
        assert_eq!(again.write(), Some(written), "{text}");
    }
}
