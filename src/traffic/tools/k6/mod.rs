//! k6: one scenario of a script, by its executor.
//!
//! What is not modelled: `exec`, `env` and `tags` (what users do and how results are labelled), and
//! execution segments.

mod check;
mod executor;
mod ramp;
mod schedule;

pub use executor::{Chosen, Executor};
pub use ramp::RampingRate;
pub use schedule::{Even, RampingVus};

use super::{Crew, Due, Load, Plan, Step, Timeout};
use crate::spec;
use crate::spec::{At, Millis};
use crate::traffic::tools::locust::Wait;
use crate::units::{SimDuration, SimTime};

spec! {
    /// One scenario of a k6 script: an executor and its options, by k6's names and with k6's defaults.
    /// Durations are written as in k6: `"1m30s"`, or a number of milliseconds.
    pub struct K6 {
        /// Who starts iterations, and when.
        pub executor: At<Chosen>,
        /// How many users; 1 unless given.
        pub vus: Option<At<u32>>,
        /// How many iterations: together (`shared-iterations`) or each (`per-vu-iterations`); 1 unless
        /// given.
        pub iterations: Option<At<u64>>,
        /// How long iterations may be started; `"10m"` unless given.
        pub max_duration as "maxDuration": Option<At<Millis>>,
        /// How long iterations are started.
        pub duration: Option<At<Millis>>,
        /// How many users there are at the start; 1 unless given.
        pub start_vus as "startVUs": Option<At<u32>>,
        /// Where to ramp and how long it takes, stage after stage.
        pub stages: Option<At<Vec<K6Stage>>>,
        /// How long a user who is taken out may go on with an iteration; `"30s"` unless given.
        pub graceful_ramp_down as "gracefulRampDown": Option<At<Millis>>,
        /// How many iterations are due per `timeUnit`.
        pub rate: Option<At<u64>>,
        /// What `rate`, `startRate` and the stages' targets are per; `"1s"` unless given.
        pub time_unit as "timeUnit": Option<At<Millis>>,
        /// How many iterations per `timeUnit` are due at the start; 0 unless given.
        pub start_rate as "startRate": Option<At<u64>>,
        /// How many users there are from the start.
        pub pre_allocated_vus as "preAllocatedVUs": Option<At<u32>>,
        /// How many users there may be; as many as `preAllocatedVUs` unless given.
        pub max_vus as "maxVUs": Option<At<u32>>,
        /// When the scenario starts.
        pub start_time as "startTime": At<Millis> = built_in_seconds(0),
        /// How long iterations that run at the end may go on.
        pub graceful_stop as "gracefulStop": At<Millis> = built_in_seconds(30),
    }
    check(Self::check)
}

spec! {
    /// A stage of a ramp.
    pub struct K6Stage {
        /// How many users, or iterations per `timeUnit`, there are at its end.
        pub target: At<u64>,
        /// How long it takes; 0 is a jump.
        pub duration: At<Millis>,
    }
}

const fn built_in_seconds(seconds: u64) -> At<Millis> {
    At::built_in(Millis::new(SimDuration::from_secs(seconds)))
}

/// k6's timeout of a request.
const TIMEOUT: SimDuration = SimDuration::from_secs(60);

impl K6 {
    /// What k6 does with it. An option that the table should have and does not counts as 0.
    pub fn plan(&self) -> Plan {
        let start = SimTime::ZERO + self.start_time.span();
        let lasts = self.lasts();
        Plan {
            load: self.load(start, lasts),
            start,
            end: start + lasts,
            grace: self.graceful_stop.span(),
            ramp_down_grace: or_seconds(self.graceful_ramp_down, 30),
            timeout: Timeout::Aborts(TIMEOUT),
            wait: Wait::NONE,
            times_failures: true,
            asked: None,
        }
    }

    /// How long iterations are started.
    fn lasts(&self) -> SimDuration {
        match self.executor.0 {
            Executor::SharedIterations | Executor::PerVuIterations => {
                or_seconds(self.max_duration, 600)
            }
            Executor::ConstantVus | Executor::ConstantArrivalRate => or_seconds(self.duration, 0),
            Executor::RampingVus | Executor::RampingArrivalRate => self
                .stages()
                .iter()
                .fold(SimDuration::ZERO, |sum, stage| sum + stage.duration.span()),
        }
    }

    fn load(&self, start: SimTime, lasts: SimDuration) -> Load {
        let vus = or(self.vus, 1);
        let iterations = or(self.iterations, 1);
        match self.executor.0 {
            Executor::SharedIterations | Executor::PerVuIterations => Load::Iterations {
                vus,
                iterations,
                shared: self.executor.0 == Executor::SharedIterations,
            },
            Executor::ConstantVus => Load::Crew(Crew::Constant(Some(Step {
                at: start,
                users: vus,
            }))),
            Executor::RampingVus => {
                let ramp = RampingVus::new(start, or(self.start_vus, 1), self.stages());
                Load::Crew(Crew::RampingVus(ramp))
            }
            Executor::ConstantArrivalRate => {
                let (rate, unit) = (or(self.rate, 0), or_seconds(self.time_unit, 1));
                self.paced(Due::Even(Even::new(start, rate, unit, lasts)))
            }
            Executor::RampingArrivalRate => {
                let (rate, unit) = (or(self.start_rate, 0), or_seconds(self.time_unit, 1));
                let ramp = RampingRate::new(start, rate, unit, self.stages());
                self.paced(Due::Ramping(ramp))
            }
        }
    }

    fn paced(&self, due: Due) -> Load {
        let pre_allocated = or(self.pre_allocated_vus, 0);
        Load::Paced {
            due,
            pre_allocated,
            max: or(self.max_vus, pre_allocated).max(pre_allocated),
        }
    }

    fn stages(&self) -> &[K6Stage] {
        self.stages.as_ref().map_or(&[], |stages| &stages.value)
    }
}

fn or<T: Copy>(given: Option<At<T>>, default: T) -> T {
    given.map_or(default, |given| given.value)
}

fn or_seconds(given: Option<At<Millis>>, default: u64) -> SimDuration {
    given.map_or(SimDuration::from_secs(default), |given| given.span())
}

#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;
