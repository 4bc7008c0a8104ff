//! Draws by a hash of what they are for, as a load generator makes them that is to repeat a run exactly.
//!
//! A generator that retries cannot write down beforehand what its attempts will ask for: how many there are
//! depends on the system. It draws by a hash of the row of its schedule and of the number of the attempt
//! instead, so that whoever knows the seed draws the same.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::math;
use crate::spec;
use crate::spec::At;
use crate::units::SimDuration;

spec! {
    /// Exponential with the given mean, drawn as a recorded generator drew it: by a hash of the request's row in
    /// the recording and of the number of the attempt, or of the user and of the round.
    pub struct Hashed {
        /// The seed of the generator.
        pub seed: At<u64>,
        /// The mean.
        pub mean: At<SimDuration>,
    }
    check(Self::check)
}

impl Hashed {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.mean.value == SimDuration::ZERO {
            let problem = "the mean must be longer than 0";
            out.push(Diagnostic::error(self.mean.origin, problem));
        }
    }

    /// What attempt number `attempt` (0 is the first) of row `row` asks for: `-mean ln(u)`.
    pub fn draw(&self, row: u64, attempt: u64) -> SimDuration {
        exponential(self.seed.value, self.mean.value, row, attempt)
    }
}

/// Exponential with a mean, for attempt `attempt` of row `row`: `-mean ln(u)`.
pub fn exponential(seed: u64, mean: SimDuration, row: u64, attempt: u64) -> SimDuration {
    let mean = mean.as_nanos() as f64;
    SimDuration::from_nanos_f64(-mean * math::ln(uniform(seed, row, attempt)))
}

/// The finalizer of `SplitMix64` after one step of its counter (Steele, Lea, Flood 2014).
const fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in (0, 1) for attempt `attempt` of row `row`:
/// `h = mix(mix(mix(seed) ^ row) ^ attempt * D6E8FEB86659FD93)`, of which the upper 53 bits and a half are used.
pub fn uniform(seed: u64, row: u64, attempt: u64) -> f64 {
    let own = attempt.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let hash = mix(mix(mix(seed) ^ row) ^ own);
    ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out with integers of any length, outside of this program.
    #[test]
    fn draws_are_those_of_the_recorded_generator() {
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        let law = Hashed {
            seed: At::built_in(136_942_580),
            mean: At::built_in(SimDuration::from_nanos(50_000_000)),
        };
        let drawn =
            [(0, 1), (0, 2), (17, 1), (2591, 3)].map(|(row, k)| law.draw(row, k).as_nanos());
        assert_eq!(drawn, EXPECTED);
    }

    const EXPECTED: [u64; 4] = [3_114_244, 8_883_943, 85_962_890, 34_456_609];
}
