//! What the pools of a component report, and are audited for.

use super::state::Pool;
use crate::component::{Context, Gauge, Kept, Resource};
use crate::policy::pool::Unit;

impl Pool {
    /// What can run out here.
    pub(in crate::component) fn resource(&self, component: &str) -> Resource {
        Resource {
            component: component.to_owned(),
            what: format!("pool {}", self.plan.name),
            unit: "connection",
            used: self.in_use,
            capacity: Some(self.capacity),
            scale: 1.0,
            waiting: Some(self.waiting),
            wait: Some(self.wait),
        }
    }

    /// Figures that it keeps.
    pub(in crate::component) fn gauges(&self, component: &str) -> [Gauge; 2] {
        let name = format!("{component} pool {}", self.plan.name);
        let gauge = |what, counter| Gauge::new(&name, what, Kept::Counter(counter));
        [
            gauge("connections_opened", self.opened),
            gauge("connections_closed", self.closed),
        ]
    }

    /// Connections that the database knows of.
    pub(in crate::component) fn n_open(&self) -> u64 {
        let live: u64 = self.units.iter().map(|unit| u64::from(unit.n_live())).sum();
        live + self.n_counted()
    }

    /// Connections in use and requests in line, after comparing its own books.
    pub(in crate::component) fn audit(&self, cx: &Context) -> (u64, u64) {
        let sum = |of: fn(&Unit) -> u32| self.units.iter().map(|unit| u64::from(of(unit))).sum();
        let (held, in_line): (u64, u64) = (sum(Unit::n_held), sum(Unit::n_waiting));
        let (in_use, waiting) = (
            cx.recorder.level_now(self.in_use),
            cx.recorder.level_now(self.waiting),
        );
        let name = &self.plan.name;
        assert_eq!(
            held + self.n_awaited(),
            in_use,
            "connections of pool {name}"
        );
        assert_eq!(in_line, waiting, "line of pool {name}");
        for unit in &self.units {
            assert!(
                unit.n_open() <= self.plan.rules.most(),
                "pool {name} holds more than it may"
            );
        }
        (in_use, waiting)
    }
}
