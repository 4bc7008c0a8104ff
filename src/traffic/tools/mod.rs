//! Load tools that people know, by their own field names: what a plan for one of them does, exactly.
//!
//! A table holds what the tool's own configuration says, line by line; [`Tool::plan`] makes a [`Plan`] of
//! it: when iterations are due, how many users there are, when they must go. Schedules are what the
//! tool's source does on an ideal machine, made as they are asked for and never listed. Who the users are
//! and what they do is somebody else's business.
//!
//! Sources of the rules, read in 2026: k6 2 (`lib/executor`), Artillery 2.0 (`dist.ts`, `phases.ts`,
//! `runner.ts`) with `arrivals` 2.1.2 and `driftless` 2.0.3, Locust 2 (`dispatch.py`, `runners.py`,
//! `wait_time.py`), wrk 4.2 (`wrk.c`, `stats.c`).
//!
//! To add a tool: write its file (table, check, plan, schedule, tests) and add its line to the list below.

pub mod artillery;
pub mod k6;
pub mod locust;
pub mod wrk;

use crate::rng::Stream;
use crate::units::{SimDuration, SimTime};

macro_rules! tools {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $word:literal ),* $(,)?) => {
        crate::choice! {
            /// A load tool and its configuration, in the tool's own words.
            pub enum Tool {
                $( $(#[doc = $doc])* $variant($module::$variant) = $word ),*
            }
        }

        impl Tool {
            /// What the tool does.
            pub fn plan(&self) -> Plan {
                match self { $( Self::$variant(tool) => tool.plan(), )* }
            }
        }
    };
}

tools! {
    /// One scenario of a k6 script.
    K6: k6 = "k6",
    /// The phases of an Artillery script.
    Artillery: artillery = "artillery",
    /// A Locust run, or a `LoadTestShape` in stages.
    Locust: locust = "locust",
    /// A run of wrk.
    Wrk: wrk = "wrk",
}

/// What a tool does, on the clock of the run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Who starts iterations, and when.
    pub load: Load,
    /// When the tool starts (k6 `startTime`); no user and no iteration comes before.
    pub start: SimTime,
    /// When a crew stops going round; [`SimTime::NEVER`] if it goes on. What is due by the clock ends
    /// with its [`Due`]: of Artillery this is what its phases add up to, which its users may overrun.
    pub end: SimTime,
    /// How long what runs at `end` may go on before it is cut off; [`SimDuration::MAX`] if it never is.
    pub grace: SimDuration,
    /// How long the iteration of a user who is taken out of the crew before `end` may go on, but no
    /// longer than until `end + grace`.
    pub ramp_down_grace: SimDuration,
    /// How long the tool waits for an answer unless the user has set something else.
    pub timeout: Timeout,
    /// What a user does between two iterations.
    pub wait: locust::Wait,
    /// Whether its latencies hold requests without an answer, too: timeouts, refused connections.
    pub times_failures: bool,
    /// Threads and connections as they were asked for, if the tool's report is by thread and connection.
    pub asked: Option<Asked>,
}

/// What a tool was asked for that its report repeats, whatever it made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Threads.
    pub threads: u32,
    /// Connections, of all threads together.
    pub connections: u32,
}

/// Who starts iterations, and when.
#[derive(Debug, Clone)]
pub enum Load {
    /// Users who go round until there are to be fewer of them: k6 `constant-vus` and `ramping-vus`,
    /// Locust, wrk. The one who came last goes first. One who is wanted again while still finishing an
    /// iteration keeps it and goes on.
    Crew(Crew),
    /// A fixed crew with a number of iterations, all starting at once: k6 `shared-iterations`,
    /// `per-vu-iterations`. What has not been started at `end` is dropped.
    Iterations {
        /// How many users.
        vus: u32,
        /// How many iterations: of all users together, or of each.
        iterations: u64,
        /// Whether they are of all together, taken from one counter by whoever is free.
        shared: bool,
    },
    /// Iterations that are due by the clock, done by a limited crew: k6 `constant-arrival-rate` and
    /// `ramping-arrival-rate`. If no user is idle the iteration is dropped and never made up; if there
    /// are fewer than `max` users, one more begins to be made then, one at a time.
    Paced {
        /// When iterations are due.
        due: Due,
        /// How many users there are from the start.
        pre_allocated: u32,
        /// How many there may be; at least as many as `pre_allocated`.
        max: u32,
    },
    /// Each due instant brings a new user, who goes through the flow once: Artillery.
    Visits {
        /// When users come.
        due: Due,
        /// How many may be there already for one to come; beyond that, users are skipped.
        most: Limits,
    },
}

impl Load {
    /// About how many iterations or visits are due by the clock, if it is by the clock.
    pub fn due(&self) -> Option<f64> {
        match self {
            Self::Crew(_) | Self::Iterations { .. } => None,
            Self::Paced { due, .. } | Self::Visits { due, .. } => Some(match due {
                Due::Even(even) => even.expected(),
                Due::Ramping(ramp) => ramp.expected(),
                Due::Phases(phases) => phases.expected(),
            }),
        }
    }
}

/// A change of the number of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: SimTime,
    /// How many users there are to be from then on.
    pub users: u32,
}

/// How many users there are over time: steps in order, made as they are asked for. Before the first there
/// are none; each differs from the one before.
#[derive(Debug, Clone)]
pub enum Crew {
    /// All at once and for good.
    Constant(Option<Step>),
    /// One by one, as k6 ramps.
    RampingVus(k6::RampingVus),
    /// In batches, as Locust spawns.
    Spawning(locust::Spawning),
}

impl Iterator for Crew {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        match self {
            Self::Constant(step) => step.take(),
            Self::RampingVus(ramp) => ramp.next(),
            Self::Spawning(spawning) => spawning.next(),
        }
    }
}

/// An iteration, or a user, that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When.
    pub at: SimTime,
    /// In which stage or phase, counted from 0.
    pub phase: u32,
    /// Of which of the tool's workers, counted from 0; limits are per worker.
    pub worker: u32,
}

/// When iterations are due by the clock, whoever does them: instants in order, made as they are asked for.
#[derive(Debug, Clone)]
pub enum Due {
    /// Evenly, as k6 at a constant rate.
    Even(k6::Even),
    /// Where the integral of the rate reaches a whole number, as k6 at a ramping rate.
    Ramping(k6::RampingRate),
    /// Phase by phase on every worker, as Artillery.
    Phases(artillery::Schedule),
}

impl Due {
    /// The next one, never before the last; nothing if no more are due. What is left to chance
    /// (Artillery's `mode: poisson`) is drawn from `stream`.
    pub fn next(&mut self, stream: &mut Stream) -> Option<Tick> {
        match self {
            Self::Even(even) => even.next(),
            Self::Ramping(ramp) => ramp.next(),
            Self::Phases(phases) => phases.next(stream),
        }
    }
}

/// How many users of a worker there may be for one more to come, by worker and phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    by_worker: Vec<Vec<Option<u32>>>,
}

impl Limits {
    /// Limits for each phase of each worker.
    pub fn new(by_worker: Vec<Vec<Option<u32>>>) -> Self {
        Self { by_worker }
    }

    /// If this many users of `worker`, of whatever phase, are there, then one who is due in `phase` is
    /// skipped. Nothing if there is no limit.
    pub fn most(&self, worker: u32, phase: u32) -> Option<u32> {
        let phases = self.by_worker.get(worker as usize)?;
        *phases.get(phase as usize)?
    }
}

/// How long a tool waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// For ever.
    Never,
    /// So long; then the request is given up.
    Aborts(SimDuration),
    /// For ever, but an answer that took longer counts as timed out and is left out of the latencies
    /// (wrk).
    Counts(SimDuration),
}

#[cfg(test)]
mod testing;
