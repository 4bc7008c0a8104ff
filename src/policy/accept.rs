//! Which process of a server takes a connection.
//!
//! Sources: gunicorn's `sync` and `gthread` workers, Node's `round_robin_handle.js`, Puma's
//! `wait_for_less_busy_worker`.

use crate::units::SimDuration;
use crate::words;

words! {
    /// Which process of a server takes a connection.
    pub enum Accept {
        /// All processes take from one line, as many as they have threads: whoever is free takes the next
        /// (gunicorn's sync workers).
        Central = "central",
        /// Any process that takes in anything takes it, busy or not; it waits there though another process may
        /// be idle (gunicorn's gthread workers).
        Greedy = "greedy",
        /// The busier a process is, the longer it waits before it takes one: the least busy wins (Puma).
        Race = "race",
        /// Requests are dealt to the processes in turn.
        RoundRobin = "round_robin",
        /// Connections are dealt to the processes in turn, and all requests of a connection go to the same one
        /// (Node's cluster module).
        ByConnection = "by_connection",
    }
}

/// How long Puma's process with so many requests running and waiting hesitates before it takes another: up to
/// 5 ms, in proportion, for 25 requests per thread and more.
pub fn hesitation(load: u32, threads: u32) -> SimDuration {
    const LONGEST: f64 = 5_000_000.0;
    let most = f64::from(threads) * 25.0;
    SimDuration::from_nanos_f64(LONGEST * f64::from(load).min(most) / most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puma's own example: 5 threads, 125 requests are the most that counts.
    #[test]
    fn the_busier_the_longer_it_hesitates() {
        let micros = |load| hesitation(load, 5).as_nanos() / 1000;
        assert_eq!(
            [0, 5, 25, 125, 1000].map(micros),
            [0, 200, 1000, 5000, 5000]
        );
    }
}
