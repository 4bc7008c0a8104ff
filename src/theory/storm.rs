//! Retry storms: clients that time out and ask again, and servers that notice neither.

use super::MarkovStation;

/// Clients in front of a station who give up on an attempt after a timeout and send another one, while what they
/// have given up on is worked on all the same.
///
/// The rate of attempts `x` at which the share of attempts that time out makes just as many: `x = rate (1 + p(x) +
/// ... + p(x)^retries)`, with `p` that of an M/M/c station in its steady state. The lowest such rate is that of a
/// healthy system, the highest that of one in which nobody gets an answer in time; between them lies one from which it
/// goes either way.
///
/// Bronson, Aghayev, Charapko & Zhu, "Metastable Failures in Distributed Systems", `HotOS` 2021.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Storm {
    /// The station, with the rate of requests (not of attempts).
    pub station: MarkovStation,
    /// After how many seconds an attempt is given up.
    pub timeout: f64,
    /// Attempts after the first.
    pub retries: u32,
}

impl Storm {
    /// Steps in which rates are looked through.
    const STEPS: u32 = 20_000;

    /// How many attempts there are of each request where there are `attempts` per second in all.
    fn attempts_each(self, attempts: f64) -> f64 {
        let lost = MarkovStation {
            rate: attempts,
            ..self.station
        }
        .sojourn_tail(self.timeout);
        (0..=self.retries).map(|k| lost.powi(k.cast_signed())).sum()
    }

    /// What a station can do at most, per second.
    fn capacity(self) -> f64 {
        f64::from(self.station.servers) / self.station.service
    }

    /// All rates of attempts that keep themselves up, lowest first.
    pub fn attempt_rates(self) -> Vec<f64> {
        let rate = self.station.rate;
        let most = rate * f64::from(self.retries + 1);
        let excess = |x: f64| rate * self.attempts_each(x) - x;
        let step = (most - rate) / f64::from(Self::STEPS);
        let at = |number: u32| rate + step * f64::from(number);
        let mut found = Vec::new();
        for number in 0..Self::STEPS {
            let (mut low, mut high) = (at(number), at(number + 1));
            if excess(low) < 0.0 || excess(high) >= 0.0 {
                // It may cross upwards as well.
                if excess(low) >= 0.0 || excess(high) < 0.0 {
                    continue;
                }
            }
            let falls = excess(low) >= 0.0;
            while high - low > 1e-12 * high {
                let middle = f64::midpoint(low, high);
                if middle <= low || middle >= high {
                    break;
                }
                if (excess(middle) >= 0.0) == falls {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            found.push(low);
        }
        // Where nothing is answered in time every request is sent as often as may be.
        if most >= self.capacity()
            && found
                .last()
                .is_none_or(|last| (last - most).abs() > 1e-6 * most)
        {
            found.push(most);
        }
        found
    }

    /// The lowest rate of requests at which a system that has collapsed stays down: it is just as much as the station
    /// can do if every request is sent as often as may be.
    pub fn stays_down_from(self) -> f64 {
        self.capacity() / f64::from(self.retries + 1)
    }

    /// The highest rate of requests at which a system that is healthy may stay so.
    pub fn stays_up_to(self) -> f64 {
        let capacity = self.capacity();
        let rate = |number: u32| {
            let attempts = capacity * f64::from(number) / f64::from(Self::STEPS);
            attempts / self.attempts_each(attempts)
        };
        (0..Self::STEPS).map(rate).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without retries there are as many attempts as requests, and nothing lasts.
    #[test]
    fn without_retries() {
        let own = Storm {
            station: MarkovStation {
                rate: 60.0,
                service: 0.04,
                servers: 4,
            },
            timeout: 0.4,
            retries: 0,
        };
        assert!((own.stays_down_from() - 100.0).abs() < 1e-9);
        assert!((own.stays_up_to() - 100.0).abs() < 0.01);
    }
}
