//! Event queues that were considered and rejected.
//!
//! Each has what it needs to be at its best in the hold model; that a popped event's place stays vacant
//! for the next one, for instance, the 4-ary heaps do as well.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use capsim::engine::{Class, EventQueue};
use capsim::units::SimTime;

/// What happens: as large as the engine's events.
pub(crate) type Event = u64;

/// What the hold model asks of a queue.
pub(crate) trait Queue {
    /// An empty queue with room for `capacity` events.
    fn with_room_for(capacity: usize) -> Self;

    /// Adds an event at an instant, in nanoseconds.
    fn schedule(&mut self, at: u64, event: Event);

    /// Takes the next event, and when it happens. There is one.
    fn take(&mut self) -> (u64, Event);
}

/// What the engine uses.
impl Queue for EventQueue<Event> {
    fn with_room_for(capacity: usize) -> Self {
        Self::new(capacity, 0)
    }

    #[inline]
    fn schedule(&mut self, at: u64, event: Event) {
        self.schedule(SimTime::from_nanos(at), Class::Completion, event);
    }

    #[inline]
    fn take(&mut self) -> (u64, Event) {
        let (at, _) = self.peek();
        (at.as_nanos(), self.pop())
    }
}

/// A heap in an array in which every node has four children.
struct FourAry<K, P> {
    items: Vec<(K, P)>,
    /// The first item was taken and nothing has moved in yet.
    vacant: bool,
}

impl<K: Copy + Ord, P: Copy> FourAry<K, P> {
    fn with_room_for(capacity: usize) -> Self {
        Self {
            items: Vec::with_capacity(capacity + 1),
            vacant: false,
        }
    }

    #[inline]
    fn push(&mut self, key: K, payload: P) {
        if self.vacant {
            self.vacant = false;
            self.sift_down((key, payload));
        } else {
            self.sift_up((key, payload));
        }
    }

    /// Takes the first item. There is one.
    #[inline]
    fn take(&mut self) -> (K, P) {
        if self.vacant
            && let Some(last) = self.items.pop()
        {
            self.sift_down(last);
        }
        self.vacant = true;
        self.items[0]
    }

    fn sift_up(&mut self, item: (K, P)) {
        let mut at = self.items.len();
        self.items.push(item);
        let items = &mut self.items[..];
        while at > 0 {
            let parent = (at - 1) / 4;
            if items[parent].0 <= item.0 {
                break;
            }
            items[at] = items[parent];
            at = parent;
        }
        items[at] = item;
    }

    #[inline]
    fn sift_down(&mut self, item: (K, P)) {
        let items = &mut self.items[..];
        let mut at = 0;
        while let Some(least) = Self::least_child(items, at) {
            if items[least].0 >= item.0 {
                break;
            }
            items[at] = items[least];
            at = least;
        }
        items[at] = item;
    }

    #[inline]
    fn least_child(items: &[(K, P)], parent: usize) -> Option<usize> {
        let first = 4 * parent + 1;
        if let Some(four) = items.get(first..first + 4) {
            // Two matches that do not depend on each other, and a final.
            let left = usize::from(four[1].0 < four[0].0);
            let right = 2 + usize::from(four[3].0 < four[2].0);
            let right_wins = four[right].0 < four[left].0;
            return Some(first + std::hint::select_unpredictable(right_wins, right, left));
        }
        (first..items.len()).min_by_key(|child| items[*child].0)
    }
}

/// Instant and slot packed in 64 bits, payloads elsewhere.
///
/// Rejected: 40 bits of nanoseconds are 18 minutes, no bit is left for the order of simultaneous events,
/// and for all that it is slower than the winner tree, which has room for both.
pub(crate) struct NarrowKeys {
    heap: FourAry<u64, ()>,
    events: Vec<Event>,
    free: Vec<u32>,
}

impl NarrowKeys {
    const SLOT_BITS: u32 = 24;
    /// From this instant on the keys overflow.
    pub(crate) const END: u64 = 1 << (u64::BITS - Self::SLOT_BITS);
}

impl Queue for NarrowKeys {
    fn with_room_for(capacity: usize) -> Self {
        Self {
            heap: FourAry::with_room_for(capacity),
            events: vec![0; capacity],
            free: (0..capacity as u32).rev().collect(),
        }
    }

    #[inline]
    fn schedule(&mut self, at: u64, event: Event) {
        let slot = self.free.pop().expect("no more events than asked for");
        self.events[slot as usize] = event;
        self.heap.push(at << Self::SLOT_BITS | u64::from(slot), ());
    }

    #[inline]
    fn take(&mut self) -> (u64, Event) {
        let (key, ()) = self.heap.take();
        let slot = (key & ((1 << Self::SLOT_BITS) - 1)) as u32;
        self.free.push(slot);
        (key >> Self::SLOT_BITS, self.events[slot as usize])
    }
}

/// Instant, class and insertion number packed in 128 bits, the payload beside them.
///
/// Rejected: the right order and simple, but where to go next is known only after the children of a
/// level have been compared, so a miss of the cache or of the branch predictor stalls every level.
pub(crate) struct WideKeys {
    heap: FourAry<u128, Event>,
    sequence: u64,
}

impl WideKeys {
    const CLASS_SHIFT: u32 = 56;
}

impl Queue for WideKeys {
    fn with_room_for(capacity: usize) -> Self {
        Self {
            heap: FourAry::with_room_for(capacity),
            sequence: 0,
        }
    }

    #[inline]
    fn schedule(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        let class = (Class::Completion as u64) << Self::CLASS_SHIFT;
        let key = u128::from(at) << u64::BITS | u128::from(class | self.sequence);
        self.heap.push(key, event);
    }

    #[inline]
    fn take(&mut self) -> (u64, Event) {
        let (key, event) = self.heap.take();
        ((key >> u64::BITS) as u64, event)
    }
}

/// The standard library's heap, with the order spelled out as a tuple.
///
/// Rejected: two children per level make it twice as deep, every comparison is of up to three parts, and
/// taking and adding are two passes.
pub(crate) struct Standard {
    heap: BinaryHeap<Reverse<(u64, u8, u64, Event)>>,
    sequence: u64,
}

impl Queue for Standard {
    fn with_room_for(capacity: usize) -> Self {
        Self {
            heap: BinaryHeap::with_capacity(capacity),
            sequence: 0,
        }
    }

    #[inline]
    fn schedule(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        let item = (at, Class::Completion as u8, self.sequence, event);
        self.heap.push(Reverse(item));
    }

    #[inline]
    fn take(&mut self) -> (u64, Event) {
        let Reverse((at, _, _, event)) = self.heap.pop().expect("there is an event");
        (at, event)
    }
}
