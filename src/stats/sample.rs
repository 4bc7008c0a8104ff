//! What independent replications say of one figure, before an interval is made of it.

use super::{Confidence, Estimate};

/// A figure of all replications together, and what each replication says of it alone: its mean, its quantile,
/// or the pseudo-value of a jackknife. The spread of the latter around the former is that of the figure.
///
/// Two samples of the same figure, of two systems that saw the same random numbers, are compared replication
/// by replication ([`super::Paired`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    value: f64,
    /// By replication; nothing where a replication has no data.
    own: Vec<Option<f64>>,
    /// Successes and trials, of a share.
    trials: Option<(u64, u64)>,
}

impl Sample {
    /// The mean of one value per replication; nothing if no replication has one.
    pub fn mean(own: Vec<Option<f64>>) -> Option<Self> {
        let (mut sum, mut n) = (0.0, 0_usize);
        for value in own.iter().flatten() {
            sum += value;
            n += 1;
        }
        (n > 0).then(|| Self {
            value: sum / n as f64,
            own,
            trials: None,
        })
    }

    /// A figure computed from all replications together (`pooled`), and the replications' own figures: the
    /// sectioning estimator for quantiles, less biased than their average. Nothing without a pooled figure.
    ///
    /// Asmussen & Glynn, *Stochastic Simulation* (2007), III.5; Nakayama, ACM TOMACS 24 (2014).
    pub fn sections(pooled: Option<f64>, own: Vec<Option<f64>>) -> Option<Self> {
        Some(Self {
            value: pooled?,
            own,
            trials: None,
        })
    }

    /// A share of requests: (part, whole) per replication, pooled, with jackknife pseudo-values. Nothing if all
    /// wholes are zero.
    pub fn share(parts: &[(u64, u64)]) -> Option<Self> {
        let part: u64 = parts.iter().map(|own| own.0).sum();
        let whole: u64 = parts.iter().map(|own| own.1).sum();
        if whole == 0 {
            return None;
        }
        let value = part as f64 / whole as f64;
        let n = parts.iter().filter(|own| own.1 > 0).count();
        let pseudo = |(own, of): &(u64, u64)| {
            if *of == 0 {
                return None;
            }
            let without = if whole > *of {
                (part - own) as f64 / (whole - of) as f64
            } else {
                value
            };
            Some(n as f64 * value - (n - 1) as f64 * without)
        };
        Some(Self {
            value,
            own: parts.iter().map(pseudo).collect(),
            trials: Some((part, whole)),
        })
    }

    /// The figure of all replications together.
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// What each replication says; nothing where it has no data.
    pub fn own(&self) -> &[Option<f64>] {
        &self.own
    }

    /// One minus a share.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self {
            value: 1.0 - self.value,
            own: self
                .own
                .iter()
                .map(|own| own.map(|own| 1.0 - own))
                .collect(),
            trials: self.trials.map(|(part, whole)| (whole - part, whole)),
        }
    }

    /// The figure with its interval: the t interval of what the replications say, around the figure of all of
    /// them together. That of a share stays inside 0..=1. Where the replications leave a share no spread at all
    /// (all 0, or all 1) Wilson's interval stands in, so that "none in 3,000" is not reported as "never".
    /// With one replication there is no interval.
    pub fn estimate(&self, confidence: Confidence) -> Estimate {
        let own: Vec<f64> = self.own.iter().copied().flatten().collect();
        let interval = match self.unspread() {
            Some((part, whole)) if own.len() > 1 => Some(confidence.wilson(part, whole)),
            _ => confidence.around(self.value, &own),
        };
        let interval = match self.trials {
            Some(_) => interval.map(|(low, high)| (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0))),
            None => interval,
        };
        Estimate {
            value: self.value,
            interval,
        }
    }

    /// Successes and trials, of a share whose replications leave no spread.
    pub(super) fn unspread(&self) -> Option<(u64, u64)> {
        let is_extreme = |(part, whole): &(u64, u64)| *part == 0 || part == whole;
        self.trials.filter(is_extreme)
    }
}
