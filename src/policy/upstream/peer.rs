//! One server of a group, as its balancer sees it.

use crate::units::SimTime;

/// Before everything: when a peer was last looked at that never was.
const LONG_AGO: i64 = i64::MIN / 2;

/// What is written down about a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Its share of the requests in relation to others.
    pub weight: u32,
    /// How many failures take it out of service; 0: none do.
    pub max_fails: u32,
    /// For how many seconds it is out, and within how many the failures count.
    pub fail_timeout_s: i64,
    /// How many requests may be under way there; 0: any number.
    pub max_conns: u32,
    /// How many may be while there is little to do; 0: `max_conns`. The limit grows with what the balancer
    /// has under way, up to `max_conns` (HAProxy's `minconn`).
    pub min_conns: u32,
    /// Stands in where no other can be picked.
    pub backup: bool,
    /// Never picked.
    pub down: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            weight: 1,
            max_fails: 1,
            fail_timeout_s: 10,
            max_conns: 0,
            min_conns: 0,
            backup: false,
            down: false,
        }
    }
}

/// What a balancer has under way and waiting, and with how much of it servers may have as much as they can
/// take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) conns: u64,
    pub(super) full: u64,
    /// Whether the limit of a server grows with its share while it starts slowly.
    pub(super) grows: bool,
}

/// A server at work.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// With the weight that it has now, which is less than all of it after it has just come.
    pub(super) server: Server,
    pub(super) full_weight: u32,
    /// How many times as fine its weights are as they are written.
    pub(super) fineness: u32,
    pub(super) is_member: bool,
    /// Requests under way.
    pub(super) active: u32,
    /// Requests that wait for it, and for no other.
    pub(super) waiting: u32,
    /// When either of these last changed, as a number that grows.
    pub(super) moved: u64,
    /// What it has gathered towards its next turn.
    pub(super) current: i64,
    /// What it gathers per turn: its weight, less after failures.
    pub(super) effective: i64,
    fails: u32,
    /// In seconds: when it last failed, and when it was last looked at.
    accessed: i64,
    checked: i64,
    /// In quarantine until then.
    pub(super) barred_until: SimTime,
    /// Whether checks or the answers of others say that it is not well, and that counts.
    pub(super) is_unwell: bool,
}

impl Peer {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            full_weight: server.weight,
            fineness: 1,
            is_member: false,
            active: 0,
            waiting: 0,
            moved: 0,
            current: 0,
            effective: i64::from(server.weight),
            fails: 0,
            accessed: LONG_AGO,
            checked: LONG_AGO,
            barred_until: SimTime::ZERO,
            is_unwell: false,
        }
    }

    /// Everything that is known of it is forgotten, but for what is under way there.
    pub(super) fn renews(&mut self) {
        let (active, waiting, fineness) = (self.active, self.waiting, self.fineness);
        *self = Self::new(Server {
            weight: self.full_weight,
            ..self.server
        });
        (self.active, self.waiting, self.fineness) = (active, waiting, fineness);
    }

    /// True if it is one of the group, and may be sent requests.
    pub(super) fn is_there(&self) -> bool {
        self.is_member && !self.server.down
    }

    /// True if it may be sent another request, however well it is.
    #[inline]
    pub(super) fn takes_more(&self, load: Load) -> bool {
        !self.server.down && (self.server.max_conns == 0 || self.active < self.limit(load))
    }

    /// How many requests may be under way there at present, where that is limited.
    #[inline]
    pub(super) fn limit(&self, load: Load) -> u32 {
        let Server {
            min_conns,
            max_conns,
            ..
        } = self.server;
        let limit = if min_conns == 0 || min_conns >= max_conns || load.conns >= load.full {
            max_conns
        } else {
            // Less than `max_conns`, because `conns` is less than `full`.
            let share = load.conns * u64::from(max_conns) / load.full;
            min_conns.max(share as u32)
        };
        if load.grows && self.server.weight < self.full_weight {
            let (weight, full) = (u64::from(self.server.weight), u64::from(self.full_weight));
            return ((u64::from(limit) * weight / full) as u32).max(1);
        }
        limit
    }

    /// True if it could be picked if it had room. The only one (`single`) is, however often it fails.
    #[inline]
    pub(super) fn is_up(&self, now: SimTime, now_s: i64, single: bool) -> bool {
        self.is_there()
            && !self.is_unwell
            && (single || !self.is_out(now_s))
            && self.barred_until <= now
    }

    /// True if its failures keep it out of service. Strictly more than the timeout must have passed, in
    /// whole seconds.
    #[inline]
    pub(super) fn is_out(&self, now_s: i64) -> bool {
        self.server.max_fails > 0
            && self.fails >= self.server.max_fails
            && now_s - self.checked <= self.server.fail_timeout_s
    }

    /// A request is sent to it. Being looked at again after a while makes it one probe: until the result
    /// is known, or as much time has passed again, it is out for everybody else.
    #[inline]
    pub(super) fn is_picked(&mut self, now_s: i64) {
        self.active += 1;
        if now_s - self.checked > self.server.fail_timeout_s {
            self.checked = now_s;
        }
    }

    pub(super) fn fails(&mut self, now_s: i64) {
        self.fails += 1;
        self.accessed = now_s;
        self.checked = now_s;
        if let Some(less) = self.server.weight.checked_div(self.server.max_fails) {
            self.effective = (self.effective - i64::from(less)).max(0);
        }
    }

    /// Failures are forgotten by a success after it was looked at again.
    #[inline]
    pub(super) fn succeeds(&mut self) {
        if self.accessed < self.checked {
            self.fails = 0;
        }
    }
}
