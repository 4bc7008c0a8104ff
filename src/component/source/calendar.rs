//! When something happens next at a source: a request, a visitor, a round that is due, another number of
//! users.

use super::Begins;
use crate::rng::{Stream, Streams};
use crate::traffic::arrivals::Arrivals;
use crate::traffic::tools::{Crew, Due, Load, Step, Tick};
use crate::units::{SimDuration, SimTime};

/// How many arrivals are drawn at a time.
const BATCH: usize = 64;

/// Arrivals that have been drawn ahead, and how many of them have come.
#[derive(Debug)]
pub(super) struct Ahead {
    arrivals: Arrivals,
    times: [SimTime; BATCH],
    n_come: usize,
}

impl Ahead {
    #[inline]
    fn next(&mut self) -> SimTime {
        if self.n_come == BATCH {
            self.arrivals.fill(&mut self.times);
            self.n_come = 0;
        }
        let at = self.times[self.n_come];
        self.n_come += 1;
        at
    }
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::component) enum Entry {
    /// A request, or a visitor.
    Arrival,
    /// A visitor or a round, of a phase of a worker of the tool.
    Tick {
        /// Which phase.
        phase: u32,
        /// Which worker.
        worker: u32,
    },
    /// There are to be so many users.
    Users(u32),
}

/// When something happens next.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a scenario has few sources")]
pub(super) enum Calendar {
    Arrivals(Ahead),
    /// Users come in one by one: how many have, how many there will be, over how long.
    Ramp {
        come: u32,
        users: u32,
        over: SimDuration,
    },
    Crew(Crew, Option<Step>),
    Due(Box<(Due, Stream)>, Option<Tick>),
}

impl Calendar {
    pub(super) fn new(name: &str, begins: &Begins, streams: Streams) -> Self {
        let stream = streams.stream(name, "arrivals");
        match begins {
            Begins::Arrivals { gaps, curve } => Self::Arrivals(Ahead {
                arrivals: Arrivals::new(gaps.clone(), curve, stream),
                times: [SimTime::NEVER; BATCH],
                n_come: BATCH,
            }),
            Begins::Users { users, over, .. } => Self::Ramp {
                come: 0,
                users: *users,
                over: *over,
            },
            Begins::Tool(plan) => match &plan.load {
                Load::Crew(crew) => Self::Crew(crew.clone(), None),
                Load::Iterations { vus, .. } => {
                    let step = Step {
                        at: plan.start,
                        users: *vus,
                    };
                    Self::Crew(Crew::Constant((*vus > 0).then_some(step)), None)
                }
                Load::Paced { due, .. } | Load::Visits { due, .. } => {
                    Self::Due(Box::new((due.clone(), stream)), None)
                }
            },
        }
    }

    /// The instant of the next entry; [`SimTime::NEVER`] if there is none.
    #[inline]
    pub(super) fn next(&mut self) -> SimTime {
        match self {
            Self::Arrivals(ahead) => ahead.next(),
            other => other.next_of_others(),
        }
    }

    fn next_of_others(&mut self) -> SimTime {
        let at = match self {
            Self::Arrivals(ahead) => Some(ahead.next()),
            Self::Ramp { come, users, over } => (*come < *users).then(|| {
                let nanos = u128::from(over.as_nanos()) * u128::from(*come) / u128::from(*users);
                SimTime::from_nanos(nanos as u64)
            }),
            Self::Crew(crew, next) => {
                *next = crew.next();
                next.map(|step| step.at)
            }
            Self::Due(source, next) => {
                let (due, stream) = &mut **source;
                *next = due.next(stream);
                next.map(|tick| tick.at)
            }
        };
        at.unwrap_or(SimTime::NEVER)
    }

    /// What is due now.
    pub(super) fn entry(&mut self) -> Entry {
        match self {
            Self::Arrivals(_) => Entry::Arrival,
            Self::Ramp { come, users, over } => {
                *come = if *over == SimDuration::ZERO {
                    *users
                } else {
                    *come + 1
                };
                Entry::Users(*come)
            }
            Self::Crew(_, next) => Entry::Users(next.map_or(0, |step| step.users)),
            Self::Due(_, next) => {
                let (phase, worker) = next.map_or((0, 0), |tick| (tick.phase, tick.worker));
                Entry::Tick { phase, worker }
            }
        }
    }
}
