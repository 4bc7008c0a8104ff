//! The workers of an instance, and how many requests may wait for them.

use serde_json::json;

use super::processes::{KeepAlive, PauseScope, Pauses, PausesPlan};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::policy::accept::Accept;
use crate::policy::warm_up::WarmUp;
use crate::spec::{At, Count, Definitions, Node, Preset, Spec, Value};
use crate::units::SimDuration;
use crate::{presets, spec, words};

words! {
    /// How a worker works.
    pub enum Runtime {
        /// A worker is held by one request until its operation is over, whatever it waits for.
        Threads = "threads",
        /// A worker executes one burst of CPU at a time; waits overlap.
        EventLoop = "event_loop",
        /// A worker is a process with threads, each held by one request until its operation is over.
        Processes = "processes",
    }
}

words! {
    /// What becomes of those who find no place to wait.
    pub enum WhenFull {
        /// Their connection is refused at once.
        Refuse = "refuse",
        /// Nobody answers them: the packet that asks for a connection is dropped, and sent again after 1, 3, 7,
        /// 15, 31 and 63 s (Linux); after 127 s it fails.
        Drop = "drop",
    }
}

/// Servers as they are set up when nobody says otherwise.
const MODELS: &[Preset] = presets! {
    "node_cluster": "presets/node_cluster.toml",
    "gunicorn_sync": "presets/gunicorn_sync.toml",
    "gunicorn_gthread": "presets/gunicorn_gthread.toml",
    "puma": "presets/puma.toml",
    "tomcat": "presets/tomcat.toml",
    "go": "presets/go.toml",
};

spec! {
    /// The workers of an instance: `{ runtime = "event_loop", per_vcpu = 1 }`, or those of a server that is
    /// known: `{ model = "puma", count = 2, threads = 5 }`.
    pub struct WorkersSpec {
        /// A server that is known: what it does unless the keys beside this one say otherwise.
        pub model: Option<At<String>>,
        /// How they work.
        pub runtime: At<Runtime> = At::built_in(Runtime::Threads),
        /// How many there are per instance: threads, loops, or processes.
        pub count: Option<At<Count>>,
        /// How many there are per vCPU of the instance.
        pub per_vcpu: Option<At<Count>>,
        /// Threads of each process; one unless given.
        pub threads: Option<At<Count>>,
        /// Whether only one thread of a process works on a CPU at a time, as the interpreter locks of Python and
        /// Ruby make sure.
        pub interpreter_lock: Option<At<bool>>,
        /// Which process takes a connection: `central`, `greedy` or `race` where processes have threads,
        /// `round_robin` or `by_connection` for event loops.
        pub accept: Option<At<Accept>>,
        /// How many requests a process takes in, working or waiting in it; as many as come unless given.
        pub connections: Option<At<Count>>,
        /// Connections that whoever is in front keeps open; matters for `by_connection`.
        pub keep_alive: Option<KeepAlive>,
        /// How many requests of an instance may wait for a worker; the `backlog` of the service goes before it.
        pub backlog: Option<At<Backlog>>,
        /// What becomes of those that find no place; the `when_full` of the service goes before it.
        pub when_full: Option<At<WhenFull>>,
        /// How long a process may work on a request before it is killed with it, and started again; for processes
        /// of one thread.
        pub timeout: Option<At<SimDuration>>,
        /// After how many requests a process is started again; never unless given.
        pub max_requests: Option<At<Count>>,
        /// Up to how many more that may be, at random, so that not all are started again at once.
        pub max_requests_jitter: At<u32> = At::built_in(0),
        /// How long a process takes to start; as long as an instance unless given.
        pub boot: Option<Law>,
        /// How much slower a process is that has just started.
        pub warm_up: Option<WarmUp>,
        /// Pauses in which nothing is worked on.
        pub pauses: Option<Pauses>,
    }
    presets(MODELS)
    check(Self::check)
}

impl WorkersSpec {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (&self.count, &self.per_vcpu) {
            (Some(count), Some(per_vcpu)) => out.push(
                Diagnostic::error(per_vcpu.origin, "workers are counted in two ways")
                    .related(count.origin, "the other way")
                    .help("give `count` or `per_vcpu`"),
            ),
            (None, None) => out.push(
                Diagnostic::error(table, "how many workers?").label("needs `count` or `per_vcpu`"),
            ),
            _ => {}
        }
        self.check_processes(out);
        self.check_accept(out);
        if let (Some(timeout), Some(threads)) = (&self.timeout, &self.threads)
            && threads.get() > 1
        {
            let problem = "a process with several threads is not killed for one slow request";
            out.push(
                Diagnostic::error(timeout.origin, problem).related(threads.origin, "its threads"),
            );
        }
        if let Some(Pauses {
            scope: Some(scope), ..
        }) = &self.pauses
            && scope.value == PauseScope::Worker
            && PausesPlan::usual_scope(self.runtime.value, self.has_lock()) == PauseScope::Instance
        {
            let problem = "threads that work at the same time pause together";
            out.push(Diagnostic::error(scope.origin, problem).help("write scope = \"instance\""));
        }
    }

    /// Whether only one thread of a process works at a time.
    pub fn has_lock(&self) -> bool {
        self.interpreter_lock.is_none_or(|lock| lock.value)
    }

    /// What only processes have is given to nobody else.
    fn check_processes(&self, out: &mut Diagnostics) {
        if self.runtime.value == Runtime::Processes {
            return;
        }
        let given = [
            ("threads", self.threads.as_ref().map(|at| at.origin)),
            (
                "interpreter_lock",
                self.interpreter_lock.as_ref().map(|at| at.origin),
            ),
            ("connections", self.connections.as_ref().map(|at| at.origin)),
            ("timeout", self.timeout.as_ref().map(|at| at.origin)),
            (
                "max_requests",
                self.max_requests.as_ref().map(|at| at.origin),
            ),
        ];
        for (key, origin) in given {
            let Some(origin) = origin else { continue };
            let problem = format!("`{key}` is something that only processes with threads have");
            out.push(Diagnostic::error(origin, problem).help("write runtime = \"processes\""));
        }
    }

    fn check_accept(&self, out: &mut Diagnostics) {
        let Some(accept) = &self.accept else { return };
        let fits: &[Accept] = match self.runtime.value {
            Runtime::Threads => &[Accept::Central],
            Runtime::EventLoop => &[Accept::RoundRobin, Accept::ByConnection],
            Runtime::Processes => &[Accept::Central, Accept::Greedy, Accept::Race],
        };
        if !fits.contains(&accept.value) {
            let words: Vec<&str> = fits.iter().map(|accept| accept.word()).collect();
            let problem = format!(
                "the workers of `{}` do not take connections like that",
                self.runtime.word()
            );
            out.push(
                Diagnostic::error(accept.origin, problem)
                    .label(format!("expected one of: {}", words.join(", "))),
            );
        }
    }
}

/// How many requests may wait: a number, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// As many as this.
    Bounded(u32),
    /// Any number.
    Unbounded,
}

impl Backlog {
    /// What Node listens with, and near what other servers do.
    pub const DEFAULT: Self = Self::Bounded(511);

    const WORD: &'static str = "unbounded";

    /// The number; the largest there is for no limit.
    pub const fn limit(self) -> u32 {
        match self {
            Self::Bounded(limit) => limit,
            Self::Unbounded => u32::MAX,
        }
    }
}

impl Spec for Backlog {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == Self::WORD => Some(Self::Unbounded),
            Value::Whole(_) => u32::read(node, out).map(Self::Bounded),
            _ => {
                let problem = format!("expected a whole number, found {}", node.describe());
                out.push(
                    Diagnostic::error(node.origin, problem).label("a number or \"unbounded\""),
                );
                None
            }
        }
    }

    fn write(&self) -> Option<toml::Value> {
        Some(match self {
            Self::Bounded(limit) => toml::Value::Integer(i64::from(*limit)),
            Self::Unbounded => toml::Value::String(Self::WORD.to_owned()),
        })
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [u32::schema(definitions), { "const": Self::WORD }] })
    }
}
