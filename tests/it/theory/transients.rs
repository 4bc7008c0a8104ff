//! What is there at given instants, and how long those have waited who came in between: over many replications,
//! each of which begins empty.

use std::fmt::Write as _;

use capsim::metrics::{Entry, Happened, Outcome};
use capsim::scenario::Memory;
use capsim::stats::{Confidence, Estimate, Histogram};
use capsim::units::{SimDuration, SimTime};
use serde_json::Value;

use super::figures::{mean_of, quantile};
use super::harness::{Checked, Figure, Runs, in_seconds, replications_of};
use super::laws::{case_files, law, number, seconds};

/// Requests of a case in the commit tier, over all replications.
const MOST_REQUESTS: f64 = 2.5e6;
/// Fewer replications say little about how their numbers are spread.
const LEAST: u32 = 100;

/// A case as a scenario, with what must be known of it beside.
struct System {
    text: String,
    files: Memory,
    until: f64,
    /// Requests of a replication.
    requests: f64,
    /// Whether requests wait in the balancer's line.
    balanced: bool,
}

/// Rates over time: `[start, rate]` from which on it is the rate.
fn piecewise(steps: &[(f64, f64)]) -> (String, f64) {
    let base = steps.iter().map(|own| own.1).fold(0.0, f64::max);
    let mut curve = String::new();
    for (number, (start, rate)) in steps.iter().enumerate() {
        let level = rate / base;
        let _ = write!(curve, "{{ step_to = {level:?} }}, ");
        if let Some(next) = steps.get(number + 1) {
            let _ = write!(curve, "{{ hold = {} }}, ", seconds(next.0 - start));
        }
    }
    (curve, base)
}

fn pairs(value: &Value) -> Vec<(f64, f64)> {
    let own = value.as_array().expect("pairs").iter();
    own.map(|own| (number(&own[0]), number(&own[1]))).collect()
}

/// The last instant that a metric of the case asks about.
fn last_instant(case: &Value) -> f64 {
    let metrics = case["metrics"].as_array().expect("metrics");
    let instants = metrics.iter().filter_map(|own| own["t"].as_f64());
    instants.fold(0.0, f64::max)
}

/// Who comes: the table of the source, until when, how many, and a recording where all come at once.
fn source(case: &Value, arrival: &Value, enters: &str) -> (String, f64, f64, Memory) {
    let last = last_instant(case);
    let (arrivals, until, requests, files) = match arrival["process"].as_str().expect("a process") {
        "nhpp_piecewise" => {
            let steps = pairs(&arrival["steps"]);
            let until = arrival["until"].as_f64().unwrap_or(last);
            let (curve, base) = piecewise(&steps);
            let ends = steps.iter().skip(1).map(|own| own.0).chain([until]);
            let spans = steps
                .iter()
                .zip(ends)
                .map(|((start, rate), end)| rate * (end - start));
            let text = format!("arrivals = \"poisson\"\nrate = \"{base}/s\"\ncurve = [{curve}]\n");
            (text, until, spans.sum(), Memory::default())
        }
        "nhpp_sinusoid" => {
            let (mean, period) = (number(&arrival["mean_rate"]), number(&arrival["period"]));
            let phase = arrival["phase"].as_f64().unwrap_or(0.0) / std::f64::consts::TAU;
            // A sine is highest after a quarter of its period.
            let peak = (0.25 - phase).rem_euclid(1.0) * period;
            let text = format!(
                "arrivals = \"poisson\"\nrate = \"{mean}/s\"\n\
                 curve = [{{ diurnal = \"{}%\", day = {}, peak_at = {}, over = {} }}]\n",
                number(&arrival["relative_amplitude"]) * 100.0,
                seconds(period),
                seconds(peak),
                seconds(last + period)
            );
            (text, last, mean * last, Memory::default())
        }
        "poisson" => {
            let rate = number(&arrival["rate"]);
            let text = format!("arrivals = \"poisson\"\nrate = \"{rate}/s\"\n");
            (text, last, rate * last, Memory::default())
        }
        "burst" => {
            let count = number(&arrival["count"]);
            let at = number(&arrival["at"]);
            let rows = "0\n".repeat(count as usize);
            let files = Memory::default().with("burst.csv", format!("at\n{rows}"));
            let text =
                "arrivals = { replay = { file = \"burst.csv\", column = \"at\" } }\n".to_owned();
            assert!(at == 0.0, "a recording begins with the run");
            (text, 1.0, count, files)
        }
        other => panic!("no such process: {other}"),
    };
    (
        format!("[sources.load]\n{arrivals}enters = \"{enters}\"\n"),
        until,
        requests,
        files,
    )
}

impl System {
    fn of(case: &Value) -> Self {
        let p = &case["parameters"];
        let schedule = match p.get("servers_schedule") {
            Some(schedule) => pairs(schedule),
            None => vec![(0.0, p["servers"].as_f64().unwrap_or(20_000.0))],
        };
        let balanced = schedule.len() > 1;
        let enters = if balanced { "lb" } else { "station" };
        let (mut text, until, requests, files) = source(case, &p["arrival"], enters);
        let servers = schedule[0].1;
        text.push_str("[components.station]\nkind = \"service\"\n");
        let places = p["system_capacity"].as_f64().map(|all| all - servers);
        let places = places.map_or("\"unbounded\"".to_owned(), |own| own.to_string());
        if balanced {
            // One instance for each worker, behind one line.
            let _ = write!(
                text,
                "count = {servers}\nworkers = {{ count = 1 }}\n\
                 [components.lb]\nkind = \"balancer\"\nto = \"station\"\npolicy = \"round_robin\"\nmax_conns = 1\n"
            );
            text.push_str(match p["system_capacity"].as_f64() {
                Some(_) => panic!("a line of servers that come and go has no end"),
                None => "queue = {}\n",
            });
        } else {
            let _ = write!(
                text,
                "workers = {{ count = {servers} }}\nbacklog = {places}\n"
            );
        }
        let mut verb = "wait";
        if let Some(pause) = p["pause"].as_array() {
            let (from, to) = (number(&pause[0]), number(&pause[1]));
            assert!(to + from > last_instant(case), "there is one pause");
            text = text.replace(
                "workers = { count = ",
                &format!(
                    "workers = {{ pauses = {{ every = {}, length = {}, scope = \"instance\" }}, count = ",
                    seconds(from),
                    seconds(to - from)
                ),
            );
            let _ = writeln!(text, "vcpu = {servers}");
            verb = "cpu";
        }
        if p["patience"].is_object() {
            let at = text.find("[components.station]").expect("a station");
            let key = format!("queue_timeout = {}\n", law(&p["patience"]));
            let end = text[at..].find("kind = \"service\"\n").expect("its kind") + at;
            text.insert_str(end, &key);
        }
        let _ = write!(
            text,
            "[components.station.operations.default]\nsteps = [{{ {verb} = {} }}]\n",
            law(&p["service"])
        );
        for (number, (at, to)) in schedule.iter().enumerate().skip(1) {
            let _ = write!(
                text,
                "[timeline.step_{number}]\nat = {}\nscale = \"station\"\nto = {to}\n",
                seconds(*at)
            );
        }
        Self {
            text,
            files,
            until,
            requests,
            balanced,
        }
    }
}

/// The replications of a case, run.
struct Course<'a> {
    case: &'a Value,
    runs: Runs,
    text: String,
    files: Memory,
    instants: Vec<f64>,
    /// What holds the line, and what works.
    line: &'a str,
}

impl<'a> Course<'a> {
    fn of(case: &'a Value) -> (Self, f64) {
        let system = System::of(case);
        let (count, widened) = replications_of(case, system.requests, (MOST_REQUESTS, LEAST));
        let metrics = case["metrics"].as_array().expect("metrics");
        let mut instants: Vec<f64> = metrics.iter().filter_map(|own| own["t"].as_f64()).collect();
        let schedule = &case["parameters"]["servers_schedule"];
        if schedule.is_array() {
            instants.extend(pairs(schedule).iter().skip(1).map(|own| own.0));
        }
        instants.sort_by(f64::total_cmp);
        instants.dedup();
        // All who came are served, however long that takes.
        let text = format!(
            "[run]\nhorizon = {}\nwindow = {}\nreplications = 2\ndrain = \"10h\"\nlog = {}\n{}",
            seconds(system.until),
            seconds(system.until),
            (system.requests * 4.0 + 1000.0) as u64,
            system.text
        );
        let runs = Runs::looking(&text, &system.files, count, &instants);
        let line = if system.balanced { "lb" } else { "station" };
        let own = Self {
            case,
            runs,
            text,
            files: system.files,
            instants,
            line,
        };
        (own, widened)
    }

    /// Of every replication, how many are in service and how many wait at an instant.
    fn at(&self, instant: f64) -> Vec<(f64, f64)> {
        let number = self
            .instants
            .iter()
            .position(|own| own.to_bits() == instant.to_bits());
        let number = number.expect("an instant that was looked at");
        let works = self.runs.number_of_resource("station", "workers");
        let waits = self.runs.number_of_line(self.line);
        let seen = self.runs.seen.iter().map(|own| &own[number]);
        seen.map(|own| (own[works].0 as f64, own[waits].1 as f64))
            .collect()
    }

    /// How many workers there are from an instant on.
    fn servers_at(&self, instant: f64) -> f64 {
        let p = &self.case["parameters"];
        match p.get("servers_schedule") {
            None => p["servers"].as_f64().unwrap_or(f64::INFINITY),
            Some(schedule) => {
                let mut before = pairs(schedule).into_iter().filter(|own| own.0 <= instant);
                before.next_back().expect("workers").1
            }
        }
    }

    /// The requests of a replication: when they came and ended, how, and how long they waited.
    fn requests(log: &[Entry]) -> impl Iterator<Item = (&Entry, Outcome)> {
        log.iter().filter_map(|own| match own.what {
            Happened::Request { outcome, .. } => Some((own, outcome)),
            Happened::Wait(_) => None,
        })
    }

    /// How long those waited who came in a window, as a histogram for each replication.
    fn waits_in(&self, from: f64, to: f64) -> Vec<Histogram> {
        let is_in = |own: &Entry| {
            let at = own.from.as_secs_f64();
            from <= at && at < to
        };
        let of = |log: &Vec<Entry>| {
            let mut waits = Histogram::default();
            let mut accepted = 0;
            for (_, outcome) in Self::requests(log).filter(|(own, _)| is_in(own)) {
                accepted += u64::from(!matches!(outcome, Outcome::QueueFull | Outcome::Shed));
            }
            for own in log.iter().filter(|own| is_in(own)) {
                if let Happened::Wait(_) = own.what {
                    waits.record(own.to.since(own.from));
                }
            }
            // Those who did not have to wait are not in the log of waits.
            waits.record_zeros(accepted.max(waits.n()) - waits.n());
            waits
        };
        self.runs.logs.iter().map(of).collect()
    }

    fn window(&self, name: &str, metric: &Value) -> Option<Figure> {
        let item = metric["item"].as_str()?;
        let (from, to) = item.trim_matches(['[', ')']).split_once(',')?;
        let own = self.waits_in(from.parse().ok()?, to.parse().ok()?);
        Some(Self::spread(&own, name, metric)?.into())
    }

    fn spread(own: &[Histogram], name: &str, metric: &Value) -> Option<Estimate> {
        let suffix = name.strip_prefix("wait_")?;
        let figure = |own: &Histogram| match suffix {
            "mean" => in_seconds(own.mean()),
            "tail" => {
                let at = SimDuration::from_secs_f64(number(&metric["at"]));
                own.share_within(at).map(|share| 1.0 - share)
            }
            other => in_seconds(own.quantile(quantile(other)?)),
        };
        let mut pooled = Histogram::default();
        for part in own {
            pooled.merge(part);
        }
        Estimate::sections(
            figure(&pooled),
            own.iter().map(figure),
            Confidence::new(0.95)?,
        )
    }

    /// A figure at an instant: over the replications.
    fn instant(&self, name: &str, at: f64) -> Option<Estimate> {
        let seen = self.at(at);
        let all: Vec<f64> = seen.iter().map(|own| own.0 + own.1).collect();
        let servers = self.servers_at(at);
        let share = |holds: &dyn Fn(f64) -> bool| {
            let own: Vec<f64> = all
                .iter()
                .map(|own| f64::from(u8::from(holds(*own))))
                .collect();
            mean_of(&own)
        };
        match name {
            "in_system_mean" => mean_of(&all),
            "queue_len_mean" => mean_of(&seen.iter().map(|own| own.1).collect::<Vec<_>>()),
            "p_all_busy" | "p_above_capacity" => share(&|own| own >= servers),
            "in_system_sd" => {
                let mean = all.iter().sum::<f64>() / all.len() as f64;
                let squares: Vec<f64> = all.iter().map(|own| (own - mean).powi(2)).collect();
                Some(mean_of(&squares)?.map(|own| own.max(0.0).sqrt()))
            }
            "in_system_p05" | "in_system_p95" => {
                let mut sorted = all;
                sorted.sort_by(f64::total_cmp);
                let p = if name.ends_with("p05") { 0.05 } else { 0.95 };
                let level = Confidence::new(0.95)?;
                let ranks = capsim::stats::Ranks::of(sorted.len() as u64, p, level);
                let of = |rank: u64| sorted[(rank.clamp(1, sorted.len() as u64) - 1) as usize];
                let value = of((p * sorted.len() as f64).ceil() as u64);
                // Numbers are whole: an interval between two of them is half a one wider.
                let interval = Some((of(ranks.lower) - 0.5, of(ranks.upper) + 0.5));
                Some(Estimate { value, interval })
            }
            _ => None,
        }
    }

    /// How long it is from the last step of the capacity until nobody waits for the first time.
    fn drain_time(&self) -> Option<Estimate> {
        let schedule = pairs(&self.case["parameters"]["servers_schedule"]);
        let step = schedule.last()?.0;
        // Whoever comes last before the line is empty waits the longest after the step: the line is empty when
        // somebody who has waited begins, and nobody came since who still waits.
        let of = |log: &Vec<Entry>| {
            let waits = log
                .iter()
                .filter(|own| matches!(own.what, Happened::Wait(_)));
            let mut spans: Vec<(f64, f64)> = waits
                .map(|own| (own.from.as_secs_f64(), own.to.as_secs_f64()))
                .collect();
            spans.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut until = step;
            for (from, to) in spans.into_iter().filter(|own| own.1 > step) {
                if from > until {
                    break;
                }
                until = until.max(to);
            }
            until - step
        };
        let own: Vec<f64> = self.runs.logs.iter().map(of).collect();
        mean_of(&own)
    }

    /// The share of replications in which a request waits longer than `at` that comes at an instant: one more than
    /// would come otherwise.
    fn virtual_wait(&self, metric: &Value) -> Option<Estimate> {
        let (at, instant) = (number(&metric["at"]), number(&metric["t"]));
        let enters = if self.line == "lb" { "lb" } else { "station" };
        let probe = format!(
            "[sources.probe]\narrivals = {{ replay = {{ file = \"probe.csv\", column = \"at\" }} }}\nenters = \"{enters}\"\n"
        );
        // The first of a recording comes at the start of the run, when it makes no difference yet.
        let files = self
            .files
            .clone()
            .with("probe.csv", format!("at\n0\n{instant}\n"));
        let count = self.runs.logs.len() as u32;
        let runs = Runs::looking(&(self.text.clone() + &probe), &files, count, &[]);
        let instant = SimTime::ZERO + SimDuration::from_secs_f64(instant);
        let waits = |log: &Vec<Entry>| {
            let mut own = log.iter();
            let own = own.find(|own| own.from == instant && matches!(own.what, Happened::Wait(_)));
            own.map_or(0.0, |own| own.to.since(own.from).as_secs_f64())
        };
        let own: Vec<f64> = runs
            .logs
            .iter()
            .map(|log| f64::from(u8::from(waits(log) > at)))
            .collect();
        mean_of(&own)
    }

    /// How many requests ended like this, of every replication.
    fn number_of(&self, how: Outcome) -> Option<Estimate> {
        let of = |log: &Vec<Entry>| Self::requests(log).filter(|own| own.1 == how).count() as f64;
        let own: Vec<f64> = self.runs.logs.iter().map(of).collect();
        mean_of(&own)
    }

    /// When the last request was done, of every replication.
    fn makespans(&self) -> Vec<f64> {
        let of = |log: &Vec<Entry>| {
            let ends = Self::requests(log).map(|own| own.0.to.as_secs_f64());
            ends.fold(0.0, f64::max)
        };
        self.runs.logs.iter().map(of).collect()
    }

    /// The number there at the last instant at which the capacity changes, or a pause ends: where a fluid has its
    /// peak.
    fn peak(&self, of: fn(&(f64, f64)) -> f64) -> Option<Estimate> {
        let averages = self.instants.iter().map(|at| {
            let own: Vec<f64> = self.at(*at).iter().map(of).collect();
            mean_of(&own)
        });
        let own: Vec<Estimate> = averages.collect::<Option<_>>()?;
        own.into_iter().max_by(|a, b| a.value.total_cmp(&b.value))
    }

    fn figure(&self, metric: &Value) -> Option<Figure> {
        let name = metric["metric"].as_str().expect("a name");
        if let Some(name) = name.strip_suffix("_window") {
            return self.window(name, metric);
        }
        let estimate = match name {
            "virtual_wait_tail" => self.virtual_wait(metric)?,
            "drain_time_mean" | "fluid_drain_time" => self.drain_time()?,
            "queue_at_capacity_step" => {
                let schedule = pairs(&self.case["parameters"]["servers_schedule"]);
                self.instant("queue_len_mean", schedule.last()?.0)?
            }
            "fluid_peak_queue" => self.peak(|own| own.0 + own.1)?,
            "fluid_peak" => self.peak(|own| own.0 + own.1)?,
            "rejected_mean" => self.number_of(Outcome::QueueFull)?,
            "abandoned_mean" => self.number_of(Outcome::QueueTimeout)?,
            "makespan_mean" => mean_of(&self.makespans())?,
            "makespan_sd" => {
                let own = self.makespans();
                let mean = own.iter().sum::<f64>() / own.len() as f64;
                let squares: Vec<f64> = own.iter().map(|own| (own - mean).powi(2)).collect();
                mean_of(&squares)?.map(|own| own.max(0.0).sqrt())
            }
            name if name.starts_with("wait_") => {
                let own = self.waits_in(0.0, f64::INFINITY);
                Self::spread(&own, name, metric)?
            }
            name => self.instant(name, metric["t"].as_f64()?)?,
        };
        Some(estimate.into())
    }
}

/// Compares a family.
pub(super) fn check_family(family: &str) -> Checked {
    let mut checked = Checked::default();
    for case in case_files(family) {
        let (course, widened) = Course::of(&case);
        let freedom = (course.runs.logs.len() - 1) as f64;
        checked.case(&case, widened, |metric| {
            let figure = course.figure(metric)?;
            Some(Figure { freedom, ..figure })
        });
    }
    checked
}
