//! nginx's `limit_conn`: so many requests under way for each key.
//!
//! Several of them in a row are one location's: a request that one of them turns away is counted by none.

use super::keyed::Keyed;
use super::{LimitKey, Rules, Sender, Verdict};
use crate::metrics::Outcome;
use crate::policy::zone::keys_in;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Bytes, SimTime};

spec! {
    /// nginx's `limit_conn`: `{ limit_conn = { max = 10 } }`. It counts requests under way, not idle
    /// connections, from when `limit_req` has let them pass to their end; over HTTP/2 each stream counts.
    pub struct LimitConn {
        /// How many of a key may be under way at the same time; more are turned away.
        pub max: At<Count>,
        /// Who is counted together; nginx is told by a variable, mostly `$binary_remote_addr`.
        pub key: At<LimitKey> = At::built_in(LimitKey::Address),
        /// The size of the zone that keeps the counts: 8,000 keys per MiB. When it is full, requests of other
        /// keys are turned away. Unlimited unless given.
        pub zone_size: Option<At<Bytes>>,
    }
}

/// One limit of a location.
#[derive(Debug, Clone)]
struct Zone {
    max: u32,
    key: LimitKey,
    counts: Keyed<u32>,
    /// How many keys have something under way, and how many may.
    keys: u32,
    most_keys: u32,
}

impl Zone {
    fn takes(&mut self, sender: Sender) -> bool {
        let count = self.counts.get(sender.number(self.key));
        if *count == 0 {
            if self.keys >= self.most_keys {
                return false;
            }
            self.keys += 1;
        }
        // A key without anything under way is always let in.
        if *count >= self.max {
            return false;
        }
        *count += 1;
        true
    }

    fn gives_back(&mut self, sender: Sender) {
        let count = self.counts.get(sender.number(self.key));
        *count -= 1;
        self.keys -= u32::from(*count == 0);
    }
}

/// The limits of a location.
#[derive(Debug, Clone)]
pub struct State {
    zones: Vec<Zone>,
    total: u64,
}

impl State {
    /// One limit more of the same location.
    pub fn add(&mut self, spec: &LimitConn) {
        self.zones.push(Zone {
            max: spec.max.get(),
            key: spec.key.value,
            counts: Keyed::new(),
            keys: 0,
            most_keys: spec.zone_size.map_or(u32::MAX, |size| keys_in(size.value)),
        });
    }
}

impl Rules for State {
    type Spec = LimitConn;

    const TURNED_AWAY: Outcome = Outcome::ConnectionLimit;
    const STATUS: Option<u16> = Some(503);

    fn key(spec: &LimitConn) -> LimitKey {
        spec.key.value
    }

    fn new(spec: &LimitConn) -> Self {
        let mut state = Self {
            zones: Vec::new(),
            total: 0,
        };
        state.add(spec);
        state
    }

    fn expects(&self, sender: Sender) {
        for zone in &self.zones {
            zone.counts.fetch(sender.number(zone.key));
        }
    }

    fn adopts(&mut self, fresh: Self, _: SimTime) {
        for (own, new) in self.zones.iter_mut().zip(fresh.zones) {
            (own.max, own.most_keys) = (new.max, new.most_keys);
        }
    }

    fn ask(&mut self, sender: Sender, _: SimTime) -> Verdict {
        for at in 0..self.zones.len() {
            if !self.zones[at].takes(sender) {
                for zone in &mut self.zones[..at] {
                    zone.gives_back(sender);
                }
                return Verdict::Reject(None);
            }
        }
        self.total += 1;
        Verdict::Pass
    }

    fn done(&mut self, sender: Sender) {
        for zone in &mut self.zones {
            zone.gives_back(sender);
        }
        self.total -= 1;
    }

    fn under_way(&self) -> Option<u64> {
        Some(self.total)
    }

    fn capacity(&self) -> Option<u32> {
        let all = self.zones.iter().filter(|zone| zone.key == LimitKey::All);
        all.map(|zone| zone.max).min()
    }
}
