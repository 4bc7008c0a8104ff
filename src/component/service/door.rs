//! The door of a service that may have no instance at all: requests that find none are held until there is one, as
//! Knative's activator, Cloud Run's front end and the interceptor of KEDA's HTTP add-on do it.
//!
//! The first of them knocks: autoscalers that hear of it decide at once. All that are held go on when an instance comes
//! into service, in the order in which they came; whoever has been held for too long fails as it would have at once.
//! Requests that find instances that are full are not held.

use std::collections::VecDeque;

use super::state::State;
use crate::component::request::{Flags, RequestId};
use crate::component::{Context, Event, NodeId};
use crate::engine::Class;
use crate::metrics::LevelId;
use crate::units::{SimDuration, SimTime};

/// The first request is held.
pub(super) const KNOCK: u8 = 40;

/// A request that is held.
#[derive(Debug, Clone, Copy)]
struct Held {
    id: RequestId,
    generation: u32,
    /// When its patience is at an end.
    until: SimTime,
}

/// The door of a service.
#[derive(Debug)]
pub(super) struct Door {
    patience: SimDuration,
    /// In the order in which they came, and so in that in which their patience ends.
    held: VecDeque<Held>,
    /// How many there are.
    pub(super) level: LevelId,
}

impl Door {
    pub(super) fn new(patience: SimDuration, cx: &mut Context) -> Self {
        Self {
            patience,
            held: VecDeque::with_capacity(64),
            level: cx.recorder.add_level(),
        }
    }

    /// True if a request comes back because its patience is at an end; it is not held any longer.
    fn lets_go(&mut self, id: RequestId, generation: u32, now: SimTime) -> bool {
        let due = self.held.iter().take_while(|own| own.until <= now);
        let mut due = due.map(|own| (own.id, own.generation));
        let found = due.position(|own| own == (id, generation));
        found.and_then(|at| self.held.remove(at)).is_some()
    }
}

impl State {
    /// Requests that are held.
    pub(super) fn n_held(&self) -> u64 {
        self.door.as_ref().map_or(0, |door| door.held.len() as u64)
    }

    /// There is no instance for a request that came through `via`: true if it is held.
    #[cold]
    pub(in crate::component) fn holds(
        &mut self,
        id: RequestId,
        via: NodeId,
        cx: &mut Context,
    ) -> bool {
        if self.door.is_none() || self.census().in_service > 0 {
            // In the second case a balancer will have none of those that there are.
            return false;
        }
        let Some(door) = &mut self.door else {
            return false;
        };
        let now = cx.now();
        let request = cx.requests.get_mut(id);
        let generation = request.generation;
        if door.lets_go(id, generation, now) {
            cx.recorder.level(door.level).down(now, 1);
            return false;
        }
        (request.frame.via, request.frame.worker) = (via, 0);
        request.flags.set(Flags::IN_TRANSIT);
        let is_first = door.held.is_empty();
        door.held.push_back(Held {
            id,
            generation,
            until: now + door.patience,
        });
        cx.recorder.level(door.level).up(now, 1);
        cx.resume_after(door.patience, id);
        if is_first {
            let knock = Event::Signal(self.own, KNOCK, 0);
            cx.signal_after(SimDuration::ZERO, Class::Control, knock);
        }
        true
    }

    /// An instance is in service: whoever is held goes on as soon as everybody knows of it.
    pub(super) fn opens_door(&mut self, cx: &mut Context) {
        let now = cx.now();
        let Some(door) = &mut self.door else { return };
        while let Some(Held { id, generation, .. }) = door.held.pop_front() {
            cx.recorder.level(door.level).down(now, 1);
            if !cx.requests.is_current(id.index(), generation) {
                continue;
            }
            let request = cx.requests.get(id);
            let waits = request.flags.has(Flags::IN_TRANSIT) && !request.flags.has(Flags::IN_LINE);
            let is_nowhere = request.frame.node == NodeId::NONE && request.frame.worker == 0;
            if waits && is_nowhere {
                let slot = request.slot();
                cx.scheduler.cancel(slot);
                cx.resume_after(SimDuration::ZERO, id);
            }
        }
    }
}
