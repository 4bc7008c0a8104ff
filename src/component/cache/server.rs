//! A cache at the other end of a network: a server that executes one command at a time, and times at which it
//! does not answer.

use super::{DONE, OnError, Step};
use crate::component::program::{Demand, Visit};
use crate::component::request::{Line, RequestId};
use crate::component::{Context, Event, Resource};
use crate::engine::Class;
use crate::metrics::{LevelId, Outcome, WaitId};
use crate::units::{SimDuration, SimTime};

/// The server at work.
#[derive(Debug)]
pub(super) struct State {
    command: Demand,
    max_clients: u32,
    /// Whether it executes a command, and who waits for theirs.
    is_busy: bool,
    line: Line,
    busy: LevelId,
    capacity: LevelId,
    waiting: LevelId,
    wait: WaitId,
}

impl State {
    pub(super) fn new(command: Demand, max_clients: u32, cx: &mut Context) -> Self {
        let now = cx.now();
        let capacity = cx.recorder.add_level_at(now, 1);
        Self {
            command,
            max_clients,
            is_busy: false,
            line: Line::default(),
            busy: cx.recorder.add_level(),
            capacity,
            waiting: cx.recorder.add_level(),
            wait: cx.recorder.add_wait(),
        }
    }

    /// Takes a command; false if there are too many.
    fn takes(&mut self, id: RequestId, own: crate::component::NodeId, cx: &mut Context) -> bool {
        let now = cx.now();
        let under_way = self.line.len() + u32::from(self.is_busy);
        if under_way >= self.max_clients {
            return false;
        }
        if self.is_busy {
            cx.requests.get_mut(id).since = now;
            self.line.push(&mut cx.requests, id);
            cx.recorder.level(self.waiting).up(now, 1);
        } else {
            cx.recorder.level(self.busy).up(now, 1);
            cx.recorder.no_wait(self.wait);
            self.serves(id, own, cx);
        }
        true
    }

    fn serves(&mut self, id: RequestId, own: crate::component::NodeId, cx: &mut Context) {
        self.is_busy = true;
        let request = cx.requests.get(id);
        // Looking up and putting in are different commands.
        let seed = request.seed() ^ u64::from(request.frame.pc) << 32;
        let time = cx.program.draw(self.command, seed);
        let done = Event::Signal(own, DONE, id.index());
        cx.signal_after(time, Class::Completion, done);
    }

    /// A command is executed; the next is begun.
    fn is_done(&mut self, own: crate::component::NodeId, cx: &mut Context) {
        let now = cx.now();
        self.is_busy = false;
        match self.line.pop(&mut cx.requests) {
            Some(next) => {
                cx.recorder.level(self.waiting).down(now, 1);
                let since = cx.requests.get(next).since;
                cx.recorder.wait(self.wait, since, now);
                self.serves(next, own, cx);
            }
            None => cx.recorder.level(self.busy).down(now, 1),
        }
    }

    pub(super) fn resource(&self, component: &str) -> Resource {
        Resource {
            component: component.to_owned(),
            what: "server".to_owned(),
            unit: "core",
            used: self.busy,
            capacity: Some(self.capacity),
            scale: 1.0,
            waiting: Some(self.waiting),
            wait: Some(self.wait),
        }
    }
}

impl super::State {
    /// A request sends a command over the network.
    pub(super) fn calls(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        if self.is_down(cx.now()) {
            if self.plan.error_after == SimDuration::ZERO {
                return self.does_not_answer(id, visit, cx);
            }
            cx.resume_after(self.plan.error_after, id);
            return Step::Blocked;
        }
        let Some(server) = &mut self.server else {
            self.travels(id, cx);
            return Step::Blocked;
        };
        if server.takes(id, self.own, cx) {
            Step::Blocked
        } else {
            self.does_not_answer(id, visit, cx)
        }
    }

    /// The way there and back, behind or before the server's own time.
    fn travels(&self, id: RequestId, cx: &mut Context) {
        let seed = cx.requests.get(id).seed();
        let time = self.time.map(|time| cx.program.draw(time, seed));
        cx.resume_after(time.unwrap_or(SimDuration::ZERO), id);
    }

    /// The server has executed the command of a request, which stays until then whatever becomes of it.
    pub(super) fn command_is_done(&mut self, id: RequestId, cx: &mut Context) {
        if let Some(server) = &mut self.server {
            server.is_done(self.own, cx);
        }
        self.travels(id, cx);
    }

    /// True if it does not answer now.
    pub(super) fn is_down(&self, now: SimTime) -> bool {
        let mut down = self.plan.down.iter();
        down.any(|(from, until, _)| (*from..*until).contains(&now))
    }

    /// A request finds out that it gets no answer.
    pub(super) fn does_not_answer(
        &mut self,
        id: RequestId,
        visit: Visit,
        cx: &mut Context,
    ) -> Step {
        if let Visit::Fill { keys } = visit {
            // What could not be put in is there all the same: for whoever got it, and for all who wait for it.
            // The next one finds nothing and goes itself.
            self.lands(id, keys, cx);
            return self.ends_refresh(id, cx);
        }
        cx.recorder.count(self.counts.errors);
        cx.recorder.count(self.counts.misses);
        match self.plan.on_error {
            OnError::Miss => Step::Next,
            OnError::Fail => Step::Fail(Outcome::CacheError),
        }
    }
}
