//! A recording, simulated.

use std::path::Path;

use super::truth::{ATTEMPTS, HIT_RATIO, Measured, Repetition, Truth};
use super::{Problem, scenario_text};
use crate::component::source::Begins;
use crate::experiment::{Findings, Record, Session, findings_of, replicate};
use crate::metrics::Outcome;
use crate::scenario::{Memory, Problems, Scenario, load};
use crate::stats::Histogram;
use crate::traffic::tools::wrk;
use crate::units::SimDuration;

/// A second of a repetition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Second {
    /// Requests that were due in it.
    pub sent: f64,
    /// Of these, how many failed.
    pub failed: f64,
    /// Median and 95th percentile of the latency of those that were served, in milliseconds.
    pub p50_ms: Option<f64>,
    /// See `p50_ms`.
    pub p95_ms: Option<f64>,
    /// Answers that came in it.
    pub completed: f64,
}

/// A repetition, simulated.
#[derive(Debug)]
pub struct Predicted {
    /// Its number.
    pub number: u32,
    /// What came of it.
    pub figures: Measured,
    /// By second.
    pub seconds: Vec<Second>,
    /// By look of an autoscaler: when (seconds), how many instances there were meant to be before and after.
    pub looks: Vec<(f64, u32, u32)>,
    /// The scenario.
    pub scenario: Box<Scenario>,
    /// The scenario as it was written.
    pub text: String,
    /// The schedule that it uses, if it does: its name and the file.
    pub schedule: Option<(String, Vec<u8>)>,
    record: Record,
}

/// A recording, simulated.
#[derive(Debug)]
pub struct Prediction {
    /// All repetitions together.
    pub figures: Measured,
    /// The repetitions.
    pub repetitions: Vec<Predicted>,
}

/// Why a recording was not simulated.
#[derive(Debug)]
pub enum Failed {
    /// Something is wrong with the recording.
    Recording(Problem),
    /// The scenario that was built from it is not right.
    Scenario(Box<(String, Problems)>),
    /// It was interrupted.
    Interrupted,
}

/// Simulates a repetition.
pub fn predict(
    truth: &Truth,
    repetition: &Repetition,
    session: &Session<'_>,
) -> Result<Predicted, Failed> {
    let text = scenario_text(truth, repetition).map_err(Failed::Recording)?;
    let name = format!("{}.rep{}.toml", truth.id, repetition.number);
    let mut files = Memory::default().with(&name, text.clone());
    if let Some(schedule) = &repetition.schedule {
        files = files.with(&schedule.name, schedule.bytes.clone());
    }
    let loaded = load(&files, Path::new(&name), &[])
        .map_err(|problems| Failed::Scenario(Box::new((name, problems))))?;
    let scenario = loaded.scenario;
    let record = replicate(&scenario, 0, session).ok_or(Failed::Interrupted)?;
    let findings = findings_of(&scenario, std::slice::from_ref(&record));
    let figures = figures(&scenario, &[&record], std::slice::from_ref(&findings));
    Ok(Predicted {
        number: repetition.number,
        figures,
        seconds: seconds(&record),
        looks: looks(&findings),
        scenario: Box::new(scenario),
        text,
        schedule: (repetition.schedule.as_ref()).map(|own| (own.name.clone(), own.bytes.clone())),
        record,
    })
}

impl Prediction {
    /// Puts repetitions together.
    pub fn of(repetitions: Vec<Predicted>) -> Self {
        let records: Vec<&Record> = repetitions.iter().map(|own| &own.record).collect();
        let figures = match repetitions.first() {
            Some(first) => {
                let mut pooled = figures(&first.scenario, &records, &[]);
                let hits = repetitions.iter().map(|own| own.figures.get(HIT_RATIO));
                let hits: Option<Vec<f64>> = hits.collect();
                let mean = hits.map(|all| all.iter().sum::<f64>() / all.len() as f64);
                pooled.figures.extend(mean.map(|mean| (HIT_RATIO, mean)));
                pooled
            }
            None => Measured::default(),
        };
        Self {
            figures,
            repetitions,
        }
    }
}

fn milliseconds(span: SimDuration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// Figures of replications together; `findings` where they say more.
fn figures(scenario: &Scenario, records: &[&Record], findings: &[Findings]) -> Measured {
    let served = latencies(scenario, records);
    let (mut ok, mut ended, mut attempts, mut arrived, mut seconds) = (0, 0, 0, 0, 0.0);
    let warm_up = scenario.blueprint().windows.warm_up;
    for record in records {
        for class in &record.classes {
            for outcome in Outcome::ALL {
                let n = class.outcomes[outcome.index()];
                // What the end of a test cut off was not measured.
                if *outcome == Outcome::Interrupted {
                    continue;
                }
                ended += n;
                ok += if outcome.is_success() { n } else { 0 };
            }
        }
        attempts += record.windows.iter().map(|own| own.attempts).sum::<u64>();
        arrived += record.windows.iter().map(|own| own.arrived).sum::<u64>();
        let measured = record.windows.iter().skip(warm_up);
        seconds += measured.map(|own| own.seconds).sum::<f64>();
    }
    let mut figures = Vec::new();
    if served.n() > 0 {
        figures.extend(served.mean().map(|mean| ("mean_ms", milliseconds(mean))));
        for (name, p) in [
            ("p50_ms", 0.5),
            ("p90_ms", 0.9),
            ("p95_ms", 0.95),
            ("p99_ms", 0.99),
        ] {
            figures.extend(served.quantile(p).map(|own| (name, milliseconds(own))));
        }
    }
    if seconds > 0.0 {
        figures.push(("throughput_ok_per_s", ok as f64 / seconds));
    }
    if ended > 0 {
        figures.push(("error_share", (ended - ok) as f64 / ended as f64));
    }
    if attempts > 0 && arrived > 0 {
        figures.push((ATTEMPTS, attempts as f64 / arrived as f64));
    }
    let hits = findings.iter().flat_map(|own| own.hit_ratios.values());
    figures.extend(hits.map(|own| own.value).next().map(|own| (HIT_RATIO, own)));
    Measured { figures }
}

/// Latencies of what was served; as wrk prints them where it is the source.
fn latencies(scenario: &Scenario, records: &[&Record]) -> Histogram {
    let mut served = Histogram::default();
    let tool = scenario
        .blueprint()
        .sources
        .iter()
        .find_map(|source| match &source.begins {
            Begins::Tool(tool) => tool.asked.map(|asked| (asked.connections, tool.end)),
            _ => None,
        });
    for record in records {
        let mut own = Histogram::default();
        for class in &record.classes {
            own.merge(&class.served);
        }
        let gap = tool.and_then(|(connections, end)| {
            wrk::expected_interval(end.since(crate::units::SimTime::ZERO), own.n(), connections)
        });
        match gap {
            Some(gap) => wrk::corrected(own.spans(), gap, |span, n| served.record_many(span, n)),
            None => served.merge(&own),
        }
    }
    served
}

fn seconds(record: &Record) -> Vec<Second> {
    let second = |own: &crate::experiment::WindowRecord| Second {
        sent: own.arrived as f64,
        failed: own.unserved as f64,
        p50_ms: own.served[0].map(|s| s * 1e3),
        p95_ms: own.served[1].map(|s| s * 1e3),
        completed: own.answered as f64,
    };
    record.windows.iter().map(second).collect()
}

fn looks(findings: &Findings) -> Vec<(f64, u32, u32)> {
    let looks = findings.looks.iter();
    looks.map(|own| (own.at_s, own.from, own.to)).collect()
}
