//! The list of methods.

use super::first::First;
use super::ip_hash::IpHash;
use super::least_conn::NginxLeastConn;
use super::least_request::LeastRequest;
use super::leastconn::HaproxyLeastconn;
use super::random_draws::RandomDraws;
use super::random_two::RandomTwo;
use super::source::SourceHash;
use super::{Ask, Policy, View};
use crate::policy::balance::{LeastOutstanding, PowerOfTwo, Random, RoundRobin};

/// The rules of a method.
pub(super) trait Rules {
    /// Picks one of the peers that are open; nothing if none is.
    fn pick(&mut self, view: &mut View<'_>, ask: &mut Ask<'_>) -> Option<usize>;
}

/// How a method begins.
pub(super) trait Start<Spec> {
    /// With these settings, for so many peers.
    fn start(spec: &Spec, n_peers: usize) -> Self;
}

/// Most have no settings.
impl<Spec, State: Default> Start<Spec> for State {
    fn start(_: &Spec, _: usize) -> Self {
        Self::default()
    }
}

macro_rules! methods {
    ($( $(#[doc = $doc:literal])* $variant:ident($state:path) = $word:literal ),* $(,)?) => {
        crate::choice! {
            /// How a balancer picks a server.
            pub enum Method {
                $( $(#[doc = $doc])* $variant($variant) = $word ),*
            }
        }

        /// A method at work.
        #[derive(Debug, Clone)]
        pub(super) enum Picker {
            $( $variant($state), )*
        }

        impl Method {
            pub(super) fn start(&self, n_peers: usize) -> Picker {
                match self { $( Self::$variant(own) => Picker::$variant(Start::start(own, n_peers)), )* }
            }
        }

        impl Picker {
            #[inline]
            pub(super) fn pick(&mut self, view: &mut View<'_>, ask: &mut Ask<'_>) -> Option<usize> {
                match self { $( Self::$variant(state) => state.pick(view, ask), )* }
            }
        }
    };
}

methods! {
    /// Each in turn, by weight, smoothly: 5, 1, 1 give a a b a c a a.
    RoundRobin(super::round_robin::State) = "round_robin",
    /// One at random by weight, blind to load.
    Random(super::random::State) = "random",
    /// The less busy, by weight, of two drawn at random (nginx).
    RandomTwo(super::random_two::State) = "random_two",
    /// The one with the fewest requests under way in relation to its weight; of several, in turn (nginx).
    NginxLeastConn(super::least_conn::State) = "least_conn",
    /// The least busy of two drawn at random, one of them perhaps twice; where weights differ, in turn by
    /// weights that shrink with the load (Envoy).
    LeastRequest(super::least_request::State) = "least_request",
    /// By the client's address: all of a /24 go to one server (nginx).
    IpHash(super::ip_hash::State) = "ip_hash",
    /// The one with the fewest requests outstanding; of several, the one that has been at that number
    /// the longest.
    LeastOutstanding(super::least_conn::State) = "least_outstanding",
    /// The less busy of two drawn at random.
    PowerOfTwo(super::random_two::State) = "power_of_two",
    /// The one with the fewest requests under way or waiting for it, and one more, in relation to its weight;
    /// of several, the one that has been so for the longest (HAProxy).
    HaproxyLeastconn(super::leastconn::State) = "leastconn",
    /// The least busy, by weight, of some drawn at random, two unless told otherwise (HAProxy).
    RandomDraws(super::random_draws::State) = "random_draws",
    /// The first one that has room for another request (HAProxy).
    First(super::first::State) = "first",
    /// By the client's address, modulo the weights of the servers that are up (HAProxy).
    SourceHash(super::source::State) = "source",
}

impl Method {
    /// The policy that does the same where all servers are equal and nothing goes wrong, if there is one.
    pub fn plain(&self) -> Option<Policy> {
        Some(match self {
            Self::RoundRobin(own) => Policy::RoundRobin(own.clone()),
            Self::Random(own) => Policy::Random(own.clone()),
            Self::LeastOutstanding(own) => Policy::LeastOutstanding(own.clone()),
            Self::PowerOfTwo(own) => Policy::PowerOfTwo(own.clone()),
            Self::RandomTwo(_)
            | Self::NginxLeastConn(_)
            | Self::LeastRequest(_)
            | Self::IpHash(_)
            | Self::HaproxyLeastconn(_)
            | Self::RandomDraws(_)
            | Self::First(_)
            | Self::SourceHash(_) => return None,
        })
    }

    /// True if it picks any server as well as another (HAProxy's kind of round robin).
    pub(super) fn picks_any(&self) -> bool {
        matches!(
            self,
            Self::RoundRobin(_) | Self::Random(_) | Self::RandomDraws(_)
        )
    }

    /// True if it picks a server with room wherever there is one, so that nobody overtakes those who wait.
    pub(super) fn keeps_order(&self) -> bool {
        matches!(self, Self::RoundRobin(_) | Self::First(_))
    }
}
