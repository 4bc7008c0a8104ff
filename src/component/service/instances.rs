//! The life of an instance: asked for, booting, in service, draining, stopped. What happens to it by itself is
//! in [`life`](super::life).

use super::life::OnStop;
use super::state::{BOOTED, GRACE_OVER, Loop, State};
use super::{CutShort, Plan, Runtime};
use crate::component::balancer::Census;
use crate::component::cpu::Cpu;
use crate::component::request::Line;
use crate::component::{Context, Event, Notice};
use crate::engine::{Class, Slot};
use crate::rng::Stream;
use crate::units::{SimDuration, SimTime};

/// Where in its life an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Stopped,
    Starting,
    InService,
    Draining,
    /// It has crashed, and waits to be started again.
    Down,
}

/// One instance, or a place for one. What every request changes comes first and fills one line of the
/// processor's cache; there are many of them, and requests come to all in turn.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(super) struct Instance {
    /// Threads that are held.
    pub(super) busy: u32,
    /// Requests inside, waiting ones included.
    pub(super) connections: u32,
    /// How many there may be; none where nobody is there to take them in.
    pub(super) limit: u32,
    /// Requests that wait for a thread.
    pub(super) line: Line,
    /// Requests that no loop has begun with.
    pub(super) not_begun: u32,
    /// The loop that gets the next request.
    pub(super) next_worker: u32,
    pub(super) life: Life,
    /// Whether whoever sends requests to the instances knows of it.
    is_member: bool,
    /// Whether it has died, and the requests in it have not heard of it yet.
    is_dying: bool,
    /// Whether its quota was used up when its CPU was looked at last.
    pub(super) was_throttled: bool,
    /// The end of its boot, of its time to drain, or of its wait to be started again.
    pub(super) pending: Option<Slot>,
    pub(super) cpu: Cpu,
}

impl Instance {
    pub(super) fn new(plan: &Plan, phases: &mut Stream) -> Self {
        Self {
            life: Life::Stopped,
            busy: 0,
            connections: 0,
            limit: 0,
            line: Line::default(),
            not_begun: 0,
            next_worker: 0,
            cpu: super::quota::cpu(plan, phases),
            pending: None,
            is_member: false,
            is_dying: false,
            was_throttled: false,
        }
    }
}

impl Instance {
    /// True if it has died, and the requests in it have not heard of it yet.
    pub(super) fn is_dying(&self) -> bool {
        self.is_dying
    }
}

impl State {
    /// How many requests each instance has that is in service.
    pub fn requests_by_instance(&self) -> impl Iterator<Item = u32> + '_ {
        let all = self.instances.iter();
        let serve = all.filter(|own| own.life == Life::InService);
        serve.map(|own| own.connections)
    }

    /// The run begins: the first instances are in service at once, the autoscaler sets its clock.
    pub(super) fn start_instances(&mut self, cx: &mut Context) {
        let mut count = self.plan.count;
        if let Some(scaling) = &self.scaling {
            count = scaling.at_start(count);
        }
        self.set_clocks(cx);
        self.desired = count;
        for instance in 0..count {
            self.asked_for(instance, cx);
            self.is_there_already(instance, cx);
            self.joins(instance, cx);
        }
        self.fills_warm_pool(cx);
    }

    /// Sees to it that there will be `n` instances.
    pub(in crate::component) fn scale_to(&mut self, n: u32, cx: &mut Context) {
        self.desired = n;
        let mut there = self.n_there();
        while there > n + self.surge()
            && let Some(at) = self.next_to_go()
        {
            self.take_out(at, cx);
            there -= 1;
        }
        self.refills_warm_pool(cx);
        self.start_missing(cx);
        self.nobody_waits_in_vain(cx);
    }

    /// True if an instance is one of those there are to be: it serves, or will, and is not being replaced.
    pub(super) fn is_there(&self, at: usize) -> bool {
        let lives = self.lives.as_ref();
        match self.instances[at].life {
            Life::InService | Life::Starting | Life::Down => {
                !lives.is_some_and(|lives| lives.is_leaving(at as u32))
            }
            Life::Draining => lives.is_some_and(|lives| lives.is_restarting(at as u32)),
            Life::Stopped => false,
        }
    }

    /// How the instances are.
    pub(in crate::component) fn census(&self) -> Census {
        let mut census = Census::default();
        for instance in &self.instances {
            match instance.life {
                Life::InService => census.in_service += 1,
                Life::Starting => census.starting += 1,
                Life::Down => census.down += 1,
                Life::Draining | Life::Stopped => {}
            }
        }
        census
    }

    fn n_there(&self) -> u32 {
        (0..self.instances.len())
            .filter(|at| self.is_there(*at))
            .count() as u32
    }

    /// Starts instances until there are as many as desired, or no place is left; then more start when one
    /// that drains has stopped.
    pub(super) fn start_missing(&mut self, cx: &mut Context) {
        let most = self.desired + self.surge();
        let mut missing = most.saturating_sub(self.n_there());
        for at in 0..self.instances.len() as u32 {
            if missing == 0 {
                return;
            }
            if self.instances[at as usize].life == Life::Stopped && self.is_open(at as usize) {
                self.asked_for(at, cx);
                self.launches(at, cx);
                missing -= 1;
            }
        }
    }

    /// An instance will be up after `boot`, or will have failed.
    pub(super) fn boots_for(&mut self, at: u32, boot: SimDuration, cx: &mut Context) {
        let lives = self.lives.as_ref();
        let (after, code) = lives.map_or((boot, BOOTED), |lives| lives.booting(boot));
        let signal = Event::Signal(self.own, code, at);
        let slot = cx.signal_after(after, Class::Control, signal);
        self.instances[at as usize].pending = Some(slot);
    }

    fn asked_for(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        self.instances[at as usize].life = Life::Starting;
        if let Some(slow) = self.slow.get_mut(at as usize) {
            // It is another one now.
            slow.1 = SimTime::ZERO;
        }
        if let Some(meters) = &mut self.meters {
            meters.begins(at, now, now);
        }
        if let Some(rollout) = &mut self.rollout {
            rollout.begins(at);
        }
        if self.plan.provisioning.is_none() {
            cx.recorder.level(self.levels.paid).up(now, 1);
        }
        cx.recorder.level(self.levels.starting).up(now, 1);
    }

    /// An instance has booted.
    pub(super) fn booted(&mut self, at: u32, cx: &mut Context) {
        self.instances[at as usize].pending = None;
        if !self.is_to_be_asked(at, cx) {
            self.is_ready(at, cx);
        }
    }

    /// An instance is ready for requests.
    pub(super) fn is_ready(&mut self, at: u32, cx: &mut Context) {
        self.instances[at as usize].pending = None;
        if !self.waits_for_others(at) {
            self.joins(at, cx);
        }
        self.rolls(cx);
    }

    pub(super) fn joins(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let instance = &mut self.instances[at as usize];
        instance.life = Life::InService;
        instance.limit = self.plan.max_connections;
        if let Some(meters) = &mut self.meters {
            meters.changes(at, now);
        }
        cx.recorder.level(self.levels.starting).down(now, 1);
        cx.recorder.level(self.levels.in_service).up(now, 1);
        cx.recorder
            .level(self.levels.workers)
            .up(now, u64::from(self.plan.slots()));
        cx.recorder
            .level(self.levels.cpu)
            .up(now, (self.plan.cpus() * 1000.0) as u64);
        cx.notices.push_back(Notice::Joined {
            service: self.own,
            instance: at,
        });
        self.has_come(at, cx);
        self.life_begins(at, cx);
        self.processes_start(at, cx);
        self.opens_door(cx);
    }

    /// Whoever sends requests to the instances is to hear of this one; false if it knows it already.
    pub(in crate::component) fn registers(&mut self, at: u32) -> bool {
        !std::mem::replace(&mut self.instances[at as usize].is_member, true)
    }

    /// Whoever sends requests to the instances is told that this one gets no more.
    pub(super) fn deregister(&mut self, at: u32, cx: &mut Context) {
        if std::mem::take(&mut self.instances[at as usize].is_member) {
            cx.notices.push_back(Notice::Left {
                service: self.own,
                instance: at,
            });
        }
    }

    /// Takes an instance out: it drains if it serves, and is gone at once if not. One that has just died keeps
    /// its place until its requests have heard of it.
    pub(super) fn take_out(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        self.deregister(at, cx);
        self.life_ends(at, cx);
        let instance = &mut self.instances[at as usize];
        if let Life::Starting | Life::Down = instance.life {
            let was = std::mem::replace(&mut instance.life, Life::Stopped);
            if instance.is_dying {
                instance.life = Life::Draining;
                self.gives_up_down(cx);
                cx.recorder.level(self.levels.draining).up(now, 1);
                return;
            }
            if let Some(slot) = instance.pending.take() {
                cx.scheduler.cancel(slot);
            }
            if was == Life::Down {
                self.gives_up_down(cx);
            } else {
                cx.recorder.level(self.levels.starting).down(now, 1);
            }
            return self.is_paid_no_more(at, cx);
        }
        if instance.life == Life::InService {
            self.drains(at, cx);
        }
    }

    /// An instance that serves is told to stop.
    pub(super) fn drains(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let instance = &mut self.instances[at as usize];
        instance.life = Life::Draining;
        cx.recorder.level(self.levels.in_service).down(now, 1);
        cx.recorder.level(self.levels.draining).up(now, 1);
        if instance.connections == 0 {
            self.stop(at, cx);
        } else if self.plan.on_stop == OnStop::Drop {
            self.kill(at, cx);
        } else {
            let signal = Event::Signal(self.own, GRACE_OVER, at);
            let slot = cx.signal_after(self.plan.drain, Class::Control, signal);
            instance.pending = Some(slot);
        }
    }

    /// A draining instance has nothing left to do. One that is dying stops when its requests have heard of it.
    pub(super) fn stop(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let instance = &mut self.instances[at as usize];
        if instance.is_dying {
            return;
        }
        if let Some(slot) = instance.pending.take() {
            cx.scheduler.cancel(slot);
        }
        cx.recorder.level(self.levels.draining).down(now, 1);
        if self.lives.as_ref().is_some_and(|own| own.is_restarting(at)) {
            return self.starts_again(at, cx);
        }
        self.instances[at as usize].life = Life::Stopped;
        self.closes(at, cx);
        self.is_paid_no_more(at, cx);
        self.start_missing(cx);
        self.rolls(cx);
    }

    /// Nothing of an instance is left: its workers, its CPU and what it holds elsewhere are gone.
    pub(super) fn closes(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let instance = &mut self.instances[at as usize];
        instance.next_worker = 0;
        instance.limit = 0;
        // A quota or a pause may still be shown.
        let on_cpu = instance.cpu.used_milli();
        instance.cpu.clear(&mut cx.scheduler);
        cx.recorder.level(self.levels.cpu_used).down(now, on_cpu);
        if let Some(meters) = &mut self.meters {
            meters.cpu(at, on_cpu, 0, now);
        }
        let was_throttled = std::mem::take(&mut instance.was_throttled);
        if let Some(throttled) = self.levels.throttled {
            cx.recorder
                .level(throttled)
                .down(now, u64::from(was_throttled));
        }
        let workers = self.processes_stop(at, cx);
        cx.recorder
            .level(self.levels.workers)
            .down(now, u64::from(workers));
        cx.recorder
            .level(self.levels.cpu)
            .down(now, (self.plan.cpus() * 1000.0) as u64);
        cx.notices.push_back(Notice::Stopped {
            service: self.own,
            instance: at,
        });
    }

    /// An instance dies: a draining one has used up its time, or it has crashed. The system deals with the requests that are still in
    /// it, and then comes back to [`State::killed`].
    pub(super) fn kill(&mut self, at: u32, cx: &mut Context) {
        let instance = &mut self.instances[at as usize];
        instance.pending = None;
        if !std::mem::replace(&mut instance.is_dying, true) {
            cx.notices.push_back(Notice::Killed {
                service: self.own,
                instance: at,
            });
        }
    }

    /// The requests of a killed instance are gone, some of them in the middle of a burst on a CPU of their own;
    /// drops what the instance still knows of them.
    pub(in crate::component) fn killed(&mut self, at: u32, cut: CutShort, cx: &mut Context) {
        let now = cx.now();
        let instance = &mut self.instances[at as usize];
        let recorder = &mut cx.recorder;
        recorder
            .level(self.levels.busy)
            .down(now, u64::from(instance.busy));
        let mut waiting = instance.line.len();
        let mut not_begun = instance.line.len() + instance.not_begun;
        if self.plan.runtime != Runtime::Threads {
            let own = at * self.plan.workers..(at + 1) * self.plan.workers;
            for worker in &mut self.loops[own.start as usize..own.end as usize] {
                // Whoever waits for the lock of a process holds a thread.
                if self.plan.runtime == Runtime::EventLoop {
                    waiting += worker.line.len();
                    recorder
                        .level(self.levels.busy)
                        .down(now, u64::from(worker.running));
                }
                *worker = Loop::default();
            }
        }
        if let (Some(processes), Runtime::Processes) = (&self.processes, self.plan.runtime) {
            let (in_line, coming) = processes.waiting(at);
            waiting += in_line + coming;
            not_begun += in_line;
        }
        recorder
            .level(self.levels.waiting)
            .down(now, u64::from(waiting));
        recorder
            .level(self.levels.cpu_used)
            .down(now, cut.bursts * 1000);
        if let Some(meters) = &mut self.meters {
            meters.cpu(at, cut.bursts * 1000, 0, now);
            meters.goes_out(at, u64::from(instance.connections), now);
        }
        instance.is_dying = false;
        instance.connections = 0;
        instance.busy = 0;
        instance.not_begun = 0;
        instance.line = Line::default();
        if let Some(lane) = self.queue_lane() {
            while not_begun > 0 {
                not_begun -= 1;
                Self::unsets_wait_limit(lane, cx);
            }
        }
        if self.instances[at as usize].life == Life::Down {
            self.has_crashed(at, cx);
        } else {
            self.stop(at, cx);
        }
    }
}
