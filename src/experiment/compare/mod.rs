//! Two configurations on the same random numbers: what differs, by how much, and whether it is better.

mod judge;

use std::sync::atomic::Ordering;

use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};
use serde::Serialize;

pub use judge::Word;

use super::estimate::estimate;
use super::estimate::measured::{About, Measured, measured};
use super::findings::{Findings, Stop};
use super::record::{Record, replicate};
use super::run::{BATCH, Session};
use crate::metrics::{Metric, Unit};
use crate::objective::Verdict;
use crate::scenario::Scenario;
use crate::stats::{Confidence, Estimate, Paired, Sample};
use crate::units::Fraction;

/// What the pairs of replications of two configurations, A and B, say together.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// How many pairs.
    pub pairs: u32,
    /// Why there were no more.
    pub stop: Stop,
    /// The level of the intervals: those of the main figures hold together, every other one by itself.
    pub level: f64,
    /// Differences below this, relative to the figure, do not matter.
    pub tolerance: f64,
    /// Every figure that either side has, in a fixed order.
    pub figures: Vec<Compared>,
    /// Requests of each side and replication, where both saw as many of every class in every one.
    pub same_requests: Option<f64>,
    /// What was found of A.
    pub a: Findings,
    /// What was found of B.
    pub b: Findings,
}

/// A figure of A and B, and how far they are apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Its name in files: `latency_p95`, `page.latency_p95`, `web.CPU.utilization`.
    pub name: String,
    /// What it is called in text.
    #[serde(skip)]
    pub words: String,
    /// What it is about.
    pub about: About,
    /// What it is measured in.
    #[serde(skip)]
    pub unit: Unit,
    /// Whether the verdict rests on it: an objective bounds it, it is the cost, or stands for what nobody bounded.
    pub is_main: bool,
    /// What it is in A; nothing without data.
    pub a: Option<Estimate>,
    /// What it is in B; nothing without data.
    pub b: Option<Estimate>,
    /// B - A; nothing where one of them has no data.
    pub difference: Option<Estimate>,
    /// B / A - 1; nothing where A is zero.
    pub relative: Option<Estimate>,
    /// How alike the replications of both are.
    pub correlation: Option<f64>,
    /// How many times as many replications the interval would take without common random numbers.
    pub saved: Option<f64>,
    /// What that means.
    pub word: Word,
}

impl Comparison {
    /// The figures on which the verdict rests.
    pub fn main(&self) -> impl Iterator<Item = &Compared> {
        self.figures.iter().filter(|own| own.is_main)
    }

    /// A figure by its name.
    pub fn figure(&self, name: &str) -> Option<&Compared> {
        self.figures.iter().find(|own| own.name == name)
    }

    /// Whether B is worse than A: a main figure is, it misses an objective that A does not, or it is hopelessly
    /// overloaded and A is not.
    pub fn is_worse(&self) -> bool {
        let is_missed = |own: &Findings, name: &str| {
            let mut missed = own
                .objectives
                .iter()
                .filter(|o| o.verdict == Verdict::NotMet);
            missed.any(|objective| objective.name == name)
        };
        let mut objectives = self.b.objectives.iter();
        self.main().any(|own| own.word == Word::Worse)
            || objectives.any(|o| is_missed(&self.b, &o.name) && !is_missed(&self.a, &o.name))
            || (self.b.overflow_s.is_some() && self.a.overflow_s.is_none())
    }

    /// Whether some main figure is neither better nor worse nor the same, as far as is known.
    pub fn is_undecided(&self) -> bool {
        self.main().any(|own| own.word == Word::Undecided)
    }
}

/// Compares two configurations on the same random numbers, with as many pairs of replications as A's rule asks
/// for: until the difference of every main figure is as precise as its `precision`. `b` is to have A's seed
/// ([`Scenario::drawn_like`]). Nothing if it was interrupted.
pub fn compare(
    a: &Scenario,
    b: &Scenario,
    tolerance: Fraction,
    session: &Session<'_>,
) -> Option<Comparison> {
    let rule = a.replications();
    let mut records: [Vec<Record>; 2] = [Vec::new(), Vec::new()];
    let mut upto = rule.at_least;
    let planned = &session.counters.runs_planned;
    planned.fetch_add(2 * u64::from(upto), Ordering::Relaxed);
    loop {
        let from = records[0].len() as u32;
        let more = [a, b].map(|own| (from..upto).map(move |number| (own, number)));
        let more: Vec<_> = more.into_iter().flatten().collect();
        let more: Option<Vec<Record>> = more
            .into_par_iter()
            .with_max_len(1)
            .map(|(own, number)| replicate(own, number, session))
            .collect();
        let mut more = more?;
        records[1].extend(more.split_off((upto - from) as usize));
        records[0].extend(more);
        let mut compared = put_together([a, b], &records, tolerance);
        let is_fixed = rule.at_least == rule.at_most;
        compared.stop = if is_fixed {
            Stop::AsAsked
        } else {
            Stop::AtMost
        };
        let precision = rule.precision.get();
        let is_precise = compared.main().all(|own| judge::is_precise(own, precision));
        if upto >= rule.at_most || is_precise {
            if is_precise && !is_fixed {
                compared.stop = Stop::Precise;
            }
            return Some(compared);
        }
        let next = (upto + BATCH).min(rule.at_most);
        planned.fetch_add(2 * u64::from(next - upto), Ordering::Relaxed);
        upto = next;
    }
}

/// All figures of both, by name: in A's order, what only B has after what is like it.
fn joined(a: Vec<Measured>, b: Vec<Measured>) -> Vec<(Measured, Option<Sample>, Option<Sample>)> {
    let mut b: Vec<Option<Measured>> = b.into_iter().map(Some).collect();
    let mut all = Vec::new();
    for own in a {
        let other = b
            .iter_mut()
            .find(|o| o.as_ref().is_some_and(|o| o.name == own.name));
        let other = other.and_then(Option::take).map(|other| other.sample);
        let sample = Some(own.sample.clone());
        all.push((own, sample, other));
    }
    for own in b.into_iter().flatten() {
        let sample = Some(own.sample.clone());
        all.push((own, None, sample));
    }
    all.sort_by_key(|(own, _, _)| own.about);
    all
}

fn put_together(
    scenarios: [&Scenario; 2],
    records: &[Vec<Record>; 2],
    tolerance: Fraction,
) -> Comparison {
    let [a, b] = scenarios;
    let all = joined(measured(a, &records[0]), measured(b, &records[1]));
    let is_zero = |own: &Option<Sample>| own.as_ref().is_none_or(|own| own.value() == 0.0);
    // What never happens on either side is no news, but for errors, of which that is just the news.
    let is_news = |(own, a, b): &(Measured, Option<Sample>, Option<Sample>)| {
        own.about == About::All || !(is_zero(a) && is_zero(b))
    };
    let all: Vec<_> = all.into_iter().filter(is_news).collect();
    let main: Vec<bool> = {
        let names: Vec<&str> = all.iter().map(|own| own.0.name.as_str()).collect();
        let mut main = judge::main_figures(scenarios, &names);
        // A cost of nothing is no figure to rest on.
        for (is_main, (own, a, b)) in main.iter_mut().zip(&all) {
            *is_main &= own.name != Metric::Cost.name() || !(is_zero(a) && is_zero(b));
        }
        main
    };
    let n_main = main.iter().filter(|is_main| **is_main).count();
    let single = a.confidence();
    let together = single.for_all(n_main);
    let figures = all.into_iter().zip(main).map(|((own, a, b), is_main)| {
        let confidence = if is_main { together } else { single };
        compared(own, [a, b], is_main, [single, confidence], tolerance)
    });
    let figures = figures.collect();
    let [of_a, of_b] = [0, 1].map(|at| estimate(scenarios[at], &records[at], Stop::AsAsked));
    Comparison {
        pairs: records[0].len() as u32,
        stop: Stop::AsAsked,
        level: single.get(),
        tolerance: tolerance.get(),
        figures,
        same_requests: same_requests(records),
        a: of_a,
        b: of_b,
    }
}

/// One figure of both. `levels` are those of the figures themselves and of their difference.
fn compared(
    own: Measured,
    [a, b]: [Option<Sample>; 2],
    is_main: bool,
    [single, confidence]: [Confidence; 2],
    tolerance: Fraction,
) -> Compared {
    let both = a.as_ref().zip(b.as_ref());
    let paired = both.map(|(a, b)| Paired::new(a, b, confidence));
    let estimate = |own: Option<Sample>| own.map(|own| own.estimate(single));
    let words = own.words.unwrap_or_else(|| own.name.clone());
    let mut compared = Compared {
        name: own.name,
        words,
        about: own.about,
        unit: own.unit,
        is_main,
        a: estimate(a),
        b: estimate(b),
        difference: paired.map(|own| own.difference),
        relative: paired.and_then(|own| own.relative),
        correlation: paired.and_then(|own| own.correlation),
        saved: paired.and_then(|own| own.saved),
        word: Word::Undecided,
    };
    let is_identical = paired.is_some_and(|own| own.is_identical && own.pairs > 0);
    compared.word = judge::word(&compared, own.good, is_identical, tolerance.get());
    compared
}

/// How many requests a replication had, if both sides saw as many of every class in each.
fn same_requests(records: &[Vec<Record>; 2]) -> Option<f64> {
    let counts = |record: &Record| {
        record
            .classes
            .iter()
            .map(|own| own.arrived)
            .collect::<Vec<_>>()
    };
    let is_same = |(a, b): (&Record, &Record)| counts(a) == counts(b);
    let all = records[0].iter().zip(&records[1]).all(is_same);
    let sum: u64 = records[0].iter().flat_map(counts).sum();
    all.then(|| sum as f64 / records[0].len().max(1) as f64)
}
