//! What people do to a database, and what it does to those who use it.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, number_text};
use crate::units::{SimDuration, SimTime};
use crate::{leads, math, spec};

leads! {
    /// Something that is planned for a database. While it lasts, new connections are refused; those that were
    /// open are broken, and queries fail. Afterwards its cache is cold.
    pub enum Maintenance {
        /// It starts anew.
        Reboot(Reboot) = "reboot",
        /// Its standby takes over, with a cold cache: 60 to 120 s on RDS.
        Failover(Failover) = "failover",
        /// It moves to a server of another size.
        Resize(Resize) = "resize",
    }
}

spec! {
    /// Starts a database anew: `{ at = "10m", reboot = "30s" }`.
    pub struct Reboot {
        /// For how long it is down.
        pub reboot: At<SimDuration>,
        /// When.
        pub at: At<SimDuration>,
    }
}

spec! {
    /// Has the standby of a database take over: `{ at = "10m", failover = "60s" }`.
    pub struct Failover {
        /// For how long it is down.
        pub failover: At<SimDuration>,
        /// When.
        pub at: At<SimDuration>,
    }
}

spec! {
    /// Moves a database to a server of another size: `{ at = "10m", resize = { cores = 8, outage = "60s" } }`.
    pub struct Resize {
        /// To what, and how long the switch takes.
        pub resize: ResizeTo,
        /// When the switch begins. What is prepared before it is not seen.
        pub at: At<SimDuration>,
    }
}

spec! {
    /// Another size for a database.
    pub struct ResizeTo {
        /// The cores that it has afterwards.
        pub cores: At<f64>,
        /// For how long it is down: 60 to 120 s with a standby, 5 to 10 minutes without.
        pub outage: At<SimDuration>,
    }
    check(Self::check)
}

impl ResizeTo {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.cores.value <= 0.0 {
            let found = number_text(self.cores.value);
            let problem = format!("a database needs cores, found {found}");
            out.push(Diagnostic::error(self.cores.origin, problem));
        }
    }
}

/// An operation, ready to be carried out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planned {
    /// When it begins.
    pub at: SimDuration,
    /// For how long the database is down.
    pub outage: SimDuration,
    /// The cores that it has afterwards, if that changes.
    pub cores: Option<f64>,
}

impl Maintenance {
    /// When, how long, and where that is said.
    fn times(&self) -> (At<SimDuration>, At<SimDuration>) {
        match self {
            Self::Reboot(own) => (own.at, own.reboot),
            Self::Failover(own) => (own.at, own.failover),
            Self::Resize(own) => (own.at, own.resize.outage),
        }
    }

    /// Ready to be carried out.
    pub fn planned(&self) -> Planned {
        let (at, outage) = self.times();
        let cores = match self {
            Self::Resize(own) => Some(own.resize.cores.value),
            Self::Reboot(_) | Self::Failover(_) => None,
        };
        Planned {
            at: at.value,
            outage: outage.value,
            cores,
        }
    }
}

impl super::Plan {
    /// Plans a further operation; reports one that comes while another is under way.
    pub fn adds(&mut self, planned: Planned, at: Origin, out: &mut Diagnostics) -> Option<()> {
        let end = |own: &Planned| own.at + own.outage;
        let meets = |own: &&Planned| own.at < end(&planned) && planned.at < end(own);
        if planned.outage == SimDuration::ZERO {
            out.push(Diagnostic::error(at, "an outage takes time"));
            return None;
        }
        if let Some(other) = self.maintenance.iter().find(meets) {
            let problem = format!("`{}` is down already at {}", self.name, other.at);
            out.push(Diagnostic::error(at, problem).label(format!("for {}", other.outage)));
            return None;
        }
        self.maintenance.push(planned);
        Some(())
    }
}

/// Reports operations that are not one after another, or take no time.
pub(super) fn check_order(operations: &[Maintenance], out: &mut Diagnostics) {
    let mut before: Option<(SimTime, Origin)> = None;
    for operation in operations {
        let (at, outage) = operation.times();
        if outage.value == SimDuration::ZERO {
            let problem = "an outage takes time";
            out.push(Diagnostic::error(outage.origin, problem).label("must be longer than 0"));
        }
        if let Some((end, origin)) = before
            && SimTime::ZERO + at.value < end
        {
            let problem = "this begins before the operation in front of it is over";
            out.push(Diagnostic::error(at.origin, problem).related(origin, "that one"));
        }
        before = Some((SimTime::ZERO + at.value + outage.value, at.origin));
    }
}

spec! {
    /// What a cache that was emptied does to queries: they take `factor` times as long at first, less and less
    /// as what they need is read in. With `storage`, that many times as many miss the memory instead.
    pub struct Cold {
        /// How many times as long, or as many; 2 to 10 is usual.
        pub factor: At<f64>,
        /// After which time half of the excess is gone.
        pub half_life: At<SimDuration>,
    }
    check(Self::check)
}

impl Cold {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if !(1.0..=1000.0).contains(&self.factor.value) {
            let found = number_text(self.factor.value);
            let problem = format!("expected 1 to 1000, found {found}");
            out.push(Diagnostic::error(self.factor.origin, problem));
        }
        if self.half_life.value == SimDuration::ZERO {
            let problem = "a cache that is warm at once was never cold";
            out.push(Diagnostic::error(self.half_life.origin, problem));
        }
    }
}

/// The factor of a cache that was emptied at `since`.
pub(super) fn cold_factor(
    (factor, half_life): (f64, SimDuration),
    since: SimTime,
    now: SimTime,
) -> f64 {
    let halves = now.since(since).as_secs_f64() / half_life.as_secs_f64();
    1.0 + (factor - 1.0) * math::powf(2.0, -halves)
}
