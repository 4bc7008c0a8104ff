//! The event queue: a winner tree over slots.
//!
//! A knock-out tournament: every pending event sits in a leaf, every inner node holds the earlier of its
//! two children, the root is the next event. Changing one leaf means replaying its matches up to the
//! root. Which nodes those are is known from the leaf's number alone, so the processor loads them all
//! at once, and with branch-free matches it has nothing to mispredict; a heap must find out level by
//! level where to go. `benches/event_queue.rs` keeps the measurement against a 4-ary heap with the same
//! order and the standard library's heap (hold model, 10 to 100,000 pending; several runs on a noisy
//! machine): the first takes 1.4 to 2.4 times as long, the second 1.7 to 3.6 times. A 4-ary heap of bare
//! 64-bit keys, too narrow for the order, still takes 1.2 to 1.9 times as long.
//!
//! Two more things come for free. An event can be moved or cancelled in its slot, so a processor-shared
//! CPU has one event, not a trail of stale ones. And popping an event and then scheduling another, which
//! is what most handlers do, replays one path, not two: the popped leaf stays vacant until the next
//! event moves in or the root is asked for again.

use super::Class;
use crate::units::SimTime;

/// Bits of a key's low word that hold the slot; 16 million pending events.
const SLOT_BITS: u32 = 24;
/// Bits that hold the insertion number; after 2^37 events the pending ones are numbered anew.
const SEQUENCE_BITS: u32 = 37;
const MAX_SLOTS: usize = 1 << SLOT_BITS;
const SMALLEST: usize = 4;

/// Where a pending event sits; good until the event happens or is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// The slot as a bare number, for compact storage; [`Slot::from_raw`] is its inverse.
    #[inline]
    pub const fn into_raw(self) -> u32 {
        self.0
    }

    /// The slot that [`Slot::into_raw`] gave.
    #[inline]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
}

/// When an event happens and what comes first at that instant: instant, then class, insertion number
/// and slot packed in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    nanos: u64,
    order: u64,
}

impl Key {
    fn new(at: SimTime, class: u8, sequence: u64, slot: u32) -> Self {
        let class = u64::from(class) << (SEQUENCE_BITS + SLOT_BITS);
        Self {
            nanos: at.as_nanos(),
            order: class | sequence << SLOT_BITS | u64::from(slot),
        }
    }

    /// The insertion number.
    fn sequence(self) -> u64 {
        (self.order >> SLOT_BITS) & ((1 << SEQUENCE_BITS) - 1)
    }

    /// The key of an empty leaf. Distinct for every leaf and later than any event, so that the matches
    /// between empty leaves are never ties.
    fn empty(leaf: usize) -> Self {
        Self {
            nanos: u64::MAX - leaf as u64,
            order: u64::MAX,
        }
    }

    fn slot(self) -> u32 {
        (self.order & (MAX_SLOTS as u64 - 1)) as u32
    }

    fn class_bits(self) -> u8 {
        (self.order >> (SEQUENCE_BITS + SLOT_BITS)) as u8
    }

    #[inline]
    fn is_before(self, other: Self) -> bool {
        self.nanos < other.nanos || (self.nanos == other.nanos && self.order < other.order)
    }

    /// The earlier of two keys, without a branch unless they fall on the same nanosecond.
    #[inline]
    fn earlier(self, other: Self) -> Self {
        if self.nanos == other.nanos {
            return self.first_of_tie(other);
        }
        let first = self.nanos < other.nanos;
        Self {
            nanos: std::hint::select_unpredictable(first, self.nanos, other.nanos),
            order: std::hint::select_unpredictable(first, self.order, other.order),
        }
    }

    #[cold]
    fn first_of_tie(self, other: Self) -> Self {
        if self.order < other.order {
            self
        } else {
            other
        }
    }
}

/// Pending events, earliest first; ties by class, then by insertion.
#[derive(Debug, Clone)]
pub struct EventQueue<E> {
    /// The tree: `nodes[1]` is the root, the children of `i` are `2i` and `2i + 1`, the second half are
    /// the leaves. `nodes[0]` is unused.
    nodes: Vec<Key>,
    /// What happens, by slot.
    events: Vec<E>,
    /// Slots without an event, last freed first, so that a small population stays in few cache lines.
    free: Vec<u32>,
    /// The leaf of the event popped last, if its matches have not been replayed yet.
    vacant: Option<u32>,
    sequence: u64,
    filler: E,
}

impl<E: Copy> EventQueue<E> {
    /// An empty queue with room for `capacity` pending events before it grows (by doubling).
    ///
    /// `filler` occupies slots without an event; it is never handed out.
    pub fn new(capacity: usize, filler: E) -> Self {
        let mut queue = Self {
            nodes: Vec::new(),
            events: Vec::new(),
            free: Vec::new(),
            vacant: None,
            sequence: 0,
            filler,
        };
        queue.resize(capacity.clamp(SMALLEST, MAX_SLOTS).next_power_of_two());
        queue
    }

    /// Schedules `event`; the slot stays its own until it happens or is cancelled.
    ///
    /// # Panics
    /// With more than 16 million pending events.
    #[inline(always)]
    pub fn schedule(&mut self, at: SimTime, class: Class, event: E) -> Slot {
        if let Some(slot) = self.vacant.take() {
            let key = self.key(at, class, slot);
            self.events[slot as usize] = event;
            self.replay(slot, key);
            return Slot(slot);
        }
        if self.free.is_empty() {
            self.grow();
        }
        let slot = self.free.pop().expect("growing leaves free slots");
        let key = self.key(at, class, slot);
        self.events[slot as usize] = event;
        self.enter(slot, key);
        Slot(slot)
    }

    /// Moves a pending event to another instant; among simultaneous ones it counts as new.
    #[inline]
    pub fn reschedule(&mut self, slot: Slot, at: SimTime) {
        let class = self.nodes[self.leaf(slot.0)].class_bits();
        self.settle();
        let key = Key::new(at, class, self.next_number(), slot.0);
        self.replay(slot.0, key);
    }

    /// Forgets a pending event.
    pub fn cancel(&mut self, slot: Slot) {
        self.settle();
        self.clear(slot.0);
    }

    /// The instant and class of the next event; [`SimTime::NEVER`] if there is none.
    #[inline(always)]
    pub fn peek(&mut self) -> (SimTime, u8) {
        self.settle();
        let root = self.nodes[1];
        if root.order == u64::MAX {
            return (SimTime::NEVER, u8::MAX);
        }
        (SimTime::from_nanos(root.nanos), root.class_bits())
    }

    /// Takes the next event out. Call only after [`EventQueue::peek`] has shown that there is one.
    #[inline(always)]
    pub fn pop(&mut self) -> E {
        debug_assert!(self.vacant.is_none(), "peek comes before pop");
        let slot = self.nodes[1].slot();
        self.vacant = Some(slot);
        self.events[slot as usize]
    }

    /// How many events are pending.
    pub fn len(&self) -> usize {
        self.events.len() - self.free.len() - usize::from(self.vacant.is_some())
    }

    /// True if nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn leaf(&self, slot: u32) -> usize {
        self.events.len() + slot as usize
    }

    #[inline]
    fn key(&mut self, at: SimTime, class: Class, slot: u32) -> Key {
        Key::new(at, class as u8, self.next_number(), slot)
    }

    #[inline]
    fn next_number(&mut self) -> u64 {
        self.sequence += 1;
        if self.sequence == 1 << SEQUENCE_BITS {
            self.number_anew();
        }
        self.sequence
    }

    /// Gives the pending events new insertion numbers, in the order of the old ones.
    #[cold]
    fn number_anew(&mut self) {
        let leaves = self.events.len();
        let mut pending: Vec<usize> = (leaves..2 * leaves)
            .filter(|at| self.nodes[*at].order != u64::MAX)
            .collect();
        pending.sort_by_key(|at| self.nodes[*at].sequence());
        for (number, at) in pending.iter().enumerate() {
            let Key { nanos, .. } = self.nodes[*at];
            let (class, slot) = (self.nodes[*at].class_bits(), self.nodes[*at].slot());
            self.nodes[*at] = Key::new(SimTime::from_nanos(nanos), class, number as u64, slot);
        }
        for at in (1..leaves).rev() {
            self.nodes[at] = self.nodes[2 * at].earlier(self.nodes[2 * at + 1]);
        }
        self.sequence = pending.len() as u64;
    }

    /// Replays the matches of a popped leaf that nobody moved into.
    #[inline]
    fn settle(&mut self) {
        if let Some(slot) = self.vacant.take() {
            self.clear(slot);
        }
    }

    fn clear(&mut self, slot: u32) {
        self.replay(slot, Key::empty(self.leaf(slot)));
        self.free.push(slot);
    }

    /// Puts `key` into a leaf and replays all its matches: right whatever was there before.
    #[inline(always)]
    fn replay(&mut self, slot: u32, key: Key) {
        let mut at = self.leaf(slot);
        let nodes = &mut self.nodes[..];
        nodes[at] = key;
        let mut winner = key;
        while at > 1 {
            winner = nodes[at ^ 1].earlier(winner);
            at >>= 1;
            nodes[at] = winner;
        }
    }

    /// Puts `key` into an empty leaf: it climbs only as far as it wins, two matches on average.
    #[inline(always)]
    fn enter(&mut self, slot: u32, key: Key) {
        let mut at = self.leaf(slot);
        let nodes = &mut self.nodes[..];
        nodes[at] = key;
        while at > 1 {
            at >>= 1;
            if !key.is_before(nodes[at]) {
                break;
            }
            nodes[at] = key;
        }
    }

    #[cold]
    fn grow(&mut self) {
        assert!(
            self.events.len() < MAX_SLOTS,
            "more than {MAX_SLOTS} events are pending at once"
        );
        self.resize(self.events.len() * 2);
    }

    fn resize(&mut self, n_slots: usize) {
        let old = self.events.len();
        let mut nodes = vec![Key::empty(0); 2 * n_slots];
        for (leaf, node) in nodes.iter_mut().enumerate().skip(n_slots) {
            *node = Key::empty(leaf);
        }
        nodes[n_slots..n_slots + old].copy_from_slice(&self.nodes[old..]);
        for slot in &self.free {
            nodes[n_slots + *slot as usize] = Key::empty(n_slots + *slot as usize);
        }
        for at in (1..n_slots).rev() {
            nodes[at] = nodes[2 * at].earlier(nodes[2 * at + 1]);
        }
        self.nodes = nodes;
        self.events.resize(n_slots, self.filler);
        self.free.reserve(n_slots - self.free.len());
        self.free.extend((old as u32..n_slots as u32).rev());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const CLASSES: [Class; 3] = [Class::Completion, Class::Control, Class::Sample];

    #[derive(Debug, Clone)]
    enum Action {
        Schedule { after: u64, class: usize },
        Pop,
        Cancel(usize),
        Reschedule { which: usize, after: u64 },
    }

    fn action() -> impl Strategy<Value = Action> {
        // Few distinct delays, so that ties are the rule rather than the exception.
        prop_oneof![
            4 => (0..4u64, 0..3usize).prop_map(|(after, class)| Action::Schedule { after, class }),
            3 => Just(Action::Pop),
            1 => any::<usize>().prop_map(Action::Cancel),
            1 => (any::<usize>(), 0..4u64).prop_map(|(which, after)| Action::Reschedule { which, after }),
        ]
    }

    proptest! {
        /// Against a sorted map with the written order as its key.
        #[test]
        fn pops_by_time_then_class_then_insertion(actions in prop::collection::vec(action(), 1..400)) {
            let mut queue = EventQueue::new(1, u64::MAX);
            // Near the end of the numbers, so that they come round.
            queue.sequence = (1 << SEQUENCE_BITS) - 40;
            let mut model: BTreeMap<(u64, usize, u64), (u64, Slot)> = BTreeMap::new();
            let (mut now, mut sequence) = (0, 0);
            for action in actions {
                sequence += 1;
                match action {
                    Action::Schedule { after, class } => {
                        let slot = queue.schedule(SimTime::from_nanos(now + after), CLASSES[class], sequence);
                        model.insert((now + after, class, sequence), (sequence, slot));
                    }
                    Action::Pop => {
                        let (at, _) = queue.peek();
                        if let Some((key, (id, _))) = model.pop_first() {
                            prop_assert_eq!(at.as_nanos(), key.0);
                            prop_assert_eq!(queue.pop(), id);
                            now = key.0;
                        } else {
                            prop_assert_eq!(at, SimTime::NEVER);
                        }
                    }
                    Action::Cancel(which) if !model.is_empty() => {
                        let key = *model.keys().nth(which % model.len()).unwrap();
                        queue.cancel(model.remove(&key).unwrap().1);
                    }
                    Action::Reschedule { which, after } if !model.is_empty() => {
                        let key = *model.keys().nth(which % model.len()).unwrap();
                        let (id, slot) = model.remove(&key).unwrap();
                        queue.reschedule(slot, SimTime::from_nanos(now + after));
                        model.insert((now + after, key.1, sequence), (id, slot));
                    }
                    _ => {}
                }
                prop_assert_eq!(queue.len(), model.len());
            }
        }
    }
}
