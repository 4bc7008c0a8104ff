//! A limit by the queue that the shortest and the present response time tell of (Netflix's `VegasLimit`,
//! after TCP Vegas: Brakmo, Peterson 1995).
//!
//! ```text
//! queue     ceil(limit * (1 - shortest / rtt))
//! L         floor(log10(floor(limit))), at least 1
//! dropped            limit - L
//! 2 inflight < limit limit
//! queue <= L         limit + 6 L
//! queue <  3 L       limit + L
//! queue <= 6 L       limit
//! queue >  6 L       limit - L
//! ```
//!
//! within 1 and `max`, and then smoothed. A sample that is shorter than the shortest becomes it and changes
//! nothing else. After `U(0.5, 1) * probe_multiplier * limit` samples the next one becomes the shortest
//! whatever it is.

use rand::Rng as _;

use super::{Rules, Sample, check_bounds, check_window};
use crate::diag::{Diagnostics, Origin};
use crate::math;
use crate::rng::Draw;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration};

spec! {
    /// By the queue that the shortest and the present response time tell of.
    pub struct VegasLimit {
        /// The limit at the start.
        pub initial: At<Count> = At::built_in(Count::new(20)),
        /// The highest limit; the lowest is 1.
        pub max: At<Count> = At::built_in(Count::new(1000)),
        /// How much of a new limit is taken over at a time.
        pub smoothing: Fraction = Fraction::ONE,
        /// After how many times the limit, at most, in samples, it takes the shortest response time anew.
        pub probe_multiplier: Count = Count::new(30),
        /// Over how long calls are put together into one sample. Without it, each is one.
        pub window: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl VegasLimit {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_bounds(&self.initial, None, &self.max, out);
        check_window(self.window.as_ref(), out);
    }
}

/// The limit, and what moves it.
#[derive(Debug, Clone)]
pub(super) struct State {
    limit: f64,
    max: f64,
    smoothing: f64,
    multiplier: f64,
    /// Samples since the last probe.
    n: u64,
    /// From 0.5 to 1; nothing before the first sample.
    jitter: Option<f64>,
    /// Nanoseconds; nothing before there is one.
    shortest: Option<f64>,
}

/// From 0.5 to 1.
fn jitter(draw: &mut Draw) -> f64 {
    let unit = (draw.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
    0.5 + 0.5 * unit
}

impl State {
    fn probes(&mut self, draw: &mut Draw) -> bool {
        let own = *self.jitter.get_or_insert_with(|| jitter(draw));
        self.n += 1;
        let probes = own * self.multiplier * self.limit <= self.n as f64;
        if probes {
            self.n = 0;
            self.jitter = Some(jitter(draw));
        }
        probes
    }
}

impl Rules for State {
    type Spec = VegasLimit;

    fn new(spec: &VegasLimit) -> Self {
        Self {
            limit: f64::from(spec.initial.get()),
            max: f64::from(spec.max.get()),
            smoothing: spec.smoothing.get(),
            multiplier: f64::from(spec.probe_multiplier.get()),
            n: 0,
            jitter: None,
            shortest: None,
        }
    }

    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn update(&mut self, sample: &Sample, draw: &mut Draw) {
        let rtt = sample.rtt_nanos();
        let probes = self.probes(draw);
        let shortest = match self.shortest {
            Some(shortest) if !probes && rtt >= shortest => shortest,
            _ => {
                self.shortest = Some(rtt);
                return;
            }
        };
        let queue = (self.limit * (1.0 - shortest / rtt)).ceil();
        let step = math::log10(self.limit.floor()).floor().max(1.0);
        let wanted = if sample.dropped {
            self.limit - step
        } else if f64::from(sample.inflight) * 2.0 < self.limit {
            return;
        } else if queue <= step {
            self.limit + 6.0 * step
        } else if queue < 3.0 * step {
            self.limit + step
        } else if queue > 6.0 * step {
            self.limit - step
        } else {
            return;
        };
        let wanted = wanted.clamp(1.0, self.max);
        self.limit = (1.0 - self.smoothing) * self.limit + self.smoothing * wanted;
    }

    fn window(spec: &VegasLimit) -> Option<SimDuration> {
        spec.window.map(|window| window.value)
    }
}
