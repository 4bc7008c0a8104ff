//! The hyperexponential law: one of several exponentials.

use rand::Rng;
use rand_distr::{Distribution as _, Exp1};

use super::mixture::{check_shares, pick};
use super::{CV_RANGE, Sample, Shape, require_some_time, unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Data, number_text};
use crate::units::{Fraction, SimDuration};

spec! {
    /// One of several exponential laws, each with its share.
    pub struct Branch {
        /// How often it is this one; all shares together are 100%.
        pub share: At<Fraction>,
        /// The mean of this one.
        pub mean: At<SimDuration>,
    }
}

spec! {
    /// Hyperexponential, by its branches, or by mean and coefficient of variation (then two branches
    /// with balanced means: each contributes half of the mean).
    pub struct Hyperexponential {
        /// The branches.
        pub branches: Vec<Branch>,
        /// The mean; goes with `cv`.
        pub mean: Option<At<SimDuration>>,
        /// The coefficient of variation, 1 to 1000.
        pub cv: Option<At<f64>>,
    }
    check(Self::check)
}

impl Hyperexponential {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (self.branches.as_slice(), &self.mean, &self.cv) {
            ([], Some(mean), Some(cv)) => {
                require_some_time(mean, "the mean of a hyperexponential law", out);
                if !(1.0..=*CV_RANGE.end()).contains(&cv.value) {
                    let problem = format!(
                        "the coefficient of variation must be between 1 and {}, found {}",
                        CV_RANGE.end(),
                        number_text(cv.value)
                    );
                    let below = cv.value < 1.0;
                    out.push(
                        Diagnostic::error(cv.origin, problem).maybe_help(
                            below.then(|| "use `gamma` or `erlang` below 1".to_owned()),
                        ),
                    );
                }
            }
            ([_, ..], None, None) => {
                let shares: Vec<_> = self.branches.iter().map(|branch| branch.share).collect();
                check_shares(&shares, table, out);
                for branch in &self.branches {
                    require_some_time(&branch.mean, "the mean of a branch", out);
                }
            }
            _ => out.push(
                Diagnostic::error(
                    table,
                    "a hyperexponential law needs its branches or two parameters",
                )
                .label("`branches`, or `mean` and `cv`"),
            ),
        }
    }
}

impl Shape for Hyperexponential {
    type Sampler = Sampler;
    fn sampler(&self, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Sampler> {
        if let (Some(mean), Some(cv)) = (&self.mean, &self.cv) {
            // Balanced means: Tijms, A First Course in Stochastic Models, appendix B.
            let (mean, scv) = (mean.as_nanos() as f64, cv.value * cv.value);
            let share = f64::midpoint(1.0, ((scv - 1.0) / (scv + 1.0)).sqrt());
            let branches = vec![
                (share, mean / (2.0 * share)),
                (1.0, mean / (2.0 * (1.0 - share))),
            ];
            return Some(Sampler { branches, mean });
        }
        let (mut upto, mut total) = (0.0, 0.0);
        let branches = self.branches.iter().map(|branch| {
            let mean = branch.mean.as_nanos() as f64;
            upto += branch.share.get();
            total += branch.share.get() * mean;
            (upto, mean)
        });
        let branches: Vec<_> = branches.collect();
        Some(Sampler {
            branches,
            mean: total,
        })
    }
}

/// Picks a branch, then draws from it.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// Cumulative share and mean of each branch.
    branches: Vec<(f64, f64)>,
    mean: f64,
}

impl Sample for Sampler {
    #[inline]
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
        let mean = pick(&self.branches, unit(rng));
        let one: f64 = Exp1.sample(rng);
        mean * one
    }
    fn mean_nanos(&self) -> f64 {
        self.mean
    }
}
