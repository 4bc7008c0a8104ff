//! Randomness: named streams, and a private generator for every draw of a request.
//!
//! Nothing is drawn from a shared generator, so nothing that one part of a system does can shift what
//! another part sees:
//!
//! - A **stream** belongs to (seed, replication, name, purpose): the gaps between the arrivals of
//!   `visitors`, the boot times of `web`. Adding a component disturbs no other stream.
//! - A **request** gets a number of its own from its source's stream. What is drawn for it later (the
//!   CPU time of a step, a cache key, the instance that a random balancer picks) is a function of that
//!   number and of the place in the scenario that asks, not of the order in which requests get there.
//!
//! So two configurations of a system see the same requests, arriving at the same instants, asking for
//! the same keys and the same work: common random numbers, without any bookkeeping.
//!
//! Generators: [`Stream`] is xoshiro256++ (Blackman, Vigna 2019), seeded by BLAKE3 of the names. A
//! [`Draw`] is `SplitMix64` (Steele, Lea, Flood 2014) started at the request's number mixed with the
//! place's salt: seeding costs one operation, which no generator with a larger state can offer. A first
//! number costs a sixth of what it does from xoshiro256++ or PCG; as streams, xoshiro256++ is as fast as
//! any of them. `benches/generator.rs` keeps the measurement.

use rand::{Rng as _, SeedableRng as _};

/// The generator behind a named stream.
pub type Stream = rand_xoshiro::Xoshiro256PlusPlus;

/// The generator for one draw of one request; lives for a handful of numbers.
pub type Draw = rand_xoshiro::SplitMix64;

/// What all streams of one replication are derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
    replication: u32,
}

impl Streams {
    /// The streams of replication number `replication` of a run with `seed`.
    pub fn new(seed: u64, replication: u32) -> Self {
        Self { seed, replication }
    }

    /// The stream of `name` (a source, a component) for `purpose` (`arrivals`, `boot`).
    pub fn stream(self, name: &str, purpose: &str) -> Stream {
        Stream::from_seed(self.digest(name, purpose))
    }

    fn digest(self, name: &str, purpose: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("capsim 2026 named random streams");
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&self.replication.to_le_bytes());
        for part in [name, purpose] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

/// The number that tells one drawing place of a scenario from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(u64);

impl Salt {
    /// The salt of a place such as `web/page/steps/0` and what is drawn there.
    pub fn new(place: &str, purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("capsim 2026 drawing places");
        for part in [place, purpose] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let digest = hasher.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest.as_bytes()[..8]);
        Self(u64::from_le_bytes(first))
    }

    /// The generator for what is drawn at this place for the request with this number.
    #[inline]
    pub fn draw(self, request: u64) -> Draw {
        Draw::seed_from_u64(request ^ self.0)
    }

    /// A uniform number in 0..2^64 for the request with this number.
    #[inline]
    pub fn uniform(self, request: u64) -> u64 {
        self.draw(request).next_u64()
    }

    /// A uniform index below `n` (at least 1) for the request with this number, by multiplication; the
    /// bias is below n / 2^64.
    #[inline]
    pub fn index(self, request: u64, n: u32) -> u32 {
        ((u128::from(self.uniform(request)) * u128::from(n)) >> 64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_every_part_of_their_name() {
        let first = |seed, replication, name, purpose| {
            Streams::new(seed, replication)
                .stream(name, purpose)
                .next_u64()
        };
        let mut seen = vec![
            first(1, 0, "web", "boot"),
            first(2, 0, "web", "boot"),
            first(1, 1, "web", "boot"),
            first(1, 0, "we", "bboot"),
            first(1, 0, "web", "drain"),
        ];
        assert_eq!(seen[0], first(1, 0, "web", "boot"));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 5);
    }

    /// A change of these numbers changes every result that was ever reported.
    #[test]
    fn first_numbers_are_pinned() {
        let stream = Streams::new(1, 0).stream("visitors", "arrivals").next_u64();
        let draw = Salt::new("web/page/steps/0", "cpu").uniform(7);
        assert_eq!(
            (stream, draw),
            (10_692_904_999_474_748_151, 10_166_331_920_975_149_399)
        );
    }
}
