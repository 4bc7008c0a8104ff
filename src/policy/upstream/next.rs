//! Whether a request that went wrong on one server is tried on the next.

use rand::Rng as _;

use super::retries::RetryRules;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::rng::Draw;
use crate::spec::At;
use crate::units::{SimDuration, SimTime};
use crate::{spec, words};

/// More tries of one request would be no simulation any more.
pub(super) const MOST_TRIES: u32 = 1000;
/// No wait before a retry is longer than so many times the first can be.
const MOST_BACKOFFS: u64 = 10;

words! {
    /// What makes a balancer try the next server.
    pub enum Condition {
        /// The connection was refused, or broke before there was an answer.
        Error = "error",
        /// The server did not take the connection or did not answer in time.
        Timeout = "timeout",
        /// The connection was refused or not taken in time: nothing was sent.
        ConnectFailure = "connect_failure",
        /// The connection broke before there was an answer.
        EmptyResponse = "empty_response",
        /// The server took the connection, and did not answer in time.
        ResponseTimeout = "response_timeout",
        /// The answer made no sense.
        InvalidHeader = "invalid_header",
        /// The answer was 500.
        Http500 = "http_500",
        /// The answer was 502.
        Http502 = "http_502",
        /// The answer was 503.
        Http503 = "http_503",
        /// The answer was 504.
        Http504 = "http_504",
        /// The answer was 403. The server is not blamed for it.
        Http403 = "http_403",
        /// The answer was 404. The server is not blamed for it.
        Http404 = "http_404",
        /// The answer was 429.
        Http429 = "http_429",
        /// Also requests that must not be done twice (POST), even after they were sent.
        NonIdempotent = "non_idempotent",
    }
}

spec! {
    /// When a request that went wrong on one server is tried on the next. Every server is tried at most
    /// once, unless told otherwise.
    pub struct NextUpstream {
        /// What makes it so; nothing does where the list is empty.
        pub on: Vec<At<Condition>> = [Condition::Error, Condition::Timeout].map(At::built_in).to_vec(),
        /// How many servers are tried in all; 0: as many as there are.
        pub tries: At<u32> = At::built_in(0),
        /// When the request is not tried any more, counted from its first try; never, unless given.
        pub timeout: Option<At<SimDuration>>,
        /// Whether it is picked anew for each try, so that it may be the same server again (Envoy). Then `tries`
        /// does not depend on how many servers there are, unless it is 0.
        pub anywhere: bool = false,
        /// How long a request waits before it is tried again: before the nth time up to `(2^n - 1)` times this, at
        /// random, at most ten times this (Envoy: 25 ms). Not at all, unless given.
        pub backoff: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl NextUpstream {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_named_once(&self.on, out);
        // Where each server is tried once there is an end to it.
        if self.anywhere && self.tries.value > MOST_TRIES {
            let problem = format!("at most {MOST_TRIES} tries are simulated");
            out.push(Diagnostic::error(self.tries.origin, problem));
        }
    }

    /// The rules.
    pub fn rules(&self) -> NextRules {
        let on = self.on.iter().map(|condition| condition.value);
        let rules = NextRules::new(
            on,
            self.tries.value,
            self.timeout.map(|timeout| timeout.value),
        );
        NextRules {
            anywhere: self.anywhere,
            backoff: self.backoff.map(|backoff| backoff.value),
            ..rules
        }
    }
}

/// Reports conditions that stand in a list twice.
pub(super) fn check_named_once(on: &[At<Condition>], out: &mut Diagnostics) {
    for (at, condition) in on.iter().enumerate() {
        if on[..at].contains(condition) {
            let problem = format!("`{}` stands here twice", condition.value.word());
            out.push(Diagnostic::error(condition.origin, problem));
        }
    }
}

/// How an attempt at a server ended, as its balancer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was answered, with this status.
    Answered(u16),
    /// The connection was refused: nothing was sent.
    Refused,
    /// The connection was not taken in time: nothing was sent.
    NotConnected,
    /// The answer was late.
    Late,
    /// The connection broke before there was an answer.
    Broken,
    /// The answer made no sense.
    Invalid,
}

impl Ending {
    /// The conditions that this is a case of.
    fn conditions(self) -> u16 {
        let all: &[Condition] = match self {
            Self::Refused => &[Condition::Error, Condition::ConnectFailure],
            Self::NotConnected => &[Condition::Timeout, Condition::ConnectFailure],
            Self::Late => &[Condition::Timeout, Condition::ResponseTimeout],
            Self::Broken => &[Condition::Error, Condition::EmptyResponse],
            Self::Invalid => &[Condition::InvalidHeader],
            Self::Answered(500) => &[Condition::Http500],
            Self::Answered(502) => &[Condition::Http502],
            Self::Answered(503) => &[Condition::Http503],
            Self::Answered(504) => &[Condition::Http504],
            Self::Answered(403) => &[Condition::Http403],
            Self::Answered(404) => &[Condition::Http404],
            Self::Answered(429) => &[Condition::Http429],
            Self::Answered(_) => &[],
        };
        bits(all.iter().copied())
    }

    /// True if the server had begun with it.
    pub(super) fn was_sent(self) -> bool {
        !matches!(self, Self::Refused | Self::NotConnected)
    }

    /// True if the server is blamed: for whatever is no answer, and for an answer that is not passed on.
    pub(super) fn is_failure(self, again: bool) -> bool {
        match self {
            Self::Answered(403 | 404) => false,
            Self::Answered(_) => again,
            _ => true,
        }
    }

    /// The status that outlier detection takes it for: none is one of the balancer's own (Envoy).
    pub fn seen_as(self) -> u16 {
        match self {
            Self::Answered(status) => status,
            Self::Refused | Self::NotConnected | Self::Broken => 503,
            Self::Invalid => 502,
            Self::Late => 504,
        }
    }

    /// The status that nginx gives it where it is the last.
    pub const fn status(self) -> u16 {
        match self {
            Self::Answered(status) => status,
            Self::Refused | Self::Broken | Self::Invalid => 502,
            Self::NotConnected | Self::Late => 504,
        }
    }
}

pub(super) fn bits(conditions: impl IntoIterator<Item = Condition>) -> u16 {
    conditions
        .into_iter()
        .fold(0, |bits, condition| bits | 1 << condition as u16)
}

/// When a request is tried on the next server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextRules {
    /// Conditions, as bits.
    on: u16,
    /// Tries in all; 0: as many as there are servers.
    tries: u32,
    timeout: Option<SimDuration>,
    /// Where a request is tried again by HAProxy's rules, and not on every server once.
    pub(super) retries: Option<RetryRules>,
    /// Whether the same server may be tried again.
    pub(super) anywhere: bool,
    backoff: Option<SimDuration>,
}

impl NextRules {
    /// Tried again under these conditions, on at most `tries` servers (0: all), for as long as `timeout`.
    pub fn new(
        on: impl IntoIterator<Item = Condition>,
        tries: u32,
        timeout: Option<SimDuration>,
    ) -> Self {
        Self {
            on: bits(on),
            tries,
            timeout,
            retries: None,
            anywhere: false,
            backoff: None,
        }
    }

    /// Tried again by HAProxy's rules.
    pub fn retrying(retries: RetryRules) -> Self {
        Self {
            on: retries.on,
            retries: Some(retries),
            ..Self::new([], 0, None)
        }
    }

    /// The same rules, by which no request is tried again so long after its first try.
    #[must_use]
    pub fn within(self, timeout: Option<SimDuration>) -> Self {
        let timeout = [self.timeout, timeout].into_iter().flatten().min();
        Self { timeout, ..self }
    }

    /// How long a request waits before it is tried again for the `nth` time, which is drawn.
    pub fn wait(&self, nth: u32, draw: &mut Draw) -> SimDuration {
        let Some(base) = self.backoff else {
            return SimDuration::ZERO;
        };
        let times = 2_u64
            .saturating_pow(nth)
            .saturating_sub(1)
            .min(MOST_BACKOFFS);
        let most = base.as_nanos().saturating_mul(times);
        let drawn = (u128::from(draw.next_u64()) * u128::from(most)) >> 64;
        SimDuration::from_nanos(drawn as u64)
    }

    /// How many tries a request has where so many servers are not down.
    pub(super) fn tries(&self, n_up: u32) -> u32 {
        if let Some(retries) = &self.retries {
            retries.max.saturating_add(1)
        } else if self.anywhere && self.tries > 0 {
            self.tries
        } else if self.tries == 0 {
            n_up
        } else {
            n_up.min(self.tries)
        }
    }

    /// True if a request whose attempt ended so is tried again; `trial` has been charged for the attempt.
    pub(super) fn tries_again(
        &self,
        ending: Ending,
        is_idempotent: bool,
        trial: &Trial,
        now: SimTime,
    ) -> bool {
        let may_repeat =
            is_idempotent || !ending.was_sent() || self.on & bits([Condition::NonIdempotent]) != 0;
        trial.tries > 0
            && self.on & ending.conditions() != 0
            && may_repeat
            && self
                .timeout
                .is_none_or(|timeout| now.since(trial.began) < timeout)
    }
}

/// What became of a request so far, at one balancer.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// The peers that it was tried on.
    pub(super) tried: Vec<u32>,
    /// Tries that are left.
    pub(super) tries: u32,
    /// When it was first tried.
    began: SimTime,
    /// Where the hash of its address has come to, and how often it met somebody who was not available.
    pub(super) hash: Option<u32>,
    pub(super) misses: u32,
    /// The peer that a method has picked though it has no room: the request waits for that one.
    pub(super) bound: Option<u32>,
}

impl Trial {
    /// The request has been tried nowhere yet.
    pub(super) fn begins(&mut self, tries: u32, now: SimTime) {
        self.tried.clear();
        (self.tries, self.began, self.hash, self.misses) = (tries, now, None, 0);
        self.bound = None;
    }

    pub(super) fn uses_try(&mut self) {
        self.tries = self.tries.saturating_sub(1);
    }

    pub(super) fn has_no_more_tries(&mut self) {
        self.tries = 0;
    }

    /// The server that it has to wait for, if there is one.
    pub fn bound(&self) -> Option<u32> {
        self.bound
    }

    /// When it was first tried.
    pub fn began(&self) -> SimTime {
        self.began
    }

    /// True if it was tried on a peer before.
    pub fn is_again(&self) -> bool {
        !self.tried.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Salt;

    /// Envoy: 25 ms, of which a retry waits up to once, three times, seven times, and then ten times.
    #[test]
    fn waits_before_retries_grow_to_ten_times_the_base() {
        let rules = NextRules {
            backoff: Some(SimDuration::from_nanos(25_000_000)),
            ..NextRules::new([], 0, None)
        };
        let salt = Salt::new("test", "backoff");
        let of = |nth: u32| {
            let waits = (0..2000).map(|n| rules.wait(nth, &mut salt.draw(n)).as_secs_f64());
            waits.fold((0.0, 0.0_f64), |(sum, most), wait| {
                (sum + wait / 2000.0, most.max(wait))
            })
        };
        for (nth, expected) in [(1, 0.025), (2, 0.075), (3, 0.175), (4, 0.25), (40, 0.25)] {
            let (mean, most) = of(nth);
            assert!((mean / expected - 0.5).abs() < 0.03, "{nth}: {mean}");
            assert!((0.98..1.0).contains(&(most / expected)), "{nth}: {most}");
        }
    }
}
