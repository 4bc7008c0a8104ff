//! What a breaker remembers of its calls.

use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics};
use crate::spec::{Count, Definitions, Node, Spec, Value};
use crate::units::{SimDuration, SimTime};
use crate::words;

/// The longest window of calls.
pub(super) const MOST_CALLS: u32 = 100_000;
/// The longest window of time.
pub(super) const MOST_SECONDS: u64 = 3600;

const SECOND: u64 = 1_000_000_000;

words! {
    /// What a breaker's window is made of.
    pub enum WindowType {
        /// The last calls.
        Count = "count",
        /// The calls of the last seconds.
        Time = "time",
    }
}

/// How large a window is: a number of calls (`100`), or a time (`"100s"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowSize {
    /// So many calls.
    Calls(Count),
    /// The calls of so much time.
    Time(SimDuration),
}

impl WindowSize {
    pub(super) fn window_type(self) -> WindowType {
        match self {
            Self::Calls(_) => WindowType::Count,
            Self::Time(_) => WindowType::Time,
        }
    }
}

impl Spec for WindowSize {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        match node.value {
            Value::Whole(_) => Count::read(node, out).map(Self::Calls),
            Value::Text(_) => SimDuration::read(node, out).map(Self::Time),
            _ => {
                let what = "a number of calls or a duration";
                let problem = format!("expected {what}, found {}", node.describe());
                out.push(Diagnostic::error(node.origin, problem).label(format!("expected {what}")));
                None
            }
        }
    }
    fn write(&self) -> Option<toml::Value> {
        match self {
            Self::Calls(n) => n.write(),
            Self::Time(span) => span.write(),
        }
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [Count::schema(definitions), SimDuration::schema(definitions)] })
    }
}

/// The seconds of a window of time; nothing if it cannot be one.
pub(super) fn whole_seconds(span: SimDuration) -> Option<u64> {
    let seconds = span.as_nanos() / SECOND;
    let fits = span.as_nanos().is_multiple_of(SECOND) && (1..=MOST_SECONDS).contains(&seconds);
    fits.then_some(seconds)
}

/// How many calls there were, how many of them failed, how many were slow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.slow += other.slow;
    }

    fn take_away(&mut self, other: Self) {
        self.calls -= other.calls;
        self.failed -= other.failed;
        self.slow -= other.slow;
    }
}

/// The last calls, or the calls of the last seconds: the present second and those before it, seconds
/// being those of the clock.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// What is in the window, call by call or second by second, in a ring.
    parts: Vec<Counts>,
    /// The newest part.
    head: usize,
    total: Counts,
    /// In a window of time, the second of the newest part.
    second: Option<u64>,
}

impl Window {
    pub(super) fn new(size: WindowSize) -> Self {
        let (n_parts, second) = match size {
            WindowSize::Calls(n) => (n.get() as usize, None),
            WindowSize::Time(span) => (whole_seconds(span).unwrap_or(1) as usize, Some(0)),
        };
        Self {
            parts: vec![Counts::default(); n_parts],
            head: 0,
            total: Counts::default(),
            second,
        }
    }

    pub(super) fn clear(&mut self) {
        self.parts.fill(Counts::default());
        self.total = Counts::default();
    }

    /// Takes a call in and gives what is in the window then.
    pub(super) fn record(&mut self, now: SimTime, failed: bool, slow: bool) -> Counts {
        let steps = match &mut self.second {
            None => 1,
            Some(second) => {
                let present = now.as_nanos() / SECOND;
                let steps = present.saturating_sub(*second);
                *second = present.max(*second);
                steps.min(self.parts.len() as u64)
            }
        };
        for _ in 0..steps {
            self.head = (self.head + 1) % self.parts.len();
            let oldest = std::mem::take(&mut self.parts[self.head]);
            self.total.take_away(oldest);
        }
        let call = Counts {
            calls: 1,
            failed: u32::from(failed),
            slow: u32::from(slow),
        };
        self.parts[self.head].add(call);
        self.total.add(call);
        self.total
    }
}
