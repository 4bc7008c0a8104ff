//! Pools of connections: who gets which connection, when one is opened and when one is closed.
//!
//! [`Rules`] says how a pool goes about it; the pools of real software differ in nothing else. [`Unit`] is
//! one pool at work: it is shown what happens and says what to do. It knows neither the clock nor what opening
//! a connection takes.

mod rules;
mod unit;

#[cfg(test)]
mod tests;

pub use rules::{
    Background, Breaks, ByRequest, Covers, Expires, IdleOver, NoTest, Opens, Order, Rules, Test,
    TestAlways, WhenFull,
};
pub use unit::{Asked, Connection, Turn, Unit};
