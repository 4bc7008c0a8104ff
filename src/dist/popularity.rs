//! How popular the members of a catalogue are: keys, clients.

use crate::choice;
use crate::diag::{Diagnostic, Diagnostics};
use crate::spec;
use crate::spec::{At, number_text};

spec! {
    /// All alike.
    pub struct Alike {}
}

choice! {
    /// How popular the members of a catalogue are.
    pub enum Popularity {
        /// The i-th most popular one occurs in proportion to i to the power of minus this: 0.6 to 1 for
        /// pages, up to 1.2 for videos and for the activity of users.
        Zipf(At<f64>) = "zipf",
        /// All alike.
        Uniform(Alike) = "uniform",
    }
}

impl Popularity {
    /// The exponent of Zipf's law.
    pub fn exponent(&self) -> f64 {
        match self {
            Self::Zipf(exponent) => exponent.value,
            Self::Uniform(_) => 0.0,
        }
    }

    /// Reports an exponent that no catalogue has.
    pub fn check(&self, out: &mut Diagnostics) {
        if let Self::Zipf(exponent) = self
            && !(0.0..=10.0).contains(&exponent.value)
        {
            let problem = format!(
                "expected an exponent between 0 and 10, found {}",
                number_text(exponent.value)
            );
            out.push(Diagnostic::error(exponent.origin, problem));
        }
    }
}
