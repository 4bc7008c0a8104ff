//! How errands are run: attempts, timeouts, retries, copies, and who is told.
//!
//! A retry never happens inside of the handler in which the attempt before it failed: it is scheduled, if
//! only for the same instant, so that no number of failures is a number of calls inside one another.

use super::arena::NOBODY;
use super::context::Wake;
use super::errand::{By, Errand, Pending};
use super::request::{Flags, RequestId};
use super::system::Flow;
use super::{Event, NodeId, System};
use crate::engine::{Class, Timer};
use crate::metrics::Outcome;
use crate::traffic::recording::Place;
use crate::units::{SimDuration, SimTime};

impl System {
    /// An errand begins: its first attempt is sent at once.
    pub(super) fn begins_errand(&mut self, errand: Errand) -> u32 {
        let caller = &mut self.callers[errand.caller as usize];
        caller.begins(errand.process, &mut self.cx);
        let (deadline, by) = (caller.deadline_lane(), errand.by);
        let at = self.errands.add(errand);
        if let Some(lane) = deadline {
            let timer = self.errands.timer(at);
            self.cx.scheduler.set_timer(lane, timer);
        }
        match by {
            By::Request(id) => self.cx.requests.extra_mut(id).waits_for = at,
            By::Source | By::User(_) => self.cx.recorder.counts_attempts(),
            By::Browser => {}
        }
        self.sends(at);
        at
    }

    /// Sends an attempt of an errand, or finds that it may not.
    fn sends(&mut self, at: u32) {
        let now = self.cx.now();
        let Some(errand) = self.errands.get_mut(at) else {
            return;
        };
        errand.attempts += 1;
        if self.cx.requests.n_live() >= self.max_in_flight {
            // Attempts that nobody waits for may pile up though no request arrives. What is begun is done
            // nevertheless, so that the books are right in the end.
            self.overflow = Some(now);
            self.over = true;
        }
        let (caller, process) = (&mut self.callers[errand.caller as usize], errand.process);
        let (permit, in_flight) = match caller.admits(process, &mut self.cx) {
            Ok(admitted) => admitted,
            Err(outcome) => {
                if std::mem::take(&mut errand.granted) {
                    caller.gives_back(process);
                }
                return self.decides(at, outcome);
            }
        };
        let granted = std::mem::take(&mut errand.granted);
        let (is_inner, mut number) = (matches!(errand.by, By::Request(_)), errand.number);
        if !is_inner && self.cx.program.recording(errand.flow).is_some() {
            number = Place::attempt_of(number, errand.attempts - 1);
        }
        let id = self
            .cx
            .requests
            .open(errand.flow, now, number, errand.frame.pc);
        let request = self.cx.requests.get_mut(id);
        request.frame = errand.frame;
        // Every attempt asks for work of its own; the first for what a request without retries would.
        if errand.attempts > 1 {
            let again = errand.attempts.wrapping_mul(0x85EB_CA6B) ^ errand.site;
            request.frame.visit =
                (request.frame.visit.rotate_left(5) ^ again).wrapping_mul(0x9E37_79B1);
        }
        request.frame.entered = now;
        request.flags.set(Flags::ATTEMPT);
        request.flags.set(errand.marks);
        let generation = request.generation;
        errand.has_sent(id);
        let (client, address) = (errand.client, errand.address);
        let extra = self.cx.requests.extra_mut(id);
        (extra.errand, extra.client, extra.waits_for) = (at, client, NOBODY);
        (extra.permit, extra.in_flight, extra.granted) = (permit, in_flight, granted);
        (extra.address, extra.retry_after, extra.job) = (address, None, NOBODY);
        extra.connection = NOBODY;
        let caller = &self.callers[errand.caller as usize];
        if let Some(lane) = caller.timeout_lane() {
            let subject = id.index();
            let timer = Timer {
                subject,
                generation,
            };
            self.cx.scheduler.set_timer(lane, timer);
        }
        self.plans_copy(at);
        if is_inner {
            let flags = &mut self.cx.requests.get_mut(id).flags;
            flags.set(Flags::INNER | Flags::CALLED);
            self.cx.wake(id, Wake::Begin);
        } else {
            self.cx.recorder.attempt();
            self.departs(id);
        }
    }

    /// Schedules a copy of an attempt, if the errand's rules provide for one.
    fn plans_copy(&mut self, at: u32) {
        let Some(errand) = self.errands.get_mut(at) else {
            return;
        };
        let caller = &self.callers[errand.caller as usize];
        let Some(delay) = caller.copy_after(errand.process, errand.copies) else {
            return;
        };
        self.epoch = self.epoch.wrapping_add(1);
        errand.epoch = self.epoch;
        errand.pending = match caller.hedge_lane() {
            Some(lane) => {
                let timer = Timer {
                    subject: at,
                    generation: errand.epoch,
                };
                self.cx.scheduler.set_timer(lane, timer);
                Pending::HedgeTimer
            }
            None => Pending::Event(
                self.cx
                    .scheduler
                    .after(delay, Class::Timer, Event::Errand(at)),
            ),
        };
    }

    /// What was scheduled for an errand comes due.
    pub(super) fn errand_is_due(&mut self, at: u32) {
        let now = self.cx.now();
        let Some(errand) = self.errands.get_mut(at) else {
            return;
        };
        errand.pending = Pending::No;
        let caller = &mut self.callers[errand.caller as usize];
        if errand.granted {
            // It waited for a retry.
            caller.waits_no_more(&mut self.cx);
        } else {
            // A copy takes from the same budget as a retry.
            if !caller.may_copy(errand.process, now, &mut self.cx) {
                return;
            }
            errand.copies += 1;
            errand.granted = true;
        }
        self.sends(at);
    }

    /// A timer of an errand runs out: a retry or a copy.
    pub(super) fn errand_timer(&mut self, lane: crate::engine::LaneId, timer: Timer) {
        if self.is_errands_timer(timer) {
            self.cx.scheduler.timer_ran_out(lane);
            self.errand_is_due(timer.subject);
        }
    }

    /// True if an errand waits for this timer.
    pub(super) fn is_errands_timer(&self, timer: Timer) -> bool {
        self.errands.get(timer.subject).is_some_and(|errand| {
            errand.epoch == timer.generation
                && matches!(errand.pending, Pending::RetryTimer | Pending::HedgeTimer)
        })
    }

    /// The time in which an errand must be done is over.
    pub(super) fn errand_deadline(&mut self, lane: crate::engine::LaneId, timer: Timer) {
        if self.errands.is_current(timer) {
            self.cx.scheduler.timer_ran_out(lane);
            self.resolves(timer.subject, Outcome::ClientTimeout, true);
        }
    }

    /// The client of an errand loses patience.
    pub(super) fn loses_patience(&mut self, at: u32) {
        if let Some(errand) = self.errands.get_mut(at) {
            errand.patience = None;
            self.resolves(at, Outcome::ClientAbort, false);
        }
    }

    /// The timeout of an attempt runs out.
    pub(super) fn attempt_times_out(&mut self, lane: crate::engine::LaneId, timer: Timer) {
        let Some(id) = self.cx.requests.awaited(timer) else {
            return;
        };
        self.cx.scheduler.timer_ran_out(lane);
        let at = self.learns(id, Outcome::ClientTimeout);
        self.cx.requests.get_mut(id).flags.set(Flags::GONE);
        self.is_left(id);
        self.decides(at, Outcome::ClientTimeout);
    }

    /// An attempt is over, and its caller hears of it, at once or after the way back.
    pub(super) fn attempt_ends(&mut self, id: RequestId, outcome: Outcome) {
        if self.is_job(id) {
            return self.job_ends(id, outcome);
        }
        let flags = self.cx.requests.get(id).flags;
        let outcome = match outcome {
            Outcome::Served if flags.has(Flags::CONDITIONAL) => Outcome::NotModified,
            outcome => outcome,
        };
        if self.travels_back(id, outcome) {
            return;
        }
        let at = self.learns(id, outcome);
        self.unset_timeout(id, at);
        self.cx.requests.close(id);
        self.decides(at, outcome);
    }

    /// An attempt will never be answered, though what it set going goes on: somebody who worked for it was
    /// killed.
    pub(super) fn attempt_is_lost(&mut self, id: RequestId, outcome: Outcome) {
        let at = self.learns(id, outcome);
        self.unset_timeout(id, at);
        self.cx.requests.get_mut(id).flags.set(Flags::GONE);
        self.decides(at, outcome);
    }

    /// A caller learns how an attempt ended; gives its errand.
    fn learns(&mut self, id: RequestId, outcome: Outcome) -> u32 {
        let now = self.cx.now();
        self.frees_connection(id, outcome == Outcome::ClientTimeout);
        let extra = self.cx.requests.extra(id);
        let sent = self.cx.requests.get(id).arrived;
        if let Some(errand) = self.errands.get_mut(extra.errand) {
            errand.forgets(id);
            errand.retry_after = extra.retry_after;
            let caller = &mut self.callers[errand.caller as usize];
            let seen = super::caller::Seen {
                permit: extra.permit,
                granted: extra.granted,
                in_flight: extra.in_flight,
                took: now.since(sent),
                outcome,
            };
            caller.learns(errand.process, seen, &mut self.cx);
        }
        extra.errand
    }

    fn unset_timeout(&mut self, id: RequestId, errand: u32) {
        let Some(errand) = self.errands.get(errand) else {
            return;
        };
        // Its timer must be seen to be stale before it is counted off.
        self.cx.requests.get_mut(id).flags.set(Flags::GONE);
        if let Some(lane) = self.callers[errand.caller as usize].timeout_lane() {
            let requests = &self.cx.requests;
            self.cx
                .scheduler
                .unset_timer(lane, |timer| requests.is_awaited(timer));
        }
        self.cx.requests.get_mut(id).flags.clear(Flags::GONE);
    }

    /// An attempt of an errand has ended: the errand has too, or waits for another attempt, or for the time
    /// to send one.
    fn decides(&mut self, at: u32, outcome: Outcome) {
        let Some(errand) = self.errands.get(at) else {
            return;
        };
        if outcome.is_success() {
            // No copy is needed any more.
            self.cancels_pending(at);
            return self.resolves(at, outcome, false);
        }
        if errand.n_running() > 0 {
            return;
        }
        self.cancels_pending(at);
        let Some(errand) = self.errands.get_mut(at) else {
            return;
        };
        let caller = &mut self.callers[errand.caller as usize];
        let retry_after = errand.retry_after.take();
        let wait = caller.retries_after(errand, outcome, retry_after, &mut self.cx);
        let Some(wait) = wait else {
            return self.resolves(at, outcome, false);
        };
        errand.waited = wait;
        errand.granted = true;
        self.epoch = self.epoch.wrapping_add(1);
        errand.epoch = self.epoch;
        errand.pending = match caller.retry_lane().filter(|(_, length)| *length == wait) {
            Some((lane, _)) => {
                let timer = Timer {
                    subject: at,
                    generation: errand.epoch,
                };
                self.cx.scheduler.set_timer(lane, timer);
                Pending::RetryTimer
            }
            None => Pending::Event(
                self.cx
                    .scheduler
                    .after(wait, Class::Timer, Event::Errand(at)),
            ),
        };
    }

    /// Takes back what is scheduled for an errand.
    fn cancels_pending(&mut self, at: u32) {
        let Some(errand) = self.errands.get_mut(at) else {
            return;
        };
        let (pending, caller) = (errand.pending, errand.caller);
        errand.pending = Pending::No;
        let caller = &self.callers[caller as usize];
        let lane = match pending {
            Pending::No => return,
            Pending::Event(slot) => return self.cx.scheduler.cancel(slot),
            Pending::RetryTimer => caller.retry_lane().map(|(lane, _)| lane),
            Pending::HedgeTimer => caller.hedge_lane(),
        };
        if let Some(lane) = lane {
            let errands = &self.errands;
            let is_live = |timer: Timer| {
                errands.get(timer.subject).is_some_and(|errand| {
                    errand.epoch == timer.generation && errand.pending != Pending::No
                })
            };
            self.cx.scheduler.unset_timer(lane, is_live);
        }
    }

    /// Takes an errand off all books: attempts that still run are left, and what is scheduled is forgotten.
    fn takes_down(&mut self, at: u32, by_deadline: bool) -> Option<Errand> {
        let errand = *self.errands.get(at)?;
        if let By::Request(id) = errand.by {
            self.cx.requests.extra_mut(id).waits_for = NOBODY;
        }
        self.cancels_pending(at);
        for running in errand.running.into_iter().filter(|id| *id != NOBODY) {
            self.leaves_attempt(RequestId::from_index(running), at);
        }
        self.errands.remove(at);
        let caller = &mut self.callers[errand.caller as usize];
        if errand.granted {
            // It waited for a retry.
            caller.waits_no_more(&mut self.cx);
            caller.gives_back(errand.process);
        }
        caller.is_over(errand.process);
        if let (Some(lane), false) = (caller.deadline_lane(), by_deadline) {
            let errands = &self.errands;
            self.cx
                .scheduler
                .unset_timer(lane, |timer| errands.is_current(timer));
        }
        if let Some(slot) = errand.patience {
            self.cx.scheduler.cancel(slot);
        }
        Some(errand)
    }

    /// An errand is over, and its caller hears of the outcome.
    pub(super) fn resolves(&mut self, at: u32, outcome: Outcome, by_deadline: bool) {
        let Some(errand) = self.takes_down(at, by_deadline) else {
            return;
        };
        let now = self.cx.now();
        if let By::Request(id) = errand.by {
            let how = match outcome {
                Outcome::ClientTimeout => Wake::Fail(Outcome::CallTimeout),
                outcome if outcome.is_success() => Wake::GoOn,
                outcome => Wake::Fail(outcome),
            };
            return self.cx.wake(id, how);
        }
        if outcome.is_success() {
            self.browser_keeps(errand.flow, errand.number, errand.client);
        }
        if errand.by == By::Browser {
            if outcome.is_success() {
                self.cx.recorder.answer_in_background();
            }
            return self.note_if_over();
        }
        let Flow { class, source } = self.flows[errand.flow as usize];
        self.cx.recorder.knows(errand.number, errand.attempts);
        self.cx.recorder.outcome(class, errand.due, now, outcome);
        self.source_notes(source, errand.due, outcome);
        if let By::User(user) = errand.by {
            self.answered.push_back((user, outcome));
        }
        self.note_if_over();
    }

    /// An errand that nobody wants any more ends without a word.
    pub(super) fn drops_errand(&mut self, at: u32) {
        self.takes_down(at, false);
    }

    /// An attempt that runs is not waited for any more.
    fn leaves_attempt(&mut self, id: RequestId, at: u32) {
        let now = self.cx.now();
        if let Some(errand) = self.errands.get_mut(at) {
            errand.forgets(id);
            let extra = self.cx.requests.extra(id);
            let caller = &mut self.callers[errand.caller as usize];
            caller.forgets(errand.process, (extra.permit, extra.granted), now);
        }
        self.unset_timeout(id, at);
        self.cx.requests.get_mut(id).flags.set(Flags::GONE);
        self.is_left(id);
    }

    /// An attempt sets out to the system.
    fn departs(&mut self, id: RequestId) {
        self.takes_connection(id);
        let way = self.way_there(id);
        if way == SimDuration::ZERO {
            return self.gets_there(id);
        }
        self.cx.requests.get_mut(id).flags.set(Flags::OUTBOUND);
        self.cx.resume_after(way, id);
    }

    /// An attempt comes to the system.
    pub(super) fn gets_there(&mut self, id: RequestId) {
        let flags = &mut self.cx.requests.get_mut(id).flags;
        flags.set(Flags::OUTBOUND);
        if self.waits_for_connection(id) {
            return;
        }
        let request = self.cx.requests.get_mut(id);
        request.flags.clear(Flags::OUTBOUND);
        let Flow { source, .. } = self.flows[request.flow as usize];
        let enters = self.sources[source as usize].enters;
        if self.enters(id, enters) {
            self.executes(id);
        }
    }

    /// An attempt's answer is on its way back; false if there is no way to speak of.
    fn travels_back(&mut self, id: RequestId, outcome: Outcome) -> bool {
        let flags = self.cx.requests.get(id).flags;
        if flags.has(Flags::INNER | Flags::INBOUND) {
            return false;
        }
        let way = self.way_back(id, outcome);
        if way == SimDuration::ZERO {
            return false;
        }
        let request = self.cx.requests.get_mut(id);
        request.flags.set(Flags::INBOUND);
        request.frame.node = NodeId::NONE;
        request.frame.instance = outcome.index() as u32;
        self.cx.resume_after(way, id);
        true
    }

    /// An attempt's answer has come back.
    pub(super) fn comes_back(&mut self, id: RequestId) {
        let outcome = Outcome::ALL[self.cx.requests.get(id).frame.instance as usize];
        self.attempt_ends(id, outcome);
    }

    /// An errand with these rules that begins now.
    pub(super) fn new_errand(by: By, caller: u16, due: SimTime) -> Errand {
        Errand {
            due,
            number: 0,
            frame: super::request::Frame::outside(due),
            by,
            caller,
            flow: 0,
            process: 0,
            client: NOBODY,
            address: NOBODY,
            attempts: 0,
            site: 0,
            granted: false,
            copies: 0,
            running: [NOBODY; super::errand::MOST_AT_ONCE],
            retry_after: None,
            waited: SimDuration::ZERO,
            pending: Pending::No,
            epoch: 0,
            patience: None,
            marks: 0,
        }
    }
}
