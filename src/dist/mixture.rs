//! One of several laws, each with its share.

use rand::Rng;

use super::{Law, Sample, Shape, unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data, Definitions, Node, Spec};
use crate::units::Fraction;

/// How far the sum of all shares may be from 100 %: as much as shares written with three decimals can be
/// off by rounding.
const ROUNDING: f64 = 5e-5;

spec! {
    /// One part of a mixture.
    pub struct Part {
        /// How often it is this law; all shares together are 100%.
        pub share: At<Fraction>,
        /// The law.
        pub law: Law,
    }
}

/// The parts.
#[derive(Debug, Clone)]
pub struct Mixture(Vec<Part>);

impl Spec for Mixture {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let parts = Vec::<Part>::read(node, out)?;
        let shares: Vec<_> = parts.iter().map(|part| part.share).collect();
        check_shares(&shares, node.origin, out);
        Some(Self(parts))
    }
    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        Vec::<Part>::schema(definitions)
    }
}

/// Reports shares that do not add up to 100 %.
pub(super) fn check_shares(shares: &[At<Fraction>], whole: Origin, out: &mut Diagnostics) {
    let sum: f64 = shares.iter().map(|share| share.get()).sum();
    if (sum - 1.0).abs() > ROUNDING {
        let problem = format!(
            "the shares add up to {}%, not 100%",
            (sum * 1e6).round() / 1e4
        );
        let diagnostic = Diagnostic::error(whole, problem);
        out.push(shares.iter().fold(diagnostic, |d, share| {
            d.related(share.origin, share.value.to_string())
        }));
    }
}

/// The value whose cumulative share is the first to reach `at`; the last one if rounding left a gap.
#[inline]
pub(super) fn pick<T: Copy>(cumulative: &[(f64, T)], at: f64) -> T {
    let last = cumulative.len() - 1;
    let found = cumulative
        .iter()
        .position(|(upto, _)| at <= *upto)
        .unwrap_or(last);
    cumulative[found].1
}

impl Shape for Mixture {
    type Sampler = Sampler;
    fn sampler(&self, data: &mut dyn Data, out: &mut Diagnostics) -> Option<Sampler> {
        let parts: Vec<_> = self
            .0
            .iter()
            .map(|part| part.law.sampler(data, out))
            .collect();
        let parts: Vec<_> = parts.into_iter().collect::<Option<_>>()?;
        let mut upto = 0.0;
        let shares = self.0.iter().enumerate().map(|(at, part)| {
            upto += part.share.get();
            (upto, at)
        });
        Some(Sampler {
            shares: shares.collect(),
            parts,
        })
    }
}

/// Picks a part, then draws from it.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// Cumulative share and index of each part.
    shares: Vec<(f64, usize)>,
    parts: Vec<super::Sampler>,
}

impl Sample for Sampler {
    #[inline]
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
        self.parts[pick(&self.shares, unit(rng))].nanos(rng)
    }
    fn mean_nanos(&self) -> f64 {
        let mut before = 0.0;
        let weighted = self.shares.iter().map(|(upto, at)| {
            let share = upto - before;
            before = *upto;
            share * self.parts[*at].mean_nanos()
        });
        weighted.sum()
    }
}
