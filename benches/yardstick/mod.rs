//! The yardstick: loops written by hand for one model each.
//!
//! No general engine: the model's few events are an enum, its state is arrays and counters, arrivals stay
//! outside the event queue, and all that is recorded is a latency histogram with logarithmic buckets.
//! What a general engine costs is its time over theirs.

#![allow(dead_code, reason = "each benchmark uses its part of this")]

use std::collections::VecDeque;

use capsim::stats::Buckets;
use capsim::units::SimDuration;
use rand::SeedableRng as _;
use rand_distr::{Distribution as _, Exp1, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Draws and records: what every loop shares.
pub struct Common {
    rng: Xoshiro256PlusPlus,
    histogram: Vec<u32>,
}

impl Common {
    fn new(seed: u64) -> Self {
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            histogram: vec![0; Buckets::COUNT],
        }
    }

    #[inline]
    fn exponential(&mut self, mean: f64) -> u64 {
        let one: f64 = Exp1.sample(&mut self.rng);
        (one * mean + 0.5) as u64
    }

    #[inline]
    fn record(&mut self, nanos: u64) {
        self.histogram[Buckets::of(SimDuration::from_nanos(nanos))] += 1;
    }

    /// A number that depends on everything that was recorded.
    fn digest(&self) -> u64 {
        let weighted = self
            .histogram
            .iter()
            .enumerate()
            .map(|(at, n)| at as u64 * u64::from(*n));
        weighted.sum()
    }
}

/// A 4-ary heap over 64-bit keys, smallest first.
struct Heap<P> {
    items: Vec<(u64, P)>,
}

impl<P: Copy> Heap<P> {
    fn new() -> Self {
        Self {
            items: Vec::with_capacity(4096),
        }
    }

    #[inline]
    fn first(&self) -> u64 {
        self.items.first().map_or(u64::MAX, |item| item.0)
    }

    #[inline]
    fn push(&mut self, key: u64, payload: P) {
        self.items.push((key, payload));
        let items = &mut self.items[..];
        let mut at = items.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 4;
            if items[parent].0 <= key {
                break;
            }
            items[at] = items[parent];
            at = parent;
        }
        items[at] = (key, payload);
    }

    #[inline]
    fn sift_down(&mut self, item: (u64, P)) {
        let items = &mut self.items[..];
        let n = items.len();
        let mut at = 0;
        loop {
            let child = 4 * at + 1;
            let mut least = child;
            if child + 3 < n {
                // Four children: unrolled, and without a loop count to mispredict.
                for other in [child + 1, child + 2, child + 3] {
                    if items[other].0 < items[least].0 {
                        least = other;
                    }
                }
            } else if child < n {
                for other in child + 1..n {
                    if items[other].0 < items[least].0 {
                        least = other;
                    }
                }
            } else {
                break;
            }
            if items[least].0 >= item.0 {
                break;
            }
            items[at] = items[least];
            at = least;
        }
        items[at] = item;
    }

    /// Takes the first out.
    #[inline]
    fn pop(&mut self) -> (u64, P) {
        let first = self.items[0];
        if let Some(last) = self.items.pop()
            && !self.items.is_empty()
        {
            self.sift_down(last);
        }
        first
    }

    /// Takes the first out and puts another in.
    #[inline]
    fn replace(&mut self, key: u64, payload: P) {
        self.sift_down((key, payload));
    }
}

/// M/M/1: `n` arrivals; means in nanoseconds.
pub fn mm1(n: u64, gap: f64, service: f64, seed: u64) -> u64 {
    let mut own = Common::new(seed);
    let mut line: VecDeque<u64> = VecDeque::with_capacity(1024);
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
    own.digest()
}

/// M/M/c: `n` arrivals; means in nanoseconds.
pub fn mmc(n: u64, servers: usize, gap: f64, service: f64, seed: u64) -> u64 {
    let mut own = Common::new(seed);
    let mut line: VecDeque<u64> = VecDeque::with_capacity(1024);
    // Departures, each with the arrival of its request.
    let mut departures: Heap<u64> = Heap::new();
    let (mut arrival, mut arrived) = (own.exponential(gap), 0);
    while arrived < n {
        let departure = departures.first();
        if arrival < departure {
            if departures.items.len() < servers {
                let done = arrival + own.exponential(service);
                departures.push(done, arrival);
            } else {
                line.push_back(arrival);
            }
            arrived += 1;
            arrival += own.exponential(gap);
        } else {
            own.record(departure - departures.items[0].1);
            match line.pop_front() {
                Some(next) => departures.replace(departure + own.exponential(service), next),
                None => {
                    departures.pop();
                }
            }
        }
    }
    own.digest()
}

/// The three kinds of things that happen on the web path, arrivals apart.
#[derive(Clone, Copy)]
enum Event {
    /// A worker has done its own part of a request.
    Worked,
    /// The database has done a request's query.
    Queried,
}

/// The parameters of the web path.
pub struct Web {
    /// Mean gap between arrivals, in nanoseconds.
    pub gap: f64,
    /// Instances.
    pub instances: usize,
    /// Workers of each.
    pub workers: u32,
    /// Connections of each.
    pub pool: u32,
    /// Servers of the database.
    pub servers: u32,
}

#[derive(Clone, Copy)]
struct Job {
    event: Event,
    instance: u16,
    arrived: u64,
}

#[derive(Default, Clone)]
struct Instance {
    outstanding: u32,
    busy: u32,
    connections: u32,
    line: VecDeque<u64>,
    pool_line: VecDeque<u64>,
}

/// The web path W3: `n` arrivals.
pub struct WebLoop {
    own: Common,
    web: Web,
    instances: Vec<Instance>,
    /// By number of outstanding requests, which instances have that many.
    levels: Vec<u64>,
    lowest: usize,
    events: Heap<Job>,
    database_busy: u32,
    database_line: VecDeque<(u16, u64)>,
    mu: f64,
    sigma: f64,
}

impl WebLoop {
    /// An empty system; log-normal work of 20 ms with coefficient of variation 1.
    pub fn new(web: Web, seed: u64) -> Self {
        assert!(
            web.instances <= 64,
            "the instances of a level are bits of one word"
        );
        let variance = 2f64.ln();
        let mut levels = vec![0; 4096];
        levels[0] = (1u128 << web.instances) as u64;
        levels[0] = levels[0].wrapping_sub(1);
        Self {
            own: Common::new(seed),
            instances: vec![Instance::default(); web.instances],
            web,
            levels,
            lowest: 0,
            events: Heap::new(),
            database_busy: 0,
            database_line: VecDeque::with_capacity(1024),
            mu: 20e6f64.ln() - variance / 2.0,
            sigma: variance.sqrt(),
        }
    }

    #[inline]
    fn pick(&mut self) -> usize {
        while self.levels[self.lowest] == 0 {
            self.lowest += 1;
        }
        let picked = self.levels[self.lowest].trailing_zeros() as usize;
        self.moves(picked, 1);
        picked
    }

    #[inline]
    fn moves(&mut self, instance: usize, by: i32) {
        let from = self.instances[instance].outstanding;
        let to = from.wrapping_add_signed(by);
        self.instances[instance].outstanding = to;
        self.levels[from as usize] &= !(1 << instance);
        self.levels[to as usize] |= 1 << instance;
        self.lowest = self.lowest.min(to as usize);
    }

    #[inline]
    fn work(&mut self) -> u64 {
        let normal: f64 = StandardNormal.sample(&mut self.own.rng);
        ((self.mu + self.sigma * normal).exp() + 0.5) as u64
    }

    #[inline]
    fn begins(&mut self, now: u64, instance: u16, arrived: u64) {
        let done = now + self.work();
        self.events.push(
            done,
            Job {
                event: Event::Worked,
                instance,
                arrived,
            },
        );
    }

    fn queries(&mut self, now: u64, instance: u16, arrived: u64) {
        if self.database_busy < self.web.servers {
            self.database_busy += 1;
            let done = now + self.own.exponential(5e6);
            self.events.push(
                done,
                Job {
                    event: Event::Queried,
                    instance,
                    arrived,
                },
            );
        } else {
            self.database_line.push_back((instance, arrived));
        }
    }

    fn worked(&mut self, now: u64, instance: u16, arrived: u64) {
        let draw: f64 = rand::RngExt::random(&mut self.own.rng);
        if draw >= 0.2 {
            return self.ends(now, instance, arrived);
        }
        let own = &mut self.instances[instance as usize];
        if own.connections < self.web.pool {
            own.connections += 1;
            self.queries(now, instance, arrived);
        } else {
            own.pool_line.push_back(arrived);
        }
    }

    fn queried(&mut self, now: u64, instance: u16, arrived: u64) {
        match self.database_line.pop_front() {
            Some((next_at, next)) => {
                let done = now + self.own.exponential(5e6);
                self.events.push(
                    done,
                    Job {
                        event: Event::Queried,
                        instance: next_at,
                        arrived: next,
                    },
                );
            }
            None => self.database_busy -= 1,
        }
        match self.instances[instance as usize].pool_line.pop_front() {
            Some(next) => self.queries(now, instance, next),
            None => self.instances[instance as usize].connections -= 1,
        }
        self.ends(now, instance, arrived);
    }

    fn ends(&mut self, now: u64, instance: u16, arrived: u64) {
        self.own.record(now - arrived);
        self.moves(instance as usize, -1);
        match self.instances[instance as usize].line.pop_front() {
            Some(next) => self.begins(now, instance, next),
            None => self.instances[instance as usize].busy -= 1,
        }
    }

    /// Runs `n` arrivals.
    pub fn run(&mut self, n: u64) -> u64 {
        let (mut arrival, mut arrived) = (self.own.exponential(self.web.gap), 0);
        while arrived < n {
            if arrival < self.events.first() {
                let picked = self.pick();
                let own = &mut self.instances[picked];
                if own.busy < self.web.workers {
                    own.busy += 1;
                    self.begins(arrival, picked as u16, arrival);
                } else {
                    own.line.push_back(arrival);
                }
                arrived += 1;
                arrival += self.own.exponential(self.web.gap);
            } else {
                let (now, job) = self.events.pop();
                match job.event {
                    Event::Worked => self.worked(now, job.instance, job.arrived),
                    Event::Queried => self.queried(now, job.instance, job.arrived),
                }
            }
        }
        self.own.digest()
    }
}
