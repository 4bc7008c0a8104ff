//! Timers of constant length, and whose they are.

use super::pool::PoolId;
use super::{Node, NodeId};
use crate::engine::LaneId;

/// Whose timers a lane holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum LaneUse {
    /// Clients that wait for an answer.
    Client,
    /// Requests in line for a connection of a service's pool.
    Pool(PoolId),
    /// Attempts whose caller waits for an answer.
    Attempt,
    /// Errands that must be done in time.
    Deadline,
    /// Errands that wait for a retry or a copy.
    Errand,
    /// Users who pause.
    Pause,
    /// Requests in line for a worker of a service.
    Queue(NodeId),
    /// Messages of a queue that will be visible, for the first time or again.
    Message(NodeId),
    /// Requests whose answers a balancer waits for.
    Backend(NodeId),
    /// Requests that wait at a balancer for a server with room.
    Line(NodeId),
    /// Requests that a balancer has, whatever it does with them.
    Total(NodeId),
}

/// The lanes of components: of services, pools, balancers and queues.
pub(super) fn service_lanes(nodes: &[Node]) -> Vec<(LaneId, LaneUse)> {
    let mut lanes = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let pools = match node {
            Node::Queue(queue) => {
                let own = queue.lanes().into_iter().flatten();
                lanes.extend(own.map(|lane| (lane, LaneUse::Message(NodeId::new(at)))));
                continue;
            }
            Node::Balancer(front) => {
                let (own, at) = (front.upstream.as_ref(), NodeId::new(at));
                let answers = own.and_then(|own| own.read_timeout);
                lanes.extend(answers.map(|(lane, _)| (lane, LaneUse::Backend(at))));
                let line = own.and_then(|own| own.line.as_ref());
                let line = line.and_then(super::balancer::Line::lane);
                lanes.extend(line.map(|lane| (lane, LaneUse::Line(at))));
                let total = own.and_then(|own| own.total_lane());
                lanes.extend(total.map(|lane| (lane, LaneUse::Total(at))));
                continue;
            }
            Node::Service(service) => {
                let queue = service.queue_lane();
                lanes.extend(queue.map(|lane| (lane, LaneUse::Queue(NodeId::new(at)))));
                &service.pools
            }
            Node::Pooler(pooler) => &pooler.pools,
            _ => continue,
        };
        for (number, pool) in pools.iter().enumerate() {
            let used = LaneUse::Pool(PoolId::new(NodeId::new(at), number as u16));
            lanes.extend(pool.lane().map(|lane| (lane, used)));
        }
    }
    lanes
}
