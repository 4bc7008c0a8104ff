//! A fixed count, as a `ReplicaSet` or a Swarm service keeps it: whoever changes it by hand finds it as it was at the
//! next look. Instances that die are a matter of how the service restarts them.

use super::{Clock, Decision, Describe, Group, Rule, compare};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count};
use crate::units::SimDuration;

spec! {
    /// As many instances as one says, whatever happens. What others have changed is changed back.
    pub struct Fixed {
        /// How many.
        pub count: Count,
        /// How often it looks.
        pub period: At<SimDuration> = At::built_in(SimDuration::from_secs(15)),
    }
    check(Self::check)
}

impl Fixed {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.period.value == SimDuration::ZERO {
            let problem = "it needs time between two looks";
            out.push(Diagnostic::error(self.period.origin, problem));
        }
    }
}

impl Describe for Fixed {
    type State = State;

    fn start(&self) -> State {
        State {
            count: self.count.get(),
            period: self.period.value,
        }
    }
}

/// A fixed count at work.
#[derive(Debug, Clone, Copy)]
pub struct State {
    count: u32,
    period: SimDuration,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: self.period,
            first: None,
            scrape: None,
        }
    }

    fn range(&self) -> (u32, u32) {
        (self.count, self.count)
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        Decision {
            wanted: self.count,
            instances: self.count,
            reason: compare(group.desired, self.count, self.count, self.range()),
            sight: None,
        }
    }
}
