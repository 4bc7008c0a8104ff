//! A limit by the ratio of the long-term response time to the present one (Netflix's `Gradient2Limit`).
//!
//! ```text
//! long      mean of the first 10 samples, then long + 2/(long_window + 1) * (rtt - long)
//! gradient  rtt_tolerance * long / rtt, within 0.5 and 1
//! limit     (1 - smoothing) * limit + smoothing * (gradient * limit + queue_size)
//! ```
//!
//! within `min` and `max`; unchanged where `inflight < limit / 2`. When `long` is more than twice `rtt` it
//! is cut by 5 %, after use. Drops make no difference.

use super::{Rules, Sample, check_bounds, check_tolerance, check_window};
use crate::diag::{Diagnostics, Origin};
use crate::rng::Draw;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration};

spec! {
    /// By the ratio of the long-term response time to the present one.
    pub struct Gradient2Limit {
        /// The limit at the start.
        pub initial: At<Count> = At::built_in(Count::new(20)),
        /// The lowest limit.
        pub min: At<Count> = At::built_in(Count::new(20)),
        /// The highest limit.
        pub max: At<Count> = At::built_in(Count::new(200)),
        /// By how much the limit may grow at a time, before smoothing: the queue that it allows for.
        pub queue_size: u32 = 4,
        /// How much of a new limit is taken over at a time.
        pub smoothing: Fraction = Fraction::percent(20),
        /// How many samples the long-term response time is about.
        pub long_window: Count = Count::new(600),
        /// How many times the long-term response time is as good as it: from 1 to 1000.
        pub rtt_tolerance: At<f64> = At::built_in(1.5),
        /// Over how long calls are put together into one sample. Without it, each is one.
        pub window: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl Gradient2Limit {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_bounds(&self.initial, Some(&self.min), &self.max, out);
        check_tolerance(&self.rtt_tolerance, out);
        check_window(self.window.as_ref(), out);
    }
}

/// Samples of which the long-term response time is the plain mean at first.
const WARM_UP: u32 = 10;

/// The limit, and what moves it.
#[derive(Debug, Clone)]
pub(super) struct State {
    limit: f64,
    min: f64,
    max: f64,
    queue_size: f64,
    smoothing: f64,
    tolerance: f64,
    long: LongTerm,
}

/// The long-term response time, in nanoseconds.
#[derive(Debug, Clone)]
struct LongTerm {
    value: f64,
    sum: f64,
    n: u32,
    factor: f64,
}

impl LongTerm {
    fn add(&mut self, rtt: f64) -> f64 {
        if self.n < WARM_UP {
            self.n += 1;
            self.sum += rtt;
            self.value = self.sum / f64::from(self.n);
        } else {
            self.value = self.value * (1.0 - self.factor) + rtt * self.factor;
        }
        self.value
    }
}

impl Rules for State {
    type Spec = Gradient2Limit;

    fn new(spec: &Gradient2Limit) -> Self {
        Self {
            limit: f64::from(spec.initial.get()),
            min: f64::from(spec.min.get()),
            max: f64::from(spec.max.get()),
            queue_size: f64::from(spec.queue_size),
            smoothing: spec.smoothing.get(),
            tolerance: spec.rtt_tolerance.value,
            long: LongTerm {
                value: 0.0,
                sum: 0.0,
                n: 0,
                factor: 2.0 / (f64::from(spec.long_window.get()) + 1.0),
            },
        }
    }

    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn update(&mut self, sample: &Sample, _: &mut Draw) {
        let rtt = sample.rtt_nanos();
        let long = self.long.add(rtt);
        if long / rtt > 2.0 {
            self.long.value *= 0.95;
        }
        if f64::from(sample.inflight) < self.limit / 2.0 {
            return;
        }
        let gradient = (self.tolerance * long / rtt).clamp(0.5, 1.0);
        let wanted = self.limit * gradient + self.queue_size;
        let smoothed = self.limit * (1.0 - self.smoothing) + wanted * self.smoothing;
        self.limit = smoothed.clamp(self.min, self.max);
    }

    fn window(spec: &Gradient2Limit) -> Option<SimDuration> {
        spec.window.map(|window| window.value)
    }
}
