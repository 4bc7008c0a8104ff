//! Independent gaps of any law.

use super::{Process, Setting, Shape};
use crate::diag::{Diagnostic, Diagnostics};
use crate::dist::{Law, Sampler};
use crate::rng::Stream;
use crate::spec::{At, Data, Definitions, Node, Spec};
use crate::traffic::curve::Cursor;
use crate::units::{SimDuration, SimTime};

/// The law of the gaps. Only its shape matters: it is scaled to the rate, so its mean is free.
#[derive(Debug, Clone)]
pub struct Renewal(At<Law>);

impl Spec for Renewal {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        At::read(node, out).map(Self)
    }
    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        Law::schema(definitions)
    }
}

impl Shape for Renewal {
    type Process = Scaled;
    fn start(&self, _: Setting<'_>, data: &mut dyn Data, out: &mut Diagnostics) -> Option<Scaled> {
        let law = self.0.sampler(data, out)?;
        let mean = law.mean();
        if mean == SimDuration::ZERO {
            let problem = "the gaps between arrivals must be longer than 0";
            out.push(Diagnostic::error(self.0.origin, problem));
            return None;
        }
        Some(Scaled {
            law,
            per_nano: 1.0 / mean.as_nanos() as f64,
        })
    }
}

/// Draws divided by their mean.
#[derive(Debug, Clone)]
pub struct Scaled {
    law: Sampler,
    per_nano: f64,
}

impl Process for Scaled {
    #[inline]
    fn next(&mut self, clock: &mut Cursor, stream: &mut Stream) -> Option<SimTime> {
        clock.advance(self.law.sample(stream).as_nanos() as f64 * self.per_nano)
    }
}
