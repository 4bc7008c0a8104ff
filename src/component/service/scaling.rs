//! The control loops around autoscalers: their clocks and sensors, and that the service does what they say.
//!
//! Each autoscaler has its own clock. A service may have several: each says how many instances there shall be
//! when it wants a change, and whoever speaks last is heard.

use super::state::{LOOK, SCRAPE, State};
use crate::autoscaler::count::Bounds;
use crate::autoscaler::oracle::Foresight;
use crate::autoscaler::{
    Autoscaler, AutoscalerSpec, Clock, Decision, Group, Reading, Reason, Sight,
};
use crate::component::{Context, Event, NodeId};
use crate::engine::Class;
use crate::metrics::LevelId;
use crate::rng::Stream;
use crate::stats::Histogram;
use crate::units::{Rate, SimDuration, SimTime};
use rand::Rng as _;

/// An autoscaler with every name resolved.
#[derive(Debug, Clone)]
pub struct ControllerPlan {
    /// Its name: its kind, where the scenario gives none.
    pub name: String,
    /// What it is.
    pub spec: AutoscalerSpec,
    /// Whether it may change anything.
    pub enabled: bool,
    /// The queues whose length it goes by.
    pub queues: Vec<NodeId>,
    /// What will come, if it is one that knows.
    pub foresight: Option<Foresight>,
}

/// What an autoscaler saw and did at one look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// When.
    pub at: SimTime,
    /// Which of the service's autoscalers, by position.
    pub by: u16,
    /// How many instances there were meant to be.
    pub from: u32,
    /// How many the rule asked for.
    pub wanted: u32,
    /// How many there are meant to be now.
    pub to: u32,
    /// Requests a second that have left the instances since the last look.
    pub throughput: Rate,
    /// 95th percentile of the response time since the last look.
    pub response_p95: Option<SimDuration>,
    /// What the decision went by.
    pub sight: Option<Sight>,
    /// Why.
    pub reason: Reason,
}

/// An autoscaler and its clock.
#[derive(Debug)]
pub(super) struct Controller {
    pub(super) autoscaler: Autoscaler,
    pub(super) enabled: bool,
    clock: Clock,
    first: SimDuration,
    /// When it looked last.
    looked: SimTime,
    /// Response times since then.
    responses: Histogram,
    /// Those since its sensor last read, if that goes by them.
    sensed: Option<Box<Histogram>>,
    /// What stands in the queues that it goes by.
    backlogs: Vec<LevelId>,
    foresight: Option<Foresight>,
}

/// The autoscalers of a service.
#[derive(Debug)]
pub struct Scaling {
    pub(super) controllers: Vec<Controller>,
    /// Every look.
    looks: Vec<Change>,
    /// What was read last.
    readings: Vec<Reading>,
    waiting: Vec<u64>,
    /// Until when nothing is changed, whatever they say.
    paused: SimTime,
}

impl Controller {
    /// Its autoscaler has the settings of `plan` from now on.
    pub(super) fn adopts(&mut self, plan: &ControllerPlan) {
        self.autoscaler.adopts(plan.spec.start());
        if self.autoscaler.senses_responses() {
            self.sensed.get_or_insert_default();
        }
    }
}

impl Scaling {
    /// At the start of a run; `phases` says when those look first who say nothing about it themselves.
    pub(super) fn new(plans: &[ControllerPlan], phases: &mut Stream) -> Self {
        let controllers = plans.iter().map(|plan| {
            let autoscaler = plan.spec.start();
            let clock = autoscaler.clock();
            let sensed = autoscaler.senses_responses();
            let drawn = SimDuration::from_nanos(1 + phases.next_u64() % clock.period.as_nanos());
            Controller {
                autoscaler,
                enabled: plan.enabled,
                clock,
                first: clock.first.unwrap_or(drawn),
                looked: SimTime::ZERO,
                responses: Histogram::default(),
                sensed: sensed.then(Box::default),
                backlogs: Vec::new(),
                foresight: plan.foresight.clone(),
            }
        });
        Self {
            controllers: controllers.collect(),
            looks: Vec::new(),
            readings: Vec::new(),
            waiting: Vec::new(),
            paused: SimTime::ZERO,
        }
    }

    /// How many instances there are at the start, if it is up to the autoscalers that are switched on: not fewer than
    /// any of them has, nor more than all of them.
    pub(super) fn at_start(&self, count: u32) -> u32 {
        let on = self.controllers.iter().filter(|own| own.enabled);
        let ranges = on.filter_map(|own| own.autoscaler.range_at_start());
        let both = |one: (u32, u32), other: (u32, u32)| (one.0.max(other.0), one.1.max(other.1));
        let (min, max) = ranges.reduce(both).unwrap_or((0, Bounds::UNLIMITED));
        let count = count.clamp(min, max.max(min));
        self.holds_to().clamp(count.into()).0
    }

    /// Within what the group is held, by those of the controllers who do that and are switched on.
    fn holds_to(&self) -> Bounds {
        let on = self.controllers.iter().filter(|own| own.enabled);
        on.fold(Bounds::NONE, |all, own| all.and(own.autoscaler.holds_to()))
    }

    /// An instance has answered a request.
    #[inline]
    pub(super) fn answered(&mut self, response: SimDuration) {
        for own in &mut self.controllers {
            own.responses.record(response);
            if let Some(sensed) = &mut own.sensed {
                sensed.record(response);
            }
        }
    }
}

impl State {
    /// Every look of the autoscalers so far.
    pub fn looks(&self) -> &[Change] {
        self.scaling.as_ref().map_or(&[], |scaling| &scaling.looks)
    }

    /// The autoscalers change nothing until then.
    pub(in crate::component) fn pauses_autoscalers(&mut self, until: SimTime) {
        if let Some(scaling) = &mut self.scaling {
            scaling.paused = until;
        }
    }

    /// Tells the autoscalers where to read how many messages wait, given the level of each component that is a
    /// queue.
    pub(in crate::component) fn finds_backlogs(&mut self, levels: &[Option<LevelId>]) {
        let Some(scaling) = &mut self.scaling else {
            return;
        };
        for (own, plan) in scaling.controllers.iter_mut().zip(&self.plan.autoscalers) {
            let levels = plan.queues.iter().map(|queue| levels[queue.index()]);
            own.backlogs = levels.flatten().collect();
        }
    }

    /// Sets the clocks for the first looks.
    pub(super) fn set_clocks(&mut self, cx: &mut Context) {
        let Some(scaling) = &mut self.scaling else {
            return;
        };
        // All room is made now: the run allocates nothing.
        let horizon = self.plan.horizon.as_nanos();
        let n_looks = |own: &Controller| (horizon / own.clock.period.as_nanos()) as usize + 2;
        let n = scaling.controllers.iter().map(n_looks).sum();
        scaling.looks.reserve(n);
        scaling.readings.reserve(self.instances.len());
        for (at, own) in scaling.controllers.iter().enumerate() {
            let signal = |code| Event::Signal(self.own, code, at as u32);
            if own.first <= self.plan.horizon {
                cx.signal_after(own.first, Class::Control, signal(LOOK));
            }
            if own.clock.scrape.is_some() {
                // At once, so that there is something to compare the next with.
                cx.signal_after(SimDuration::ZERO, Class::Control, signal(SCRAPE));
            }
        }
    }

    /// Shows the group to a controller, or to its sensor.
    fn shows_group<T>(
        &mut self,
        (at, code): (u32, u8),
        cx: &Context,
        to: impl FnOnce(&mut Autoscaler, &Group<'_>) -> T,
    ) -> Option<T> {
        let mut scaling = self.scaling.take()?;
        self.read_instances(&mut scaling.readings, cx);
        let own = &mut scaling.controllers[at as usize];
        let backlogs = own.backlogs.iter();
        scaling.waiting.clear();
        scaling
            .waiting
            .extend(backlogs.map(|level| cx.recorder.level_now(*level)));
        let group = Group {
            now: cx.now(),
            desired: self.desired,
            instances: &scaling.readings,
            cpus: self.plan.cpus(),
            memory: self.plan.memory_limit(),
            responses: match &own.sensed {
                Some(sensed) if code == SCRAPE => sensed,
                _ => &own.responses,
            },
            ended: cx.recorder.n_ended(),
            failed: cx.recorder.n_failed(),
            backlogs: &scaling.waiting,
            held: self.n_held(),
            foresight: own.foresight.as_ref(),
        };
        let said = to(&mut own.autoscaler, &group);
        self.scaling = Some(scaling);
        Some(said)
    }

    /// A controller's sensor reads the instances.
    pub(super) fn scrape(&mut self, at: u32, cx: &mut Context) {
        let to = |autoscaler: &mut Autoscaler, group: &Group<'_>| autoscaler.scrape(group);
        self.shows_group((at, SCRAPE), cx, to);
        let Some(scaling) = &mut self.scaling else {
            return;
        };
        let own = &mut scaling.controllers[at as usize];
        if let Some(sensed) = &mut own.sensed {
            sensed.clear();
        }
        if let Some(every) = own.clock.scrape {
            self.again(SCRAPE, at, cx.now() + every, cx);
        }
    }

    /// An autoscaler looks.
    pub(super) fn look(&mut self, at: u32, cx: &mut Context) {
        let to = |autoscaler: &mut Autoscaler, group: &Group<'_>| autoscaler.decide(group);
        let said = self.shows_group((at, LOOK), cx, to);
        let Some(decision) = said else { return };
        self.carries_out(at, decision, cx);
        let scaling = self.scaling.as_ref();
        if let Some(own) = scaling.map(|own| &own.controllers[at as usize]) {
            let next = own.autoscaler.next(cx.now());
            self.again(LOOK, at, next, cx);
        }
    }

    /// The first request is held: those autoscalers decide that hear of it, if it still is.
    pub(super) fn knock(&mut self, cx: &mut Context) {
        let plans = self.plan.autoscalers.iter().enumerate();
        let hearing = plans.filter(|(_, plan)| plan.spec.holds_requests().is_some());
        let hearing: Vec<u32> = hearing.map(|(at, _)| at as u32).collect();
        for at in hearing {
            let to = |autoscaler: &mut Autoscaler, group: &Group<'_>| {
                (group.held > 0).then(|| autoscaler.knock(group))
            };
            let said = self.shows_group((at, LOOK), cx, to);
            if let Some(decision) = said.flatten() {
                self.carries_out(at, decision, cx);
            }
        }
    }

    /// Does what an autoscaler has decided, as far as it may, and takes note of it.
    fn carries_out(&mut self, at: u32, decision: Decision, cx: &mut Context) {
        let (now, from) = (cx.now(), self.desired);
        let Some(scaling) = &mut self.scaling else {
            return;
        };
        let paused = scaling.paused;
        let (held, bound) = scaling.holds_to().clamp(decision.instances.into());
        let own = &mut scaling.controllers[at as usize];
        let is_paused = now < paused || !own.enabled;
        let to = if is_paused { from } else { held };
        let since = now.since(own.looked).as_secs_f64();
        let per_second = own.responses.n() as f64 / since;
        scaling.looks.push(Change {
            at: now,
            by: at as u16,
            from,
            wanted: decision.wanted,
            to,
            throughput: Rate::per_second(per_second).unwrap_or(Rate::ZERO),
            response_p95: own.responses.quantile(0.95),
            sight: decision.sight,
            reason: if is_paused {
                Reason::Paused
            } else if bound.is_some() {
                Reason::AtLimit
            } else {
                decision.reason
            },
        });
        own.responses.clear();
        own.looked = now;
        if to != from {
            self.scale_to(to, cx);
        }
    }

    /// Sets a controller's clock for the next time, if that is within the run.
    fn again(&self, code: u8, at: u32, then: SimTime, cx: &mut Context) {
        if then <= SimTime::ZERO + self.plan.horizon {
            let after = then.since(cx.now());
            cx.signal_after(after, Class::Control, Event::Signal(self.own, code, at));
        }
    }
}
