//! nginx's `worker_connections`: the slots for connections that its workers have in all.

use super::{LimitKey, Rules, Sender, Verdict};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::metrics::Outcome;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimTime;

spec! {
    /// nginx's `worker_connections`: `{ worker_connections = { max = 512, workers = 4 } }`. A proxied request
    /// takes two, one to its client and one to what is behind, from its beginning to its end, also while it is
    /// kept waiting. Without two free ones it is turned away: its client sees the connection closed, or an error
    /// if the second was missing. Idle connections of clients are not counted, as nginx closes them when few
    /// are left; the workers are taken to be equally busy. It belongs in front of other limits: a request that
    /// these keep waiting has its connection.
    pub struct WorkerConnectionsLimit {
        /// Connections of a worker.
        pub max: At<Count> = At::built_in(Count::new(512)),
        /// Workers (`worker_processes`).
        pub workers: At<Count> = At::built_in(Count::new(1)),
    }
    check(Self::check)
}

impl WorkerConnectionsLimit {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if u64::from(self.max.get()) < PER_REQUEST {
            let problem = "a proxied request takes two connections of a worker";
            out.push(Diagnostic::error(self.max.origin, problem));
        }
    }
}

/// Connections that a proxied request takes.
const PER_REQUEST: u64 = 2;

/// Requests that have their connections.
#[derive(Debug, Clone)]
pub struct State {
    most: u64,
    taken: u64,
}

impl Rules for State {
    type Spec = WorkerConnectionsLimit;

    const TURNED_AWAY: Outcome = Outcome::ConnectionLimit;
    const STATUS: Option<u16> = None;

    fn key(_: &WorkerConnectionsLimit) -> LimitKey {
        LimitKey::All
    }

    fn new(spec: &WorkerConnectionsLimit) -> Self {
        let connections = u64::from(spec.max.get()) * u64::from(spec.workers.get());
        Self {
            most: connections / PER_REQUEST,
            taken: 0,
        }
    }

    fn adopts(&mut self, fresh: Self, _: SimTime) {
        self.most = fresh.most;
    }

    #[inline]
    fn ask(&mut self, _: Sender, _: SimTime) -> Verdict {
        if self.taken >= self.most {
            return Verdict::Reject(None);
        }
        self.taken += 1;
        Verdict::Pass
    }

    fn done(&mut self, _: Sender) {
        self.taken -= 1;
    }

    fn under_way(&self) -> Option<u64> {
        Some(self.taken)
    }

    fn capacity(&self) -> Option<u32> {
        u32::try_from(self.most).ok()
    }
}
