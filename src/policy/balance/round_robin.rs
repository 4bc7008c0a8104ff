//! Each instance in turn, in the order of their numbers.

use super::Rules;
use crate::rng::Salt;
use crate::spec;

spec! {
    /// Each in turn.
    pub struct RoundRobin {}
}

/// Whose turn it is.
#[derive(Debug, Clone)]
pub struct State {
    /// The instances in service, by number.
    members: Vec<u32>,
    /// Position of the next one.
    next: usize,
}

impl Rules for State {
    fn new(capacity: u32) -> Self {
        Self {
            members: Vec::with_capacity(capacity as usize),
            next: 0,
        }
    }

    fn join(&mut self, instance: u32) {
        let at = self.members.partition_point(|member| *member < instance);
        self.members.insert(at, instance);
        // Whoever was next stays next.
        self.next += usize::from(at < self.next);
    }

    fn leave(&mut self, instance: u32) {
        let Ok(at) = self.members.binary_search(&instance) else {
            return;
        };
        self.members.remove(at);
        self.next -= usize::from(at < self.next);
    }

    #[inline]
    fn pick(&mut self, _: Salt, _: u64) -> Option<u32> {
        if self.next >= self.members.len() {
            self.next = 0;
        }
        let picked = self.members.get(self.next).copied();
        self.next += 1;
        picked
    }

    fn pick_this(&mut self, instance: u32) -> bool {
        self.members.binary_search(&instance).is_ok()
    }

    fn done(&mut self, _: u32) {}
}
