//! How the values of a scenario are read: quantities, numbers, words, lists.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Deref;

use serde_json::json;

use super::{Definitions, Node, Spec, Value};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::units::{
    Bandwidth, Bytes, CostPerHour, CostPerSize, Fraction, Rate, SimDuration, UnitError,
};

/// A value that remembers where it was written, so that later checks can point at it.
#[derive(Debug, Clone, Copy)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it was written; built in if it is a default.
    pub origin: Origin,
}

impl<T> At<T> {
    /// A value that capsim filled in.
    pub const fn built_in(value: T) -> Self {
        Self {
            value,
            origin: Origin::BUILT_IN,
        }
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Spec> Spec for At<T> {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        T::read(node, out).map(|value| Self {
            value,
            origin: node.origin,
        })
    }
    fn write(&self) -> Option<toml::Value> {
        self.value.write()
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        T::schema(definitions)
    }
    fn when_absent() -> Option<Self> {
        T::when_absent().map(Self::built_in)
    }
}

impl<T: Spec> Spec for Option<T> {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        T::read(node, out).map(Some)
    }
    fn write(&self) -> Option<toml::Value> {
        self.as_ref().and_then(Spec::write)
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        T::schema(definitions)
    }
    fn when_absent() -> Option<Self> {
        Some(None)
    }
}

/// Any value, for whoever knows only later what it has to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Given(pub Node);

impl Spec for Given {
    fn read(node: &Node, _: &mut Diagnostics) -> Option<Self> {
        Some(Self(node.clone()))
    }
    fn write(&self) -> Option<toml::Value> {
        Some(self.0.to_toml())
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({})
    }
}

/// Lists; a key that is not there is an empty list.
impl<T: Spec> Spec for Vec<T> {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let Value::List(items) = &node.value else {
            out.push(expected(node, "a list"));
            return None;
        };
        // Read every item before giving up on one, so that all problems are reported.
        let read: Vec<Option<T>> = items.iter().map(|item| T::read(item, out)).collect();
        read.into_iter().collect()
    }
    fn write(&self) -> Option<toml::Value> {
        let items: Vec<_> = self.iter().filter_map(Spec::write).collect();
        (!items.is_empty()).then_some(toml::Value::Array(items))
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        list_of(&T::schema(definitions))
    }
    fn when_absent() -> Option<Self> {
        Some(Self::new())
    }
}

/// The schema of a list of such things.
pub fn list_of(item: &serde_json::Value) -> serde_json::Value {
    json!({ "type": "array", "items": item })
}

/// "expected …, found …" at a node.
pub(super) fn expected(node: &Node, what: &str) -> Diagnostic {
    Diagnostic::error(
        node.origin,
        format!("expected {what}, found {}", node.describe()),
    )
    .label(format!("expected {what}"))
}

/// Reads a quantity from its text.
fn read_quantity<T>(node: &Node, what: &str, out: &mut Diagnostics) -> Option<T>
where
    T: std::str::FromStr<Err = UnitError>,
{
    let example = |help: &str| {
        help.strip_prefix("write ")
            .map_or(String::new(), str::to_owned)
    };
    match &node.value {
        Value::Text(text) => text
            .parse()
            .map_err(|error: UnitError| {
                let diagnostic = Diagnostic::error(node.origin, error.problem.clone());
                out.push(
                    diagnostic
                        .label(format!("expected {what}"))
                        .help(error.help),
                );
            })
            .ok(),
        _ => {
            let help = "".parse::<T>().err().map_or("", |error| error.help);
            out.push(expected(node, what).help(format!(
                "write it as a string with its unit: {}",
                example(help)
            )));
            None
        }
    }
}

macro_rules! quantity {
    ($($type:ty: $what:literal, $pattern:literal;)*) => {$(
        impl Spec for $type {
            fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
                read_quantity(node, $what, out)
            }
            fn write(&self) -> Option<toml::Value> {
                Some(toml::Value::String(self.to_text()))
            }
            fn schema(_: &mut Definitions) -> serde_json::Value {
                json!({ "type": "string", "pattern": $pattern, "description": concat!("Written as ", $what, ".") })
            }
        }
    )*};
}

quantity! {
    SimDuration: "a duration with its unit", r"^\s*P?[0-9][0-9., A-Za-zµ]*$";
    Rate: "a rate with its unit", r"^\s*[0-9][0-9._]*\s*[kMG]?\s*/\s*[a-z]+\s*$";
    Bytes: "a size with its unit", r"^\s*[0-9][0-9._]*\s*(B|[kKMG]B|[KMG]iB)\s*$";
    Bandwidth: "a bandwidth with its unit", r"^\s*[0-9][0-9._]*\s*[kMG]?(bit|B)/s\s*$";
    Fraction: "a percentage", r"^\s*[0-9][0-9.]*\s*%\s*$";
    CostPerSize: "a price per size", r"^\s*\$\s*[0-9][0-9.]*\s*/\s*(GB|GiB|TB)\s*$";
    CostPerHour: "a price per time", r"^\s*\$\s*[0-9][0-9.]*\s*/\s*[a-z]+\s*$";
}

impl Spec for String {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let text = node.as_text().map(str::to_owned);
        if text.is_none() {
            out.push(expected(node, "a string"));
        }
        text
    }
    fn write(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.clone()))
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({ "type": "string" })
    }
}

impl Spec for bool {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        if let Value::Truth(truth) = node.value {
            return Some(truth);
        }
        out.push(expected(node, "`true` or `false`"));
        None
    }
    fn write(&self) -> Option<toml::Value> {
        Some(toml::Value::Boolean(*self))
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({ "type": "boolean" })
    }
}

/// A number without dimension: finite.
impl Spec for f64 {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        match node.value {
            Value::Whole(number) => Some(number as Self),
            Value::Real(number) if number.is_finite() => Some(number),
            _ => {
                out.push(expected(node, "a finite number"));
                None
            }
        }
    }
    fn write(&self) -> Option<toml::Value> {
        Some(toml::Value::Float(*self))
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({ "type": "number" })
    }
}

/// Reads a whole number from `low` to `high`.
fn read_whole(node: &Node, low: i64, high: i64, out: &mut Diagnostics) -> Option<i64> {
    let wanted = match node.value {
        Value::Whole(number) if (low..=high).contains(&number) => return Some(number),
        Value::Whole(number) if number < low => format!("at least {low}"),
        Value::Whole(_) => format!("at most {high}"),
        _ => "a whole number".to_owned(),
    };
    out.push(expected(node, &wanted));
    None
}

macro_rules! whole {
    ($($type:ty: $low:expr, $high:expr;)*) => {$(
        impl Spec for $type {
            fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
                read_whole(node, $low, $high, out).and_then(|number| number.try_into().ok())
            }
            fn write(&self) -> Option<toml::Value> {
                i64::try_from(*self).ok().map(toml::Value::Integer)
            }
            fn schema(_: &mut Definitions) -> serde_json::Value {
                json!({ "type": "integer", "minimum": $low, "maximum": $high })
            }
        }
    )*};
}

whole! {
    i32: i64::from(i32::MIN), i64::from(i32::MAX);
    u32: 0, i64::from(u32::MAX);
    u64: 0, i64::MAX;
}

/// How many of something there are: at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(NonZeroU32);

impl Count {
    /// `n`, which must not be zero.
    ///
    /// # Panics
    /// If `n` is zero; meant for constants.
    pub const fn new(n: u32) -> Self {
        Self(NonZeroU32::new(n).expect("a count is at least one"))
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Spec for Count {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let number = read_whole(node, 1, i64::from(u32::MAX), out)?;
        NonZeroU32::new(u32::try_from(number).ok()?).map(Self)
    }
    fn write(&self) -> Option<toml::Value> {
        Some(toml::Value::Integer(i64::from(self.get())))
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
    }
}
