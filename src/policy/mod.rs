//! Decisions as pure state machines: they are shown what happens and say what to do; they know neither
//! the event queue nor the clock.

pub mod admission;
pub mod balance;
pub mod eviction;
pub mod persistence;
pub mod restart;
pub mod upstream;
