//! A service at work: requests come in, get a worker, use its CPU, and leave.

use super::door::Door;
use super::instances::{Instance, Life};
use super::launch::Launches;
use super::life::Lives;
use super::meters::Meters;
use super::processes::Processes;
use super::rollout::Rollout;
use super::scaling::Scaling;
use super::{Abandoned, Plan, Runtime};
use crate::component::pool::{Pool, PoolId};
use crate::component::program::Op;
use crate::component::request::{Flags, Frame, Line, RequestId};
use crate::component::{Context, NodeId, Wake};
use crate::engine::LaneId;
use crate::metrics::{LevelId, Outcome, WaitId};
use crate::policy::balance::Balance;
use crate::rng::{Salt, Stream, Streams};
use crate::units::{SimDuration, SimTime};

/// The next burst on an instance's shared CPU is over.
pub(super) const CPU: u8 = 0;
/// An instance has booted.
pub(super) const BOOTED: u8 = 1;
/// An instance has drained for as long as it may.
pub(super) const GRACE_OVER: u8 = 2;
/// The autoscaler looks.
pub(super) const LOOK: u8 = 3;
/// The sensor of an autoscaler reads the instances.
pub(super) const SCRAPE: u8 = 4;
/// Whoever runs the instances finds those of a lost zone gone.
pub(super) const NOTICED: u8 = 5;
/// Instances can start in a zone again.
pub(super) const ZONE_BACK: u8 = 6;

/// How an instance takes a request in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::component) enum Accepted {
    /// A worker begins with it.
    Begins,
    /// It waits for a worker.
    Waits,
    /// It is turned away.
    Refused(Outcome),
    /// It is not answered at all: its caller's network stack tries again by and by.
    Dropped,
}

/// The loop of an event-loop worker: bursts in line, one running.
#[derive(Debug, Clone, Default)]
pub(super) struct Loop {
    pub(super) line: Line,
    pub(super) running: bool,
}

/// What the recorder keeps of a service.
#[derive(Debug)]
pub(super) struct Levels {
    /// Workers at work: threads held, loops running.
    pub(super) busy: LevelId,
    /// Workers of the instances in service (and of those that drain).
    pub(super) workers: LevelId,
    /// Requests that wait for a worker.
    pub(super) waiting: LevelId,
    /// CPU in use and there, in thousandths.
    pub(super) cpu_used: LevelId,
    pub(super) cpu: LevelId,
    /// Instances that stand still because their quota is used up.
    pub(super) throttled: Option<LevelId>,
    pub(super) in_service: LevelId,
    pub(super) starting: LevelId,
    pub(super) draining: LevelId,
    /// From being asked for until stopped: what is paid for.
    pub(super) paid: LevelId,
    /// Time from coming to an instance until a worker begins.
    pub(super) wait: WaitId,
}

/// A service at work.
#[derive(Debug)]
pub struct State {
    pub(super) plan: Plan,
    pub(super) own: NodeId,
    pub(super) instances: Vec<Instance>,
    /// By instance and worker, for event loops.
    pub(super) loops: Vec<Loop>,
    pub(in crate::component) pools: Vec<Pool>,
    /// Picks instances for requests that come without a balancer.
    pub(in crate::component) balance: Balance,
    pub(in crate::component) salt: Salt,
    pub(super) levels: Levels,
    pub(super) scaling: Option<Scaling>,
    /// What each instance uses and does, if anybody looks.
    pub(super) meters: Option<Box<Meters>>,
    /// How many instances there shall be, starting ones included.
    pub(super) desired: u32,
    pub(super) boots: Stream,
    /// Whether there can be more runnable than vCPUs.
    pub(super) shares_cpu: bool,
    /// Where requests are held while there is no instance.
    pub(super) door: Option<Box<Door>>,
    /// Timers of those who may wait for a worker only so long, where that is always the same.
    queue_lane: Option<LaneId>,
    /// Whoever comes before is told to come again later.
    pub(in crate::component) closed_until: SimTime,
    /// By instance: how many times as much work bursts are, and until when; empty where none ever was slow.
    pub(super) slow: Vec<(f64, SimTime)>,
    /// How instances come into being.
    pub(super) launches: Option<Box<Launches>>,
    /// A deploy under way.
    pub(super) rollout: Option<Box<Rollout>>,
    /// By zone: whether it is lost; empty as long as none ever was.
    pub(super) lost_zones: Vec<bool>,
    /// What happens to instances by themselves.
    pub(super) lives: Option<Box<Lives>>,
    /// What processes have of their own.
    pub(super) processes: Option<Box<Processes>>,
}

impl State {
    pub(in crate::component) fn new(
        plan: &Plan,
        own: NodeId,
        streams: Streams,
        cx: &mut Context,
    ) -> Self {
        let recorder = &mut cx.recorder;
        let levels = Levels {
            busy: recorder.add_level(),
            workers: recorder.add_level(),
            waiting: recorder.add_level(),
            cpu_used: recorder.add_level(),
            cpu: recorder.add_level(),
            throttled: plan.quota.as_ref().map(|_| recorder.add_level()),
            in_service: recorder.add_level(),
            starting: recorder.add_level(),
            draining: recorder.add_level(),
            paid: recorder.add_level(),
            wait: recorder.add_wait(),
        };
        let n_loops = if plan.runtime == Runtime::Threads {
            0
        } else {
            plan.n_places * plan.workers
        };
        let mut phases = streams.stream(&plan.name, "quota");
        let size = (plan.n_places, plan.workers);
        let pools = plan.pools.iter().enumerate();
        let pools = pools.map(|(at, plan)| Pool::new(plan, PoolId::new(own, at as u16), size, cx));
        Self {
            own,
            pools: pools.collect(),
            instances: (0..plan.n_places)
                .map(|_| Instance::new(plan, &mut phases))
                .collect(),
            loops: vec![Loop::default(); n_loops as usize],
            balance: plan.balance.start(plan.n_places),
            salt: Salt::new(&plan.name, "pick"),
            levels,
            scaling: (!plan.autoscalers.is_empty()).then(|| {
                let mut phases = streams.stream(&plan.name, "autoscalers");
                Scaling::new(&plan.autoscalers, &mut phases)
            }),
            meters: (!plan.autoscalers.is_empty()).then(|| Box::new(Meters::new(plan.n_places))),
            desired: 0,
            boots: streams.stream(&plan.name, "boot"),
            shares_cpu: plan.shares_cpu(),
            queue_lane: plan
                .queue_timeout
                .and_then(|(_, constant)| constant)
                .map(|length| cx.scheduler.add_lane(length)),
            door: plan.holds.map(|patience| Box::new(Door::new(patience, cx))),
            closed_until: SimTime::ZERO,
            slow: Vec::new(),
            launches: plan.launches().then(|| {
                let provisioning = plan.provisioning.as_ref();
                let (name, n_places) = (&plan.name, plan.n_places);
                Box::new(Launches::new(provisioning, name, n_places, streams, cx))
            }),
            rollout: None,
            lost_zones: Vec::new(),
            lives: plan
                .life
                .as_ref()
                .map(|life| Box::new(Lives::new(life, &plan.name, plan.n_places, streams, cx))),
            processes: plan
                .processes
                .as_ref()
                .map(|own| Box::new(Processes::new(own, plan, streams, cx))),
            plan: plan.clone(),
        }
    }

    /// Whether there can be more runnable than vCPUs.
    pub(in crate::component) fn shares_cpu(&self) -> bool {
        self.shares_cpu
    }

    /// How long a caller that is turned away is asked to stay away.
    pub(in crate::component) fn retry_after(&self) -> Option<SimDuration> {
        self.plan.retry_after
    }

    /// What it does with a request whose client has given up.
    pub(in crate::component) fn abandoned(&self) -> Abandoned {
        self.plan.abandoned
    }

    /// A request comes to the instance that its frame says.
    #[inline(always)]
    pub(in crate::component) fn accept(&mut self, id: RequestId, cx: &mut Context) -> Accepted {
        let now = cx.now();
        let frame = &mut cx.requests.get_mut(id).frame;
        frame.entered = now;
        let instance = &mut self.instances[frame.instance as usize];
        if instance.connections >= instance.limit {
            return Accepted::Refused(self.why_refused(id, cx));
        }
        let accepted = match self.plan.runtime {
            Runtime::Threads => self.accept_by_thread(id, cx),
            Runtime::EventLoop => self.accept_by_loop(id, cx),
            Runtime::Processes => return self.accept_by_process(id, cx),
        };
        if self.processes.is_some() && matches!(accepted, Accepted::Begins | Accepted::Waits) {
            let frame = cx.requests.get(id).frame;
            self.comes_into_process(&frame, cx);
        }
        accepted
    }

    /// There is no place to wait.
    #[cold]
    pub(super) fn is_full(&self) -> Accepted {
        if self.plan.drops {
            Accepted::Dropped
        } else {
            Accepted::Refused(Outcome::QueueFull)
        }
    }

    /// Why an instance takes nobody in.
    #[cold]
    fn why_refused(&self, id: RequestId, cx: &Context) -> Outcome {
        let at = cx.requests.get(id).frame.instance;
        let instance = &self.instances[at as usize];
        match instance.life {
            // It is told to restart: its port is closed.
            Life::Draining if instance.limit == 0 => Outcome::ConnectRefused,
            Life::InService | Life::Draining => Outcome::ConnectionLimit,
            Life::Stopped | Life::Starting | Life::Down => Outcome::ConnectRefused,
        }
    }

    #[inline(always)]
    fn accept_by_thread(&mut self, id: RequestId, cx: &mut Context) -> Accepted {
        let (now, at) = (cx.now(), cx.requests.get(id).frame.instance);
        let instance = &mut self.instances[at as usize];
        if instance.busy < self.plan.workers {
            instance.busy += 1;
            self.comes_in(at, now);
            cx.recorder.level(self.levels.busy).up(now, 1);
            cx.recorder.no_wait(self.levels.wait);
            return Accepted::Begins;
        }
        if instance.line.len() >= self.plan.backlog {
            return self.is_full();
        }
        instance.line.push(&mut cx.requests, id);
        self.comes_in(at, now);
        cx.requests.get_mut(id).flags.set(Flags::NOT_BEGUN);
        cx.recorder.level(self.levels.waiting).up(now, 1);
        if self.plan.queue_timeout.is_some() {
            self.limits_wait(id, cx);
        }
        Accepted::Waits
    }

    fn accept_by_loop(&mut self, id: RequestId, cx: &mut Context) -> Accepted {
        let request = cx.requests.get_mut(id);
        let instance = &mut self.instances[request.frame.instance as usize];
        if instance.not_begun >= self.plan.backlog {
            return self.is_full();
        }
        let at = request.frame.instance;
        let worker = if self.processes.is_some() {
            match self.deals(id, cx) {
                Some(worker) => worker,
                None => return Accepted::Refused(Outcome::ConnectRefused),
            }
        } else {
            let worker = instance.next_worker;
            instance.next_worker += 1;
            if instance.next_worker == self.plan.workers {
                instance.next_worker = 0;
            }
            worker as u16
        };
        self.comes_in(at, cx.now());
        let request = cx.requests.get_mut(id);
        let instance = &mut self.instances[at as usize];
        request.frame.worker = worker;
        // A request is begun when its loop first runs it; one that begins by waiting is begun at once.
        if cx.program.begins_on_cpu(request.frame.pc) {
            request.flags.set(Flags::NOT_BEGUN);
            instance.not_begun += 1;
            if self.plan.queue_timeout.is_some() {
                self.limits_wait(id, cx);
            }
        } else {
            cx.recorder.no_wait(self.levels.wait);
        }
        Accepted::Begins
    }

    /// A request needs the CPU, for the instruction it is at.
    #[inline(always)]
    pub(in crate::component) fn run(&mut self, id: RequestId, cx: &mut Context) {
        match self.plan.runtime {
            Runtime::Threads => return self.burst(id, cx),
            Runtime::EventLoop => {}
            Runtime::Processes => return self.run_in_process(id, cx),
        }
        let at = self.loop_of(&cx.requests.get(id).frame);
        if self.loops[at].running {
            let now = cx.now();
            cx.requests.get_mut(id).flags.set(Flags::IN_LINE);
            self.loops[at].line.push(&mut cx.requests, id);
            cx.recorder.level(self.levels.waiting).up(now, 1);
        } else {
            let now = cx.now();
            self.loops[at].running = true;
            cx.recorder.level(self.levels.busy).up(now, 1);
            self.burst_on_loop(id, cx);
        }
    }

    pub(super) fn loop_of(&self, frame: &Frame) -> usize {
        (frame.instance * self.plan.workers + u32::from(frame.worker)) as usize
    }

    fn burst_on_loop(&mut self, id: RequestId, cx: &mut Context) {
        self.is_looked_at(id, cx);
        self.burst(id, cx);
    }

    /// A loop comes to a request: if it does for the first time, the request has waited until now.
    fn is_looked_at(&mut self, id: RequestId, cx: &mut Context) {
        let now = cx.now();
        let request = cx.requests.get_mut(id);
        request.flags.clear(Flags::IN_LINE);
        if request.flags.has(Flags::NOT_BEGUN) {
            request.flags.clear(Flags::NOT_BEGUN);
            self.instances[request.frame.instance as usize].not_begun -= 1;
            let entered = request.frame.entered;
            cx.recorder.wait(self.levels.wait, entered, now);
            if let Some(lane) = self.queue_lane {
                Self::unsets_wait_limit(lane, cx);
            }
        }
    }

    /// A burst of CPU begins.
    pub(super) fn burst(&mut self, id: RequestId, cx: &mut Context) {
        let request = cx.requests.get(id);
        let Op::Cpu(demand) = *cx.program.op(request.frame.pc) else {
            unreachable!("only instructions that need the CPU run on it")
        };
        let (mut work, instance, now) = (
            cx.program.work(demand, request),
            request.frame.instance,
            cx.now(),
        );
        if self.processes.is_some() {
            let frame = request.frame;
            work = self.work_in_process(&frame, work, cx);
        }
        if !self.slow.is_empty() {
            work = self.slowed(instance, work, now);
        }
        if !self.shares_cpu {
            cx.recorder.level(self.levels.cpu_used).up(now, 1000);
            if let Some(meters) = &mut self.meters {
                meters.cpu(instance, 0, 1000, now);
            }
            cx.resume_after(work, id);
            return;
        }
        let cpu = &mut self.instances[instance as usize].cpu;
        let before = cpu.used_milli();
        cpu.add(now, work, id);
        self.cpu_has_changed(instance, before, cx);
    }

    /// A request's burst on a CPU of its own is over.
    #[inline]
    pub(in crate::component) fn burst_over(&mut self, id: RequestId, cx: &mut Context) {
        let now = cx.now();
        cx.recorder.level(self.levels.cpu_used).down(now, 1000);
        if let Some(meters) = &mut self.meters {
            meters.cpu(cx.requests.get(id).frame.instance, 1000, 0, now);
        }
        self.free_loop(id, cx);
    }

    /// The lane of those who may wait for a worker only so long.
    pub(in crate::component) fn queue_lane(&self) -> Option<LaneId> {
        self.queue_lane
    }

    /// The loop that has run a request's burst goes on with the next in line.
    pub(super) fn free_loop(&mut self, id: RequestId, cx: &mut Context) {
        match self.plan.runtime {
            Runtime::Threads => return,
            Runtime::EventLoop => {}
            Runtime::Processes => {
                let frame = cx.requests.get(id).frame;
                return self.frees_lock(&frame, cx);
            }
        }
        let (at, now) = (self.loop_of(&cx.requests.get(id).frame), cx.now());
        while let Some(next) = self.loops[at].line.pop(&mut cx.requests) {
            cx.recorder.level(self.levels.waiting).down(now, 1);
            if !self.is_passed_over(next, cx) {
                return self.burst_on_loop(next, cx);
            }
        }
        self.loops[at].running = false;
        cx.recorder.level(self.levels.busy).down(now, 1);
    }

    /// The turn of a request has come on its loop. True if nobody waits for it any more and the service does
    /// not begin with such: then it fails as soon as the present handler is through.
    fn is_passed_over(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let flags = cx.requests.get(id).flags;
        let is_lost = flags.is_abandoned() && flags.has(Flags::NOT_BEGUN);
        if !is_lost || self.plan.abandoned == Abandoned::Serve {
            return false;
        }
        self.is_looked_at(id, cx);
        cx.requests.get_mut(id).flags.set(Flags::CALLED);
        cx.wake(id, Wake::Fail(Outcome::ClientTimeout));
        true
    }

    /// Bursts on an instance's shared CPU are over.
    pub(super) fn shared_bursts_over(&mut self, instance: u32, cx: &mut Context) {
        let now = cx.now();
        let before = self.instances[instance as usize].cpu.used_milli();
        self.instances[instance as usize].cpu.event_happens(now);
        let n_woken = cx.woken.len();
        while let Some(id) = self.instances[instance as usize].cpu.take_done() {
            cx.wake(id, Wake::GoOn);
        }
        self.cpu_has_changed(instance, before, cx);
        for at in n_woken..cx.woken.len() {
            let (id, _) = cx.woken[at];
            self.free_loop(id, cx);
        }
    }

    /// A request's operation is over, or has failed: it leaves the instance of `frame`. Gives back the
    /// request that its worker takes up next, if one is waiting.
    #[inline(always)]
    pub(in crate::component) fn leave(
        &mut self,
        frame: &Frame,
        cx: &mut Context,
    ) -> Option<RequestId> {
        let now = cx.now();
        if let Some(scaling) = &mut self.scaling {
            scaling.answered(now.since(frame.entered));
        }
        self.goes_out(frame.instance, now);
        let mut next = None;
        if self.processes.is_some() {
            // A copy, here and below: a frame that is lent to somebody has to be in memory as a whole, and
            // reading it whole just after parts of it were written stalls the processor.
            let frame = *frame;
            match self.plan.runtime {
                Runtime::Threads | Runtime::EventLoop => self.goes_out_of_process(&frame, true, cx),
                Runtime::Processes => next = self.leave_process(&frame, cx),
            }
        }
        let instance = &mut self.instances[frame.instance as usize];
        if self.plan.runtime == Runtime::Threads {
            next = instance.line.pop(&mut cx.requests);
            if let Some(next) = next {
                let request = cx.requests.get_mut(next);
                request.flags.clear(Flags::NOT_BEGUN);
                request.flags.set(Flags::CALLED);
                let entered = request.frame.entered;
                cx.recorder.level(self.levels.waiting).down(now, 1);
                cx.recorder.wait(self.levels.wait, entered, now);
                if let Some(lane) = self.queue_lane {
                    Self::unsets_wait_limit(lane, cx);
                }
            } else {
                instance.busy -= 1;
                cx.recorder.level(self.levels.busy).down(now, 1);
            }
        }
        let instance = &mut self.instances[frame.instance as usize];
        if instance.life == Life::Draining && instance.connections == 0 {
            self.stop(frame.instance, cx);
        }
        next
    }
}
