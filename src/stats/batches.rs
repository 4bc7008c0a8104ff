//! One long run cut into batches: how far its average can be trusted.

use super::laws::{normal_quantile, student_quantile};
use super::{Confidence, Estimate};

/// A series cut into equally long batches that do not overlap; what is left over at the end is dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Batches {
    means: Vec<f64>,
    size: usize,
}

impl Batches {
    /// `count` batches; nothing if that leaves a batch without an observation, or is fewer than two.
    pub fn new(series: &[f64], count: usize) -> Option<Self> {
        let size = series.len().checked_div(count)?;
        if count < 2 || size == 0 {
            return None;
        }
        let batches = series.chunks_exact(size).take(count);
        let means = batches.map(|own| own.iter().sum::<f64>() / size as f64);
        Some(Self {
            means: means.collect(),
            size,
        })
    }

    /// Observations of a batch.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The means of the batches.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The average, with the t interval of the batch means. It is as wide as it should be only where these
    /// are as good as independent: see [`Batches::are_independent`].
    ///
    /// Schmeiser, Operations Research 30 (1982).
    pub fn estimate(&self, confidence: Confidence) -> Option<Estimate> {
        Estimate::mean(&self.means, confidence)
    }

    /// The standard deviation of the batch means.
    pub fn sd(&self) -> f64 {
        (self.squares() / (self.means.len() - 1) as f64).sqrt()
    }

    /// The limit of the number of observations times the variance of their average, as the batch means have it.
    pub fn asymptotic_variance(&self) -> f64 {
        self.size as f64 * self.sd().powi(2)
    }

    fn mean(&self) -> f64 {
        self.means.iter().sum::<f64>() / self.means.len() as f64
    }

    /// The sum of the squared deviations of the batch means.
    fn squares(&self) -> f64 {
        let mean = self.mean();
        self.means.iter().map(|own| (own - mean).powi(2)).sum()
    }

    /// How alike neighbouring batch means are: their correlation; nothing if they do not vary.
    pub fn lag_1_correlation(&self) -> Option<f64> {
        let (mean, squares) = (self.mean(), self.squares());
        let products = self.means.windows(2);
        let products = products.map(|pair| (pair[0] - mean) * (pair[1] - mean));
        (squares > 0.0).then(|| products.sum::<f64>() / squares)
    }

    /// Von Neumann's ratio: the squared steps between neighbouring batch means over their squared deviations;
    /// 2 for independent ones, less if neighbours are alike. Nothing if they do not vary.
    ///
    /// Fishman & Yarberry, INFORMS Journal on Computing 9 (1997).
    pub fn von_neumann_ratio(&self) -> Option<f64> {
        let steps = self.means.windows(2);
        let steps: f64 = steps.map(|pair| (pair[1] - pair[0]).powi(2)).sum();
        let squares = self.squares();
        (squares > 0.0).then(|| steps / squares)
    }

    /// False if neighbouring batches are more alike than independent ones would be in one of `1 / error` series:
    /// the batches are too short, and their interval too narrow.
    pub fn are_independent(&self, error: f64) -> bool {
        let n = self.means.len() as f64;
        let spread = 2.0 * ((n - 2.0) / (n * n - 1.0)).sqrt();
        self.von_neumann_ratio()
            .is_none_or(|ratio| ratio - 2.0 >= spread * normal_quantile(error))
    }
}

/// The same from all batches of `size` neighbours, each of which shares most of its observations with the next:
/// a third less variable than from batches that do not overlap.
///
/// Meketon & Schmeiser, Winter Simulation Conference 1984.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverlappingBatches {
    mean: f64,
    n: usize,
    size: usize,
    variance: f64,
}

impl OverlappingBatches {
    /// All batches of `size` neighbours; nothing unless there are at least two, and one observation in each.
    pub fn new(series: &[f64], size: usize) -> Option<Self> {
        let n = series.len();
        if size == 0 || n <= size {
            return None;
        }
        let mean = series.iter().sum::<f64>() / n as f64;
        // Sums of deviations: close to zero, so that a running sum keeps its digits.
        let mut sum: f64 = series[..size].iter().map(|own| own - mean).sum();
        let mut squares = sum * sum;
        for at in size..n {
            sum += series[at] - series[at - size];
            squares += sum * sum;
        }
        let (all, own) = (n as f64, size as f64);
        // Of the sums, so that the square of the size is taken out once more.
        let scale = all / (own * (all - own) * (all - own + 1.0));
        Some(Self {
            mean,
            n,
            size,
            variance: scale * squares,
        })
    }

    /// The limit of the number of observations times the variance of their average.
    pub fn asymptotic_variance(&self) -> f64 {
        self.variance
    }

    /// The average, with an interval that counts the batches as one and a half times as many independent ones as
    /// fit beside one another.
    pub fn estimate(&self, confidence: Confidence) -> Estimate {
        let freedom = 1.5 * (self.n as f64 / self.size as f64 - 1.0);
        let t = student_quantile(f64::midpoint(1.0, confidence.get()), freedom);
        let half = t * (self.variance / self.n as f64).sqrt();
        Estimate {
            value: self.mean,
            interval: Some((self.mean - half, self.mean + half)),
        }
    }
}
