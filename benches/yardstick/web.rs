//! The web path W3.

use std::collections::VecDeque;

use capsim::math;
use rand_distr::{Distribution as _, StandardNormal};

use super::heap::Heap;
use super::{Common, Loop};

/// The three kinds of things that happen on the web path, arrivals apart.
#[derive(Clone, Copy)]
enum Event {
    /// A worker has done its own part of a request.
    Worked,
    /// The database has done a request's query.
    Queried,
}

/// The parameters of the web path.
pub(crate) struct Web {
    /// Mean gap between arrivals, in nanoseconds.
    pub(crate) gap: f64,
    /// Instances.
    pub(crate) instances: usize,
    /// Workers of each.
    pub(crate) workers: u32,
    /// Connections of each.
    pub(crate) pool: u32,
    /// Servers of the database.
    pub(crate) servers: u32,
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
pub(crate) struct WebLoop {
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
    pub(crate) fn new(web: Web, seed: u64) -> Self {
        assert!(
            web.instances <= 64,
            "the instances of a level are bits of one word"
        );
        let variance = math::ln(2.0);
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
            mu: math::ln(20e6) - variance / 2.0,
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
        (math::exp(self.mu + self.sigma * normal) + 0.5) as u64
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
}

impl Loop for WebLoop {
    fn run(mut self: Box<Self>, n: u64) -> f64 {
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
        self.own.mean()
    }
}
