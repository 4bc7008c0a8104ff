//! What Azure's autoscale rules come to.

use capsim::autoscaler::azure::{Change, Config, Direction, Metric, Observation, Rule, State};
use capsim::autoscaler::comparison::Comparison;
use capsim::units::SimDuration;
use serde_json::{Value, json};

use super::fields::{Fields, expect, input, zero};

fn rule(own: Fields<'_>, names: &mut Vec<String>) -> Result<Rule, String> {
    let name = own.text("metric")?;
    let known = names.iter().position(|known| known == name);
    let metric = known.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    Ok(Rule {
        metric,
        comparison: match own.text("operator")? {
            ">" => Comparison::Above,
            ">=" => Comparison::AtLeast,
            "<" => Comparison::Below,
            "<=" => Comparison::AtMost,
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            other => return Err(format!("unknown operator {other}")),
        },
        threshold: own.number("threshold")?,
        direction: match own.text("direction")? {
            "out" => Direction::Out,
            "in" => Direction::In,
            other => return Err(format!("unknown direction {other}")),
        },
        change: match own.text("change_type")? {
            "count" => Change::Count(own.count("value")?),
            "percent" => Change::Percent(own.number("value")?),
            "exact" => Change::Exact(own.count("value")?),
            other => return Err(format!("unknown change {other}")),
        },
        cooldown: SimDuration::ZERO,
    })
}

fn metric(own: Fields<'_>) -> Result<Option<Metric>, String> {
    let Some(value) = own.maybe_number("value")? else {
        return Ok(None);
    };
    match own.text("mode")? {
        "average" => Ok(Some(Metric::Average(value))),
        "total_over_instances" => Ok(Some(Metric::Total(value))),
        other => Err(format!("unknown mode {other}")),
    }
}

pub(super) fn decide(vector: &Value) -> Result<(), String> {
    let input = input(vector);
    let mut names = Vec::new();
    let rules = input.list("rules")?.iter();
    let rules = rules.map(|own| rule(Fields(own), &mut names));
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    let metrics = names
        .iter()
        .map(|name| metric(input.inner("metrics").inner(name)));
    let metrics = metrics.collect::<Result<Vec<_>, _>>()?;
    let bounds = input.bounds()?;
    let config = Config {
        bounds,
        default: input.maybe_count("default")?.unwrap_or(bounds.min),
        rules,
    };
    let seen = Observation {
        now: zero(),
        instances: input.count("current")?,
        metrics: &metrics,
    };
    let ours = State::default().decide(&config, &seen);
    expect(vector, &json!({ "instances": ours.instances }))
}
