//! CPU on credit, as of burstable instances (t2, t3, t4g).
//!
//! One credit is one vCPU in full use for a minute. Credit is earned at the baseline's rate, spent at the
//! rate of use, and never more than what is earned in 24 hours (EC2 user guide, "Burstable performance
//! instances", 2023-05). Without credit a *standard* instance is as slow as its baseline; an *unlimited* one
//! goes on, and what it uses beyond is to be earned back or paid for.

use crate::units::{SimDuration, SimTime};

/// How credit is earned and what happens without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Cores in full use that the instance earns for: the baseline share times the vCPUs.
    pub baseline: f64,
    /// The most credit, in seconds of a core.
    pub most: f64,
    /// Whether it goes on without.
    pub unlimited: bool,
}

/// The credit of one instance.
#[derive(Debug, Clone)]
pub struct Credits {
    terms: Terms,
    /// In seconds of a core; below zero what is owed.
    balance: f64,
    reckoned: SimTime,
}

/// Balances this close to zero, in seconds of a core, are zero: rounding of instants must not matter.
const CLOSE: f64 = 1e-6;

impl Credits {
    /// An instance that begins with `balance` seconds of a core.
    pub fn new(terms: Terms, balance: f64) -> Self {
        Self {
            terms,
            balance: balance.min(terms.most),
            reckoned: SimTime::ZERO,
        }
    }

    /// Time has passed, with `used` cores in use.
    pub fn advance(&mut self, used: f64, now: SimTime) {
        let dt = now.since(self.reckoned).as_secs_f64();
        self.reckoned = now;
        self.balance = (self.balance + (self.terms.baseline - used) * dt).min(self.terms.most);
        if !self.terms.unlimited {
            self.balance = self.balance.max(0.0);
        }
    }

    /// How many cores may be used at most; nothing if there is no limit.
    pub fn limit(&self) -> Option<f64> {
        (!self.terms.unlimited && self.balance <= CLOSE).then_some(self.terms.baseline)
    }

    /// When the credit runs out if `used` cores stay in use; nothing if it does not, or if that changes
    /// nothing.
    pub fn runs_out_after(&self, used: f64) -> Option<SimDuration> {
        let drain = used - self.terms.baseline;
        let lasts = self.balance > CLOSE && drain > 0.0 && !self.terms.unlimited;
        // A nanosecond more, so that it has run out then.
        lasts.then(|| SimDuration::from_secs_f64(self.balance / drain) + SimDuration::from_nanos(1))
    }

    /// The instance has `times` as many cores from now on.
    pub fn resize(&mut self, times: f64) {
        self.terms.baseline *= times;
        self.terms.most *= times;
    }

    /// The balance, in credits (minutes of a core); below zero what is owed.
    pub fn balance(&self) -> f64 {
        self.balance / 60.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    /// A t3.large: 36 credits an hour, at most 864; both vCPUs in full use cost 1.4 credits a minute on top.
    #[test]
    fn a_t3_large_earns_and_spends_as_documented() {
        let terms = Terms {
            baseline: 0.6,
            most: 864.0 * 60.0,
            unlimited: false,
        };
        let mut credits = Credits::new(terms, 0.0);
        assert_eq!(credits.limit(), Some(0.6));
        credits.advance(0.0, at(3600));
        assert!((credits.balance() - 36.0).abs() < 1e-9);
        assert_eq!(credits.limit(), None);
        let lasts = credits.runs_out_after(2.0).expect("it runs out");
        assert!((lasts.as_secs_f64() - 36.0 * 60.0 / 1.4).abs() < 1e-3);
        credits.advance(2.0, at(3600) + lasts);
        assert_eq!(credits.limit(), Some(0.6));
        credits.advance(0.0, at(3600 * 50));
        assert!((credits.balance() - 864.0).abs() < 1e-9);
    }

    #[test]
    fn an_unlimited_one_owes() {
        let terms = Terms {
            baseline: 0.6,
            most: 864.0 * 60.0,
            unlimited: true,
        };
        let mut credits = Credits::new(terms, 0.0);
        credits.advance(2.0, at(600));
        assert!((credits.balance() + 14.0).abs() < 1e-9);
        assert_eq!((credits.limit(), credits.runs_out_after(2.0)), (None, None));
    }
}
