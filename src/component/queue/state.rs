//! A queue at work: messages come in, wait, are with a consumer, and are done with.

use std::collections::VecDeque;

use super::Plan;
use super::messages::{Message, Place, Receipt};
use crate::component::arena::Arena;
use crate::component::program::Visit;
use crate::component::request::{Flags, Line, RequestId};
use crate::component::{Context, Event, NodeId, Notice, Step, Wake};
use crate::engine::{Class, LaneId, Timer};
use crate::metrics::{CounterId, LevelId, SampleId, WaitId};
use crate::policy::redelivery::Fate;
use crate::rng::{Salt, Streams};
use crate::units::SimDuration;

/// An instance that found nothing asks again.
pub(super) const POLL: u8 = 0;
/// A message that was put off is there again.
pub(super) const BACK: u8 = 1;

/// After a failure, a message is there again at the earliest after this: there and back. Without it, a job that
/// fails in no time would fail for ever in no time.
const ROUND_TRIP: SimDuration = SimDuration::from_nanos(1_000_000);

#[derive(Debug, Clone, Copy)]
pub(super) struct Counters {
    pub(super) published: CounterId,
    pub(super) done: CounterId,
    pub(super) redelivered: CounterId,
    pub(super) duplicates: CounterId,
    pub(super) failed: CounterId,
    pub(super) dead: CounterId,
    pub(super) lost: CounterId,
    pub(super) dropped: CounterId,
    pub(super) rejected: CounterId,
}

/// Messages by their ends, warm-up included, for the audit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Books {
    pub(super) taken_in: u64,
    pub(super) done: u64,
    pub(super) dead: u64,
    pub(super) lost: u64,
    pub(super) dropped: u64,
}

/// A queue at work.
#[derive(Debug)]
pub struct State {
    pub(super) plan: Plan,
    pub(super) own: NodeId,
    pub(super) messages: Arena<Message>,
    /// Messages in line, by what tells whether they still are.
    pub(super) ready: VecDeque<Timer>,
    pub(super) n_ready: u32,
    /// Messages that are not visible for the first time yet, by what tells whether they still are: in the order in
    /// which they will be. They take room as those in line do.
    pub(super) coming: VecDeque<Timer>,
    /// Whoever waits for room.
    pub(super) line: Line,
    next_serial: u32,
    /// The places of instances, consumer by consumer.
    pub(super) slots: Vec<super::deliver::Slot>,
    /// Instances that have asked and have room, in turn.
    pub(super) asking: VecDeque<u32>,
    /// Whether the system has been told that something can be delivered.
    told: bool,
    pub(super) salt: Salt,
    redraw: Salt,
    visibility: Option<LaneId>,
    delay: Option<LaneId>,
    pub(in crate::component) depth: LevelId,
    pub(super) later: LevelId,
    pub(super) delivered: LevelId,
    pub(super) blocked: LevelId,
    pub(super) room: Option<LevelId>,
    pub(super) oldest: SampleId,
    pub(super) counters: Counters,
    pub(super) wait: WaitId,
    pub(super) whole: WaitId,
    pub(super) books: Books,
}

impl State {
    pub(in crate::component) fn new(
        plan: &Plan,
        own: NodeId,
        _: Streams,
        cx: &mut Context,
    ) -> Self {
        let now = cx.now();
        let lane = |length: SimDuration, cx: &mut Context| cx.scheduler.add_lane(length);
        let visibility = plan.visibility_timeout.map(|length| lane(length, cx));
        let delay = plan.delay.map(|length| lane(length, cx));
        let recorder = &mut cx.recorder;
        let room = plan.max_length;
        let room = room.map(|max| recorder.add_level_at(now, u64::from(max)));
        let slots = super::deliver::slots(&plan.consumers);
        Self {
            own,
            messages: Arena::with_capacity(1024),
            ready: VecDeque::with_capacity(1024),
            n_ready: 0,
            coming: VecDeque::with_capacity(if delay.is_some() { 1024 } else { 0 }),
            line: Line::default(),
            next_serial: 0,
            asking: VecDeque::with_capacity(slots.len()),
            slots,
            told: false,
            salt: Salt::new(&plan.name, "poll"),
            redraw: Salt::new(&plan.name, "redelivery"),
            visibility,
            delay,
            depth: recorder.add_level(),
            later: recorder.add_level(),
            delivered: recorder.add_level(),
            blocked: recorder.add_level(),
            room,
            oldest: recorder.add_sample(),
            counters: Counters {
                published: recorder.add_counter(),
                done: recorder.add_counter(),
                redelivered: recorder.add_counter(),
                duplicates: recorder.add_counter(),
                failed: recorder.add_counter(),
                dead: recorder.add_counter(),
                lost: recorder.add_counter(),
                dropped: recorder.add_counter(),
                rejected: recorder.add_counter(),
            },
            wait: recorder.add_wait(),
            whole: recorder.add_wait(),
            books: Books::default(),
            plan: plan.clone(),
        }
    }

    /// The lanes of its timers: of deliveries, of new messages.
    pub(in crate::component) fn lanes(&self) -> [Option<LaneId>; 2] {
        [self.visibility, self.delay]
    }

    /// True if a timer of its lanes is still wanted.
    pub(in crate::component) fn is_current(&self, timer: Timer) -> bool {
        self.messages.is_current(timer)
    }

    pub(super) fn is_full(&self) -> bool {
        let there = || self.n_ready as usize + self.coming.len();
        let max = self.plan.max_length;
        max.is_some_and(|max| there() >= max as usize)
    }

    /// Lets the system deliver, once the present handler is through.
    pub(super) fn tells(&mut self, cx: &mut Context) {
        if !self.told {
            self.told = true;
            cx.notices.push_back(Notice::Deliver { queue: self.own });
        }
    }

    /// The system has come to deliver.
    pub(in crate::component) fn is_heard(&mut self) {
        self.told = false;
    }

    /// A request publishes a message, and there is room.
    pub(super) fn takes_in(&mut self, id: RequestId, salt: Salt, cx: &mut Context) {
        let now = cx.now();
        if self.messages.len() >= self.plan.most {
            cx.notices.push_back(Notice::Overloaded);
        }
        let request = cx.requests.get(id);
        let number = cx.program.apart(request.flow, salt.uniform(request.seed()));
        let serial = self.next_serial;
        self.next_serial = self.next_serial.wrapping_add(1);
        let at = self.messages.add(Message {
            number,
            published: now,
            waited: SimDuration::ZERO,
            serial,
            deliveries: 0,
            flow: request.flow,
            place: Place::Later,
        });
        self.books.taken_in += 1;
        cx.recorder.count(self.counters.published);
        cx.recorder.level(self.later).up(now, 1);
        match self.delay {
            Some(lane) => {
                let timer = self.messages.timer(at);
                cx.scheduler.set_timer(lane, timer);
                self.coming.push_back(timer);
            }
            None => self.is_ready(at, false, cx),
        }
    }

    /// A message that was not visible is in line now.
    pub(super) fn is_ready(&mut self, at: u32, first: bool, cx: &mut Context) {
        let now = cx.now();
        self.messages.renew(at);
        let entry = self.messages.timer(at);
        let Some(message) = self.messages.get_mut(at) else {
            return;
        };
        let before = match message.place {
            Place::Later => self.later,
            Place::Delivered => self.delivered,
            Place::Ready => return,
        };
        message.place = Place::Ready;
        cx.recorder.level(before).down(now, 1);
        cx.recorder.level(self.depth).up(now, 1);
        self.n_ready += 1;
        self.notes_room(cx);
        if first {
            self.ready.push_front(entry);
        } else {
            self.ready.push_back(entry);
        }
        self.tells(cx);
    }

    /// Messages that come back are taken in though there is no room: then there is as much as they take.
    fn notes_room(&self, cx: &mut Context) {
        let (Some(room), Some(max)) = (self.room, self.plan.max_length) else {
            return;
        };
        let (now, there) = (cx.now(), u64::from(self.n_ready.max(max)));
        if cx.recorder.level_now(room) != there {
            cx.recorder.level(room).set(now, there);
        }
    }

    /// The first in line, which is taken out of it.
    pub(super) fn next_ready(&mut self, cx: &mut Context) -> Option<u32> {
        while let Some(entry) = self.ready.pop_front() {
            if !self.messages.is_current(entry) {
                continue;
            }
            self.leaves_line(cx);
            return Some(entry.subject);
        }
        None
    }

    /// The message that has been there the longest is dropped.
    pub(super) fn drops_oldest(&mut self, cx: &mut Context) {
        let oldest = match self.next_ready(cx) {
            Some(oldest) => oldest,
            None => {
                let Some(timer) = self.coming.pop_front() else {
                    return;
                };
                let now = cx.now();
                cx.recorder.level(self.later).down(now, 1);
                self.messages.renew(timer.subject);
                if let Some(lane) = self.delay {
                    let messages = &self.messages;
                    cx.scheduler
                        .unset_timer(lane, |timer| messages.is_current(timer));
                }
                timer.subject
            }
        };
        cx.recorder.count(self.counters.dropped);
        self.books.dropped += 1;
        self.messages.remove(oldest);
    }

    /// One message less is in line: there is room for another.
    fn leaves_line(&mut self, cx: &mut Context) {
        let now = cx.now();
        self.n_ready -= 1;
        cx.recorder.level(self.depth).down(now, 1);
        self.notes_room(cx);
        self.lets_in(cx);
    }

    /// Whoever waits for room goes on while there is some.
    fn lets_in(&mut self, cx: &mut Context) {
        let now = cx.now();
        while !self.line.is_empty() && !self.is_full() {
            let Some(id) = self.line.pop(&mut cx.requests) else {
                return;
            };
            cx.requests.get_mut(id).flags.clear(Flags::IN_LINE);
            cx.recorder.level(self.blocked).down(now, 1);
            let Visit::Publish { salt } = self.visit_of(id, cx) else {
                unreachable!("only who publishes waits for room")
            };
            self.takes_in(id, salt, cx);
            if let Step::Next = self.acknowledges(id, cx) {
                cx.wake(id, Wake::GoOn);
            }
        }
    }

    fn visit_of(&self, id: RequestId, cx: &Context) -> Visit {
        match *cx.program.op(cx.requests.get(id).frame.pc) {
            crate::component::program::Op::Visit(_, visit) => visit,
            other => unreachable!("it visits {}, and is at {other:?}", self.plan.name),
        }
    }

    /// The broker acknowledges what a request has published.
    pub(super) fn acknowledges(&self, id: RequestId, cx: &mut Context) -> Step {
        let Some(time) = self.plan.publish_time else {
            return Step::Next;
        };
        let span = cx.program.draw(time, cx.requests.get(id).seed());
        cx.resume_after(span, id);
        Step::Blocked
    }

    /// A message that has left the line is delivered.
    pub(super) fn is_delivered(&mut self, at: u32, cx: &mut Context) -> (Receipt, Message) {
        let now = cx.now();
        self.messages.renew(at);
        let timer = self.messages.timer(at);
        let message = self
            .messages
            .get_mut(at)
            .expect("whoever was in line is there");
        message.place = Place::Delivered;
        message.deliveries += 1;
        cx.recorder.level(self.delivered).up(now, 1);
        if let Some(lane) = self.visibility {
            cx.scheduler.set_timer(lane, timer);
        }
        let receipt = Receipt {
            message: at,
            serial: message.serial,
            deliveries: message.deliveries,
        };
        (receipt, *message)
    }

    /// A consumer has let a delivered message in, which is what counts as a delivery.
    pub(in crate::component) fn is_taken(&self, receipt: Receipt, cx: &mut Context) {
        let Some(message) = self.message_of(receipt) else {
            return;
        };
        if message.deliveries == 1 {
            let now = cx.now();
            cx.recorder.wait(self.wait, message.published, now);
        } else {
            cx.recorder.count(self.counters.redelivered);
        }
    }

    /// A message is with nobody any more, and its timer is stale.
    fn forgets_timer(&mut self, at: u32, cx: &mut Context) {
        self.messages.renew(at);
        if let Some(lane) = self.visibility {
            let messages = &self.messages;
            cx.scheduler
                .unset_timer(lane, |timer| messages.is_current(timer));
        }
    }

    /// Takes a message off the books.
    fn ends(&mut self, at: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(message) = self.messages.get(at).copied() else {
            return;
        };
        match message.place {
            Place::Ready => {
                // Its place in line is skipped when its turn comes.
                self.messages.remove(at);
                self.leaves_line(cx);
            }
            Place::Delivered => {
                self.forgets_timer(at, cx);
                self.messages.remove(at);
                cx.recorder.level(self.delivered).down(now, 1);
            }
            Place::Later => {
                self.messages.remove(at);
                cx.recorder.level(self.later).down(now, 1);
            }
        }
    }

    /// The message of a receipt, if this is the latest of its deliveries.
    fn message_of(&self, receipt: Receipt) -> Option<Message> {
        let message = self.messages.get(receipt.message).copied()?;
        let is_latest =
            message.serial == receipt.serial && message.deliveries == receipt.deliveries;
        is_latest.then_some(message)
    }

    /// A job is over. A receipt that is not the latest acknowledges nothing: somebody else has the message.
    pub(in crate::component) fn is_acknowledged(&mut self, receipt: Receipt, cx: &mut Context) {
        let now = cx.now();
        let Some(message) = self.message_of(receipt) else {
            cx.recorder.count(self.counters.duplicates);
            return;
        };
        cx.recorder.count(self.counters.done);
        cx.recorder.wait(self.whole, message.published, now);
        self.books.done += 1;
        self.ends(receipt.message, cx);
    }

    /// A job has failed, or is lost with its consumer.
    pub(in crate::component) fn is_refused(
        &mut self,
        receipt: Receipt,
        lost: bool,
        cx: &mut Context,
    ) {
        if !lost {
            cx.recorder.count(self.counters.failed);
        }
        let Some(message) = self.message_of(receipt) else {
            return;
        };
        if message.place != Place::Delivered {
            // Its timeout has been faster.
            return;
        }
        let rule = if lost {
            &self.plan.on_lost
        } else {
            &self.plan.on_failure
        };
        let seed = message.number ^ u64::from(message.deliveries);
        let most = self.plan.max_deliveries;
        let deliveries = (message.deliveries, most);
        let fate = rule.fate(deliveries, message.waited, &mut self.redraw.draw(seed));
        let at = receipt.message;
        match fate {
            Fate::Invisible => {}
            Fate::First if lost => {
                self.forgets_timer(at, cx);
                self.is_ready(at, true, cx);
            }
            Fate::First => self.puts_off(at, ROUND_TRIP, cx),
            Fate::After(wait) => {
                if let Some(message) = self.messages.get_mut(at) {
                    message.waited = wait;
                }
                self.puts_off(at, wait.max(ROUND_TRIP), cx);
            }
            Fate::Dead => self.dies(at, cx),
            Fate::Lost => {
                cx.recorder.count(self.counters.lost);
                self.books.lost += 1;
                self.ends(at, cx);
            }
        }
    }

    /// A consumer did not even take a message in: it is where it was, as if it had not been delivered.
    pub(in crate::component) fn is_put_back(&mut self, receipt: Receipt, cx: &mut Context) {
        self.forgets_timer(receipt.message, cx);
        if let Some(message) = self.messages.get_mut(receipt.message) {
            message.deliveries -= 1;
        }
        self.is_ready(receipt.message, true, cx);
    }

    fn dies(&mut self, at: u32, cx: &mut Context) {
        cx.recorder.count(self.counters.dead);
        self.books.dead += 1;
        self.ends(at, cx);
    }

    /// A delivered message is to be there again after a while.
    fn puts_off(&mut self, at: u32, wait: SimDuration, cx: &mut Context) {
        let now = cx.now();
        self.forgets_timer(at, cx);
        if let Some(message) = self.messages.get_mut(at) {
            message.place = Place::Later;
        }
        cx.recorder.level(self.delivered).down(now, 1);
        cx.recorder.level(self.later).up(now, 1);
        let event = Event::Signal(self.own, BACK, at);
        cx.signal_after(wait, Class::Timer, event);
    }

    /// A timer of one of its lanes runs out: a message becomes visible, for the first time or again.
    pub(in crate::component) fn timer_runs_out(
        &mut self,
        lane: LaneId,
        timer: Timer,
        cx: &mut Context,
    ) {
        if !self.messages.is_current(timer) {
            return;
        }
        cx.scheduler.timer_ran_out(lane);
        let at = timer.subject;
        if Some(lane) == self.delay {
            // All are delayed for as long: it is the first of them.
            self.coming.pop_front();
            return self.is_ready(at, false, cx);
        }
        let is_last = self.messages.get(at).is_some_and(|message| {
            message.place == Place::Delivered && message.deliveries >= self.plan.max_deliveries
        });
        if !is_last {
            return self.is_ready(at, false, cx);
        }
        let now = cx.now();
        cx.recorder.count(self.counters.dead);
        self.books.dead += 1;
        self.messages.remove(at);
        cx.recorder.level(self.delivered).down(now, 1);
    }
}
