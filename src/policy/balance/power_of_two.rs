//! The less busy of two instances drawn at random (Mitzenmacher 1996; Envoy's "least request").

use rand::Rng as _;

use super::Rules;
use crate::rng::Salt;
use crate::spec;

spec! {
    /// The less busy of two different ones drawn at random; of two equals, the first drawn.
    pub struct PowerOfTwo {}
}

/// The instances to choose from, and how busy each is.
#[derive(Debug, Clone)]
pub struct State {
    members: Vec<u32>,
    /// By instance.
    outstanding: Vec<u32>,
}

impl Rules for State {
    fn new(capacity: u32) -> Self {
        Self {
            members: Vec::with_capacity(capacity as usize),
            outstanding: vec![0; capacity as usize],
        }
    }

    fn join(&mut self, instance: u32) {
        self.members.push(instance);
        self.outstanding[instance as usize] = 0;
    }

    fn leave(&mut self, instance: u32) {
        self.members.retain(|member| *member != instance);
    }

    #[inline]
    fn pick(&mut self, salt: Salt, request: u64) -> Option<u32> {
        let n = self.members.len() as u64;
        if n == 0 {
            return None;
        }
        let mut draw = salt.draw(request);
        let mut below = |n: u64| ((u128::from(draw.next_u64()) * u128::from(n)) >> 64) as usize;
        let first = below(n);
        let picked = if n == 1 {
            self.members[0]
        } else {
            // The second is drawn from the others.
            let second = below(n - 1);
            let second = second + usize::from(second >= first);
            let (a, b) = (self.members[first], self.members[second]);
            if self.outstanding[b as usize] < self.outstanding[a as usize] {
                b
            } else {
                a
            }
        };
        self.outstanding[picked as usize] += 1;
        Some(picked)
    }

    fn pick_this(&mut self, instance: u32) -> bool {
        let is_there = self.members.contains(&instance);
        self.outstanding[instance as usize] += u32::from(is_there);
        is_there
    }

    #[inline]
    fn done(&mut self, instance: u32) {
        let outstanding = &mut self.outstanding[instance as usize];
        *outstanding = outstanding.saturating_sub(1);
    }
}
