//! One instance at random, uniformly, blind to load.

use super::Rules;
use crate::rng::Salt;
use crate::spec;

spec! {
    /// One at random, blind to load.
    pub struct Random {}
}

/// The instances to choose from.
#[derive(Debug, Clone)]
pub struct State {
    members: Vec<u32>,
}

impl Rules for State {
    fn new(capacity: u32) -> Self {
        Self {
            members: Vec::with_capacity(capacity as usize),
        }
    }

    fn join(&mut self, instance: u32) {
        self.members.push(instance);
    }

    fn leave(&mut self, instance: u32) {
        // Keeps the order of the others, so that their draws stay theirs.
        self.members.retain(|member| *member != instance);
    }

    #[inline]
    fn pick(&mut self, salt: Salt, request: u64) -> Option<u32> {
        match self.members[..] {
            [] => None,
            // No draw, no difference: every request draws from a generator of its own.
            [only] => Some(only),
            _ => Some(self.members[salt.index(request, self.members.len() as u32) as usize]),
        }
    }

    fn pick_this(&mut self, instance: u32) -> bool {
        self.members.contains(&instance)
    }

    fn done(&mut self, _: u32) {}
}
