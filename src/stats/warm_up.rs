//! How much of the beginning of a run to leave out.

/// What MSER says of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mser {
    /// How many groups of observations to leave out at the start.
    pub truncated: usize,
    /// The most that could have been left out: half of the groups.
    pub limit: usize,
    /// How many observations make a group.
    pub group: usize,
}

impl Mser {
    /// The cut of the Marginal Standard Error Rule: averages of `group` observations each (5 for MSER-5; what
    /// is left over at the end is dropped), of which the cut leaves out so many that the squared standard error
    /// of the mean of the others, were they independent, is smallest; the earliest of several such cuts.
    /// Nothing with fewer than two groups. To be applied to a series that sees the whole state of a system, such as
    /// a number of requests on a regular grid, and never to zeros and ones.
    ///
    /// White, Simulation 69 (1997); White, Cobb & Spratt, Winter Simulation Conference 2000.
    pub fn of(series: &[f64], group: usize) -> Option<Self> {
        let means: Vec<f64> = series.chunks_exact(group.max(1)).map(mean).collect();
        let n = means.len();
        if n < 2 {
            return None;
        }
        let (limit, shift) = (n / 2, mean(&means));
        let (mut sum, mut squares) = (0.0, 0.0);
        let mut best = (f64::INFINITY, 0);
        // From the end, so that each cut costs one addition; shifted, so that squares keep their digits.
        for (cut, value) in means.iter().enumerate().rev() {
            let (own, kept) = (value - shift, (n - cut) as f64);
            sum += own;
            squares += own * own;
            let error = (squares - sum * sum / kept).max(0.0) / (kept * kept);
            if cut <= limit && error <= best.0 {
                best = (error, cut);
            }
        }
        let truncated = best.1;
        Some(Self {
            truncated,
            limit,
            group: group.max(1),
        })
    }

    /// False if the best cut is the last one possible: the run is too short to tell the warm-up from the rest.
    pub fn has_converged(&self) -> bool {
        self.truncated < self.limit
    }

    /// How many observations to leave out.
    pub fn observations(&self) -> usize {
        self.truncated * self.group
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
