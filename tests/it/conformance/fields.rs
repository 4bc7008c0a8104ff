//! Reading the members of an autoscaler's vector, and holding what we make of them against what it
//! expects.

use capsim::autoscaler::count::Bounds;
use capsim::units::{SimDuration, SimTime};
use serde_json::Value;

/// The members of an object. A member that is `null` is one that is not there.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Value);

/// The input of a vector.
pub(super) fn input(vector: &Value) -> Fields<'_> {
    Fields(&vector["input"])
}

impl<'a> Fields<'a> {
    pub(super) fn inner(self, key: &str) -> Self {
        Self(&self.0[key])
    }

    pub(super) fn number(self, key: &str) -> Result<f64, String> {
        self.maybe_number(key)?.ok_or_else(|| format!("no {key}"))
    }

    pub(super) fn maybe_number(self, key: &str) -> Result<Option<f64>, String> {
        self.maybe(key, Value::as_f64)
    }

    fn maybe<T>(self, key: &str, read: fn(&Value) -> Option<T>) -> Result<Option<T>, String> {
        let value = Some(&self.0[key]).filter(|value| !value.is_null());
        let read = |value| read(value).ok_or_else(|| format!("{key} is {value}"));
        value.map(read).transpose()
    }

    pub(super) fn integer(self, key: &str) -> Result<i64, String> {
        self.0[key].as_i64().ok_or_else(|| format!("no {key}"))
    }

    pub(super) fn count(self, key: &str) -> Result<u32, String> {
        self.maybe_count(key)?.ok_or_else(|| format!("no {key}"))
    }

    pub(super) fn maybe_count(self, key: &str) -> Result<Option<u32>, String> {
        self.maybe(key, |value| {
            value.as_u64().and_then(|n| u32::try_from(n).ok())
        })
    }

    pub(super) fn yes(self, key: &str) -> Result<bool, String> {
        self.0[key].as_bool().ok_or_else(|| format!("no {key}"))
    }

    pub(super) fn text(self, key: &str) -> Result<&'a str, String> {
        self.0[key].as_str().ok_or_else(|| format!("no {key}"))
    }

    pub(super) fn list(self, key: &str) -> Result<&'a [Value], String> {
        let list = self.0[key].as_array().ok_or_else(|| format!("no {key}"))?;
        Ok(list)
    }

    /// A span in seconds.
    pub(super) fn span(self, key: &str) -> Result<SimDuration, String> {
        Ok(SimDuration::from_secs_f64(self.number(key)?))
    }

    /// An instant in seconds; also one before the vector's zero.
    pub(super) fn instant(self, key: &str) -> Result<SimTime, String> {
        let seconds = self.number(key)? + ZERO_S;
        Ok(SimTime::ZERO + SimDuration::from_secs_f64(seconds))
    }

    /// When it was, if it was so many seconds ago at zero.
    pub(super) fn maybe_ago(self, key: &str) -> Result<Option<SimTime>, String> {
        let age = self.maybe_number(key)?;
        Ok(age.map(|age| SimTime::ZERO + SimDuration::from_secs_f64(ZERO_S - age)))
    }

    /// Members `min` and `max`.
    pub(super) fn bounds(self) -> Result<Bounds, String> {
        Ok(Bounds {
            min: self.count("min")?,
            max: self.count("max")?,
        })
    }
}

/// Where the vectors' zero is, so that there is time before it: a multiple of every bucket.
const ZERO_S: f64 = 2_520_000.0;

/// The vectors' zero.
pub(super) fn zero() -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(ZERO_S)
}

/// Seconds since the vectors' zero.
pub(super) fn seconds(at: SimTime) -> f64 {
    at.as_secs_f64() - ZERO_S
}

/// Holds what we say against what a vector expects. Whatever we say beyond that does not matter.
pub(super) fn expect(vector: &Value, ours: &Value) -> Result<(), String> {
    agree("", &vector["expected"], ours)
}

/// Whole numbers are the same, others but for their last bits.
fn is_same(expected: &Value, ours: &Value) -> bool {
    if let (Some(a), Some(b)) = (expected.as_i64(), ours.as_i64()) {
        return a == b;
    }
    match (expected.as_f64(), ours.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => expected == ours,
    }
}

fn agree(path: &str, expected: &Value, ours: &Value) -> Result<(), String> {
    if let Some(members) = expected.as_object() {
        return members
            .iter()
            .try_for_each(|(key, value)| agree(&format!("{path}.{key}"), value, &ours[key]));
    }
    if let (Some(expected), Some(ours)) = (expected.as_array(), ours.as_array())
        && expected.len() == ours.len()
    {
        let mut pairs = expected.iter().zip(ours).enumerate();
        return pairs.try_for_each(|(n, (a, b))| agree(&format!("{path}[{n}]"), a, b));
    }
    if is_same(expected, ours) {
        return Ok(());
    }
    Err(format!("{path} is {ours}, the original had {expected}"))
}
