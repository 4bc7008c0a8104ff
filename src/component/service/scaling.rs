//! The control loop around an autoscaler: it measures, asks the rule, and has the service do what it says.

use super::state::{LOOK, State};
use crate::autoscaler::{Autoscaler, AutoscalerSpec, Observation, Reason};
use crate::component::{Context, Event};
use crate::engine::Class;
use crate::stats::Histogram;
use crate::units::{Rate, SimDuration, SimTime};

/// What an autoscaler saw and did at one look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// When.
    pub at: SimTime,
    /// How many instances there were meant to be.
    pub from: u32,
    /// How many the rule asked for.
    pub wanted: u32,
    /// How many there are meant to be now.
    pub to: u32,
    /// Answers per second since the last look.
    pub throughput: Rate,
    /// 95th percentile of the response time since the last look.
    pub response_p95: Option<SimDuration>,
    /// Why.
    pub reason: Reason,
}

/// An autoscaler and what it measures.
#[derive(Debug)]
pub struct Scaling {
    autoscaler: Autoscaler,
    /// Response times since the last look.
    responses: Histogram,
    /// Every look.
    looks: Vec<Change>,
}

impl Scaling {
    pub(super) fn new(spec: &AutoscalerSpec) -> Self {
        Self {
            autoscaler: spec.start(),
            responses: Histogram::default(),
            looks: Vec::new(),
        }
    }

    pub(super) fn range(&self) -> (u32, u32) {
        self.autoscaler.range()
    }

    /// An instance has answered a request.
    #[inline]
    pub(super) fn answered(&mut self, response: SimDuration) {
        self.responses.record(response);
    }
}

impl State {
    /// Every look of the autoscaler so far.
    pub fn looks(&self) -> &[Change] {
        self.scaling.as_ref().map_or(&[], |scaling| &scaling.looks)
    }

    /// Sets the clock for the first look.
    pub(super) fn set_clock(&mut self, cx: &mut Context) {
        let horizon = self.plan.horizon;
        let Some(scaling) = &mut self.scaling else {
            return;
        };
        let period = scaling.autoscaler.period();
        // All room for looks is made now: the run allocates nothing.
        scaling
            .looks
            .reserve((horizon.as_nanos() / period.as_nanos()) as usize + 1);
        let signal = Event::Signal(self.own, LOOK, 0);
        cx.signal_after(period, Class::Control, signal);
    }

    /// The autoscaler looks.
    pub(super) fn look(&mut self, cx: &mut Context) {
        let (now, from) = (cx.now(), self.desired);
        let Some(scaling) = &mut self.scaling else {
            return;
        };
        let period = scaling.autoscaler.period();
        let per_second = scaling.responses.n() as f64 / period.as_secs_f64();
        let seen = Observation {
            now,
            instances: from,
            throughput: Rate::per_second(per_second).unwrap_or(Rate::ZERO),
            response_p95: scaling.responses.quantile(0.95),
        };
        scaling.responses.clear();
        let decision = scaling.autoscaler.decide(&seen);
        scaling.looks.push(Change {
            at: now,
            from,
            wanted: decision.wanted,
            to: decision.instances,
            throughput: seen.throughput,
            response_p95: seen.response_p95,
            reason: decision.reason,
        });
        if decision.instances != from {
            self.scale_to(decision.instances, cx);
        }
        if now + period <= SimTime::ZERO + self.plan.horizon {
            let signal = Event::Signal(self.own, LOOK, 0);
            cx.signal_after(period, Class::Control, signal);
        }
    }
}
