//! Whether a request may pass: limits of rates, and of how much is under way at the same time.
//!
//! One file per limit. To add one: write its file (its table, its state, its rule) and add its line to the
//! list below.
//!
//! A limit keeps something for each key: the client, the address, or all together. It is asked about a
//! request when that comes; one that counts what is under way also hears of the end of those that passed.

mod concurrency;
mod fixed_window;
mod keyed;
pub mod limit_conn;
pub mod limit_req;
mod sliding_window;
mod token_bucket;
mod worker_connections;

use crate::metrics::Outcome;
use crate::units::{SimDuration, SimTime};
use crate::words;

pub use concurrency::ConcurrencyLimit;
pub use fixed_window::{FixedWindowLimit, WindowStart};
pub use limit_conn::LimitConn;
pub use limit_req::LimitReq;
pub use sliding_window::{SlidingCount, SlidingWindowLimit};
pub use token_bucket::TokenBucketLimit;
pub use worker_connections::WorkerConnectionsLimit;

words! {
    /// Who is counted together.
    pub enum LimitKey {
        /// Everybody.
        All = "all",
        /// All clients with the same address.
        Address = "address",
        /// Each client.
        Client = "client",
    }
}

/// Who sends a request, as limits see it. Requests of strangers, of whom nothing is known, look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// The client's number.
    pub client: Option<u32>,
    /// The number of its address.
    pub address: Option<u32>,
}

impl Sender {
    /// The number under which a limit with this key keeps what it knows of the sender. All strangers have
    /// number 0.
    fn number(self, key: LimitKey) -> u32 {
        let number = match key {
            LimitKey::All => None,
            LimitKey::Address => self.address,
            LimitKey::Client => self.client,
        };
        number.map_or(0, |number| number + 1)
    }
}

/// What a limit says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Pass,
    /// It may pass after this time.
    Delay(SimDuration),
    /// It is turned away; after this time it would pass, if that is known.
    Reject(Option<SimDuration>),
}

/// The rules of a limit.
trait Rules: Sized {
    /// What its table says.
    type Spec;

    /// How a request ends that it turns away.
    const TURNED_AWAY: Outcome;

    /// With which status code that is answered, as the software does that has such a limit; nothing if it closes the
    /// connection.
    const STATUS: Option<u16>;

    /// Who is counted together.
    fn key(spec: &Self::Spec) -> LimitKey;

    /// A limit that has seen nothing.
    fn new(spec: &Self::Spec) -> Self;

    /// Has the settings of `fresh` from now on, and keeps what it has counted.
    fn adopts(&mut self, fresh: Self, now: SimTime);

    /// A request comes.
    fn ask(&mut self, sender: Sender, now: SimTime) -> Verdict;

    /// A request of this sender will come: what is kept of it may be fetched. Only time depends on it.
    fn expects(&self, _sender: Sender) {}

    /// A request that has passed is over.
    fn done(&mut self, _sender: Sender) {}

    /// How many requests it holds as under way, if it counts them.
    fn under_way(&self) -> Option<u64> {
        None
    }

    /// How many can be under way at the same time, if that is said of all together.
    fn capacity(&self) -> Option<u32> {
        None
    }
}

macro_rules! limits {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident::$spec:ident = $word:literal ),* $(,)?) => {
        crate::choice! {
            /// A limit.
            pub enum RequestLimit {
                $( $(#[doc = $doc])* $variant($module::$spec) = $word ),*
            }
        }

        /// A limit at work.
        #[derive(Debug, Clone)]
        pub enum Limit {
            $( $(#[doc = $doc])* $variant($module::State), )*
        }

        impl RequestLimit {
            /// A limit that has seen nothing.
            pub fn start(&self) -> Limit {
                match self { $( Self::$variant(spec) => Limit::$variant(Rules::new(spec)), )* }
            }

            /// Who is counted together.
            pub fn key(&self) -> LimitKey {
                match self { $( Self::$variant(spec) => <$module::State as Rules>::key(spec), )* }
            }
        }

        impl Limit {
            /// Has the settings of `fresh` from now on, a limit of the same kind for the same keys, and keeps what it
            /// has counted.
            ///
            /// # Panics
            /// If the other is of another kind.
            pub fn adopts(&mut self, fresh: Self, now: SimTime) {
                match (self, fresh) {
                    $( (Self::$variant(own), Self::$variant(fresh)) => own.adopts(fresh, now), )*
                    (own, fresh) => unreachable!("{own:?} cannot become {fresh:?}"),
                }
            }

            /// A request comes.
            #[inline]
            pub fn ask(&mut self, sender: Sender, now: SimTime) -> Verdict {
                match self { $( Self::$variant(state) => state.ask(sender, now), )* }
            }

            /// A request of this sender will come: what is kept of it may be fetched. Only time depends on it.
            #[inline]
            pub fn expects(&self, sender: Sender) {
                match self { $( Self::$variant(state) => state.expects(sender), )* }
            }

            /// A request that has passed is over.
            #[inline]
            pub fn done(&mut self, sender: Sender) {
                match self { $( Self::$variant(state) => state.done(sender), )* }
            }

            /// How many requests it holds as under way, if it counts them.
            pub fn under_way(&self) -> Option<u64> {
                match self { $( Self::$variant(state) => state.under_way(), )* }
            }

            /// How many can be under way at the same time, if that is said of all together.
            pub fn capacity(&self) -> Option<u32> {
                match self { $( Self::$variant(state) => state.capacity(), )* }
            }

            /// How a request ends that it turns away, and the status code that it is answered with, if it is.
            pub fn turned_away(&self) -> (Outcome, Option<u16>) {
                fn of<R: Rules>(_: &R) -> (Outcome, Option<u16>) {
                    (R::TURNED_AWAY, R::STATUS)
                }
                match self { $( Self::$variant(state) => of(state), )* }
            }

            /// Its name.
            pub fn word(&self) -> &'static str {
                match self { $( Self::$variant(_) => $word, )* }
            }
        }
    };
}

limits! {
    /// nginx's rate per key, in its whole numbers.
    LimitReq: limit_req::LimitReq = "limit_req",
    /// nginx's number of requests under way per key.
    LimitConn: limit_conn::LimitConn = "limit_conn",
    /// nginx's slots for connections, two for each request.
    WorkerConnections: worker_connections::WorkerConnectionsLimit = "worker_connections",
    /// A rate on average, and bursts of at most what a bucket holds.
    TokenBucket: token_bucket::TokenBucketLimit = "token_bucket",
    /// So many requests in a window of time.
    FixedWindow: fixed_window::FixedWindowLimit = "fixed_window",
    /// So many requests in the time just past.
    SlidingWindow: sliding_window::SlidingWindowLimit = "sliding_window",
    /// So many requests under way at the same time.
    Concurrency: concurrency::ConcurrencyLimit = "concurrency",
}

/// The limits of a list at work: those of nginx that stand directly behind one another are one location's,
/// and are one limit.
pub fn start(specs: &[RequestLimit]) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::with_capacity(specs.len());
    for spec in specs {
        match (limits.last_mut(), spec) {
            (Some(Limit::LimitReq(last)), RequestLimit::LimitReq(spec)) => last.add(spec),
            (Some(Limit::LimitConn(last)), RequestLimit::LimitConn(spec)) => last.add(spec),
            _ => limits.push(spec.start()),
        }
    }
    limits
}

#[cfg(test)]
mod tests;
