//! The average of what was measured over a window, in buckets of equal length.
//!
//! Source: `pkg/autoscaler/aggregation/bucketing.go`.

use crate::math;
use crate::units::{SimDuration, SimTime};

/// How buckets count in the average.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weighting {
    /// All alike. Only buckets between the first and the last write count.
    #[default]
    Even,
    /// The newer, the more; see [`smoothing_coefficient`].
    Exponential,
}

/// What was recorded over the past window.
#[derive(Debug, Clone)]
pub struct Window {
    weighting: Weighting,
    bucket: SimDuration,
    length: SimDuration,
    /// Sums; bucket `n` since the start of time is at `n` modulo the number of buckets.
    sums: Vec<f64>,
    /// Of all sums.
    total: f64,
    /// The numbers of the first and the last bucket written to since the window was last empty.
    written: Option<(u64, u64)>,
}

impl Window {
    /// An empty window. Both lengths are longer than 0; a last bucket that the window covers in part is
    /// there as a whole.
    pub fn new(length: SimDuration, bucket: SimDuration, weighting: Weighting) -> Self {
        assert!(length > SimDuration::ZERO, "a window has a length");
        assert!(bucket > SimDuration::ZERO, "a bucket has a length");
        let n_buckets = length.as_nanos().div_ceil(bucket.as_nanos());
        Self {
            weighting,
            bucket,
            length,
            sums: vec![0.0; n_buckets as usize],
            total: 0.0,
            written: None,
        }
    }

    /// How long it is.
    pub fn length(&self) -> SimDuration {
        self.length
    }

    fn number(&self, at: SimTime) -> u64 {
        at.as_nanos() / self.bucket.as_nanos()
    }

    fn n_buckets(&self) -> u64 {
        self.sums.len() as u64
    }

    fn place(&self, number: u64) -> usize {
        (number % self.n_buckets()) as usize
    }

    /// Adds a value to the bucket of its time. One that is a window or more older than the newest is
    /// ignored; one that comes a window or more after the newest finds an empty window.
    pub fn record(&mut self, at: SimTime, value: f64) {
        let number = self.number(at);
        let (first, last) = self.written.unwrap_or((number, number));
        if number > last {
            if number - last >= self.n_buckets() {
                self.sums.fill(0.0);
                self.total = 0.0;
                self.written = Some((number, number));
            } else {
                for passed in last + 1..=number {
                    let place = self.place(passed);
                    self.total -= self.sums[place];
                    self.sums[place] = 0.0;
                }
                self.written = Some((first, number));
            }
        } else if last - number < self.n_buckets() {
            self.written = Some((first.min(number), last));
        } else {
            return;
        }
        let place = self.place(number);
        self.sums[place] += value;
        self.total += value;
    }

    /// Whether nothing was recorded for longer than the window: there is no data then, which is not 0.
    pub fn is_empty(&self, now: SimTime) -> bool {
        self.written.is_none_or(|(_, last)| {
            let silent = self.number(now).saturating_sub(last);
            silent.saturating_mul(self.bucket.as_nanos()) > self.length.as_nanos()
        })
    }

    /// The average per bucket, in the unit of the values; 0 if nothing was recorded within the window.
    pub fn average(&self, now: SimTime) -> f64 {
        let Some((first, last)) = self.written else {
            return 0.0;
        };
        let silent = self.number(now).saturating_sub(last);
        match self.weighting {
            Weighting::Even => self.even(first, last, silent),
            Weighting::Exponential if self.is_empty(now) => 0.0,
            Weighting::Exponential => self.exponential(last, silent),
        }
    }

    fn even(&self, first: u64, last: u64, silent: u64) -> f64 {
        if silent >= self.n_buckets() {
            return 0.0;
        }
        let gone = (last + 1..=last + silent).map(|number| self.sums[self.place(number)]);
        let left = gone.fold(self.total, |left, gone| left - gone);
        let counted = (last - first + 1).min(self.n_buckets() - silent);
        // Down to six digits, as the source has it.
        (left / counted as f64 * 1e6).floor() / 1e6
    }

    fn exponential(&self, last: u64, silent: u64) -> f64 {
        let own = smoothing_coefficient(self.n_buckets());
        let mut weight = own * math::powf(1.0 - own, silent as f64);
        let mut sum = 0.0;
        for back in 0..self.n_buckets().saturating_sub(silent) {
            sum += self.sums[self.place(last + self.n_buckets() - back)] * weight;
            weight *= 1.0 - own;
        }
        sum
    }
}

/// The weight of the newest of so many buckets; each older one weighs `1 -` this times the one after it.
/// At least 0.2, and so that the weights of all buckets add up to 0.9999 at least.
pub fn smoothing_coefficient(n_buckets: u64) -> f64 {
    (1.0 - math::powf(0.0001, 1.0 / n_buckets as f64)).max(0.2)
}
