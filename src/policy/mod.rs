//! Decisions as pure state machines: they are shown what happens and say what to do; they know neither
//! the event queue nor the clock.

pub mod accept;
pub mod admission;
pub mod balance;
pub mod bandwidth;
pub mod edge_cache;
pub mod eviction;
pub mod health;
pub mod http_cache;
pub mod memory;
pub mod persistence;
pub mod pool;
pub mod ratio;
pub mod redelivery;
pub mod replication;
pub mod restart;
pub mod server;
pub mod upstream;
pub mod warm_up;
pub mod zone;
