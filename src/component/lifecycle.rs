//! What follows when instances come and go: balancers, caches, connections, and the requests of an
//! instance that is killed.

use super::arena::NOBODY;
use super::context::Notice;
use super::request::{Flags, Frame, RequestId};
use super::system::{database, service};
use super::{Node, NodeId, System};
use crate::engine::Timer;
use crate::metrics::Outcome;

impl System {
    /// Deals with a component's news.
    pub(super) fn hears(&mut self, notice: Notice) {
        match notice {
            Notice::Joined { service, instance } => self.joins(service, instance),
            Notice::Left { service, instance } => {
                self.tell_fronts(service, |front| front.leave(instance));
            }
            Notice::Stopped { service, instance } => self.has_stopped(service, instance),
            Notice::Killed { service, instance } => self.is_killed(service, instance),
            Notice::Closed { database: to, n } => {
                database(&mut self.nodes, to).disconnect(n, &mut self.cx);
            }
        }
    }

    /// Tells everybody who picks instances of a service.
    fn tell_fronts(
        &mut self,
        service: NodeId,
        mut tell: impl FnMut(&mut crate::policy::balance::Balance),
    ) {
        for (at, node) in self.nodes.iter_mut().enumerate() {
            match node {
                Node::Balancer(front) if front.to == service => tell(&mut front.balance),
                Node::Service(front) if at == service.index() => tell(&mut front.balance),
                _ => {}
            }
        }
    }

    fn joins(&mut self, node: NodeId, instance: u32) {
        for other in &mut self.nodes {
            match other {
                Node::Cache(cache) => cache.instance_joins(node, instance),
                Node::RateLimiter(limiter) => limiter.instance_joins(node, instance),
                _ => {}
            }
        }
        for pool in 0..service(&mut self.nodes, node).pools.len() {
            let own = &service(&mut self.nodes, node).pools[pool];
            let (to, wanted) = (own.database(), own.wanted_at_start());
            let granted = database(&mut self.nodes, to).connect(wanted, &mut self.cx);
            service(&mut self.nodes, node).pools[pool].starts(instance, granted, &mut self.cx);
        }
        if service(&mut self.nodes, node).registers(instance) {
            self.tell_fronts(node, |front| front.join(instance));
        }
    }

    fn has_stopped(&mut self, node: NodeId, instance: u32) {
        // Attempts that were given up may go on after the request that made them has left: what they hold
        // of the instance, a connection of its pool, ends with it.
        self.lets_go_of_all(node, instance);
        for pool in 0..service(&mut self.nodes, node).pools.len() {
            let own = &mut service(&mut self.nodes, node).pools[pool];
            let (to, closed) = (own.database(), own.stops(instance, &mut self.cx));
            database(&mut self.nodes, to).disconnect(closed, &mut self.cx);
        }
    }

    /// An instance is killed: every request that is in it fails. What it was waiting for elsewhere goes
    /// on without it.
    fn is_killed(&mut self, node: NodeId, instance: u32) {
        let bursts = self.lets_go_of_all(node, instance);
        service(&mut self.nodes, node).killed(instance, bursts, &mut self.cx);
    }

    /// An instance is gone for every request that has something to do with it. Gives the number of bursts
    /// on CPUs of their own that were cut short.
    fn lets_go_of_all(&mut self, node: NodeId, instance: u32) -> u64 {
        let is_here = |frame: &Frame| frame.node == node && frame.instance == instance;
        let requests = &self.cx.requests;
        let hit: Vec<(RequestId, usize)> = requests
            .all()
            .filter_map(|(id, request)| {
                let mut frames = std::iter::once(&request.frame).chain(requests.frames_below(id));
                frames.position(is_here).map(|depth| (id, depth))
            })
            .collect();
        // Nobody is there any more to hear of the errands of those who were in it.
        for (id, depth) in &hit {
            let waits_for = self.cx.requests.extra(*id).waits_for;
            if *depth == 0 && waits_for != NOBODY {
                self.drops_errand(waits_for);
            }
        }
        let mut bursts = 0;
        for (id, depth) in hit {
            if !self.cx.requests.is_live(id) {
                // It went with the errand that it was an attempt of.
                continue;
            }
            // Whoever picked the instance counts the request no more.
            let all = std::iter::once(&self.cx.requests.get(id).frame);
            let killed = all
                .chain(self.cx.requests.frames_below(id))
                .nth(depth)
                .copied();
            if let Some(killed) = killed.filter(|frame| frame.via != NodeId::NONE) {
                self.is_done(killed.via, killed.instance);
            }
            // Whoever has been woken is about to find out by itself.
            let is_woken = self.cx.woken.iter().any(|(woken, _)| *woken == id);
            if depth == 0 && !is_woken && self.is_behind_gateway(id) {
                // The gateway sees its connection reset, and may know better than to pass that on.
                let (is_detached, cut_short) = self.is_detached(id);
                bursts += cut_short;
                if is_detached {
                    self.cx
                        .requests
                        .get_mut(id)
                        .flags
                        .clear(Flags::NOT_BEGUN | Flags::IN_LINE);
                    self.cx.requests.get_mut(id).frame.node = NodeId::NONE;
                    self.fails(id, Outcome::Killed);
                    continue;
                }
            }
            self.client_sees_kill(id);
            // Whoever waits for the killed instance gets an error, all the way down.
            let callers: Vec<Frame> = self
                .cx
                .requests
                .frames_below(id)
                .skip(depth)
                .copied()
                .collect();
            let is_inner = self.cx.requests.get(id).flags.has(Flags::INNER);
            // The lowest frame of an inner attempt is its caller's, who goes on.
            let n_left = callers.len().saturating_sub(usize::from(is_inner));
            for frame in &callers[..n_left] {
                self.leaves(id, frame, Outcome::Killed);
            }
            let detached = if depth == 0 && !is_woken {
                self.is_detached(id)
            } else {
                (false, 0)
            };
            bursts += detached.1;
            self.cx.requests.cut_at(id, depth);
            if detached.0 {
                self.ends(id, Outcome::Killed);
            }
        }
        bursts
    }

    /// The client of a request in a killed instance sees its connection reset.
    fn client_sees_kill(&mut self, id: RequestId) {
        let flags = self.cx.requests.get(id).flags;
        if flags.has(Flags::GONE) {
            return;
        }
        if flags.has(Flags::ATTEMPT) {
            return self.attempt_is_lost(id, Outcome::Killed);
        }
        self.has_outcome(id, Outcome::Killed);
        self.cx.requests.get_mut(id).flags.set(Flags::GONE);
        if let Some(lane) = self.lane_of(id) {
            let requests = &self.cx.requests;
            let is_live = |timer: Timer| {
                requests.is_current(timer.subject, timer.generation)
                    && !requests
                        .get(RequestId::from_index(timer.subject))
                        .flags
                        .has(Flags::GONE)
            };
            self.cx.scheduler.unset_timer(lane, is_live);
        }
    }
}
