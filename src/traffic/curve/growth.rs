//! Growth at compound interest, month over month.

use serde_json::json;

use super::segment::Form;
use super::{Draft, Piece};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::math;
use crate::spec;
use crate::spec::{At, Data, Definitions, Node, Spec, number_text};
use crate::units::SimDuration;

spec! {
    /// Grows steadily, by as large a share of itself in every period: `{ growth = "15%", per = "30 days", over
    /// = "90 days" }` ends at 1.15³ times the level it started at.
    pub struct Growth {
        /// By how much it grows per period; shrinks with a minus sign.
        pub growth: At<Change>,
        /// How long a period is.
        pub per: At<SimDuration>,
        /// How long the piece lasts.
        pub over: At<SimDuration>,
    }
    check(Self::check)
}

/// A relative change: more than -100 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Percent; 15 is a growth by 15 %.
    percent: f64,
}

impl Change {
    /// The change by so many percent; nothing if nothing would be left, or more than any number.
    pub fn percent(percent: f64) -> Option<Self> {
        (percent > -100.0 && percent.is_finite()).then_some(Self { percent })
    }
}

impl Spec for Change {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let text = String::read(node, out)?;
        let digits = text.trim().strip_suffix('%').map(str::trim);
        let change = digits
            .and_then(|digits| digits.parse().ok())
            .and_then(Self::percent);
        if change.is_none() {
            let problem = format!("not a change: \"{text}\"");
            let help = "write a percentage above -100%, such as 15% or -5%";
            out.push(Diagnostic::error(node.origin, problem).help(help));
        }
        change
    }
    fn write(&self) -> Option<toml::Value> {
        Some(toml::Value::String(format!("{}%", self.percent)))
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({ "type": "string", "pattern": r"^\s*[+-]?[0-9][0-9.]*\s*%\s*$" })
    }
}

/// Levels beyond this are nonsense, and in the end not numbers.
const HIGHEST_LEVEL: f64 = 1e30;

impl Growth {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.per.value == SimDuration::ZERO {
            let problem = "a period must be longer than 0";
            out.push(Diagnostic::error(self.per.origin, problem));
        }
    }

    /// Per nanosecond, as an exponent.
    fn exponent(&self) -> f64 {
        math::ln_1p(self.growth.percent / 100.0) / self.per.as_nanos() as f64
    }
}

impl Piece for Growth {
    fn add(&self, draft: &mut Draft, _: &mut dyn Data, out: &mut Diagnostics) -> Option<()> {
        let (growth, from) = (self.exponent(), draft.level * draft.rate);
        let over = self.over.as_nanos() as f64;
        let level = draft.level * math::exp(growth * over);
        if level.is_nan() || level > HIGHEST_LEVEL {
            let problem = format!(
                "it grows to {} times the rate, beyond any measure",
                number_text(level)
            );
            out.push(Diagnostic::error(self.growth.origin, problem));
            return None;
        }
        let form = if growth == 0.0 || from == 0.0 {
            Form::constant(from)
        } else {
            Form::Growth { from, growth }
        };
        draft.push(over, form);
        draft.level = level;
        Some(())
    }
}
