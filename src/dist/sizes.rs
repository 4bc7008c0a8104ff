//! How large the members of a catalogue are.

use serde_json::json;

use super::Sampler;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Definitions, Node, Spec, Value, number_text};
use crate::units::Bytes;

spec! {
    /// How large things are: `{ mean = "40kB", cv = 1.5 }`.
    pub struct SizesTable {
        /// How large they are on average.
        pub mean: At<Bytes>,
        /// How much sizes vary: their standard deviation over their mean (log-normal).
        pub cv: At<f64> = At::built_in(0.0),
    }
    check(Self::check)
}

impl SizesTable {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if !(0.0..=1000.0).contains(&self.cv.value) {
            let problem = format!(
                "the coefficient of variation must be between 0 and 1000, found {}",
                number_text(self.cv.value)
            );
            out.push(Diagnostic::error(self.cv.origin, problem));
        }
    }
}

/// How large things are: a size, or a table.
#[derive(Debug, Clone)]
pub struct Sizes(SizesTable);

impl Sizes {
    /// Draws sizes, a nanosecond standing for a byte.
    pub fn sampler(&self) -> Sampler {
        Sampler::spread(self.0.mean.get() as f64, self.0.cv.value)
    }
}

impl Spec for Sizes {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        if let Value::Text(_) = node.value {
            let (mean, cv) = (At::<Bytes>::read(node, out)?, At::built_in(0.0));
            return Some(Self(SizesTable { mean, cv }));
        }
        SizesTable::read(node, out).map(Self)
    }

    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [Bytes::schema(definitions), SizesTable::schema(definitions)] })
    }
}
