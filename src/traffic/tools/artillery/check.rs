//! What Artillery refuses, runs for ever, or does otherwise than it reads.

use super::divide::share;
use super::{Artillery, ArtilleryPhase, Mode};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Seconds};
use crate::units::SimDuration;

/// More would only make one step of the schedule slow.
const MOST_WORKERS: u32 = 1_000;
/// Artillery's clock of even gaps counts microseconds.
const MOST_EVEN: f64 = 1e6;
/// The timers of a ramp go at most once a millisecond.
const MOST_RAMP: f64 = 1e3;

impl Artillery {
    pub(super) fn check(&self, _: Origin, out: &mut Diagnostics) {
        let n = self.workers.get();
        if n > MOST_WORKERS {
            let problem = format!("at most {MOST_WORKERS} workers, not {n}");
            out.push(Diagnostic::error(self.workers.origin, problem));
        }
        if self.phases.is_empty() {
            let none = Diagnostic::error(self.phases.origin, "at least one phase is needed");
            out.push(none);
        }
        for phase in &self.phases.value {
            phase.check(self.phases.origin, n, out);
        }
    }
}

/// The fields that say what a phase is.
type Given = Vec<(&'static str, Origin)>;

impl ArtilleryPhase {
    fn given(&self) -> Given {
        fn at<T>(given: Option<&At<T>>) -> Option<Origin> {
            given.map(|given| given.origin)
        }
        let all = [
            ("pause", at(self.pause.as_ref())),
            ("arrivalCount", at(self.arrival_count.as_ref())),
            ("arrivalRate", at(self.arrival_rate.as_ref())),
            ("rampTo", at(self.ramp_to.as_ref())),
            ("duration", at(self.duration.as_ref())),
            ("maxVusers", at(self.max_vusers.as_ref())),
            ("mode", at(self.mode.as_ref())),
        ];
        let given = |(name, place): (_, Option<_>)| Some((name, place?));
        all.into_iter().filter_map(given).collect()
    }

    fn check(&self, list: Origin, n: u32, out: &mut Diagnostics) {
        let given = self.given();
        let before = out.n_errors();
        match given.first() {
            None => {
                let nothing = Diagnostic::error(list, "a phase does not say who comes");
                out.push(nothing.label("needs `arrivalRate`, `arrivalCount` or `pause`"));
            }
            Some(&("pause", place)) => clash(&given, place, &["pause"], out),
            Some(&("arrivalCount", place)) => {
                clash(
                    &given,
                    place,
                    &["arrivalCount", "duration", "maxVusers", "mode"],
                    out,
                );
            }
            Some(&("arrivalRate", _)) => {}
            Some(&("rampTo", place)) => out.push(
                Diagnostic::error(place, "`rampTo` without `arrivalRate`")
                    .help("to start from nothing, add `arrivalRate = 0`"),
            ),
            Some(&(_, place)) => out.push(
                Diagnostic::error(place, "this phase does not say who comes")
                    .label("needs `arrivalRate`, `arrivalCount` or `pause`"),
            ),
        }
        self.check_spans(&given, out);
        self.check_numbers(out);
        if out.n_errors() > before {
            return;
        }
        self.check_rates(n, out);
        self.warn_of_mode(out);
    }

    fn check_spans(&self, given: &Given, out: &mut Diagnostics) {
        for (name, span) in [("duration", self.duration), ("pause", self.pause)] {
            if let Some(span) = span.filter(|span| span.span() == SimDuration::ZERO) {
                let problem = format!("`{name}` must be longer than 0");
                out.push(Diagnostic::error(span.origin, problem));
            }
        }
        let timed = |&&(name, _): &&(&str, Origin)| name != "mode" && name != "maxVusers";
        if self.pause.is_none()
            && self.duration.is_none()
            && let Some(&(name, place)) = given.iter().find(timed)
        {
            let problem = format!("`{name}` without `duration`");
            out.push(Diagnostic::error(place, problem).label("for how long?"));
        }
    }

    fn check_numbers(&self, out: &mut Diagnostics) {
        for (name, rate) in [("arrivalRate", self.arrival_rate), ("rampTo", self.ramp_to)] {
            if let Some(rate) = rate.filter(|rate| rate.value < 0.0) {
                let problem = format!("`{name}` cannot be negative");
                out.push(Diagnostic::error(rate.origin, problem));
            }
        }
        if let Some(count) = self.arrival_count.filter(|count| count.value == 0) {
            let nobody = Diagnostic::error(count.origin, "`arrivalCount` must be above 0");
            out.push(nobody.help("for a phase without users, write `pause`"));
        }
        // Artillery divides a ramp evenly, but a constant rate (and a ramp to 0) in whole users.
        let ramps = self.ramp_to.is_some_and(|to| to.value > 0.0);
        let whole = |rate: &At<f64>| rate.value.fract().abs() <= 0.0;
        if let Some(rate) = self.arrival_rate.filter(|rate| !ramps && !whole(rate)) {
            let problem = format!("`arrivalRate` must be a whole number, not {}", rate.value);
            let help = "Artillery shares out whole users between its workers; for one user every \
                        few seconds, use `arrivalCount`";
            out.push(Diagnostic::error(rate.origin, problem).help(help));
        }
    }

    /// What a clock of a worker cannot do.
    fn check_rates(&self, n: u32, out: &mut Diagnostics) {
        let Some(duration) = self.duration else {
            return;
        };
        if let Some(count) = self.arrival_count {
            let gap = duration.span().as_nanos() as f64 / count.value as f64;
            check_gap(gap, duration, count.origin, "arrivalCount", out);
        } else if let (Some(to), Some(rate)) = (self.ramp_to, self.arrival_rate) {
            check_ramp(
                rate.value.max(to.value) / f64::from(n),
                duration,
                to.origin,
                out,
            );
        } else if let Some(rate) = self.arrival_rate.filter(|rate| rate.value > 0.0) {
            // A rate beyond 64 bits is cut to what they hold, which is refused all the same.
            let rates = rate.value as u64;
            let slowest = share(rates, n.min(u32::try_from(rates).unwrap_or(n)) - 1, n);
            if rate.value / f64::from(n) > MOST_EVEN {
                let problem = format!("at most {MOST_EVEN} users per second and worker");
                out.push(Diagnostic::error(rate.origin, problem));
            } else if self.mode.is_none_or(|mode| mode.value == Mode::Uniform) {
                let gap = 1e9 / slowest.max(1) as f64;
                check_gap(gap, duration, rate.origin, "arrivalRate", out);
            }
        }
    }

    /// Artillery takes the mode of a ramp or a count without a word, and ignores it.
    fn warn_of_mode(&self, out: &mut Diagnostics) {
        let counts = self.arrival_count.is_some();
        if let Some(mode) = self.mode.filter(|_| counts || self.ramp_to.is_some()) {
            let what = if counts {
                "an `arrivalCount`"
            } else {
                "a ramp"
            };
            let problem = format!("Artillery ignores the mode of {what}");
            out.push(Diagnostic::warning(mode.origin, problem));
        }
    }
}

/// Reports every field beside those that go together.
fn clash(given: &Given, first: Origin, together: &[&str], out: &mut Diagnostics) {
    for &(name, place) in given.iter().filter(|(name, _)| !together.contains(name)) {
        let problem = format!("`{name}` and `{}` do not go together", together[0]);
        let diagnostic = Diagnostic::error(place, problem);
        out.push(diagnostic.related(first, format!("`{}` is here", together[0])));
    }
}

/// A gap, in nanoseconds, that is no microsecond or longer than the phase.
fn check_gap(gap: f64, lasts: At<Seconds>, place: Origin, name: &str, out: &mut Diagnostics) {
    if gap < 1e3 {
        let problem = format!("`{name}` is more than one user per microsecond");
        out.push(Diagnostic::error(place, problem));
    } else if (gap / 1e3).floor() > (lasts.span().as_nanos() / 1_000) as f64 {
        let problem = "this phase is shorter than the gap between two users";
        let diagnostic = Diagnostic::error(lasts.origin, problem).related(place, "set here");
        out.push(diagnostic.help("Artillery would never end it"));
    }
}

/// A ramp of so many users per second and worker at most.
fn check_ramp(most: f64, lasts: At<Seconds>, to: Origin, out: &mut Diagnostics) {
    if !lasts.span().as_nanos().is_multiple_of(1_000_000_000) {
        let problem = "a ramp goes second by second";
        let diagnostic = Diagnostic::error(lasts.origin, problem);
        out.push(diagnostic.help("give it a whole number of seconds"));
    }
    if most > MOST_RAMP {
        let problem = format!("at most {MOST_RAMP} users per second and worker in a ramp");
        let help = "Artillery's timers go once a millisecond; give it more `workers`";
        out.push(Diagnostic::error(to, problem).help(help));
    }
}
