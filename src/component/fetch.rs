//! What gateways that store answers have in common: what they hold for requests that they have passed on, how an
//! answer looks to them, and requests of their own.

use super::program::Cacheable;
use super::request::{Flags, Frame, Request, RequestId};
use super::{Context, Gauge, Kept, NodeId, Tally};
use crate::metrics::{CounterId, Outcome, WaitId};
use crate::policy::http_cache::{Answer, Failure};
use crate::units::{SimDuration, SimTime};

/// What a store holds for requests, by the number that is in their frames. Numbers begin at 1; 0 is nothing.
#[derive(Debug)]
pub(super) struct Held<T> {
    all: Vec<Option<T>>,
    free: Vec<u32>,
    n: u64,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            free: Vec::new(),
            n: 0,
        }
    }
}

impl<T> Held<T> {
    /// Holds something; gives its number.
    pub(super) fn put(&mut self, own: T) -> u32 {
        self.n += 1;
        if let Some(number) = self.free.pop() {
            self.all[number as usize - 1] = Some(own);
            return number;
        }
        self.all.push(Some(own));
        // Whoever comes back does so without a new place for it.
        self.free.reserve(self.all.len() - self.free.len());
        self.all.len() as u32
    }

    /// What is held under a number, which is left to its request.
    pub(super) fn get(&mut self, number: u32) -> Option<&mut T> {
        let at = (number as usize).checked_sub(1)?;
        self.all.get_mut(at)?.as_mut()
    }

    /// Gives back what is held under a number; the request may keep the number.
    pub(super) fn take(&mut self, number: u32) -> Option<T> {
        let at = (number as usize).checked_sub(1)?;
        self.all.get_mut(at)?.take()
    }

    /// The request has no use for its number any more.
    pub(super) fn forget(&mut self, number: u32) {
        if number > 0 {
            self.all[number as usize - 1] = None;
            self.free.push(number);
            self.n -= 1;
        }
    }

    /// Whether all that the component of this name holds is for requests that are `seen` inside of it.
    pub(super) fn audit(&self, name: &str, own: NodeId, seen: &Tally) {
        let held = seen.held(own).filter(|(held, _)| *held != 0);
        let inside: u64 = held.map(|(_, n)| n).sum();
        assert_eq!(self.n, inside, "requests that {name} holds something for");
    }
}

/// What has come from behind a gateway, as it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer, with this code.
    Answer(u16),
    /// None, or one that is the gateway's own.
    Nothing(Failure),
    /// Its client has left, and nobody goes on.
    Left,
}

/// The codes of answers that are no failures: what was asked for is there, or not.
pub(super) const OK: u16 = 200;
pub(super) const NOT_FOUND: u16 = 404;

impl Came {
    /// What the end of a request looks like from in front. What a service says itself is an answer; connections that
    /// are refused or break, and answers that are late, are what the proxy in front has to answer for.
    pub(super) fn of(id: RequestId, outcome: Outcome, cx: &Context) -> Self {
        let is_limit = matches!(outcome, Outcome::RateLimited | Outcome::ConnectionLimit);
        if is_limit && let Some(status) = cx.requests.extra(id).status {
            return Self::Answer(status);
        }
        match outcome {
            Outcome::Served | Outcome::NotModified | Outcome::BrowserCache => Self::Answer(OK),
            Outcome::ClientTimeout | Outcome::ClientAbort | Outcome::Interrupted => Self::Left,
            Outcome::NoInstance
            | Outcome::InstancesDown
            | Outcome::InstancesStarting
            | Outcome::NoneAvailable
            | Outcome::ConnectRefused
            | Outcome::QueueFull
            | Outcome::ConnectionLimit
            | Outcome::Killed => Self::Nothing(Failure::Error),
            Outcome::ConnectTimeout | Outcome::BackendTimeout => Self::Nothing(Failure::Timeout),
            Outcome::RateLimited => Self::Answer(429),
            Outcome::ConcurrencyLimit
            | Outcome::Shed
            | Outcome::BreakerOpen
            | Outcome::QueueTimeout => Self::Answer(503),
            _ => Self::Answer(500),
        }
    }
}

/// How a request that is given something from a store is answered: as whoever it was made for was.
pub(super) fn outcome_of(mark: u8) -> Outcome {
    Outcome::ALL[mark as usize]
}

/// An answer to what a request asks for, as the store sees it.
pub(super) fn answer_of(
    what: Cacheable,
    key: u64,
    (code, outcome): (u16, Outcome),
    (id, cx): (RequestId, &Context),
) -> Answer {
    let catalogue = &cx.program.keys[what.keys.0 as usize];
    let own = key & ((1 << 48) - 1);
    let code = if code == OK && catalogue.is_missing(own) {
        NOT_FOUND
    } else {
        code
    };
    let mut answer = Answer::plain(code, catalogue.size(own));
    if matches!(code, OK | NOT_FOUND | 304) {
        answer.cache_control = what.control;
    }
    answer.age = cx.requests.extra(id).age;
    answer.mark = outcome.index() as u8;
    answer
}

impl Context {
    /// Opens a request of a gateway's own beside another one that is at its first instruction there. It does
    /// the same work anew, in a frame that holds `held`, and is nobody's answer.
    pub(super) fn opens_beside(&mut self, id: RequestId, held: u32) -> RequestId {
        let now = self.now();
        let Request {
            flow,
            number,
            frame,
            flags,
            ..
        } = *self.requests.get(id);
        let theirs = self.requests.extra(id);
        let own = self.requests.open(flow, now, number, frame.pc);
        let request = self.requests.get_mut(own);
        request.frame = Frame {
            entered: now,
            instance: held,
            // Its work is its own.
            visit: (frame.visit.rotate_left(5) ^ 0x51D1).wrapping_mul(0x9E37_79B1),
            ..frame
        };
        request.frame.set_answer(Outcome::Served);
        let marks = flags.marks() & !(Flags::CONDITIONAL | Flags::NEW_CONNECTION);
        request.flags.set(Flags::GONE | Flags::KEPT | marks);
        let extra = self.requests.extra_mut(own);
        extra.forget();
        (extra.client, extra.address) = (theirs.client, theirs.address);
        extra.is_part = true;
        own
    }
}

/// A request is about to go to what is behind. Whether what its client has is still good does not matter there;
/// whether what the gateway has is (`is_unchanged`), does. Nobody has said how old the answer is.
pub(super) fn begins_fetch(id: RequestId, is_unchanged: bool, cx: &mut Context) {
    let flags = &mut cx.requests.get_mut(id).flags;
    flags.clear(Flags::CONDITIONAL);
    if is_unchanged {
        flags.set(Flags::CONDITIONAL);
    }
    let extra = cx.requests.extra(id);
    if extra.age > SimDuration::ZERO || extra.status.is_some() {
        let extra = cx.requests.extra_mut(id);
        (extra.age, extra.status) = (SimDuration::ZERO, None);
    }
}

/// A request is back: what its client has asked holds again.
pub(super) fn ends_fetch(id: RequestId, was_conditional: bool, cx: &mut Context) {
    let flags = &mut cx.requests.get_mut(id).flags;
    flags.clear(Flags::CONDITIONAL);
    if was_conditional {
        flags.set(Flags::CONDITIONAL);
    }
}

/// When the answer was made that has come from behind.
pub(super) fn made_at(id: RequestId, cx: &Context) -> SimTime {
    let age = cx.requests.extra(id).age.as_nanos();
    SimTime::from_nanos(cx.now().as_nanos().saturating_sub(age))
}

/// Says to whoever is in front how old an answer is.
pub(super) fn says_age(id: RequestId, made: SimTime, cx: &mut Context) {
    let age = cx.now().since(made);
    if age != cx.requests.extra(id).age {
        cx.requests.extra_mut(id).age = age;
    }
}

/// What became of requests. Each is one of the first seven.
#[derive(Debug)]
pub(super) struct Counts {
    /// There and good.
    pub(super) hits: CounterId,
    /// Not there.
    pub(super) misses: CounterId,
    /// There and expired: gone for a new one.
    pub(super) expired: CounterId,
    /// There and expired, and given out.
    pub(super) stale: CounterId,
    /// The same, while somebody else has gone for a new one.
    pub(super) updating: CounterId,
    /// Has waited for somebody else's.
    pub(super) coalesced: CounterId,
    /// Not looked for.
    pub(super) bypass: CounterId,
    /// Of those that were expired: still good; or given out because no new one could be got.
    pub(super) revalidated: CounterId,
    /// See `revalidated`.
    pub(super) rescued: CounterId,
    /// Requests of the gateway's own.
    pub(super) refreshes: CounterId,
    /// How old what is given out is.
    pub(super) ages: WaitId,
}

impl Counts {
    /// Nothing yet.
    pub(super) fn new(cx: &mut Context) -> Self {
        let mut add = || cx.recorder.add_counter();
        Self {
            hits: add(),
            misses: add(),
            expired: add(),
            stale: add(),
            updating: add(),
            coalesced: add(),
            bypass: add(),
            revalidated: add(),
            rescued: add(),
            refreshes: add(),
            ages: cx.recorder.add_wait(),
        }
    }

    /// As figures of the gateway of this name.
    pub(super) fn gauges(&self, component: &str) -> Vec<Gauge> {
        let all = [
            ("hits", self.hits),
            ("misses", self.misses),
            ("expired", self.expired),
            ("stale", self.stale),
            ("updating", self.updating),
            ("coalesced", self.coalesced),
            ("bypass", self.bypass),
            ("revalidated", self.revalidated),
            ("rescued", self.rescued),
            ("refreshes", self.refreshes),
        ];
        let gauge = |(what, id)| Gauge::new(component, what, Kept::Counter(id));
        let ages = Gauge::new(component, "age", Kept::Ages(self.ages));
        all.map(gauge).into_iter().chain([ages]).collect()
    }
}
