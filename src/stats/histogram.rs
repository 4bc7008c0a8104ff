//! Latency histograms with logarithmic buckets: bounded memory, exact merging.

use crate::units::SimDuration;

/// How a span is sorted into buckets.
///
/// Below 8 µs the buckets are 64 ns wide; above, every doubling is split into 128, so a bucket is at
/// most 0.8 % wide. Quantiles interpolate inside the bucket, which in practice leaves an error below
/// 0.1 % where there is data to speak of. Spans beyond 2.4 hours share the last bucket.
///
/// `benches/histogram.rs` keeps the measurement against the `hdrhistogram` crate, which takes 2.2 times as
/// long to record with the same resolution (2 digits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets;

impl Buckets {
    /// How many there are.
    pub const COUNT: usize = 4096;
    /// Nanoseconds of the narrowest bucket, as a power of two.
    const UNIT_BITS: u32 = 6;
    /// Buckets per doubling, as a power of two.
    const SPLIT_BITS: u32 = 7;

    /// The bucket of a span.
    #[inline]
    pub const fn of(span: SimDuration) -> usize {
        let units = span.as_nanos() >> Self::UNIT_BITS;
        let units = if units >> 37 == 0 {
            units
        } else {
            (1 << 37) - 1
        };
        let magnitude = (units | (1 << Self::SPLIT_BITS)).ilog2();
        let shift = magnitude - Self::SPLIT_BITS;
        ((shift as usize) << Self::SPLIT_BITS) + (units >> shift) as usize
    }

    /// The shortest span that falls into `bucket`, in nanoseconds.
    pub const fn lower_bound(bucket: usize) -> u64 {
        let split = 1 << Self::SPLIT_BITS;
        if bucket < 2 * split {
            return (bucket as u64) << Self::UNIT_BITS;
        }
        let shift = (bucket >> Self::SPLIT_BITS) - 1;
        ((split + bucket % split) as u64) << (shift as u32 + Self::UNIT_BITS)
    }
}

/// Counts per bucket, with the sum and the largest value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    n: u64,
    /// Sum of all spans in nanoseconds; 2^64 ns are 584 years of waiting, so it is kept wider.
    sum: u128,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; Buckets::COUNT],
            n: 0,
            sum: 0,
        }
    }
}

impl Histogram {
    /// Counts one span.
    #[inline]
    pub fn record(&mut self, span: SimDuration) {
        self.counts[Buckets::of(span)] += 1;
        self.n += 1;
        self.sum += u128::from(span.as_nanos());
    }

    /// Counts `n` spans of no length.
    pub fn record_zeros(&mut self, n: u64) {
        self.counts[0] += n;
        self.n += n;
    }

    /// Adds counts by bucket, and the sum of their spans in nanoseconds.
    pub fn add(&mut self, counts: &[u32], sum: u64) {
        for (mine, theirs) in self.counts.iter_mut().zip(counts) {
            *mine += u64::from(*theirs);
            self.n += u64::from(*theirs);
        }
        self.sum += u128::from(sum);
    }

    /// Adds all of `other`; the order of merging does not matter.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.n += other.n;
        self.sum += other.sum;
    }

    /// Counts the same span `n` times.
    pub fn record_many(&mut self, span: SimDuration, n: u64) {
        self.counts[Buckets::of(span)] += n;
        self.n += n;
        self.sum += u128::from(span.as_nanos()) * u128::from(n);
    }

    /// The middles of all buckets with something in them, and how many spans each has, shortest first.
    pub fn spans(&self) -> impl Iterator<Item = (SimDuration, u64)> {
        let full = self.counts.iter().enumerate().filter(|(_, n)| **n > 0);
        full.map(|(bucket, n)| (Self::inside(bucket, 0.5), *n))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        (self.n, self.sum) = (0, 0);
    }

    /// How many spans were counted that are too short to tell from none (below 64 ns).
    pub fn n_zero(&self) -> u64 {
        self.counts[0]
    }

    /// How many spans were counted.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The average span (exact); nothing without data.
    pub fn mean(&self) -> Option<SimDuration> {
        (self.n > 0).then(|| SimDuration::from_nanos_f64(self.sum as f64 / self.n as f64))
    }

    /// The smallest span that at least the share `p` of all spans do not exceed; nothing without data.
    pub fn quantile(&self, p: f64) -> Option<SimDuration> {
        if self.n == 0 {
            return None;
        }
        let rank = nearest_rank(p, self.n);
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            if below + count >= rank {
                return Some(Self::inside(bucket, (rank - below) as f64 / *count as f64));
            }
            below += count;
        }
        None
    }

    /// The share of spans not longer than `limit`; nothing without data.
    pub fn share_within(&self, limit: SimDuration) -> Option<f64> {
        if self.n == 0 {
            return None;
        }
        let last = Buckets::of(limit);
        let below: u64 = self.counts[..last].iter().sum();
        let (low, high) = (Buckets::lower_bound(last), Buckets::lower_bound(last + 1));
        let part = (limit.as_nanos() - low) as f64 / (high - low) as f64;
        Some((below as f64 + part.min(1.0) * self.counts[last] as f64) / self.n as f64)
    }

    /// Points of the cumulative distribution: (span, share not exceeding it), bucket by bucket.
    pub fn cumulative(&self) -> Vec<(SimDuration, f64)> {
        let mut below = 0;
        let mut points = Vec::new();
        for (bucket, count) in self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
        {
            below += count;
            let upper = SimDuration::from_nanos(Buckets::lower_bound(bucket + 1));
            points.push((upper, below as f64 / self.n as f64));
        }
        points
    }

    /// Where in its bucket the given part of the bucket's spans ends, were they evenly spread. Spans of
    /// no length at all share the first bucket, whose lower end is what is meant then.
    fn inside(bucket: usize, part: f64) -> SimDuration {
        if bucket == 0 {
            return SimDuration::ZERO;
        }
        let low = Buckets::lower_bound(bucket) as f64;
        let high = Buckets::lower_bound(bucket + 1) as f64;
        SimDuration::from_nanos_f64(low + part * (high - low))
    }
}

/// The rank, from 1, of the `p`-quantile among `n` values: the smallest whole number that is at least
/// `n p`, computed on the exact product (`0.95 * 200` is 190, whatever the floating point says).
fn nearest_rank(p: f64, n: u64) -> u64 {
    let product = n as f64 * p;
    let rounded = product.round();
    let rank = if (product - rounded).abs() < 1e-9 * product {
        rounded
    } else {
        product.ceil()
    };
    (rank as u64).clamp(1, n)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rank_is_not_misled_by_rounding() {
        assert_eq!(nearest_rank(0.95, 200), 190);
        assert_eq!(nearest_rank(0.95, 201), 191);
        assert_eq!(nearest_rank(0.0, 5), 1);
        assert_eq!(nearest_rank(1.0, 5), 5);
    }

    #[test]
    fn no_data_is_not_zero() {
        let empty = Histogram::default();
        assert_eq!((empty.mean(), empty.quantile(0.5)), (None, None));
    }

    proptest! {
        /// Every span lies in its bucket, buckets follow one another, none is wider than promised.
        #[test]
        fn buckets_are_tight_and_in_order(nanos in 0u64..(1 << 43)) {
            let bucket = Buckets::of(SimDuration::from_nanos(nanos));
            prop_assert!(bucket < Buckets::COUNT);
            let (low, high) = (Buckets::lower_bound(bucket), Buckets::lower_bound(bucket + 1));
            prop_assert!(low <= nanos && nanos < high);
            prop_assert!((high - low) as f64 <= (low as f64 / 128.0).max(64.0));
        }

        /// Quantiles against the sorted values, within the width of a bucket.
        #[test]
        fn quantiles_agree_with_order_statistics(
            mut spans in prop::collection::vec(1_000u64..10_000_000_000, 1..300),
            p in 0.0f64..=1.0,
        ) {
            let mut histogram = Histogram::default();
            for span in &spans {
                histogram.record(SimDuration::from_nanos(*span));
            }
            spans.sort_unstable();
            let exact = spans[nearest_rank(p, spans.len() as u64) as usize - 1] as f64;
            let found = histogram.quantile(p).expect("has data").as_nanos() as f64;
            prop_assert!((found - exact).abs() <= (exact / 128.0).max(64.0) + 1.0);
        }
    }
}
