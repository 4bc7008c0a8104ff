//! What components report, in terms that need no knowledge of their kinds.

use crate::metrics::{CounterId, LevelId, SampleId, WaitId};

/// Something that can run out: workers, cores, connections. Its use and its capacity are levels, so that
/// both may change during a run.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The component it belongs to.
    pub component: String,
    /// What it is: `workers`, `CPU`, `pool db`.
    pub what: String,
    /// One of them: `worker`, `core`, `connection`.
    pub unit: &'static str,
    /// How much is in use.
    pub used: LevelId,
    /// How much there is; nothing if there is no limit.
    pub capacity: Option<LevelId>,
    /// How many levels make one unit: CPU is counted in thousandths of a core.
    pub scale: f64,
    /// How many requests wait for it, if any can.
    pub waiting: Option<LevelId>,
    /// How long they waited, if any can.
    pub wait: Option<WaitId>,
}

impl Resource {
    /// The CPU of a component, in thousandths of a core, for which nobody waits in a line of its own.
    pub fn cores(component: &str, used: LevelId, capacity: LevelId) -> Self {
        Self {
            component: component.to_owned(),
            what: "CPU".to_owned(),
            unit: "core",
            used,
            capacity: Some(capacity),
            scale: 1000.0,
            waiting: None,
            wait: None,
        }
    }

    /// Something of which one is in use at a time by whoever has it, and nobody waits for: `what` there is, of
    /// which one is a `unit`.
    pub fn slots(
        component: &str,
        (what, unit): (&str, &'static str),
        used: LevelId,
        capacity: Option<LevelId>,
    ) -> Self {
        Self {
            component: component.to_owned(),
            what: what.to_owned(),
            unit,
            used,
            capacity,
            scale: 1.0,
            waiting: None,
            wait: None,
        }
    }
}

/// Another figure of a component.
#[derive(Debug, Clone)]
pub struct Gauge {
    /// The component it belongs to.
    pub component: String,
    /// What it is, as a name for files: `instances_in_service`, `hits`.
    pub what: &'static str,
    /// Where it is kept.
    pub kept: Kept,
}

impl Gauge {
    /// A figure `what` of a component.
    pub fn new(component: &str, what: &'static str, kept: Kept) -> Self {
        Self {
            component: component.to_owned(),
            what,
            kept,
        }
    }

    /// True if it is followed over time; else it is known at the end.
    pub fn is_followed(&self) -> bool {
        matches!(self.kept, Kept::Level(_) | Kept::Sample(_))
    }
}

/// Where a figure is kept.
#[derive(Debug, Clone, Copy)]
pub enum Kept {
    /// As a level over time.
    Level(LevelId),
    /// As what is read at the end of every window.
    Sample(SampleId),
    /// As a count.
    Counter(CounterId),
    /// As a count of something that does not happen when all is well: reports tell of it.
    Incidents(CounterId),
    /// As how old what is given out is.
    Ages(WaitId),
    /// As how long something takes.
    Times(WaitId),
}

impl Kept {
    /// The count, if it is kept as one.
    pub fn counter(self) -> Option<CounterId> {
        match self {
            Self::Counter(counter) | Self::Incidents(counter) => Some(counter),
            Self::Level(_) | Self::Sample(_) | Self::Ages(_) | Self::Times(_) => None,
        }
    }
}
