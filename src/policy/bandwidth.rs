//! CFS bandwidth control: how much CPU time a container gets in each period.
//!
//! `docker run --cpus`, Kubernetes' `limits.cpu` and compose's `cpus` all mean: a budget of `cpus × period` of
//! CPU time per period (100 ms), over all threads of the container. While there is budget, its runnable threads
//! use as many cores of the host as there are; when it is used up, every thread stands still until the next
//! period begins. What is left at the end of a period is lost. Source: Linux' `sched-bwc.rst`.
//!
//! Left out: the slices of 5 ms in which cores draw on the budget, of which up to 1 ms per core survives a
//! period.
//!
//! The account is brought up to date only when the rate of use changes, and periods in which nothing can run out
//! are passed over: a container that is idle, or uses less than its budget, costs nothing.

use crate::units::{SimDuration, SimTime};

/// A budget is used up when less than this is left, in nanoseconds: events fall on whole nanoseconds.
const CLOSE: f64 = 1.0;

/// The account of one container.
#[derive(Debug, Clone)]
pub struct Bandwidth {
    /// The budget of a period, in nanoseconds of CPU time.
    budget: f64,
    period: SimDuration,
    /// What is left of the budget of the current period.
    left: f64,
    /// When the account was brought up to date, and when the period ends in which that was.
    read: SimTime,
    end: SimTime,
    throttled: bool,
}

impl Bandwidth {
    /// An account of `cpus` per `period` (longer than 0) whose first period ends after `phase`.
    pub fn new(cpus: f64, period: SimDuration, phase: SimDuration) -> Self {
        let budget = cpus * period.as_nanos() as f64;
        Self {
            budget,
            period,
            left: budget,
            read: SimTime::ZERO,
            end: SimTime::ZERO + phase,
            throttled: false,
        }
    }

    /// True if every thread stands still until the period ends.
    #[inline]
    pub fn is_throttled(&self) -> bool {
        self.throttled
    }

    /// Brings the account up to date: since the last time `rate` cores have been in use (0 if throttled).
    pub fn advance(&mut self, now: SimTime, rate: f64) {
        let from = if now < self.end {
            self.read
        } else {
            // The current period is that in which `now` lies; nothing ran out in those before it.
            let period = self.period.as_nanos();
            let begun = now.since(self.end).as_nanos() / period * period;
            let start = self.end + SimDuration::from_nanos(begun);
            self.end = start + self.period;
            self.left = self.budget;
            // Who is throttled has used nothing of the new budget.
            self.throttled = false;
            start
        };
        self.left -= rate * now.since(from).as_nanos() as f64;
        self.read = now;
    }

    /// Starts over with a full budget.
    pub fn clear(&mut self) {
        self.left = self.budget;
        self.throttled = false;
    }

    /// Notes that the budget is used up, if it is.
    pub fn throttle_if_out(&mut self) {
        self.throttled |= self.left <= CLOSE;
    }

    /// When the account must be looked at next, if `rate` cores are in use until then: when the budget is used
    /// up, or, if it is, when the next period begins. Nothing if the budget suffices for ever.
    pub fn next(&self, rate: f64) -> Option<SimTime> {
        if self.throttled {
            return Some(self.end);
        }
        if rate <= 0.0 {
            return None;
        }
        let lasts = |budget: f64| SimDuration::from_nanos((budget / rate).ceil() as u64);
        let out = self.read + lasts(self.left.max(0.0));
        if out < self.end {
            return Some(out);
        }
        let suffices = rate * self.period.as_nanos() as f64 <= self.budget + CLOSE;
        (!suffices).then(|| self.end + lasts(self.budget))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Stretches of (running, standing still) in milliseconds, of threads that are always runnable.
    fn stretches(cpus: f64, threads: f64, cores: f64, phase: u64) -> Vec<(u64, u64)> {
        let mut account = Bandwidth::new(
            cpus,
            SimDuration::from_nanos(100 * MS),
            SimDuration::from_nanos(phase * MS),
        );
        let (rate, mut now, mut found) = (threads.min(cores), SimTime::ZERO, Vec::new());
        for _ in 0..4 {
            let Some(out) = account.next(rate) else { break };
            account.advance(out, rate);
            account.throttle_if_out();
            assert!(account.is_throttled());
            let back = account.next(0.0).expect("a throttled one comes back");
            account.advance(back, 0.0);
            assert!(!account.is_throttled());
            found.push((
                out.since(now).as_nanos() / MS,
                back.since(out).as_nanos() / MS,
            ));
            now = back;
        }
        found
    }

    /// Eight busy threads on two CPUs run for 25 ms and stand still for 75; where periods begin makes no
    /// difference after the first. A host of four cores lets them run for 50.
    #[test]
    fn busy_threads_run_and_stand_still_in_turn() {
        assert_eq!(stretches(2.0, 8.0, 16.0, 100), [(25, 75); 4]);
        assert_eq!(
            stretches(2.0, 8.0, 16.0, 40),
            [(25, 15), (25, 75), (25, 75), (25, 75)]
        );
        assert_eq!(stretches(2.0, 8.0, 4.0, 100), [(50, 50); 4]);
        assert_eq!(stretches(0.5, 1.0, 4.0, 100), [(50, 50); 4]);
    }

    /// A process of one thread cannot use up a CPU's worth.
    #[test]
    fn who_uses_no_more_than_the_quota_is_never_throttled() {
        assert_eq!(stretches(1.0, 1.0, 16.0, 40), []);
        assert_eq!(stretches(2.0, 8.0, 2.0, 40), []);
    }

    /// A budget that was not used is lost, and one that was used in part is not filled up before its time.
    #[test]
    fn budgets_belong_to_their_periods() {
        let period = SimDuration::from_nanos(100 * MS);
        let mut account = Bandwidth::new(2.0, period, period);
        let at = |ms: u64| SimTime::from_nanos(ms * MS);
        account.advance(at(980), 0.0);
        // 160 ms are used by 1000 ms; then 200 more at eight at a time.
        assert_eq!(
            account.next(8.0),
            Some(at(1025)),
            "not before the budget of the next period"
        );
        account.advance(at(990), 8.0);
        assert_eq!(account.next(8.0), Some(at(1025)));
        account.advance(at(990), 0.0);
        assert_eq!(account.next(16.0), Some(SimTime::from_nanos(997_500_000)));
    }
}
