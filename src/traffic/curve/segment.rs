//! The curve itself: segments with closed forms of their integrals, and a cursor that walks along it by
//! expected arrivals.

use std::sync::Arc;

use crate::math;
use crate::units::{Rate, SimDuration, SimTime};

/// The rate along a segment, in arrivals per nanosecond, `x` nanoseconds into it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// Always the same; with it, the time that one arrival takes on average.
    Constant { rate: f64, gap: f64 },
    /// `from + slope · x`.
    Linear { from: f64, slope: f64 },
    /// `base + extra · exp(-decay · x)`.
    Decay { base: f64, extra: f64, decay: f64 },
    /// `mean + swing · cos(turn · x + phase)`.
    Wave {
        mean: f64,
        swing: f64,
        turn: f64,
        phase: f64,
    },
    /// The same with a second harmonic: `… + second · cos(2 · turn · x + second_phase)`.
    Waves {
        mean: f64,
        swing: f64,
        turn: f64,
        phase: f64,
        second: f64,
        second_phase: f64,
    },
    /// `from · exp(growth · x)`; neither is zero.
    Growth { from: f64, growth: f64 },
}

impl Form {
    /// A rate that stays the same.
    pub(super) fn constant(rate: f64) -> Self {
        Self::Constant {
            rate,
            gap: 1.0 / rate,
        }
    }

    fn rate(self, x: f64) -> f64 {
        match self {
            Self::Constant { rate, .. } => rate,
            Self::Linear { from, slope } => from + slope * x,
            Self::Decay { base, extra, decay } => base + extra * math::exp(-decay * x),
            Self::Wave {
                mean,
                swing,
                turn,
                phase,
            } => mean + swing * math::cos(turn * x + phase),
            Self::Waves {
                mean,
                swing,
                turn,
                phase,
                second,
                second_phase,
            } => {
                let harmonic = second * math::cos(2.0 * turn * x + second_phase);
                mean + swing * math::cos(turn * x + phase) + harmonic
            }
            Self::Growth { from, growth } => from * math::exp(growth * x),
        }
    }

    /// Expected arrivals from the start of the segment up to `x`.
    fn integral(self, x: f64) -> f64 {
        match self {
            Self::Constant { rate, .. } => rate * x,
            Self::Linear { from, slope } => (from + slope * x / 2.0) * x,
            Self::Decay { base, extra, decay } => {
                base * x + extra / decay * (1.0 - math::exp(-decay * x))
            }
            Self::Wave {
                mean,
                swing,
                turn,
                phase,
            } => mean * x + swing / turn * (math::sin(turn * x + phase) - math::sin(phase)),
            Self::Waves {
                mean,
                swing,
                turn,
                phase,
                second,
                second_phase,
            } => {
                let first = swing * (math::sin(turn * x + phase) - math::sin(phase));
                let angle = 2.0 * turn * x + second_phase;
                let harmonic = second / 2.0 * (math::sin(angle) - math::sin(second_phase));
                mean * x + (first + harmonic) / turn
            }
            Self::Growth { from, growth } => from / growth * math::exp_m1(growth * x),
        }
    }

    /// The same from `x` on.
    fn from(self, x: f64) -> Self {
        match self {
            Self::Constant { .. } => self,
            Self::Linear { slope, .. } => Self::Linear {
                from: self.rate(x),
                slope,
            },
            Self::Decay { base, extra, decay } => Self::Decay {
                base,
                extra: extra * math::exp(-decay * x),
                decay,
            },
            Self::Wave {
                mean,
                swing,
                turn,
                phase,
            } => Self::Wave {
                mean,
                swing,
                turn,
                phase: turn * x + phase,
            },
            Self::Waves {
                mean,
                swing,
                turn,
                phase,
                second,
                second_phase,
            } => Self::Waves {
                mean,
                swing,
                turn,
                phase: turn * x + phase,
                second,
                second_phase: 2.0 * turn * x + second_phase,
            },
            Self::Growth { growth, .. } => Self::Growth {
                from: self.rate(x),
                growth,
            },
        }
    }

    /// A rate that is not exceeded within `span` from the start of the segment, and is reached or, for
    /// waves, may be.
    fn highest(self, span: f64) -> f64 {
        match self {
            Self::Constant { rate, .. } => rate,
            Self::Linear { .. } | Self::Decay { .. } | Self::Growth { .. } => {
                self.rate(0.0).max(self.rate(span))
            }
            Self::Wave { mean, swing, .. } => mean + swing,
            Self::Waves {
                mean,
                swing,
                second,
                ..
            } => mean + swing + second,
        }
    }

    /// The `x` at or after `from` and before `to` up to which `expected` arrivals are expected from the
    /// start of the segment. The caller has made sure that there is one.
    fn inverse(self, expected: f64, from: f64, to: f64) -> f64 {
        match self {
            Self::Constant { gap, .. } => expected * gap,
            Self::Linear { from, slope } => {
                // The root that stays right for a slope of zero; rounding must not take it below zero.
                let root = (from * from + 2.0 * slope * expected).max(0.0).sqrt();
                2.0 * expected / (from + root)
            }
            Self::Growth { from, growth } => math::ln_1p(expected * growth / from) / growth,
            Self::Decay { .. } | Self::Wave { .. } | Self::Waves { .. } => {
                self.search(expected, from, to)
            }
        }
    }

    /// Newton's method, kept inside a bracket that shrinks at every step: the integral rises, so it
    /// converges from anywhere, also where the rate touches zero.
    fn search(self, expected: f64, from: f64, to: f64) -> f64 {
        let (mut low, mut high) = (from, to);
        let mut x = low;
        for _ in 0..200 {
            let error = self.integral(x) - expected;
            if error < 0.0 {
                low = x;
            } else {
                high = x;
            }
            let newton = x - error / self.rate(x);
            let next = if newton > low && newton < high {
                newton
            } else {
                f64::midpoint(low, high)
            };
            // A hundredth of a nanosecond: below what the clock can tell.
            if (next - x).abs() < 0.01 {
                return next;
            }
            x = next;
        }
        x
    }
}

/// A stretch of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Where it starts, in nanoseconds.
    pub(super) start: f64,
    /// How long it is, in nanoseconds.
    pub(super) span: f64,
    pub(super) form: Form,
}

/// A rate over time, from 0 to a horizon.
#[derive(Debug, Clone)]
pub struct Curve {
    segments: Arc<[Segment]>,
}

impl Curve {
    /// The curve along `segments`, cut off at `horizon`.
    pub(super) fn new(mut segments: Vec<Segment>, horizon: SimTime) -> Self {
        let end = horizon.as_nanos() as f64;
        segments.retain(|segment| segment.start < end);
        if let Some(last) = segments.last_mut() {
            last.span = last.span.min(end - last.start);
        }
        Self {
            segments: segments.into(),
        }
    }

    /// This curve up to `at`, and `other` from there on.
    #[must_use]
    pub fn then(&self, at: SimTime, other: &Self) -> Self {
        let at = at.as_nanos() as f64;
        let before = self.segments.iter().filter(|own| own.start < at);
        let before = before.map(|own| Segment {
            span: own.span.min(at - own.start),
            ..*own
        });
        let after = other
            .segments
            .iter()
            .filter(|own| own.start + own.span > at);
        let after = after.map(|own| {
            let passed = (at - own.start).max(0.0);
            Segment {
                start: own.start + passed,
                span: own.span - passed,
                form: if passed > 0.0 {
                    own.form.from(passed)
                } else {
                    own.form
                },
            }
        });
        Self {
            segments: before.chain(after).collect(),
        }
    }

    /// How many arrivals are expected in all.
    pub fn expected(&self) -> f64 {
        self.segments
            .iter()
            .map(|segment| segment.form.integral(segment.span))
            .sum()
    }

    /// A rate that is not exceeded anywhere.
    pub fn highest(&self) -> Rate {
        let rates = self.segments.iter().map(|own| own.form.highest(own.span));
        Rate::per_second(rates.fold(0.0, f64::max) * 1e9).unwrap_or(Rate::ZERO)
    }

    /// How long it is.
    pub fn length(&self) -> SimDuration {
        let end = self
            .segments
            .last()
            .map_or(0.0, |last| last.start + last.span);
        SimDuration::from_nanos_f64(end)
    }

    /// The rate at `at`.
    pub fn rate_at(&self, at: SimTime) -> Rate {
        let at = at.as_nanos() as f64;
        let found = self
            .segments
            .iter()
            .rev()
            .find(|segment| segment.start <= at);
        let rate = found.map_or(0.0, |segment| segment.form.rate(at - segment.start));
        Rate::per_second(rate * 1e9).unwrap_or(Rate::ZERO)
    }

    /// A cursor at the start.
    pub fn walk(&self) -> Cursor {
        Cursor {
            curve: self.clone(),
            segment: 0,
            at: 0.0,
            passed: 0.0,
        }
    }
}

/// Walks along a curve by expected arrivals.
#[derive(Debug, Clone)]
pub struct Cursor {
    curve: Curve,
    segment: usize,
    /// Position in the segment, in nanoseconds.
    at: f64,
    /// Expected arrivals from the start of the segment to there.
    passed: f64,
}

impl Cursor {
    /// Goes on until `expected` more arrivals are expected; nothing if the curve ends before.
    #[inline]
    pub fn advance(&mut self, expected: f64) -> Option<SimTime> {
        let segment = self.curve.segments.get(self.segment)?;
        if let Form::Constant { gap, .. } = segment.form {
            let at = self.at + expected * gap;
            if at < segment.span {
                self.at = at;
                return Some(instant(segment.start + at));
            }
        }
        self.advance_over_forms(expected)
    }

    fn advance_over_forms(&mut self, expected: f64) -> Option<SimTime> {
        let mut expected = expected;
        loop {
            let segment = self.curve.segments.get(self.segment)?;
            if let Form::Constant { rate, .. } = segment.form {
                self.passed = rate * self.at;
            }
            let total = segment.form.integral(segment.span);
            if self.passed + expected < total {
                self.passed += expected;
                let x = segment.form.inverse(self.passed, self.at, segment.span);
                // Rounding must neither go back nor leave the segment.
                self.at = x.clamp(self.at, segment.span);
                return Some(instant(segment.start + self.at));
            }
            expected -= total - self.passed;
            self.segment += 1;
            (self.at, self.passed) = (0.0, 0.0);
        }
    }
}

/// What a cursor met first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Met {
    /// The next arrival.
    Arrival(SimTime),
    /// The instant up to which it was to go; so many arrivals were expected until then.
    Until(f64),
    /// The end of the curve.
    End,
}

impl Cursor {
    /// Goes on until `expected` more arrivals are expected, but no further than to `until`, in nanoseconds
    /// since the start; `expected` may be infinite.
    pub fn advance_until(&mut self, expected: f64, until: f64) -> Met {
        let mut expected = expected;
        let mut counted = 0.0;
        loop {
            let Some(segment) = self.curve.segments.get(self.segment) else {
                return Met::End;
            };
            // Where to stop; an instant that is over by now is where we are.
            let cap = (until - segment.start).max(self.at);
            let stop = cap.min(segment.span);
            if let Form::Constant { rate, gap } = segment.form {
                let at = self.at + expected * gap;
                if at < stop {
                    self.at = at;
                    return Met::Arrival(instant(segment.start + at));
                }
                self.passed = rate * self.at;
            }
            // Rounding must not make it fall.
            let total = segment.form.integral(stop).max(self.passed);
            let rest = total - self.passed;
            if expected < rest {
                self.passed += expected;
                let x = segment.form.inverse(self.passed, self.at, stop);
                self.at = x.clamp(self.at, stop);
                return Met::Arrival(instant(segment.start + self.at));
            }
            counted += rest;
            if cap < segment.span {
                (self.at, self.passed) = (stop, total);
                return Met::Until(counted);
            }
            expected -= rest;
            self.segment += 1;
            (self.at, self.passed) = (0.0, 0.0);
        }
    }
}

#[inline]
fn instant(nanos: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_nanos_f64(nanos)
}
