//! What the timeline has for a system at work: who does what when, and who is not to be reached.

use rand::Rng as _;

use super::timeline::{Due, Happening, SHORTEST};
use super::{Event, Node, NodeId, System};
use crate::engine::Class;
use crate::units::SimTime;

impl System {
    /// Schedules what the timeline has, for the first time or the next.
    pub(super) fn schedules_entry(&mut self, number: usize) {
        let at = match &self.timeline[number].due {
            Due::Once(at) => SimTime::ZERO + *at,
            Due::Repeated(gaps) => {
                let gap = gaps.sample(&mut self.chances[number]);
                self.cx.now() + gap.max(SHORTEST)
            }
        };
        if at <= self.horizon {
            let event = Event::Act(number as u32);
            self.cx.scheduler.at(at, Class::Control, event);
        }
    }

    /// What the timeline has for now.
    #[cold]
    pub(super) fn happens(&mut self, number: usize) {
        let entry = &self.timeline[number];
        let is_repeated = matches!(entry.due, Due::Repeated(_));
        match &entry.what {
            Happening::Act(node, act) => {
                let drawn = is_repeated.then(|| self.chances[number].next_u64());
                act.carry_out(&mut self.nodes[node.index()], drawn, &mut self.cx);
            }
            Happening::Revision(revision) => {
                let revision = revision.clone();
                self.is_revised(&revision);
            }
        }
        if is_repeated {
            self.schedules_entry(number);
        }
    }

    /// True if a component tells whoever comes to come again later.
    #[cold]
    pub(super) fn is_closed(&self, node: NodeId) -> bool {
        let until = match &self.nodes[node.index()] {
            Node::Balancer(front) => front.closed_until,
            Node::Service(own) => own.closed_until,
            _ => return false,
        };
        self.cx.now() < until
    }
}
