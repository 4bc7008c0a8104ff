//! Sources: where requests come from.
//!
//! One file per kind. A source says when something begins: a request, a visit, a round of one of its users.
//! What a user does then is its flow; how a client persists (timeouts, retries) is a caller's affair, as it
//! is where a service calls another.

mod books;
pub mod browser;
mod calendar;
pub mod clients;
mod drawn;
pub mod flow;
pub mod network;
pub mod open;
pub mod population;
mod state;
pub mod users;

pub use books::Account;
pub(super) use calendar::Entry;
pub(super) use drawn::Drawn;
pub use state::State;
pub(super) use state::{Drive, pause_lanes};

use std::sync::Arc;

use super::NodeId;
use super::program::Demand;
use crate::diag::Diagnostics;
use crate::policy::persistence::Persistence;
use crate::spec::{Definitions, Node, Own, With};
use crate::traffic::arrivals::Gaps;
use crate::traffic::curve::Curve;
use crate::traffic::recording::Recording;
use crate::traffic::tools;
use crate::traffic::tools::artillery::Artillery;
use crate::traffic::tools::k6::K6;
use crate::traffic::tools::locust::Locust;
use crate::traffic::tools::wrk::Wrk;
use crate::units::{Rate, SimDuration};
use clients::Clients;
use flow::Move;
use open::Open;
use users::{DrawnUsers, Users};

crate::kinds! {
    /// Where requests come from. Without a `kind` it is an open source.
    pub enum SourceSpec {
        /// What comes does not depend on how fast the system answers.
        Open(Open) = "open",
        /// A fixed population of users who wait for their answers.
        Users(Users) = "users",
        /// A scenario of a k6 script.
        K6(K6) = "k6",
        /// An Artillery script.
        Artillery(Artillery) = "artillery",
        /// A Locust run.
        Locust(Locust) = "locust",
        /// A run of wrk.
        Wrk(Wrk) = "wrk",
    }
}

impl SourceSpec {
    /// What the load tool does, if it is one.
    pub fn tool(&self) -> Option<tools::Plan> {
        match self {
            Self::Open(_) | Self::Users(_) => None,
            Self::K6(tool) => Some(tool.plan()),
            Self::Artillery(tool) => Some(tool.plan()),
            Self::Locust(tool) => Some(tool.plan()),
            Self::Wrk(tool) => Some(tool.plan()),
        }
    }
}

impl Own for SourceSpec {
    fn read_with(node: &Node, also: &[&str], out: &mut Diagnostics) -> Option<Self> {
        Self::read_beside(node, also, Some("open"), out)
    }

    fn loosen(definitions: &mut Definitions) {
        definitions.with_optional_kind("Open");
    }
}

/// A source: its kind, its clients, and how they persist.
pub type Source = With<SourceSpec, With<Clients, Persistence>>;

/// When something begins.
#[derive(Debug, Clone)]
pub enum Begins {
    /// Requests, or visits where there is a flow, as they arrive.
    Arrivals {
        /// Their process.
        gaps: Gaps,
        /// Their rate over time.
        curve: Curve,
    },
    /// Users who come in at the start, evenly over a time, and stay.
    Users {
        /// How many.
        users: u32,
        /// Over how long.
        over: SimDuration,
        /// How their pauses are drawn, if not as the pauses of others are.
        drawn: Option<DrawnUsers>,
    },
    /// Users, visitors or rounds as a load tool has them.
    Tool(Box<tools::Plan>),
}

impl Begins {
    /// How many requests or visits are expected, if that is known beforehand.
    pub fn expected(&self) -> Option<f64> {
        match self {
            Self::Arrivals { gaps, curve } => Some(gaps.expected(curve)),
            Self::Users { .. } | Self::Tool(_) => None,
        }
    }

    /// How many requests, visits or rounds are due by the clock, whatever becomes of them.
    pub fn due(&self) -> Option<f64> {
        match self {
            Self::Tool(tool) => tool.load.due(),
            own => own.expected(),
        }
    }
}

/// A source with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its kind, by its word.
    pub kind: &'static str,
    /// When something begins.
    pub begins: Begins,
    /// What is recorded of its requests, if anything is.
    pub recording: Option<Arc<Recording>>,
    /// By class of the recording: which choice it is.
    pub class_of: Vec<u16>,
    /// What its requests enter.
    pub enters: NodeId,
    /// How long a client waits, if that is all there is to it.
    pub timeout: Option<SimDuration>,
    /// The rules by which its clients persist, if there is more to it than a timeout.
    pub caller: Option<u16>,
    /// How long a client waits before it loses patience.
    pub patience: Option<Demand>,
    /// What a real test is said to have measured.
    pub stated: Option<Stated>,
    /// Who its clients are.
    pub people: Option<population::People>,
    /// What their browsers keep.
    pub browsers: Option<browser::Plan>,
    /// The way between them and the system.
    pub way: Option<network::Way>,
    /// An answer that takes longer counts as late, though it is waited for.
    pub late_after: Option<SimDuration>,
    /// Whether a user breaks off its round when a request is not answered, and whether an instance that
    /// turns it away leaves it without an answer.
    pub breaks_off: Option<BreaksOff>,
    /// What a user does.
    pub moves: Vec<Move>,
    /// Its classes, for all moves.
    pub choices: Vec<Choice>,
}

impl Plan {
    /// True if the numbers of its requests are [places](crate::traffic::recording::Place): rows and attempts of a
    /// recording, or users and rounds.
    pub fn numbers_places(&self) -> bool {
        let drawn = matches!(&self.begins, Begins::Users { drawn: Some(_), .. });
        drawn || self.recording.is_some()
    }
}

/// On which ends of a request a user breaks off its round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreaksOff {
    /// On every failure.
    Failure,
    /// Where there is no answer at all: timeouts, resets, refused connections. An answer that says that
    /// something went wrong is an answer.
    NoAnswer {
        /// Whether whoever is turned away sees its connection refused: there is no balancer to answer.
        refused: bool,
    },
}

/// What a real load test is said to have measured.
#[derive(Debug, Clone, Copy)]
pub struct Stated {
    /// Requests per second.
    pub rate: Rate,
    /// Mean latency.
    pub latency: SimDuration,
    /// How long its users pause between two requests, on average.
    pub think: SimDuration,
}

/// One class of a source's requests.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// Chosen if a uniform 64-bit number is below this, and not below that of the one before.
    pub below: u64,
    /// Which source and class, by position in [`Blueprint::flows`](super::Blueprint::flows).
    pub flow: u16,
    /// Where the operation of the class starts in the service that they enter.
    pub pc: u16,
    /// Whether browsers keep the answers.
    pub is_kept: bool,
}
