//! What the requests in flight say about the system, to hold against the components' own books.

use std::collections::BTreeMap;

use super::program::{Op, Program, Visit};
use super::request::{Flags, Frame, Request, Requests};
use super::{Component as _, Node, NodeId};

/// Counts over all requests in flight.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Frames by service and instance.
    inside: BTreeMap<(NodeId, u32), u64>,
    /// Frames by who chose the instance, service and instance.
    via: BTreeMap<(NodeId, NodeId, u32), u64>,
    /// Requests whose connection does not come about: by who chose the instance, and its number there.
    connecting: BTreeMap<(NodeId, u32), u64>,
    /// Requests that wait at a balancer for a server with room.
    in_line_at: BTreeMap<NodeId, u64>,
    /// By service: requests inside that no worker has begun with.
    not_begun: BTreeMap<NodeId, u64>,
    /// Frames by whoever picked their instance.
    picked: BTreeMap<NodeId, u64>,
    /// Requests that visit a component now.
    visiting: BTreeMap<NodeId, u64>,
    /// By service and pool: connections held, and requests in line for one.
    pools: BTreeMap<(NodeId, u16), (u64, u64)>,
    /// Connections to a database: held by pools, and by queries that came without one.
    connections: BTreeMap<NodeId, u64>,
}

impl Tally {
    /// Counts the requests in flight and the connections that components hold.
    pub(super) fn new(requests: &Requests, program: &Program, nodes: &[Node]) -> Self {
        let mut tally = Self::default();
        for (id, request) in requests.all() {
            if request.flags.has(Flags::OUTBOUND | Flags::INBOUND) {
                continue;
            }
            tally.count(request, program);
            let frame = &request.frame;
            let is_nowhere = frame.node == NodeId::NONE;
            if request.flags.has(Flags::IN_TRANSIT) && is_nowhere && frame.worker > 0 {
                let key = (frame.via, frame.instance);
                *tally.connecting.entry(key).or_default() += 1;
            }
            if request.flags.has(Flags::IN_TRANSIT)
                && request.flags.has(Flags::IN_LINE)
                && is_nowhere
            {
                *tally.in_line_at.entry(frame.via).or_default() += 1;
            }
            // The lowest frame of an inner attempt is its caller's.
            let n_frames = requests.frames_below(id).count() + 1;
            let is_inner = request.flags.has(Flags::INNER);
            let frames = std::iter::once(&request.frame).chain(requests.frames_below(id));
            for frame in frames.take(n_frames - usize::from(is_inner)) {
                tally.count_inside(frame);
            }
        }
        for (database, n) in nodes.iter().flat_map(|node| node.holds_connections()) {
            *tally.connections.entry(database).or_default() += n;
        }
        tally
    }

    fn count_inside(&mut self, frame: &Frame) {
        if frame.node != NodeId::NONE {
            *self.inside.entry((frame.node, frame.instance)).or_default() += 1;
            *self.picked.entry(frame.via).or_default() += 1;
            let key = (frame.via, frame.node, frame.instance);
            *self.via.entry(key).or_default() += 1;
        }
    }

    fn count(&mut self, request: &Request, program: &Program) {
        let frame = &request.frame;
        if request.flags.has(Flags::NOT_BEGUN) {
            *self.not_begun.entry(frame.node).or_default() += 1;
        }
        // Whoever is under way or in an instance's backlog has not come to its first instruction yet.
        if request.flags.has(Flags::IN_TRANSIT | Flags::NOT_BEGUN) {
            return;
        }
        if let Some(pool) = program.held(frame.pc)
            && frame.node != NodeId::NONE
        {
            self.pools.entry((frame.node, pool)).or_default().0 += 1;
        }
        let pooler = program.borrowed(frame.pc);
        if pooler != NodeId::NONE {
            self.pools.entry((pooler, 0)).or_default().0 += 1;
        }
        match *program.op(frame.pc) {
            Op::Visit(node, visit) => {
                *self.visiting.entry(node).or_default() += 1;
                match visit {
                    Visit::Use { pooled: true, .. } => {}
                    Visit::Use { pooled: false, .. } => {
                        *self.connections.entry(node).or_default() += 1;
                    }
                    Visit::Look { .. }
                    | Visit::Fill { .. }
                    | Visit::Enter
                    | Visit::Fetch(_)
                    | Visit::Ask
                    | Visit::Publish { .. } => {}
                }
            }
            Op::Acquire(pool) if frame.node != NodeId::NONE => {
                self.count_asking((frame.node, pool), request);
            }
            Op::Borrow(pooler) if frame.node != NodeId::NONE => {
                self.count_asking((pooler, 0), request);
            }
            _ => {}
        }
    }

    /// A request is at the instruction that gets a connection: in line, or with one that is not ready.
    fn count_asking(&mut self, pool: (NodeId, u16), request: &Request) {
        let (held, in_line) = self.pools.entry(pool).or_default();
        let counted = if request.flags.has(Flags::IN_LINE) {
            in_line
        } else {
            held
        };
        *counted += 1;
    }

    /// Requests inside an instance of a service.
    pub fn inside(&self, service: NodeId, instance: u32) -> u64 {
        self.inside.get(&(service, instance)).copied().unwrap_or(0)
    }

    /// Requests that have a frame at a gateway: by what it holds, how many.
    pub fn held(&self, gateway: NodeId) -> impl Iterator<Item = (u32, u64)> {
        let own = self.inside.range((gateway, 0)..=(gateway, u32::MAX));
        own.map(|((_, held), n)| (*held, *n))
    }

    /// Requests inside instances that this component picked.
    pub fn picked_by(&self, node: NodeId) -> u64 {
        self.picked.get(&node).copied().unwrap_or(0)
    }

    /// Requests whose connection to a server, by its number at the balancer, does not come about.
    pub fn connecting(&self, balancer: NodeId, peer: u32) -> u64 {
        let key = (balancer, peer);
        self.connecting.get(&key).copied().unwrap_or(0)
    }

    /// Requests that wait at a balancer for a server with room.
    pub fn in_line_at(&self, balancer: NodeId) -> u64 {
        self.in_line_at.get(&balancer).copied().unwrap_or(0)
    }

    /// Requests that a balancer waits for inside an instance of a service.
    pub fn via(&self, balancer: NodeId, service: NodeId, instance: u32) -> u64 {
        let key = (balancer, service, instance);
        self.via.get(&key).copied().unwrap_or(0)
    }

    /// Requests inside a service that no worker has begun with.
    pub fn not_begun(&self, service: NodeId) -> u64 {
        self.not_begun.get(&service).copied().unwrap_or(0)
    }

    /// Requests that visit a component now.
    pub fn visiting(&self, node: NodeId) -> u64 {
        self.visiting.get(&node).copied().unwrap_or(0)
    }

    /// Connections of a pool that are held, and requests in line for one.
    pub fn pool(&self, service: NodeId, pool: u16) -> (u64, u64) {
        self.pools.get(&(service, pool)).copied().unwrap_or((0, 0))
    }

    /// Connections to a database.
    pub fn connections(&self, database: NodeId) -> u64 {
        self.connections.get(&database).copied().unwrap_or(0)
    }
}
