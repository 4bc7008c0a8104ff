//! What becomes of requests that find no server with room: whether they wait, for whom, and when it is their turn.

use super::next::Trial;
use super::queue::{Place, Queue, Waiter};
use super::{Group, whole_seconds};
use crate::units::SimTime;

/// How many may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRules {
    /// For any server; any number unless given.
    pub most: Option<u32>,
    /// For one server and no other; any number unless given.
    pub most_bound: Option<u32>,
    /// For any server, and for each, together; any number unless given.
    pub most_in_all: Option<u32>,
}

/// Who waits at one balancer.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    rules: LineRules,
    /// Its number among the balancers that share a [`Queue`].
    view: u32,
    /// Whether nobody overtakes those who wait for any server.
    keeps_order: bool,
    /// How many wait for any server, and for one.
    n_any: u32,
    n_bound: u32,
}

impl Lines {
    pub(super) fn n_waiting(&self) -> u64 {
        u64::from(self.n_any) + u64::from(self.n_bound)
    }

    /// How many places to wait at each server a method counts as room; none where they are not limited.
    pub(super) fn places(&self) -> u32 {
        self.rules.most_bound.unwrap_or(0)
    }

    fn count(&mut self, bound: Option<u32>) -> &mut u32 {
        match bound {
            None => &mut self.n_any,
            Some(_) => &mut self.n_bound,
        }
    }
}

/// What becomes of a request that goes to one server and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The server has room, and the request is counted there.
    Picked,
    /// It may wait for it.
    Waits,
    /// So many wait for it already that it may not.
    Full,
    /// The server is not up, or nobody waits at this balancer.
    Gone,
}

/// Whether a request that found no server with room may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayWait {
    /// It may.
    Yes,
    /// There is no place.
    Full,
    /// There is nobody to wait for.
    Nobody,
}

impl Group {
    /// The same group, in which requests wait by these rules. `view` is its number among those that share a
    /// [`Queue`].
    #[must_use]
    pub fn with_lines(mut self, view: u32, rules: LineRules) -> Self {
        self.lines = Some(Lines {
            rules,
            view,
            keeps_order: self.keeps_order,
            n_any: 0,
            n_bound: 0,
        });
        self
    }

    /// The same group, in which servers may have as many requests as they can take only once so many are under
    /// way and waiting in all.
    #[must_use]
    pub fn with_full_conns(self, full_conns: u64) -> Self {
        Self { full_conns, ..self }
    }

    /// The same group, in which so many requests are under way at most, at all servers together.
    #[must_use]
    pub fn with_most_active(self, most_active: u64) -> Self {
        Self {
            most_active,
            ..self
        }
    }

    /// True if as many requests are under way as may be, whoever has room.
    #[inline]
    pub(super) fn has_no_connection(&self) -> bool {
        self.active >= self.most_active
    }

    /// How many requests wait.
    pub fn n_waiting(&self) -> u64 {
        self.lines.as_ref().map_or(0, Lines::n_waiting)
    }

    /// True if somebody waits whom nobody is to overtake.
    pub(super) fn is_in_order(&self) -> bool {
        let own = self.lines.as_ref();
        own.is_some_and(|own| own.keeps_order && own.n_any > 0)
    }

    /// How many tiers of servers are asked: those that stand in for others are as soon as nobody else can be
    /// picked, or, where requests wait, as soon as nobody else is up.
    pub(super) fn tiers(&self, now: SimTime) -> u32 {
        match &self.lines {
            _ if self.n_backups == 0 => 1,
            Some(_) if self.is_any_up(false, now) => 1,
            _ => 2,
        }
    }

    fn is_up(&self, peer: u32, now: SimTime) -> bool {
        self.peers[peer as usize].is_up(now, whole_seconds(now), self.is_single())
    }

    /// True if one of those that stand in for others (`backup`), or of those others, is up.
    fn is_any_up(&self, backup: bool, now: SimTime) -> bool {
        let (now_s, single) = (whole_seconds(now), self.is_single());
        let mut own = self.peers.iter();
        own.any(|peer| peer.server.backup == backup && peer.is_up(now, now_s, single))
    }

    /// True if more than one is up of those that stand in for nobody.
    pub(super) fn are_several_up(&self, now: SimTime) -> bool {
        let (now_s, single) = (whole_seconds(now), self.is_single());
        let own = self.peers.iter().filter(|own| !own.server.backup);
        own.filter(|own| own.is_up(now, now_s, single))
            .nth(1)
            .is_some()
    }

    /// A request is to go to `peer` and no other, whoever says so.
    pub fn pick_bound(&mut self, peer: u32, now: SimTime) -> Bound {
        if self.pick_this(peer, now) {
            return Bound::Picked;
        }
        let Some(lines) = self.lines.as_ref().filter(|_| self.is_up(peer, now)) else {
            return Bound::Gone;
        };
        let waiting = self.peers[peer as usize].waiting;
        match lines.rules.most_bound {
            Some(most) if waiting >= most => Bound::Full,
            _ => Bound::Waits,
        }
    }

    /// Whether a request that could not be sent to any server, or to the one that it is bound to, may wait.
    pub fn may_wait(&self, bound: Option<u32>, trial: &Trial, now: SimTime) -> MayWait {
        let Some(lines) = &self.lines else {
            return MayWait::Nobody;
        };
        let (now_s, single) = (whole_seconds(now), self.is_single());
        let mut peers = self.peers.iter().enumerate();
        let is_there = lines.n_any > 0
            || bound.is_some()
            || peers.any(|(at, peer)| {
                peer.is_up(now, now_s, single) && !trial.tried.contains(&(at as u32))
            });
        let (waiting, most) = match bound {
            Some(peer) => (self.peers[peer as usize].waiting, lines.rules.most_bound),
            None => (lines.n_any, lines.rules.most),
        };
        let is_full =
            |most: Option<u32>, waiting: u64| most.is_some_and(|most| waiting >= most.into());
        if !is_there {
            MayWait::Nobody
        } else if is_full(most, waiting.into())
            || is_full(lines.rules.most_in_all, lines.n_waiting())
        {
            MayWait::Full
        } else {
            MayWait::Yes
        }
    }

    /// A request begins to wait; nothing where none do.
    pub fn waits(
        &mut self,
        queue: &mut Queue,
        bound: Option<u32>,
        own: (u32, SimTime),
    ) -> Option<Place> {
        let lines = self.lines.as_mut()?;
        *lines.count(bound) += 1;
        let view = lines.view;
        if let Some(peer) = bound {
            self.waiting_changes(peer, |n| n + 1);
        }
        Some(queue.join(view, bound, own))
    }

    fn waiting_changes(&mut self, peer: u32, change: impl Fn(u32) -> u32) {
        self.n_moves += 1;
        let own = &mut self.peers[peer as usize];
        own.waiting = change(own.waiting);
        own.moved = self.n_moves;
    }

    /// Somebody waits no longer.
    pub fn leaves_line(&mut self, queue: &mut Queue, waiter: Waiter) {
        queue.leave(waiter);
        if let Some(lines) = &mut self.lines {
            *lines.count(waiter.bound) -= 1;
        }
        if let Some(peer) = waiter.bound {
            self.waiting_changes(peer, |n| n - 1);
        }
    }

    /// True if somebody waits.
    #[inline]
    pub fn has_waiting(&self) -> bool {
        self.lines.as_ref().is_some_and(|own| own.n_waiting() > 0)
    }

    /// If a peer has room, whoever is next goes there, and is counted there; once for each call.
    pub fn takes_next(&mut self, queue: &mut Queue, peer: u32, now: SimTime) -> Option<Waiter> {
        let view = self.lines.as_ref()?.view;
        self.grows_shares(now);
        let own = &self.peers[peer as usize];
        if !self.is_up(peer, now) || !own.takes_more(self.load()) || self.has_no_connection() {
            return None;
        }
        let takes_any = !own.server.backup || !self.is_any_up(false, now);
        let next = queue.next(view, peer, takes_any)?;
        self.leaves_line(queue, next);
        self.goes_to(peer as usize, whole_seconds(now));
        Some(next)
    }

    /// Somebody who waits in vain, and does so no longer: for `peer`, if that is not up any more, or for any
    /// where nobody is; once for each call.
    pub fn sends_away(&mut self, queue: &mut Queue, peer: u32, now: SimTime) -> Option<Waiter> {
        let view = self.lines.as_ref()?.view;
        let own = || (!self.is_up(peer, now)).then(|| queue.first(view, Some(peer)));
        let is_any_up = || self.is_any_up(false, now) || self.is_any_up(true, now);
        let any = || queue.first(view, None).filter(|_| !is_any_up());
        let next = own().flatten().or_else(any)?;
        self.leaves_line(queue, next);
        Some(next)
    }
}
