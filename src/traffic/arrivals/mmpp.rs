//! Markov-modulated Poisson process: Poisson arrivals whose rate jumps between several levels.
//!
//! Levels are relative: they are scaled so that the long-run mean is the source's rate, along its curve.
//! Whatever state it is in lasts an exponential time; the next state is drawn uniformly from the others
//! (a ring would make two states the same and more of them no easier to state). Every state is then
//! entered equally often, so a state's share of the time is its `lasts` over the sum of all, and the run
//! starts in one that is drawn by these shares (Fischer, Meier-Hellstern 1993).
//!
//! States last in time, arrivals come by expected arrivals: an arrival is where the integral of the
//! curve times the present level over the mean level has grown by an exponential draw. States are drawn
//! from a stream of their own, so that runs at other rates see the same states at the same instants.

use rand_distr::{Distribution as _, Exp1};

use super::{Process, Setting, Shape, unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::rng::Stream;
use crate::spec;
use crate::spec::{At, Data, number_text};
use crate::traffic::curve::{Cursor, Met};
use crate::units::{Rate, SimDuration, SimTime};

spec! {
    /// A Poisson process whose rate jumps at random instants between levels, by given states: `{ states =
    /// [{ level = 0.2, lasts = "40s" }, { level = 3, lasts = "10s" }] }`; or fitted to how bursty it is:
    /// `{ burstiness = 8, lasts = "30s" }`. Its mean is the source's `rate`, along its curve.
    pub struct Mmpp {
        /// The states, at least two. After one of them each of the others is equally likely.
        pub states: Vec<State>,
        /// Instead of states: the index of dispersion of counts over long windows, at `rate` (variance over
        /// mean of the number of requests in a window; 1 for Poisson). Two states are fitted: both last
        /// as long, at levels as far below the mean as above; where that does not suffice the lower one
        /// is silence, and lasts longer.
        pub burstiness: Option<At<f64>>,
        /// How long a busy spell lasts on average; with `burstiness`.
        pub lasts: Option<At<SimDuration>>,
    }
    check(Self::check)
}

spec! {
    /// A state of a Markov-modulated Poisson process.
    pub struct State {
        /// The rate in this state, relative to that of the others.
        pub level: At<f64>,
        /// How long it lasts on average; each time an exponential draw.
        pub lasts: At<SimDuration>,
    }
    check(Self::check)
}

/// How many changes of state one replication can have: some twenty seconds of computing.
const MOST_CHANGES: f64 = 1e9;
/// The smallest share of the time that fitted busy spells may have.
const LEAST_SHARE: f64 = 1e-9;

impl State {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.level.value < 0.0 {
            let problem = format!(
                "a level cannot be negative, found {}",
                number_text(self.level.value)
            );
            out.push(Diagnostic::error(self.level.origin, problem));
        }
        require_some_time(&self.lasts, out);
    }
}

fn require_some_time(lasts: &At<SimDuration>, out: &mut Diagnostics) {
    if lasts.value == SimDuration::ZERO {
        let problem = "a state must last longer than 0";
        out.push(Diagnostic::error(lasts.origin, problem));
    }
}

impl Mmpp {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (&self.states[..], &self.burstiness, &self.lasts) {
            ([], None, _) => out.push(
                Diagnostic::error(table, "how does the rate jump?")
                    .label("needs `states`, or `burstiness` and `lasts`"),
            ),
            ([], Some(_), None) => {
                out.push(Diagnostic::error(table, "missing key `lasts`").label("needs `lasts`"));
            }
            ([], Some(burstiness), Some(lasts)) => {
                if burstiness.value < 1.0 {
                    let problem = format!(
                        "the burstiness must be at least 1, found {}",
                        number_text(burstiness.value)
                    );
                    out.push(
                        Diagnostic::error(burstiness.origin, problem)
                            .help("1 is Poisson; for less, see `renewal` and `regular`"),
                    );
                }
                require_some_time(lasts, out);
            }
            ([_], None, None) => {
                let problem = "a single state never changes";
                out.push(Diagnostic::error(table, problem).help("use `poisson`"));
            }
            (states, None, None) => {
                if states.iter().all(|state| state.level.value == 0.0) {
                    let problem = "at least one level must be above 0";
                    out.push(Diagnostic::error(states[0].level.origin, problem));
                }
            }
            (_, Some(At { origin, .. }), _) | (_, None, Some(At { origin, .. })) => {
                let problem = "either `states`, or `burstiness` and `lasts`";
                out.push(Diagnostic::error(*origin, problem));
            }
        }
    }

    /// Levels and how long they last on average, in nanoseconds; with the place to complain at.
    fn levels(&self, rate: Rate, out: &mut Diagnostics) -> Option<(Vec<(f64, f64)>, Origin)> {
        if let (Some(burstiness), Some(lasts)) = (&self.burstiness, &self.lasts) {
            let expected = rate.as_per_second() * lasts.as_secs_f64();
            let Some([low, high]) = fit(burstiness.value, expected) else {
                let problem = "this burstiness cannot be had at this rate";
                let label = "its bursts would be too short and too rare";
                out.push(
                    Diagnostic::error(burstiness.origin, problem)
                        .label(label)
                        .related(lasts.origin, "choose longer ones"),
                );
                return None;
            };
            let busy = lasts.as_nanos() as f64;
            return Some((vec![(low.0, low.1 * busy), (high.0, busy)], lasts.origin));
        }
        let shortest = self.states.iter().map(|state| &state.lasts);
        let shortest = shortest.min_by_key(|lasts| lasts.value)?;
        let levels = self.states.iter();
        let levels = levels.map(|state| (state.level.value, state.lasts.as_nanos() as f64));
        Some((levels.collect(), shortest.origin))
    }
}

/// The two states with an index of dispersion of counts of `burstiness`: (level, how many times as long
/// as a busy spell it lasts), the quiet one first; the mean level is 1. During a busy spell at the mean
/// rate `expected` requests would come. Nothing if busy spells would have next to no share of the time.
///
/// Two states that last equally long, at 1 ± a, have an index of `1 + expected · a²`. At a = 1 the quiet
/// state is silent. From there on it lasts longer: with a share p of busy time, at level 1/p, the index is
/// `1 + 2 · expected · (1 - p)² / p`, the same at p = 1/2.
fn fit(burstiness: f64, expected: f64) -> Option<[(f64, f64); 2]> {
    let above = (burstiness - 1.0) / expected;
    if above <= 1.0 {
        let swing = above.sqrt();
        return Some([(1.0 - swing, 1.0), (1.0 + swing, 1.0)]);
    }
    // (1 - p)² = k p; the smaller root, written so that nothing cancels.
    let k = above / 2.0;
    let share = 2.0 / (2.0 + k + (k * (k + 4.0)).sqrt());
    (share >= LEAST_SHARE).then(|| [(0.0, (1.0 - share) / share), (1.0 / share, 1.0)])
}

/// The index of dispersion of counts over long windows: variance over mean of the number of requests, 1
/// for a Poisson process; for a mean `rate` and states given by their relative levels and by how long
/// they last on average. NaN unless some level is above 0.
///
/// With shares of time πᵢ, durations τᵢ, rates rᵢ and the mean rate r, for n states of which each follows
/// each other equally often: `1 + 2 (n - 1) / n · Σ πᵢ τᵢ (rᵢ - r)² / r`. For two states that is the known
/// `1 + 2 q₁ q₂ (r₁ - r₂)² / ((q₁ + q₂)² (r₁ q₂ + r₂ q₁))` with qᵢ = 1/τᵢ (Fischer, Meier-Hellstern 1993).
pub fn index_of_dispersion(rate: Rate, states: &[(f64, SimDuration)]) -> f64 {
    let n = states.len() as f64;
    let lasts = |state: &(f64, SimDuration)| state.1.as_secs_f64();
    let time: f64 = states.iter().map(lasts).sum();
    let mean = states.iter().map(|own| own.0 * lasts(own)).sum::<f64>() / time;
    let spread: f64 = states
        .iter()
        .map(|own| lasts(own) / time * lasts(own) * (own.0 / mean - 1.0) * (own.0 / mean - 1.0))
        .sum();
    1.0 + 2.0 * (n - 1.0) / n * spread * rate.as_per_second()
}

impl Shape for Mmpp {
    type Process = Modulated;
    fn start(
        &self,
        setting: Setting<'_>,
        _: &mut dyn Data,
        out: &mut Diagnostics,
    ) -> Option<Modulated> {
        let (levels, origin) = self.levels(setting.rate, out)?;
        let time: f64 = levels.iter().map(|(_, lasts)| lasts).sum();
        let horizon = setting.curve?.length().as_nanos() as f64;
        let changes = levels.len() as f64 * horizon / time;
        if changes > MOST_CHANGES {
            let problem = format!("{changes:.1e} changes of state are more than can be simulated");
            let label = format!("at most {MOST_CHANGES:.0e} in one replication");
            out.push(Diagnostic::error(origin, problem).label(label));
            return None;
        }
        // By the highest first, so that the largest numbers there are do not overflow.
        let highest = levels.iter().fold(0.0, |so_far, own| own.0.max(so_far));
        let share = |own: &(f64, f64)| own.0 / highest * (own.1 / time);
        let mean: f64 = levels.iter().map(share).sum();
        let states = levels.iter().map(|own| Level {
            factor: own.0 / highest / mean,
            lasts: own.1,
        });
        Some(Modulated {
            states: states.collect(),
            state: 0,
            until: 0.0,
            changes: None,
        })
    }
}

/// A level at work.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// The rate in units of the mean.
    factor: f64,
    /// Nanoseconds, on average.
    lasts: f64,
}

/// Poisson arrivals at the rate of the present state.
#[derive(Debug, Clone)]
pub struct Modulated {
    states: Vec<Level>,
    state: usize,
    /// When the present state ends, in nanoseconds since the start.
    until: f64,
    /// Where changes of state are drawn from, once started.
    changes: Option<Stream>,
}

impl Modulated {
    /// Draws the first state by its share of the time.
    fn begin(&mut self, stream: &Stream) {
        let mut changes = stream.clone();
        changes.long_jump();
        let time: f64 = self.states.iter().map(|own| own.lasts).sum();
        let mut left = unit(&mut changes) * time;
        self.state = self.states.len() - 1;
        for (at, own) in self.states.iter().enumerate() {
            left -= own.lasts;
            if left <= 0.0 {
                self.state = at;
                break;
            }
        }
        let first: f64 = Exp1.sample(&mut changes);
        self.until = first * self.states[self.state].lasts;
        self.changes = Some(changes);
    }

    /// Goes over to another state.
    #[inline]
    fn change(&mut self) {
        let Some(changes) = &mut self.changes else {
            return;
        };
        let others = self.states.len() - 1;
        let chosen = if others == 1 {
            0
        } else {
            // `unit` is above 0 and at most 1.
            ((1.0 - unit(changes)) * others as f64) as usize
        };
        self.state = (self.state + 1 + chosen) % self.states.len();
        let drawn: f64 = Exp1.sample(changes);
        self.until += drawn * self.states[self.state].lasts;
    }
}

impl Process for Modulated {
    #[inline]
    fn next(&mut self, clock: &mut Cursor, stream: &mut Stream) -> Option<SimTime> {
        if self.changes.is_none() {
            self.begin(stream);
        }
        let mut left: f64 = Exp1.sample(stream);
        loop {
            let factor = self.states[self.state].factor;
            // In silence, or next to it, this is infinite.
            match clock.advance_until(left / factor, self.until) {
                Met::Arrival(at) => return Some(at),
                Met::End => return None,
                Met::Until(passed) => {
                    // Rounding must not leave less than nothing.
                    left = (left - passed * factor).max(f64::MIN_POSITIVE);
                    self.change();
                }
            }
        }
    }
}
