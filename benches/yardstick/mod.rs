//! The yardstick: loops written by hand for one model each.
//!
//! No general engine: the model's few events are an enum, its state is arrays and counters, arrivals stay
//! outside the event queue, and all that is recorded is a latency histogram with logarithmic buckets.
//! What a general engine costs is its time over theirs.

mod heap;
mod stations;
mod web;

pub(crate) use stations::{Several, Single};
pub(crate) use web::{Web, WebLoop};

use capsim::stats::Buckets;
use capsim::units::SimDuration;
use rand::SeedableRng as _;
use rand_distr::{Distribution as _, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A loop with its memory allocated, ready to run once.
pub(crate) trait Loop {
    /// Runs `n` arrivals; the mean response time of those that were answered, in nanoseconds.
    ///
    /// Takes itself by value, so that the state of the loop can be local to it.
    fn run(self: Box<Self>, n: u64) -> f64;
}

/// Draws and records: what every loop shares.
struct Common {
    rng: Xoshiro256PlusPlus,
    histogram: Vec<u32>,
}

impl Common {
    fn new(seed: u64) -> Self {
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            histogram: vec![0; Buckets::COUNT],
        }
    }

    #[inline]
    fn exponential(&mut self, mean: f64) -> u64 {
        let one: f64 = Exp1.sample(&mut self.rng);
        (one * mean + 0.5) as u64
    }

    #[inline]
    fn record(&mut self, nanos: u64) {
        self.histogram[Buckets::of(SimDuration::from_nanos(nanos))] += 1;
    }

    /// The mean of what was recorded, as far as the buckets tell.
    fn mean(&self) -> f64 {
        let (mut n, mut sum) = (0.0, 0.0);
        for (bucket, count) in self.histogram.iter().enumerate() {
            let bounds = Buckets::lower_bound(bucket) + Buckets::lower_bound(bucket + 1);
            n += f64::from(*count);
            sum += f64::from(*count) * (bounds as f64 / 2.0);
        }
        sum / n
    }
}
