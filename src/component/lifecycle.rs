//! What follows when instances come and go: balancers, caches, connections, and the requests of an
//! instance that is killed.

use super::arena::NOBODY;
use super::context::Notice;
use super::program::Op;
use super::request::{Flags, Frame, Request, RequestId};
use super::service::CutShort;
use super::system::{database, pool, service};
use super::{Node, NodeId, System};
use crate::engine::Timer;
use crate::metrics::Outcome;

impl System {
    /// Deals with a component's news.
    pub(super) fn hears(&mut self, notice: Notice) {
        match notice {
            Notice::Joined { service, instance } => self.joins(service, instance),
            Notice::Deliver { queue } => self.delivers(queue),
            Notice::Check { balancer, part } => self.checks(balancer, part),
            Notice::CheckIsLate { balancer, part } => self.check_is_late(balancer, part),
            Notice::CutOff { balancer, part } => self.cuts_off(balancer, part),
            Notice::Overloaded => self.overflows(),
            Notice::Left { service, instance } => {
                self.tell_queues(service, instance, false);
                self.fronts_lose(service, instance);
            }
            Notice::Stopped { service, instance } => self.has_stopped(service, instance),
            Notice::Killed { service, instance } => self.is_killed(service, instance),
            Notice::ProcessKilled {
                service,
                instance,
                worker,
            } => self.process_is_killed(service, instance, worker),
            Notice::Closed { database: to, n } => match &mut self.nodes[to.index()] {
                Node::Pooler(pooler) => pooler.disconnect(n, &mut self.cx),
                _ => database(&mut self.nodes, to).disconnect(n, &mut self.cx),
            },
            Notice::SessionEnds { pooler, session } => {
                if let Node::Pooler(own) = &mut self.nodes[pooler.index()] {
                    own.session_ends(session, &mut self.cx);
                }
            }
            Notice::Broke { database } => {
                for node in &mut self.nodes {
                    if let Node::Pooler(pooler) = node {
                        pooler.hears_of_break(database);
                    }
                    let pools = match node {
                        Node::Service(service) => &mut service.pools,
                        Node::Pooler(pooler) => &mut pooler.pools,
                        _ => continue,
                    };
                    for pool in pools.iter_mut().filter(|pool| pool.database() == database) {
                        pool.breaks(&mut self.cx);
                    }
                }
            }
            Notice::Opens { pool: id, opening } => {
                let to = pool(&mut self.nodes, id).database();
                let taken = match &mut self.nodes[to.index()] {
                    Node::Pooler(pooler) => pooler.connect(&mut self.cx),
                    _ => database(&mut self.nodes, to).connect(1, &mut self.cx) == 1,
                };
                pool(&mut self.nodes, id).is_answered(opening, taken, &mut self.cx);
            }
            Notice::Reaches { pool: id, opening } => {
                let to = pool(&mut self.nodes, id).database();
                match &mut self.nodes[to.index()] {
                    Node::Pooler(pooler) => pooler.login(id, opening, &mut self.cx),
                    _ => database(&mut self.nodes, to).login(id, opening, &mut self.cx),
                }
            }
            Notice::LoggedIn { pool: id, opening } => {
                pool(&mut self.nodes, id).opened(opening, &mut self.cx);
            }
            Notice::LoginFailed {
                pool: id,
                opening,
                outcome,
            } => pool(&mut self.nodes, id).fails(opening, outcome, &mut self.cx),
        }
    }

    /// Whoever picks instances of a service may pick this one from now on.
    fn fronts_gain(&mut self, service: NodeId, instance: u32) {
        for (at, node) in self.nodes.iter_mut().enumerate() {
            match node {
                Node::Balancer(front) => front.joins(service, instance, &mut self.cx),
                Node::Service(front) if at == service.index() => front.balance.join(instance),
                _ => {}
            }
        }
    }

    /// Whoever picks instances of a service does not pick this one any more.
    fn fronts_lose(&mut self, service: NodeId, instance: u32) {
        for (at, node) in self.nodes.iter_mut().enumerate() {
            match node {
                Node::Balancer(front) => front.leaves(service, instance, &mut self.cx),
                Node::Service(front) if at == service.index() => front.balance.leave(instance),
                _ => {}
            }
        }
    }

    fn joins(&mut self, node: NodeId, instance: u32) {
        let now = self.cx.now();
        for other in &mut self.nodes {
            match other {
                Node::Cache(cache) => cache.instance_joins(node, instance, now),
                Node::RateLimiter(limiter) => limiter.instance_joins(node, instance),
                _ => {}
            }
        }
        for pool in &mut service(&mut self.nodes, node).pools {
            pool.starts(instance, &mut self.cx);
        }
        if service(&mut self.nodes, node).registers(instance) {
            self.fronts_gain(node, instance);
        }
        self.tell_queues(node, instance, true);
    }

    fn has_stopped(&mut self, node: NodeId, instance: u32) {
        // Attempts that were given up may go on after the request that made them has left: what they hold
        // of the instance, a connection of its pool, ends with it.
        self.lets_go_of(node, instance, None);
        for pool in &mut service(&mut self.nodes, node).pools {
            pool.stops(instance, &mut self.cx);
        }
    }

    /// An instance is killed: every request that is in it fails. What it was waiting for elsewhere goes
    /// on without it.
    fn is_killed(&mut self, node: NodeId, instance: u32) {
        self.tell_queues(node, instance, false);
        let cut = self.lets_go_of(node, instance, None);
        service(&mut self.nodes, node).killed(instance, cut, &mut self.cx);
    }

    /// A process of an instance has ended: every request that is in it fails. Its own caches and connections
    /// are gone.
    fn process_is_killed(&mut self, node: NodeId, instance: u32, worker: u16) {
        let cut = self.lets_go_of(node, instance, Some(worker));
        for other in &mut self.nodes {
            if let Node::Cache(cache) = other {
                cache.process_ends((node, instance, worker), self.cx.now());
            }
        }
        for pool in &mut service(&mut self.nodes, node).pools {
            pool.process_ends(instance, worker, &mut self.cx);
        }
        service(&mut self.nodes, node).process_killed(instance, worker, cut, &mut self.cx);
    }

    /// Requests that have something to do with an instance, or with one of its processes, and at what depth.
    fn those_in(
        &self,
        node: NodeId,
        instance: u32,
        worker: Option<u16>,
    ) -> Vec<(RequestId, usize)> {
        let is_here = |frame: &Frame| {
            frame.node == node
                && frame.instance == instance
                && worker.is_none_or(|worker| worker == frame.worker)
        };
        let requests = &self.cx.requests;
        requests
            .all()
            .filter_map(|(id, request)| {
                let mut frames = std::iter::once(&request.frame).chain(requests.frames_below(id));
                frames.position(is_here).map(|depth| (id, depth))
            })
            .collect()
    }

    /// An instance, or one of its processes, is gone for every request that has something to do with it.
    fn lets_go_of(&mut self, node: NodeId, instance: u32, worker: Option<u16>) -> CutShort {
        let hit = self.those_in(node, instance, worker);
        let requests = &self.cx.requests;
        let generation = |(id, _): &(RequestId, usize)| requests.get(*id).generation;
        let generations: Vec<u32> = hit.iter().map(generation).collect();
        self.errands_are_dropped(&hit);
        let mut cut = CutShort::default();
        for ((id, depth), generation) in hit.into_iter().zip(generations) {
            if !self.cx.requests.is_current(id.index(), generation) {
                // It went with the errand that it was an attempt of; another may have its place by now.
                continue;
            }
            self.balancer_sees_kill(id, depth);
            self.is_counted_off(id, depth);
            // Whoever has been woken is about to find out by itself.
            let is_woken = self.cx.woken.iter().any(|(woken, _)| *woken == id);
            let flags = self.cx.requests.get(id).flags;
            cut.not_begun += u32::from(depth == 0 && flags.has(Flags::NOT_BEGUN));
            if depth == 0 && !is_woken && worker.is_some() {
                self.leaves_cpu(id);
            }
            if depth == 0 && !is_woken && self.is_behind_gateway(id) {
                // The gateway sees its connection reset, and may know better than to pass that on.
                let (is_detached, cut_short) = self.is_detached(id);
                cut.bursts += cut_short;
                if is_detached {
                    self.cx
                        .requests
                        .get_mut(id)
                        .flags
                        .clear(Flags::NOT_BEGUN | Flags::IN_LINE | Flags::IN_TRANSIT);
                    self.misses_are_cut_off(id, 0..1);
                    self.cx.requests.get_mut(id).frame.node = NodeId::NONE;
                    self.fails(id, Outcome::Killed);
                    continue;
                }
            }
            if self.has.upstreams && self.is_awaited_by_balancer(id, depth) {
                // To those balancers it is an answer like any other failure's, after which they may try again.
                self.goes_on_without(id, depth, (None, Outcome::Killed));
            }
            let flags = self.cx.requests.get(id).flags;
            if flags.has(Flags::ATTEMPT) && self.is_job(id) {
                let by_consumer = self.cx.requests.frames_below(id).count() == depth;
                self.job_is_killed(id, by_consumer);
            }
            self.client_sees_kill(id);
            self.misses_are_cut_off(id, depth..usize::MAX);
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
            // One of them may have been killed before.
            let there = callers[..n_left].iter();
            for frame in there.filter(|frame| frame.node != NodeId::NONE) {
                self.leaves(id, frame, Outcome::Killed);
            }
            let detached = self.comes_loose(id, depth, is_woken);
            cut.bursts += detached.1;
            self.cx.requests.cut_at(id, depth);
            if self.has.upstreams && depth > 0 && self.leaves_balancer(id) {
                continue;
            }
            if detached.0 {
                self.ends(id, Outcome::Killed);
            }
        }
        cut
    }

    /// Nobody is there any more to hear of the errands of those who were in what is gone, in the frames at these
    /// depths.
    fn errands_are_dropped(&mut self, hit: &[(RequestId, usize)]) {
        for (id, depth) in hit {
            let waits_for = self.cx.requests.extra(*id).waits_for;
            if *depth == 0 && waits_for != NOBODY {
                self.drops_errand(waits_for);
            }
        }
    }

    /// Whoever picked the instance of one of a request's frames counts the request no more.
    fn is_counted_off(&mut self, id: RequestId, depth: usize) {
        let current = std::iter::once(&self.cx.requests.get(id).frame);
        let below = self.cx.requests.frames_below(id);
        let killed = current.chain(below).nth(depth).copied();
        if let Some(killed) = killed.filter(|frame| frame.via != NodeId::NONE) {
            self.is_done(id, &killed);
        }
    }

    /// A request whose process has ended, but not its instance, is on no CPU any more.
    fn leaves_cpu(&mut self, id: RequestId) {
        let Request { frame, flags, .. } = *self.cx.requests.get(id);
        let waits = flags.has(Flags::NOT_BEGUN | Flags::IN_LINE | Flags::IN_TRANSIT);
        let at = service(&mut self.nodes, frame.node);
        if !waits && at.shares_cpu() && matches!(self.cx.program.op(frame.pc), Op::Cpu(_)) {
            at.comes_off_cpu(id, &mut self.cx);
        }
    }

    /// A request loses the service that it is in, or that waits for it; as [`System::is_detached`].
    fn comes_loose(&mut self, id: RequestId, depth: usize, is_woken: bool) -> (bool, u64) {
        match (depth, is_woken) {
            (0, false) => return self.is_detached(id),
            (0, true) => self.forgets_line(id),
            _ => {}
        }
        (false, 0)
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
            let is_live = |timer: Timer| requests.is_awaited(timer);
            self.cx.scheduler.unset_timer(lane, is_live);
        }
    }
}
