//! Made-up findings for tests: a launch that a system holds, or does not.

use std::collections::BTreeMap;

use crate::diag::Origin;
use crate::experiment::{
    Bottleneck, Column, Findings, Full, Look, ObjectiveFindings, OutcomeShare, ResourceFindings,
    Series, SourceFindings, Stop, Violation,
};
use crate::objective::Verdict;
use crate::report::SweepView;
use crate::scenario::{Point, Setting};
use crate::spec::{Node, Value};
use crate::stats::Estimate;

/// What a sample is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// The median at no load, in seconds.
    pub(super) base_s: f64,
    /// The highest load.
    pub(super) peak: f64,
    /// The load from which on it is overloaded.
    pub(super) capacity: f64,
    pub(super) horizon_s: f64,
    pub(super) windows: usize,
    pub(super) replications: u32,
    pub(super) has_objectives: bool,
    /// Half of every interval, relative to the figure.
    pub(super) spread: f64,
    pub(super) cost: f64,
    pub(super) overflow: bool,
    pub(super) services: usize,
    /// What clients do who get no answer.
    pub(super) insists: bool,
    /// Sources with users.
    pub(super) crews: usize,
}

impl Sample {
    pub(super) const HOLDS: Self = Self {
        base_s: 0.02,
        peak: 2_000.0,
        capacity: 2_500.0,
        horizon_s: 2_700.0,
        windows: 270,
        replications: 5,
        has_objectives: true,
        spread: 0.04,
        cost: 4.0,
        overflow: false,
        services: 1,
        insists: false,
        crews: 0,
    };

    pub(super) const FAILS: Self = Self {
        capacity: 1_300.0,
        ..Self::HOLDS
    };

    /// The load at a share of the run: low, a ramp, high, fading.
    fn load(self, share: f64) -> f64 {
        let shape = match share {
            s if s < 0.1 => 0.01,
            s if s < 0.2 => (s - 0.1) * 10.0,
            s if s < 0.6 => 1.0,
            s => crate::math::exp(-(s - 0.6) * 8.0),
        };
        self.peak * shape.max(0.01)
    }

    /// The median latency at a load.
    fn median(self, load: f64) -> f64 {
        let busy = load / self.capacity;
        let factor = if busy < 0.97 {
            1.0 / (1.0 - busy)
        } else {
            60.0 + 20.0 * busy
        };
        self.base_s * factor
    }

    fn estimate(self, value: f64) -> Estimate {
        let half = value * self.spread;
        let interval = (self.replications > 1).then_some((value - half, value + half));
        Estimate { value, interval }
    }

    fn failing(self, load: f64) -> f64 {
        (load - self.capacity).max(0.0)
    }

    fn column(self, component: &str, figure: &str, of: impl Fn(f64) -> f64) -> Column {
        let value = |at: usize| {
            let share = (at as f64 + 0.5) / self.windows as f64;
            let is_over = self.overflow && share > 0.5;
            (!is_over).then(|| self.estimate(of(self.load(share))))
        };
        Column {
            component: component.to_owned(),
            figure: figure.to_owned(),
            values: (0..self.windows).map(value).collect(),
        }
    }

    fn series(self) -> Series {
        let at = |n: usize| self.horizon_s * n as f64 / self.windows as f64;
        let mut columns = vec![
            self.column("", "offered_per_s", |load| load),
            self.column("", "served_per_s", |load| load - self.failing(load)),
            self.column("", "unserved_per_s", |load| self.failing(load)),
            self.column("", "latency_p50_s", |load| self.median(load)),
            self.column("", "latency_p95_s", |load| self.median(load) * 3.0),
            self.column("", "latency_p99_s", |load| self.median(load) * 4.15),
        ];
        columns.push(self.column("web0", "workers_used", |load| {
            load.min(self.capacity) / 50.0
        }));
        columns.push(self.column("web0", "workers_capacity", |_| self.capacity / 50.0));
        for number in 0..self.services {
            let name = format!("web{number}");
            columns.push(self.column(&name, "instances_in_service", |load| {
                4.0 + (load / 400.0).floor() + number as f64
            }));
        }
        if self.insists {
            let attempts = |load: f64| load + 2.0 * self.failing(load);
            columns.push(self.column("", "attempts_per_s", attempts));
            columns.push(self.column("", "answered_per_s", |load| load.min(self.capacity)));
            let good = |load: f64| (load - 1.5 * self.failing(load)).max(0.0);
            columns[1] = self.column("", "served_per_s", good);
        }
        for number in 0..self.crews {
            let name = format!("crew{number}");
            let users = |load: f64| (load / 10.0).min(self.capacity / 20.0) + number as f64 * 4.0;
            columns.push(self.column(&name, "users", users));
            if self.capacity < self.peak {
                columns.push(self.column(&name, "dropped_per_s", |load| self.failing(load)));
            }
        }
        Series {
            bounds_s: (0..=self.windows).map(at).collect(),
            warm_up_s: 0.0,
            columns,
        }
    }

    fn objective(self, metric: &str, value: f64, bound: f64) -> ObjectiveFindings {
        let is_above = op_of(metric) == "<";
        // What is known of a share is known by what is missing.
        let estimate = if is_above {
            self.estimate(value)
        } else {
            self.estimate(1.0 - value).map(|own| 1.0 - own)
        };
        let verdict = match estimate.interval {
            None => Verdict::Undecided,
            Some((low, high)) if low <= bound && bound <= high => Verdict::Undecided,
            Some(_) if (value < bound) == is_above => Verdict::Met,
            Some(_) => Verdict::NotMet,
        };
        let from_s = self.horizon_s * 0.15;
        let violated = (verdict == Verdict::NotMet).then_some(Violation {
            from_s,
            to_s: self.horizon_s * 0.62,
        });
        ObjectiveFindings {
            name: metric.to_owned(),
            metric: metric.to_owned(),
            op: op_of(metric).to_owned(),
            bound,
            text: String::new(),
            estimate: Some(estimate),
            verdict,
            violated: violated.into_iter().collect(),
            would_need: None,
        }
    }

    pub(super) fn findings(self) -> Findings {
        let median = self.median(self.peak);
        let (errors, p95) = (self.failing(self.peak) / self.peak, median * 3.0);
        let mut figures = BTreeMap::new();
        for (name, value) in [
            ("latency_p50", median),
            ("latency_p95", p95),
            ("latency_p99", median * 4.15),
            ("latency_p999", median * 5.6),
            ("error_rate", errors),
            ("success_rate", 1.0 - errors),
            ("offered_peak", self.peak),
            ("throughput_peak", self.peak.min(self.capacity)),
            ("goodput_peak", self.peak.min(self.capacity)),
            ("cost", self.cost),
        ] {
            figures.insert(name.to_owned(), self.estimate(value));
        }
        figures.extend(self.of_those_who_insist());
        let objectives = if self.has_objectives {
            vec![
                self.objective("success_rate", 1.0 - errors, 0.99),
                self.objective("latency_p95", p95, self.base_s * 25.0),
                self.objective("latency_p99", median * 4.15, self.base_s * 50.0),
            ]
        } else {
            Vec::new()
        };
        Findings {
            replications: self.replications,
            stop: Stop::AsAsked,
            level: 0.95,
            horizon_s: self.horizon_s,
            figures,
            classes: Vec::new(),
            outcomes: vec![OutcomeShare {
                name: "served".to_owned(),
                words: "served".to_owned(),
                share: self.estimate(1.0 - errors),
            }],
            verdict: Verdict::all(objectives.iter().map(|own| own.verdict)),
            objectives,
            recovery: None,
            stated: Vec::new(),
            sources: (0..self.crews).map(|number| self.crew(number)).collect(),
            callers: Vec::new(),
            queues: Vec::new(),
            resources: vec![self.workers()],
            hit_ratios: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            cache_shares: BTreeMap::new(),
            served_ages: BTreeMap::new(),
            scale_ups: BTreeMap::new(),
            bottleneck: Some(self.bottleneck()),
            costs: Vec::new(),
            elasticities: Vec::new(),
            series: self.series(),
            latency_cdf: cdf(median),
            log: Vec::new(),
            looks: [(0.12, 4, 6), (0.2, 6, 9), (0.8, 9, 5)]
                .map(|(at, from, to)| self.look(at, from, to))
                .into(),
            overflow_s: self.overflow.then_some(self.horizon_s * 0.5),
            advisories: Vec::new(),
            is_yardstick: false,
            requests: 1_000_000,
            events: 4_000_000,
        }
    }

    /// Figures of clients who try again, and of answers that come too late for them.
    fn of_those_who_insist(self) -> Vec<(String, Estimate)> {
        if !self.insists {
            return Vec::new();
        }
        let failing = self.failing(self.peak);
        let figures = [
            ("throughput", self.peak.min(self.capacity)),
            ("goodput", (self.peak - 1.5 * failing).max(0.0)),
            ("attempts_per_request", 1.0 + 2.0 * failing / self.peak),
        ];
        let own = |(name, value): (&str, f64)| (name.to_owned(), self.estimate(value));
        figures.map(own).to_vec()
    }

    fn crew(self, number: usize) -> SourceFindings {
        let count = |value: f64| Some(self.estimate(value));
        SourceFindings {
            name: format!("crew{number}"),
            kind: "k6".to_owned(),
            seconds: self.horizon_s,
            threads: None,
            is_refused: false,
            begun: count(self.peak * 100.0),
            done: count(self.peak * 100.0),
            broken_off: count(0.0),
            interrupted: count(0.0),
            dropped: count(self.failing(self.peak) * 60.0),
            skipped: count(0.0),
            late: count(0.0),
            held_up: count(0.0),
            users_most: count(self.capacity / 20.0),
            users: count(self.capacity / 40.0),
            ends: Vec::new(),
            rounds: None,
            answers: None,
            corrected: None,
            expected_gap_s: None,
        }
    }

    fn workers(self) -> ResourceFindings {
        let busy = (self.peak / self.capacity).min(1.0);
        ResourceFindings {
            component: "web0".to_owned(),
            what: "workers".to_owned(),
            unit: "worker".to_owned(),
            used: None,
            utilization: Some(self.estimate(busy)),
            utilization_peak: Some(busy),
            waiting: None,
            wait_mean_s: None,
            wait_p50_s: None,
            wait_p95_s: None,
            wait_p99_s: None,
            waited: None,
        }
    }

    fn bottleneck(self) -> Bottleneck {
        let full = Full {
            from_s: self.horizon_s * 0.15,
            to_s: self.horizon_s * 0.62,
            capacity: self.capacity / 50.0,
            waiting: 312.0,
        };
        Bottleneck {
            component: "web0".to_owned(),
            what: "workers".to_owned(),
            unit: "worker".to_owned(),
            full: (self.peak > self.capacity).then_some(full),
            utilization_peak: (self.peak / self.capacity).min(1.0),
            wait_p99_s: None,
            behind: None,
        }
    }

    fn look(self, share: f64, from: u32, to: u32) -> Look {
        Look {
            service: "web0".to_owned(),
            autoscaler: "heroku_p95".to_owned(),
            at_s: self.horizon_s * share,
            from,
            wanted: to,
            to,
            throughput: 0.0,
            response_p95_s: None,
            metric: None,
            value: None,
            target: None,
            reason: String::new(),
        }
    }
}

fn op_of(metric: &str) -> &'static str {
    if metric == "success_rate" { ">" } else { "<" }
}

/// A Weibull law with the quantiles of [`Sample::findings`], as far as its tail was seen.
fn cdf(median: f64) -> Vec<(f64, f64)> {
    let point = |step| {
        let nines = f64::from(step) * 0.05;
        let times = crate::math::powf(nines / 0.693, 0.751);
        (median * times, 1.0 - crate::math::exp(-nines))
    };
    (1..=240).map(point).collect()
}

/// A sweep with its points.
#[derive(Debug)]
pub(super) struct Swept {
    paths: Vec<String>,
    points: Vec<Point>,
    findings: Vec<Findings>,
}

impl Swept {
    /// The product of axes; `sample` makes a point of its values.
    pub(super) fn product(axes: &[(&str, &[i64])], sample: impl Fn(&[i64]) -> Sample) -> Self {
        let mut all: Vec<Vec<i64>> = vec![Vec::new()];
        for (_, values) in axes {
            let extend = |own: Vec<i64>| {
                values
                    .iter()
                    .map(move |value| [own.as_slice(), &[*value]].concat())
            };
            all = all.into_iter().flat_map(extend).collect();
        }
        let setting = |((path, _), value): (&(&str, &[i64]), &i64)| {
            let value = Node {
                value: Value::Whole(*value),
                origin: Origin::BUILT_IN,
            };
            Setting::new((*path).to_owned(), Origin::BUILT_IN, value)
        };
        let point = |values: &Vec<i64>| Point {
            settings: axes.iter().zip(values).map(setting).collect(),
        };
        Self {
            paths: axes.iter().map(|axis| axis.0.to_owned()).collect(),
            points: all.iter().map(point).collect(),
            findings: all.iter().map(|values| sample(values).findings()).collect(),
        }
    }

    pub(super) fn view(&self) -> SweepView<'_> {
        SweepView {
            paths: &self.paths,
            points: &self.points,
            findings: &self.findings,
        }
    }
}
