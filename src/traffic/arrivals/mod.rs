//! Arrival processes: with what randomness requests come, given how many are expected.
//!
//! One file per process. To add one: write its file (the table that describes it, its check, its gaps)
//! and add its line to the list below.

pub mod batches;
pub mod mmpp;
pub mod poisson;
pub mod regular;
pub mod renewal;
pub mod replay;

use rand::Rng as _;

use super::curve::{Cursor, Curve};
use crate::diag::Diagnostics;
use crate::rng::Stream;
use crate::spec::Data;
use crate::units::{Rate, SimTime};

/// What a process is going to run along.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Requests per second at level 1 of the curve.
    pub rate: Rate,
    /// The rate over the run; nothing if there is a problem with it, which has been reported.
    pub curve: Option<&'a Curve>,
}

/// What every process's table can do.
pub trait Shape {
    /// The process at work.
    type Process: Process;

    /// The process; nothing if it does not fit to what it is to run along, or if a data file it needs is
    /// not there or not right, which is reported.
    fn start(
        &self,
        setting: Setting<'_>,
        data: &mut dyn Data,
        out: &mut Diagnostics,
    ) -> Option<Self::Process>;
}

/// What every process can do.
pub trait Process {
    /// The instant of the next arrival, later than or at the last one; nothing if no more come.
    fn next(&mut self, clock: &mut Cursor, stream: &mut Stream) -> Option<SimTime>;

    /// True if the process brings its own times and wants no rate.
    const BRINGS_ITS_TIMES: bool = false;

    /// How many arrivals are expected, along `curve`.
    fn expected(&self, curve: &Curve) -> f64 {
        curve.expected()
    }
}

macro_rules! processes {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $word:literal ),* $(,)?) => {
        crate::choice! {
            /// An arrival process.
            pub enum ArrivalProcess {
                $( $(#[doc = $doc])* $variant($module::$variant) = $word ),*
            }
        }

        /// An arrival process at work.
        #[derive(Debug, Clone)]
        pub enum Gaps {
            $( $(#[doc = $doc])* $variant(<$module::$variant as Shape>::Process), )*
        }

        impl ArrivalProcess {
            /// The process; nothing if it does not fit to what it is to run along, or if a data file it
            /// needs is not there or not right, which is reported.
            pub fn start(
                &self,
                setting: Setting<'_>,
                data: &mut dyn Data,
                out: &mut Diagnostics,
            ) -> Option<Gaps> {
                match self {
                    $( Self::$variant(shape) =>
                        shape.start(setting, data, out).map(Gaps::$variant), )*
                }
            }

            /// True if the process brings its own times and wants no rate.
            pub fn brings_its_times(&self) -> bool {
                match self {
                    $( Self::$variant(_) =>
                        <<$module::$variant as Shape>::Process as Process>::BRINGS_ITS_TIMES, )*
                }
            }
        }

        impl Gaps {
            fn fill(&mut self, clock: &mut Cursor, stream: &mut Stream, times: &mut [SimTime]) {
                match self {
                    $( Self::$variant(process) => for at in times {
                        *at = process.next(clock, stream).unwrap_or(SimTime::NEVER);
                    } )*
                }
            }

            /// How many arrivals are expected, along `curve`.
            pub fn expected(&self, curve: &Curve) -> f64 {
                match self { $( Self::$variant(process) => process.expected(curve), )* }
            }
        }
    };
}

processes! {
    /// Independent requests of many users: gaps are exponential.
    Poisson: poisson = "poisson",
    /// Evenly spaced, as a load generator sends them.
    Regular: regular = "regular",
    /// Independent gaps of any law.
    Renewal: renewal = "renewal",
    /// Poisson, with a rate that jumps between several levels at random instants.
    Mmpp: mmpp = "mmpp",
    /// Several requests at a time.
    Batches: batches = "batches",
    /// Recorded instants, one by one.
    Replay: replay = "replay",
}

/// The arrivals of one source in one replication.
#[derive(Debug, Clone)]
pub struct Arrivals {
    gaps: Gaps,
    clock: Cursor,
    stream: Stream,
}

impl Arrivals {
    /// Arrivals along `curve`, drawn from `stream`.
    pub fn new(gaps: Gaps, curve: &Curve, stream: Stream) -> Self {
        Self {
            gaps,
            clock: curve.walk(),
            stream,
        }
    }

    /// The instants of the next arrivals; [`SimTime::NEVER`] where no more come. Drawing many in a row
    /// lets the processor overlap them.
    pub fn fill(&mut self, times: &mut [SimTime]) {
        self.gaps.fill(&mut self.clock, &mut self.stream, times);
    }
}

/// A uniform number in (0, 1]: never 0, so that its logarithm is finite.
#[inline]
fn unit(stream: &mut Stream) -> f64 {
    ((stream.next_u64() >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests;
