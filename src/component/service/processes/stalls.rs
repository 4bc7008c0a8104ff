//! Pauses: collecting garbage, or whatever else stops a process for a while.
//!
//! Where a process works on one thing at a time, it is stopped by being longer at it: a pause that falls into a
//! burst makes the burst longer, and one that falls into idle time goes unnoticed. A process with many threads
//! at work is stopped as a whole.

use rand::Rng as _;

use super::Process;
use crate::component::request::Frame;
use crate::component::service::instances::Life;
use crate::component::service::state::State;
use crate::component::service::{Plan, Runtime};
use crate::component::{Context, Event, Gauge, Kept};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::{Law, Sampler};
use crate::engine::{Class, Slot};
use crate::math;
use crate::metrics::{CounterId, LevelId};
use crate::rng::{Stream, Streams};
use crate::spec::{At, number_text};
use crate::units::{Fraction, SimDuration, SimTime};
use crate::{spec, words};

/// An instance pauses.
pub(in crate::component::service) const PAUSE: u8 = 22;
/// Its pause is over.
pub(in crate::component::service) const PAUSE_OVER: u8 = 23;

/// There is at least so much time between two pauses.
const SHORTEST_GAP: SimDuration = SimDuration::from_nanos(100_000);
/// After this many missed pauses an idle process does not catch up with them one by one.
const CATCH_UP: u64 = 64;

words! {
    /// What a pause stops.
    pub enum Scope {
        /// One process.
        Worker = "worker",
        /// Everything in the instance.
        Instance = "instance",
    }
}

spec! {
    /// Pauses in which nothing is worked on: `{ every_requests = 50, length = { lognormal = { mean = "3ms", cv = 0.5
    /// } } }`.
    pub struct Pauses {
        /// How long it is from one to the next. One of this and `every_requests`.
        pub every: Option<Law>,
        /// After how many requests of a process one comes, on average (geometric): as a collector, which has to
        /// work in proportion to what requests allocate.
        pub every_requests: Option<At<f64>>,
        /// How long one takes.
        pub length: Law,
        /// What it stops; a process where processes have no threads at work at the same time, everything in the
        /// instance otherwise.
        pub scope: Option<At<Scope>>,
        /// What a collector takes beside the pauses, as a share of the CPU time of requests: 5 to 15 %.
        pub cpu_share: At<Fraction> = At::built_in(Fraction::ZERO),
    }
    check(Self::check)
}

impl Pauses {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (&self.every, &self.every_requests) {
            (Some(_), Some(requests)) => out.push(Diagnostic::error(
                requests.origin,
                "pauses come in two ways: give `every` or `every_requests`",
            )),
            (None, None) => out.push(
                Diagnostic::error(table, "when do pauses come?")
                    .label("needs `every` or `every_requests`"),
            ),
            (None, Some(n)) if !(1.0..=1e9).contains(&n.value) => {
                let found = number_text(n.value);
                let problem = format!("expected between 1 and 1e9 requests, found {found}");
                out.push(Diagnostic::error(n.origin, problem));
            }
            _ => {}
        }
    }
}

/// When pauses come.
#[derive(Debug, Clone)]
pub enum Every {
    /// After so much time.
    Time(Sampler),
    /// After so many requests on average.
    Requests(f64),
}

/// Pauses, with every law at hand.
#[derive(Debug, Clone)]
pub struct PausesPlan {
    /// When they come.
    pub every: Every,
    /// How long they take.
    pub length: Sampler,
    /// What they stop.
    pub scope: Scope,
    /// What a collector takes beside them.
    pub cpu_share: f64,
}

/// The pauses of a service.
#[derive(Debug)]
pub(super) struct Stalls {
    plan: PausesPlan,
    draws: Stream,
    /// By instance, where everything in it stops: the next pause, or the end of the present one.
    pending: Vec<Option<Slot>>,
    /// By instance: whether it pauses.
    pauses: Vec<bool>,
    paused: LevelId,
    n: CounterId,
}

impl Stalls {
    pub(super) fn new(
        plan: &PausesPlan,
        service: &Plan,
        streams: Streams,
        cx: &mut Context,
    ) -> Self {
        let n = service.n_places as usize;
        Self {
            plan: plan.clone(),
            draws: streams.stream(&service.name, "pauses"),
            pending: vec![None; n],
            pauses: vec![false; n],
            paused: cx.recorder.add_level(),
            n: cx.recorder.add_counter(),
        }
    }

    pub(super) fn gauges(&self, component: &str) -> [Gauge; 2] {
        let gauge = |what, kept| Gauge::new(component, what, kept);
        [
            gauge("instances_paused", Kept::Level(self.paused)),
            gauge("pauses", Kept::Counter(self.n)),
        ]
    }

    /// A process starts: its first pause is drawn.
    pub(super) fn first(&mut self, own: &mut Process, now: SimTime) {
        self.draws_next(own, now);
    }

    fn draws_next(&mut self, own: &mut Process, after: SimTime) {
        match &self.plan.every {
            Every::Time(law) => {
                let gap = law.sample(&mut self.draws).max(SHORTEST_GAP);
                own.pause = (after + gap, self.plan.length.sample(&mut self.draws));
            }
            Every::Requests(mean) => {
                let unit = ((self.draws.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
                // Geometric with this mean: how often until it comes.
                let n = if *mean <= 1.0 {
                    1.0
                } else {
                    (math::ln(unit) / math::ln_1p(-1.0 / mean)).floor() + 1.0
                };
                own.pause_at = own.seen + n as u64;
            }
        }
    }

    /// By how much the pauses of a process make a burst longer that begins now and takes `work`.
    pub(super) fn lengthen(
        &mut self,
        own: &mut Process,
        work: SimDuration,
        cx: &mut Context,
    ) -> SimDuration {
        if self.plan.scope == Scope::Instance {
            return SimDuration::ZERO;
        }
        let now = cx.now();
        let mut more = SimDuration::ZERO;
        match &self.plan.every {
            Every::Requests(_) => {
                if own.seen >= own.pause_at {
                    more = self.plan.length.sample(&mut self.draws);
                    self.draws_next(own, now);
                    cx.recorder.count(self.n);
                }
            }
            Every::Time(law) => {
                let round = law.mean().max(SHORTEST_GAP) + self.plan.length.mean();
                if now.since(own.pause.0) > round.times(CATCH_UP as u32) {
                    self.draws_next(own, now);
                }
                while own.pause.0 < now + work + more {
                    let (at, length) = own.pause;
                    let end = at + length;
                    if end > now {
                        more = more + if at >= now { length } else { end.since(now) };
                        cx.recorder.count(self.n);
                    }
                    self.draws_next(own, end);
                }
            }
        }
        more
    }

    /// What a collector takes beside the pauses, as a factor on all work.
    pub(super) fn factor(&self) -> f64 {
        1.0 + self.plan.cpu_share
    }

    /// An instance is gone.
    pub(super) fn stops(&mut self, instance: u32, cx: &mut Context) {
        if let Some(slot) = self.pending[instance as usize].take() {
            cx.scheduler.cancel(slot);
        }
        if std::mem::take(&mut self.pauses[instance as usize]) {
            cx.recorder.level(self.paused).down(cx.scheduler.now(), 1);
        }
    }
}

impl State {
    /// Schedules the next pause of an instance that stops as a whole, where pauses come by time.
    pub(super) fn plans_pause(&mut self, instance: u32, cx: &mut Context) {
        let own_id = self.own;
        let Some(stalls) = self.processes.as_mut().and_then(|own| own.stalls.as_mut()) else {
            return;
        };
        let (Scope::Instance, Every::Time(law)) = (stalls.plan.scope, &stalls.plan.every) else {
            return;
        };
        let gap = law.sample(&mut stalls.draws).max(SHORTEST_GAP);
        let signal = Event::Signal(own_id, PAUSE, instance);
        let slot = cx.signal_after(gap, Class::Control, signal);
        stalls.pending[instance as usize] = Some(slot);
    }

    /// A request has left: perhaps it was the one after which its instance pauses.
    pub(super) fn pauses_by_requests(&mut self, frame: &Frame, cx: &mut Context) {
        let Some(processes) = &mut self.processes else {
            return;
        };
        let at = processes.of(frame);
        let Some(stalls) = &mut processes.stalls else {
            return;
        };
        let own = &mut processes.own[at];
        let by_requests = matches!(stalls.plan.every, Every::Requests(_));
        if stalls.plan.scope == Scope::Worker || !by_requests || own.seen < own.pause_at {
            return;
        }
        stalls.draws_next(own, cx.now());
        if !stalls.pauses[frame.instance as usize] {
            self.pauses(frame.instance, cx);
        }
    }

    /// Everything in an instance stops.
    pub(in crate::component::service) fn pauses(&mut self, instance: u32, cx: &mut Context) {
        let now = cx.now();
        let life = self.instances[instance as usize].life;
        let Some(stalls) = self.processes.as_mut().and_then(|own| own.stalls.as_mut()) else {
            return;
        };
        stalls.pending[instance as usize] = None;
        if !matches!(life, Life::InService | Life::Draining) {
            return;
        }
        stalls.pauses[instance as usize] = true;
        cx.recorder.level(stalls.paused).up(now, 1);
        cx.recorder.count(stalls.n);
        let length = stalls.plan.length.sample(&mut stalls.draws);
        let signal = Event::Signal(self.own, PAUSE_OVER, instance);
        let slot = cx.signal_after(length, Class::Control, signal);
        stalls.pending[instance as usize] = Some(slot);
        self.stalls_cpu(instance, true, cx);
    }

    /// A pause is over.
    pub(in crate::component::service) fn pause_is_over(&mut self, instance: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(stalls) = self.processes.as_mut().and_then(|own| own.stalls.as_mut()) else {
            return;
        };
        stalls.pending[instance as usize] = None;
        stalls.pauses[instance as usize] = false;
        cx.recorder.level(stalls.paused).down(now, 1);
        self.stalls_cpu(instance, false, cx);
        self.plans_pause(instance, cx);
    }
}

impl PausesPlan {
    /// What pauses stop where that is not said.
    pub fn usual_scope(runtime: Runtime, lock: bool) -> Scope {
        match runtime {
            Runtime::EventLoop => Scope::Worker,
            Runtime::Processes if lock => Scope::Worker,
            Runtime::Processes | Runtime::Threads => Scope::Instance,
        }
    }
}
