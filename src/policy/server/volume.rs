//! A volume that does so many operations a second, and more on credit.
//!
//! Operations are spaced at the rate that is allowed when they begin, first come first served. On credit it
//! is the burst rate; credit is earned at the baseline rate and spent at the rate of use, and there is never
//! more than a full purse of it (EC2 user guide, "Amazon EBS volume types", 2023-05). What RDS calls a volume may
//! be several, over which it is striped (RDS user guide, "Amazon RDS DB instance storage").

use crate::units::{SimDuration, SimTime};

/// How many operations a second a volume does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Always, per second.
    pub baseline: f64,
    /// On credit, per second; nothing if there is no credit.
    pub burst: Option<f64>,
    /// Credit of a full purse, in operations.
    pub purse: f64,
}

impl Limits {
    /// Always the same, without credit.
    pub const fn fixed(baseline: f64) -> Self {
        Self {
            baseline,
            burst: None,
            purse: 0.0,
        }
    }
}

/// Credit of a full purse of one volume.
const PURSE: f64 = 5.4e6;

/// From this size on, in GiB, RDS stripes what it stores over so many volumes (PostgreSQL, `MySQL` and `MariaDB`).
pub const STRIPED_FROM: f64 = 400.0;
/// See [`STRIPED_FROM`].
pub const STRIPES: u32 = 4;

/// Limits of so many GiB on gp2, striped evenly over so many volumes. Of each: 3 per GiB, at least 100, at most
/// 16,000; 3,000 on credit where the baseline is less.
pub fn gp2(gib: f64, volumes: u32) -> Limits {
    let n = f64::from(volumes);
    let each = (3.0 * gib / n).clamp(100.0, 16_000.0);
    Limits {
        baseline: each * n,
        burst: (each < 3000.0).then_some(3000.0 * n),
        purse: PURSE * n,
    }
}

/// A volume at work.
#[derive(Debug, Clone)]
pub struct Volume {
    limits: Limits,
    credit: f64,
    /// When the credit was reckoned last.
    reckoned: SimTime,
    /// When the next operation may begin.
    free: SimTime,
}

impl Volume {
    /// A volume with this part of a full purse.
    pub fn new(limits: Limits, filled: f64) -> Self {
        Self {
            limits,
            credit: limits.purse * filled,
            reckoned: SimTime::ZERO,
            free: SimTime::ZERO,
        }
    }

    /// Does `n` operations as soon as it may; gives back when the last begins.
    pub fn admit(&mut self, n: u32, now: SimTime) -> SimTime {
        let mut begins = self.free.max(now);
        for _ in 0..n {
            begins = self.free.max(now);
            let dt = begins.since(self.reckoned.min(begins)).as_secs_f64();
            self.reckoned = begins;
            self.credit = (self.credit + self.limits.baseline * dt).min(self.limits.purse);
            let rate = match self.limits.burst {
                Some(burst) if self.credit >= 1.0 => burst,
                _ => self.limits.baseline,
            };
            self.credit = (self.credit - 1.0).max(0.0);
            self.free = begins + SimDuration::from_secs_f64(1.0 / rate);
        }
        begins
    }

    /// The credit that is left, in operations.
    pub fn credit(&self) -> f64 {
        self.credit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does operations back to back until `until`; gives back how many began, and when credit ran out.
    fn use_up(volume: &mut Volume, until: f64) -> (u64, Option<f64>) {
        let (mut n, mut empty) = (0, None);
        let mut now = SimTime::ZERO;
        while now.as_secs_f64() < until {
            now = volume.admit(1, now);
            n += 1;
            if volume.credit() < 1.0 {
                empty = empty.or(Some(now.as_secs_f64()));
            }
        }
        (n, empty)
    }

    /// The documented example: 100 GiB burst at 3,000 for 2,000 s, and fall to 300.
    #[test]
    fn a_volume_of_100_gib_bursts_for_2000_seconds() {
        let mut volume = Volume::new(gp2(100.0, 1), 1.0);
        let (n, empty) = use_up(&mut volume, 3000.0);
        assert!(
            (empty.expect("it runs out") - 2000.0).abs() < 1.0,
            "{empty:?}"
        );
        assert!(
            (n as f64 - (2000.0 * 3000.0 + 1000.0 * 300.0)).abs() < 100.0,
            "{n}"
        );
    }

    #[test]
    fn limits_are_those_of_the_table() {
        let of = |gib, volumes| (gp2(gib, volumes).baseline, gp2(gib, volumes).burst);
        assert_eq!(of(10.0, 1), (100.0, Some(3000.0)));
        assert_eq!(of(500.0, 1), (1500.0, Some(3000.0)));
        assert_eq!(of(1000.0, 1), (3000.0, None));
        assert_eq!(of(9000.0, 1), (16_000.0, None));
        // Of RDS, in four stripes.
        assert_eq!(of(400.0, 4), (1200.0, Some(12_000.0)));
        assert_eq!(of(3999.0, 4), (11_997.0, Some(12_000.0)));
        assert_eq!(of(4000.0, 4), (12_000.0, None));
        assert_eq!(of(65_536.0, 4), (64_000.0, None));
        assert!((gp2(400.0, 4).purse - 21.6e6).abs() < 1.0);
    }

    /// An idle volume earns its baseline, and no more than a purse.
    #[test]
    fn credit_comes_back() {
        let mut volume = Volume::new(gp2(100.0, 1), 0.0);
        volume.admit(1, SimTime::ZERO + SimDuration::from_secs(100));
        assert!((volume.credit() - (100.0 * 300.0 - 1.0)).abs() < 1e-6);
        volume.admit(1, SimTime::ZERO + SimDuration::from_secs(100_000));
        assert!((volume.credit() - (PURSE - 1.0)).abs() < 1e-6);
    }
}
