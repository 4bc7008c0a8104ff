//! Poisson arrivals, exponential work, several servers and one line (M/M/c).

use crate::math;

/// A station with one line, first come, first served. Everything in seconds and requests per second.
///
/// Erlang 1917; Kleinrock, *Queueing Systems* I (1975), 3.5.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarkovStation {
    /// Requests per second.
    pub rate: f64,
    /// The mean time of service, in seconds.
    pub service: f64,
    /// How many are served at the same time.
    pub servers: u32,
}

impl MarkovStation {
    /// How busy each server is on average; from 1 on the line grows without end.
    pub fn utilization(self) -> f64 {
        self.rate * self.service / f64::from(self.servers)
    }

    /// The share of requests that have to wait (Erlang C); 1 if the line grows without end.
    pub fn waits(self) -> f64 {
        let busy = self.utilization();
        if busy >= 1.0 {
            return 1.0;
        }
        // Erlang B by recursion over the servers, from which C follows.
        let load = self.rate * self.service;
        let blocked = (1..=self.servers).fold(1.0, |before, servers| {
            load * before / (f64::from(servers) + load * before)
        });
        blocked / (1.0 - busy * (1.0 - blocked))
    }

    /// How fast the line empties, less what comes, per second.
    fn spare(self) -> f64 {
        f64::from(self.servers) / self.service - self.rate
    }

    /// The share of requests that wait for longer than `t` seconds.
    pub fn wait_tail(self, t: f64) -> f64 {
        if self.utilization() >= 1.0 {
            return 1.0;
        }
        self.waits() * math::exp(-self.spare() * t)
    }

    /// The share of requests that are not done `t` seconds after they came.
    pub fn sojourn_tail(self, t: f64) -> f64 {
        if self.utilization() >= 1.0 {
            return 1.0;
        }
        let (waits, spare, speed) = (self.waits(), self.spare(), 1.0 / self.service);
        let alone = math::exp(-speed * t);
        let apart = spare - speed;
        // With equal rates the sum of both times has an Erlang law; close to that the difference has no digits.
        let both = if apart.abs() * t < 1e-6 {
            alone * (1.0 + speed * t)
        } else {
            (spare * alone - speed * math::exp(-spare * t)) / apart
        };
        (1.0 - waits) * alone + waits * both
    }

    /// The mean wait, in seconds; infinite if the line grows without end.
    pub fn mean_wait(self) -> f64 {
        if self.utilization() >= 1.0 {
            return f64::INFINITY;
        }
        self.waits() / self.spare()
    }

    /// The smallest number of servers, of `most` at most, with which something holds that more servers only make
    /// truer; nothing if it does not hold with `most` either.
    pub fn least_servers(self, most: u32, holds: impl Fn(Self) -> bool) -> Option<u32> {
        let with = |servers| Self { servers, ..self };
        let (mut low, mut high) = (1, most.max(1));
        if !holds(with(high)) {
            return None;
        }
        while low < high {
            let middle = low.midpoint(high);
            if holds(with(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(low)
    }

    /// The highest rate at which something holds that a lower rate only makes truer, to eleven digits; 0 if it
    /// does not hold at any.
    pub fn highest_rate(self, holds: impl Fn(Self) -> bool) -> f64 {
        let (mut low, mut high) = (0.0, f64::from(self.servers) / self.service);
        while high - low > 1e-12 * high {
            let rate = f64::midpoint(low, high);
            if rate <= low || rate >= high {
                break;
            }
            if holds(Self { rate, ..self }) {
                low = rate;
            } else {
                high = rate;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two servers at 80 %: C = 2 rho² / (1 + rho), and times as for one server twice as fast from then on.
    #[test]
    fn two_servers() {
        let own = MarkovStation {
            rate: 16.0,
            service: 0.1,
            servers: 2,
        };
        let waits = 2.0 * 0.64 / 1.8;
        assert!((own.waits() - waits).abs() < 1e-12);
        assert!((own.mean_wait() - waits / 4.0).abs() < 1e-12);
        assert!((own.wait_tail(0.5) - waits * math::exp(-2.0)).abs() < 1e-12);
    }

    /// One server: the time in the system is exponential. With as much to spare as one server does, the general
    /// formula has no digits left.
    #[test]
    fn times_in_the_system() {
        let own = |rate, servers| MarkovStation {
            rate,
            service: 0.1,
            servers,
        };
        assert!((own(8.0, 1).sojourn_tail(0.7) - math::exp(-1.4)).abs() < 1e-12);
        let (even, near) = (own(10.0, 2), own(10.000_01, 2));
        assert!((even.sojourn_tail(0.3) - near.sojourn_tail(0.3)).abs() < 1e-5);
        assert!((own(10.0, 1).sojourn_tail(1.0) - 1.0).abs() < 1e-12);
    }
}
