//! How large an answer is, and what it costs to make it smaller.

use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Sampler;
use crate::spec;
use crate::spec::{At, Definitions, Node, Spec, Value, number_text};
use crate::units::{Bytes, Fraction, SimDuration};

spec! {
    /// How large an answer is: `"40kB"`, or `{ mean = "40kB", cv = 1.5, compressed_to = "30%" }`.
    pub struct ResponseTable {
        /// How large it is on average.
        pub mean: At<Bytes>,
        /// How much sizes vary: their standard deviation over their mean (log-normal).
        pub cv: At<f64> = At::built_in(0.0),
        /// To which share of its size it is compressed; not at all unless given. Text comes to 20 to 30 %,
        /// pictures to 100 %.
        pub compressed_to: Option<At<Fraction>>,
        /// The CPU time that compressing takes per megabyte of what goes in: 10 to 25 ms for gzip at its
        /// usual level, a third of that at its fastest, none where it was done beforehand.
        pub compression_cpu: At<SimDuration> = At::built_in(SimDuration::from_nanos(18_000_000)),
    }
    check(Self::check)
}

impl ResponseTable {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if !(0.0..=1000.0).contains(&self.cv.value) {
            let problem = format!(
                "the coefficient of variation must be between 0 and 1000, found {}",
                number_text(self.cv.value)
            );
            out.push(Diagnostic::error(self.cv.origin, problem));
        }
        if self
            .compressed_to
            .is_some_and(|to| to.value == Fraction::ZERO)
        {
            let origin = self.compressed_to.map_or(self.mean.origin, |to| to.origin);
            out.push(Diagnostic::error(
                origin,
                "nothing is compressed to nothing",
            ));
        }
    }
}

/// How large an answer is: a size, or a table.
#[derive(Debug, Clone)]
pub struct ResponseSpec(pub ResponseTable);

impl Spec for ResponseSpec {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        if let Value::Text(_) = node.value {
            let mean = At::<Bytes>::read(node, out)?;
            return Some(Self(ResponseTable {
                mean,
                cv: At::built_in(0.0),
                compressed_to: None,
                compression_cpu: At::built_in(SimDuration::ZERO),
            }));
        }
        ResponseTable::read(node, out).map(Self)
    }
    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [Bytes::schema(definitions), ResponseTable::schema(definitions)] })
    }
}

impl ResponseSpec {
    /// Draws sizes as they are sent, a nanosecond standing for a byte.
    pub fn sizes(&self) -> Sampler {
        let kept = self.0.compressed_to.map_or(1.0, |to| to.get());
        self.scaled(kept)
    }

    /// Draws how long compressing takes; nothing if there is nothing to do.
    pub fn compressing(&self) -> Option<Sampler> {
        self.0.compressed_to?;
        let per_byte = self.0.compression_cpu.as_nanos() as f64 / 1e6;
        (per_byte > 0.0).then(|| self.scaled(per_byte))
    }

    fn scaled(&self, factor: f64) -> Sampler {
        let mean = self.0.mean.get() as f64 * factor;
        Sampler::spread(mean, self.0.cv.value)
    }
}
