//! A circuit breaker: resilience4j's, with its names and defaults.
//!
//! ```text
//! closed     every call is let through; its result goes into the window. With at least `minimum_calls` in
//!            the window, a share of failures or of slow calls at or above its threshold opens it.
//! open       every call is refused. The first one later than `wait_in_open` makes it half-open.
//! half-open  `permitted_calls_in_half_open` calls are let through, all others are refused. With as many
//!            results as `minimum_calls`, at most those permitted, it opens again or closes; either way the
//!            next window is empty. With `max_wait_in_half_open` it opens again after that time.
//! ```
//!
//! As there: a count window smaller than `minimum_calls` lowers it; "later than" excludes the instant
//! itself; a slow call is one that took longer than the threshold; and a result goes to the state in which
//! the breaker is when the result is known, not to the one that let the call through. So calls that were
//! under way when it opened can decide about a later trial. Others (sony/gobreaker) forget such results:
//! `late_results = "ignore"`.
//!
//! Left out: becoming half-open without a call when the wait is over (there off by default), waits that grow
//! from one opening to the next, and telling apart kinds of errors, which is the caller's business.

mod window;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration, SimTime};
use crate::{spec, words};

use window::{MOST_CALLS, MOST_SECONDS, Window};
pub use window::{WindowSize, WindowType};

spec! {
    /// Refuses calls for a while when too many of them failed or were slow.
    pub struct BreakerSpec {
        /// It opens when this share of the calls in the window failed. Above 0%.
        pub failure_rate_threshold: At<Fraction> = At::built_in(Fraction::percent(50)),
        /// It opens when this share of the calls in the window was slow. Above 0%.
        pub slow_call_rate_threshold: At<Fraction> = At::built_in(Fraction::ONE),
        /// A call that takes longer is slow.
        pub slow_call_duration: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// What the window is made of: the last calls ("count") or the calls of the last seconds ("time").
        /// Without it, the size tells.
        pub sliding_window_type: Option<At<WindowType>>,
        /// The last so many calls, at most 100 000, or the calls of the last so many whole seconds, at
        /// most an hour. Without it, 100 calls, or 100 s for a window of time.
        pub sliding_window_size: Option<At<WindowSize>>,
        /// With fewer calls in the window it stays closed.
        pub minimum_calls: At<Count> = At::built_in(Count::new(100)),
        /// How long it refuses everything.
        pub wait_in_open: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// How many calls it lets through on trial, at most 100 000.
        pub permitted_calls_in_half_open: At<Count> = At::built_in(Count::new(10)),
        /// How long a trial may take before it opens again. Without it, until the results are known.
        pub max_wait_in_half_open: Option<At<SimDuration>>,
        /// What becomes of the results of calls that an earlier state let through: they count for the
        /// present state ("count", as in resilience4j), or are forgotten ("ignore", as in gobreaker).
        pub late_results: LateResults = LateResults::Count,
    }
    check(Self::check)
}

words! {
    /// What becomes of results of calls that an earlier state of a breaker let through.
    pub enum LateResults {
        /// They count for the present state, as in resilience4j.
        Count = "count",
        /// They are forgotten, as in gobreaker.
        Ignore = "ignore",
    }
}

impl BreakerSpec {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        for threshold in [&self.failure_rate_threshold, &self.slow_call_rate_threshold] {
            if threshold.value == Fraction::ZERO {
                out.push(
                    Diagnostic::error(threshold.origin, "a threshold must be above 0%")
                        .help("at 0% the breaker would open whatever happens"),
                );
            }
        }
        let max_wait = self.max_wait_in_half_open.as_ref();
        for span in [&self.slow_call_duration, &self.wait_in_open]
            .into_iter()
            .chain(max_wait)
        {
            if span.value == SimDuration::ZERO {
                let problem = "this time must be longer than 0";
                out.push(Diagnostic::error(span.origin, problem));
            }
        }
        let trials = &self.permitted_calls_in_half_open;
        if trials.get() > MOST_CALLS {
            let problem = format!("at most {MOST_CALLS} calls can be let through on trial");
            out.push(Diagnostic::error(trials.origin, problem));
        }
        self.check_window(out);
    }

    fn check_window(&self, out: &mut Diagnostics) {
        let Some(size) = self.sliding_window_size else {
            return;
        };
        if let Some(own) = self.sliding_window_type
            && own.value != size.window_type()
        {
            let (wanted, example) = match own.value {
                WindowType::Count => ("a number of calls", "100"),
                WindowType::Time => ("a time", "\"100s\""),
            };
            let problem = format!("the size of this window is {wanted}");
            out.push(
                Diagnostic::error(size.origin, problem)
                    .related(own.origin, format!("its type is \"{}\"", own.value.word()))
                    .help(format!("write {example}")),
            );
        }
        let problem = match size.value {
            WindowSize::Calls(n) if n.get() > MOST_CALLS => {
                format!("a window has at most {MOST_CALLS} calls")
            }
            WindowSize::Time(span) if window::whole_seconds(span).is_none() => {
                format!("a window lasts whole seconds, from 1 s to {MOST_SECONDS} s")
            }
            _ => return,
        };
        out.push(Diagnostic::error(size.origin, problem));
    }

    /// The breaker of one caller: closed, having seen nothing.
    pub fn start(&self) -> Breaker {
        let size = match (self.sliding_window_size, self.sliding_window_type) {
            (Some(size), _) => size.value,
            (None, Some(own)) if own.value == WindowType::Time => {
                WindowSize::Time(SimDuration::from_secs(100))
            }
            (None, _) => WindowSize::Calls(Count::new(100)),
        };
        let (minimum, permitted) = (
            self.minimum_calls.get(),
            self.permitted_calls_in_half_open.get(),
        );
        let closed_minimum = match size {
            WindowSize::Calls(n) => minimum.min(n.get()),
            WindowSize::Time(_) => minimum,
        };
        Breaker {
            failures: self.failure_rate_threshold.get(),
            slow: self.slow_call_rate_threshold.get(),
            slow_from: self.slow_call_duration.value,
            wait: self.wait_in_open.value,
            max_trial: self.max_wait_in_half_open.map(|span| span.value),
            permitted,
            ignores_late: self.late_results == LateResults::Ignore,
            closed: (Window::new(size), closed_minimum),
            trial: (
                Window::new(WindowSize::Calls(self.permitted_calls_in_half_open.value)),
                minimum.min(permitted),
            ),
            phase: Phase::Closed,
            period: 0,
        }
    }
}

/// What a breaker does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Lets every call through.
    Closed,
    /// Refuses every call.
    Open,
    /// Lets some calls through on trial.
    HalfOpen,
}

/// Tells in which period of its breaker a call was let through; to be handed back with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit(u32);

/// A circuit breaker at work: one for each caller that keeps its own.
#[derive(Debug, Clone)]
pub struct Breaker {
    failures: f64,
    slow: f64,
    slow_from: SimDuration,
    wait: SimDuration,
    max_trial: Option<SimDuration>,
    permitted: u32,
    ignores_late: bool,
    /// Window and minimum number of calls when closed.
    closed: (Window, u32),
    /// The same when half-open.
    trial: (Window, u32),
    phase: Phase,
    /// Counts changes of state, round and round.
    period: u32,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    /// Until this instant, included.
    Open(SimTime),
    HalfOpen {
        since: SimTime,
        permits_left: u32,
    },
}

impl Breaker {
    /// Asks for leave to call. A call that is let through owes a [`Breaker::record`] or a
    /// [`Breaker::release`]; nothing means that it is refused.
    pub fn admit(&mut self, now: SimTime) -> Option<Permit> {
        self.end_trial_in_time(now);
        if let Phase::Open(until) = self.phase
            && now > until
        {
            self.trial.0.clear();
            self.enter(Phase::HalfOpen {
                since: now,
                permits_left: self.permitted,
            });
        }
        match &mut self.phase {
            Phase::Closed => Some(Permit(self.period)),
            Phase::HalfOpen { permits_left, .. } if *permits_left > 0 => {
                *permits_left -= 1;
                Some(Permit(self.period))
            }
            Phase::HalfOpen { .. } | Phase::Open(_) => None,
        }
    }

    /// A call that was let through is over: it went well or not, and took so long.
    pub fn record(&mut self, permit: Permit, now: SimTime, ok: bool, took: SimDuration) {
        self.end_trial_in_time(now);
        if self.ignores_late && permit.0 != self.period {
            return;
        }
        let (window, minimum) = match self.phase {
            Phase::Closed => &mut self.closed,
            Phase::HalfOpen { .. } => &mut self.trial,
            // It is of no use to anybody: the next window starts empty.
            Phase::Open(_) => return,
        };
        let counts = window.record(now, !ok, took > self.slow_from);
        if counts.calls < *minimum {
            return;
        }
        let share = |n: u32| f64::from(n) / f64::from(counts.calls);
        if share(counts.failed) >= self.failures || share(counts.slow) >= self.slow {
            self.enter(Phase::Open(now + self.wait));
        } else if matches!(self.phase, Phase::HalfOpen { .. }) {
            self.closed.0.clear();
            self.enter(Phase::Closed);
        }
    }

    /// A call that was let through ended in a way that says nothing about the other side (its caller gave
    /// up before it was sent, say): its permit goes back.
    pub fn release(&mut self, permit: Permit, now: SimTime) {
        self.end_trial_in_time(now);
        if self.ignores_late && permit.0 != self.period {
            return;
        }
        if let Phase::HalfOpen { permits_left, .. } = &mut self.phase {
            *permits_left = permits_left.saturating_add(1);
        }
    }

    /// What it does at present. A breaker whose wait is over stays open until somebody calls.
    pub fn state(&self, now: SimTime) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open(_) => State::Open,
            Phase::HalfOpen { since, .. } if self.trial_end(since) <= now => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    fn trial_end(&self, since: SimTime) -> SimTime {
        self.max_trial.map_or(SimTime::NEVER, |max| since + max)
    }

    /// A trial that lasted too long ended at its own time, though nobody looked.
    fn end_trial_in_time(&mut self, now: SimTime) {
        if let Phase::HalfOpen { since, .. } = self.phase {
            let end = self.trial_end(since);
            if end <= now {
                self.enter(Phase::Open(end + self.wait));
            }
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.period = self.period.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests;
