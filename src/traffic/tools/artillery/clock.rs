//! When the users of a worker come, phase by phase.

use rand_distr::{Distribution as _, Exp1};

use crate::rng::Stream;
use crate::traffic::tools::Tick;
use crate::units::{SimDuration, SimTime};

/// The users of one phase on one worker.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    /// Nobody, for so long.
    Pause(SimDuration),
    /// Number k = 1, 2, …, n comes after k gaps; with the last one the phase is over.
    Even { gap: SimDuration, n: u64 },
    /// Exponential gaps with this mean, in nanoseconds. The phase is over with the first one who would
    /// come too late.
    Poisson { mean: f64, lasts: SimDuration },
    /// Second by second.
    Ramp(Ramp),
}

/// Users who come second by second: second i of D brings as many as the line from the first rate to the
/// last says, cut to a whole number; then, of what all workers together lose by that, rounded, the first
/// workers get one each. They come every whole number of milliseconds, one gap after the second starts.
/// A ramp of one second brings the mean of both rates, as fast as timers go: one per millisecond.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ramp {
    from: f64,
    to: f64,
    seconds: u64,
    /// Which worker, counted from 1, of how many.
    worker: u32,
    total: u32,
    /// The first second that brings anybody, and the first after which none does.
    first: u64,
    last: u64,
}

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

impl Clock {
    pub(super) const fn pause(lasts: SimDuration) -> Self {
        Self::Pause(lasts)
    }

    /// A user every so many milliseconds, cut to whole microseconds, while they fit into the phase. The
    /// arithmetic is Artillery's, in the same order and with the same bits.
    pub(super) fn even(millis: f64, lasts: SimDuration) -> Self {
        let micros = (millis * 1000.0).floor() as u64;
        let n = (lasts.as_nanos() / MICRO).checked_div(micros).unwrap_or(0);
        match n {
            // Too short a phase for one user; such a phase is refused.
            0 => Self::Pause(lasts),
            n => Self::Even {
                gap: SimDuration::from_nanos(micros.saturating_mul(MICRO)),
                n,
            },
        }
    }

    /// About how many users it brings.
    fn expected(&self) -> f64 {
        match self {
            Self::Pause(_) => 0.0,
            Self::Even { n, .. } => *n as f64,
            Self::Poisson { mean, lasts } => lasts.as_nanos() as f64 / mean,
            Self::Ramp(ramp) => f64::midpoint(ramp.from, ramp.to) * ramp.seconds as f64,
        }
    }

    pub(super) fn poisson(rate: u64, lasts: SimDuration) -> Self {
        let mean = SECOND as f64 / rate as f64;
        Self::Poisson { mean, lasts }
    }

    pub(super) fn ramp(
        from: f64,
        to: f64,
        lasts: SimDuration,
        (worker, total): (u32, u32),
    ) -> Self {
        let seconds = lasts.as_nanos() / SECOND;
        let mut ramp = Ramp {
            from,
            to,
            seconds,
            worker,
            total,
            first: 0,
            last: seconds,
        };
        // The number never turns round, so the seconds that bring nobody are at one end.
        let brings = |second: u64| ramp.users(second) > 0;
        let (first, last) = if from <= to {
            (partition(seconds, |second| !brings(second)), seconds)
        } else {
            (0, partition(seconds, brings))
        };
        (ramp.first, ramp.last) = (first, last);
        Self::Ramp(ramp)
    }
}

/// The first of 0..n for which `holds` is false; it must be true up to there and false from there on.
fn partition(n: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

impl Ramp {
    /// How many users the second brings.
    fn users(self, second: u64) -> u64 {
        let rate = if self.seconds == 1 {
            f64::midpoint(self.to, self.from)
        } else {
            let slope = (self.to - self.from) / (self.seconds as f64 - 1.0);
            slope * second as f64 + self.from
        };
        let lost = (rate.max(0.0).fract() * f64::from(self.total)).round();
        rate.max(0.0) as u64 + u64::from(lost >= f64::from(self.worker))
    }

    /// Nanoseconds between two users of a second that brings so many.
    fn gap(self, users: u64) -> u64 {
        // Timers go at most once a millisecond.
        let millis = if self.seconds == 1 {
            1
        } else {
            1000 / users.max(1)
        };
        millis.max(1) * MILLI
    }

    /// When user `k` = 1, 2, … of a second comes, after the start of the phase; of the next second that
    /// brings anybody, if there are fewer. Says which second and which user it was.
    fn next(self, second: u64, k: u64) -> Option<(u64, u64, SimDuration)> {
        let second = second.max(self.first);
        let (second, k) = if k <= self.users(second) {
            (second, k)
        } else {
            (second + 1, 1)
        };
        if second >= self.last {
            return None;
        }
        let within = k.saturating_mul(self.gap(self.users(second)));
        let after = second.saturating_mul(SECOND).saturating_add(within);
        Some((second, k, SimDuration::from_nanos(after)))
    }
}

/// When the users of one worker come.
#[derive(Debug, Clone)]
struct Worker {
    clocks: Vec<Clock>,
    /// The phase that is on, and when it started.
    phase: usize,
    began: SimTime,
    /// The second of a ramp, and how many users have come in it, or in the phase.
    second: u64,
    n: u64,
    /// How much of a phase with chance gaps has gone by, in nanoseconds.
    gone: f64,
    /// Who comes next, if that is known.
    ahead: Option<SimTime>,
}

impl Worker {
    fn new(clocks: Vec<Clock>) -> Self {
        Self {
            clocks,
            phase: 0,
            began: SimTime::ZERO,
            second: 0,
            n: 0,
            gone: 0.0,
            ahead: None,
        }
    }

    /// Finds out when the next user comes; nothing if nobody does.
    fn look_ahead(&mut self, stream: &mut Stream) -> Option<SimTime> {
        while self.ahead.is_none() {
            let lasted = match *self.clocks.get(self.phase)? {
                Clock::Pause(lasts) => lasts,
                Clock::Even { gap, n } => {
                    if self.n < n {
                        self.n += 1;
                        self.ahead = Some(self.began + times(gap, self.n));
                        continue;
                    }
                    times(gap, n)
                }
                Clock::Poisson { mean, lasts } => {
                    let gap: f64 = Exp1.sample(stream);
                    self.gone += gap * mean;
                    let gone = SimDuration::from_nanos_f64(self.gone);
                    if gone < lasts {
                        self.ahead = Some(self.began + gone);
                        continue;
                    }
                    gone
                }
                Clock::Ramp(ramp) => {
                    if let Some((second, k, after)) = ramp.next(self.second, self.n + 1) {
                        (self.second, self.n) = (second, k);
                        self.ahead = Some(self.began + after);
                        continue;
                    }
                    SimDuration::from_nanos(ramp.seconds.saturating_mul(SECOND))
                }
            };
            self.began += lasted;
            self.phase += 1;
            (self.second, self.n, self.gone) = (0, 0, 0.0);
        }
        self.ahead.filter(|&at| at < SimTime::NEVER)
    }
}

fn times(gap: SimDuration, n: u64) -> SimDuration {
    SimDuration::from_nanos(gap.as_nanos().saturating_mul(n))
}

/// When users come, of all workers.
#[derive(Debug, Clone)]
pub struct Schedule {
    workers: Vec<Worker>,
}

impl Schedule {
    pub(super) fn new(workers: Vec<Vec<Clock>>) -> Self {
        Self {
            workers: workers.into_iter().map(Worker::new).collect(),
        }
    }

    /// About how many users come in all.
    pub(in crate::traffic::tools) fn expected(&self) -> f64 {
        let clocks = self.workers.iter().flat_map(|worker| &worker.clocks);
        clocks.map(|clock| clock.expected()).sum()
    }

    /// Who comes next; of several at the same instant, that of the first worker.
    pub(in crate::traffic::tools) fn next(&mut self, stream: &mut Stream) -> Option<Tick> {
        let mut earliest: Option<(SimTime, usize)> = None;
        for (index, worker) in self.workers.iter_mut().enumerate() {
            if let Some(at) = worker.look_ahead(stream)
                && earliest.is_none_or(|(first, _)| at < first)
            {
                earliest = Some((at, index));
            }
        }
        let (at, index) = earliest?;
        self.workers[index].ahead = None;
        Some(Tick {
            at,
            phase: self.workers[index].phase as u32,
            worker: index as u32,
        })
    }
}
