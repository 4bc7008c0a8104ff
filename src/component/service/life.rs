//! What happens to instances by themselves: they crash and are started again, they are replaced when they
//! are old, they fail to boot.
//!
//! An instance that is down is paid for, and, unless it is deregistered, gets its share of the requests and
//! refuses their connections. Sources: Heroku's dyno life cycle (daily cycling, preboot, boot timeout),
//! Kubernetes' pod life cycle.

use std::collections::VecDeque;

use super::instances::Life;
use super::state::State;
use crate::component::{Context, Event, Gauge, Kept};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Sampler;
use crate::engine::{Class, Slot};
use crate::metrics::{CounterId, LevelId};
use crate::policy::restart::{BackOff, Restart};
use crate::rng::{Stream, Streams};
use crate::spec::At;
use crate::units::{SimDuration, SimTime};
use crate::{spec, words};
use rand::Rng as _;

/// An instance crashes by itself.
pub(super) const CRASH: u8 = 16;
/// An instance that has crashed is started again.
pub(super) const RESTART: u8 = 17;
/// An instance is old enough to be replaced.
pub(super) const CYCLE: u8 = 18;
/// An instance has not come up in time.
pub(super) const BOOT_FAILED: u8 = 19;

words! {
    /// What a server does when it is told to stop (SIGTERM).
    pub enum OnStop {
        /// It finishes what it has begun and what waits, for as long as it may, and takes in nothing new.
        Finish = "finish",
        /// It just exits: whatever is in it is lost.
        Drop = "drop",
    }
}

words! {
    /// When the instance that replaces another one is started.
    pub enum Replace {
        /// When the old one is told to stop: there is one less until it has booted.
        AtOnce = "at_once",
        /// Before: the old one is told to stop when the new one is in service (Heroku's preboot).
        Before = "before",
    }
}

spec! {
    /// How instances are replaced when they are old: `{ every = "24h", spread = "216m" }`, as Heroku does.
    pub struct Cycle {
        /// How old an instance gets, at least.
        pub every: At<SimDuration>,
        /// It gets older by a random time of up to this.
        pub spread: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// When the new one is started.
        pub replace: At<Replace> = At::built_in(Replace::AtOnce),
    }
    check(Self::check)
}

impl Cycle {
    /// Shorter lives are refused: an instance that lives for an instant would be replaced without end.
    const SHORTEST: SimDuration = SimDuration::from_secs(1);

    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.every.value < Self::SHORTEST {
            out.push(Diagnostic::error(
                self.every.origin,
                "an instance lives for at least a second",
            ));
        }
    }
}

/// What happens to instances by themselves, with every law at hand.
#[derive(Debug, Clone)]
pub struct LifePlan {
    /// How they are started again.
    pub restart: Restart,
    /// How long booting again takes, if that differs from the first time.
    pub reboot: Option<Sampler>,
    /// How long one runs until it crashes by itself.
    pub crash_after: Option<Sampler>,
    /// When they are replaced.
    pub cycle: Option<Cycle>,
    /// How long booting may take.
    pub boot_timeout: Option<SimDuration>,
}

/// Whether an instance goes by and by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Goes {
    /// Not that it is known.
    #[default]
    No,
    /// It serves until the one that replaces it is there.
    WhenReplaced,
    /// It is on its way out, and will be started again.
    ToRestart,
}

/// One instance's own.
#[derive(Debug, Clone, Default)]
struct Own {
    back_off: BackOff,
    /// What is scheduled for as long as it serves: its crash, its replacement.
    crash: Option<Slot>,
    cycle: Option<Slot>,
    /// Whether it goes by and by, and what for.
    goes: Goes,
    /// Boots again after a crash.
    is_rebooting: bool,
    /// Waits for its turn to boot again.
    is_in_turn: bool,
}

/// What happens to the instances of a service by themselves.
#[derive(Debug)]
pub(super) struct Lives {
    plan: LifePlan,
    own: Vec<Own>,
    /// Who waits for a turn to boot again, and perhaps some who did and were given up.
    turns: VecDeque<u32>,
    crashes: Stream,
    cycles: Stream,
    /// Instances that have crashed and wait to be started again.
    down: LevelId,
    n_crashes: CounterId,
    n_boots_failed: CounterId,
    n_cycled: CounterId,
}

impl Lives {
    pub(super) fn new(
        plan: &LifePlan,
        name: &str,
        n_places: u32,
        streams: Streams,
        cx: &mut Context,
    ) -> Self {
        Self {
            plan: plan.clone(),
            own: vec![Own::default(); n_places as usize],
            turns: VecDeque::with_capacity(n_places as usize),
            crashes: streams.stream(name, "crash"),
            cycles: streams.stream(name, "cycle"),
            down: cx.recorder.add_level(),
            n_crashes: cx.recorder.add_counter(),
            n_boots_failed: cx.recorder.add_counter(),
            n_cycled: cx.recorder.add_counter(),
        }
    }

    /// True if an instance serves only until the one that replaces it is there.
    pub(super) fn is_leaving(&self, at: u32) -> bool {
        self.own[at as usize].goes == Goes::WhenReplaced
    }

    /// True if an instance is on its way out only to be started again.
    pub(super) fn is_restarting(&self, at: u32) -> bool {
        self.own[at as usize].goes == Goes::ToRestart
    }

    /// Instances stay members of whoever sends requests to them while they are down.
    pub(super) fn stay_members(&self) -> bool {
        !self.plan.restart.deregisters.value
    }

    /// The event at which an instance that boots for `boot` is there, or has failed.
    pub(super) fn booting(&self, boot: SimDuration) -> (SimDuration, u8) {
        match self.plan.boot_timeout {
            Some(limit) if boot > limit => (limit, BOOT_FAILED),
            _ => (boot, super::state::BOOTED),
        }
    }

    pub(super) fn gauges(&self, component: &str) -> Vec<Gauge> {
        let gauge = |what, kept| Gauge::new(component, what, kept);
        vec![
            gauge("instances_down", Kept::Level(self.down)),
            gauge("crashes", Kept::Incidents(self.n_crashes)),
            gauge("boots_failed", Kept::Incidents(self.n_boots_failed)),
            gauge("instances_cycled", Kept::Counter(self.n_cycled)),
        ]
    }

    /// True if another instance may boot again now.
    fn has_a_turn(&self) -> bool {
        let most = self.plan.restart.at_a_time;
        most.is_none_or(|most| {
            let booting = self.own.iter().filter(|own| own.is_rebooting).count();
            booting < most.get() as usize
        })
    }

    /// Forgets what was scheduled for as long as an instance serves.
    fn unschedules(&mut self, at: u32, cx: &mut Context) {
        let own = &mut self.own[at as usize];
        for slot in [own.crash.take(), own.cycle.take()].into_iter().flatten() {
            cx.scheduler.cancel(slot);
        }
    }
}

impl State {
    /// An instance serves from now on: its crash and its end are scheduled.
    pub(super) fn life_begins(&mut self, at: u32, cx: &mut Context) {
        self.reboot_is_over(at, cx);
        let Some(lives) = &mut self.lives else { return };
        let own_id = self.own;
        let mut signal =
            |after, code| cx.signal_after(after, Class::Control, Event::Signal(own_id, code, at));
        let own = &mut lives.own[at as usize];
        if let Some(law) = &lives.plan.crash_after {
            // No one crashes the very instant it is up, for ever.
            let after = law
                .sample(&mut lives.crashes)
                .max(SimDuration::from_nanos(1_000_000));
            own.crash = Some(signal(after, CRASH));
        }
        if let Some(cycle) = &lives.plan.cycle {
            let share = (lives.cycles.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            let more = cycle.spread.as_nanos() as f64 * share;
            let after = cycle.every.value + SimDuration::from_nanos_f64(more);
            own.cycle = Some(signal(after, CYCLE));
        }
        // Whoever waited to be replaced is.
        let others = lives.own.iter().enumerate();
        let mut leaving =
            others.filter(|(other, own)| own.goes == Goes::WhenReplaced && *other != at as usize);
        if let Some((leaving, _)) = leaving.next() {
            self.take_out(leaving as u32, cx);
        }
    }

    /// An instance stops for good.
    pub(super) fn life_ends(&mut self, at: u32, cx: &mut Context) {
        if let Some(lives) = &mut self.lives {
            lives.unschedules(at, cx);
            let own = &mut lives.own[at as usize];
            own.goes = Goes::No;
            own.is_in_turn = false;
            own.back_off = BackOff::default();
        }
        self.reboot_is_over(at, cx);
    }

    /// An instance does not boot again any longer, for one reason or another: it is the next one's turn.
    fn reboot_is_over(&mut self, at: u32, cx: &mut Context) {
        let Some(lives) = &mut self.lives else { return };
        if !std::mem::take(&mut lives.own[at as usize].is_rebooting) {
            return;
        }
        while let Some(next) = lives.turns.pop_front() {
            // Whoever was given up meanwhile is not in line any more.
            if std::mem::take(&mut lives.own[next as usize].is_in_turn) {
                return self.restarts(next, cx);
            }
        }
    }

    /// An instance that is down is not started again.
    pub(super) fn gives_up_down(&mut self, cx: &mut Context) {
        if let Some(lives) = &self.lives {
            cx.recorder.level(lives.down).down(cx.scheduler.now(), 1);
        }
    }

    /// The time at which an instance crashes by itself has come.
    pub(super) fn crash_is_due(&mut self, at: u32, cx: &mut Context) {
        if let Some(lives) = &mut self.lives {
            lives.own[at as usize].crash = None;
        }
        self.crash(at, cx);
    }

    /// An instance dies. What is in it fails; it is started again by and by.
    pub(super) fn crash(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(lives) = &mut self.lives else { return };
        lives.unschedules(at, cx);
        let instance = &mut self.instances[at as usize];
        match instance.life {
            Life::InService => {}
            Life::Draining => {
                // It was on its way out: nobody starts it again.
                cx.recorder.count(lives.n_crashes);
                if let Some(slot) = instance.pending.take() {
                    cx.scheduler.cancel(slot);
                }
                return self.kill(at, cx);
            }
            Life::Stopped | Life::Starting | Life::Down => return,
        }
        instance.life = Life::Down;
        instance.limit = 0;
        if let Some(meters) = &mut self.meters {
            meters.changes(at, now);
        }
        cx.recorder.count(lives.n_crashes);
        cx.recorder.level(lives.down).up(now, 1);
        cx.recorder.level(self.levels.in_service).down(now, 1);
        if !self
            .lives
            .as_ref()
            .is_some_and(|lives| lives.stay_members())
        {
            self.deregister(at, cx);
        }
        self.kill(at, cx);
    }

    /// Some of the instances in service, at most `n`: the first ones, or those from a drawn one on.
    pub(super) fn some_serving(&self, n: u32, drawn: Option<u64>) -> Vec<u32> {
        let places = 0..self.instances.len();
        let serve = places.filter(|at| self.instances[*at].life == Life::InService);
        let mut those: Vec<u32> = serve.map(|at| at as u32).collect();
        if let (Some(drawn), false) = (drawn, those.is_empty()) {
            let first = drawn % those.len() as u64;
            those.rotate_left(first as usize);
        }
        those.truncate(n as usize);
        those
    }

    /// Some instances in service are slower until then.
    pub(in crate::component) fn slow_some(
        &mut self,
        n: u32,
        (factor, until): (f64, SimTime),
        drawn: Option<u64>,
    ) {
        self.slow.resize(self.instances.len(), (1.0, SimTime::ZERO));
        for at in self.some_serving(n, drawn) {
            self.slow[at as usize] = (factor, until);
        }
    }

    /// The work of a burst on an instance that may be slow.
    #[cold]
    pub(super) fn slowed(&self, at: u32, work: SimDuration, now: SimTime) -> SimDuration {
        match self.slow[at as usize] {
            (factor, until) if now < until => {
                SimDuration::from_nanos_f64(work.as_nanos() as f64 * factor)
            }
            _ => work,
        }
    }

    /// Some instances in service crash.
    pub(in crate::component) fn crash_some(
        &mut self,
        n: u32,
        drawn: Option<u64>,
        cx: &mut Context,
    ) {
        for at in self.some_serving(n, drawn) {
            self.crash(at, cx);
        }
    }

    /// The first `n` instances in service are told to stop, and are started again.
    pub(in crate::component) fn restart_first(&mut self, n: u32, cx: &mut Context) {
        let places = 0..self.instances.len();
        let serve = places.filter(|at| self.instances[*at].life == Life::InService);
        let those: Vec<_> = serve.take(n as usize).collect();
        for at in those {
            self.restart_in_place(at as u32, cx);
        }
    }

    /// An instance is told to stop: it takes in nothing more. It is started again when it has stopped.
    fn restart_in_place(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(lives) = &mut self.lives else { return };
        if lives.is_leaving(at) {
            // It goes anyway, as soon as another one is there.
            return;
        }
        lives.unschedules(at, cx);
        lives.own[at as usize].goes = Goes::ToRestart;
        if !lives.stay_members() {
            self.deregister(at, cx);
        }
        self.instances[at as usize].limit = 0;
        if let Some(meters) = &mut self.meters {
            meters.changes(at, now);
        }
        self.drains(at, cx);
    }

    /// An instance that was told to restart has stopped: it boots.
    pub(super) fn starts_again(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(lives) = &mut self.lives else { return };
        lives.own[at as usize].goes = Goes::No;
        cx.recorder.level(lives.down).up(now, 1);
        self.instances[at as usize].life = Life::Down;
        self.closes(at, cx);
        if self.is_open(at as usize) {
            let signal = Event::Signal(self.own, RESTART, at);
            let slot = cx.signal_after(SimDuration::ZERO, Class::Control, signal);
            self.instances[at as usize].pending = Some(slot);
        }
    }

    /// The requests of an instance that has crashed are gone: it is started again after its wait.
    pub(super) fn has_crashed(&mut self, at: u32, cx: &mut Context) {
        self.closes(at, cx);
        self.waits_to_restart(at, cx);
    }

    pub(super) fn waits_to_restart(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        if !self.is_open(at as usize) {
            // Its zone is gone: others start elsewhere, once that is noticed.
            return;
        }
        let Some(lives) = &mut self.lives else { return };
        let wait = lives.own[at as usize]
            .back_off
            .dies(now, &lives.plan.restart);
        let signal = Event::Signal(self.own, RESTART, at);
        let slot = cx.signal_after(wait, Class::Control, signal);
        self.instances[at as usize].pending = Some(slot);
    }

    /// The wait of an instance that had crashed is over: it boots.
    pub(super) fn restarts(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        if let Some(lives) = &mut self.lives {
            if !lives.has_a_turn() {
                lives.own[at as usize].is_in_turn = true;
                lives.turns.push_back(at);
                self.instances[at as usize].pending = None;
                return;
            }
            lives.own[at as usize].is_rebooting = true;
        }
        self.gives_up_down(cx);
        self.instances[at as usize].life = Life::Starting;
        cx.recorder.level(self.levels.starting).up(now, 1);
        let reboot = self
            .lives
            .as_ref()
            .and_then(|lives| lives.plan.reboot.clone());
        let law = reboot.as_ref().unwrap_or(&self.plan.boot);
        let boot = law.sample(&mut self.boots);
        self.boots_again(at, now);
        self.boots_for(at, boot, cx);
    }

    /// An instance has not come up in time: it is stopped and started again.
    pub(super) fn boot_fails(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(lives) = &self.lives else { return };
        cx.recorder.count(lives.n_boots_failed);
        cx.recorder.level(lives.down).up(now, 1);
        cx.recorder.level(self.levels.starting).down(now, 1);
        self.instances[at as usize].life = Life::Down;
        self.reboot_is_over(at, cx);
        self.waits_to_restart(at, cx);
    }

    /// An instance is old: it is replaced.
    pub(super) fn cycles(&mut self, at: u32, cx: &mut Context) {
        let Some(lives) = &mut self.lives else { return };
        let own = &mut lives.own[at as usize];
        own.cycle = None;
        cx.recorder.count(lives.n_cycled);
        let before = lives
            .plan
            .cycle
            .as_ref()
            .is_some_and(|cycle| cycle.replace.value == Replace::Before);
        if before {
            own.goes = Goes::WhenReplaced;
        } else {
            self.take_out(at, cx);
        }
        self.start_missing(cx);
    }

    /// Without anybody on the way to replace them, those who wait to be replaced go at once.
    pub(super) fn nobody_waits_in_vain(&mut self, cx: &mut Context) {
        if self.lives.is_none() || self.instances.iter().any(|i| i.life == Life::Starting) {
            return;
        }
        for at in 0..self.instances.len() as u32 {
            if self
                .lives
                .as_ref()
                .is_some_and(|lives| lives.is_leaving(at))
            {
                self.take_out(at, cx);
            }
        }
    }
}
