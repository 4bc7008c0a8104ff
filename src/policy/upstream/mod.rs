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

mod breakers;
mod first;
mod health;
mod ip_hash;
mod least_conn;
mod least_request;
mod leastconn;
mod lines;
mod methods;
mod next;
mod peer;
mod queue;
mod random;
mod random_draws;
mod random_two;
mod retries;
mod round_robin;
mod source;
#[cfg(test)]
mod tests;
mod view;

use crate::policy::balance::Policy;
use crate::rng::Draw;
use crate::units::{SimDuration, SimTime};

pub use breakers::{CircuitBreakers, RetryBudget};
pub use first::First;
pub use health::HealthRules;
pub use ip_hash::{Address, IpHash};
pub use least_conn::LeastConn;
pub use least_request::LeastRequest;
pub use leastconn::{HEAVIEST, Leastconn};
pub use lines::{Bound, LineRules, MayWait};
pub use methods::Method;
pub use next::{Condition, Ending, NextRules, NextUpstream, Trial};
pub use peer::Server;
pub use queue::{Place, Queue, Waiter};
pub use random_draws::RandomDraws;
pub use random_two::RandomTwo;
pub use retries::{Next, Redispatch, Retries, RetryRules};
pub use source::Source;

use health::Health;
use lines::Lines;
use methods::Picker;
use peer::{Load, Peer};
use retries::Retry;
use view::View;

/// What is known of a request whose attempt has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Whether it may be done twice.
    pub is_idempotent: bool,
    /// Whether it is bound to a server by stickiness.
    pub is_bound: bool,
}

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

/// The group: one balancer's own view of it.
#[derive(Debug, Clone)]
pub struct Group {
    peers: Vec<Peer>,
    picker: Picker,
    rules: NextRules,
    /// For how long a peer that does not take a connection is left alone.
    quarantine: Option<SimDuration>,
    /// How well peers are, where anybody asks.
    health: Option<Box<Health>>,
    /// Requests under way at all peers.
    active: u64,
    /// Counts how often what is under way or waiting at a peer has changed.
    n_moves: u64,
    /// With how many requests servers may have as many as they can take.
    full_conns: u64,
    /// How many requests are under way at most, at all peers together.
    most_active: u64,
    /// Who waits, where requests do.
    lines: Option<Lines>,
    /// Whether the method picks somebody with room wherever there is one.
    keeps_order: bool,
    /// Whether it picks any server as well as another.
    picks_any: bool,
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
            picker: method.start(servers.len()),
            rules,
            quarantine: None,
            health: None,
            active: 0,
            n_moves: 0,
            full_conns: 0,
            most_active: u64::MAX,
            lines: None,
            keeps_order: method.keeps_order(),
            picks_any: method.picks_any(),
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
        self.n_moves += 1;
        own.moved = self.n_moves;
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
        ask.trial.bound = None;
        if self.lines.is_some() && (self.is_in_order() || self.has_no_connection()) {
            return None;
        }
        let (single, load) = (self.is_single(), self.load());
        let now_s = whole_seconds(ask.now);
        self.grows_shares(ask.now);
        for tier in 0..self.tiers(ask.now) {
            let tried = std::mem::take(&mut ask.trial.tried);
            let mut view = View {
                peers: &mut self.peers,
                tried: &tried,
                now: ask.now,
                now_s,
                backup: tier == 1,
                single,
                load,
                places: self.lines.as_ref().map_or(0, Lines::places),
            };
            let picked = self.picker.pick(&mut view, ask);
            ask.trial.tried = tried;
            if let Some(picked) = picked {
                self.goes_to(picked, now_s);
                return Some(picked as u32);
            }
        }
        if self.rules.retries.is_some() && ask.trial.is_again() {
            // There is no other than the one that it comes from.
            ask.trial.tried.clear();
            return self.pick(ask);
        }
        None
    }

    /// One more request is under way at a peer.
    #[inline]
    fn goes_to(&mut self, peer: usize, now_s: i64) {
        self.n_moves += 1;
        self.active += 1;
        let own = &mut self.peers[peer];
        own.is_picked(now_s);
        own.moved = self.n_moves;
    }

    /// One request less is.
    #[inline]
    fn comes_from(&mut self, peer: u32) -> &mut Peer {
        self.n_moves += 1;
        self.active -= 1;
        let own = &mut self.peers[peer as usize];
        own.active -= 1;
        own.moved = self.n_moves;
        own
    }

    /// True if there is only one peer, which is picked however often it fails.
    #[inline]
    fn is_single(&self) -> bool {
        self.n_primaries == 1 && self.n_backups == 0
    }

    /// How busy the balancer is.
    #[inline]
    fn load(&self) -> Load {
        Load {
            conns: self.active + self.lines.as_ref().map_or(0, Lines::n_waiting),
            full: self.full_conns,
            grows: self.health.as_ref().is_some_and(|own| own.limits_grow()),
        }
    }

    /// Counts a request that goes to `peer`, whoever chose it, as under way there; false if it is not
    /// available.
    pub fn pick_this(&mut self, peer: u32, now: SimTime) -> bool {
        let now_s = whole_seconds(now);
        let own = &self.peers[peer as usize];
        let is_open = own.is_up(now, now_s, self.is_single())
            && own.takes_more(self.load())
            && own.waiting == 0
            && !self.has_no_connection();
        if is_open {
            self.goes_to(peer as usize, now_s);
        }
        is_open
    }

    /// An attempt at a peer is over. Says where the request goes; if to another, the peer is noted in `trial`.
    pub fn ends(
        &mut self,
        peer: u32,
        (ending, asked): (Ending, Asked),
        (trial, now): (&mut Trial, SimTime),
    ) -> Next {
        let single = self.is_single();
        if single && self.rules.retries.is_none() && !self.rules.anywhere {
            trial.has_no_more_tries();
        } else {
            trial.uses_try();
        }
        let next = self.next(ending, asked, (trial, now));
        let again = next != Next::Nowhere;
        let quarantine = self.quarantine;
        let own = match next {
            Next::Same(_) => &mut self.peers[peer as usize],
            Next::Nowhere | Next::Elsewhere => self.comes_from(peer),
        };
        let is_barred = quarantine.is_some() && !ending.was_sent();
        if let Some(quarantine) = quarantine.filter(|_| is_barred) {
            own.barred_until = now + quarantine;
        }
        if !single {
            if ending.is_failure(again) {
                own.fails(whole_seconds(now));
            } else {
                own.succeeds();
            }
        }
        if next == Next::Elsewhere && !self.rules.anywhere {
            if self.rules.retries.is_some() {
                trial.tried.clear();
            }
            // The quarantine says for how long this one is not tried again.
            if !is_barred {
                trial.tried.push(peer);
            }
        }
        next
    }

    /// Where a request goes whose attempt ended so.
    fn next(&self, ending: Ending, asked: Asked, (trial, now): (&Trial, SimTime)) -> Next {
        let is_idempotent = asked.is_idempotent;
        if !self.rules.tries_again(ending, is_idempotent, trial, now) {
            return Next::Nowhere;
        }
        let Some(rules) = &self.rules.retries else {
            return Next::Elsewhere;
        };
        let any_will_do = self.picks_any && !asked.is_bound && self.are_several_up(now);
        rules.next(Retry {
            number: rules.max.saturating_add(1) - trial.tries,
            ending,
            any_will_do,
        })
    }

    /// How many requests are under way at all peers.
    pub fn n_active(&self) -> u64 {
        self.active
    }

    /// When a request is tried again.
    pub fn next_rules(&self) -> NextRules {
        self.rules
    }

    /// An attempt at a peer was answered well, or nobody waits for its end any more.
    #[inline]
    pub fn is_served(&mut self, peer: u32) {
        self.comes_from(peer).succeeds();
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

    /// True if a peer is there, whether or not it is down.
    pub fn is_member(&self, peer: u32) -> bool {
        self.peers[peer as usize].is_member
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
