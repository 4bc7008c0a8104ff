//! Objectives: bounds that a run is to keep, and the verdict on each.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, Origin, nearest};
use crate::metrics::{Metric, Unit};
use crate::spec::{Definitions, Fields, Node, Spec, Value};
use crate::stats::Estimate;
use crate::units::{Fraction, Rate, SimDuration, UnitError, three_digits};

/// On which side of the bound it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Below the bound, or at it.
    AtMost,
    /// Above the bound, or at it.
    AtLeast,
}

impl Side {
    /// As it is written in reports; whether the bound itself counts makes no difference to an interval.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::AtMost => "<",
            Self::AtLeast => ">",
        }
    }
}

/// A bound on a metric of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// What is bounded.
    pub metric: Metric,
    /// Only requests of this class, or all.
    pub class: Option<String>,
    /// On which side it is good.
    pub side: Side,
    /// The bound, in the metric's base unit.
    pub bound: f64,
    /// The bound as the user wrote it.
    pub text: String,
    /// Where it was written.
    pub origin: Origin,
}

/// What an estimate says about an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval lies on the good side.
    Met,
    /// The bound lies inside the interval, or there is no interval.
    Undecided,
    /// The whole interval lies on the bad side.
    NotMet,
}

impl Verdict {
    /// The verdict on several objectives together: met if all are, not met if one is not.
    pub fn all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::Met)
    }
}

impl Objective {
    /// The verdict. Without data nothing is decided.
    pub fn verdict(&self, estimate: Option<&Estimate>) -> Verdict {
        let Some((low, high)) = estimate.and_then(|estimate| estimate.interval) else {
            return Verdict::Undecided;
        };
        let (worst, best) = match self.side {
            Side::AtMost => (high - self.bound, low - self.bound),
            Side::AtLeast => (self.bound - low, self.bound - high),
        };
        if worst <= 0.0 {
            Verdict::Met
        } else if best > 0.0 {
            Verdict::NotMet
        } else {
            Verdict::Undecided
        }
    }

    /// True if `value` is on the good side.
    pub fn holds(&self, value: f64) -> bool {
        match self.side {
            Side::AtMost => value <= self.bound,
            Side::AtLeast => value >= self.bound,
        }
    }

    /// The name of what is bounded: `latency_p95`, or `page.latency_p95` for one class.
    pub fn name(&self) -> String {
        match &self.class {
            Some(class) => format!("{class}.{}", self.metric.name()),
            None => self.metric.name().to_owned(),
        }
    }
}

/// A bound for people: `> 99%`.
impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.text)
    }
}

/// Metrics that can be asked of a single class.
fn is_per_class(metric: Metric) -> bool {
    metric.latency_quantile().is_some()
        || matches!(
            metric,
            Metric::LatencyMean | Metric::SuccessRate | Metric::ErrorRate
        )
}

/// The objectives of a scenario.
#[derive(Debug, Clone, Default)]
pub struct Objectives {
    /// All of them, in the order in which they were written.
    pub items: Vec<Objective>,
}

impl Spec for Objectives {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let Some(table) = node.as_table() else {
            Fields::open(node, Metric::NAMES, out);
            return None;
        };
        let before = out.n_errors();
        let mut items = Vec::new();
        for entry in &table.entries {
            if let Value::Table(inner) = &entry.node.value {
                for inner in &inner.entries {
                    let class = Some(entry.key.as_str());
                    items.extend(read_one(
                        &inner.key,
                        inner.key_origin,
                        class,
                        &inner.node,
                        out,
                    ));
                }
            } else {
                items.extend(read_one(
                    &entry.key,
                    entry.key_origin,
                    None,
                    &entry.node,
                    out,
                ));
            }
        }
        (out.n_errors() == before).then_some(Self { items })
    }

    fn write(&self) -> Option<toml::Value> {
        let mut table = toml::Table::new();
        for objective in &self.items {
            let text = toml::Value::String(objective.text.clone());
            let name = objective.metric.name().to_owned();
            match &objective.class {
                None => {
                    table.insert(name, text);
                }
                Some(class) => {
                    let empty = || toml::Value::Table(toml::Table::new());
                    let inner = table.entry(class.clone()).or_insert_with(empty);
                    if let Some(inner) = inner.as_table_mut() {
                        inner.insert(name, text);
                    }
                }
            }
        }
        (!table.is_empty()).then_some(toml::Value::Table(table))
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        definitions.refer::<Self>("Objectives", |_| {
            let bound = |metric: &Metric| {
                let meaning: Vec<_> = metric.meaning().iter().map(|line| line.trim()).collect();
                let about = format!("{} A bound such as \"{}\".", meaning.join(" "), example(*metric));
                (metric.name().to_owned(), json!({ "type": "string", "description": about }))
            };
            let all: serde_json::Map<_, _> = Metric::ALL.iter().map(bound).collect();
            let per_class: serde_json::Map<_, _> =
                Metric::ALL.iter().filter(|metric| is_per_class(**metric)).map(bound).collect();
            json!({
                "type": "object",
                "description": "Bounds that a run is to keep. A table with the name of a class bounds \
                                the requests of that class alone.",
                "properties": all,
                "additionalProperties": {
                    "type": "object",
                    "properties": per_class,
                    "additionalProperties": false,
                },
            })
        })
    }

    fn when_absent() -> Option<Self> {
        Some(Self::default())
    }
}

fn example(metric: Metric) -> &'static str {
    match metric.unit() {
        Unit::Seconds => "< 500ms",
        Unit::Fraction if metric == Metric::SuccessRate => "> 99%",
        Unit::Fraction => "< 1%",
        Unit::PerSecond => "> 2k/s",
        Unit::Dollars => "< $300",
        Unit::Number => "< 40",
    }
}

fn read_one(
    name: &str,
    name_origin: Origin,
    class: Option<&str>,
    node: &Node,
    out: &mut Diagnostics,
) -> Option<Objective> {
    let known = |metric: &&Metric| class.is_none() || is_per_class(**metric);
    let names = || Metric::ALL.iter().filter(known).map(|metric| metric.name());
    let Some(metric) = Metric::by_name(name).filter(|metric| known(&metric)) else {
        let similar = nearest(name, names());
        out.push(
            Diagnostic::error(name_origin, format!("unknown metric `{name}`"))
                .label(format!(
                    "expected one of: {}",
                    names().collect::<Vec<_>>().join(", ")
                ))
                .maybe_help(similar.map(|name| format!("a similar metric exists: `{name}`"))),
        );
        return None;
    };
    let text = String::read(node, out)?;
    let bad = |problem: String, help: String| Diagnostic::error(node.origin, problem).help(help);
    let Some((side, amount)) = split(&text) else {
        let problem = format!("not a bound: \"{text}\"");
        out.push(bad(
            problem,
            format!("write it with its direction: \"{}\"", example(metric)),
        ));
        return None;
    };
    match read_amount(metric.unit(), amount) {
        Ok(bound) => Some(Objective {
            metric,
            class: class.map(str::to_owned),
            side,
            bound,
            text: text.trim().to_owned(),
            origin: node.origin,
        }),
        Err((problem, help)) => {
            out.push(bad(problem, help));
            None
        }
    }
}

/// The direction and the amount of a bound.
fn split(text: &str) -> Option<(Side, &str)> {
    let text = text.trim();
    let (side, rest) = match text.as_bytes().first()? {
        b'<' => (Side::AtMost, &text[1..]),
        b'>' => (Side::AtLeast, &text[1..]),
        _ => return None,
    };
    Some((side, rest.strip_prefix('=').unwrap_or(rest).trim()))
}

/// An amount in a metric's base unit.
fn read_amount(unit: Unit, text: &str) -> Result<f64, (String, String)> {
    let explain = |error: UnitError| (error.problem, error.help.to_owned());
    let number = |text: &str, what: &str| {
        let number: Option<f64> = text.trim().parse().ok();
        let fine = number.filter(|n| n.is_finite() && *n >= 0.0);
        fine.ok_or_else(|| (format!("not {what}: \"{text}\""), format!("write {what}")))
    };
    match unit {
        Unit::Seconds => text.parse().map(SimDuration::as_secs_f64).map_err(explain),
        Unit::Fraction => text.parse().map(Fraction::get).map_err(explain),
        Unit::PerSecond => text.parse().map(Rate::as_per_second).map_err(explain),
        Unit::Dollars => number(
            text.trim_start_matches('$'),
            "an amount in dollars, such as $300",
        ),
        Unit::Number => number(text, "a number"),
    }
}

/// A value of a metric for people, with its unit, three significant digits.
pub fn show(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Seconds => SimDuration::from_secs_f64(value).to_string(),
        Unit::PerSecond => Rate::per_second(value).unwrap_or(Rate::ZERO).to_string(),
        Unit::Fraction => share(value),
        Unit::Dollars => format!("${}", three_digits(value)),
        Unit::Number => three_digits(value),
    }
}

/// A share in percent. Near 100 % the digits that matter are those of what is missing: 99.93 %, not 99.9.
fn share(value: f64) -> String {
    let missing = 1.0 - value;
    if value > 0.9 && missing > 0.0 {
        let decimals = (1.0 - crate::math::log10(missing * 100.0).floor()).clamp(1.0, 6.0) as usize;
        let digits = format!("{:.decimals$}", value * 100.0);
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        return format!("{digits} %");
    }
    format!("{} %", three_digits(value * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(side: Side, bound: f64) -> Objective {
        Objective {
            metric: Metric::LatencyP95,
            class: None,
            side,
            bound,
            text: String::new(),
            origin: Origin::BUILT_IN,
        }
    }

    #[test]
    fn a_verdict_needs_the_whole_interval() {
        let below = objective(Side::AtMost, 0.5);
        let above = objective(Side::AtLeast, 0.5);
        let estimate = |low, high| Estimate {
            value: 0.5,
            interval: Some((low, high)),
        };
        for (low, high, at_most, at_least) in [
            (0.3, 0.4, Verdict::Met, Verdict::NotMet),
            (0.4, 0.6, Verdict::Undecided, Verdict::Undecided),
            (0.6, 0.7, Verdict::NotMet, Verdict::Met),
            (0.5, 0.5, Verdict::Met, Verdict::Met),
        ] {
            assert_eq!(below.verdict(Some(&estimate(low, high))), at_most);
            assert_eq!(above.verdict(Some(&estimate(low, high))), at_least);
        }
        let single = Estimate {
            value: 0.1,
            interval: None,
        };
        assert_eq!(below.verdict(Some(&single)), Verdict::Undecided);
        assert_eq!(below.verdict(None), Verdict::Undecided);
    }

    #[test]
    fn shares_near_one_keep_the_digits_that_matter() {
        let cases = [
            (0.9993, "99.93 %"),
            (0.931, "93.1 %"),
            (1.0, "100 %"),
            (0.5, "50 %"),
            (0.00069, "0.069 %"),
        ];
        for (value, text) in cases {
            assert_eq!(show(Unit::Fraction, value), text);
        }
    }
}
