//! How soon an instance that has died is started again.
//!
//! The rule of Kubernetes' kubelet (`CrashLoopBackOff`), which Heroku's cool-off follows as well: the first
//! restart comes at once; each further one waits twice as long as the one before it, up to a limit; and when
//! an instance has stayed up for long enough, the count starts again. The wait begins at the crash.
//!
//! Source: kubelet's `doBackOff` with client-go's `flowcontrol.Backoff`: 10 s, doubling to 5 min, forgotten
//! after twice the longest wait. Heroku's figures are not published; 10 s doubling to 20 min is inferred.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{SimDuration, SimTime};

spec! {
    /// How an instance that has died is started again: `{ after = "10s", at_most = "5m", reset_after = "10m" }`.
    /// The first restart comes at once, the second one `after` the crash, and each further one twice as long
    /// after it.
    pub struct Restart {
        /// How long the second restart in a row waits after the crash.
        pub after: At<SimDuration> = At::built_in(SimDuration::from_secs(10)),
        /// The longest wait.
        pub at_most: At<SimDuration> = At::built_in(SimDuration::from_secs(300)),
        /// The wait starts small again when so much time has passed between a restart and the next crash.
        pub reset_after: At<SimDuration> = At::built_in(SimDuration::from_secs(600)),
        /// How long it takes to boot again; as long as the first time unless given. A container that is
        /// started again on the same machine does not wait for a machine or an image.
        pub boot: Option<Law>,
        /// How many boot again at the same time, at most: as many hands as there are where somebody does it, or what
        /// a provider allows. The others wait for their turn. Any number unless given.
        pub at_a_time: Option<At<Count>>,
        /// Whether whoever sends requests to the instances is told that one is down, as by a readiness probe
        /// or by Heroku's router, which sends nothing to a dyno that is not up. If not, its share of the
        /// requests is refused until it is up again.
        pub deregisters: At<bool> = At::built_in(true),
    }
    check(Self::check)
}

impl Restart {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.at_most.value < self.after.value {
            out.push(
                Diagnostic::error(
                    self.at_most.origin,
                    "the longest wait is shorter than the first",
                )
                .related(self.after.origin, "the first"),
            );
        }
    }
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            after: At::built_in(SimDuration::from_secs(10)),
            at_most: At::built_in(SimDuration::from_secs(300)),
            reset_after: At::built_in(SimDuration::from_secs(600)),
            boot: None,
            at_a_time: None,
            deregisters: At::built_in(true),
        }
    }
}

/// The waits of one instance.
#[derive(Debug, Clone, Copy, Default)]
pub struct BackOff {
    /// The wait before the last restart but for the first, doubled, and when that restart was.
    last: Option<(SimDuration, SimTime)>,
}

impl BackOff {
    /// The instance has died at `now`: how long until it is started again.
    pub fn dies(&mut self, now: SimTime, rule: &Restart) -> SimDuration {
        let wait = match self.last {
            Some((wait, restarted)) if now.since(restarted) <= rule.reset_after.value => wait,
            _ => SimDuration::ZERO,
        };
        let next = if wait == SimDuration::ZERO {
            rule.after.value
        } else {
            (wait + wait).min(rule.at_most.value)
        };
        self.last = Some((next, now + wait));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(n)
    }

    /// A container that dies as soon as it is up: the waits that `kubectl get pods` shows.
    #[test]
    fn waits_double_up_to_five_minutes() {
        let (rule, mut back_off, mut now) = (Restart::default(), BackOff::default(), 100);
        let waits: Vec<u64> = (0..8)
            .map(|_| {
                let wait = back_off.dies(secs(now), &rule).as_nanos() / 1_000_000_000;
                now += wait + 1;
                wait
            })
            .collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
        // Ten minutes of peace, counted from the last restart, are enough; a moment less is not.
        let restarted = now - 1;
        let mut late = back_off;
        assert_eq!(
            late.dies(secs(restarted + 600), &rule),
            SimDuration::from_secs(300)
        );
        assert_eq!(
            back_off.dies(secs(restarted + 601), &rule),
            SimDuration::ZERO
        );
    }
}
