//! wrk: connections that never wait.
//!
//! Each connection sends its next request when the last answer is complete. A slow answer is waited for
//! however long it takes, but one that takes longer than `timeout` counts as a timeout and is left out of
//! the latencies. At the end wrk adds what it thinks it has missed: [`expected_interval`], [`correction`].

use super::{Asked, Crew, Load, Plan, Step, Timeout};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count, Seconds};
use crate::traffic::tools::locust::Wait;
use crate::units::{SimDuration, SimTime};

spec! {
    /// A run of wrk, by its long options and with its defaults. Durations are written as in wrk: a
    /// number of seconds, or `"2m"`.
    pub struct Wrk {
        /// How many threads share the connections.
        pub threads: At<Count> = At::built_in(Count::new(2)),
        /// How many connections there are; each thread gets the same whole number, and what is left
        /// over is not opened.
        pub connections: At<Count> = At::built_in(Count::new(10)),
        /// How long the run takes.
        pub duration: At<Seconds> = built_in(10),
    }
    check(Self::check)
}

/// From when on an answer counts as timed out, unless `timeout` says otherwise.
const TIMEOUT: SimDuration = SimDuration::from_secs(2);

const fn built_in(seconds: u64) -> At<Seconds> {
    At::built_in(Seconds::new(SimDuration::from_secs(seconds)))
}

impl Wrk {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.connections.value < self.threads.value {
            let problem = format!(
                "fewer connections ({}) than threads ({})",
                self.connections.value, self.threads.value
            );
            out.push(
                Diagnostic::error(self.connections.origin, problem)
                    .related(self.threads.origin, "each needs one"),
            );
        }
        if self.duration.span() == SimDuration::ZERO {
            let none = Diagnostic::error(self.duration.origin, "`duration` must be longer than 0");
            out.push(none);
        }
    }

    /// How many connections are opened.
    pub fn opened(&self) -> u32 {
        let threads = self.threads.get();
        self.connections.get() / threads * threads
    }

    /// What wrk does with it. All connections start at once; at the end they are cut off.
    pub fn plan(&self) -> Plan {
        let users = self.opened();
        let step = Step {
            at: SimTime::ZERO,
            users,
        };
        Plan {
            load: Load::Crew(Crew::Constant((users > 0).then_some(step))),
            start: SimTime::ZERO,
            end: SimTime::ZERO + self.duration.span(),
            grace: SimDuration::ZERO,
            ramp_down_grace: SimDuration::ZERO,
            timeout: Timeout::Counts(TIMEOUT),
            wait: Wait::NONE,
            times_failures: false,
            asked: Some(Asked {
                threads: self.threads.get(),
                connections: self.connections.get(),
            }),
        }
    }
}

/// The gap that wrk expects between two requests of a connection, in whole microseconds: the run's length
/// over the whole number of requests that each of the `connections` (as asked for, not as opened)
/// completed. Nothing if they completed less than one each: then nothing is corrected.
pub fn expected_interval(
    runtime: SimDuration,
    completed: u64,
    connections: u32,
) -> Option<SimDuration> {
    let each = completed.checked_div(u64::from(connections))?;
    let micros = (runtime.as_nanos() / 1_000).checked_div(each)?;
    Some(SimDuration::from_nanos(micros * 1_000))
}

/// The latencies that wrk adds for one that it measured, longest first: for a latency of at least twice
/// the expected interval, what requests would have seen that should have been sent meanwhile, one
/// interval apart, as long as that is more than one interval. None for an interval of 0.
pub fn correction(
    latency: SimDuration,
    interval: SimDuration,
) -> impl Iterator<Item = SimDuration> + Clone {
    let (latency, interval) = (latency.as_nanos(), interval.as_nanos());
    (1..=n_corrections(latency, interval))
        .map(move |k| SimDuration::from_nanos(latency - k * interval))
}

/// How many latencies [`correction`] gives: those k >= 1 for which `latency - k * interval` is more than
/// one interval.
fn n_corrections(latency: u64, interval: u64) -> u64 {
    let Some(whole) = latency.checked_div(interval) else {
        return 0;
    };
    let over = u64::from(latency > whole * interval);
    (whole + over).saturating_sub(2)
}

/// Gives `add` every latency with how often it came, and then all that [`correction`] adds for it.
pub fn corrected(
    latencies: impl IntoIterator<Item = (SimDuration, u64)>,
    interval: SimDuration,
    mut add: impl FnMut(SimDuration, u64),
) {
    for (latency, times) in latencies {
        add(latency, times);
        for missed in correction(latency, interval) {
            add(missed, times);
        }
    }
}

#[cfg(test)]
mod tests;
