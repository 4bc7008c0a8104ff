//! Active health checks: how a balancer judges a server by the answers to small requests of its own.
//!
//! Sources: HAProxy's `rise`, `fall`, `inter`, `fastinter`, `downinter` and `init-state`
//! (`check.c`); Envoy's `healthy_threshold`, `unhealthy_threshold` and edge intervals, and that the first
//! check of a new host decides by itself; AWS's target groups.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::units::SimDuration;
use crate::{spec, words};

words! {
    /// What a balancer takes a server for that it has just been told of.
    pub enum Initially {
        /// Well, until as many checks as usual have failed.
        FullyUp = "fully_up",
        /// Well, until one check has failed (HAProxy).
        Up = "up",
        /// Not well, until one check has succeeded (Envoy, AWS).
        Down = "down",
        /// Not well, until as many checks as usual have succeeded.
        FullyDown = "fully_down",
    }
}

spec! {
    /// Checks by which a balancer finds out by itself whether a server is well: `{ interval = "2s", rise = 2,
    /// fall = 3 }`. Each of its independent balancers asks each server. What it sends is a request like any
    /// other, which needs a connection and a worker, waits for both, and uses the server's CPU; only no client
    /// waits for it. One whose connection is neither taken nor refused is lost: nothing is sent again.
    pub struct HealthCheck {
        /// The operation of the service that answers; one that only asks for a worker's attention unless
        /// given. Every service behind the balancer must have it.
        pub operation: Option<At<String>>,
        /// From the beginning of a check to that of the next, unless that would have to wait for the end of the
        /// first.
        pub interval: At<SimDuration> = At::built_in(SimDuration::from_secs(5)),
        /// How long an answer may take; as long as the interval unless given.
        pub timeout: Option<At<SimDuration>>,
        /// How many checks in a row must succeed until a server is well again.
        pub rise: At<Count> = At::built_in(Count::new(2)),
        /// How many checks in a row must fail until a server is not well any more.
        pub fall: At<Count> = At::built_in(Count::new(3)),
        /// The interval while a server is on its way from one state to the other: some checks have gone against
        /// it, but not enough. As always unless given.
        pub fast_interval: Option<At<SimDuration>>,
        /// The interval while a server is not well. As always unless given.
        pub down_interval: Option<At<SimDuration>>,
        /// What a server is taken for that has just been added. Those that are there when the run begins have
        /// been checked before.
        pub initially: At<Initially> = At::built_in(Initially::FullyUp),
        /// Whether an answer that says that the server is not well (5xx) is believed at once, however many
        /// must fail otherwise (Envoy).
        pub answer_decides: bool = false,
    }
    check(Self::check)
}

/// More checks than that are no checks.
const SHORTEST: SimDuration = SimDuration::from_nanos(1_000_000);

impl HealthCheck {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        let given = [self.timeout, self.fast_interval, self.down_interval];
        for span in given.into_iter().flatten().chain([self.interval]) {
            if span.value < SHORTEST {
                let problem = "servers are not checked more than a thousand times a second";
                out.push(Diagnostic::error(span.origin, problem).label("at least 1 ms"));
            }
        }
    }

    /// The rules.
    pub fn rules(&self) -> Checks {
        let interval = self.interval.value;
        let or = |own: Option<At<SimDuration>>, other| own.map_or(other, |own| own.value);
        Checks {
            interval,
            timeout: or(self.timeout, interval),
            fast: or(self.fast_interval, interval),
            down: or(self.down_interval, interval),
            rise: self.rise.get(),
            fall: self.fall.get(),
            initially: self.initially.value,
            answer_decides: self.answer_decides,
        }
    }
}

/// The rules of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    interval: SimDuration,
    /// How long an answer may take.
    pub timeout: SimDuration,
    fast: SimDuration,
    down: SimDuration,
    rise: u32,
    fall: u32,
    initially: Initially,
    answer_decides: bool,
}

impl Checks {
    /// The usual time between two checks.
    pub fn interval(&self) -> SimDuration {
        self.interval
    }
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckResult {
    /// It was answered well.
    Well,
    /// The answer says that the server is not well.
    Unwell,
    /// There was no answer.
    NoAnswer,
}

/// What is known of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    is_up: bool,
    /// Checks in a row that went against what it is taken for.
    against: u32,
}

impl Judgement {
    /// Of a server that has been checked for long, and is well.
    pub const WELL: Self = Self {
        is_up: true,
        against: 0,
    };

    /// Of a server that has just been added.
    pub fn of_new(rules: &Checks) -> Self {
        let (is_up, against) = match rules.initially {
            Initially::FullyUp => (true, 0),
            Initially::Up => (true, rules.fall - 1),
            Initially::Down => (false, rules.rise - 1),
            Initially::FullyDown => (false, 0),
        };
        Self { is_up, against }
    }

    /// True if it is taken to be well.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// A check has ended; true if the server is taken for something else now.
    pub fn hears(&mut self, result: CheckResult, rules: &Checks) -> bool {
        let is_well = result == CheckResult::Well;
        if is_well == self.is_up {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let needed = if self.is_up { rules.fall } else { rules.rise };
        let is_decided = rules.answer_decides && result == CheckResult::Unwell;
        if self.against < needed && !is_decided {
            return false;
        }
        *self = Self {
            is_up: is_well,
            against: 0,
        };
        true
    }

    /// How long after the beginning of the last check the next one comes.
    pub fn interval(&self, rules: &Checks) -> SimDuration {
        match (self.against, self.is_up) {
            (0, true) => rules.interval,
            (0, false) => rules.down,
            _ => rules.fast,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CheckResult::{NoAnswer, Unwell, Well};

    fn secs(n: u64) -> SimDuration {
        SimDuration::from_secs(n)
    }

    /// HAProxy: `inter 2s fastinter 1s downinter 5s rise 2 fall 3`.
    fn rules(initially: Initially) -> Checks {
        Checks {
            interval: secs(2),
            timeout: secs(2),
            fast: secs(1),
            down: secs(5),
            rise: 2,
            fall: 3,
            initially,
            answer_decides: false,
        }
    }

    /// What a server is taken for after each check, and how long until the next.
    fn course(
        mut own: Judgement,
        rules: &Checks,
        results: &[CheckResult],
    ) -> Vec<(bool, SimDuration)> {
        let mut hear = |result: &CheckResult| {
            own.hears(*result, rules);
            (own.is_up(), own.interval(rules))
        };
        results.iter().map(&mut hear).collect()
    }

    /// Three in a row and two in a row; whatever goes the other way in between starts the count again.
    #[test]
    fn only_checks_in_a_row_count() {
        let results = [
            NoAnswer, Unwell, Well, NoAnswer, NoAnswer, NoAnswer, Well, NoAnswer, Well, Well,
        ];
        let (up, down) = (true, false);
        let expected = [
            (up, 1),
            (up, 1),
            (up, 2),
            (up, 1),
            (up, 1),
            (down, 5),
            (down, 1),
            (down, 5),
            (down, 1),
            (up, 2),
        ];
        let found = course(Judgement::WELL, &rules(Initially::FullyUp), &results);
        assert_eq!(found, expected.map(|(is_up, next)| (is_up, secs(next))));
    }

    /// HAProxy's four words of `init-state`, and what one check makes of each.
    #[test]
    fn new_servers_are_taken_for_what_the_rules_say() {
        let after = |initially, result| {
            let rules = rules(initially);
            let mut own = Judgement::of_new(&rules);
            (own.is_up(), own.hears(result, &rules), own.is_up())
        };
        assert_eq!(after(Initially::FullyUp, NoAnswer), (true, false, true));
        assert_eq!(after(Initially::Up, NoAnswer), (true, true, false));
        assert_eq!(after(Initially::Up, Well), (true, false, true));
        assert_eq!(after(Initially::Down, Well), (false, true, true));
        assert_eq!(after(Initially::FullyDown, Well), (false, false, false));
    }

    /// Envoy: a bad answer is believed at once, silence is not, and neither is a good answer.
    #[test]
    fn a_bad_answer_may_decide() {
        let envoy = Checks {
            answer_decides: true,
            ..rules(Initially::Down)
        };
        let results = [NoAnswer, Unwell, Well, Well];
        let found = course(Judgement::WELL, &envoy, &results);
        let states: Vec<bool> = found.iter().map(|(is_up, _)| *is_up).collect();
        assert_eq!(states, [true, false, false, true]);
    }
}
