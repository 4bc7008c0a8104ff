//! Laws of durations: service times, think times, boot times.
//!
//! One file per law. To add one: write its file (the table that describes it, its check, its sampler)
//! and add its line to the list below.
//!
//! Samplers work in nanoseconds and round to the nearest; a draw never fails and never is negative.

pub mod constant;
pub mod empirical;
pub mod erlang;
pub mod exponential;
pub mod gamma;
pub mod hyperexponential;
pub mod lognormal;
pub mod mixture;
pub mod pareto;
pub mod popularity;
pub mod sizes;
pub mod uniform;
pub mod weibull;

use std::ops::RangeInclusive;

use rand::Rng;
use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics};
use crate::spec::{At, Data, Definitions, Node, Spec, Value, number_text};
use crate::units::SimDuration;

/// What every law's table can do.
pub trait Shape: Spec {
    /// Draws from the law.
    type Sampler: Sample;

    /// The sampler; nothing if a data file it needs is not there or not right, which is reported.
    fn sampler(&self, data: &mut dyn Data, out: &mut Diagnostics) -> Option<Self::Sampler>;
}

/// What every sampler can do.
pub trait Sample {
    /// One draw, in nanoseconds.
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64;

    /// The mean of the law, in nanoseconds.
    fn mean_nanos(&self) -> f64;
}

macro_rules! laws {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $word:literal ),* $(,)?) => {
        crate::choice! {
            /// A law of a duration. A plain duration means: always this.
            pub enum Law {
                $( $(#[doc = $doc])* $variant($module::$variant) = $word ),*
            }
            or(read_constant, schema_of_constant)
        }

        /// Draws durations from a law.
        #[derive(Debug, Clone)]
        pub enum Sampler {
            $( $(#[doc = $doc])* $variant(<$module::$variant as Shape>::Sampler), )*
        }

        impl Law {
            /// The sampler of the law; nothing if a data file it needs is not there or not right, which
            /// is reported.
            pub fn sampler(&self, data: &mut dyn Data, out: &mut Diagnostics) -> Option<Sampler> {
                match self {
                    $( Self::$variant(shape) => shape.sampler(data, out).map(Sampler::$variant), )*
                }
            }
        }

        impl Sampler {
            #[inline(never)]
            fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
                match self { $( Self::$variant(sampler) => sampler.nanos(rng), )* }
            }

            /// The mean of the law.
            pub fn mean(&self) -> SimDuration {
                SimDuration::from_nanos_f64(self.mean_nanos())
            }

            fn mean_nanos(&self) -> f64 {
                match self { $( Self::$variant(sampler) => sampler.mean_nanos(), )* }
            }
        }
    };
}

laws! {
    /// Always the same.
    Constant: constant = "constant",
    /// Exponential with the given mean: memoryless, coefficient of variation 1.
    Exponential: exponential = "exponential",
    /// Log-normal: the usual body of service times, skewed to the right.
    LogNormal: lognormal = "lognormal",
    /// Gamma.
    Gamma: gamma = "gamma",
    /// Erlang: the sum of several exponential stages, less variable than one.
    Erlang: erlang = "erlang",
    /// Hyperexponential: one of several exponentials, more variable than one.
    Hyperexponential: hyperexponential = "hyperexponential",
    /// Weibull.
    Weibull: weibull = "weibull",
    /// Pareto: a heavy tail.
    Pareto: pareto = "pareto",
    /// Evenly spread between two bounds.
    Uniform: uniform = "uniform",
    /// As measured: from quantiles, or from a column of a CSV file.
    Empirical: empirical = "empirical",
    /// One of several laws, each with its share.
    Mixture: mixture = "mixture",
}

impl Sampler {
    /// One draw. The laws that most steps have are told apart where they are drawn: the function of all of
    /// them saves every register for the sake of the heaviest.
    #[inline]
    pub fn sample<R: Rng>(&self, rng: &mut R) -> SimDuration {
        SimDuration::from_nanos_f64(match self {
            Self::Constant(law) => law.nanos(rng),
            Self::Exponential(law) => law.nanos(rng),
            Self::LogNormal(law) => law.nanos(rng),
            law => law.nanos(rng),
        })
    }

    /// The sampler that always gives `span`.
    pub fn constant(span: SimDuration) -> Self {
        Self::Constant(constant::Sampler::new(span))
    }

    /// Log-normal with this mean, in nanoseconds, and this coefficient of variation; always the mean if that
    /// is too small to matter.
    pub fn spread(mean: f64, cv: f64) -> Self {
        if cv < *CV_RANGE.start() || mean <= 0.0 {
            return Self::constant(SimDuration::from_nanos_f64(mean));
        }
        Self::LogNormal(lognormal::Sampler::new(mean, cv))
    }

    /// What every draw is, if it is always the same.
    pub fn always(&self) -> Option<SimDuration> {
        matches!(self, Self::Constant(_)).then(|| self.mean())
    }

    /// True if every draw is zero.
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Constant(sampler) if sampler.mean_nanos() == 0.0)
    }
}

#[expect(
    clippy::option_option,
    reason = "not a constant; a constant that is wrong; one that is right"
)]
fn read_constant(node: &Node, out: &mut Diagnostics) -> Option<Option<Law>> {
    let Value::Text(text) = &node.value else {
        return None;
    };
    // A law's bare name is better answered by "needs …" than by "not a duration".
    if Law::WORDS.contains(&text.as_str()) {
        return None;
    }
    let span = At::<SimDuration>::read(node, out);
    Some(span.map(|span| Law::Constant(constant::Constant(span))))
}

fn schema_of_constant(definitions: &mut Definitions) -> serde_json::Value {
    let mut schema = SimDuration::schema(definitions);
    schema["description"] = json!("Always this duration.");
    schema
}

/// Coefficients of variation that a law can have. Below, it is a constant; above, no run is long enough to
/// see its mean, and in the end the numbers do not fit into a `f64`.
const CV_RANGE: RangeInclusive<f64> = 0.001..=1000.0;

/// Reports a number that is outside of its range.
fn require_within(
    number: &At<f64>,
    range: &RangeInclusive<f64>,
    what: &str,
    out: &mut Diagnostics,
) {
    if !range.contains(&number.value) {
        let problem = format!(
            "{what} must be between {} and {}, found {}",
            number_text(*range.start()),
            number_text(*range.end()),
            number_text(number.value)
        );
        out.push(Diagnostic::error(number.origin, problem));
    }
}

/// Reports a duration that must not be zero and is.
fn require_some_time(span: &At<SimDuration>, what: &str, out: &mut Diagnostics) {
    if span.value == SimDuration::ZERO {
        out.push(Diagnostic::error(
            span.origin,
            format!("{what} must be longer than 0"),
        ));
    }
}

/// A uniform number in (0, 1]: never 0, so that its logarithm and powers are finite.
#[inline]
fn unit<R: Rng>(rng: &mut R) -> f64 {
    ((rng.next_u64() >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests;
