//! The recorder: everything allocated before the run, a few additions per event.
//!
//! A run is cut into windows of equal length. What concerns a request is counted in the window in which
//! it *arrived*, so that no slow request is lost at the end of the run; what concerns the state of the
//! system (levels) is averaged over the window. Totals are sums over windows, so each fact is recorded
//! once, and the warm-up is left out by leaving out windows. Memory depends on the number of windows and
//! classes, not on the number of requests.

use crate::stats::{Buckets, Histogram, Level};
use crate::units::{SimDuration, SimTime};

use super::{Entry, Happened, Log, Outcome};

/// How a run is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// The length of each; the last may be cut short by the horizon.
    pub length: SimDuration,
    /// How many there are.
    pub count: usize,
    /// How many at the start are warm-up, left out of all totals.
    pub warm_up: usize,
    /// The end of the last one.
    pub horizon: SimTime,
}

impl Windows {
    /// Cuts `horizon` into windows; the warm-up is rounded up to whole windows.
    pub fn new(horizon: SimDuration, length: SimDuration, warm_up: SimDuration) -> Self {
        let per = length.as_nanos().max(1);
        let count = horizon.as_nanos().div_ceil(per) as usize;
        let warm_up = (warm_up.as_nanos().div_ceil(per) as usize).min(count);
        Self {
            length,
            count,
            warm_up,
            horizon: SimTime::ZERO + horizon,
        }
    }

    /// When window number `index` starts.
    pub fn start(&self, index: usize) -> SimTime {
        SimTime::from_nanos(self.length.as_nanos() * index as u64).min(self.horizon)
    }

    /// How long window number `index` is.
    pub fn span(&self, index: usize) -> SimDuration {
        self.start(index + 1).since(self.start(index))
    }

    /// How long all windows after the warm-up are together.
    pub fn measured(&self) -> SimDuration {
        self.horizon.since(self.start(self.warm_up))
    }
}

/// What there is to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The windows.
    pub windows: Windows,
    /// How many classes of requests.
    pub n_classes: usize,
    /// How many lines the log has at most.
    pub log: usize,
}

/// A level that is averaged over time: a queue length, the number of busy workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelId(u16);

/// A wait that is kept as a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitId(u16);

/// A figure that is read at the end of every window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleId(u16);

/// A count of something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterId(u16);

/// Records one run.
#[derive(Debug)]
pub struct Recorder {
    shape: Shape,
    /// The window that is open now.
    open: usize,
    opened: SimTime,
    /// By window and class.
    arrivals: Vec<u64>,
    /// By window, class and outcome.
    outcomes: Vec<u64>,
    /// Latencies by window, class and bucket: of the served, and of those that waited in vain.
    served: Vec<u32>,
    unserved: Vec<u32>,
    /// Their sums in nanoseconds, by window and class.
    served_sum: Vec<u64>,
    unserved_sum: Vec<u64>,
    /// Requests served by the window in which they were answered; the last is for after the horizon.
    answered: Vec<u64>,
    /// Answers that nobody waited for any more, by the window in which they were given.
    in_vain: Vec<u64>,
    /// By window: answers that the system gave to browsers that asked in the background, minus those that
    /// browsers gave.
    other_answers: Vec<i64>,
    /// By window: attempts that were sent, minus one for each of the requests that they belong to. A plain
    /// request is its own only attempt and is not counted here.
    more_attempts: Vec<i64>,
    levels: Vec<Level>,
    /// Integrals of the levels at the start of the open window.
    integrals: Vec<u64>,
    /// Time averages by window and level.
    averages: Vec<f64>,
    /// Highest values by window and level.
    highest: Vec<u64>,
    /// What was read at the ends of windows, by sample and window.
    samples: Vec<Vec<f64>>,
    waits: Vec<Histogram>,
    /// How often nobody had to wait, by wait.
    no_waits: Vec<u64>,
    counters: Vec<u64>,
    log: Log,
}

impl Recorder {
    /// A recorder for a run of this shape.
    pub fn new(shape: Shape) -> Self {
        let cells = shape.windows.count * shape.n_classes;
        Self {
            shape,
            open: 0,
            opened: SimTime::ZERO,
            arrivals: vec![0; cells],
            outcomes: vec![0; cells * Outcome::COUNT],
            served: vec![0; cells * Buckets::COUNT],
            unserved: vec![0; cells * Buckets::COUNT],
            served_sum: vec![0; cells],
            unserved_sum: vec![0; cells],
            answered: vec![0; shape.windows.count + 1],
            in_vain: vec![0; shape.windows.count + 1],
            other_answers: vec![0; shape.windows.count + 1],
            more_attempts: vec![0; shape.windows.count + 1],
            levels: Vec::new(),
            integrals: Vec::new(),
            averages: Vec::new(),
            highest: Vec::new(),
            samples: Vec::new(),
            waits: Vec::new(),
            no_waits: Vec::new(),
            counters: Vec::new(),
            log: Log::new(shape.log),
        }
    }

    /// Adds a level, at zero.
    pub fn add_level(&mut self) -> LevelId {
        self.levels.push(Level::default());
        self.integrals.push(0);
        self.averages
            .resize(self.shape.windows.count * self.levels.len(), 0.0);
        self.highest
            .resize(self.shape.windows.count * self.levels.len(), 0);
        LevelId(u16::try_from(self.levels.len() - 1).expect("a system has few levels"))
    }

    /// Adds a level that stands at `value` from `at` on: what there is, beside what of it is used.
    pub fn add_level_at(&mut self, at: SimTime, value: u64) -> LevelId {
        let level = self.add_level();
        self.level(level).set(at, value);
        level
    }

    /// Adds a figure that is read at the end of every window.
    pub fn add_sample(&mut self) -> SampleId {
        self.samples.push(vec![0.0; self.shape.windows.count]);
        SampleId(u16::try_from(self.samples.len() - 1).expect("a system has few samples"))
    }

    /// Adds a wait.
    pub fn add_wait(&mut self) -> WaitId {
        self.waits.push(Histogram::default());
        self.no_waits.push(0);
        WaitId(u16::try_from(self.waits.len() - 1).expect("a system has few waits"))
    }

    /// Adds a counter.
    pub fn add_counter(&mut self) -> CounterId {
        self.counters.push(0);
        CounterId(u16::try_from(self.counters.len() - 1).expect("a system has few counters"))
    }

    /// How the run is cut into windows.
    pub fn windows(&self) -> &Windows {
        &self.shape.windows
    }

    /// A request of `class` arrives now, in the open window.
    #[inline]
    pub fn arrival(&mut self, class: u16) {
        self.arrivals[self.open * self.shape.n_classes + class as usize] += 1;
    }

    /// A request of `class` that arrived at `arrived` ends now.
    #[inline]
    pub fn outcome(&mut self, class: u16, arrived: SimTime, now: SimTime, outcome: Outcome) {
        let window = if arrived >= self.opened {
            self.open
        } else {
            self.window_of(arrived)
        };
        let cell = window * self.shape.n_classes + class as usize;
        self.outcomes[cell * Outcome::COUNT + outcome.index()] += 1;
        if self.shape.log > 0 {
            self.log.ends(class, (arrived, now), outcome);
        }
        let latency = now.since(arrived);
        let bucket = cell * Buckets::COUNT + Buckets::of(latency);
        if outcome.is_success() {
            if outcome.has_latency() {
                self.served[bucket] += 1;
                self.served_sum[cell] += latency.as_nanos();
            }
            self.answered[self.open] += 1;
            self.other_answers[self.open] -= i64::from(outcome == Outcome::BrowserCache);
        } else if outcome.has_latency() {
            self.unserved[bucket] += 1;
            self.unserved_sum[cell] += latency.as_nanos();
        }
    }

    /// The request that ends next has this number, and was sent so many times: for the log.
    #[inline]
    pub fn knows(&mut self, number: u64, attempts: u32) {
        self.log.knows(number, attempts);
    }

    /// What happened to single requests, warm-up included: the first lines of the log, as many as it has.
    pub fn log(&self) -> &[Entry] {
        self.log.entries()
    }

    /// A request whose attempts are counted one by one, by [`Recorder::attempt`], has arrived.
    #[inline]
    pub fn counts_attempts(&mut self) {
        self.more_attempts[self.open] -= 1;
    }

    /// An attempt of such a request is sent.
    #[inline]
    pub fn attempt(&mut self) {
        self.more_attempts[self.open] += 1;
    }

    /// The system answers a browser that asked in the background.
    pub fn answer_in_background(&mut self) {
        self.other_answers[self.open] += 1;
    }

    /// An answer is given that nobody waits for any more.
    #[inline]
    pub fn answer_in_vain(&mut self) {
        self.in_vain[self.open] += 1;
    }

    #[cold]
    fn window_of(&self, at: SimTime) -> usize {
        (at.as_nanos() / self.shape.windows.length.as_nanos()) as usize
    }

    /// A level, to step it.
    #[inline]
    pub fn level(&mut self, id: LevelId) -> &mut Level {
        &mut self.levels[id.0 as usize]
    }

    /// The present value of a level.
    #[inline]
    pub fn level_now(&self, id: LevelId) -> u64 {
        self.levels[id.0 as usize].get()
    }

    /// Somebody waited from `since` to `now`; left out during the warm-up.
    #[inline]
    pub fn wait(&mut self, id: WaitId, since: SimTime, now: SimTime) {
        if self.open >= self.shape.windows.warm_up {
            self.waits[id.0 as usize].record(now.since(since));
        }
        if self.shape.log > 0 {
            self.log.notes(Happened::Wait(id), since, now);
        }
    }

    /// Something took so long; left out during the warm-up.
    pub fn took(&mut self, id: WaitId, span: SimDuration) {
        if self.open >= self.shape.windows.warm_up {
            self.waits[id.0 as usize].record(span);
        }
    }

    /// Somebody did not have to wait; left out during the warm-up.
    #[inline]
    pub fn no_wait(&mut self, id: WaitId) {
        self.no_waits[id.0 as usize] += u64::from(self.open >= self.shape.windows.warm_up);
    }

    /// Something happens; left out during the warm-up.
    #[inline]
    pub fn count(&mut self, id: CounterId) {
        if self.open >= self.shape.windows.warm_up {
            self.counters[id.0 as usize] += 1;
        }
    }

    /// Something happens; left out during the warm-up and after the horizon, so that there is a time in which
    /// all of it happened.
    #[inline]
    pub fn count_within(&mut self, id: CounterId) {
        let windows = &self.shape.windows;
        self.counters[id.0 as usize] +=
            u64::from((windows.warm_up..windows.count).contains(&self.open));
    }

    /// Something happens `n` times; left out during the warm-up.
    pub fn count_many(&mut self, id: CounterId, n: u64) {
        if self.open >= self.shape.windows.warm_up {
            self.counters[id.0 as usize] += n;
        }
    }

    /// What is read at the end of the open window.
    pub fn sample(&mut self, id: SampleId, value: f64) {
        self.samples[id.0 as usize][self.open] = value;
    }

    /// What was read at the end of a closed window.
    pub fn sampled_in(&self, window: usize, id: SampleId) -> f64 {
        self.samples[id.0 as usize][window]
    }

    /// Closes the open window at `now`, which must be its end.
    pub fn close_window(&mut self, now: SimTime) {
        let (window, n_levels) = (self.open, self.levels.len());
        let span = now.since(self.opened).as_nanos() as f64;
        for (at, level) in self.levels.iter_mut().enumerate() {
            let integral = level.integral(now);
            let area = integral.wrapping_sub(self.integrals[at]);
            self.integrals[at] = integral;
            self.averages[window * n_levels + at] = area as f64 / span;
            self.highest[window * n_levels + at] = level.take_highest();
        }
        self.open += 1;
        self.opened = now;
    }

    /// How many windows have been closed.
    pub fn n_closed(&self) -> usize {
        self.open
    }

    /// Requests of `class` that arrived in a window.
    pub fn arrivals_in(&self, window: usize, class: usize) -> u64 {
        self.arrivals[window * self.shape.n_classes + class]
    }

    /// Requests of `class` that arrived in a window and have ended like this.
    pub fn outcomes_in(&self, window: usize, class: usize, outcome: Outcome) -> u64 {
        let cell = window * self.shape.n_classes + class;
        self.outcomes[cell * Outcome::COUNT + outcome.index()]
    }

    /// Requests answered during a window, whenever they arrived.
    pub fn answered_in(&self, window: usize) -> u64 {
        self.answered[window]
    }

    /// Answers that the system gave during a window, whoever asked.
    pub fn given_in(&self, window: usize) -> u64 {
        let all = self.answered[window] + self.in_vain[window];
        all.saturating_add_signed(self.other_answers[window])
    }

    /// Attempts sent during a window, first ones included.
    pub fn attempts_in(&self, window: usize) -> u64 {
        let cells = window * self.shape.n_classes..(window + 1) * self.shape.n_classes;
        let arrived: u64 = self.arrivals[cells].iter().sum();
        arrived.saturating_add_signed(self.more_attempts[window])
    }

    /// Adds the latencies of the requests of `class` that arrived in a window: of the served to
    /// `served`, of those that waited in vain to `unserved`.
    pub fn add_latencies(
        &self,
        window: usize,
        class: usize,
        served: &mut Histogram,
        unserved: &mut Histogram,
    ) {
        let cell = window * self.shape.n_classes + class;
        let buckets = cell * Buckets::COUNT..(cell + 1) * Buckets::COUNT;
        served.add(&self.served[buckets.clone()], self.served_sum[cell]);
        unserved.add(&self.unserved[buckets], self.unserved_sum[cell]);
    }

    /// The time average of a level over a closed window.
    pub fn average_in(&self, window: usize, id: LevelId) -> f64 {
        self.averages[window * self.levels.len() + id.0 as usize]
    }

    /// The highest value of a level in a closed window.
    pub fn highest_in(&self, window: usize, id: LevelId) -> u64 {
        self.highest[window * self.levels.len() + id.0 as usize]
    }

    /// A wait's histogram, without the warm-up; those who did not have to wait count with zero.
    pub fn waits(&self, id: WaitId) -> Histogram {
        let mut all = self.waits[id.0 as usize].clone();
        all.record_zeros(self.no_waits[id.0 as usize]);
        all
    }

    /// A counter, without the warm-up.
    pub fn counted(&self, id: CounterId) -> u64 {
        self.counters[id.0 as usize]
    }

    /// All requests that arrived, warm-up included.
    pub fn n_arrived(&self) -> u64 {
        self.arrivals.iter().sum()
    }

    /// Requests that have failed so far, warm-up included.
    pub fn n_failed(&self) -> u64 {
        let kinds = Outcome::ALL.iter().cycle();
        let failed = self.outcomes.iter().zip(kinds);
        let failed = failed.filter(|(_, outcome)| !outcome.is_success());
        failed.map(|(n, _)| n).sum()
    }

    /// All requests that have ended, warm-up included.
    pub fn n_ended(&self) -> u64 {
        self.outcomes.iter().sum()
    }
}
