//! Who gets the next message: instances of consumers that have room, in turn.

use super::messages::Delivery;
use super::state::POLL;
use super::{Consumer, State};
use crate::component::{Context, Event, NodeId};
use crate::engine::Class;
use crate::units::SimDuration;

/// How long an instance that turned a message away at its door is left alone.
const RESPITE: SimDuration = SimDuration::from_secs(1);

/// An instance of a consumer.
#[derive(Debug, Clone)]
pub(in crate::component) struct Slot {
    /// Which consumer, by position.
    consumer: u16,
    instance: u32,
    /// Messages that it has.
    pub(super) held: u32,
    /// Whether it is in service.
    is_up: bool,
    /// Whether it has asked and stands among those who are next.
    is_asking: bool,
    alarm: Alarm,
}

/// Whether an instance will ask again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alarm {
    /// It will not.
    No,
    /// It will; one of its workers that is done asks before.
    Asks,
    /// It has turned a message away, and is told of nothing until it asks by itself.
    Rests,
}

/// Places for all instances of all consumers.
pub(super) fn slots(consumers: &[Consumer]) -> Vec<Slot> {
    let mut slots = Vec::new();
    for (number, consumer) in consumers.iter().enumerate() {
        slots.extend((0..consumer.n_instances).map(|instance| Slot {
            consumer: number as u16,
            instance,
            held: 0,
            is_up: false,
            is_asking: false,
            alarm: Alarm::No,
        }));
    }
    slots
}

impl State {
    /// True if an instance can be given a message.
    fn may_have(&self, slot: &Slot) -> bool {
        let prefetch = self.plan.consumers[slot.consumer as usize].prefetch;
        slot.is_up && slot.alarm != Alarm::Rests && slot.held < prefetch
    }

    /// The places of an instance of a service: one for each time that the service consumes from here.
    fn slots_of(&self, service: NodeId, instance: u32) -> impl Iterator<Item = usize> + use<> {
        let mut before = 0;
        let mut found = Vec::new();
        for consumer in &self.plan.consumers {
            if consumer.service == service {
                found.push((before + instance) as usize);
            }
            before += consumer.n_instances;
        }
        found.into_iter()
    }

    /// An instance comes into service, and asks for messages.
    pub(in crate::component) fn instance_joins(
        &mut self,
        service: NodeId,
        instance: u32,
        cx: &mut Context,
    ) {
        for at in self.slots_of(service, instance) {
            self.slots[at].is_up = true;
            match self.plan.poll {
                // Those that start together do not ask together for ever.
                Some(poll) => {
                    let phase = self.salt.uniform(at as u64) as f64 / 2f64.powi(64);
                    let first = SimDuration::from_nanos_f64(poll.as_nanos() as f64 * phase);
                    self.asks_after(at, first, cx);
                }
                None => self.asks(at, cx),
            }
        }
    }

    /// An instance gets no more messages.
    pub(in crate::component) fn instance_leaves(&mut self, service: NodeId, instance: u32) {
        for at in self.slots_of(service, instance) {
            self.slots[at].is_up = false;
        }
    }

    fn asks_after(&mut self, at: usize, span: SimDuration, cx: &mut Context) {
        if self.slots[at].alarm == Alarm::No {
            self.slots[at].alarm = Alarm::Asks;
            let event = Event::Signal(self.own, POLL, at as u32);
            cx.signal_after(span, Class::Timer, event);
        }
    }

    /// An instance that found nothing asks again.
    pub(super) fn asks_again(&mut self, at: u32, cx: &mut Context) {
        self.slots[at as usize].alarm = Alarm::No;
        self.asks(at as usize, cx);
    }

    /// An instance asks for messages, if it has room for one.
    fn asks(&mut self, at: usize, cx: &mut Context) {
        let slot = &self.slots[at];
        if slot.is_asking || !self.may_have(slot) {
            return;
        }
        self.slots[at].is_asking = true;
        self.asking.push_back(at as u32);
        self.tells(cx);
    }

    /// A job of an instance is over, and it asks for another.
    pub(in crate::component) fn has_room(&mut self, at: u32, cx: &mut Context) {
        self.slots[at as usize].held -= 1;
        self.asks(at as usize, cx);
    }

    /// An instance has turned a message away, and is left alone for a while.
    pub(in crate::component) fn was_turned_away(&mut self, at: u32, cx: &mut Context) {
        let span = self.plan.poll.unwrap_or(RESPITE);
        self.asks_after(at as usize, span, cx);
        let slot = &mut self.slots[at as usize];
        (slot.held, slot.alarm) = (slot.held - 1, Alarm::Rests);
    }

    /// The next message and who gets it; nothing if there is no message, or nobody who has room.
    pub(in crate::component) fn next_delivery(&mut self, cx: &mut Context) -> Option<Delivery> {
        loop {
            let at = *self.asking.front()?;
            if !self.may_have(&self.slots[at as usize]) {
                self.asking.pop_front();
                self.slots[at as usize].is_asking = false;
                continue;
            }
            let Some(message) = self.next_ready(cx) else {
                let poll = self.plan.poll?;
                // It found nothing, and comes again later.
                self.asking.pop_front();
                self.slots[at as usize].is_asking = false;
                self.asks_after(at as usize, poll, cx);
                continue;
            };
            self.asking.pop_front();
            let slot = &mut self.slots[at as usize];
            slot.held += 1;
            let (instance, consumer) = (slot.instance, slot.consumer as usize);
            let own = &self.plan.consumers[consumer];
            let (service, pc) = (own.service, own.pc);
            // Whoever has room for more goes to the end.
            if slot.held < own.prefetch {
                self.asking.push_back(at);
            } else {
                slot.is_asking = false;
            }
            let (receipt, message) = self.is_delivered(message, cx);
            return Some(Delivery {
                receipt,
                service,
                instance,
                slot: at,
                pc,
                flow: message.flow,
                number: message.number,
                count: receipt.count(),
            });
        }
    }
}
