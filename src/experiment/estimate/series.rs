//! Figures over time, and what autoscalers did.

use super::Estimating;
use crate::experiment::findings::{Column, LogLine, Look, Series};
use crate::experiment::record::{LogRecord, LookRecord, Record};
use crate::stats::Estimate;

impl Estimating<'_> {
    /// Every look of every autoscaler in the first replication.
    pub(super) fn looks(&self) -> Vec<Look> {
        let Some(first) = self.records.first() else {
            return Vec::new();
        };
        let look = |look: &LookRecord| Look {
            service: look.service.clone(),
            autoscaler: look.autoscaler.clone(),
            at_s: look.at.as_secs_f64(),
            from: look.from,
            wanted: look.wanted,
            to: look.to,
            throughput: look.throughput,
            response_p95_s: look.response_p95,
            metric: look.sight.map(|sight| sight.name()),
            value: look.sight.and_then(|sight| sight.value),
            target: look.sight.map(|sight| sight.target),
            reason: look.reason.words().to_owned(),
        };
        first.looks.iter().map(look).collect()
    }

    /// What happened to single requests in the first replication.
    pub(super) fn log(&self) -> Vec<LogLine> {
        let line = |own: &LogRecord| LogLine {
            subject: own.subject.clone(),
            from_s: own.from.as_secs_f64(),
            to_s: own.to.as_secs_f64(),
            outcome: own.outcome.map(str::to_owned),
            attempts: own.attempts,
        };
        let first = self.records.first();
        first.map_or(Vec::new(), |own| own.log.iter().map(line).collect())
    }

    /// Figures by window.
    pub(super) fn series(&self) -> Series {
        let windows = self.windows();
        let mut columns = Vec::new();
        self.add_traffic(&mut columns);
        self.add_resources(&mut columns);
        self.add_dropped(&mut columns);
        Series {
            bounds_s: (0..=windows.count)
                .map(|w| windows.start(w).as_secs_f64())
                .collect(),
            warm_up_s: windows.start(windows.warm_up).as_secs_f64(),
            columns,
        }
    }

    /// One figure over time.
    fn column(
        &self,
        component: &str,
        figure: String,
        of: &dyn Fn(&Record, usize) -> Option<f64>,
    ) -> Column {
        let in_window = |number: usize| {
            let own = self.records.iter();
            let own = own.filter(|record| number < record.windows.len());
            let values: Vec<f64> = own.filter_map(|record| of(record, number)).collect();
            Estimate::mean(&values, self.confidence)
        };
        Column {
            component: component.to_owned(),
            figure,
            values: (0..self.windows().count).map(in_window).collect(),
        }
    }

    /// Requests, answers and latencies.
    fn add_traffic(&self, columns: &mut Vec<Column>) {
        let mut add =
            |component: &str, figure: String, of: &dyn Fn(&Record, usize) -> Option<f64>| {
                columns.push(self.column(component, figure, of));
            };
        add("", "offered_per_s".into(), &|r, w| {
            Some(per_second(r.windows[w].arrived, r, w))
        });
        add("", "served_per_s".into(), &|r, w| {
            Some(per_second(r.windows[w].answered, r, w))
        });
        add("", "answered_per_s".into(), &|r, w| {
            Some(per_second(r.windows[w].given, r, w))
        });
        add("", "attempts_per_s".into(), &|r, w| {
            Some(per_second(r.windows[w].attempts, r, w))
        });
        add("", "unserved_per_s".into(), &|r, w| {
            Some(per_second(r.windows[w].unserved, r, w))
        });
        for (at, name) in ["latency_p50_s", "latency_p95_s", "latency_p99_s"]
            .iter()
            .enumerate()
        {
            add("", (*name).into(), &|r, w| r.windows[w].latencies[at]);
        }
    }

    /// What runs out, and other levels.
    fn add_resources(&self, columns: &mut Vec<Column>) {
        let mut add =
            |component: &str, figure: String, of: &dyn Fn(&Record, usize) -> Option<f64>| {
                columns.push(self.column(component, figure, of));
            };
        for (at, resource) in self.resources.iter().enumerate() {
            let name = resource.what.replace(' ', "_").to_lowercase();
            let column = |part: &str| format!("{name}_{part}");
            add(&resource.component, column("used"), &|r, w| {
                Some(r.resources[at][w][0])
            });
            if resource.capacity.is_some() {
                add(&resource.component, column("capacity"), &|r, w| {
                    Some(r.resources[at][w][1])
                });
            }
            if resource.waiting.is_some() {
                add(&resource.component, column("waiting"), &|r, w| {
                    Some(r.resources[at][w][2])
                });
            }
        }
        let levels = self.gauges.iter().filter(|gauge| gauge.is_followed());
        for (at, gauge) in levels.enumerate() {
            add(&gauge.component, gauge.what.into(), &|r, w| {
                Some(r.gauges[at][w])
            });
        }
    }

    /// Rounds that were due with nobody to begin them. Most sources never drop anything, and need no column
    /// for it.
    fn add_dropped(&self, columns: &mut Vec<Column>) {
        for (at, source) in self.blueprint().sources.iter().enumerate() {
            let of = |r: &Record, w: usize| r.sources[at].missed.get(w).copied();
            let missed = |r: &Record| r.sources[at].missed.iter().any(|n| *n > 0);
            if self.records.iter().any(missed) {
                let rate = |r: &Record, w: usize| Some(per_second(of(r, w)?, r, w));
                columns.push(self.column(&source.name, "dropped_per_s".into(), &rate));
            }
        }
    }
}

fn per_second(count: u64, record: &Record, window: usize) -> f64 {
    count as f64 / record.windows[window].seconds
}
