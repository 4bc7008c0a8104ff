//! Evenly spaced arrivals, as a load generator sends them.

use super::{Process, Setting, Shape};
use crate::diag::Diagnostics;
use crate::rng::Stream;
use crate::spec;
use crate::spec::Data;
use crate::traffic::curve::Cursor;
use crate::units::SimTime;

spec! {
    /// One whenever one more is expected; the first after one whole gap.
    pub struct Regular {}
}

impl Shape for Regular {
    type Process = Beat;
    fn start(&self, _: Setting<'_>, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Beat> {
        Some(Beat)
    }
}

/// Gaps of exactly one expected arrival.
#[derive(Debug, Clone)]
pub struct Beat;

impl Process for Beat {
    #[inline]
    fn next(&mut self, clock: &mut Cursor, _: &mut Stream) -> Option<SimTime> {
        clock.advance(1.0)
    }
}
