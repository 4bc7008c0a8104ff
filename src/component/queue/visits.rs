//! What a queue does for those who visit it, what it reports, and its audit.

use super::WhenFull;
use super::messages::{Counts, Message, Place};
use super::state::{BACK, POLL, State};
use crate::component::program::Visit;
use crate::component::request::{Flags, RequestId};
use crate::component::{
    Bill, Component, Context, Gauge, Kept, NodeId, Resource, Signal, Step, Tally,
};
use crate::metrics::{Outcome, Recorder};

impl State {
    /// What happened.
    pub fn counts(&self, recorder: &Recorder) -> Counts {
        let counted = |id| recorder.counted(id);
        Counts {
            name: self.plan.name.clone(),
            published: counted(self.counters.published),
            done: counted(self.counters.done),
            redelivered: counted(self.counters.redelivered),
            duplicates: counted(self.counters.duplicates),
            failed: counted(self.counters.failed),
            dead: counted(self.counters.dead),
            lost: counted(self.counters.lost),
            dropped: counted(self.counters.dropped),
            rejected: counted(self.counters.rejected),
            waits: recorder.waits(self.wait),
            whole: recorder.waits(self.whole),
            left: self.messages.len() as u64,
        }
    }
}

impl Component for State {
    fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        let Visit::Publish { salt } = visit else {
            unreachable!("to a queue one publishes")
        };
        if self.is_full() || !self.line.is_empty() {
            let now = cx.now();
            match self.plan.when_full {
                WhenFull::Reject => {
                    cx.recorder.count(self.counters.rejected);
                    return Step::Fail(Outcome::BrokerFull);
                }
                WhenFull::Block => {
                    cx.requests.get_mut(id).flags.set(Flags::IN_LINE);
                    self.line.push(&mut cx.requests, id);
                    cx.recorder.level(self.blocked).up(now, 1);
                    return Step::Blocked;
                }
                WhenFull::DropOldest => self.drops_oldest(cx),
            }
        }
        self.takes_in(id, salt, cx);
        self.acknowledges(id, cx)
    }

    fn resume(&mut self, _: RequestId, _: Visit, _: &mut Context) -> Step {
        Step::Next
    }

    fn signal(&mut self, signal: Signal, cx: &mut Context) {
        match signal.code {
            POLL => self.asks_again(signal.part, cx),
            BACK => self.is_ready(signal.part, false, cx),
            code => unreachable!("a queue has no signal {code}"),
        }
    }

    fn withdraw(&mut self, id: RequestId, cx: &mut Context) -> bool {
        cx.leaves_line(id, &mut self.line, self.blocked)
    }

    fn window_ends(&mut self, cx: &mut Context) {
        while self
            .ready
            .front()
            .is_some_and(|entry| !self.messages.is_current(*entry))
        {
            self.ready.pop_front();
        }
        let first = self.ready.front();
        let first = first.and_then(|entry| self.messages.get(entry.subject));
        let age = first.map_or(0.0, |message| {
            cx.now().since(message.published).as_secs_f64()
        });
        cx.recorder.sample(self.oldest, age);
    }

    fn resources(&self) -> Vec<Resource> {
        // What is in line is what is used of the room; waiting are those for whom there is none.
        vec![Resource {
            component: self.plan.name.clone(),
            what: "messages".to_owned(),
            unit: "message",
            used: self.depth,
            capacity: self.room,
            scale: 1.0,
            waiting: (self.plan.when_full == WhenFull::Block).then_some(self.blocked),
            wait: None,
        }]
    }

    fn gauges(&self) -> Vec<Gauge> {
        let gauge = |what, kept| Gauge::new(&self.plan.name, what, kept);
        vec![
            gauge("messages_in_flight", Kept::Level(self.delivered)),
            gauge("messages_delayed", Kept::Level(self.later)),
            gauge("oldest_age_s", Kept::Sample(self.oldest)),
        ]
    }

    fn bills(&self) -> Vec<Bill> {
        vec![Bill::always(&self.plan.name, self.plan.cost)]
    }

    fn audit(&self, own: NodeId, seen: &Tally, cx: &Context) {
        let name = &self.plan.name;
        let books = self.books;
        let ended = books.done + books.dead + books.lost + books.dropped;
        assert_eq!(
            books.taken_in,
            ended + self.messages.len() as u64,
            "messages taken in by {name} are done with or there"
        );
        let there = |place| {
            let all = self.messages.iter();
            all.filter(|(_, message)| message.place == place).count() as u64
        };
        for (place, level) in [
            (Place::Ready, self.depth),
            (Place::Later, self.later),
            (Place::Delivered, self.delivered),
        ] {
            let counted = cx.recorder.level_now(level);
            assert_eq!(there(place), counted, "{place:?} messages of {name}");
        }
        assert_eq!(
            there(Place::Ready),
            u64::from(self.n_ready),
            "depth of {name}"
        );
        let is_coming = |own: &Message| own.place == Place::Later && own.deliveries == 0;
        let all = self.messages.iter();
        let coming = all.filter(|(_, message)| is_coming(message)).count();
        assert_eq!(coming, self.coming.len(), "new messages of {name}");
        let held: u64 = self.slots.iter().map(|slot| u64::from(slot.held)).sum();
        assert_eq!(held, seen.picked_by(own), "jobs of {name} under way");
        let blocked = cx.recorder.level_now(self.blocked);
        assert_eq!(
            u64::from(self.line.len()),
            blocked,
            "those who wait for room in {name}"
        );
    }
}
