//! Leaving early: requests that wait too long for a worker, and those that nobody waits for any more.

use super::Runtime;
use super::instances::Life;
use super::state::State;
use crate::component::request::{Flags, Request, RequestId, Requests};
use crate::component::{Context, Event};
use crate::engine::{Class, LaneId, Timer};
use crate::units::SimTime;

impl State {
    /// A request that begins to wait for a worker may do so only so long.
    #[cold]
    pub(super) fn limits_wait(&mut self, id: RequestId, cx: &mut Context) {
        if let Some(lane) = self.queue_lane() {
            let generation = cx.requests.get(id).frame.entered.as_nanos() as u32;
            let subject = id.index();
            cx.scheduler.set_timer(
                lane,
                Timer {
                    subject,
                    generation,
                },
            );
        } else if let Some((law, _)) = self.plan.queue_timeout {
            let limit = cx.program.draw(law, cx.requests.get(id).seed());
            let event = Event::QueueTimeout(id);
            cx.scheduler.after(limit, Class::Timer, event);
        }
    }

    /// A request waits for a worker no longer; its timer is stale.
    pub(super) fn unsets_wait_limit(lane: LaneId, cx: &mut Context) {
        let requests = &cx.requests;
        cx.scheduler
            .unset_timer(lane, |timer| is_waiting(requests, timer));
    }

    /// True if `id` still waits for a worker here, and has since so long that it may not any more.
    pub(in crate::component) fn has_waited_enough(&self, id: RequestId, cx: &Context) -> bool {
        let Request { frame, flags, .. } = *cx.requests.get(id);
        let Some((law, _)) = self.plan.queue_timeout else {
            return false;
        };
        // Events outlive those whom they concern: what is due must be due for this one, now.
        flags.has(Flags::NOT_BEGUN)
            && frame.entered + cx.program.draw(law, cx.requests.get(id).seed()) == cx.now()
    }

    /// Takes a request that waits for a worker out of its line and out of its instance; its frame holds
    /// nothing any more. False if it does not stand in line.
    pub(in crate::component) fn withdraw_waiting(
        &mut self,
        id: RequestId,
        cx: &mut Context,
    ) -> bool {
        let now = cx.now();
        let frame = cx.requests.get(id).frame;
        match self.plan.runtime {
            Runtime::Threads => {
                let line = &mut self.instances[frame.instance as usize].line;
                line.remove(&mut cx.requests, id);
            }
            Runtime::EventLoop => {
                if !cx.requests.get(id).flags.has(Flags::IN_LINE) {
                    return false;
                }
                let at = self.loop_of(&frame);
                self.loops[at].line.remove(&mut cx.requests, id);
                self.instances[frame.instance as usize].not_begun -= 1;
            }
            Runtime::Processes => self.leaves_process_line(id, cx),
        }
        if self.processes.is_some() && self.plan.runtime != Runtime::Processes {
            self.goes_out_of_process(&frame, false, cx);
        }
        let request = cx.requests.get_mut(id);
        request.flags.clear(Flags::NOT_BEGUN | Flags::IN_LINE);
        cx.recorder.level(self.levels.waiting).down(now, 1);
        cx.recorder.wait(self.levels.wait, frame.entered, now);
        if let Some(lane) = self.queue_lane() {
            Self::unsets_wait_limit(lane, cx);
        }
        self.goes_out(frame.instance, now);
        let instance = &mut self.instances[frame.instance as usize];
        if instance.life == Life::Draining && instance.connections == 0 {
            self.stop(frame.instance, cx);
        }
        true
    }

    /// A request that has just come to a loop is not begun with at all.
    pub(in crate::component) fn never_begins(&mut self, id: RequestId, cx: &mut Context) {
        let request = cx.requests.get_mut(id);
        request.flags.clear(Flags::NOT_BEGUN);
        let (entered, instance) = (request.frame.entered, request.frame.instance);
        self.instances[instance as usize].not_begun -= 1;
        cx.recorder
            .wait(self.levels.wait, entered, cx.scheduler.now());
        if let Some(lane) = self.queue_lane() {
            Self::unsets_wait_limit(lane, cx);
        }
    }

    /// Takes the CPU away from a request, or takes it out of the line for it. False if that cannot be done:
    /// an event loop finishes the burst that it has begun.
    pub(in crate::component) fn interrupt_cpu(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let now = cx.now();
        let Request { frame, flags, .. } = *cx.requests.get(id);
        if self.plan.runtime != Runtime::Threads {
            if !flags.has(Flags::IN_LINE) {
                return false;
            }
            let at = self.loop_of(&frame);
            self.loops[at].line.remove(&mut cx.requests, id);
            cx.requests.get_mut(id).flags.clear(Flags::IN_LINE);
            // Whoever waits for the lock of a process holds a thread.
            let counts = u64::from(self.plan.runtime == Runtime::EventLoop);
            cx.recorder.level(self.levels.waiting).down(now, counts);
            return true;
        }
        if !self.shares_cpu {
            let slot = cx.requests.get(id).slot();
            cx.scheduler.cancel(slot);
            cx.recorder.level(self.levels.cpu_used).down(now, 1000);
            if let Some(meters) = &mut self.meters {
                meters.cpu(frame.instance, 1000, 0, now);
            }
            return true;
        }
        // Whoever is not there is done at this very instant, and about to go on.
        self.comes_off_cpu(id, cx)
    }

    /// Takes a request off the shared CPU of its instance; false if it is not there.
    pub(in crate::component) fn comes_off_cpu(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let (now, instance) = (cx.now(), cx.requests.get(id).frame.instance);
        let cpu = &mut self.instances[instance as usize].cpu;
        let before = cpu.used_milli();
        let was_there = cpu.remove(now, id);
        self.cpu_has_changed(instance, before, cx);
        was_there
    }
}

/// True if the wait that the timer was set for goes on: its number is the start of the wait, cut to 32 bits.
pub(in crate::component) fn is_waiting(requests: &Requests, timer: Timer) -> bool {
    let id = RequestId::from_index(timer.subject);
    let entered: SimTime = requests.get(id).frame.entered;
    requests.is_live(id)
        && requests.get(id).flags.has(Flags::NOT_BEGUN)
        && entered.as_nanos() as u32 == timer.generation
}
