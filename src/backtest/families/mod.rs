//! Families of stacks: how the settings of a recording become a scenario.
//!
//! One file per kind of stack. To add a family: write the function that turns the settings of a recording
//! into the tables of a scenario, and add its line to the list below. It may look at the settings of the
//! recording, at its schedule, and at what an empty handler costs; never at what was measured.

mod autoscaling;
mod caches;
mod cpu;
mod limits;
mod loops;
mod pools;
mod retries;
mod upstreams;
mod users;

use std::fmt::Write as _;

use super::truth::{Overhead, Problem, Repetition, Truth};
use crate::diag::nearest;

/// What a family makes of a recording: the tables that come after `[run]`.
type Tables = fn(&Truth, &Repetition) -> Result<String, Problem>;

/// A family of stacks.
#[derive(Debug)]
pub struct Family {
    /// As recordings name it.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What of the real thing is not modelled and is seen in recordings; empty where nothing is known of.
    pub lacks: &'static str,
    tables: Tables,
}

const fn family(
    name: &'static str,
    about: &'static str,
    lacks: &'static str,
    tables: Tables,
) -> Family {
    Family {
        name,
        about,
        lacks,
        tables,
    }
}

/// The families.
pub const FAMILIES: &[Family] = &[
    family(
        "thread_pool",
        "a fixed number of threads behind one queue",
        "",
        pools::threads,
    ),
    family(
        "node_event_loop",
        "one event loop that computes and waits",
        "At 70 % load the slowest hundredth of the requests is slower by a tenth than predicted; what holds the loop up is not known.",
        loops::node,
    ),
    family(
        "cpu_contention",
        "processes that share a core, perhaps with a quota",
        "Other work on the core. Where the workers are in a control group with a quota they share the core with it: half of the requests that are alone take 4 or 8 ms longer, which is one or two ticks of the scheduler; without a quota none does.",
        cpu::processes,
    ),
    family(
        "node_postgres_pool",
        "Node and the pool of node-postgres",
        "",
        pools::node_postgres,
    ),
    family(
        "sqlalchemy_pool",
        "a thread per request and SQLAlchemy's pool",
        "",
        pools::sqlalchemy,
    ),
    family(
        "nginx_upstream",
        "nginx in front of several servers",
        "",
        upstreams::balanced,
    ),
    family(
        "rolling_restart",
        "servers behind nginx, restarted one after another",
        "",
        upstreams::restarted,
    ),
    family(
        "nginx_limit_req",
        "nginx's limit of requests per client",
        "",
        limits::limit_req,
    ),
    family(
        "nginx_proxy_cache",
        "nginx's cache in front of a server",
        "What nginx itself takes for an answer from its cache is not known apart from the network. Two of three repetitions with updates in the background begin with a stall of 0.2 to 0.4 s, of which the schedule says nothing.",
        caches::proxy_cache,
    ),
    family(
        "lru",
        "a Redis that evicts, in front of something slow",
        "Beyond the 95th percentile a miss takes as long as the machine is late with its timer: some milliseconds more than the realised moments say.",
        caches::redis,
    ),
    family(
        "timeouts_and_retries",
        "clients that give up and try again",
        "",
        retries::retries,
    ),
    family(
        "autoscaling",
        "servers behind nginx, added and removed by a rule",
        "",
        autoscaling::script,
    ),
    family(
        "closed_loop",
        "users who wait for their answers, or wrk",
        "",
        users::closed,
    ),
];

/// The scenario of a repetition, as text in the public language.
pub fn scenario_text(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let found = FAMILIES.iter().find(|own| own.name == truth.family);
    let Some(found) = found else {
        let known: Vec<&str> = FAMILIES.iter().map(|own| own.name).collect();
        let problem = format!("the family `{}` is not known", truth.family);
        let help = nearest(&truth.family, known.iter().copied()).map_or_else(
            || format!("there are: {}", known.join(", ")),
            |own| format!("a similar family exists: `{own}`"),
        );
        return Err(Problem::new(&truth.file, problem).help(help));
    };
    let tables = (found.tables)(truth, repetition)?;
    let mut text = String::new();
    for line in &truth.stack {
        let _ = writeln!(text, "# {}", line.replace(['\n', '\r'], " "));
    }
    let _ = write!(
        text,
        "\nschema = 1\ntitle = {}\n\n[run]\nhorizon = {}\nwarm_up = {}\nwindow = \"1s\"\nreplications = 1\nseed = {}\n\n{tables}",
        quoted(&format!("{}, repetition {}", truth.id, repetition.number)),
        seconds(repetition.duration_s),
        seconds(repetition.warm_up_s),
        repetition.seed & (i64::MAX as u64),
    );
    Ok(text)
}

/// A text in quotation marks.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A duration in seconds, as text in quotation marks.
fn seconds(seconds: f64) -> String {
    format!("\"{}us\"", (seconds * 1e6).round())
}

/// A duration in milliseconds, as text in quotation marks.
fn millis(millis: f64) -> String {
    seconds(millis / 1e3)
}

/// What lies between clients and the system: what a request takes that asks for nothing.
fn way(overhead: Overhead, shares: bool) -> String {
    let nothing = overhead.p50_ms <= 0.0 && overhead.tail_ms.is_none_or(|tail| tail.1 <= 0.0);
    if nothing && !shares {
        return String::new();
    }
    let Overhead { p50_ms, tail_ms } = overhead;
    let law = match tail_ms {
        None => millis(p50_ms),
        // Nothing is known below the median, and beyond the 95th percentile it is the bench.
        Some((p90, p95)) => format!(
            "{{ empirical = {{ quantiles = {{ p0 = {p50}, p50 = {p50}, p90 = {}, p95 = {}, p100 = {} }} }} }}",
            millis(p90),
            millis(p95),
            millis(p95),
            p50 = millis(p50_ms),
        ),
    };
    let shared = if shares { ", shared = true" } else { "" };
    format!(
        "# what a request takes that asks for nothing: network, accepting, parsing\nnetwork = {{ rtt = {law}, tls = \"none\", reuse = \"100%\"{shared} }}\n"
    )
}

/// What a source that replays the schedule of a repetition knows and does.
struct Source<'a> {
    truth: &'a Truth,
    repetition: &'a Repetition,
    /// What its requests enter.
    enters: &'a str,
    /// What an empty handler takes, as time on the way.
    overhead: Overhead,
    /// What is added to each planned demand, in milliseconds.
    late_ms: f64,
    /// What is added to each planned wait, in milliseconds.
    wait_late_ms: f64,
    /// The catalogue that the column `key` is of.
    keys: Option<&'a str>,
    /// Whether requests share connections that stay open.
    shares: bool,
    /// Further keys of the source.
    more: String,
}

impl<'a> Source<'a> {
    fn new(truth: &'a Truth, repetition: &'a Repetition, enters: &'a str) -> Result<Self, Problem> {
        Ok(Self {
            truth,
            repetition,
            enters,
            overhead: truth.overhead()?,
            late_ms: 0.0,
            wait_late_ms: 0.0,
            keys: None,
            shares: false,
            more: String::new(),
        })
    }

    /// The tables of the source.
    fn tables(&self) -> Result<String, Problem> {
        let Some(schedule) = &self.repetition.schedule else {
            let problem = format!("repetition {} has no schedule", self.repetition.number);
            return Err(Problem::new(&self.truth.file, problem));
        };
        let has = |column: &str| schedule.columns.iter().any(|own| own == column);
        let mut text = format!("[sources.clients]\nenters = {}\n", quoted(self.enters));
        text.push_str(&way(self.overhead, self.shares));
        text.push_str(&self.more);
        let _ = write!(
            text,
            "\n[sources.clients.arrivals.replay]\nfile = {}\ncolumn = \"dt_us\"\ntimes = \"us\"\nsince = \"previous\"\n\n[sources.clients.arrivals.replay.columns]\n",
            quoted(&schedule.name)
        );
        for (name, column, late) in [
            ("demand", "demand_us", self.late_ms),
            ("wait", "wait_us", self.wait_late_ms),
        ] {
            if has(column) {
                let add = (late * 1e3).round();
                let _ = writeln!(
                    text,
                    "times.{name} = {{ column = \"{column}\", unit = \"us\", add = {add:.1} }}"
                );
            }
        }
        if let (Some(keys), true) = (self.keys, has("key")) {
            let _ = writeln!(text, "keys.{keys} = \"key\"");
        }
        if has("client") {
            text.push_str("client = \"client\"\n");
        }
        text.push('\n');
        Ok(text)
    }
}

/// How much later than planned a request is done that waits for a timer, in milliseconds: Node cuts to whole
/// milliseconds and comes up to 1 to 2 ms late.
const NODE_TIMER_MS: f64 = -0.2;

/// A Node process that works on some requests at a time, each of which waits for a timer, and has the others wait in
/// one unbounded line.
struct Slots<'a> {
    name: &'a str,
    /// How many requests at a time.
    at_a_time: u32,
    /// What is done between two of them in a place, in milliseconds of CPU: an answer, and taking up the next.
    cpu_ms: f64,
    /// What is waited for.
    step: &'a str,
    /// Further keys of the service.
    more: &'a str,
}

impl Slots<'_> {
    fn tables(&self) -> String {
        let Self {
            name,
            at_a_time,
            cpu_ms,
            step,
            more,
        } = self;
        let steps = if *cpu_ms > 0.0 {
            format!(
                "\n  {{ cpu = {} }},    # HTTP itself\n  {step},\n",
                millis(*cpu_ms)
            )
        } else {
            (*step).to_owned()
        };
        format!(
            "[components.{name}]\nkind = \"service\"\nworkers = {{ runtime = \"threads\", count = {at_a_time} }}\nbacklog = \"unbounded\"\n{more}\n[components.{name}.operations.default]\nsteps = [{steps}]\n\n"
        )
    }
}

const RECORDED_WAIT: &str = "{ wait = { recorded = \"demand\" } }";
