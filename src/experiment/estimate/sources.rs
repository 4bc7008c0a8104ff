//! Sources as their load tools see them, and those who persist.

use super::Estimating;
use crate::component::caller::Counts;
use crate::component::source::{Account, Begins};
use crate::experiment::findings::{CallerFindings, SourceFindings, Spread};
use crate::experiment::record::Record;
use crate::metrics::Outcome;
use crate::stats::{Estimate, Histogram};
use crate::traffic::tools::{Load, wrk};
use crate::units::{SimDuration, SimTime};

impl Estimating<'_> {
    /// Sources with users, and what a load tool would have counted.
    pub(super) fn source_findings(&self) -> Vec<SourceFindings> {
        let sources = self.blueprint().sources.iter().enumerate();
        let with_users = sources.filter(|(_, plan)| !plan.moves.is_empty());
        with_users.map(|(at, _)| self.source(at)).collect()
    }

    fn source(&self, at: usize) -> SourceFindings {
        let plan = &self.blueprint().sources[at];
        let windows = self.windows();
        let (from, to) = match &plan.begins {
            Begins::Tool(tool) => (tool.start, tool.end.min(windows.horizon)),
            _ => (SimTime::ZERO, windows.horizon),
        };
        let from = from.max(windows.start(windows.warm_up));
        let seconds = to.max(from).since(from).as_secs_f64();
        let count = |of: fn(&Account) -> f64| self.mean(|record| of(&record.sources[at]));
        let answers: Vec<Histogram> = self.histograms(at, |account| &account.answers);
        let is_closed = match &plan.begins {
            Begins::Arrivals { .. } => false,
            Begins::Users { .. } => true,
            Begins::Tool(tool) => matches!(tool.load, Load::Crew(_) | Load::Iterations { .. }),
        };
        let corrected = if is_closed {
            self.corrected(at, seconds, &answers)
        } else {
            None
        };
        let ends = Outcome::ALL.iter().filter_map(|outcome| {
            let n = self.mean(|record| record.sources[at].ends[outcome.index()] as f64)?;
            (n.value > 0.0).then(|| (outcome.name().to_owned(), n))
        });
        let asked = match &plan.begins {
            Begins::Tool(tool) => tool.asked,
            _ => None,
        };
        let entered = &self.blueprint().nodes[plan.enters.index()];
        SourceFindings {
            name: plan.name.clone(),
            kind: plan.kind.to_owned(),
            seconds,
            threads: asked.map(|asked| (asked.threads, asked.connections)),
            is_refused: matches!(entered, crate::component::Plan::Service(_)),
            begun: count(|own| own.begun as f64),
            done: count(|own| own.done as f64),
            broken_off: count(|own| own.failed as f64),
            interrupted: count(|own| own.interrupted as f64),
            dropped: count(|own| own.dropped as f64),
            skipped: count(|own| own.skipped as f64),
            late: count(|own| own.late as f64),
            held_up: count(|own| own.spun as f64),
            users_most: count(|own| own.users_most as f64),
            users: count(|own| own.users_mean),
            ends: ends.collect(),
            rounds: self.spread(&self.histograms(at, |account| &account.rounds)),
            answers: self.spread(&answers),
            expected_gap_s: corrected.as_ref().map(|own| own.0),
            corrected: corrected.and_then(|own| own.1),
        }
    }

    fn histograms(&self, at: usize, of: fn(&Account) -> &Histogram) -> Vec<Histogram> {
        let own = self.records.iter().map(|record| of(&record.sources[at]));
        own.cloned().collect()
    }

    /// Latencies with those that a waiting user has kept from happening, and the gap between two requests
    /// of one user that this rests on: its users' time over their requests, which is what wrk takes.
    fn corrected(
        &self,
        at: usize,
        seconds: f64,
        answers: &[Histogram],
    ) -> Option<(f64, Option<Spread>)> {
        // wrk divides by the connections that it was asked for, not by those that it opened.
        let asked = match &self.blueprint().sources[at].begins {
            Begins::Tool(tool) => tool.asked.map(|asked| asked.connections),
            _ => None,
        };
        let gaps = self.records.iter().zip(answers).map(|(record, own)| {
            let account = &record.sources[at];
            if let Some(connections) = asked {
                let runtime = SimDuration::from_secs_f64(seconds);
                let completed = own.n() + account.late;
                let gap = wrk::expected_interval(runtime, completed, connections);
                return gap.map(SimDuration::as_secs_f64);
            }
            let users = record.sources[at].users_mean * record.measured_s / seconds.max(1e-9);
            (own.n() > 0).then(|| seconds * users / own.n() as f64)
        });
        let gaps: Vec<f64> = gaps.collect::<Option<_>>()?;
        let with_missed = |(own, gap): (&Histogram, &f64)| {
            let mut all = Histogram::default();
            let interval = SimDuration::from_secs_f64(*gap);
            wrk::corrected(own.spans(), interval, |span, n| all.record_many(span, n));
            all
        };
        let corrected: Vec<_> = answers.iter().zip(&gaps).map(with_missed).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
        Some((mean, self.spread(&corrected)))
    }

    fn spread(&self, own: &[Histogram]) -> Option<Spread> {
        let mut pooled = Histogram::default();
        for part in own {
            pooled.merge(part);
        }
        let quantile = |p: f64| self.quantile(p, &pooled, own);
        let mean_s = self.histogram_mean(&pooled, own)?;
        let (mut squares, mut within, n) = (0.0, 0.0, pooled.n() as f64);
        for (span, times) in pooled.spans() {
            squares += (span.as_secs_f64() - mean_s.value).powi(2) * times as f64;
        }
        let sd_s = (squares / n).sqrt();
        for (span, times) in pooled.spans() {
            if (span.as_secs_f64() - mean_s.value).abs() <= sd_s {
                within += times as f64;
            }
        }
        let mut spans = pooled.spans().map(|(span, _)| span.as_secs_f64());
        let min_s = spans.next()?;
        Some(Spread {
            n: n / own.len() as f64,
            min_s,
            max_s: spans.last().unwrap_or(min_s),
            mean_s,
            sd_s,
            within_sd: within / n,
            p50_s: quantile(0.5)?,
            p75_s: quantile(0.75)?,
            p90_s: quantile(0.9)?,
            p95_s: quantile(0.95)?,
            p99_s: quantile(0.99)?,
            p999_s: quantile(0.999)?,
        })
    }

    /// Those who persist.
    pub(super) fn caller_findings(&self) -> Vec<CallerFindings> {
        let callers = self.blueprint().callers.iter().enumerate();
        let persists = |plan: &crate::component::caller::Plan| plan.persists();
        let own = callers.filter(|(_, plan)| persists(plan));
        own.map(|(at, plan)| self.caller(at, &plan.name)).collect()
    }

    fn caller(&self, at: usize, name: &str) -> CallerFindings {
        let rate = |of: fn(&Counts) -> u64| self.rate(|record| of(&record.callers[at]) as f64);
        let ratio = |of: fn(&Counts) -> (u64, u64)| {
            let own = |record: &Record| {
                let (part, whole) = of(&record.callers[at]);
                (whole > 0).then(|| part as f64 / whole as f64)
            };
            let values: Vec<f64> = self.records.iter().filter_map(own).collect();
            Estimate::mean(&values, self.confidence)
        };
        CallerFindings {
            name: name.to_owned(),
            errands: rate(|own| own.errands),
            attempts_per_errand: ratio(|own| (own.attempts, own.errands)),
            retries: rate(|own| own.retries),
            hedges: rate(|own| own.copies),
            timed_out: ratio(|own| (own.timeouts, own.attempts)),
            out_of_budget: rate(|own| own.out_of_budget),
            breaker_rejections: rate(|own| own.breaker_rejections),
            limit_rejections: rate(|own| own.limit_rejections),
        }
    }
}
