//! Locust: closed users who wait between tasks.
//!
//! The runner is the local one, which gives up what it is spawning as soon as a shape wants something
//! else; a distributed master finishes first.

mod spawn;
mod wait;

pub use spawn::Spawning;
pub use wait::{Between, Wait, WaitTime};

use super::{Crew, Load, Plan, Timeout};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Seconds};
use crate::units::{SimDuration, SimTime};

spec! {
    /// A Locust run: a number of users, or a `LoadTestShape` in stages. Durations are written as in
    /// Locust: a number of seconds, or `"1h30m"`.
    pub struct Locust {
        /// How many users; 1 unless given.
        pub users: Option<At<u32>>,
        /// How many users per second are spawned, or stopped; 1 unless given.
        pub spawn_rate: Option<At<f64>>,
        /// How long the run takes; for ever unless given.
        pub run_time: Option<At<Seconds>>,
        /// The stages of a `LoadTestShape`, instead of the above.
        pub stages: Option<At<Vec<LocustStage>>>,
        /// How long users who are stopped may go on with a task.
        pub stop_timeout: At<Seconds> = At::built_in(Seconds::new(SimDuration::ZERO)),
        /// How long a user waits after each task.
        pub wait_time: At<WaitTime> = At::built_in(WaitTime::NONE),
    }
    check(Self::check)
}

spec! {
    /// A stage of a `LoadTestShape`, as in Locust's own example.
    pub struct LocustStage {
        /// When it is over, counted from the start of the run (not of the stage).
        pub duration: At<Seconds>,
        /// How many users there are to be.
        pub users: At<u32>,
        /// How many users per second are spawned, or stopped.
        pub spawn_rate: At<f64>,
    }
}

impl Locust {
    /// What Locust does with it.
    pub fn plan(&self) -> Plan {
        let (spawning, end) = match &self.stages {
            Some(stages) => {
                let spawning = Spawning::shape(stages);
                (
                    spawning,
                    stages
                        .last()
                        .map(|stage| spawn::polled(stage.duration.span())),
                )
            }
            None => {
                let users = self.users.map_or(1, |users| users.value);
                let rate = self.spawn_rate.map_or(1.0, |rate| rate.value);
                let end = self.run_time.map(|time| SimTime::ZERO + time.span());
                (Spawning::run(users, rate), end)
            }
        };
        Plan {
            load: Load::Crew(Crew::Spawning(spawning)),
            start: SimTime::ZERO,
            end: end.unwrap_or(SimTime::NEVER),
            grace: self.stop_timeout.span(),
            ramp_down_grace: self.stop_timeout.span(),
            timeout: Timeout::Never,
            wait: self.wait_time.wait(),
            times_failures: true,
            asked: None,
        }
    }

    fn check(&self, _: Origin, out: &mut Diagnostics) {
        match &self.stages {
            Some(stages) => self.check_shape(stages, out),
            None => self.check_run(out),
        }
        self.wait_time.check(self.wait_time.origin, out);
    }

    fn check_run(&self, out: &mut Diagnostics) {
        if let Some(users) = self.users.filter(|users| users.value == 0) {
            out.push(Diagnostic::error(users.origin, "`users` must be above 0"));
        }
        if let Some(rate) = self.spawn_rate {
            check_rate(rate, out);
        }
        if let Some(time) = self
            .run_time
            .filter(|time| time.span() == SimDuration::ZERO)
        {
            let none = Diagnostic::error(time.origin, "`run_time` must be longer than 0");
            out.push(none);
        }
    }

    fn check_shape(&self, stages: &At<Vec<LocustStage>>, out: &mut Diagnostics) {
        let also = [
            ("users", self.users.map(|users| users.origin)),
            ("spawn_rate", self.spawn_rate.map(|rate| rate.origin)),
            ("run_time", self.run_time.map(|time| time.origin)),
        ];
        for (name, place) in also.into_iter().filter_map(|(name, at)| Some((name, at?))) {
            let problem = format!("`{name}` beside `stages`");
            out.push(Diagnostic::error(place, problem).related(
                stages.origin,
                "these say how many users there are, and how long",
            ));
        }
        if stages.is_empty() {
            let none = Diagnostic::error(stages.origin, "at least one stage is needed");
            out.push(none);
        }
        let mut last: Option<At<Seconds>> = None;
        for stage in &stages.value {
            check_rate(stage.spawn_rate, out);
            let duration = stage.duration;
            let before = last.map_or(SimDuration::ZERO, |last| last.span());
            if duration.span() <= before {
                let never = Diagnostic::error(duration.origin, "this stage is never reached");
                out.push(
                    match last {
                        Some(last) => never.related(last.origin, "over no earlier than this one"),
                        None => never,
                    }
                    .help("Locust counts the durations of a shape from the start of the run"),
                );
            }
            last = Some(duration);
        }
        if !stages.is_empty() && stages.iter().all(|stage| stage.users.value == 0) {
            let nobody = Diagnostic::error(stages.origin, "no stage has any users");
            out.push(nobody);
        }
    }
}

fn check_rate(rate: At<f64>, out: &mut Diagnostics) {
    if rate.value <= 0.0 {
        out.push(Diagnostic::error(
            rate.origin,
            "`spawn_rate` must be above 0",
        ));
    }
}

#[cfg(test)]
mod tests;
