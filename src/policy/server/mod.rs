//! What limits a server that is rented: input and output of its volume, and CPU on credit.

pub mod credits;
pub mod volume;
