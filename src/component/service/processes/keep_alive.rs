//! Connections that whoever is in front of an instance keeps open, and which process each of them leads to.

use crate::component::request::Frame;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};

spec! {
    /// Connections that whoever sends requests to an instance keeps open: `{ connections = 32, idle = "5s" }`.
    /// The one that was used last is used first, as nginx does; where none is idle another one is opened.
    pub struct KeepAlive {
        /// How many stay open while nothing is sent over them; more are closed after use.
        pub connections: At<Count> = At::built_in(Count::new(32)),
        /// How long one stays open while nothing is sent over it (Node: 5 s).
        pub idle: At<SimDuration> = At::built_in(SimDuration::from_secs(5)),
    }
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self {
            connections: At::built_in(Count::new(32)),
            idle: At::built_in(SimDuration::from_secs(5)),
        }
    }
}

/// The idle connections of a service.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    idle: SimDuration,
    /// By instance: the process that each idle connection leads to, and since when it has been idle; the one
    /// used last is at the end.
    open: Vec<Vec<(u16, SimTime)>>,
    /// By client that comes straight: the instance that its connection leads to, and the process.
    clients: Vec<Option<(u32, u16)>>,
}

impl Connections {
    pub(super) fn new(plan: &KeepAlive, n_places: u32) -> Self {
        let most = plan.connections.get().min(65_536) as usize;
        Self {
            most,
            idle: plan.idle.value,
            open: vec![Vec::with_capacity(most); n_places as usize],
            clients: Vec::new(),
        }
    }

    /// The process at the end of the connection that a client has to an instance.
    pub(super) fn of_client(&self, client: u32, instance: u32) -> Option<u16> {
        let (to, process) = (*self.clients.get(client as usize)?)?;
        (to == instance).then_some(process)
    }

    /// A client has a new connection.
    pub(super) fn connects(&mut self, client: u32, instance: u32, process: u16) {
        let at = client as usize;
        if at >= self.clients.len() {
            self.clients.resize((at + 1).next_power_of_two(), None);
        }
        self.clients[at] = Some((instance, process));
    }

    /// The process at the end of the connection that is used next; nothing if a new one must be opened.
    pub(super) fn take(&mut self, instance: u32, now: SimTime) -> Option<u16> {
        let open = &mut self.open[instance as usize];
        let (process, since) = open.pop()?;
        if now.since(since) <= self.idle {
            return Some(process);
        }
        // It was the one with the shortest idle time.
        open.clear();
        None
    }

    /// The request of a frame is answered: its connection is idle.
    pub(super) fn gives_back(&mut self, frame: &Frame, now: SimTime) {
        let open = &mut self.open[frame.instance as usize];
        if open.len() < self.most {
            open.push((frame.worker, now));
        }
    }

    /// A process has ended, and with it its connections.
    pub(super) fn close(&mut self, instance: u32, process: u16) {
        self.open[instance as usize].retain(|(own, _)| *own != process);
    }

    /// An instance is gone.
    pub(super) fn close_all(&mut self, instance: u32) {
        self.open[instance as usize].clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::NodeId;

    #[test]
    fn the_connection_used_last_is_used_first() {
        let plan = KeepAlive {
            connections: At::built_in(Count::new(2)),
            idle: At::built_in(SimDuration::from_secs(5)),
        };
        let at = |seconds| SimTime::ZERO + SimDuration::from_secs(seconds);
        let mut connections = Connections::new(&plan, 1);
        let frame = |worker| Frame {
            worker,
            node: NodeId::new(0),
            ..Frame::outside(at(0))
        };
        for (worker, since) in [(0, 1), (1, 2), (2, 3)] {
            connections.gives_back(&frame(worker), at(since));
        }
        // The third was closed after use; 0 is too old at 7 s.
        assert_eq!(connections.take(0, at(7)), Some(1));
        assert_eq!(connections.take(0, at(7)), None);
        connections.gives_back(&frame(1), at(8));
        connections.close(0, 1);
        assert_eq!(connections.take(0, at(8)), None);
    }
}
