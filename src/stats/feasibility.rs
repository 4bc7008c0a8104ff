//! Is a mean at most zero? A sequential test that samples only as long as the answer is open.
//!
//! The fully sequential feasibility check of Andradóttir & Kim (Naval Research Logistics 57, 2010) and Batur &
//! Kim (ACM TOMACS 20, 2010): means of `-tolerance` or less are declared met and means of `tolerance` or more
//! violated, each with the stated probability of error at most, for independent and normal observations; in
//! between either answer is right.

use super::Confidence;

/// The test of one mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feasibility {
    /// Observations before the first answer; at least 2.
    pub first: usize,
    /// Half the width of what may go either way, above 0.
    pub tolerance: f64,
    /// The probability of a wrong answer, above 0 and below 1/2.
    pub error: f64,
}

/// What the test says, and after how many observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Whether the mean is declared to be at most zero.
    pub is_met: bool,
    /// Observations that it took.
    pub after: usize,
}

impl Feasibility {
    /// The answer, if so many observations give one; further ones change nothing. Where the first observations
    /// do not vary at all, the first stage goes on until they do, and `unspread` may answer from the
    /// observations so far.
    pub fn answer(
        &self,
        observations: &[f64],
        unspread: impl Fn(usize) -> Option<bool>,
    ) -> Option<Answer> {
        let first = self.first.max(2);
        let mut spread = None;
        let mut sum = 0.0;
        for (at, own) in observations.iter().enumerate() {
            sum += own;
            let n = at + 1;
            if n < first {
                continue;
            }
            let (variance, stage) = match spread {
                Some(known) => known,
                None => {
                    let variance = variance(&observations[..n]);
                    if variance <= 0.0 {
                        match unspread(n) {
                            Some(is_met) => return Some(Answer { is_met, after: n }),
                            None => continue,
                        }
                    }
                    *spread.insert((variance, n))
                }
            };
            let bound = self.bound(variance, stage, n);
            // Either end of the region at once: on the line itself, it is met.
            if sum <= -bound || sum >= bound {
                return Some(Answer {
                    is_met: sum <= -bound,
                    after: n,
                });
            }
        }
        None
    }

    /// How far the sum may be from zero after `n` observations without an answer: a triangle that closes.
    fn bound(&self, variance: f64, stage: usize, n: usize) -> f64 {
        let freedom = (stage - 1) as f64;
        let eta = (crate::math::powf(2.0 * self.error, -2.0 / freedom) - 1.0) / 2.0;
        let squared = 2.0 * eta * freedom;
        (squared * variance / (2.0 * self.tolerance) - self.tolerance * n as f64 / 2.0).max(0.0)
    }
}

/// Whether a share of which no observation differs (none of `whole`, or all) is at most `bound`, up to the
/// tolerance, by one-sided Wilson intervals with this probability of error; nothing if there are too few.
pub fn unspread_share(
    part: u64,
    whole: u64,
    bound: f64,
    tolerance: f64,
    error: f64,
) -> Option<bool> {
    let level = Confidence::new(1.0 - 2.0 * error)?;
    if whole == 0 {
        return None;
    }
    let (low, high) = level.wilson(part, whole);
    if high <= bound + tolerance {
        Some(true)
    } else if low >= bound - tolerance && low > 0.0 {
        Some(false)
    } else {
        None
    }
}

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    // What is left of the rounding of a mean is no spread.
    let variance = squares / (n - 1.0);
    if variance <= mean * mean * 1e-24 {
        0.0
    } else {
        variance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: Feasibility = Feasibility {
        first: 10,
        tolerance: 0.5,
        error: 0.05,
    };

    /// Normal enough: a sum of twelve uniform numbers.
    struct Draws(u64);

    impl Draws {
        fn next(&mut self) -> f64 {
            let mut uniform = || {
                self.0 = self
                    .0
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (self.0 >> 11) as f64 / (1_u64 << 53) as f64
            };
            (0..12).map(|_| uniform()).sum::<f64>() - 6.0
        }
    }

    /// By hand: η = (0.1^(-2/9) - 1) / 2 = 0.334 050 3, h² = 18 η = 6.012 905; with a variance of 4 and a tolerance
    /// of 0.5 the triangle is 24.051 619 high and closes after h² 4 / 0.25 = 96.2 observations.
    #[test]
    fn the_triangle_is_that_of_the_paper() {
        let bound = |n| TEST.bound(4.0, 10, n);
        assert!(
            (bound(10) - (24.051_619 - 2.5)).abs() < 1e-5,
            "{}",
            bound(10)
        );
        assert!(bound(96) > 0.0 && bound(97) == 0.0);
    }

    /// At the edge of what may go either way, at most one answer in twenty is wrong; far from it there are next
    /// to none, and they come early.
    #[test]
    fn answers_are_wrong_as_rarely_as_stated() {
        const TIMES: usize = 2000;
        let mut draws = Draws(7);
        let mut run = |mean: f64| {
            let (mut met, mut n) = (0, 0);
            for _ in 0..TIMES {
                let own: Vec<f64> = (0..1000).map(|_| mean + 2.0 * draws.next()).collect();
                let answer = TEST.answer(&own, |_| None).expect("it closes");
                met += usize::from(answer.is_met);
                n += answer.after;
            }
            (met as f64 / TIMES as f64, n as f64 / TIMES as f64)
        };
        let (edge, far) = (run(0.5), run(3.0));
        assert!(edge.0 <= 0.065, "declared met though violated: {}", edge.0);
        assert!(run(-0.5).0 >= 0.935);
        assert!(far.0 < 0.001 && far.1 < 12.0, "{far:?}");
        assert!(
            edge.1 > 3.0 * far.1,
            "effort goes where it is close: {edge:?}"
        );
    }

    /// What never varies needs enough of it: none of 100 is not yet at most 1 %, none of 10,000 is.
    #[test]
    fn nothing_of_a_few_is_not_nothing() {
        let test = |whole: u64| {
            let unspread = |n: usize| unspread_share(0, n as u64 * whole, 0.01, 0.001, 0.05);
            TEST.answer(&[-0.01; 30], unspread)
        };
        assert_eq!(test(1), None);
        assert_eq!(test(1000).map(|own| own.after), Some(10));
        let after = test(20).map(|own| own.after);
        assert!(after.is_some_and(|n| n > 10 && n <= 14), "{after:?}");
    }
}
