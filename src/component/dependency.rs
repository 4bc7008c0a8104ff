//! A dependency: something outside, known only by its latency and its limits.
//!
//! It has no state but how many calls it has in flight. Above its limit it turns calls away, as most
//! public interfaces do, or lets them wait.

use super::program::Visit;
use super::request::{Flags, Line, RequestId};
use super::{Component, Context, Gauge, Kept, NodeId, Resource, Step, Tally};
use crate::dist::Law;
use crate::metrics::{CounterId, LevelId, Outcome, WaitId};
use crate::rng::{Salt, Streams};
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration, SimTime};
use crate::{spec, words};

words! {
    /// What happens to a call above the limit.
    pub enum OverLimit {
        /// It fails at once.
        Reject = "reject",
        /// It waits, first come first served.
        Wait = "wait",
    }
}

spec! {
    /// Something outside, known only by its latency and its limits.
    pub struct Dependency {
        /// How long a call takes.
        pub latency: Law,
        /// How many calls it takes at a time; no limit unless given.
        pub max_concurrent: Option<At<Count>>,
        /// What happens to a call above that.
        pub over_limit: At<OverLimit> = At::built_in(OverLimit::Reject),
        /// The share of calls that it answers with an error, after the usual time.
        pub errors: At<Fraction> = At::built_in(Fraction::ZERO),
    }
}

/// A dependency with every name resolved; its latency is part of the steps that call it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// How many calls it takes at a time.
    pub max_concurrent: Option<u32>,
    /// What happens above that.
    pub over_limit: OverLimit,
    /// The share of errors, as a threshold for a uniform 64-bit number.
    pub errors_below: u64,
}

impl Plan {
    /// Says why a dependency that runs cannot take over the settings of `other`.
    pub fn can_become(&self, other: &Self) -> Result<(), String> {
        if self.max_concurrent.is_some() != other.max_concurrent.is_some() {
            let problem =
                "a limit cannot come or go while the system runs: give a high one at the start";
            return Err(problem.to_owned());
        }
        Ok(())
    }
}

/// A dependency at work.
#[derive(Debug)]
pub struct State {
    name: String,
    max: u64,
    over_limit: OverLimit,
    errors_below: u64,
    salt: Salt,
    line: Line,
    /// How many times as long calls take, what share fails, and until when that is so.
    slow: Option<(f64, u64, SimTime)>,
    calls: LevelId,
    capacity: Option<LevelId>,
    waiting: LevelId,
    wait: WaitId,
    errors: CounterId,
}

impl State {
    pub(super) fn new(plan: &Plan, _: NodeId, _: Streams, cx: &mut Context) -> Self {
        let now = cx.now();
        let recorder = &mut cx.recorder;
        let capacity = plan.max_concurrent;
        let capacity = capacity.map(|max| recorder.add_level_at(now, u64::from(max)));
        Self {
            name: plan.name.clone(),
            max: plan.max_concurrent.map_or(u64::MAX, u64::from),
            over_limit: plan.over_limit,
            errors_below: plan.errors_below,
            salt: Salt::new(&plan.name, "error"),
            line: Line::default(),
            slow: None,
            calls: recorder.add_level(),
            capacity,
            waiting: recorder.add_level(),
            wait: recorder.add_wait(),
            errors: recorder.add_counter(),
        }
    }

    /// Takes over the settings of `plan`. Calls that wait begin if there is room for them now.
    pub(super) fn adopts(&mut self, plan: &Plan, cx: &mut Context) {
        let now = cx.now();
        (self.errors_below, self.over_limit) = (plan.errors_below, plan.over_limit);
        if let (Some(level), Some(max)) = (self.capacity, plan.max_concurrent) {
            self.max = u64::from(max);
            // Calls beyond it have their places until they are over.
            let most = self.max.max(cx.recorder.level_now(self.calls));
            cx.recorder.level(level).set(now, most);
        }
        while cx.recorder.level_now(self.calls) < self.max {
            let Some(next) = self.line.pop(&mut cx.requests) else {
                return;
            };
            cx.recorder.level(self.calls).up(now, 1);
            self.goes_from_line(next, cx);
        }
    }

    /// The first in line begins.
    fn goes_from_line(&self, next: RequestId, cx: &mut Context) {
        let now = cx.now();
        let request = cx.requests.get_mut(next);
        request.flags.clear(Flags::IN_LINE);
        let since = request.since;
        cx.recorder.wait(self.wait, since, now);
        cx.recorder.level(self.waiting).down(now, 1);
        self.begin(next, cx);
    }

    /// From now on until then calls take `factor` times as long, and, if that is said, fail more or less often.
    pub(super) fn is_slow(&mut self, factor: f64, errors_below: Option<u64>, until: SimTime) {
        self.slow = Some((factor, errors_below.unwrap_or(self.errors_below), until));
    }

    /// How many times as long calls take, and what share fails.
    fn pace(&self, now: SimTime) -> (f64, u64) {
        match self.slow {
            Some((factor, errors_below, until)) if now < until => (factor, errors_below),
            _ => (1.0, self.errors_below),
        }
    }

    fn begin(&self, id: RequestId, cx: &mut Context) {
        let pc = cx.requests.get(id).frame.pc;
        let super::program::Op::Visit(_, Visit::Use { time, .. }) = *cx.program.op(pc) else {
            unreachable!("whoever waits for a dependency is about to call it")
        };
        let mut latency = cx.program.draw(time, cx.requests.get(id).seed());
        if self.slow.is_some() {
            let (factor, _) = self.pace(cx.now());
            latency = SimDuration::from_nanos_f64(latency.as_nanos() as f64 * factor);
        }
        cx.resume_after(latency, id);
    }
}

impl Component for State {
    fn visit(&mut self, id: RequestId, _: Visit, cx: &mut Context) -> Step {
        let now = cx.now();
        if cx.recorder.level_now(self.calls) < self.max {
            cx.recorder.level(self.calls).up(now, 1);
            cx.recorder.no_wait(self.wait);
            self.begin(id, cx);
            return Step::Blocked;
        }
        if self.over_limit == OverLimit::Reject {
            return Step::Fail(Outcome::ConcurrencyLimit);
        }
        let request = cx.requests.get_mut(id);
        request.since = now;
        request.flags.set(Flags::IN_LINE);
        self.line.push(&mut cx.requests, id);
        cx.recorder.level(self.waiting).up(now, 1);
        Step::Blocked
    }

    fn resume(&mut self, id: RequestId, _: Visit, cx: &mut Context) -> Step {
        let now = cx.now();
        // There may be more than it takes by now, if somebody has changed that.
        let fits = cx.recorder.level_now(self.calls) <= self.max;
        let next = if fits {
            self.line.pop(&mut cx.requests)
        } else {
            None
        };
        if let Some(next) = next {
            self.goes_from_line(next, cx);
        } else {
            cx.recorder.level(self.calls).down(now, 1);
            if let Some(capacity) = self.capacity {
                cx.takes_places_away(capacity, self.calls, self.max);
            }
        }
        let (_, errors_below) = self.pace(now);
        if errors_below > 0 && self.salt.uniform(cx.requests.get(id).seed()) < errors_below {
            cx.recorder.count(self.errors);
            return Step::Fail(Outcome::DependencyError);
        }
        Step::Next
    }

    fn withdraw(&mut self, id: RequestId, cx: &mut Context) -> bool {
        cx.leaves_line(id, &mut self.line, self.waiting)
    }

    fn resources(&self) -> Vec<Resource> {
        vec![Resource {
            component: self.name.clone(),
            what: "calls".to_owned(),
            unit: "call",
            used: self.calls,
            capacity: self.capacity,
            scale: 1.0,
            waiting: Some(self.waiting),
            wait: Some(self.wait),
        }]
    }

    fn gauges(&self) -> Vec<Gauge> {
        let component = self.name.clone();
        vec![Gauge {
            component,
            what: "errors",
            kept: Kept::Counter(self.errors),
        }]
    }

    fn audit(&self, own: NodeId, seen: &Tally, cx: &Context) {
        let (calls, waiting) = (
            cx.recorder.level_now(self.calls),
            u64::from(self.line.len()),
        );
        assert_eq!(
            waiting,
            cx.recorder.level_now(self.waiting),
            "calls in line for {}",
            self.name
        );
        assert_eq!(
            calls + waiting,
            seen.visiting(own),
            "calls to {}",
            self.name
        );
    }
}
