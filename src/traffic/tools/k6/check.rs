//! What k6 refuses, and a little more: nothing that passes can go wrong later.

use super::executor::COMMON;
use super::{Executor, K6, or};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Millis};
use crate::units::SimDuration;

/// k6's limit of concurrent users.
const MOST_VUS: u64 = 100_000_000;

/// The shortest duration of an executor, stages apart.
const SHORTEST: SimDuration = SimDuration::from_secs(1);

fn refuse(origin: Origin, problem: impl Into<String>, out: &mut Diagnostics) {
    out.push(Diagnostic::error(origin, problem));
}

impl K6 {
    pub(super) fn check(&self, table: Origin, out: &mut Diagnostics) {
        let before = out.n_errors();
        self.check_fields(table, out);
        if out.n_errors() > before {
            return;
        }
        match self.executor.0 {
            Executor::SharedIterations | Executor::PerVuIterations => self.check_iterations(out),
            Executor::ConstantVus => self.check_vus(out),
            Executor::RampingVus => self.check_ramping_vus(out),
            Executor::ConstantArrivalRate | Executor::RampingArrivalRate => self.check_rates(out),
        }
        check_length(self.duration, "duration", out);
        check_length(self.max_duration, "maxDuration", out);
    }

    /// The fields that were given, with their places; nothing for those that were not.
    fn given(&self) -> [(&'static str, Option<Origin>); 13] {
        fn at<T>(given: Option<&At<T>>) -> Option<Origin> {
            given.map(|given| given.origin)
        }
        [
            ("vus", at(self.vus.as_ref())),
            ("iterations", at(self.iterations.as_ref())),
            ("maxDuration", at(self.max_duration.as_ref())),
            ("duration", at(self.duration.as_ref())),
            ("startVUs", at(self.start_vus.as_ref())),
            ("stages", at(self.stages.as_ref())),
            ("gracefulRampDown", at(self.graceful_ramp_down.as_ref())),
            ("rate", at(self.rate.as_ref())),
            ("timeUnit", at(self.time_unit.as_ref())),
            ("startRate", at(self.start_rate.as_ref())),
            ("preAllocatedVUs", at(self.pre_allocated_vus.as_ref())),
            ("maxVUs", at(self.max_vus.as_ref())),
            // Every executor has them; here so that nothing is left out.
            ("executor", None),
        ]
    }

    fn check_fields(&self, table: Origin, out: &mut Diagnostics) {
        let executor = self.executor.0;
        let (required, optional) = executor.fields();
        for (name, place) in self.given() {
            let wanted = required.contains(&name);
            match place {
                None if wanted => out.push(
                    Diagnostic::error(table, format!("missing key `{name}`"))
                        .label(format!("`{}` needs `{name}`", executor.word())),
                ),
                Some(origin) if !wanted && !optional.contains(&name) => {
                    let has = [required, optional, COMMON].concat();
                    let problem = format!("`{}` has no `{name}`", executor.word());
                    out.push(
                        Diagnostic::error(origin, problem)
                            .label(format!("has: {}", has.join(", "))),
                    );
                }
                _ => {}
            }
        }
    }

    /// `vus`: not 0, not too many.
    fn check_vus(&self, out: &mut Diagnostics) {
        if let Some(vus) = self.vus {
            if vus.value == 0 {
                refuse(vus.origin, "`vus` must be above 0", out);
            }
            check_most(u64::from(vus.value), vus.origin, "vus", out);
        }
    }

    fn check_iterations(&self, out: &mut Diagnostics) {
        self.check_vus(out);
        let (vus, iterations) = (or(self.vus, 1), or(self.iterations, 1));
        let place = self.iterations.map(|given| given.origin);
        if iterations == 0 {
            refuse(
                place.unwrap_or(Origin::BUILT_IN),
                "`iterations` must be above 0",
                out,
            );
        } else if self.executor.0 == Executor::SharedIterations && iterations < u64::from(vus) {
            let problem =
                format!("fewer iterations ({iterations}) than users to share them ({vus})");
            let mut diagnostic = match (place, self.vus) {
                (Some(place), Some(vus)) => {
                    Diagnostic::error(place, problem).related(vus.origin, "so many users")
                }
                (place, vus) => {
                    let vus = vus.map_or(Origin::BUILT_IN, |vus| vus.origin);
                    Diagnostic::error(place.unwrap_or(vus), problem)
                }
            };
            if place.is_none() {
                diagnostic = diagnostic.help("`iterations` is 1 unless given");
            }
            out.push(diagnostic);
        }
    }

    fn check_ramping_vus(&self, out: &mut Diagnostics) {
        let start = or(self.start_vus, 1);
        if let Some(start) = self.start_vus {
            check_most(u64::from(start.value), start.origin, "startVUs", out);
        }
        for stage in self.stages() {
            check_most(stage.target.value, stage.target.origin, "target", out);
        }
        self.check_stages(u64::from(start), "`startVUs` or one of the targets", out);
    }

    fn check_rates(&self, out: &mut Diagnostics) {
        if let Some(rate) = self.rate.filter(|rate| rate.value == 0) {
            refuse(rate.origin, "`rate` must be above 0", out);
        }
        if let Some(unit) = self
            .time_unit
            .filter(|unit| unit.span() == SimDuration::ZERO)
        {
            refuse(unit.origin, "`timeUnit` must be longer than 0", out);
        }
        if self.executor.0 == Executor::RampingArrivalRate {
            let start = or(self.start_rate, 0);
            self.check_stages(start, "`startRate` or one of the targets", out);
        }
        let pre_allocated = or(self.pre_allocated_vus, 0);
        match (self.max_vus, self.pre_allocated_vus) {
            (Some(max), Some(pre)) if max.value < pre.value => {
                let problem = format!(
                    "`maxVUs` ({}) is below `preAllocatedVUs` ({})",
                    max.value, pre.value
                );
                out.push(Diagnostic::error(max.origin, problem).related(pre.origin, "so many"));
            }
            (Some(most), _) | (None, Some(most)) if most.value == 0 => {
                let nobody = Diagnostic::error(most.origin, "nobody is there to run iterations");
                out.push(nobody.help("`preAllocatedVUs` or `maxVUs` must be above 0"));
            }
            _ => {}
        }
        let most = u64::from(or(self.max_vus, pre_allocated));
        if let Some(place) = self.max_vus.or(self.pre_allocated_vus) {
            check_most(most, place.origin, "maxVUs", out);
        }
    }

    /// There are stages, and something happens in them.
    fn check_stages(&self, start: u64, what: &str, out: &mut Diagnostics) {
        let Some(stages) = &self.stages else { return };
        if stages.value.is_empty() {
            refuse(stages.origin, "at least one stage is needed", out);
        } else if start == 0 && stages.iter().all(|stage| stage.target.value == 0) {
            refuse(stages.origin, format!("{what} must be above 0"), out);
        } else if stages
            .iter()
            .all(|stage| stage.duration.span() == SimDuration::ZERO)
        {
            refuse(stages.origin, "these stages are over at once", out);
        }
    }
}

fn check_most(vus: u64, origin: Origin, name: &str, out: &mut Diagnostics) {
    if vus > MOST_VUS {
        let problem = format!("`{name}` is {vus}, but k6 has at most {MOST_VUS} users");
        refuse(origin, problem, out);
    }
}

fn check_length(length: Option<At<Millis>>, name: &str, out: &mut Diagnostics) {
    if let Some(length) = length.filter(|length| length.span() < SHORTEST) {
        let problem = format!("`{name}` must be at least 1s, not {}", length.span());
        let diagnostic = Diagnostic::error(length.origin, problem);
        out.push(diagnostic.help("a plain number is in milliseconds, as in k6"));
    }
}
