//! One station: M/M/1 and M/M/c. Means are in nanoseconds.

use std::collections::VecDeque;

use super::heap::Heap;
use super::{Common, Loop};

/// M/M/1.
pub(crate) struct Single {
    own: Common,
    gap: f64,
    service: f64,
    /// Arrivals of those in line and of the one being served.
    line: VecDeque<u64>,
}

impl Single {
    /// An empty station.
    pub(crate) fn new(gap: f64, service: f64, seed: u64) -> Self {
        Self {
            own: Common::new(seed),
            gap,
            service,
            line: VecDeque::with_capacity(1024),
        }
    }
}

impl Loop for Single {
    fn run(self: Box<Self>, n: u64) -> f64 {
        let Self {
            mut own,
            gap,
            service,
            mut line,
        } = *self;
        let (mut arrival, mut departure, mut arrived) = (own.exponential(gap), u64::MAX, 0);
        while arrived < n {
            if arrival < departure {
                if line.is_empty() {
                    departure = arrival + own.exponential(service);
                }
                line.push_back(arrival);
                arrived += 1;
                arrival += own.exponential(gap);
            } else {
                let since = line.pop_front().unwrap_or(departure);
                own.record(departure - since);
                departure = if line.is_empty() {
                    u64::MAX
                } else {
                    departure + own.exponential(service)
                };
            }
        }
        own.mean()
    }
}

/// M/M/c.
pub(crate) struct Several {
    own: Common,
    servers: usize,
    gap: f64,
    service: f64,
    /// Arrivals of those in line.
    line: VecDeque<u64>,
    /// Departures, each with the arrival of its request.
    departures: Heap<u64>,
}

impl Several {
    /// An empty station of `servers`.
    pub(crate) fn new(servers: usize, gap: f64, service: f64, seed: u64) -> Self {
        Self {
            own: Common::new(seed),
            servers,
            gap,
            service,
            line: VecDeque::with_capacity(1024),
            departures: Heap::new(),
        }
    }
}

impl Loop for Several {
    fn run(self: Box<Self>, n: u64) -> f64 {
        let Self {
            mut own,
            servers,
            gap,
            service,
            mut line,
            mut departures,
        } = *self;
        let (mut arrival, mut arrived) = (own.exponential(gap), 0);
        while arrived < n {
            let departure = departures.first();
            if arrival < departure {
                if departures.len() < servers {
                    let done = arrival + own.exponential(service);
                    departures.push(done, arrival);
                } else {
                    line.push_back(arrival);
                }
                arrived += 1;
                arrival += own.exponential(gap);
            } else {
                own.record(departure - departures.first_payload());
                match line.pop_front() {
                    Some(next) => departures.replace(departure + own.exponential(service), next),
                    None => {
                        departures.pop();
                    }
                }
            }
        }
        own.mean()
    }
}
