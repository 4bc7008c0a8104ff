//! A limit by the ratio of the shortest response time to the present one (Netflix's `GradientLimit`, the
//! older of the two).
//!
//! ```text
//! shortest  of all samples since the last probe, this one included
//! queue     max(4, floor(sqrt(limit)))
//! gradient  rtt_tolerance * shortest / rtt, within 0.5 and 1
//! new       dropped: limit * backoff_ratio; else gradient * limit + queue
//! limit     new where it is not below limit, else (1 - smoothing) * limit + smoothing * new, at least min
//! ```
//!
//! and then at most `max` and at least `queue`; unchanged where nothing was dropped and `inflight < limit /
//! 2`. Smoothing softens the cut after a drop, too: with the defaults it is 2 %.
//!
//! Every `probe_interval` to twice as many samples it forgets the shortest response time and begins again
//! from a limit of `max(min, queue)`, so that the queue of its own making can drain.

use rand::Rng as _;

use super::{Rules, Sample, check_bounds, check_ratio, check_tolerance, check_window};
use crate::diag::{Diagnostics, Origin};
use crate::rng::Draw;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration};

spec! {
    /// By the ratio of the shortest response time to the present one.
    pub struct GradientLimit {
        /// The limit at the start.
        pub initial: At<Count> = At::built_in(Count::new(50)),
        /// The lowest limit; it is not below 4 at any rate.
        pub min: At<Count> = At::built_in(Count::new(1)),
        /// The highest limit.
        pub max: At<Count> = At::built_in(Count::new(1000)),
        /// How much of a lower limit is taken over at a time.
        pub smoothing: Fraction = Fraction::percent(20),
        /// How many times the shortest response time is as good as it: from 1 to 1000.
        pub rtt_tolerance: At<f64> = At::built_in(2.0),
        /// What is left of the limit after a drop, before smoothing: from 50% to below 100%.
        pub backoff_ratio: At<Fraction> = At::built_in(Fraction::percent(90)),
        /// After how many samples, at least, it looks for the shortest response time again.
        pub probe_interval: Count = Count::new(1000),
        /// Over how long calls are put together into one sample. Without it, each is one.
        pub window: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl GradientLimit {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_bounds(&self.initial, Some(&self.min), &self.max, out);
        check_tolerance(&self.rtt_tolerance, out);
        check_ratio(&self.backoff_ratio, out);
        check_window(self.window.as_ref(), out);
    }
}

/// The limit, and what moves it.
#[derive(Debug, Clone)]
pub(super) struct State {
    limit: f64,
    min: f64,
    max: f64,
    smoothing: f64,
    tolerance: f64,
    ratio: f64,
    interval: u32,
    /// Samples until the next probe; nothing before the first sample.
    left: Option<u64>,
    /// Nanoseconds; infinite before there is one.
    shortest: f64,
}

impl State {
    /// True once in a while: this sample is a probe.
    fn probes(&mut self, draw: &mut Draw) -> bool {
        let mut next = || {
            let interval = u64::from(self.interval);
            let more = (u128::from(draw.next_u64()) * u128::from(interval)) >> 64;
            interval + more as u64
        };
        let left = self.left.unwrap_or_else(&mut next);
        let probes = left == 0;
        self.left = Some(if probes { next() } else { left - 1 });
        probes
    }
}

impl Rules for State {
    type Spec = GradientLimit;

    fn new(spec: &GradientLimit) -> Self {
        Self {
            limit: f64::from(spec.initial.get()),
            min: f64::from(spec.min.get()),
            max: f64::from(spec.max.get()),
            smoothing: spec.smoothing.get(),
            tolerance: spec.rtt_tolerance.value,
            ratio: spec.backoff_ratio.get(),
            interval: spec.probe_interval.get(),
            left: None,
            shortest: f64::INFINITY,
        }
    }

    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn update(&mut self, sample: &Sample, draw: &mut Draw) {
        let queue = f64::from((self.limit as u32).isqrt().max(4));
        if self.probes(draw) {
            self.limit = self.min.max(queue);
            self.shortest = f64::INFINITY;
            return;
        }
        let rtt = sample.rtt_nanos();
        self.shortest = self.shortest.min(rtt);
        let mut wanted = if sample.dropped {
            self.limit * self.ratio
        } else if f64::from(sample.inflight) < self.limit / 2.0 {
            return;
        } else {
            let gradient = (self.tolerance * self.shortest / rtt).clamp(0.5, 1.0);
            self.limit * gradient + queue
        };
        if wanted < self.limit {
            let smoothed = self.limit * (1.0 - self.smoothing) + self.smoothing * wanted;
            wanted = smoothed.max(self.min);
        }
        self.limit = wanted.min(self.max).max(queue);
    }

    fn window(spec: &GradientLimit) -> Option<SimDuration> {
        spec.window.map(|window| window.value)
    }
}
