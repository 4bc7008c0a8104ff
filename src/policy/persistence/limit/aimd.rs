//! Additive increase, multiplicative decrease.
//!
//! ```text
//! dropped, or rtt > timeout   limit = floor(limit * backoff_ratio)
//! 2 * inflight >= limit       limit = limit + 1
//! ```
//!
//! within `min` and `max`.

use super::{Rules, Sample, check_bounds, check_ratio, check_window};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::rng::Draw;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration};

spec! {
    /// One more while all is well, a tenth less at a drop.
    pub struct AimdLimit {
        /// The limit at the start.
        pub initial: At<Count> = At::built_in(Count::new(20)),
        /// The lowest limit.
        pub min: At<Count> = At::built_in(Count::new(20)),
        /// The highest limit.
        pub max: At<Count> = At::built_in(Count::new(200)),
        /// What is left of the limit after a drop: from 50% to below 100%.
        pub backoff_ratio: At<Fraction> = At::built_in(Fraction::percent(90)),
        /// A call that takes longer counts as dropped.
        pub timeout: At<SimDuration> = At::built_in(SimDuration::from_secs(5)),
        /// Over how long calls are put together into one sample. Without it, each is one.
        pub window: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl AimdLimit {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_bounds(&self.initial, Some(&self.min), &self.max, out);
        check_ratio(&self.backoff_ratio, out);
        check_window(self.window.as_ref(), out);
        if self.timeout.value == SimDuration::ZERO {
            let problem = "the timeout must be longer than 0";
            out.push(Diagnostic::error(self.timeout.origin, problem));
        }
    }
}

/// The limit, and what moves it.
#[derive(Debug, Clone)]
pub(super) struct State {
    limit: u32,
    min: u32,
    max: u32,
    ratio: f64,
    timeout: SimDuration,
}

impl Rules for State {
    type Spec = AimdLimit;

    fn new(spec: &AimdLimit) -> Self {
        Self {
            limit: spec.initial.get(),
            min: spec.min.get(),
            max: spec.max.get(),
            ratio: spec.backoff_ratio.get(),
            timeout: spec.timeout.value,
        }
    }

    fn limit(&self) -> u32 {
        self.limit
    }

    fn update(&mut self, sample: &Sample, _: &mut Draw) {
        let wanted = if sample.dropped || sample.rtt > self.timeout {
            (f64::from(self.limit) * self.ratio) as u32
        } else if sample.inflight.saturating_mul(2) >= self.limit {
            self.limit.saturating_add(1)
        } else {
            self.limit
        };
        self.limit = wanted.clamp(self.min, self.max);
    }

    fn window(spec: &AimdLimit) -> Option<SimDuration> {
        spec.window.map(|window| window.value)
    }
}
