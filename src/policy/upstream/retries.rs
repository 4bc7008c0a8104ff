//! Trying again as HAProxy does: at the same server, after a moment, or at another.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::At;
use crate::units::SimDuration;
use crate::{spec, words};

use super::next::{Condition, Ending, MOST_TRIES, bits, check_named_once};

words! {
    /// Which retries go to another server (HAProxy's `option redispatch`).
    pub enum Redispatch {
        /// None: every one goes to the same server.
        Never = "never",
        /// The last. Where the method is `round_robin` or `random`, and the request is bound to no server, every
        /// one goes on at once.
        Last = "last",
        /// Every one.
        Each = "each",
    }
}

spec! {
    /// When a request that went wrong at a server is tried again (HAProxy's `retries`). After a refused
    /// connection the same server is asked after a second, or after `connect_timeout` if that is less; otherwise
    /// at once.
    pub struct Retries {
        /// How often.
        pub max: At<u32> = At::built_in(3),
        /// What makes it so (HAProxy's `retry-on`).
        pub on: Vec<At<Condition>> = vec![At::built_in(Condition::ConnectFailure)],
        /// Which retries go to another server. With `never`, requests that are bound to a server with too many
        /// waiting for it are turned away, too.
        pub redispatch: Redispatch = Redispatch::Never,
    }
    check(Self::check)
}

impl Retries {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_named_once(&self.on, out);
        if self.max.value > MOST_TRIES {
            let problem = format!("at most {MOST_TRIES} retries are simulated");
            out.push(Diagnostic::error(self.max.origin, problem));
        }
    }

    /// The rules, where connections may take so long.
    pub fn rules(&self, connect_timeout: Option<SimDuration>) -> RetryRules {
        RetryRules {
            on: bits(self.on.iter().map(|condition| condition.value)),
            max: self.max.value,
            redispatch: self.redispatch,
            pause: connect_timeout.map_or(LONGEST_PAUSE, |own| own.min(LONGEST_PAUSE)),
        }
    }
}

/// How long a server that refused a connection is left alone at most.
const LONGEST_PAUSE: SimDuration = SimDuration::from_secs(1);

/// When a request is tried again, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryRules {
    /// Conditions, as bits.
    pub(super) on: u16,
    pub(super) max: u32,
    redispatch: Redispatch,
    pause: SimDuration,
}

/// Where a request goes that went wrong at a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nowhere: it has failed.
    Nowhere,
    /// To another server; or to the same, if there is no other.
    Elsewhere,
    /// To the same server, after so long. It keeps its place there.
    Same(SimDuration),
}

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    /// The how manieth it is, from 1.
    pub(super) number: u32,
    pub(super) ending: Ending,
    /// Whether the method picks any server as well as another, there are several, and the request is bound to
    /// none.
    pub(super) any_will_do: bool,
}

impl RetryRules {
    /// Where a retry goes.
    pub(super) fn next(&self, retry: Retry) -> Next {
        let elsewhere = match self.redispatch {
            Redispatch::Never => false,
            Redispatch::Last => retry.any_will_do || retry.number >= self.max,
            Redispatch::Each => true,
        };
        if elsewhere {
            return Next::Elsewhere;
        }
        Next::Same(match retry.ending {
            Ending::Refused => self.pause,
            _ => SimDuration::ZERO,
        })
    }
}
