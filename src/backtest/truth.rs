//! What a recording says.

use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use crate::scenario::Files;

/// A recording cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
    /// What would help, if that is known.
    pub help: Option<String>,
}

impl Problem {
    /// Something is wrong with a file.
    pub fn new(file: &str, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            what: what.into(),
            help: None,
        }
    }

    /// The same, with what would help.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// A table of a recording's JSON that knows what it is called, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    file: &'a str,
    path: &'a str,
    value: &'a Value,
}

impl<'a> Settings<'a> {
    /// A number that must be there, at least `least`.
    pub fn number(self, key: &str, least: f64) -> Result<f64, Problem> {
        self.maybe(key, least)?.ok_or_else(|| self.missing(key))
    }

    /// A number that may be absent or null, at least `least`.
    pub fn maybe(self, key: &str, least: f64) -> Result<Option<f64>, Problem> {
        match &self.value[key] {
            Value::Null => Ok(None),
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                if number.is_finite() && (least..=1e12).contains(&number) {
                    return Ok(Some(number));
                }
                Err(self.wrong(
                    key,
                    &format!("a number from {least} on"),
                    &number.to_string(),
                ))
            }
            other => Err(self.wrong(key, "a number", &kind_of(other))),
        }
    }

    /// A whole number that must be there, at least `least`.
    pub fn whole(self, key: &str, least: u32) -> Result<u32, Problem> {
        let number = self.number(key, f64::from(least))?;
        if number.fract() != 0.0 || number > f64::from(u32::MAX) {
            return Err(self.wrong(key, "a whole number", &number.to_string()));
        }
        Ok(number as u32)
    }

    /// A text that must be there.
    pub fn text(self, key: &str) -> Result<&'a str, Problem> {
        match &self.value[key] {
            Value::String(text) => Ok(text),
            Value::Null => Err(self.missing(key)),
            other => Err(self.wrong(key, "a text", &kind_of(other))),
        }
    }

    /// A list of numbers, empty if it is absent.
    pub fn numbers(self, key: &str) -> Result<Vec<f64>, Problem> {
        match &self.value[key] {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => {
                let all = items
                    .iter()
                    .map(Value::as_f64)
                    .collect::<Option<Vec<f64>>>();
                all.ok_or_else(|| self.wrong(key, "a list of numbers", "something else in it"))
            }
            other => Err(self.wrong(key, "a list of numbers", &kind_of(other))),
        }
    }

    fn missing(self, key: &str) -> Problem {
        let Value::Object(table) = self.value else {
            return Problem::new(self.file, format!("`{}` is not a table", self.path));
        };
        let there: Vec<&str> = table.keys().map(String::as_str).collect();
        Problem::new(self.file, format!("`{}` has no `{key}`", self.path))
            .help(format!("it has: {}", there.join(", ")))
    }

    /// A value is not what it must be.
    pub fn wrong(self, key: &str, expected: &str, found: &str) -> Problem {
        let what = format!("`{}.{key}`: expected {expected}, found {found}", self.path);
        Problem::new(self.file, what)
    }
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => format!("`{truth}`"),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            format!("the text \"{}\"", text.chars().take(40).collect::<String>())
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}

/// What was measured, of one repetition or of all together. What was not measured is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Figures by name: latencies in milliseconds, rates per second, shares.
    pub figures: Vec<(&'static str, f64)>,
}

impl Measured {
    /// The figure of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        let found = self.figures.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| *value)
    }
}

/// The exact schedule of a repetition.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The name of its file.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Its columns.
    pub columns: Vec<String>,
    /// By row: when it was due (seconds), what was planned (milliseconds), whether it was answered.
    pub rows: Vec<(f64, f64, bool)>,
    /// How many different clients there are.
    pub n_clients: usize,
}

/// One repetition.
#[derive(Debug, Clone)]
pub struct Repetition {
    /// Its number, from 1.
    pub number: u32,
    /// Where the random numbers of its run start.
    pub seed: u64,
    /// The seed of the draws of attempts, where there are some.
    pub attempt_seed: Option<u64>,
    /// How long requests kept coming, in seconds.
    pub duration_s: f64,
    /// What is left out of the figures at its start, in seconds.
    pub warm_up_s: f64,
    /// Its schedule, if there is one: open loops have.
    pub schedule: Option<Schedule>,
    /// What was measured.
    pub measured: Measured,
    /// Everything else.
    pub json: Value,
}

/// What an empty handler takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overhead {
    /// The median, in milliseconds.
    pub p50_ms: f64,
    /// The 90th and 95th percentile, if they are known.
    pub tail_ms: Option<(f64, f64)>,
}

impl Overhead {
    fn of(json: &Value) -> Option<Self> {
        let number = |key: &str| json[key].as_f64().filter(|ms| (0.0..1e6).contains(ms));
        let p50_ms = number("p50")?;
        let tail_ms = number("p90").zip(number("p95"));
        Some(Self {
            p50_ms,
            tail_ms: tail_ms.filter(|(p90, p95)| (p50_ms..=*p95).contains(p90)),
        })
    }

    /// The same, of which `ms` are modelled elsewhere.
    #[must_use]
    pub fn less(self, ms: f64) -> Self {
        let rest = |own: f64| (own - ms).max(0.0);
        Self {
            p50_ms: rest(self.p50_ms),
            tail_ms: self.tail_ms.map(|(p90, p95)| (rest(p90), rest(p95))),
        }
    }
}

/// A recording.
#[derive(Debug, Clone)]
pub struct Truth {
    /// Its name.
    pub id: String,
    /// The file.
    pub file: String,
    /// Its family, as it says.
    pub family: String,
    /// The software, in words.
    pub stack: Vec<String>,
    /// What was measured, all repetitions together.
    pub measured: Measured,
    /// Everything else.
    pub json: Value,
    /// What empty handlers take, by arrangement, if that lies beside the recording.
    overheads: serde_json::Map<String, Value>,
    /// The repetitions.
    pub repetitions: Vec<Repetition>,
}

impl Truth {
    /// The numbers behind the stack.
    pub fn config(&self) -> Settings<'_> {
        Settings {
            file: &self.file,
            path: "config",
            value: &self.json["config"],
        }
    }

    /// What an empty handler takes in the same arrangement.
    pub fn overhead(&self) -> Result<Overhead, Problem> {
        let own = Settings {
            file: &self.file,
            path: "bench_overhead.latency_ms",
            value: &self.json["bench_overhead"]["latency_ms"],
        };
        let p50_ms = own.number("p50", 0.0)?;
        let arrangement = self.json["bench_overhead"]["empty_handler"].as_str();
        let more = arrangement.and_then(|own| self.overheads.get(own));
        let more = more.and_then(|own| Overhead::of(&own["latency_ms"]));
        Ok(Overhead {
            p50_ms,
            tail_ms: more
                .filter(|own| (own.p50_ms - p50_ms).abs() < 1e-9)
                .and_then(|own| own.tail_ms),
        })
    }

    /// What an empty handler takes where there is no proxy in front: the same, where that is not known.
    pub fn nearer_overhead(&self) -> Result<Overhead, Problem> {
        let own = self.overhead()?;
        let node = self.overheads.get("node").map(|own| &own["latency_ms"]);
        let node = node.and_then(Overhead::of);
        Ok(node.filter(|node| node.p50_ms <= own.p50_ms).unwrap_or(own))
    }

    /// CPU of the last process of the stack, which is the server, for a request that asks for nothing, in
    /// milliseconds; 0 if that was not measured.
    pub fn server_cpu_ms(&self) -> f64 {
        let all = self.json["bench_overhead"]["server_cpu_us_per_request"].as_array();
        let last = all.and_then(|all| all.last()).and_then(Value::as_f64);
        last.filter(|us| (0.0..1e9).contains(us)).unwrap_or(0.0) / 1000.0
    }

    /// By how much longer requests took than planned, in milliseconds, as the server saw it: what a timer is
    /// late, a round trip, a rollback. Known where what was realised is known of the same requests as what was
    /// planned; else `usual`, which is a property of the runtime.
    pub fn lateness_ms(&self, usual: f64) -> f64 {
        let realised = &self.json["realised_demand"];
        let (Some(n), Some(mean)) = (realised["n"].as_u64(), realised["mean_ms"].as_f64()) else {
            return usual;
        };
        let planned = |from_start: bool| {
            let rows = self.repetitions.iter().flat_map(|own| {
                let from = if from_start { 0.0 } else { own.warm_up_s };
                let rows = own.schedule.iter().flat_map(|schedule| &schedule.rows);
                rows.filter(move |row| row.2 && row.0 >= from)
            });
            let (count, sum) = rows.fold((0u64, 0.0), |(n, sum), row| (n + 1, sum + row.1));
            (count == n && n > 0).then(|| sum / count as f64)
        };
        match planned(true).or_else(|| planned(false)) {
            Some(planned) => mean - planned,
            None => usual,
        }
    }

    /// The smallest and the largest value over the repetitions.
    pub fn spread(&self, figure: &str) -> Option<(f64, f64)> {
        let mut values = self
            .repetitions
            .iter()
            .filter_map(|own| own.measured.get(figure));
        let first = values.next()?;
        Some(values.fold((first, first), |(low, high), own| {
            (low.min(own), high.max(own))
        }))
    }
}

/// The recordings in a folder: its files that end in `.json` and name a `family`, sorted by name. Those that
/// cannot be read are problems.
pub fn recordings_in(files: &dyn Files, folder: &Path) -> Result<Vec<String>, Problem> {
    let shown = folder.display().to_string();
    let mut names = files
        .list(folder)
        .map_err(|error| Problem::new(&shown, format!("cannot read the folder: {error}")))?;
    names.retain(|name| {
        Path::new(name).extension().is_some_and(|own| own == "json") && name != OVERHEADS
    });
    if names.is_empty() {
        return Err(
            Problem::new(&shown, "there is no recording in this folder").help(
                "a recording is a file ID.json, with the schedules of its repetitions beside it",
            ),
        );
    }
    names.sort();
    Ok(names)
}

/// Beside the recordings: what each of them holds for itself, too.
const OVERHEADS: &str = "bench_overhead.json";

/// Reads a recording and its schedules.
pub fn read(files: &dyn Files, folder: &Path, file: &str) -> Result<Truth, Problem> {
    let bytes = files
        .read(&folder.join(file))
        .map_err(|error| Problem::new(file, format!("cannot read it: {error}")))?;
    let json: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::new(file, format!("this is not JSON: {error}")))?;
    let top = Settings {
        file,
        path: "the recording",
        value: &json,
    };
    if json["schema"] != 1 {
        return Err(top.wrong("schema", "1", &kind_of(&json["schema"])));
    }
    let (id, family) = (top.text("id")?.to_owned(), top.text("family")?.to_owned());
    let stack = json["stack"].as_array().into_iter().flatten();
    let stack = stack.filter_map(Value::as_str).map(str::to_owned).collect();
    let Some(all) = json["repetitions"].as_array().filter(|all| !all.is_empty()) else {
        return Err(Problem::new(file, "it has no `repetitions`"));
    };
    let repetitions = all
        .iter()
        .map(|own| read_repetition(files, folder, file, own));
    let repetitions = repetitions.collect::<Result<Vec<_>, _>>()?;
    let mut measured = figures(&json["overall"]);
    add_hit_ratio(&mut measured, &repetitions);
    if json["overall"]["latency_ms_is"].is_string() {
        // What a tool printed of each repetition is not pooled: the mean stands for it.
        measured = mean_of(&repetitions);
    }
    let overheads = files.read(&folder.join(OVERHEADS)).ok();
    let overheads = overheads.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(Truth {
        overheads: overheads.unwrap_or_default(),
        id,
        file: file.to_owned(),
        family,
        stack,
        measured,
        json,
        repetitions,
    })
}

fn read_repetition(
    files: &dyn Files,
    folder: &Path,
    file: &str,
    json: &Value,
) -> Result<Repetition, Problem> {
    let own = Settings {
        file,
        path: "repetitions[]",
        value: json,
    };
    let schedule = match &json["schedule"] {
        Value::String(name) => Some(read_schedule(files, folder, name)?),
        _ => None,
    };
    let mut measured = figures(json);
    let hits = json["cache"]["hit_ratio"].as_f64();
    measured.figures.extend(hits.map(|hits| (HIT_RATIO, hits)));
    let per = json["attempts_per_request"].as_f64();
    measured.figures.extend(per.map(|per| (ATTEMPTS, per)));
    Ok(Repetition {
        number: own.whole("rep", 1)?,
        seed: own.number("seed", 0.0)? as u64,
        attempt_seed: own.maybe("attempt_seed", 0.0)?.map(|seed| seed as u64),
        duration_s: own.number("duration_s", 1.0)?,
        warm_up_s: own.number("warmup_excluded_s", 0.0)?,
        schedule,
        measured,
        json: json.clone(),
    })
}

/// Shares of look-ups that found something.
pub(super) const HIT_RATIO: &str = "hit_ratio";
/// Attempts per request.
pub(super) const ATTEMPTS: &str = "attempts_per_request";

/// Latencies, by their names in recordings and here.
const LATENCIES: [(&str, &str); 5] = [
    ("mean", "mean_ms"),
    ("p50", "p50_ms"),
    ("p90", "p90_ms"),
    ("p95", "p95_ms"),
    ("p99", "p99_ms"),
];

fn figures(json: &Value) -> Measured {
    let mut figures = Vec::new();
    for (theirs, ours) in LATENCIES {
        figures.extend(json["latency_ms"][theirs].as_f64().map(|ms| (ours, ms)));
    }
    let rate = json["throughput_ok_per_s"].as_f64();
    figures.extend(rate.map(|rate| ("throughput_ok_per_s", rate)));
    let share = json["error_share"].as_f64();
    figures.extend(share.map(|share| ("error_share", share)));
    Measured { figures }
}

fn add_hit_ratio(measured: &mut Measured, repetitions: &[Repetition]) {
    for name in [HIT_RATIO, ATTEMPTS] {
        let all = repetitions.iter().map(|own| own.measured.get(name));
        let all: Option<Vec<f64>> = all.collect();
        let mean = all.map(|all| all.iter().sum::<f64>() / all.len() as f64);
        measured.figures.extend(mean.map(|mean| (name, mean)));
    }
}

fn mean_of(repetitions: &[Repetition]) -> Measured {
    let first = &repetitions[0].measured.figures;
    let mean = |name: &'static str| {
        let all = repetitions.iter().map(|own| own.measured.get(name));
        let all: Option<Vec<f64>> = all.collect();
        all.map(|all| (name, all.iter().sum::<f64>() / all.len() as f64))
    };
    Measured {
        figures: first.iter().filter_map(|(name, _)| mean(name)).collect(),
    }
}

/// A schedule that unpacks to more than this is none.
const MOST_BYTES: u64 = 1 << 30;

fn read_schedule(files: &dyn Files, folder: &Path, name: &str) -> Result<Schedule, Problem> {
    let plain_name = Path::new(name).file_name().is_some_and(|own| own == name);
    if !plain_name {
        return Err(Problem::new(name, "a schedule lies beside its recording"));
    }
    let bytes = files
        .read(&folder.join(name))
        .map_err(|error| Problem::new(name, format!("cannot read it: {error}")))?;
    let mut text = Vec::new();
    let unpacked = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacking = flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(MOST_BYTES);
        unpacking.read_to_end(&mut text)
    } else {
        text.clone_from(&bytes);
        Ok(0)
    };
    unpacked.map_err(|error| Problem::new(name, format!("cannot unpack it: {error}")))?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let bad = |error: &csv::Error| Problem::new(name, format!("this is not CSV: {error}"));
    let columns = reader.headers().map_err(|error| bad(&error))?;
    let columns: Vec<String> = columns.iter().map(|own| own.trim().to_owned()).collect();
    let position = |column: &str| columns.iter().position(|own| own == column);
    let Some(gap) = position("dt_us") else {
        let help = format!("columns: {}", columns.join(", "));
        return Err(Problem::new(name, "it has no column `dt_us`").help(help));
    };
    let (demand, status, client) = (
        position("demand_us"),
        position("status"),
        position("client"),
    );
    let mut clients = std::collections::BTreeSet::new();
    let (mut rows, mut at) = (Vec::new(), 0.0);
    for record in reader.records() {
        let record = record.map_err(|error| bad(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |column: usize| {
            let cell = record[column].trim();
            let read = cell.parse::<f64>().ok();
            read.filter(|own| own.is_finite() && *own >= 0.0)
                .ok_or_else(|| {
                    let what = format!(
                        "line {line}: `{}` must be a number that is not negative, found \"{cell}\"",
                        columns[column]
                    );
                    Problem::new(name, what)
                })
        };
        at += number(gap)? / 1e6;
        let planned = demand.map_or(Ok(0.0), |own| number(own).map(|us| us / 1000.0))?;
        let answered = status.is_none_or(|own| record[own].trim().is_empty());
        if let Some(client) = client {
            clients.insert(record[client].to_owned());
        }
        rows.push((at, planned, answered));
    }
    if rows.is_empty() {
        return Err(Problem::new(name, "it has a header, but no rows"));
    }
    Ok(Schedule {
        name: name.to_owned(),
        bytes,
        columns,
        rows,
        n_clients: clients.len(),
    })
}
