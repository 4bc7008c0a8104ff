//! How requests come to the processes of a server with threads of their own, and get one.

use super::Processes;
use crate::component::Context;
use crate::component::request::{Flags, Frame, RequestId};
use crate::component::service::state::{Accepted, State};
use crate::engine::Class;
use crate::policy::accept::{Accept, hesitation};
use crate::units::SimDuration;

/// The worker of a request that no process has taken yet.
pub(in crate::component::service) const NO_PROCESS: u16 = u16::MAX;

/// Which process takes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taker {
    /// This one, after it has hesitated for so long.
    Process(u32, SimDuration),
    /// None: the request waits in the line of the kernel.
    Nobody,
}

impl Processes {
    /// Which process of an instance takes the next request; `seed` is the request's.
    fn taker(&mut self, instance: u32, seed: u64) -> Taker {
        let (threads, most) = (self.plan.threads, self.plan.connections);
        let (accept, salt, first) = (self.plan.accept, self.salt, self.turns[instance as usize]);
        let n = self.per_instance;
        let own = &self.own[self.of_instance(instance)];
        let takes = |at: &u32| {
            let process = &own[*at as usize];
            process.is_up && !process.is_retiring && process.inside < most
        };
        let load = |at: u32| own[at as usize].inside;
        let all = 0..n;
        let chosen = match accept {
            Accept::Central | Accept::RoundRobin | Accept::ByConnection => {
                let in_turn = all.map(|step| (first + step) % n);
                in_turn
                    .into_iter()
                    .find(|at| takes(at) && own[*at as usize].held < threads)
            }
            Accept::Greedy => {
                let open = all.clone().filter(takes).count() as u32;
                let drawn = (open > 0).then(|| salt.index(seed, open) as usize);
                drawn.and_then(|drawn| all.filter(takes).nth(drawn))
            }
            Accept::Race => {
                let least = all.clone().filter(takes).map(load).min();
                let fits = |at: &u32| takes(at) && Some(load(*at)) == least;
                let tied = all.clone().filter(fits).count() as u32;
                let drawn = (tied > 0).then(|| salt.index(seed, tied) as usize);
                drawn.and_then(|drawn| all.filter(fits).nth(drawn))
            }
        };
        let Some(chosen) = chosen else {
            return Taker::Nobody;
        };
        let delay = if accept == Accept::Race {
            hesitation(own[chosen as usize].inside, threads)
        } else {
            SimDuration::ZERO
        };
        self.turns[instance as usize] = (chosen + 1) % n;
        Taker::Process(chosen, delay)
    }
}

impl State {
    /// A request comes to an instance whose processes have threads.
    pub(in crate::component::service) fn accept_by_process(
        &mut self,
        id: RequestId,
        cx: &mut Context,
    ) -> Accepted {
        let (frame, seed) = {
            let request = cx.requests.get(id);
            (request.frame, request.seed())
        };
        let Some(processes) = &mut self.processes else {
            unreachable!("a service whose workers are processes has some")
        };
        let taker = processes.taker(frame.instance, seed);
        let now = cx.now();
        match taker {
            Taker::Process(process, delay) => {
                cx.requests.get_mut(id).frame.worker = process as u16;
                self.comes_in(frame.instance, now);
                let frame = cx.requests.get(id).frame;
                if delay == SimDuration::ZERO {
                    return self.comes_to_process(id, &frame, cx);
                }
                if let Some(processes) = &mut self.processes {
                    let at = processes.of(&frame);
                    processes.own[at].coming += 1;
                }
                cx.requests.get_mut(id).flags.set(Flags::IN_TRANSIT);
                cx.recorder.level(self.levels.waiting).up(now, 1);
                self.comes_into_process(&frame, cx);
                cx.resume_after(delay, id);
                Accepted::Waits
            }
            Taker::Nobody => {
                let instance = &mut self.instances[frame.instance as usize];
                if instance.line.len() >= self.plan.backlog {
                    return self.is_full();
                }
                instance.line.push(&mut cx.requests, id);
                self.comes_in(frame.instance, now);
                let request = cx.requests.get_mut(id);
                request.frame.worker = NO_PROCESS;
                request.flags.set(Flags::NOT_BEGUN);
                cx.recorder.level(self.levels.waiting).up(now, 1);
                if self.plan.queue_timeout.is_some() {
                    self.limits_wait(id, cx);
                }
                Accepted::Waits
            }
        }
    }

    /// A request that a process takes at once gets a thread, or waits for one.
    fn comes_to_process(&mut self, id: RequestId, frame: &Frame, cx: &mut Context) -> Accepted {
        self.comes_into_process(frame, cx);
        if self.gets_thread(frame, cx) {
            cx.recorder.no_wait(self.levels.wait);
            return Accepted::Begins;
        }
        self.waits_in_process(id, frame, cx);
        Accepted::Waits
    }

    /// The process that had hesitated takes a request; true if a thread begins with it at once.
    pub(in crate::component) fn is_taken(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let now = cx.now();
        let request = cx.requests.get_mut(id);
        request.flags.clear(Flags::IN_TRANSIT);
        let came = request.frame.entered;
        // The server's own clock starts when it has accepted.
        request.frame.entered = now;
        let frame = request.frame;
        cx.recorder.level(self.levels.waiting).down(now, 1);
        if let Some(processes) = &mut self.processes {
            let at = processes.of(&frame);
            processes.own[at].coming -= 1;
        }
        if self.gets_thread(&frame, cx) {
            cx.recorder.wait(self.levels.wait, came, now);
            return true;
        }
        self.waits_in_process(id, &frame, cx);
        false
    }

    /// Takes a thread of a process, if one is free.
    fn gets_thread(&mut self, frame: &Frame, cx: &mut Context) -> bool {
        let now = cx.now();
        let Some(processes) = &mut self.processes else {
            return false;
        };
        let at = processes.of(frame);
        let own = &mut processes.own[at];
        if own.held >= processes.plan.threads {
            return false;
        }
        own.held += 1;
        own.began = now;
        self.instances[frame.instance as usize].busy += 1;
        cx.recorder.level(self.levels.busy).up(now, 1);
        self.watches(at, cx);
        true
    }

    fn waits_in_process(&mut self, id: RequestId, frame: &Frame, cx: &mut Context) {
        let now = cx.now();
        if let Some(processes) = &mut self.processes {
            let at = processes.of(frame);
            processes.own[at].line.push(&mut cx.requests, id);
        }
        cx.requests.get_mut(id).flags.set(Flags::NOT_BEGUN);
        cx.recorder.level(self.levels.waiting).up(now, 1);
        if self.plan.queue_timeout.is_some() {
            self.limits_wait(id, cx);
        }
    }

    /// A thread of a process is done with a request. Gives the one that it takes up next.
    pub(in crate::component::service) fn leave_process(
        &mut self,
        frame: &Frame,
        cx: &mut Context,
    ) -> Option<RequestId> {
        let now = cx.now();
        self.goes_out_of_process(frame, true, cx);
        let at = {
            let processes = self.processes.as_mut()?;
            let at = processes.of(frame);
            let own = &mut processes.own[at];
            own.is_retiring |= own.seen >= own.retires_at;
            own.held = own.held.saturating_sub(1);
            at
        };
        let instance = &mut self.instances[frame.instance as usize];
        instance.busy = instance.busy.saturating_sub(1);
        cx.recorder.level(self.levels.busy).down(now, 1);
        self.takes_from_kernel(frame.instance, at, cx);
        let next = self.next_of(at, cx);
        if next.is_none() {
            self.retires_if_done(frame.instance, at, cx);
        }
        next
    }

    /// The next request of a process that a free thread takes up.
    fn next_of(&mut self, at: usize, cx: &mut Context) -> Option<RequestId> {
        let processes = self.processes.as_mut()?;
        let own = &mut processes.own[at];
        if !own.is_up || own.held >= processes.plan.threads {
            return None;
        }
        let next = own.line.pop(&mut cx.requests)?;
        let request = cx.requests.get_mut(next);
        request.flags.clear(Flags::NOT_BEGUN);
        request.flags.set(Flags::CALLED);
        let frame = request.frame;
        let now = cx.now();
        cx.recorder.level(self.levels.waiting).down(now, 1);
        cx.recorder.wait(self.levels.wait, frame.entered, now);
        if let Some(lane) = self.queue_lane() {
            Self::unsets_wait_limit(lane, cx);
        }
        self.gets_thread(&frame, cx);
        Some(next)
    }

    /// A process takes requests out of the line of the kernel, as many as it takes in.
    fn takes_from_kernel(&mut self, instance: u32, at: usize, cx: &mut Context) {
        loop {
            let Some(processes) = &self.processes else {
                return;
            };
            let own = &processes.own[at];
            let most = match processes.plan.accept {
                Accept::Central | Accept::RoundRobin | Accept::ByConnection => {
                    processes.plan.threads
                }
                Accept::Greedy | Accept::Race => processes.plan.connections,
            };
            let worker = at as u32 - instance * processes.per_instance;
            if !own.is_up || own.is_retiring || own.inside >= most {
                return;
            }
            let line = &mut self.instances[instance as usize].line;
            let Some(id) = line.pop(&mut cx.requests) else {
                return;
            };
            cx.requests.get_mut(id).frame.worker = worker as u16;
            let frame = cx.requests.get(id).frame;
            if let Some(processes) = &mut self.processes {
                processes.own[at].line.push(&mut cx.requests, id);
            }
            self.comes_into_process(&frame, cx);
        }
    }

    /// A process that has come up takes what waits for one.
    pub(super) fn takes_up(&mut self, instance: u32, at: usize, cx: &mut Context) {
        self.takes_from_kernel(instance, at, cx);
        while let Some(next) = self.next_of(at, cx) {
            cx.wake(next, crate::component::Wake::Begin);
        }
    }

    /// A request that waits for a thread leaves the line that it stands in.
    pub(in crate::component::service) fn leaves_process_line(
        &mut self,
        id: RequestId,
        cx: &mut Context,
    ) {
        let frame = cx.requests.get(id).frame;
        if frame.worker == NO_PROCESS {
            let line = &mut self.instances[frame.instance as usize].line;
            return line.remove(&mut cx.requests, id);
        }
        if let Some(processes) = &mut self.processes {
            let at = processes.of(&frame);
            processes.own[at].line.remove(&mut cx.requests, id);
        }
        self.goes_out_of_process(&frame, false, cx);
        if let Some(processes) = &self.processes {
            let at = processes.of(&frame);
            self.takes_from_kernel(frame.instance, at, cx);
            self.retires_if_done(frame.instance, at, cx);
        }
    }

    /// Which loop a request goes to: that at the end of the connection that it comes over, or the one whose turn
    /// it is. Nothing if none is there.
    #[cold]
    pub(in crate::component::service) fn deals(
        &mut self,
        id: RequestId,
        cx: &mut Context,
    ) -> Option<u16> {
        let now = cx.now();
        let (frame, flags) = (cx.requests.get(id).frame, cx.requests.get(id).flags);
        let instance = frame.instance;
        // Who comes straight has a connection of its own; a proxy's connections are everybody's.
        let is_straight = frame.via == self.own && flags.has(Flags::KNOWN);
        let client = is_straight.then(|| cx.requests.extra(id).client);
        let processes = self.processes.as_mut()?;
        let open = processes.connections.as_mut();
        let kept = open.and_then(|open| match client {
            Some(_) if flags.has(Flags::NEW_CONNECTION | Flags::OVER_NEW) => None,
            Some(client) => open.of_client(client, instance),
            None => open.take(instance, now),
        });
        let is_up = |process: &u16| processes.own[processes.at(instance, (*process).into())].is_up;
        if let Some(process) = kept.filter(is_up) {
            return Some(process);
        }
        let (n, first) = (processes.per_instance, processes.turns[instance as usize]);
        let own = &processes.own[processes.of_instance(instance)];
        let mut in_turn = (0..n).map(|step| (first + step) % n);
        let chosen = in_turn.find(|at| own[*at as usize].is_up)?;
        processes.turns[instance as usize] = (chosen + 1) % n;
        if let (Some(client), Some(open)) = (client, &mut processes.connections) {
            open.connects(client, instance, chosen as u16);
        }
        Some(chosen as u16)
    }

    /// Looks after the process when it may have worked for too long on what it works on now.
    fn watches(&mut self, at: usize, cx: &mut Context) {
        let Some(processes) = &mut self.processes else {
            return;
        };
        let own = &mut processes.own[at];
        if let (Some(limit), false) = (processes.plan.timeout, own.is_watched) {
            own.is_watched = true;
            let signal = crate::component::Event::Signal(self.own, super::PROCESS_CHECK, at as u32);
            cx.signal_after(limit, Class::Timer, signal);
        }
    }
}
