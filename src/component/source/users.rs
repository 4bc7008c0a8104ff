//! A fixed population of users: each sends its next request only after the answer to the last one.

use super::flow::Pause;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimDuration;

spec! {
    /// A closed source: a fixed number of users, each of whom pauses, sends a request, waits for the answer,
    /// and begins again. They come no faster than the system answers.
    pub struct Users {
        /// How many there are.
        pub users: At<Count>,
        /// How long a user pauses before each round; not at all unless given.
        pub think: Option<Pause>,
        /// Over how long a time they come in, evenly, at the start.
        pub over: At<SimDuration> = At::built_in(SimDuration::ZERO),
    }
}
