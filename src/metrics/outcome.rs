//! How a request ends.

/// What kind of end it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The client got what it asked for.
    Served,
    /// Refused at a door, at once and by intention.
    Shed,
    /// Taken in, and then it went wrong.
    Failed,
    /// The client did not wait for the end.
    GivenUp,
}

macro_rules! outcomes {
    ($( $(#[doc = $doc:literal])* $variant:ident: $group:ident = $name:literal, $words:literal; )*) => {
        /// How a request ends, as its client sees it. Every request that arrives ends in exactly one of
        /// these, or is still in flight when the run ends.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Outcome {
            $( $(#[doc = $doc])* $variant, )*
        }

        impl Outcome {
            /// All of them, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// What kind of end it is.
            pub const fn group(self) -> Group {
                match self { $( Self::$variant => Group::$group, )* }
            }

            /// Its name in files.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// What it is called in text.
            pub const fn words(self) -> &'static str {
                match self { $( Self::$variant => $words, )* }
            }
        }
    };
}

outcomes! {
    /// Answered in full.
    Served: Served = "served", "served";
    /// What the client had was still good: an answer without a body (304).
    NotModified: Served = "not_modified", "not modified";
    /// The browser had it: no request was sent.
    BrowserCache: Served = "browser_cache", "from the browser's cache";
    /// A rate limiter turned it away: its client, or all together, sent more than is allowed.
    RateLimited: Shed = "rate_limited", "rate limited";
    /// Every place to wait in the instance was taken: the accept backlog was full.
    QueueFull: Shed = "queue_full", "queue full";
    /// The instance had as many connections as it may have, or nginx as many of one key (`limit_conn`).
    ConnectionLimit: Shed = "connection_limit", "connection limit";
    /// As many requests were under way as a limit in front of them allows, or as many calls as a dependency.
    ConcurrencyLimit: Shed = "concurrency_limit", "concurrency limit";
    /// The balancer had as many requests under way or in its queue as it allows.
    Shed: Shed = "shed", "shed by the balancer";
    /// It was told to come again later: maintenance mode (503).
    Maintenance: Shed = "maintenance", "turned away for maintenance";
    /// The broker had no room for another message.
    BrokerFull: Shed = "broker_full", "message queue full";
    /// The caller's circuit breaker was open: nothing was sent.
    BreakerOpen: Shed = "breaker_open", "breaker open";
    /// There was no instance, and none on its way.
    NoInstance: Failed = "no_instance", "no instance";
    /// Every instance had crashed, and none was on its way up yet.
    InstancesDown: Failed = "instances_down", "all instances down";
    /// No instance was up yet.
    InstancesStarting: Failed = "instances_starting", "instances still starting";
    /// Instances were in service, but the balancer would use none: they were at their limits, or left alone after
    /// failures.
    NoneAvailable: Failed = "none_available", "no instance available";
    /// Nobody listened where the request was sent: the process is down. At a balancer, on its last try.
    ConnectRefused: Failed = "connect_refused", "connection refused";
    /// Whoever the request was sent to did not take the connection in time.
    ConnectTimeout: Failed = "connect_timeout", "connect timeout";
    /// The balancer did not get an answer in time; the instance goes on with the request.
    BackendTimeout: Failed = "backend_timeout", "backend timeout";
    /// No worker, or no server behind a balancer, became free in time.
    QueueTimeout: Failed = "queue_timeout", "queue timeout";
    /// No connection of a pool became free in time.
    PoolTimeout: Failed = "pool_timeout", "pool timeout";
    /// Every connection of a pool that does not wait was in use.
    PoolFull: Shed = "pool_full", "pool full";
    /// The database refused a new connection: too many clients.
    DatabaseRefused: Failed = "database_refused", "database refused";
    /// The database gave a query up: its statement timeout ran out.
    DatabaseTimeout: Failed = "database_timeout", "database timeout";
    /// The database gave a query up: it waited too long for a lock.
    DatabaseConflict: Failed = "database_conflict", "database conflict";
    /// The database closed the connection in the middle of a query.
    DatabaseReset: Failed = "database_reset", "database reset";
    /// A cache did not answer, and the service does not do without it.
    CacheError: Failed = "cache_error", "cache error";
    /// A dependency answered with an error.
    DependencyError: Failed = "dependency_error", "dependency error";
    /// A service did not get an answer in time from what it called.
    CallTimeout: Failed = "call_timeout", "call timeout";
    /// The instance was stopped with the request still in it.
    Killed: Failed = "killed", "killed";
    /// The client's own timeout ran out.
    ClientTimeout: GivenUp = "client_timeout", "client gave up";
    /// The client lost patience and left.
    ClientAbort: GivenUp = "client_abort", "client left";
    /// The test ended before there was an answer: says nothing about the system.
    Interrupted: GivenUp = "interrupted", "cut off at the end of the test";
}

impl Outcome {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Position in [`Outcome::ALL`].
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// True if the time to this end belongs into latency percentiles: the client waited for it. Whoever
    /// is turned away at the door gets a fast answer that would make an overloaded system look fast.
    #[inline]
    pub const fn has_latency(self) -> bool {
        !matches!(
            self,
            Self::NoInstance
                | Self::InstancesDown
                | Self::InstancesStarting
                | Self::NoneAvailable
                | Self::ConnectRefused
                | Self::BrowserCache
        ) && !matches!(self.group(), Group::Shed)
            && !matches!(self, Self::Interrupted)
    }

    /// True if the client had an answer, if only one that says that something went wrong. `refused` says
    /// whether whoever is turned away at a door sees its connection refused.
    #[inline]
    pub const fn is_answer(self, refused: bool) -> bool {
        match self {
            Self::ClientTimeout | Self::ClientAbort | Self::Interrupted | Self::Killed => false,
            Self::QueueFull
            | Self::ConnectionLimit
            | Self::NoInstance
            | Self::InstancesDown
            | Self::InstancesStarting
            | Self::NoneAvailable
            | Self::ConnectRefused
            | Self::ConnectTimeout => !refused,
            _ => true,
        }
    }

    /// True if the client got what it asked for.
    #[inline]
    pub const fn is_success(self) -> bool {
        matches!(self.group(), Group::Served)
    }
}
