//! From the records of the replications to findings.

use std::collections::BTreeMap;

use super::bottleneck;
use super::findings::{
    Advisory, ClassFindings, Column, CostPart, Findings, Look, ObjectiveFindings, OutcomeShare,
    ResourceFindings, Series, Stop, Violation,
};
use super::record::{ClassRecord, Record, gauges, resources};
use crate::component::{Blueprint, Gauge, Kept, Resource, System};
use crate::metrics::{Metric, Outcome, Unit, Windows};
use crate::objective::{Objective, Verdict};
use crate::rng::Streams;
use crate::scenario::Scenario;
use crate::stats::{Confidence, Estimate, Histogram};
use crate::units::{SimDuration, SimTime};

/// Requests beyond a quantile, per replication, that make it trustworthy.
const ENOUGH_IN_TAIL: u64 = 100;

/// Puts the replications of a scenario together.
pub(super) fn estimate(scenario: &Scenario, records: &[Record], stop: Stop) -> Findings {
    let own = Estimating::new(scenario, records);
    let figures = own.figures();
    let objectives: Vec<_> = scenario
        .objectives()
        .iter()
        .map(|objective| own.objective(objective))
        .collect();
    let overflow = records.iter().filter_map(|record| record.overflow).min();
    let mut verdict = Verdict::all(objectives.iter().map(|objective| objective.verdict));
    if overflow.is_some() {
        verdict = Verdict::NotMet;
    }
    let series = own.series();
    let resources = own.resource_findings();
    let bottleneck = bottleneck::find(&series, &resources, &own.blueprint().nodes);
    Findings {
        replications: records.len() as u32,
        stop,
        level: own.confidence.get(),
        horizon_s: own.windows().horizon.as_secs_f64(),
        classes: own.class_findings(),
        outcomes: own.outcomes(),
        advisories: own.advisories(&objectives),
        objectives,
        verdict,
        resources,
        hit_ratios: own.hit_ratios(),
        bottleneck,
        costs: own.costs(),
        series,
        latency_cdf: own
            .pooled
            .latencies()
            .cumulative()
            .into_iter()
            .map(|(at, share)| (at.as_secs_f64(), share))
            .collect(),
        looks: own.looks(),
        overflow_s: overflow.map(SimTime::as_secs_f64),
        requests: own.pooled.arrived,
        events: records.iter().map(|record| record.n_events).sum(),
        figures,
    }
}

struct Estimating<'a> {
    scenario: &'a Scenario,
    records: &'a [Record],
    confidence: Confidence,
    /// What the system has, in the order of the records.
    resources: Vec<Resource>,
    gauges: Vec<Gauge>,
    /// All classes together, by replication, and all replications together.
    totals: Vec<ClassRecord>,
    pooled: ClassRecord,
}

fn merged<'a>(parts: impl IntoIterator<Item = &'a ClassRecord>) -> ClassRecord {
    let mut parts = parts.into_iter();
    let mut all = parts.next().cloned().unwrap_or_else(ClassRecord::empty);
    parts.for_each(|part| all.merge(part));
    all
}

impl<'a> Estimating<'a> {
    fn new(scenario: &'a Scenario, records: &'a [Record]) -> Self {
        // The list of resources is the same in every replication; an empty system has it, too.
        let system = System::new(scenario.blueprint(), Streams::new(0, 0));
        let totals: Vec<_> = records
            .iter()
            .map(|record| merged(&record.classes))
            .collect();
        Self {
            scenario,
            records,
            confidence: scenario.confidence(),
            resources: resources(system.nodes()),
            gauges: gauges(system.nodes()),
            pooled: merged(&totals),
            totals,
        }
    }

    fn blueprint(&self) -> &Blueprint {
        self.scenario.blueprint()
    }

    fn windows(&self) -> &Windows {
        &self.blueprint().windows
    }

    fn mean(&self, of: impl Fn(&Record) -> f64) -> Option<Estimate> {
        let values: Vec<f64> = self.records.iter().map(of).collect();
        Estimate::mean(&values, self.confidence)
    }

    /// Rates of something per second measured; replications in which nothing was measured are left out.
    fn rate(&self, of: impl Fn(&Record) -> f64) -> Option<Estimate> {
        let measured = self.records.iter().filter(|record| record.measured_s > 0.0);
        let values: Vec<f64> = measured
            .map(|record| of(record) / record.measured_s)
            .collect();
        Estimate::mean(&values, self.confidence)
    }

    fn quantile(&self, p: f64, pooled: &Histogram, own: &[Histogram]) -> Option<Estimate> {
        let seconds = |histogram: &Histogram| histogram.quantile(p).map(SimDuration::as_secs_f64);
        Estimate::sections(seconds(pooled), own.iter().map(seconds), self.confidence)
    }

    fn histogram_mean(&self, pooled: &Histogram, own: &[Histogram]) -> Option<Estimate> {
        let seconds = |histogram: &Histogram| histogram.mean().map(SimDuration::as_secs_f64);
        Estimate::sections(seconds(pooled), own.iter().map(seconds), self.confidence)
    }

    /// Figures of requests: of all classes, or of one.
    fn request_figures(&self, own: &[ClassRecord]) -> BTreeMap<String, Estimate> {
        let pooled = merged(own);
        let (whole, parts): (_, Vec<_>) = (
            pooled.latencies(),
            own.iter().map(ClassRecord::latencies).collect(),
        );
        let mut figures = BTreeMap::new();
        let mut put = |metric: Metric, estimate: Option<Estimate>| {
            figures.extend(estimate.map(|estimate| (metric.name().to_owned(), estimate)));
        };
        for metric in Metric::ALL {
            if let Some(p) = metric.latency_quantile() {
                put(*metric, self.quantile(p, &whole, &parts));
            }
        }
        put(Metric::LatencyMean, self.histogram_mean(&whole, &parts));
        let shares: Vec<_> = own
            .iter()
            .zip(self.records)
            .map(|(class, record)| {
                // What was still in flight when an overloaded system was stopped was not served.
                let lost = if record.overflow.is_some() {
                    class.arrived - class.ended()
                } else {
                    0
                };
                (class.n_served(), class.ended() + lost)
            })
            .collect();
        let success = Estimate::share(&shares, self.confidence);
        put(Metric::SuccessRate, success);
        put(
            Metric::ErrorRate,
            success.map(|rate| rate.map(|rate| 1.0 - rate)),
        );
        figures
    }

    fn figures(&self) -> BTreeMap<String, Estimate> {
        let mut figures = self.request_figures(&self.totals);
        let mut put = |metric: Metric, estimate: Option<Estimate>| {
            figures.extend(estimate.map(|estimate| (metric.name().to_owned(), estimate)));
        };
        let warm_up = self.windows().warm_up;
        let measured = |record: &'_ Record| {
            record
                .windows
                .iter()
                .skip(warm_up)
                .cloned()
                .collect::<Vec<_>>()
        };
        let best = |record: &Record, of: fn(&super::record::WindowRecord) -> u64| {
            let rates = measured(record)
                .into_iter()
                .map(|w| of(&w) as f64 / w.seconds);
            rates.fold(0.0, f64::max)
        };
        let sum = |record: &Record, of: fn(&super::record::WindowRecord) -> u64| {
            measured(record).iter().map(|w| of(w) as f64).sum::<f64>()
        };
        put(
            Metric::Offered,
            self.rate(|record| sum(record, |w| w.arrived)),
        );
        put(
            Metric::OfferedPeak,
            self.mean(|record| best(record, |w| w.arrived)),
        );
        put(
            Metric::Throughput,
            self.rate(|record| sum(record, |w| w.answered)),
        );
        put(
            Metric::ThroughputPeak,
            self.mean(|record| best(record, |w| w.answered)),
        );
        put(Metric::Cost, self.mean(|record| record.costs.iter().sum()));
        put(
            Metric::InstancesPeak,
            self.mean(|record| record.instances_peak),
        );
        figures
    }

    fn class_findings(&self) -> Vec<ClassFindings> {
        let classes = self.blueprint().classes.iter().enumerate();
        classes
            .map(|(at, name)| {
                let own: Vec<_> = self.records.iter().map(|r| r.classes[at].clone()).collect();
                ClassFindings {
                    name: name.clone(),
                    requests: own.iter().map(|class| class.arrived).sum(),
                    figures: self.request_figures(&own),
                }
            })
            .collect()
    }

    fn outcomes(&self) -> Vec<OutcomeShare> {
        let share = |outcome: &Outcome| {
            if self.pooled.outcomes[outcome.index()] == 0 {
                return None;
            }
            let own = |class: &ClassRecord| (class.outcomes[outcome.index()], class.ended());
            let parts: Vec<_> = self.totals.iter().map(own).collect();
            Some(OutcomeShare {
                name: outcome.name().to_owned(),
                words: outcome.words().to_owned(),
                share: Estimate::share(&parts, self.confidence)?,
            })
        };
        Outcome::ALL.iter().filter_map(share).collect()
    }

    fn objective(&self, objective: &Objective) -> ObjectiveFindings {
        let figures = match &objective.class {
            None => self.figures(),
            Some(class) => {
                let at = self
                    .blueprint()
                    .classes
                    .iter()
                    .position(|name| name == class);
                let own: Vec<_> = at.map_or(Vec::new(), |at| {
                    self.records
                        .iter()
                        .map(|record| record.classes[at].clone())
                        .collect()
                });
                self.request_figures(&own)
            }
        };
        let estimate = figures.get(objective.metric.name()).copied();
        let verdict = objective.verdict(estimate.as_ref());
        ObjectiveFindings {
            name: objective.name(),
            metric: objective.metric.name().to_owned(),
            op: objective.side.sign().to_owned(),
            bound: objective.bound,
            text: objective.text.clone(),
            estimate,
            verdict,
            violated: self.violations(objective),
            would_need: self.would_need(objective, estimate, verdict),
        }
    }

    /// About how many replications would decide an undecided objective: the half-width shrinks with the
    /// square root of their number, and has to shrink to the distance from the bound.
    fn would_need(
        &self,
        objective: &Objective,
        estimate: Option<Estimate>,
        verdict: Verdict,
    ) -> Option<u32> {
        let estimate = estimate.filter(|_| verdict == Verdict::Undecided)?;
        let (half, distance) = (
            estimate.half_width()?,
            (estimate.value - objective.bound).abs(),
        );
        let factor = (half / distance).powi(2) * self.records.len() as f64;
        (factor.is_finite() && factor < 100_000.0).then_some(factor.ceil() as u32)
    }

    /// Stretches of windows in which the figure, where it is one that windows have, was on the wrong side
    /// on average over the replications, on and off: a good window or two in between are bridged.
    fn violations(&self, objective: &Objective) -> Vec<Violation> {
        let quantile = objective.metric.latency_quantile();
        let at =
            quantile.and_then(|p| super::record::WINDOW_QUANTILES.iter().position(|q| *q == p));
        let in_window = |window: &super::record::WindowRecord| match (at, objective.metric) {
            (Some(at), _) => window.latencies[at],
            (None, Metric::SuccessRate) if window.arrived > 0 => {
                Some(1.0 - window.unserved as f64 / window.arrived as f64)
            }
            (None, Metric::ErrorRate) if window.arrived > 0 => {
                Some(window.unserved as f64 / window.arrived as f64)
            }
            _ => None,
        };
        let mut found: Vec<Violation> = Vec::new();
        if objective.class.is_some() {
            return found;
        }
        for number in self.windows().warm_up..self.windows().count {
            let own = self
                .records
                .iter()
                .filter_map(|record| record.windows.get(number));
            let values: Vec<f64> = own.filter_map(in_window).collect();
            if values.is_empty() {
                continue;
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            if objective.holds(mean) {
                continue;
            }
            let (from_s, to_s) = (
                self.windows().start(number).as_secs_f64(),
                self.windows().start(number + 1).as_secs_f64(),
            );
            match found.last_mut() {
                Some(last) if from_s - last.to_s <= 2.0 * (to_s - from_s) + 1e-9 => {
                    last.to_s = to_s
                }
                _ => found.push(Violation { from_s, to_s }),
            }
        }
        found
    }

    fn resource_findings(&self) -> Vec<ResourceFindings> {
        self.resources
            .iter()
            .enumerate()
            .map(|(at, resource)| self.resource(at, resource))
            .collect()
    }

    fn resource(&self, at: usize, resource: &Resource) -> ResourceFindings {
        let warm_up = self.windows().warm_up;
        // Time averages over the measured windows, weighted by their lengths.
        let average = |record: &Record, which: usize| {
            let own = record.resources[at]
                .iter()
                .zip(&record.windows)
                .skip(warm_up);
            let (sum, time) = own.fold((0.0, 0.0), |(sum, time), (levels, window)| {
                (sum + levels[which] * window.seconds, time + window.seconds)
            });
            (time > 0.0).then_some(sum / time)
        };
        let over = |of: &dyn Fn(&Record) -> Option<f64>| {
            let values: Vec<f64> = self.records.iter().filter_map(of).collect();
            Estimate::mean(&values, self.confidence)
        };
        let bounded = resource.capacity.is_some();
        let utilization = |record: &Record| {
            let (used, there) = (average(record, 0)?, average(record, 1)?);
            (bounded && there > 0.0).then_some(used / there)
        };
        let peak = |record: &Record| {
            let own = record.resources[at]
                .iter()
                .skip(warm_up)
                .filter(|levels| levels[1] > 0.0);
            own.map(|levels| levels[0] / levels[1]).reduce(f64::max)
        };
        let waits: Vec<Histogram> = self
            .records
            .iter()
            .filter_map(|record| record.waits[at].clone())
            .collect();
        let mut pooled = Histogram::default();
        waits.iter().for_each(|own| pooled.merge(own));
        let quantile = |p| self.quantile(p, &pooled, &waits);
        let waited: Vec<_> = waits
            .iter()
            .map(|own| (own.n() - own.n_zero(), own.n()))
            .collect();
        ResourceFindings {
            component: resource.component.clone(),
            what: resource.what.clone(),
            unit: resource.unit.to_owned(),
            used: over(&|record| average(record, 0)),
            utilization: over(&utilization),
            utilization_peak: over(&|record| if bounded { peak(record) } else { None })
                .map(|e| e.value),
            waiting: resource
                .waiting
                .and_then(|_| over(&|record| average(record, 2))),
            wait_mean_s: self.histogram_mean(&pooled, &waits),
            wait_p50_s: quantile(0.5),
            wait_p95_s: quantile(0.95),
            wait_p99_s: quantile(0.99),
            waited: Estimate::share(&waited, self.confidence),
        }
    }

    fn hit_ratios(&self) -> BTreeMap<String, Estimate> {
        let counters: Vec<&Gauge> = self
            .gauges
            .iter()
            .filter(|gauge| matches!(gauge.kept, Kept::Counter(_)))
            .collect();
        let find = |component: &str, what: &str| {
            counters
                .iter()
                .position(|gauge| gauge.component == component && gauge.what == what)
        };
        let mut ratios = BTreeMap::new();
        for (hits, gauge) in counters
            .iter()
            .enumerate()
            .filter(|(_, gauge)| gauge.what == "hits")
        {
            let Some(misses) = find(&gauge.component, "misses") else {
                continue;
            };
            let part = |record: &Record| {
                let (hits, misses) = (record.counters[hits], record.counters[misses]);
                (hits, hits + misses)
            };
            let parts: Vec<_> = self.records.iter().map(part).collect();
            let ratio = Estimate::share(&parts, self.confidence);
            ratios.extend(ratio.map(|ratio| (gauge.component.clone(), ratio)));
        }
        ratios
    }

    fn costs(&self) -> Vec<CostPart> {
        let nodes = self.blueprint().nodes.iter().enumerate();
        nodes
            .filter_map(|(at, plan)| {
                let usd = self.mean(|record| record.costs[at])?;
                let component = plan.name().to_owned();
                (usd.value > 0.0).then_some(CostPart { component, usd })
            })
            .collect()
    }

    fn looks(&self) -> Vec<Look> {
        let Some(first) = self.records.first() else {
            return Vec::new();
        };
        let look = |look: &super::record::LookRecord| Look {
            service: look.service.clone(),
            at_s: look.at.as_secs_f64(),
            from: look.from,
            wanted: look.wanted,
            to: look.to,
            throughput: look.throughput,
            response_p95_s: look.response_p95,
            reason: look.reason.words().to_owned(),
        };
        first.looks.iter().map(look).collect()
    }

    fn series(&self) -> Series {
        let windows = self.windows();
        let mut columns = Vec::new();
        let mut add =
            |component: &str, figure: String, of: &dyn Fn(&Record, usize) -> Option<f64>| {
                let in_window = |number: usize| {
                    let own = self
                        .records
                        .iter()
                        .filter(|record| number < record.windows.len());
                    let values: Vec<f64> = own.filter_map(|record| of(record, number)).collect();
                    Estimate::mean(&values, self.confidence)
                };
                let values = (0..windows.count).map(in_window).collect();
                columns.push(Column {
                    component: component.to_owned(),
                    figure,
                    values,
                });
            };
        let per_second =
            |count: u64, record: &Record, w: usize| Some(count as f64 / record.windows[w].seconds);
        add("", "offered_per_s".into(), &|r, w| {
            per_second(r.windows[w].arrived, r, w)
        });
        add("", "served_per_s".into(), &|r, w| {
            per_second(r.windows[w].answered, r, w)
        });
        add("", "unserved_per_s".into(), &|r, w| {
            per_second(r.windows[w].unserved, r, w)
        });
        for (at, name) in ["latency_p50_s", "latency_p95_s", "latency_p99_s"]
            .iter()
            .enumerate()
        {
            add("", (*name).into(), &|r, w| r.windows[w].latencies[at]);
        }
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
        let levels = self
            .gauges
            .iter()
            .filter(|gauge| matches!(gauge.kept, Kept::Level(_)));
        for (at, gauge) in levels.enumerate() {
            add(&gauge.component, gauge.what.into(), &|r, w| {
                Some(r.gauges[at][w])
            });
        }
        Series {
            bounds_s: (0..=windows.count)
                .map(|w| windows.start(w).as_secs_f64())
                .collect(),
            warm_up_s: windows.start(windows.warm_up).as_secs_f64(),
            columns,
        }
    }

    fn advisories(&self, objectives: &[ObjectiveFindings]) -> Vec<Advisory> {
        let mut found = Vec::new();
        if self.records.len() == 1 {
            found.push(Advisory::SingleReplication);
        }
        let stopped: Vec<_> = self
            .records
            .iter()
            .filter_map(|record| record.overflow)
            .collect();
        if let Some(first) = stopped.iter().min() {
            found.push(Advisory::Overflow {
                replications: stopped.len() as u32,
                first_s: first.as_secs_f64(),
                cap: self.blueprint().max_in_flight as u64,
            });
        }
        let in_flight: u64 = self.records.iter().map(|record| record.in_flight).sum();
        let share = in_flight as f64 / self.pooled.arrived.max(1) as f64;
        if share > 0.001 && stopped.is_empty() {
            found.push(Advisory::StillInFlight { share });
        }
        let n = self
            .totals
            .iter()
            .map(|total| total.latencies().n())
            .min()
            .unwrap_or(0);
        for metric in [Metric::LatencyP99, Metric::LatencyP999] {
            let p = metric.latency_quantile().unwrap_or(0.5);
            let have = (n as f64 * (1.0 - p)) as u64;
            if n > 0 && have < ENOUGH_IN_TAIL {
                let (metric, want) = (metric.name().to_owned(), ENOUGH_IN_TAIL);
                found.push(Advisory::FewSamples { metric, have, want });
            }
        }
        let want = self.scenario.replications().precision.get();
        for objective in objectives
            .iter()
            .filter(|o| o.verdict == Verdict::Undecided)
        {
            let Some(have) = objective.estimate.and_then(|e| {
                let unit = Metric::by_name(&objective.metric).map_or(Unit::Number, Metric::unit);
                relative_half_width(&e, unit)
            }) else {
                continue;
            };
            if want > 0.0 && have > want {
                found.push(Advisory::Imprecise {
                    metric: objective.name.clone(),
                    have,
                    want,
                });
            }
        }
        found
    }
}

/// Half of the width of an interval relative to its figure; for a share, relative to the smaller of the
/// share and its complement (of 99 % success it is the 1 % of failures that must be known well). Nothing
/// where there is no interval, or the figure is zero.
pub(super) fn relative_half_width(estimate: &Estimate, unit: Unit) -> Option<f64> {
    let half = estimate.half_width()?;
    let whole = match unit {
        Unit::Fraction => estimate.value.min(1.0 - estimate.value),
        _ => estimate.value.abs(),
    };
    (whole > 0.0).then(|| half / whole)
}
