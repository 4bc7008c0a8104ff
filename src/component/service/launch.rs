//! The way of an instance from being asked for to its first request: machine, image, boot, readiness; and the way out,
//! as far as it is about machines. Without [`ProvisionPlan`] there is only the boot.

use rand::Rng as _;

use super::instances::Life;
use super::provision::ProvisionPlan;
use super::state::State;
use crate::component::{Bill, Charge, Context, Event, Gauge, Kept};
use crate::engine::{Class, Slot};
use crate::metrics::{CounterId, LevelId, WaitId};
use crate::rng::{Stream, Streams};
use crate::units::{SimDuration, SimTime};

/// The provider may launch a machine for an instance now.
pub(super) const LAUNCH: u8 = 32;
/// A machine is there.
pub(super) const MACHINE: u8 = 33;
/// A machine has pulled the image.
pub(super) const IMAGE: u8 = 34;
/// An instance has said that it is ready.
pub(super) const READY: u8 = 35;
/// A machine has been without instances for as long as it may.
pub(super) const MACHINE_IDLE: u8 = 36;
/// An instance of the warm pool stands by.
pub(super) const WARM: u8 = 37;
/// An instance of the warm pool is up.
pub(super) const RESUMED: u8 = 38;

/// What an instance waits for on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The provider: a quota, a rate of launches.
    Provider,
    /// Its machine.
    Machine,
    /// Its image.
    Image,
    /// Its software.
    Boot,
    /// Whoever asks whether it is ready.
    Ready,
}

/// The names of the stages, in their order.
pub const STAGES: [&str; 5] = ["provider", "machine", "image", "boot", "ready"];

/// A machine, or a place for one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Machine {
    /// It has been launched.
    is_coming: bool,
    is_there: bool,
    has_image: bool,
    /// That it is there, or has the image.
    pending: Option<Slot>,
    /// That it has been idle for long enough.
    idle: Option<Slot>,
}

impl Machine {
    /// One that is there with everything.
    pub(super) const READY: Self = Self {
        is_coming: false,
        is_there: true,
        has_image: true,
        pending: None,
        idle: None,
    };

    /// It goes, with everything that is planned for it; true if the provider counted it.
    fn goes(&mut self, cx: &mut Context) -> bool {
        let gone = std::mem::take(self);
        for slot in [gone.pending, gone.idle].into_iter().flatten() {
            cx.scheduler.cancel(slot);
        }
        gone.is_coming || gone.is_there
    }
}

/// The way of the instance at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) asked: SimTime,
    /// In service since.
    pub(super) ready: SimTime,
    stage: Stage,
    began: SimTime,
    /// What the stages before took.
    took: [SimDuration; STAGES.len()],
    /// Whether it is paid for.
    is_paid: bool,
    /// Whether its way counts: not that of instances that are there from the start.
    counts: bool,
}

impl Way {
    const fn beginning(now: SimTime) -> Self {
        Self {
            asked: now,
            ready: now,
            stage: Stage::Provider,
            began: now,
            took: [SimDuration::ZERO; STAGES.len()],
            is_paid: false,
            counts: false,
        }
    }
}

/// What is kept of launches.
#[derive(Debug)]
pub(super) struct Launches {
    pub(super) plan: Option<ProvisionPlan>,
    pub(super) ways: Vec<Way>,
    pub(super) machines: Vec<Machine>,
    pub(super) stream: Stream,
    /// When the provider may launch the next.
    next_launch: SimTime,
    /// Instances that stand by, and those that will.
    pub(super) warm: u32,
    pub(super) warming: u32,
    /// The time from being asked for until in service, and its stages.
    total: WaitId,
    stages: [WaitId; STAGES.len()],
    refused: CounterId,
    pub(super) there: LevelId,
    pub(super) standing_by: LevelId,
    /// Instances of the warm pool that are paid for.
    pub(super) warm_paid: LevelId,
}

impl Launches {
    pub(super) fn new(
        plan: Option<&ProvisionPlan>,
        name: &str,
        n_places: u32,
        streams: Streams,
        cx: &mut Context,
    ) -> Self {
        let recorder = &mut cx.recorder;
        let per_machine = plan.map_or(1, |plan| plan.per_machine);
        Self {
            plan: plan.cloned(),
            ways: vec![Way::beginning(SimTime::ZERO); n_places as usize],
            machines: vec![Machine::default(); n_places.div_ceil(per_machine) as usize],
            stream: streams.stream(name, "provisioning"),
            next_launch: SimTime::ZERO,
            warm: 0,
            warming: 0,
            total: recorder.add_wait(),
            stages: STAGES.map(|_| recorder.add_wait()),
            refused: recorder.add_counter(),
            there: recorder.add_level(),
            standing_by: recorder.add_level(),
            warm_paid: recorder.add_level(),
        }
    }

    /// Machines that the provider counts.
    pub(super) fn n_machines(&self, cx: &Context) -> u64 {
        cx.recorder.level_now(self.there) + u64::from(self.warm + self.warming)
    }

    /// The way of an instance goes on with another stage.
    pub(super) fn goes_to(&mut self, at: u32, stage: Stage, now: SimTime) {
        let way = &mut self.ways[at as usize];
        way.took[way.stage as usize] = way.took[way.stage as usize] + now.since(way.began);
        (way.stage, way.began) = (stage, now);
    }

    pub(super) fn gauges(&self, component: &str) -> Vec<Gauge> {
        let mut all = vec![Gauge::new(component, "scale_up", Kept::Times(self.total))];
        let Some(plan) = &self.plan else {
            return all;
        };
        let times = STAGES.iter().zip(self.stages);
        all.extend(times.map(|(what, wait)| Gauge::new(component, what, Kept::Times(wait))));
        all.push(Gauge::new(component, "machines", Kept::Level(self.there)));
        all.push(Gauge::new(
            component,
            "launches_refused",
            Kept::Incidents(self.refused),
        ));
        if plan.warm_pool.is_some() {
            let level = Kept::Level(self.standing_by);
            all.push(Gauge::new(component, "instances_standing_by", level));
        }
        all
    }

    /// What machines cost by themselves, and the instances of a warm pool at the price of an instance.
    pub(super) fn bills(&self, component: &str, cost: crate::units::CostPerHour) -> Vec<Bill> {
        let bill = |what, level, price| Bill {
            component: component.to_owned(),
            what,
            charge: Charge::Each(level, price),
        };
        let plan = self.plan.as_ref();
        let machines = plan.filter(|plan| plan.machine_cost.as_usd() > 0.0);
        let machines = machines.map(|plan| bill("machines", self.there, plan.machine_cost));
        let warm = plan.and_then(|plan| plan.warm_pool.as_ref());
        let warm = warm.map(|_| bill("warm pool", self.warm_paid, cost));
        machines.into_iter().chain(warm).collect()
    }
}

impl State {
    /// How many instances share a machine, and with it a zone.
    pub(super) fn per_machine(&self) -> u32 {
        self.plan
            .provisioning
            .as_ref()
            .map_or(1, |own| own.per_machine)
    }

    pub(super) fn machine_of(&self, at: u32) -> usize {
        (at / self.per_machine()) as usize
    }

    /// The places on a machine.
    pub(super) fn places_on(&self, machine: usize) -> std::ops::Range<u32> {
        let (first, n) = (machine as u32 * self.per_machine(), self.per_machine());
        first..(first + n).min(self.instances.len() as u32).max(first)
    }

    /// An instance that is there from the start, with its machine.
    pub(super) fn is_there_already(&mut self, at: u32, cx: &mut Context) {
        let machine = self.machine_of(at);
        let Some(own) = &mut self.launches else {
            return;
        };
        own.ways[at as usize].counts = false;
        if own.plan.is_none() {
            return;
        }
        let now = cx.scheduler.now();
        own.ways[at as usize].is_paid = true;
        cx.recorder.level(self.levels.paid).up(now, 1);
        if !own.machines[machine].is_there {
            own.machines[machine] = Machine::READY;
            cx.recorder.level(own.there).up(now, 1);
        }
    }

    /// An instance that had died boots again.
    pub(super) fn boots_again(&mut self, at: u32, now: SimTime) {
        if let Some(own) = &mut self.launches {
            own.goes_to(at, Stage::Boot, now);
        }
    }

    /// An instance has been asked for: its way begins.
    pub(super) fn launches(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        if let Some(own) = &mut self.launches {
            own.ways[at as usize] = Way {
                counts: true,
                ..Way::beginning(now)
            };
        }
        if self.plan.provisioning.is_some() {
            if let Some(meters) = &mut self.meters {
                meters.starts(at, SimTime::NEVER);
            }
            self.asks_provider(at, cx);
        } else {
            self.boots(at, cx);
        }
    }

    /// An instance needs a machine: there is one, one is on its way, one stands by, or the provider is asked.
    pub(super) fn asks_provider(&mut self, at: u32, cx: &mut Context) {
        let (now, machine, own_id) = (cx.now(), self.machine_of(at), self.own);
        self.instances[at as usize].pending = None;
        let Some(own) = &mut self.launches else {
            return;
        };
        let Some(plan) = &own.plan else { return };
        let this = own.machines[machine];
        if this.is_there || this.is_coming {
            if let Some(slot) = own.machines[machine].idle.take() {
                cx.scheduler.cancel(slot);
            }
            own.goes_to(at, Stage::Machine, now);
            self.is_paid(at, cx);
            if this.is_there {
                self.pulls(at, cx);
            }
            return;
        }
        if own.warm > 0 {
            return self.takes_warm(at, cx);
        }
        let (gap, every) = (plan.launch_gap, plan.retry_every);
        let mut wait = SimDuration::ZERO;
        if own.n_machines(cx) >= u64::from(plan.quota) {
            cx.recorder.count(own.refused);
            wait = every;
        } else if own.next_launch > now {
            wait = own.next_launch.since(now);
        }
        if wait > SimDuration::ZERO {
            let signal = Event::Signal(own_id, LAUNCH, at);
            let slot = cx.signal_after(wait, Class::Control, signal);
            self.instances[at as usize].pending = Some(slot);
            return;
        }
        own.next_launch = now + gap;
        let after = plan.machine.as_ref();
        let after = after.map_or(SimDuration::ZERO, |law| law.sample(&mut own.stream));
        cx.recorder.level(own.there).up(now, 1);
        own.goes_to(at, Stage::Machine, now);
        let signal = Event::Signal(own_id, MACHINE, machine as u32);
        let this = &mut own.machines[machine];
        this.is_coming = true;
        this.pending = Some(cx.signal_after(after, Class::Control, signal));
        self.is_paid(at, cx);
    }

    /// An instance is paid for from now on.
    pub(super) fn is_paid(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(own) = &mut self.launches else {
            return;
        };
        if !std::mem::replace(&mut own.ways[at as usize].is_paid, true) {
            cx.recorder.level(self.levels.paid).up(now, 1);
        }
    }

    /// An instance is paid for no more, if it was.
    pub(super) fn is_paid_no_more(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let was = match &mut self.launches {
            Some(own) if own.plan.is_some() => std::mem::take(&mut own.ways[at as usize].is_paid),
            _ => true,
        };
        cx.recorder
            .level(self.levels.paid)
            .down(now, u64::from(was));
        self.leaves_machine(at, cx);
    }

    /// A machine is there: the instances on it go on.
    pub(super) fn machine_is_there(&mut self, machine: u32, cx: &mut Context) {
        let Some(own) = &mut self.launches else {
            return;
        };
        let this = &mut own.machines[machine as usize];
        (this.pending, this.is_coming, this.is_there) = (None, false, true);
        for at in self.places_on(machine as usize) {
            if self.is_at(at, Stage::Machine) {
                self.pulls(at, cx);
            }
        }
    }

    fn is_at(&self, at: u32, stage: Stage) -> bool {
        let own = self.launches.as_ref();
        self.instances[at as usize].life == Life::Starting
            && self.instances[at as usize].pending.is_none()
            && own.is_some_and(|own| own.ways[at as usize].stage == stage)
    }

    /// An instance needs its image on its machine.
    fn pulls(&mut self, at: u32, cx: &mut Context) {
        let (now, machine, own_id) = (cx.now(), self.machine_of(at), self.own);
        let Some(own) = &mut self.launches else {
            return;
        };
        own.goes_to(at, Stage::Image, now);
        let law = own.plan.as_ref().and_then(|plan| plan.image_pull.clone());
        let this = &mut own.machines[machine];
        match law {
            Some(law) if !this.has_image => {
                if this.pending.is_none() {
                    let after = law.sample(&mut own.stream);
                    let signal = Event::Signal(own_id, IMAGE, machine as u32);
                    this.pending = Some(cx.signal_after(after, Class::Control, signal));
                }
            }
            _ => self.boots(at, cx),
        }
    }

    /// A machine has pulled the image.
    pub(super) fn image_is_there(&mut self, machine: u32, cx: &mut Context) {
        let Some(own) = &mut self.launches else {
            return;
        };
        let this = &mut own.machines[machine as usize];
        (this.pending, this.has_image) = (None, true);
        for at in self.places_on(machine as usize) {
            if self.is_at(at, Stage::Image) {
                self.boots(at, cx);
            }
        }
        self.leaves_machine(machine * self.per_machine(), cx);
    }

    /// An instance boots.
    fn boots(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        if let Some(own) = &mut self.launches {
            own.goes_to(at, Stage::Boot, now);
        }
        if let Some(meters) = &mut self.meters {
            meters.starts(at, now);
        }
        let boot = self.plan.boot.sample(&mut self.boots);
        self.boots_for(at, boot, cx);
    }

    /// An instance has booted. True if somebody has to find out first that it is ready.
    pub(super) fn is_to_be_asked(&mut self, at: u32, cx: &mut Context) -> bool {
        let (now, own_id) = (cx.now(), self.own);
        let Some(own) = &mut self.launches else {
            return false;
        };
        let booted_for = now.since(own.ways[at as usize].began);
        own.goes_to(at, Stage::Ready, now);
        let ready = own.plan.as_ref().and_then(|plan| plan.ready);
        let Some((every, first, times)) = ready else {
            return false;
        };
        // Questions come at the same distances, at a phase of their own, from when the boot began.
        let phase = SimDuration::from_nanos(own.stream.next_u64() % every.as_nanos());
        let first = first + phase;
        let late = booted_for.as_nanos().saturating_sub(first.as_nanos());
        let skipped = late.div_ceil(every.as_nanos());
        let asked = first.as_nanos() + (skipped + u64::from(times) - 1) * every.as_nanos();
        let after = SimDuration::from_nanos(asked.saturating_sub(booted_for.as_nanos()));
        let slot = cx.signal_after(after, Class::Control, Event::Signal(own_id, READY, at));
        self.instances[at as usize].pending = Some(slot);
        true
    }

    /// An instance gets requests from now on: its way is over.
    pub(super) fn has_come(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(own) = &mut self.launches else {
            return;
        };
        own.goes_to(at, Stage::Ready, now);
        let way = &mut own.ways[at as usize];
        way.ready = now;
        if std::mem::take(&mut way.counts) {
            cx.recorder.wait(own.total, way.asked, now);
            for (wait, took) in own.stages.iter().zip(way.took) {
                cx.recorder.took(*wait, took);
            }
        }
    }

    /// An instance is not on its machine any more; without any the machine goes, or is kept for some time.
    fn leaves_machine(&mut self, at: u32, cx: &mut Context) {
        let (machine, own_id) = (self.machine_of(at), self.own);
        let mut places = self.places_on(machine);
        if places.any(|at| self.instances[at as usize].life != Life::Stopped) {
            return;
        }
        let Some(own) = &mut self.launches else {
            return;
        };
        let Some(plan) = &own.plan else { return };
        let this = &mut own.machines[machine];
        if this.is_there && plan.idle_for > SimDuration::ZERO {
            if this.idle.is_none() {
                let signal = Event::Signal(own_id, MACHINE_IDLE, machine as u32);
                this.idle = Some(cx.signal_after(plan.idle_for, Class::Control, signal));
            }
            return;
        }
        self.machine_goes(machine, cx);
    }

    /// A machine goes, if there is one.
    fn machine_goes(&mut self, machine: usize, cx: &mut Context) {
        let now = cx.now();
        let Some(own) = &mut self.launches else {
            return;
        };
        if own.machines[machine].goes(cx) {
            cx.recorder.level(own.there).down(now, 1);
            self.refills_warm_pool(cx);
        }
    }

    /// The machines in a zone are gone.
    pub(super) fn machines_are_lost(&mut self, zone: u32, cx: &mut Context) {
        if self.plan.provisioning.is_none() {
            return;
        }
        for machine in (zone as usize..).step_by(self.plan.zones as usize) {
            if self.places_on(machine).is_empty() {
                return;
            }
            self.machine_goes(machine, cx);
        }
    }

    /// A machine has been without instances for as long as it may.
    pub(super) fn machine_is_idle(&mut self, machine: u32, cx: &mut Context) {
        if let Some(own) = &mut self.launches {
            own.machines[machine as usize].idle = None;
        }
        self.machine_goes(machine as usize, cx);
    }
}
