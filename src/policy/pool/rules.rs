//! How a pool goes about it.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::At;
use crate::units::{SimDuration, SimTime};
use crate::{choice, spec, words};

words! {
    /// Which of several idle connections is taken.
    pub enum Order {
        /// The one used last: few stay warm, the others may time out.
        Lifo = "lifo",
        /// The one that has been idle the longest: all stay warm.
        Fifo = "fifo",
        /// The one that was opened first.
        Oldest = "oldest",
    }
}

words! {
    /// What a timeout covers.
    pub enum Covers {
        /// Waiting in line; opening a connection may take as long as it takes.
        Wait = "wait",
        /// Waiting in line and opening.
        WaitAndConnect = "wait_and_connect",
    }
}

words! {
    /// When it is noticed that a connection is older than it may be.
    pub enum Expires {
        /// When it is given back: it is closed.
        OnReturn = "on_return",
        /// When it is taken: whoever takes it opens another in its place.
        OnCheckout = "on_checkout",
        /// At once where it is idle, else when it is given back.
        WhenIdle = "when_idle",
    }
}

words! {
    /// When it is noticed that the other side has closed an idle connection.
    pub enum Breaks {
        /// At once, as by software that listens to its idle connections.
        Seen = "seen",
        /// When it is tested or used.
        OnUse = "on_use",
        /// When the first is tested or used; then all are replaced before they are used.
        FirstUse = "first_use",
    }
}

words! {
    /// What becomes of a request for which there is no connection.
    pub enum WhenFull {
        /// It waits in line.
        Wait = "wait",
        /// It fails at once.
        Fail = "fail",
    }
}

choice! {
    /// Who opens connections.
    pub enum Opens {
        /// Whoever needs one, each for itself, and waits for that one.
        ByRequest(ByRequest) = "by_request",
        /// The pool itself, one after another; whoever needs one waits in line for any.
        Background(Background) = "background",
    }
}

spec! {
    /// Whoever needs a connection opens it.
    pub struct ByRequest {}
}

spec! {
    /// The pool opens connections itself, one after another, while fewer than `min` are idle or somebody
    /// waits.
    pub struct Background {
        /// How long it pauses after each.
        pub gap: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How long it pauses after a failed attempt; twice as long after each further one.
        pub retry_from: At<SimDuration> = At::built_in(SimDuration::from_nanos(10_000_000)),
        /// The longest of these pauses.
        pub retry_to: At<SimDuration> = At::built_in(SimDuration::from_secs(5)),
    }
    check(Self::check)
}

impl Background {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.retry_from.value == SimDuration::ZERO {
            let problem = "a pool that tries again without a pause tries for ever at one instant";
            out.push(
                Diagnostic::error(self.retry_from.origin, problem).label("must be longer than 0"),
            );
        }
        if self.retry_to.value < self.retry_from.value {
            let problem = "the longest pause is shorter than the first";
            out.push(
                Diagnostic::error(self.retry_to.origin, problem)
                    .related(self.retry_from.origin, "the first"),
            );
        }
    }
}

choice! {
    /// Whether a connection is tested before it is used. A test takes a round trip; one that is found closed
    /// is replaced.
    pub enum Test {
        /// Never.
        None(NoTest) = "none",
        /// Each time.
        Always(TestAlways) = "always",
        /// If it has been idle for longer than this.
        IdleOver(IdleOver) = "idle_over",
    }
}

spec! {
    /// Connections are not tested.
    pub struct NoTest {}
}

spec! {
    /// Connections are tested each time.
    pub struct TestAlways {}
}

/// How long a connection must have been idle to be tested.
pub type IdleOver = At<SimDuration>;

/// How a pool goes about it.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Idle connections up to this number are kept when they could be closed; opened ahead where `eager`.
    pub min: u32,
    /// The most connections, `overflow` left out; also the most that stay idle.
    pub max: u32,
    /// Connections beyond `max` that may be open; closed when they are given back and `max` are idle.
    pub overflow: u32,
    /// Which idle one is taken.
    pub order: Order,
    /// Who opens.
    pub opens: Opens,
    /// How long an idle one beyond `min` is kept.
    pub idle_timeout: Option<SimDuration>,
    /// Idle connections are closed only at multiples of this.
    pub housekeeping: Option<SimDuration>,
    /// When it is noticed that one is too old.
    pub expires: Expires,
    /// How often one is used.
    pub max_uses: u32,
    /// Whether one is tested before it is used.
    pub test: Test,
    /// Whether whoever comes at the right moment gets ahead of those in line.
    pub barging: bool,
    /// Whether somebody in line may open a connection as soon as one is closed; else not before its time to
    /// wait is over.
    pub wakes_after_close: bool,
    /// What becomes of a request for which there is none.
    pub when_full: WhenFull,
    /// Whether a request fails at once for which there is none while none at all is open and the last attempt to
    /// open one has failed; those who wait already go on waiting. For pools that open theirs themselves.
    pub fails_fast: bool,
    /// When it is noticed that the other side has closed an idle one.
    pub breaks: Breaks,
}

impl Rules {
    /// The most connections that may be open.
    #[inline]
    pub fn most(&self) -> u32 {
        self.max.saturating_add(self.overflow)
    }

    /// True if an idle connection is good as it is: the last one is taken, and nothing is looked at.
    pub fn is_plain(&self) -> bool {
        self.order == Order::Lifo
            && matches!(self.test, Test::None(_))
            && self.expires == Expires::OnReturn
            && self.breaks == Breaks::Seen
    }

    /// The rules of the pool itself opening connections, if it does.
    #[inline]
    pub fn background(&self) -> Option<&Background> {
        match &self.opens {
            Opens::Background(own) => Some(own),
            Opens::ByRequest(_) => None,
        }
    }

    /// True if a connection that has been idle for so long is tested.
    pub(super) fn is_tested(&self, idle: SimDuration) -> bool {
        match &self.test {
            Test::None(_) => false,
            Test::Always(_) => true,
            Test::IdleOver(limit) => idle > limit.value,
        }
    }

    /// When an idle connection whose time is over at `due` is closed.
    pub(super) fn closes_at(&self, due: SimTime) -> SimTime {
        let every = self.housekeeping.map_or(0, SimDuration::as_nanos);
        if every == 0 {
            return due;
        }
        SimTime::from_nanos(due.as_nanos().div_ceil(every).saturating_mul(every))
    }
}
