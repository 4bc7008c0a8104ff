//! What happened over time: recovery, instances, second by second.

use serde_json::Value;

use super::predict::{Predicted, Second};
use super::truth::{Repetition, Truth};

/// When the system was well again after what was done to it, in seconds after that was over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recovery {
    /// When it was over, in seconds.
    pub after_s: f64,
    /// How long it took; nothing if it was not well again by the end.
    pub predicted_s: Option<f64>,
    /// See `predicted_s`.
    pub measured_s: Option<f64>,
}

impl Recovery {
    /// True if it is right to 20 %, or to a second, which is what can be told.
    pub fn is_right(&self) -> bool {
        match (self.predicted_s, self.measured_s) {
            (Some(own), Some(real)) => (own - real).abs() <= (0.2 * real).max(1.0),
            (None, None) => true,
            _ => false,
        }
    }
}

/// How many instances there were meant to be, by look of the autoscaler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instances {
    /// After each look.
    pub predicted: Vec<u32>,
    /// See `predicted`.
    pub measured: Vec<u32>,
}

impl Instances {
    /// How many looks came out alike.
    pub fn alike(&self) -> usize {
        let both = self.predicted.iter().zip(&self.measured);
        both.filter(|(own, real)| own == real).count()
    }
}

/// What happened over time in a repetition.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// The repetition.
    pub repetition: u32,
    /// By how much the answers of a second were off, on average, relative to the answers of a second.
    pub answers_off: Option<f64>,
    /// The median over the seconds of the error of their median latency.
    pub p50_off: Option<f64>,
    /// When the system was well again, if something was done to it.
    pub recovery: Option<Recovery>,
    /// How many instances there were, if that was decided by a rule.
    pub instances: Option<Instances>,
    /// Second by second: predicted and measured.
    pub seconds: Vec<(Second, Second)>,
}

/// What happened over time in a repetition.
pub(super) fn shape(truth: &Truth, real: &Repetition, own: &Predicted) -> Shape {
    let measured = measured_seconds(&real.json);
    let seconds: Vec<(Second, Second)> = own.seconds.iter().cloned().zip(measured).collect();
    let sum = |of: &dyn Fn(&(Second, Second)) -> f64| seconds.iter().map(of).sum::<f64>();
    let answered = sum(&|own| own.1.completed);
    let off = sum(&|own| (own.0.completed - own.1.completed).abs());
    let mut p50: Vec<f64> = seconds
        .iter()
        .filter_map(|own| Some((own.0.p50_ms? / own.1.p50_ms.filter(|ms| *ms > 0.0)? - 1.0).abs()))
        .collect();
    p50.sort_by(f64::total_cmp);
    let both =
        |of: fn(&(Second, Second)) -> &Second| -> Vec<&Second> { seconds.iter().map(of).collect() };
    let recovery = disturbance(truth).map(|(from, to)| Recovery {
        after_s: to,
        predicted_s: recovered(&both(|own| &own.0), from, to),
        measured_s: recovered(&both(|own| &own.1), from, to),
    });
    Shape {
        repetition: real.number,
        answers_off: (answered > 0.0).then(|| off / answered),
        p50_off: p50.get(p50.len() / 2).copied(),
        recovery,
        instances: instances(&real.json, &own.looks),
        seconds,
    }
}

/// The seconds of a recording: `t_s`, `sent`, `ok`, `failed`, `p50_ms`, `p95_ms`, `p99_ms`, `completed_ok`.
fn measured_seconds(json: &Value) -> Vec<Second> {
    let columns: Vec<&str> = json["per_second_columns"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let at = |name: &str| columns.iter().position(|own| *own == name);
    let second = |row: &Value| {
        let number = |name: &str| at(name).and_then(|at| row[at].as_f64());
        Second {
            sent: number("sent").unwrap_or(0.0),
            failed: number("failed").unwrap_or(0.0),
            p50_ms: number("p50_ms"),
            p95_ms: number("p95_ms"),
            completed: number("completed_ok").unwrap_or(0.0),
        }
    };
    let rows = json["per_second"].as_array().into_iter().flatten();
    rows.map(second).collect()
}

/// From when to when something was done to the system, in seconds: a burst of traffic, a server killed, servers
/// restarted one after another.
fn disturbance(truth: &Truth) -> Option<(f64, f64)> {
    let config = &truth.json["config"];
    for key in ["spike", "kill"] {
        if let (Some(from), Some(to)) = (config[key][0].as_f64(), config[key][1].as_f64()) {
            return Some((from, to));
        }
    }
    let (first, interval) = (config["first"].as_f64()?, config["interval"].as_f64()?);
    let n = config["backends"].as_f64()?;
    let boot = config["boot_ms"].as_f64().unwrap_or(0.0) / 1e3;
    Some((first, first + (n - 1.0) * interval + boot))
}

/// A second is well if half of its requests take at most so many times as long as before.
const WELL: f64 = 2.0;
/// So many seconds in a row must be well.
const IN_A_ROW: usize = 3;

/// How long after `to` the system was well again; nothing if it was not.
fn recovered(seconds: &[&Second], from: f64, to: f64) -> Option<f64> {
    let (from, to) = (from.floor() as usize, to.ceil() as usize);
    let mut before: Vec<f64> = seconds
        .iter()
        .take(from)
        .filter_map(|own| own.p50_ms)
        .collect();
    before.sort_by(f64::total_cmp);
    let usual = *before.get(before.len() / 2)?;
    let well = |own: &&Second| {
        let answered = own.p50_ms.is_some_and(|ms| ms <= WELL * usual);
        own.sent == 0.0 || (answered && own.failed <= 0.1 * own.sent)
    };
    let rest = seconds.get(to..)?;
    let first = rest
        .windows(IN_A_ROW)
        .position(|some| some.iter().all(well))?;
    Some(first as f64)
}

/// The decisions of a rule.
fn instances(json: &Value, looks: &[(f64, u32, u32)]) -> Option<Instances> {
    let events = json["events"].as_array()?;
    let decision = |event: &Value| {
        let about = &event[2];
        let (there, change) = (
            about["in_service_or_booting"].as_i64()?,
            about["change"].as_i64()?,
        );
        (event[1] == "decision").then(|| u32::try_from(there + change).ok())?
    };
    let measured: Vec<u32> = events.iter().filter_map(decision).collect();
    if measured.is_empty() {
        return None;
    }
    Some(Instances {
        predicted: looks.iter().map(|own| own.2).collect(),
        measured,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(p50: &[f64]) -> Vec<Second> {
        let second = |ms: &f64| Second {
            sent: 10.0,
            p50_ms: (*ms > 0.0).then_some(*ms),
            failed: if *ms > 0.0 { 0.0 } else { 10.0 },
            ..Second::default()
        };
        p50.iter().map(second).collect()
    }

    #[test]
    fn a_system_is_well_again_when_it_stays_well() {
        // A burst from 2 to 4; well for a moment at 5, and for good at 7.
        let all = seconds(&[10.0, 10.0, 90.0, 90.0, 90.0, 15.0, 50.0, 20.0, 19.0, 10.0]);
        let all: Vec<&Second> = all.iter().collect();
        assert_eq!(recovered(&all, 2.0, 4.0), Some(3.0));
        // Never, where nobody is answered any more.
        let all = seconds(&[10.0, 10.0, 90.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let all: Vec<&Second> = all.iter().collect();
        assert_eq!(recovered(&all, 2.0, 3.0), None);
    }
}
