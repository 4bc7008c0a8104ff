//! Processes that end by themselves, and are started again: after too long a request, after so many requests,
//! or because their heap is full.

use super::{PROCESS_CHECK, PROCESS_UP, Process};
use crate::component::service::instances::Life;
use crate::component::service::state::{Loop, State};
use crate::component::service::{CutShort, Runtime};
use crate::component::{Context, Event, Notice};
use crate::engine::Class;

impl State {
    /// A process that takes no more requests has none left: it is started again.
    pub(super) fn retires_if_done(&mut self, instance: u32, at: usize, cx: &mut Context) {
        let Some(processes) = &mut self.processes else {
            return;
        };
        let own = &mut processes.own[at];
        if own.is_retiring && own.is_up && own.inside == 0 {
            self.ends_process(instance, at, cx);
        }
    }

    /// The time has come to see whether a process has worked for too long on a request.
    pub(in crate::component::service) fn checks_process(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(processes) = &mut self.processes else {
            return;
        };
        let instance = at / processes.per_instance;
        let Some(limit) = processes.plan.timeout else {
            return;
        };
        let own = &mut processes.own[at as usize];
        own.is_watched = false;
        if !own.is_up || own.held == 0 {
            return;
        }
        let due = own.began + limit;
        if due > now {
            own.is_watched = true;
            let signal = Event::Signal(self.own, PROCESS_CHECK, at);
            cx.scheduler.at(due, Class::Timer, signal);
            return;
        }
        self.ends_process(instance, at as usize, cx);
    }

    /// A process is ended with everything that is in it.
    pub(super) fn ends_process(&mut self, instance: u32, at: usize, cx: &mut Context) {
        let Some(processes) = &self.processes else {
            return;
        };
        if !processes.own[at].is_up {
            return;
        }
        let worker = at as u32 - instance * processes.per_instance;
        self.process_goes_down(at, cx);
        cx.notices.push_back(Notice::ProcessKilled {
            service: self.own,
            instance,
            worker: worker as u16,
        });
    }

    fn process_goes_down(&mut self, at: usize, cx: &mut Context) {
        let now = cx.now();
        let Some(processes) = &mut self.processes else {
            return;
        };
        processes.own[at].is_up = false;
        cx.recorder.count(processes.n_ended);
        let slots = self.plan.slots() / processes.per_instance;
        cx.recorder
            .level(self.levels.workers)
            .down(now, u64::from(slots));
    }

    fn process_boots(&mut self, at: usize, cx: &mut Context) {
        let Some(processes) = &mut self.processes else {
            return;
        };
        let law = processes.plan.boot.as_ref().unwrap_or(&self.plan.boot);
        let boot = law.sample(&mut processes.boots);
        let signal = Event::Signal(self.own, PROCESS_UP, at as u32);
        let slot = cx.signal_after(boot, Class::Control, signal);
        processes.own[at].boot = Some(slot);
    }

    /// A process is there again.
    pub(in crate::component::service) fn process_is_up(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(processes) = &mut self.processes else {
            return;
        };
        let per_instance = processes.per_instance;
        let instance = at / per_instance;
        processes.starts(at as usize, now);
        let slots = self.plan.slots() / per_instance;
        cx.recorder
            .level(self.levels.workers)
            .up(now, u64::from(slots));
        self.weighs(instance, cx);
        let worker = at - instance * per_instance;
        for pool in &mut self.pools {
            pool.process_starts(instance, worker, cx);
        }
        self.takes_up(instance, at as usize, cx);
    }

    /// The requests of a process that was ended are gone; drops what the service still knows of them.
    pub(in crate::component) fn process_killed(
        &mut self,
        instance: u32,
        worker: u16,
        cut: CutShort,
        cx: &mut Context,
    ) {
        let now = cx.now();
        let Some(processes) = &mut self.processes else {
            return;
        };
        let at = processes.at(instance, u32::from(worker));
        let recorder = &mut cx.recorder;
        recorder
            .level(self.levels.cpu_used)
            .down(now, cut.bursts * 1000);
        if let Some(meters) = &mut self.meters {
            meters.cpu(instance, cut.bursts * 1000, 0, now);
        }
        let here = &mut self.instances[instance as usize];
        if !matches!(here.life, Life::InService | Life::Draining) {
            // The instance has died, too, and what it knows is dropped as a whole.
            return;
        }
        if let Some(connections) = &mut processes.connections {
            connections.close(instance, worker);
        }
        let own = std::mem::take(&mut processes.own[at]);
        processes.own[at] = Process {
            is_watched: own.is_watched,
            ..Process::default()
        };
        here.connections -= own.inside;
        if let Some(meters) = &mut self.meters {
            meters.goes_out(instance, u64::from(own.inside), now);
        }
        here.busy -= own.held;
        recorder
            .level(self.levels.busy)
            .down(now, u64::from(own.held));
        recorder
            .level(self.levels.waiting)
            .down(now, u64::from(own.line.len() + own.coming));
        let its_loop = self.loops.get_mut(at).map(std::mem::take);
        if let Some(Loop { line, running }) = its_loop
            && self.plan.runtime == Runtime::EventLoop
        {
            recorder
                .level(self.levels.waiting)
                .down(now, u64::from(line.len()));
            recorder
                .level(self.levels.busy)
                .down(now, u64::from(running));
            here.not_begun -= cut.not_begun;
        }
        if let Some(lane) = self.queue_lane() {
            for _ in 0..cut.not_begun {
                Self::unsets_wait_limit(lane, cx);
            }
        }
        let drained = {
            let here = &self.instances[instance as usize];
            here.life == Life::Draining && here.connections == 0
        };
        if drained {
            return self.stop(instance, cx);
        }
        self.weighs(instance, cx);
        self.process_boots(at, cx);
    }
}
