//! A fixed population of users: each sends its next request only after the answer to the last one.

use super::flow::Pause;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::traffic::hashed;
use crate::units::SimDuration;

spec! {
    /// A closed source: a fixed number of users, each of whom pauses, sends a request, waits for the answer,
    /// and begins again. They come no faster than the system answers.
    pub struct Users {
        /// How many there are.
        pub users: At<Count>,
        /// How long a user pauses before each round; not at all unless given.
        pub think: Option<Pause>,
        /// Has pauses and requests drawn as a generator drew them that was recorded: `{ seed = 7, think = "1s" }`.
        /// In place of `think`.
        pub drawn: Option<DrawnUsers>,
        /// Over how long a time they come in, evenly, at the start.
        pub over: At<SimDuration> = At::built_in(SimDuration::ZERO),
    }
    check(Self::check)
}

impl Users {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if let (Some(drawn), Some(_)) = (&self.drawn, &self.think) {
            let problem = "these users have their pauses already";
            out.push(
                Diagnostic::error(drawn.think.origin, problem).help("leave out `think` beside it"),
            );
        }
    }
}

spec! {
    /// Users whose pauses are drawn by a hash of the user and of the round, exponential with a mean: pause k is
    /// `-think ln(u(seed ^ 77, user, k - 1))`, and the one before the first round `-think ln(u(seed ^ 55, user, 0))`, as
    /// of [Hashed](#hashed). What a step draws so (`hashed`) belongs to the user and its round.
    pub struct DrawnUsers {
        /// The seed of the generator.
        pub seed: At<u64>,
        /// The mean pause.
        pub think: At<SimDuration>,
    }
}

/// What tells the pauses before the first round, and the others, from what requests ask for.
const FIRST: u64 = 55;
const LATER: u64 = 77;

impl DrawnUsers {
    /// How long a user pauses before a round, of which 0 is the first.
    pub fn pause(&self, user: u32, round: u32) -> SimDuration {
        let (salt, number) = match round.checked_sub(1) {
            None => (FIRST, 0),
            Some(before) => (LATER, before),
        };
        let seed = self.seed.value ^ salt;
        hashed::exponential(seed, self.think.value, u64::from(user), u64::from(number))
    }
}
