//! A queue of background jobs: services publish messages, and the workers of other services take them.
//!
//! Consumers compete: each instance of a consuming service has a number of places (`prefetch`), the broker
//! fills free ones in turn, and a message stays in its place until its operation is over and acknowledged. The
//! operation runs as a request of its own, with what it needs of workers, connections and CPU; nobody's
//! latency counts it. What becomes of a message that is not acknowledged is said by [`Redelivery`].
//!
//! Messages that wait are kept here, in order, and cost some tens of bytes each; only those that are being
//! worked on are requests.

mod deliver;
mod messages;
mod state;
mod visits;

pub use messages::Counts;
pub(super) use messages::{Delivery, Receipt};
pub use state::State;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::policy::redelivery::{AtOnce, Redelivery, RedeliverySpec};
use crate::spec::{At, Count};
use crate::units::{CostPerHour, Fraction, SimDuration};
use crate::{presets, spec, words};

use super::NodeId;
use super::program::Demand;

words! {
    /// What happens to a message for which there is no room.
    pub enum WhenFull {
        /// Publishing it fails.
        Reject = "reject",
        /// Whoever publishes it waits until there is room, and holds what it holds.
        Block = "block",
        /// It is taken in, and the one that has waited longest is dropped.
        DropOldest = "drop_oldest",
    }
}

spec! {
    /// A queue of background jobs: services publish messages, and the workers of others take them.
    pub struct Queue {
        /// The product whose settings are laid under these.
        pub model: Option<At<String>>,
        /// How many messages may wait, those of which the `delay` is not over included; any number unless given.
        pub max_length: Option<At<Count>>,
        /// What happens to a message for which there is no room.
        pub when_full: At<WhenFull> = At::built_in(WhenFull::Reject),
        /// How long it takes until the broker has acknowledged a message, for which whoever publishes it
        /// waits; no time unless given.
        pub publish_time: Option<Law>,
        /// How long a worker takes to get a message; no time unless given.
        pub receive_time: Option<Law>,
        /// How long a new message stays invisible.
        pub delay: Option<At<SimDuration>>,
        /// How long a message that was delivered stays invisible to others. If it is not acknowledged by then,
        /// it is delivered again, though the first run goes on. For ever unless given.
        pub visibility_timeout: Option<At<SimDuration>>,
        /// When a message is delivered again whose operation failed.
        pub on_failure: RedeliverySpec = RedeliverySpec::AtOnce(AtOnce {}),
        /// When a message is delivered again whose consumer was killed.
        pub on_lost: RedeliverySpec = RedeliverySpec::AtOnce(AtOnce {}),
        /// How often a message is delivered at most; then it becomes a dead letter. Any number of times unless
        /// given.
        pub max_deliveries: Option<At<Count>>,
        /// How long an instance that found nothing waits before it asks again. It is told at once unless given,
        /// as by a broker that pushes, or by long polling.
        pub poll: Option<At<SimDuration>>,
        /// What the broker runs on, from `[instances]`: its price.
        pub instance: Option<At<String>>,
        /// What it costs; overrides the instance type.
        pub cost: Option<At<CostPerHour>>,
    }
    presets(presets! {
        "sqs": "presets/sqs.toml",
        "rabbitmq": "presets/rabbitmq.toml",
        "redis_list": "presets/redis_list.toml",
        "sidekiq": "presets/sidekiq.toml",
    })
    check(Self::check)
}

/// Instances that ask for messages do so at most this often.
const SHORTEST_POLL: SimDuration = SimDuration::from_nanos(1_000_000);

impl Queue {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        let spans = [
            (&self.visibility_timeout, "visibility timeout"),
            (&self.delay, "delay"),
        ];
        for (span, what) in spans {
            if let Some(span) = span.filter(|span| span.value == SimDuration::ZERO) {
                let problem = format!("the {what} must be longer than 0");
                out.push(Diagnostic::error(span.origin, problem));
            }
        }
        if let Some(poll) = self.poll.filter(|poll| poll.value < SHORTEST_POLL) {
            let problem = "nobody asks for messages more often than once in 1 ms";
            out.push(
                Diagnostic::error(poll.origin, problem)
                    .help("leave `poll` out where consumers are told at once"),
            );
        }
        let needs = [(&self.on_failure, "on_failure"), (&self.on_lost, "on_lost")];
        for (rule, key) in needs {
            if matches!(rule, RedeliverySpec::WhenVisible(_)) && self.visibility_timeout.is_none() {
                let problem = format!("`{key}` waits for a visibility timeout, and there is none");
                out.push(
                    Diagnostic::error(table, problem).help("add visibility_timeout = \"30s\", say"),
                );
            }
        }
    }
}

spec! {
    /// Puts a message into a queue and goes on: `{ publish = "emails" }`. What is published does not take part
    /// in the latency of the request. The keys of [Persistence](#persistence) go with it.
    pub struct Publish {
        /// The queue.
        pub publish: At<String>,
        /// How often the step is done at all.
        pub probability: At<Fraction> = At::built_in(Fraction::ONE),
    }
}

spec! {
    /// A queue whose messages the workers of a service take: `{ queue = "emails", operation = "send" }`.
    pub struct Consumes {
        /// The queue.
        pub queue: At<String>,
        /// The operation that is done for a message.
        pub operation: At<String>,
        /// How many messages an instance has at a time: those that it works on, and those that wait in it for
        /// a worker. As many as it has workers unless given.
        pub prefetch: Option<At<Count>>,
    }
}

/// A service that takes messages from a queue.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The service.
    pub service: NodeId,
    /// How many instances it can have.
    pub n_instances: u32,
    /// How many messages an instance has at a time.
    pub prefetch: u32,
    /// Where the operation starts.
    pub pc: u16,
}

/// A queue with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// How many messages may wait.
    pub max_length: Option<u32>,
    /// What happens to one for which there is no room.
    pub when_full: WhenFull,
    /// How long publishing takes.
    pub publish_time: Option<Demand>,
    /// How long a new message stays invisible.
    pub delay: Option<SimDuration>,
    /// How long a delivered one does.
    pub visibility_timeout: Option<SimDuration>,
    /// What becomes of it when its operation fails.
    pub on_failure: Redelivery,
    /// What becomes of it when its consumer is killed.
    pub on_lost: Redelivery,
    /// How often it is delivered at most.
    pub max_deliveries: u32,
    /// How long an instance that found nothing waits.
    pub poll: Option<SimDuration>,
    /// Who takes messages from it.
    pub consumers: Vec<Consumer>,
    /// What it costs.
    pub cost: CostPerHour,
    /// With more messages than this the run stops.
    pub most: usize,
}
