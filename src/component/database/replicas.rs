//! Read replicas of a database.

use super::state::State;
use crate::component::Context;
use crate::component::program::Demand;
use crate::component::request::{Flags, RequestId};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::metrics::{CounterId, LevelId};
use crate::policy::replication::{Replication, Routing, Rules};
use crate::rng::Salt;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimDuration;

spec! {
    /// Read replicas: servers like the primary, with connections of their own (a pool of a service has that many
    /// to each), that follow it. Queries with `access = "read"` go to them.
    pub struct Replicas {
        /// How many.
        pub count: At<Count>,
        /// How one is picked for a read.
        pub routing: At<Routing> = At::built_in(Routing::Random),
        /// For how long after a write of its own a client's reads go to the primary.
        pub sticky_for: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How long a write takes to a replica that is not busy: 10 to 100 ms.
        pub lag: At<SimDuration> = At::built_in(SimDuration::from_nanos(20_000_000)),
        /// How long a replica takes to replay a write; it replays one after another. No time unless given.
        pub replay: Option<Law>,
    }
    check(Self::check)
}

/// As many as RDS allows.
const MOST: u32 = 15;

impl Replicas {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.count.get() > MOST {
            let problem = format!("{} replicas of one database", self.count.get());
            let label = format!("at most {MOST}");
            out.push(Diagnostic::error(self.count.origin, problem).label(label));
        }
    }

    /// How reads are spread.
    pub fn rules(&self) -> Rules {
        Rules {
            count: self.count.get(),
            routing: self.routing.value,
            sticky_for: self.sticky_for.value,
            lag: self.lag.value,
        }
    }
}

/// A primary that replicas follow.
#[derive(Debug)]
pub(super) struct Primary {
    replication: Replication,
    replay: Option<Demand>,
    picks: Salt,
    pub(super) lag_ms: LevelId,
    pub(super) stale: CounterId,
}

impl Primary {
    pub(super) fn new(
        (rules, replay): (Rules, Option<Demand>),
        database: &str,
        cx: &mut Context,
    ) -> Self {
        Self {
            replication: Replication::new(rules),
            replay,
            picks: Salt::new(database, "replica"),
            lag_ms: cx.recorder.add_level(),
            stale: cx.recorder.add_counter(),
        }
    }

    fn note_lag(&self, cx: &mut Context) {
        let now = cx.now();
        let lag = self.replication.lag(now).as_nanos() / 1_000_000;
        cx.recorder.level(self.lag_ms).set(now, lag);
    }
}

/// Who reads and writes: a client where clients are known, whatever the class of the request; else the request.
fn client_of(id: RequestId, cx: &Context) -> u64 {
    let request = cx.requests.get(id);
    if request.flags.has(Flags::KNOWN) {
        let source = cx.program.source_of[request.flow as usize];
        u64::from(source) << 32 | u64::from(cx.requests.extra(id).client)
    } else {
        request.number | 1 << 63
    }
}

impl State {
    /// The server that a read goes to: 0 for the primary, else the number of a replica.
    pub(in crate::component) fn choose(&mut self, id: RequestId, cx: &mut Context) -> u32 {
        let Some(own) = &mut self.primary else {
            return 0;
        };
        let client = client_of(id, cx);
        let uniform = own.picks.uniform(cx.requests.get(id).seed());
        let choice = own.replication.choose(client, uniform, cx.now());
        if choice.stale {
            cx.recorder.count(own.stale);
        }
        own.note_lag(cx);
        choice.server
    }

    /// A query has been done; if it has written something, replicas hear of it.
    pub(super) fn replicates(&mut self, id: RequestId, cx: &mut Context) {
        let is_write = super::is_write(id, cx);
        let Some(own) = self.primary.as_mut().filter(|_| is_write) else {
            return;
        };
        let seed = cx.requests.get(id).seed();
        let replay = own
            .replay
            .map_or(SimDuration::ZERO, |law| cx.program.draw(law, seed));
        own.replication.write(client_of(id, cx), replay, cx.now());
        own.note_lag(cx);
    }
}
