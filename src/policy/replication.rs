//! Replicas that follow a primary: which one a read goes to, and whether what it sees is stale.
//!
//! A write is there for readers of a replica once it has travelled (`lag`) and been replayed; a replica
//! replays one write after another, so that it falls behind when the primary writes faster than that.

use std::collections::BTreeMap;

use crate::units::{SimDuration, SimTime};
use crate::words;

words! {
    /// How a replica is picked for a read.
    pub enum Routing {
        /// At random.
        Random = "random",
        /// One after another.
        RoundRobin = "round_robin",
    }
}

/// How reads are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How many replicas there are.
    pub count: u32,
    /// How one is picked.
    pub routing: Routing,
    /// For how long after a write of its own a client's reads go to the primary.
    pub sticky_for: SimDuration,
    /// How long a write travels.
    pub lag: SimDuration,
}

/// A client's latest write: when it was made, and from when on replicas have it.
#[derive(Debug, Clone, Copy)]
struct Write {
    at: SimTime,
    seen: SimTime,
}

/// Where a read goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// 0 for the primary, else the number of the replica.
    pub server: u32,
    /// Whether it does not see the latest write of its own client.
    pub stale: bool,
}

/// The writes that clients may be kept waiting for are looked through when there are this many.
const MANY: usize = 1024;

/// A primary and its replicas.
#[derive(Debug, Clone)]
pub struct Replication {
    rules: Rules,
    turn: u32,
    /// From when on replicas have every write.
    replayed: SimTime,
    latest: BTreeMap<u64, Write>,
    /// At so many they are looked through.
    many: usize,
}

impl Replication {
    /// Replicas that have everything.
    pub const fn new(rules: Rules) -> Self {
        Self {
            rules,
            turn: 0,
            replayed: SimTime::ZERO,
            latest: BTreeMap::new(),
            many: MANY,
        }
    }

    /// A client has written something that takes `replay` to be replayed.
    pub fn write(&mut self, client: u64, replay: SimDuration, now: SimTime) {
        self.replayed = self.replayed.max(now + self.rules.lag) + replay;
        let seen = self.replayed;
        self.latest.insert(client, Write { at: now, seen });
        if self.latest.len() >= self.many {
            let sticky = self.rules.sticky_for;
            self.latest
                .retain(|_, own| own.seen > now || own.at + sticky > now);
            self.many = MANY.max(2 * self.latest.len());
        }
    }

    /// Where a read of a client goes; `uniform` decides where chance does.
    pub fn choose(&mut self, client: u64, uniform: u64, now: SimTime) -> Choice {
        let latest = self.latest.get(&client);
        if latest.is_some_and(|own| own.at + self.rules.sticky_for > now) {
            return Choice {
                server: 0,
                stale: false,
            };
        }
        let stale = latest.is_some_and(|own| own.seen > now);
        let count = self.rules.count;
        let picked = match self.rules.routing {
            Routing::Random => ((u128::from(uniform) * u128::from(count)) >> 64) as u32,
            Routing::RoundRobin => {
                self.turn = if self.turn + 1 < count {
                    self.turn + 1
                } else {
                    0
                };
                self.turn
            }
        };
        Choice {
            server: picked + 1,
            stale,
        }
    }

    /// How far replicas are behind: how long a write that is made now travels, and waits for those before it.
    pub fn lag(&self, now: SimTime) -> SimDuration {
        self.replayed.max(now + self.rules.lag).since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> SimTime {
        SimTime::from_nanos(ms * 1_000_000)
    }

    fn span(ms: u64) -> SimDuration {
        SimDuration::from_nanos(ms * 1_000_000)
    }

    fn replicas(sticky_ms: u64) -> Replication {
        Replication::new(Rules {
            count: 3,
            routing: Routing::RoundRobin,
            sticky_for: span(sticky_ms),
            lag: span(20),
        })
    }

    /// Three writes at once that take 30 ms each to be replayed: the third is there after 20 + 90 ms.
    #[test]
    fn replay_is_one_after_another() {
        let mut replicas = replicas(0);
        for client in 1..=3 {
            replicas.write(client, span(30), at(0));
        }
        assert_eq!(replicas.lag(at(0)), span(110));
        assert_eq!(replicas.lag(at(80)), span(30));
        assert_eq!(replicas.lag(at(200)), span(20));
        for (client, ms, stale) in [
            (1, 49, true),
            (1, 50, false),
            (3, 109, true),
            (3, 110, false),
        ] {
            assert_eq!(
                replicas.choose(client, 0, at(ms)).stale,
                stale,
                "{client} {ms}"
            );
        }
        assert!(!replicas.choose(9, 0, at(1)).stale);
    }

    /// Whoever has written reads from the primary for a while, the others from the replicas in turn.
    #[test]
    fn reads_of_who_has_written_stay_with_the_primary() {
        let mut replicas = replicas(100);
        replicas.write(7, span(0), at(0));
        assert_eq!(replicas.choose(7, 0, at(99)).server, 0);
        let others: Vec<u32> = (0..4)
            .map(|_| replicas.choose(8, 0, at(99)).server)
            .collect();
        assert_eq!(others, [2, 3, 1, 2]);
        assert_eq!(replicas.choose(7, 0, at(100)).server, 3);
    }

    #[test]
    fn writes_of_long_ago_are_forgotten() {
        let mut replicas = replicas(100);
        for client in 0..100_000 {
            replicas.write(client, span(0), at(client * 10));
        }
        assert!(replicas.latest.len() <= MANY);
    }
}
