//! The work of processes: how long bursts take in them, and the lock that lets one thread work at a time.

use crate::component::Context;
use crate::component::request::{Flags, Frame, RequestId};
use crate::component::service::state::State;
use crate::units::SimDuration;

impl State {
    /// How long a burst takes that would take `work` in a process that is warm, has enough memory and never
    /// pauses.
    #[cold]
    pub(in crate::component::service) fn work_in_process(
        &mut self,
        frame: &Frame,
        work: SimDuration,
        cx: &mut Context,
    ) -> SimDuration {
        let Some(processes) = &mut self.processes else {
            return work;
        };
        let at = processes.of(frame);
        let own = &mut processes.own[at];
        let mut factor = 1.0;
        if let Some(warm_up) = &processes.plan.warm_up {
            // The request itself has been counted.
            factor *= warm_up.multiplier(own.seen.saturating_sub(1));
        }
        if let Some(memory) = &processes.memory {
            factor *= memory.slowdown(frame.instance);
        }
        if let Some(stalls) = &processes.stalls {
            factor *= stalls.factor();
        }
        let work = SimDuration::from_nanos_f64(work.as_nanos() as f64 * factor);
        let more = match &mut processes.stalls {
            Some(stalls) => stalls.lengthen(own, work, cx),
            None => SimDuration::ZERO,
        };
        work + more
    }

    /// A thread of a process needs the CPU: it waits for the lock of its process, if there is one.
    pub(in crate::component::service) fn run_in_process(
        &mut self,
        id: RequestId,
        cx: &mut Context,
    ) {
        if !self.processes.as_ref().is_some_and(|own| own.plan.lock) {
            return self.burst(id, cx);
        }
        let at = self.loop_of(&cx.requests.get(id).frame);
        if self.loops[at].running {
            cx.requests.get_mut(id).flags.set(Flags::IN_LINE);
            self.loops[at].line.push(&mut cx.requests, id);
            return;
        }
        self.loops[at].running = true;
        self.burst(id, cx);
    }

    /// A thread lets go of the lock of its process: the next one works.
    pub(in crate::component::service) fn frees_lock(&mut self, frame: &Frame, cx: &mut Context) {
        if !self.processes.as_ref().is_some_and(|own| own.plan.lock) {
            return;
        }
        let at = self.loop_of(frame);
        match self.loops[at].line.pop(&mut cx.requests) {
            Some(next) => {
                cx.requests.get_mut(next).flags.clear(Flags::IN_LINE);
                self.burst(next, cx);
            }
            None => self.loops[at].running = false,
        }
    }
}
