//! Several requests at a time: a page with several calls, fan-in, cron.
//!
//! `rate` stays requests per second. Batches start at Poisson instants (the compound Poisson process of
//! the M^X queues), or one every so often with as many requests as the curve expects in between.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand_distr::{Distribution as _, Exp1};
use serde_json::json;

use super::{Process, Setting, Shape, unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::math;
use crate::rng::Stream;
use crate::spec::{At, Count, Data, Definitions, Node, Spec as _, Value, number_text};
use crate::traffic::curve::{Cursor, Met};
use crate::units::{SimDuration, SimTime};
use crate::{choice, spec};

spec! {
    /// Several requests at a time, in batches that start at Poisson instants: `{ size = 5 }`, `{ size =
    /// { geometric = 4 }, over = "200ms" }`; or at regular ones: `{ every = "1m" }`.
    pub struct Batches {
        /// How many requests a batch has.
        pub size: Option<Size>,
        /// Instead of a size: a batch every so often, the first after one such time, with all requests
        /// that are expected from the one before it.
        pub every: Option<At<SimDuration>>,
        /// The requests of a batch are spread over this time from its start, each uniformly, instead of
        /// coming all at once.
        pub over: Option<At<SimDuration>>,
    }
    check(Self::check)
}

choice! {
    /// How many requests a batch has. A plain number means: always as many.
    pub enum Size {
        /// Always as many.
        Fixed(At<Count>) = "fixed",
        /// Geometric on 1, 2, …, with this mean.
        Geometric(At<f64>) = "geometric",
    }
    or(read_fixed, schema_of_fixed)
}

#[expect(
    clippy::option_option,
    reason = "not a number; a number that is wrong; one that is right"
)]
fn read_fixed(node: &Node, out: &mut Diagnostics) -> Option<Option<Size>> {
    matches!(node.value, Value::Whole(_) | Value::Real(_))
        .then(|| At::<Count>::read(node, out).map(Size::Fixed))
}

fn schema_of_fixed(definitions: &mut Definitions) -> serde_json::Value {
    let mut schema = Count::schema(definitions);
    schema["description"] = json!("Always as many.");
    schema
}

/// The largest mean size of a batch.
const MOST_AT_ONCE: f64 = 1e5;
/// How many batches at regular instants one replication can have.
const MOST_BATCHES: f64 = 1e9;
/// How many requests of batches that have started may be still to come.
const MOST_TO_COME: f64 = 1e7;

impl Size {
    fn mean(&self) -> (f64, Origin) {
        match self {
            Self::Fixed(size) => (f64::from(size.get()), size.origin),
            Self::Geometric(mean) => (mean.value, mean.origin),
        }
    }
}

impl Batches {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (&self.size, &self.every) {
            (None, None) => out.push(
                Diagnostic::error(table, "how large is a batch?").label("needs `size` or `every`"),
            ),
            (Some(_), Some(every)) => out.push(
                Diagnostic::error(every.origin, "either `size` or `every`")
                    .label("batches at regular instants take their size from the rate"),
            ),
            (Some(size), None) => {
                let (mean, origin) = size.mean();
                if !(1.0..=MOST_AT_ONCE).contains(&mean) {
                    let problem = format!(
                        "the mean size of a batch must be between 1 and {MOST_AT_ONCE}, found {}",
                        number_text(mean)
                    );
                    out.push(Diagnostic::error(origin, problem));
                }
            }
            (None, Some(_)) => {}
        }
        for span in self.every.iter().chain(&self.over) {
            if span.value == SimDuration::ZERO {
                let problem = "this must be longer than 0";
                out.push(Diagnostic::error(span.origin, problem));
            }
        }
    }

    /// How many requests of batches that have started may be still to come; nothing if the process does
    /// not fit to what it is to run along, which is reported.
    fn most_to_come(&self, setting: Setting<'_>, out: &mut Diagnostics) -> Option<usize> {
        let curve = setting.curve?;
        if let Some(every) = &self.every {
            let batches = curve.length().as_secs_f64() / every.as_secs_f64();
            if batches > MOST_BATCHES {
                let problem = format!("{batches:.1e} batches are more than can be simulated");
                let label = format!("at most {MOST_BATCHES:.0e} in one replication");
                out.push(Diagnostic::error(every.origin, problem).label(label));
                return None;
            }
        }
        let mut to_come = 0.0;
        if let Some(over) = &self.over {
            // Those of batches that overlap, and those of one more batch.
            let every = self.every.as_ref().map_or(0.0, |every| every.as_secs_f64());
            let own = self.size.as_ref().map_or(0.0, |size| size.mean().0);
            let time = (over.as_secs_f64() + every).min(curve.length().as_secs_f64());
            to_come = curve.highest().as_per_second() * time + own;
            if to_come > MOST_TO_COME {
                let problem = format!("{to_come:.1e} requests would be spread out at a time");
                let label = format!("at most {MOST_TO_COME:.0e}");
                out.push(Diagnostic::error(over.origin, problem).label(label));
                return None;
            }
        }
        Some(to_come as usize)
    }
}

impl Shape for Batches {
    type Process = Bursts;
    fn start(
        &self,
        setting: Setting<'_>,
        _: &mut dyn Data,
        out: &mut Diagnostics,
    ) -> Option<Bursts> {
        let most_to_come = self.most_to_come(setting, out)?;
        let beat = match (&self.size, &self.every) {
            (Some(Size::Geometric(mean)), _) if mean.value > 1.0 => Beat::Geometric {
                mean: mean.value,
                per_failure: 1.0 / math::ln_1p(-1.0 / mean.value),
            },
            (Some(size), _) => Beat::Fixed {
                size: size.mean().0,
            },
            (None, every) => Beat::Regular {
                every: every.as_ref()?.as_nanos() as f64,
                n: 0.0,
                owed: 0.0,
            },
        };
        Some(Bursts {
            beat,
            over: self.over.as_ref().map(|over| over.as_nanos() as f64),
            at: SimTime::ZERO,
            left: 0,
            to_come: BinaryHeap::new(),
            most_to_come,
            following: None,
            spreading: None,
        })
    }
}

/// When batches start, and how large they are.
#[derive(Debug, Clone)]
enum Beat {
    /// At Poisson instants, always as large.
    Fixed { size: f64 },
    /// At Poisson instants, with a geometric size; one over the logarithm of the chance of one more.
    Geometric { mean: f64, per_failure: f64 },
    /// Every so many nanoseconds; how many there were, and what they left of a request.
    Regular { every: f64, n: f64, owed: f64 },
}

impl Beat {
    /// The next batch: its start and its size, at least 1; nothing if no more come.
    fn next(&mut self, clock: &mut Cursor, stream: &mut Stream) -> Option<(SimTime, u64)> {
        match self {
            Self::Fixed { size } => {
                let gap: f64 = Exp1.sample(stream);
                Some((clock.advance(gap * *size)?, *size as u64))
            }
            Self::Geometric { mean, per_failure } => {
                let gap: f64 = Exp1.sample(stream);
                let start = clock.advance(gap * *mean)?;
                let more = math::ln(unit(stream)) * *per_failure;
                Some((start, 1 + more as u64))
            }
            Self::Regular { every, n, owed } => loop {
                *n += 1.0;
                let at = *n * *every;
                let Met::Until(passed) = clock.advance_until(f64::INFINITY, at) else {
                    return None;
                };
                *owed += passed;
                // A whole number of requests, but for rounding, is one.
                let size = (*owed + 1e-9).floor();
                if size >= 1.0 {
                    *owed -= size;
                    let start = SimTime::ZERO + SimDuration::from_nanos_f64(at);
                    return Some((start, size as u64));
                }
            },
        }
    }
}

/// Batches, one after another or, spread over time, into one another.
#[derive(Debug, Clone)]
pub struct Bursts {
    beat: Beat,
    /// Over how many nanoseconds a batch is spread.
    over: Option<f64>,
    /// The instant of the batch that is coming, and how many of it are left, where it comes all at once.
    at: SimTime,
    left: u64,
    /// Where batches are spread: what is left of those that have started, and the one that follows.
    to_come: BinaryHeap<Reverse<SimTime>>,
    most_to_come: usize,
    following: Option<(SimTime, u64)>,
    /// Where the spreading is drawn from, once started: the batches are the same with and without it.
    spreading: Option<Stream>,
}

impl Bursts {
    /// Starts batches until nothing can come before what comes next.
    fn next_spread(
        &mut self,
        over: f64,
        clock: &mut Cursor,
        stream: &mut Stream,
    ) -> Option<SimTime> {
        let spreading = self.spreading.get_or_insert_with(|| {
            // Chance may bring more than expected; twice as many are next to never there at once.
            self.to_come.reserve(2 * self.most_to_come);
            let mut own = stream.clone();
            own.long_jump();
            own
        });
        if self.following.is_none() && self.to_come.is_empty() {
            self.following = self.beat.next(clock, stream);
        }
        while let Some((start, size)) = self.following {
            if self.to_come.peek().is_some_and(|next| next.0 <= start) {
                break;
            }
            for _ in 0..size {
                let later = SimDuration::from_nanos_f64((1.0 - unit(spreading)) * over);
                self.to_come.push(Reverse(start + later));
            }
            self.following = self.beat.next(clock, stream);
        }
        self.to_come.pop().map(|next| next.0)
    }
}

impl Process for Bursts {
    #[inline]
    fn next(&mut self, clock: &mut Cursor, stream: &mut Stream) -> Option<SimTime> {
        if let Some(over) = self.over {
            return self.next_spread(over, clock, stream);
        }
        if self.left == 0 {
            (self.at, self.left) = self.beat.next(clock, stream)?;
        }
        self.left -= 1;
        Some(self.at)
    }
}
