//! Durations as other people's tools write them: a plain number in the tool's own unit, or text.

use serde_json::json;

use super::values::expected;
use super::{Definitions, Node, Spec, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::units::SimDuration;

/// A span that may be written without a unit, in units of `UNIT` nanoseconds: `60`, `"60"` or `"1m"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToolDuration<const UNIT: u64>(SimDuration);

/// A span whose plain numbers are seconds (Artillery, Locust, wrk).
pub type Seconds = ToolDuration<1_000_000_000>;
/// A span whose plain numbers are milliseconds (k6).
pub type Millis = ToolDuration<1_000_000>;

impl<const UNIT: u64> ToolDuration<UNIT> {
    /// The tool's way of writing `span`.
    pub const fn new(span: SimDuration) -> Self {
        Self(span)
    }

    /// How long it is.
    pub const fn span(self) -> SimDuration {
        self.0
    }

    const WHAT: &'static str = match UNIT {
        1_000_000_000 => "a number of seconds or a duration",
        1_000_000 => "a number of milliseconds or a duration",
        _ => "a number or a duration",
    };

    fn of_number(number: f64) -> Result<SimDuration, &'static str> {
        if !number.is_finite() {
            return Err("a duration is a finite number");
        }
        if number < 0.0 {
            return Err("a duration cannot be negative");
        }
        let nanos = (number * UNIT as f64).round();
        // Exactly as far as `SimDuration` reaches.
        if nanos >= u64::MAX as f64 {
            return Err("too long a duration");
        }
        Ok(SimDuration::from_nanos(nanos as u64))
    }

    fn of_whole(number: i64) -> Result<SimDuration, &'static str> {
        let number = u64::try_from(number).map_err(|_| "a duration cannot be negative")?;
        let nanos = number.checked_mul(UNIT).ok_or("too long a duration")?;
        Ok(SimDuration::from_nanos(nanos))
    }
}

impl<const UNIT: u64> Spec for ToolDuration<UNIT> {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        const HELP: &str = "write 60, \"60s\" or \"1m30s\"";
        let read = match &node.value {
            Value::Whole(number) => Self::of_whole(*number),
            Value::Real(number) => Self::of_number(*number),
            Value::Text(text) => match text.trim().parse::<f64>() {
                Ok(number) => Self::of_number(number),
                Err(_) => return SimDuration::read(node, out).map(Self),
            },
            _ => {
                out.push(expected(node, Self::WHAT).help(HELP));
                return None;
            }
        };
        read.map(Self)
            .map_err(|why| {
                let problem = format!("{why}: {}", node.describe());
                let diagnostic = Diagnostic::error(node.origin, problem);
                out.push(
                    diagnostic
                        .label(format!("expected {}", Self::WHAT))
                        .help(HELP),
                );
            })
            .ok()
    }

    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({
            "anyOf": [{ "type": "number", "minimum": 0 }, SimDuration::schema(definitions)],
            "description": format!("Written as {}.", Self::WHAT),
        })
    }
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro declares for others")]
mod tests {
    use super::*;
    use crate::diag::Origin;
    use crate::spec::{Entry, Table};

    fn read<T: Spec>(value: Value) -> (Option<T>, Vec<String>) {
        let origin = Origin::BUILT_IN;
        let mut out = Diagnostics::default();
        let read = T::read(&Node { value, origin }, &mut out);
        let said = out.sorted().iter().map(|d| d.message.clone()).collect();
        (read, said)
    }

    #[test]
    fn plain_numbers_are_in_the_tools_own_unit() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (value, nanos) in [
            (Value::Whole(60), 60_000_000_000),
            (Value::Real(0.25), 250_000_000),
            (text("60"), 60_000_000_000),
            (text("1m30s"), 90_000_000_000),
            (Value::Whole(0), 0),
        ] {
            let (read, said) = read::<Seconds>(value);
            assert_eq!(read.map(|s| s.span().as_nanos()), Some(nanos), "{said:?}");
        }
        let (ms, _) = read::<Millis>(Value::Whole(1500));
        assert_eq!(ms.map(|s| s.span().as_nanos()), Some(1_500_000_000));
        // What is written reads back.
        let written = ms.and_then(|s| s.write());
        assert_eq!(written, Some(toml::Value::String("1500ms".to_owned())));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for (value, problem) in [
            (
                Value::Whole(-1),
                "a duration cannot be negative: the number -1",
            ),
            (
                Value::Real(-0.5),
                "a duration cannot be negative: the number -0.5",
            ),
            (
                Value::Real(f64::NAN),
                "a duration is a finite number: the number NaN",
            ),
            (
                Value::Real(f64::INFINITY),
                "a duration is a finite number: the number inf",
            ),
            (Value::Real(1e300), "too long a duration: the number 1e300"),
            (
                Value::Whole(i64::MAX),
                "too long a duration: the number 9223372036854775807",
            ),
            (Value::Text("soon".to_owned()), "not a duration: \"soon\""),
            (
                Value::Truth(true),
                "expected a number of seconds or a duration, found `true`",
            ),
        ] {
            let (read, said) = read::<Seconds>(value);
            assert_eq!(read, None);
            assert_eq!(said, [problem]);
        }
    }

    spec! {
        /// A table with a key that no field could be called.
        pub struct Renamed {
            /// The most.
            pub max_vus as "maxVUs": u32,
            /// The least.
            pub least: u32 = 1,
        }
    }

    #[test]
    fn a_key_may_be_called_otherwise_than_its_field() {
        assert_eq!(Renamed::KEYS, ["maxVUs", "least"]);
        let origin = Origin::BUILT_IN;
        let entry = Entry {
            key: "maxVUs".to_owned(),
            key_origin: origin,
            node: Node {
                value: Value::Whole(7),
                origin,
            },
        };
        let table = Table {
            entries: vec![entry],
        };
        let (renamed, said) = read::<Renamed>(Value::Table(table));
        let renamed = renamed.expect("no problem");
        assert_eq!((renamed.max_vus, renamed.least, said.len()), (7, 1, 0));
        let written = renamed.write().expect("a table");
        assert_eq!(written.get("maxVUs"), Some(&toml::Value::Integer(7)));
        let mut definitions = Definitions::default();
        Renamed::schema(&mut definitions);
        let schema = definitions.into_value();
        assert_eq!(schema["Renamed"]["required"], json!(["maxVUs"]));
        let (_, said) = read::<Renamed>(Value::Table(Table::default()));
        assert_eq!(said, ["missing key `maxVUs`"]);
    }

    use crate::spec;
}
