//! The procedures of `capsim::stats` against numbers worked out elsewhere: nothing is simulated.

use capsim::stats::laws::{normal_quantile, student_quantile};
use capsim::stats::{
    Autoregression, Batches, Confidence, Estimate, Mser, OverlappingBatches, Ranks,
    acceptable_hits, chi_square, clopper_pearson, correlation, jackknife_ratio, ratio,
    requests_for_mean_wait, rinott, welch, wilson,
};
use serde_json::Value;

use super::harness::Checked;
use super::laws::{case_files, number};

fn list(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(number)
        .collect()
}

fn confidence(value: f64) -> Confidence {
    Confidence::new(value).expect("a level")
}

/// Everything that a metric is about.
struct Asked<'a> {
    p: &'a Value,
    metric: &'a Value,
}

impl Asked<'_> {
    fn selector(&self, key: &str) -> f64 {
        number(&self.metric[key])
    }

    fn level(&self) -> Confidence {
        confidence(self.p["confidence"].as_f64().unwrap_or(0.95))
    }

    fn list(&self, key: &str) -> Vec<f64> {
        list(&self.p[key])
    }

    fn batches(&self) -> Option<Batches> {
        Batches::new(&self.list("data"), number(&self.p["batches"]) as usize)
    }

    fn pairs(&self) -> Vec<(f64, f64)> {
        let up = self.list("numerators").into_iter();
        up.zip(self.list("denominators")).collect()
    }

    fn differences(&self) -> Vec<f64> {
        let pairs = self.list("x").into_iter().zip(self.list("y"));
        pairs.map(|(x, y)| y - x).collect()
    }

    fn mser(&self) -> Option<Mser> {
        Mser::of(
            &self.list("data"),
            self.p["batch"].as_u64().unwrap_or(5) as usize,
        )
    }

    fn process(&self) -> Autoregression {
        Autoregression {
            phi: number(&self.p["phi"]),
            innovation_sd: number(&self.p["innovation_sd"]),
        }
    }

    fn ranks(&self) -> Ranks {
        Ranks::of(self.selector("n") as u64, self.selector("at"), self.level())
    }

    /// The figures that procedures give for the metric; nothing for one that is not known.
    fn figures(&self) -> Option<Vec<f64>> {
        let one = self
            .of_laws()
            .or_else(|| self.of_series())
            .or_else(|| self.of_samples());
        one.map(|own| vec![own]).or_else(|| self.of_many())
    }

    fn of_many(&self) -> Option<Vec<f64>> {
        let pair = |(low, high): (f64, f64)| Some(vec![low, high]);
        let (k, n) = (self.metric["k"].as_u64(), self.metric["n"].as_u64());
        match self.metric["metric"].as_str()? {
            "t_quantile" => {
                let p = self.selector("at");
                let own = self.list("df").into_iter();
                Some(own.map(|freedom| student_quantile(p, freedom)).collect())
            }
            "z_quantile" | "normal_quantile" => {
                let own = self.list("p").into_iter();
                Some(own.map(normal_quantile).collect())
            }
            "n_min_upper" => {
                let own = self.list("p").into_iter();
                let least = |p| Ranks::least_values(p, self.level()) as f64;
                Some(own.map(least).collect())
            }
            "wilson" => pair(wilson(k?, n?, self.level())),
            "clopper_pearson" => pair(clopper_pearson(k?, n?, self.level())),
            "accept_hits" => {
                let nominal = confidence(number(&self.p["nominal"]));
                let (low, high) = acceptable_hits(n?, nominal, self.selector("at"));
                pair((low as f64, high as f64))
            }
            _ => None,
        }
    }

    fn of_laws(&self) -> Option<f64> {
        Some(match self.metric["metric"].as_str()? {
            "lower_index" => self.ranks().lower as f64,
            "upper_index" => self.ranks().upper as f64,
            "coverage" => self.ranks().coverage,
            "requests_for_1_percent" => {
                requests_for_mean_wait(self.selector("at"), 0.01, self.level())
            }
            "h" => {
                let (k, first) = (self.selector("k"), self.selector("n"));
                rinott(k as u32, first as u32, self.selector("at"))
            }
            _ => return None,
        })
    }

    fn of_series(&self) -> Option<f64> {
        let half = |own: Estimate| own.half_width();
        let is_batched = self.p.get("batches").is_some();
        Some(match self.metric["metric"].as_str()? {
            "truncated_batches" => self.mser()?.truncated as f64,
            "limit" => self.mser()?.limit as f64,
            "truncated_observations" => self.mser()?.observations() as f64,
            "batch_size" => self.batches()?.size() as f64,
            "mean" if is_batched => self.batches()?.estimate(self.level())?.value,
            "batch_sd" => self.batches()?.sd(),
            "half_width" if is_batched => half(self.batches()?.estimate(self.level())?)?,
            "asymptotic_variance_nbm" => self.batches()?.asymptotic_variance(),
            "asymptotic_variance_obm" => {
                let size = self.batches()?.size();
                OverlappingBatches::new(&self.list("data"), size)?.asymptotic_variance()
            }
            "lag1_batch_correlation" => self.batches()?.lag_1_correlation()?,
            "von_neumann_ratio" => self.batches()?.von_neumann_ratio()?,
            "variance" => self.process().variance(),
            "asymptotic_variance" => self.process().asymptotic_variance(),
            name if name.starts_with("variance_of_mean_n_") => {
                self.process().variance_of_mean(self.selector("n") as u32)
            }
            _ => return None,
        })
    }

    fn of_samples(&self) -> Option<f64> {
        let half = |own: Option<Estimate>| own?.half_width();
        let level = self.level();
        let paired = || Estimate::mean(&self.differences(), level);
        let welch = || welch(&self.list("x"), &self.list("y"), level);
        Some(match self.metric["metric"].as_str()? {
            "mean_difference" => paired()?.value,
            "paired_half_width" => half(paired())?,
            "welch_df" => welch()?.freedom,
            "welch_half_width" => welch()?.difference.half_width()?,
            "correlation" => correlation(&self.list("x"), &self.list("y"))?,
            "variance_ratio_paired_over_independent" => {
                // Of the variances behind both half-widths, whose quantiles differ.
                let t = |freedom| student_quantile(f64::midpoint(1.0, level.get()), freedom);
                let pairs = self.differences().len() as f64;
                let own = half(paired())? / t(pairs - 1.0);
                let others = welch()?.difference.half_width()? / t(welch()?.freedom);
                (own / others).powi(2)
            }
            "ratio" => ratio(&self.pairs(), level)?.value,
            "half_width" => half(ratio(&self.pairs(), level))?,
            "jackknife_ratio" => jackknife_ratio(&self.pairs(), level)?.value,
            "jackknife_half_width" => half(jackknife_ratio(&self.pairs(), level))?,
            "statistic" | "p_value" => {
                let observed = self.list("observed");
                let expected = vec![number(&self.p["expected_each"]); observed.len()];
                let own = chi_square(&observed, &expected)?;
                if self.metric["metric"] == "statistic" {
                    own.statistic
                } else {
                    own.p_value
                }
            }
            _ => return None,
        })
    }
}

/// Compares the family.
pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        for metric in case["metrics"].as_array().expect("metrics") {
            let asked = Asked {
                p: &case["parameters"],
                metric,
            };
            checked.exactly(&case, metric, asked.figures().as_deref());
        }
    }
    checked
}
