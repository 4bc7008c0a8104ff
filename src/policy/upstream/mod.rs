//! A group of servers as a balancer in front of them sees it: which can be picked, by which method one of
//! them is, what its failures make of it, and whether a request is tried again on the next.
//!
//! One file per method. To add one: write its file (its table, its rules) and add its line to the list
//! below. A method is shown the peers that it may pick from; what makes one available is `peer`'s business,
//! what a failure leads to is `next`'s.
//!
//! The rules and their arithmetic are those of nginx 1.22 to 1.31
//! (`ngx_http_upstream_round_robin.c` and its neighbours); recorded decisions of nginx are held against
//! them in `tests/conformance/nginx`.

mod ip_hash;
mod least_conn;
mod methods;
mod next;
mod peer;
mod random;
mod random_two;
mod round_robin;

use crate::policy::balance::Policy;
use crate::rng::Draw;
use crate::units::{SimDuration, SimTime};

pub use ip_hash::{Address, IpHash};
pub use least_conn::LeastConn;
pub use methods::Method;
pub use next::{Condition, Ending, NextRules, NextUpstream, Trial};
pub use peer::Server;
pub use random_two::RandomTwo;

use methods::Picker;
use peer::Peer;

/// What is asked when a peer is to be picked for a request.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The present instant.
    pub now: SimTime,
    /// Where the request comes from.
    pub address: Address,
    /// What became of it so far.
    pub trial: &'a mut Trial,
    /// What a method that picks at random draws from.
    pub draw: Draw,
}

/// The peers that a method may pick from, for one request.
#[derive(Debug)]
struct View<'a> {
    peers: &'a mut [Peer],
    tried: &'a [u32],
    now: SimTime,
    /// Whole seconds, the unit in which failures are forgotten.
    now_s: i64,
    /// Whether it is the turn of those who stand in for the others.
    backup: bool,
    /// Whether the only peer is always tried.
    single: bool,
}

impl View<'_> {
    /// True if the peer at a place can be picked.
    #[inline]
    fn is_open(&self, at: usize) -> bool {
        let peer = &self.peers[at];
        peer.is_member
            && peer.server.backup == self.backup
            && peer.takes_more()
            && (self.single || !peer.is_out(self.now_s))
            && peer.barred_until <= self.now
            && (self.tried.is_empty() || !self.tried.contains(&(at as u32)))
    }

    /// True if the peer at a place is one of the group, whether or not it can be picked.
    fn is_listed(&self, at: usize) -> bool {
        self.peers[at].is_member && self.peers[at].server.backup == self.backup
    }

    /// The weights of all peers of the group together, those that are out included.
    fn total_weight(&self) -> u64 {
        let listed = (0..self.peers.len()).filter(|at| self.is_listed(*at));
        listed
            .map(|at| u64::from(self.peers[at].server.weight))
            .sum()
    }

    /// The peer into whose part of the total weight `at` falls.
    fn at_weight(&self, mut at: u64) -> Option<usize> {
        (0..self.peers.len())
            .filter(|peer| self.is_listed(*peer))
            .find(|peer| {
                let weight = u64::from(self.peers[*peer].server.weight);
                let found = at < weight;
                at = at.saturating_sub(weight);
                found
            })
    }
}

/// The group: one balancer's own view of it.
#[derive(Debug, Clone)]
pub struct Group {
    peers: Vec<Peer>,
    picker: Picker,
    rules: NextRules,
    /// For how long a peer that does not take a connection is left alone.
    quarantine: Option<SimDuration>,
    /// Requests under way at all peers.
    active: u64,
    /// Peers that are there, whether or not they are down.
    n_primaries: u32,
    n_backups: u32,
    /// Of these, the ones that are not down.
    n_up: u32,
}

impl Group {
    /// A group of these servers, none of them there yet.
    pub fn new(servers: &[Server], method: &Method, rules: NextRules) -> Self {
        Self {
            peers: servers.iter().map(|server| Peer::new(*server)).collect(),
            picker: method.start(),
            rules,
            quarantine: None,
            active: 0,
            n_primaries: 0,
            n_backups: 0,
            n_up: 0,
        }
    }

    /// The same group, which leaves peers that do not take a connection alone for so long.
    #[must_use]
    pub fn with_quarantine(self, quarantine: Option<SimDuration>) -> Self {
        Self { quarantine, ..self }
    }

    /// A peer is there, as if it had just been written into the configuration.
    pub fn join(&mut self, peer: u32) {
        let own = &mut self.peers[peer as usize];
        if own.is_member {
            return;
        }
        own.renews();
        own.is_member = true;
        let server = own.server;
        self.counts(server, |n| n + 1);
    }

    /// A peer is taken out: nothing more is sent to it.
    pub fn leave(&mut self, peer: u32) {
        let own = &mut self.peers[peer as usize];
        if !own.is_member {
            return;
        }
        own.is_member = false;
        let server = own.server;
        self.counts(server, |n| n - 1);
    }

    fn counts(&mut self, server: Server, change: impl Fn(u32) -> u32) {
        let own = if server.backup {
            &mut self.n_backups
        } else {
            &mut self.n_primaries
        };
        *own = change(*own);
        if !server.down {
            self.n_up = change(self.n_up);
        }
    }

    /// What a request starts with that has not been tried anywhere.
    pub fn begins(&self, trial: &mut Trial, now: SimTime) {
        trial.begins(self.rules.tries(self.n_up), now);
    }

    /// Picks a peer and counts the request as under way there; nothing if none is available.
    pub fn pick(&mut self, ask: &mut Ask<'_>) -> Option<u32> {
        let single = self.n_primaries == 1 && self.n_backups == 0;
        let tiers = if self.n_backups > 0 { 2 } else { 1 };
        let now_s = whole_seconds(ask.now);
        for tier in 0..tiers {
            let tried = std::mem::take(&mut ask.trial.tried);
            let mut view = View {
                peers: &mut self.peers,
                tried: &tried,
                now: ask.now,
                now_s,
                backup: tier == 1,
                single,
            };
            let picked = self.picker.pick(&mut view, ask);
            ask.trial.tried = tried;
            if let Some(picked) = picked {
                self.peers[picked].is_picked(now_s);
                self.active += 1;
                return Some(picked as u32);
            }
        }
        None
    }

    /// Counts a request that goes to `peer`, whoever chose it, as under way there; false if it is not
    /// available.
    pub fn pick_this(&mut self, peer: u32, now: SimTime) -> bool {
        let single = self.n_primaries == 1 && self.n_backups == 0;
        let now_s = whole_seconds(now);
        let own = &mut self.peers[peer as usize];
        let is_open = own.is_member
            && own.takes_more()
            && (single || !own.is_out(now_s))
            && own.barred_until <= now;
        if is_open {
            own.is_picked(now_s);
            self.active += 1;
        }
        is_open
    }

    /// An attempt at a peer is over. True if the request is to be tried on the next: then the peer is
    /// noted in `trial`.
    pub fn ends(
        &mut self,
        peer: u32,
        ending: Ending,
        is_idempotent: bool,
        (trial, now): (&mut Trial, SimTime),
    ) -> bool {
        let single = self.n_primaries == 1 && self.n_backups == 0;
        if single {
            trial.has_no_more_tries();
        } else {
            trial.uses_try();
        }
        let again = self.rules.tries_again(ending, is_idempotent, trial, now);
        let own = &mut self.peers[peer as usize];
        own.active -= 1;
        self.active -= 1;
        if let (Some(quarantine), false) = (self.quarantine, ending.was_sent()) {
            own.barred_until = now + quarantine;
        }
        if !single {
            if ending.is_failure(again) {
                own.fails(whole_seconds(now));
            } else {
                own.succeeds();
            }
        }
        if again {
            trial.tried.push(peer);
        }
        again
    }

    /// An attempt at a peer was answered well, or nobody waits for its end any more.
    #[inline]
    pub fn is_served(&mut self, peer: u32) {
        let own = &mut self.peers[peer as usize];
        own.active -= 1;
        self.active -= 1;
        own.succeeds();
    }

    /// Places for peers, whether or not they are there.
    pub fn n_places(&self) -> u32 {
        self.peers.len() as u32
    }

    /// True if so many requests are under way for each peer that is not down that no more are taken; never
    /// where there is no peer at all.
    pub fn is_full(&self, per_peer: u32) -> bool {
        self.n_up > 0 && self.active >= u64::from(self.n_up) * u64::from(per_peer)
    }

    /// How many requests are under way at a peer, as this balancer sees it.
    pub fn active(&self, peer: u32) -> u32 {
        self.peers[peer as usize].active
    }
}

/// The second in which an instant lies.
fn whole_seconds(at: SimTime) -> i64 {
    (at.as_nanos() / 1_000_000_000).cast_signed()
}
