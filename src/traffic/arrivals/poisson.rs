//! The Poisson process: independent requests of many users.

use rand_distr::{Distribution as _, Exp1};

use super::{Process, Setting, Shape};
use crate::diag::Diagnostics;
use crate::rng::Stream;
use crate::spec;
use crate::spec::Data;
use crate::traffic::curve::Cursor;
use crate::units::SimTime;

spec! {
    /// Gaps are exponential, independent of one another.
    pub struct Poisson {}
}

impl Shape for Poisson {
    type Process = Exponentials;
    fn start(&self, _: Setting<'_>, _: &mut dyn Data, _: &mut Diagnostics) -> Option<Exponentials> {
        Some(Exponentials)
    }
}

/// Exponential gaps. Stretched by the curve they give a Poisson process of varying rate exactly (Çinlar
/// 1975: a Poisson process of rate 1 in units of expected arrivals).
#[derive(Debug, Clone)]
pub struct Exponentials;

impl Process for Exponentials {
    #[inline]
    fn next(&mut self, clock: &mut Cursor, stream: &mut Stream) -> Option<SimTime> {
        clock.advance(Exp1.sample(stream))
    }
}
